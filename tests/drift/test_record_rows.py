"""Rows of an installed RECORD that somebody added, wrote otherwise, or took the hash from (PEP 376, PEP 627)."""

import base64
import hashlib
import io
import zipfile

import pytest

from lockml.common.digest import RecordError
from lockml.drift.model import LEVELS, Level
from lockml.lock.model import Lock
from tests.drift.checks import check, found, notes, row, with_rows
from tests.drift.subjects import in_order, make_lock, without
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of
from tests.made.trees import SITE, MemoryTree
from tests.made.wheels import installed_files, make_wheel, wheel_name

EVIL = b"import os\n"
RECORD = f"{SITE}/numpy-1.26.4.dist-info/RECORD"


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "evil.pth",
        "numpy-1.26.4.dist-info/../evil.pth",
        "numpy-1.26.4.dist-info/../evil/__init__.py",
        "./evil.pth",
        "numpy/../evil.pth",
        "numpy//../evil.pth",
        "numpy\\..\\evil.pth",
        "../../../bin/../lib/python3.11/site-packages/evil.pth",
        "../../../lib/python3.11/site-packages/evil.pth",
        "../../../lib64/../lib/python3.11/site-packages/evil.pth",
        f"{SITE}/evil.pth",
        f"/{SITE}/evil.pth",
        "numpy-1.26.4.dist-info/sub/../../evil.pth",
        "numpy-1.26.4.dist-info/RECORD/../../evil.pth",
        "__pycache__/../evil.pth",
    ],
)
@pytest.mark.parametrize("hashed", [True, False])
def test_added_row_of_a_locked_record_is_drift_however_it_is_spelled(path: str, hashed: bool) -> None:
    added = row(path, EVIL) if hashed else f"{path},,"
    files = {**in_order(), f"{SITE}/evil.pth": EVIL, f"{SITE}/evil/__init__.py": EVIL}
    report = check(with_rows(files, "numpy-1.26.4", added))
    assert {("artifact", f"{SITE}/numpy-1.26.4.dist-info"), ("unattributed-file", f"{SITE}/evil.pth")} <= set(
        found(report)
    )
    assert report.exit_code == 1


@pytest.mark.slow
@pytest.mark.parametrize("letter", ["\x00", "\x01", "\t", "\x0b", "\x1b", "\x7f"])
def test_control_character_in_a_row_is_drift(letter: str) -> None:
    report = check(with_rows(in_order(), "numpy-1.26.4", f"numpy-1.26.4.dist-info/a{letter}b,,"))
    assert ("artifact", f"{SITE}/numpy-1.26.4.dist-info") in found(report)


def test_row_over_two_lines_is_drift() -> None:
    report = check(with_rows(in_order(), "numpy-1.26.4", '"numpy-1.26.4.dist-info/a\nb",,'))
    assert report.exit_code in (1, 4)


@pytest.mark.parametrize(
    "name",
    [
        "entry_points.txt",
        "top_level.txt",
        "RECORD.py",
        "sub/INSTALLER",
        "INSTALLER/x",
        "licenses/RECORD",
        "installer",
        "METADATA.json",
    ],
)
def test_row_without_a_hash_in_the_dist_info_is_drift_unless_it_is_the_installers(name: str) -> None:
    path = f"numpy-1.26.4.dist-info/{name}"
    report = check(with_rows({**in_order(), f"{SITE}/{path}": b"x"}, "numpy-1.26.4", f"{path},,"))
    assert ("artifact", f"{SITE}/numpy-1.26.4.dist-info") in found(report)


@pytest.mark.parametrize("name", ["direct_url.json", "uv_cache.json", "RECORD.jws", "REFER_TO"])
def test_row_without_a_hash_is_in_order_when_it_is_the_installers_own(name: str) -> None:
    content = b'{"url": "https://files.example/numpy-1.26.4-py3-none-any.whl", "archive_info": {}}'
    path = f"numpy-1.26.4.dist-info/{name}"
    report = check(with_rows({**in_order(), f"{SITE}/{path}": content}, "numpy-1.26.4", f"{path},,"))
    assert found(report) == []


def test_entry_points_that_were_added_account_for_no_script() -> None:
    """A script that the identity leaves out stands only for an entry point, and the file of those is locked too."""
    files = {**in_order(), "/opt/venv/bin/tool": b"#!/opt/venv/bin/python3\nevil()\n"}
    files[f"{SITE}/numpy-1.26.4.dist-info/entry_points.txt"] = b"[console_scripts]\ntool = numpy:main\n"
    rows = ("numpy-1.26.4.dist-info/entry_points.txt,,", row("../../../bin/tool", files["/opt/venv/bin/tool"]))
    assert check(with_rows(files, "numpy-1.26.4", *rows)).exit_code == 1


@pytest.mark.parametrize(
    "path",
    [
        "../../../bin/sub/tool",
        "../../../bin/../tool.py",
        "../../../../srv/tool",
        "../../bin/tool",
        "../../../Scripts/tool",
        "../../../share/tool",
        "bin/tool",
    ],
)
def test_row_outside_of_the_library_folder_is_drift_when_no_locked_wheel_has_it(path: str) -> None:
    assert check(with_rows(in_order(), "numpy-1.26.4", row(path, EVIL))).exit_code == 1


def test_script_that_no_entry_point_has_is_drift_though_identities_leave_it_out() -> None:
    files = {**in_order(), "/opt/venv/bin/tool": b"#!/opt/venv/bin/python3\nevil()\n"}
    report = check(with_rows(files, "numpy-1.26.4", row("../../../bin/tool", files["/opt/venv/bin/tool"])))
    assert found(report) == [("modified", "/opt/venv/bin/tool")]


@pytest.mark.parametrize("algorithm", ["sha384", "sha512", "blake2b", "blake2s", "sha3_256", "md5", "sha1"])
def test_every_algorithm_of_hashlib_is_read(algorithm: str) -> None:
    """Old wheels name MD5, and PEP 376 leaves the algorithm open; the identity has the row as it is."""
    code, path = b"machine code", f"{SITE}/model/data.bin"
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, code).digest()).rstrip(b"=").decode()
    files, lock = built(f"model/data.bin,{algorithm}={digest},{len(code)}", code)
    assert found(check(files, lock=lock)) == []
    assert found(check({**files, path: b"machine codE"}, lock=lock)) == [("modified", path)]


@pytest.mark.parametrize("upper", [False, True])
def test_hexadecimal_digests_are_read(upper: bool) -> None:
    """ptyprocess 0.5.1."""
    code, path = b"machine code", f"{SITE}/model/data.bin"
    text = hashlib.sha256(code).hexdigest()
    files, lock = built(f"model/data.bin,sha256={text.upper() if upper else text},{len(code)}", code)
    assert found(check(files, lock=lock)) == []
    assert found(check({**files, path: b"machine codE"}, lock=lock)) == [("modified", path)]


@pytest.mark.parametrize("stated", ["sha257=abc", "shake_128=abc", "none=abc", "sha256=abc", "sha256=!!"])
def test_digest_that_nobody_can_compute_accounts_for_nothing(stated: str) -> None:
    code = b"machine code"
    files, lock = built(f"model/data.bin,{stated},{len(code)}", code)
    assert check(files, lock=lock).exit_code == 1


@pytest.mark.parametrize("stated", ["=abc", "=", "none=", "sha256=", "abc", ""])
def test_wheel_with_a_row_that_names_no_hash_has_no_identity(stated: str) -> None:
    with pytest.raises(RecordError, match="has no hash"):
        built(f"model/data.bin,{stated},12", b"machine code")


def built(stated: str, code: bytes) -> tuple[dict[str, bytes], Lock]:
    """Return an environment whose locked project has the row *stated*, in its wheel too, and its lock."""
    made = make_wheel("model", "1.0", files={"model/__init__.py": b"", "model/data.bin": code})
    installed = installed_files(made, SITE)
    record = f"{SITE}/model-1.0.dist-info/RECORD"
    installed[record] = "\r\n".join(restated(installed[record].decode(), stated)).encode()
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        rows = restated(archive.read("model-1.0.dist-info/RECORD").decode(), stated)
    wheel = make_wheel(
        "model", "1.0", files={"model/__init__.py": b"", "model/data.bin": code}, record="\n".join(rows) + "\n"
    )
    files = {**without(in_order(), "/model", "numpy", "/bin/run"), **installed}
    return files, make_lock({wheel_name("model", "1.0"): wheel})


def restated(record: str, stated: str) -> list[str]:
    path = stated.partition(",")[0]
    return [stated if each.startswith(f"{path},") else each for each in record.splitlines()]


def emptied(files: dict[str, bytes], *, size: str | None = None) -> dict[str, bytes]:
    """Return *files* with the digests of numpy's rows empty, as PDM leaves them."""
    lines = [line.split(",") for line in files[RECORD].decode().splitlines()]
    rows = [f"{path},{'sha256=' if digest else ''},{size or old if digest else ''}" for path, digest, old in lines]
    return {**files, RECORD: "\n".join(rows).encode()}


def test_empty_digests_are_filled_in_and_judged_by_the_identity() -> None:
    """PDM, where it installs from its cache."""
    files = emptied(in_order())
    assert found(check(files)) == []
    report = check({**files, f"{SITE}/numpy/core.so": b"machine codE"})
    assert ("artifact", f"{SITE}/numpy-1.26.4.dist-info") in found(report)


def test_empty_digests_of_links_to_a_cache_are_those_of_what_they_lead_to() -> None:
    """PDM's cache mode writes the size of the link."""
    files = emptied(in_order(), size="31")
    code = files.pop(f"{SITE}/numpy/core.so")
    link = {f"{SITE}/numpy/core.so": "/cache/packages/core.so"}
    assert found(check(MemoryTree({**files, "/cache/packages/core.so": code}, links=link))) == []
    changed = MemoryTree({**files, "/cache/packages/core.so": b"machine codE"}, links=link)
    assert ("artifact", f"{SITE}/numpy-1.26.4.dist-info") in found(check(changed))


def test_empty_digest_of_a_file_that_is_not_there_is_drift() -> None:
    files = emptied(in_order())
    del files[f"{SITE}/numpy/core.so"]
    assert check(files).exit_code == 1


def test_row_with_an_empty_digest_that_was_added_is_drift() -> None:
    files = {**in_order(), f"{SITE}/evil.pth": EVIL}
    report = check(with_rows(files, "numpy-1.26.4", f"evil.pth,sha256=,{len(EVIL)}"))
    assert ("artifact", f"{SITE}/numpy-1.26.4.dist-info") in found(report)


@pytest.mark.parametrize("level", LEVELS[1:])
def test_rows_without_a_hash_of_what_the_lock_cannot_prove_are_a_note(level: Level) -> None:
    lock = lock_of(sdist_index(), "old")
    wheel = make_wheel("old", "0.1", files={"old.py": b"x = 1\n"})
    files = {**without(in_order(), "model", "numpy", "/bin/run"), **installed_files(wheel, SITE)}
    report = check(with_rows({**files, f"{SITE}/more.py": b""}, "old-0.1", "more.py,,"), lock=lock, level=level)
    assert report.exit_code == 0
    assert "old: " in notes(report)


def sdist_index() -> MemoryIndex:
    index = MemoryIndex()
    index.add("old", "0.1", filename="old-0.1.tar.gz", metadata="Metadata-Version: 2.2\nName: old\nVersion: 0.1\n")
    return index


def test_several_rows_of_one_file_are_one_when_they_say_the_same() -> None:
    code = in_order()[f"{SITE}/numpy/core.so"]
    assert found(check(with_rows(in_order(), "numpy-1.26.4", row("numpy/core.so", code)))) == []


def test_second_row_of_a_file_that_says_otherwise_is_drift() -> None:
    files = {**in_order(), f"{SITE}/numpy/core.so": b"machine codE"}
    report = check(with_rows(files, "numpy-1.26.4", row("numpy/core.so", b"machine codE")))
    assert ("artifact", f"{SITE}/numpy-1.26.4.dist-info") in found(report)


@pytest.mark.parametrize("level", LEVELS)
def test_rows_without_a_hash_are_a_note_where_nothing_proves_the_project(level: Level) -> None:
    """Of a wheel without an identity, at every level; an identity refuses such rows."""
    index = MemoryIndex()
    index.add("model", "1.0")
    index.add("numpy", "1.26.4")
    lock = lock_of(index, "model", "numpy", identities={wheel_name("model", "1.0"): "no usable RECORD"})
    files = {**with_rows(in_order(), "model-1.0", "model/more.py,,"), f"{SITE}/model/more.py": b""}
    report = check(files, lock=lock, level=level)
    assert "model: its RECORD has no hash for 1 of its files" in notes(report)
    assert "model/more.py" in notes(report)
