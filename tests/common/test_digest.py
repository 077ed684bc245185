"""The identity of a wheel equals that of what an installer makes of it, and of nothing else."""

import io
import zipfile
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockml.common.digest import (
    ArtifactIdentity,
    RecordError,
    RecordRow,
    are_plain,
    canonical_line,
    canonical_lines,
    identify_wheel,
    installed_digest,
    is_plain,
    parse_record,
    quoted_rows,
)
from tests.made.trees import SITE
from tests.made.wheels import installed_files, make_wheel, record_digest

FILES = {
    "pkg/__init__.py": b"",
    "pkg/core.cpython-311-x86_64-linux-gnu.so": b"\x7fELF machine code",
    'pkg/odd, "name".txt': b"quoted in CSV",
    "pkg-1.0.data/scripts/tool": b"#!python\nprint()\n",
    "pkg-1.0.data/scripts/plain": b"#!/bin/sh\n",
    "pkg-1.0.data/data/share/pkg/table.json": b"{}",
    "pkg-1.0.data/headers/pkg.h": b"#define X\n",
    "pkg-1.0.data/platlib/pkg/extra.py": b"x = 1\n",
}


def identity_of(wheel: bytes) -> ArtifactIdentity:
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        record = archive.read("pkg-1.0.dist-info/RECORD").decode()
    return identify_wheel(parse_record(record), dist_info="pkg-1.0.dist-info", rewritten=("tool",))


def digest_of(files: dict[str, bytes], identity: ArtifactIdentity, site: str = SITE) -> str:
    rows = parse_record(files[f"{site}/pkg-1.0.dist-info/RECORD"].decode())
    return installed_digest(
        rows,
        dist_info="pkg-1.0.dist-info",
        site_folder=site,
        scripts=identity.scripts,
        rewritten=identity.rewritten,
    )


@pytest.mark.parametrize("installer", ["pip", "uv"])
@pytest.mark.parametrize("compiled", [True, False])
def test_installed_record_has_the_identity_of_its_wheel(installer: str, compiled: bool) -> None:
    wheel = make_wheel("pkg", "1.0", files=FILES)
    installed = installed_files(
        wheel, SITE, installer=installer, compiled=compiled, entry_points=("pkg-cli",), direct_url="{}"
    )
    identity = identity_of(wheel)
    assert identity.scripts == ("plain", "tool")
    assert digest_of(installed, identity) == identity.digest


@pytest.mark.parametrize("changed", [name for name in FILES if name != "pkg-1.0.data/scripts/tool"])
def test_digest_differs_when_one_byte_of_a_file_differs(changed: str) -> None:
    identity = identity_of(make_wheel("pkg", "1.0", files=FILES))
    other = make_wheel("pkg", "1.0", files={**FILES, changed: FILES[changed] + b"!"})
    assert digest_of(installed_files(other, SITE), identity) != identity.digest


def test_digest_differs_when_a_file_is_added_or_left_out() -> None:
    identity = identity_of(make_wheel("pkg", "1.0", files=FILES))
    more = make_wheel("pkg", "1.0", files={**FILES, "pkg/more.py": b""})
    fewer = make_wheel("pkg", "1.0", files={name: FILES[name] for name in list(FILES)[1:]})
    assert digest_of(installed_files(more, SITE), identity) != identity.digest
    assert digest_of(installed_files(fewer, SITE), identity) != identity.digest


def test_digest_is_that_of_the_files_whatever_the_library_folder() -> None:
    wheel = make_wheel("pkg", "1.0", files=FILES)
    identity = identity_of(wheel)
    site = "/usr/local/lib/python3.11/dist-packages"
    assert digest_of(installed_files(wheel, site), identity, site) == identity.digest


def test_compiled_modules_of_the_wheel_do_not_count() -> None:
    """Some wheels ship .pyc files with hashes, which installers compile anew."""
    with_pyc = identity_of(make_wheel("pkg", "1.0", files={"pkg.py": b"", "__pycache__/pkg.cpython-311.pyc": b"x"}))
    assert with_pyc.digest == identity_of(make_wheel("pkg", "1.0", files={"pkg.py": b""})).digest


def test_sourceless_modules_count() -> None:
    """They are the code: nothing compiles them anew."""
    one, other = (identity_of(make_wheel("pkg", "1.0", files={"pkg/core.pyc": code})) for code in (b"x", b"y"))
    assert one.digest != other.digest


def test_data_folder_is_known_in_another_spelling() -> None:
    files = {"pkg.py": b"", "PKG-1.0.data/data/share/table.json": b"{}"}
    wheel = make_wheel("pkg", "1.0", files=files)
    installed = installed_files(make_wheel("pkg", "1.0", files={"pkg.py": b""}), SITE)
    record = parse_record(installed[f"{SITE}/pkg-1.0.dist-info/RECORD"].decode())
    rows = [
        RecordRow("pkg.py", record_digest(b""), "0"),
        RecordRow("../../../share/table.json", record_digest(b"{}"), "2"),
        *(row for row in record if "dist-info" in row.path),
    ]
    assert installed_digest(rows, dist_info="pkg-1.0.dist-info", site_folder=SITE) == identity_of(wheel).digest


def test_library_of_the_other_word_size_is_the_library() -> None:
    """Fedora keeps pure modules in lib and the others in lib64, and RECORD names one from the other."""
    beside = RecordRow("../../../lib/python3.11/site-packages/pkg.py", "sha256=x", "1")
    assert installed_digest([beside], dist_info="d", site_folder=SITE) == installed_digest(
        [RecordRow("pkg.py", "sha256=x", "1")], dist_info="d", site_folder=SITE
    )


def test_padding_of_a_digest_does_not_count() -> None:
    row = RecordRow("pkg.py", "sha256=abc", "3")
    padded = RecordRow("pkg.py", "sha256=abc=", "3")
    assert installed_digest([row], dist_info="d", site_folder=SITE) == installed_digest(
        [padded], dist_info="d", site_folder=SITE
    )


def test_wheel_with_a_file_without_a_hash_has_no_identity() -> None:
    with pytest.raises(RecordError, match=r"'pkg\.py' has no hash"):
        identify_wheel([RecordRow("pkg.py", "", "3")], dist_info="pkg-1.0.dist-info")


def test_installed_rows_without_a_hash_are_the_installers_own() -> None:
    """virtualenv lists folders and markers; pip, modules that it compiled."""
    rows = [RecordRow("pkg.py", "sha256=abc", "3")]
    more = [RecordRow("pkg-1.0.virtualenv", "", ""), RecordRow("pkg/__pycache__", "", "")]
    digest = installed_digest(rows, dist_info="pkg-1.0.dist-info", site_folder=SITE)
    assert installed_digest([*rows, *more], dist_info="pkg-1.0.dist-info", site_folder=SITE) == digest
    with pytest.raises(RecordError, match="lists no files"):
        installed_digest(more, dist_info="pkg-1.0.dist-info", site_folder=SITE)


def test_record_that_lists_nothing_is_no_proof() -> None:
    with pytest.raises(RecordError, match="lists no files"):
        identify_wheel([RecordRow("pkg-1.0.dist-info/RECORD", "", "")], dist_info="pkg-1.0.dist-info")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("a,b\n", "row 1 has 2 columns"), (",x,1\n", "row 1"), ('"a,b,c\n', "not a CSV file"), ("a,b,c,d\n", "4 columns")],
)
def test_record_is_refused_when_it_is_no_table(text: str, reason: str) -> None:
    with pytest.raises(RecordError, match=reason):
        parse_record(text)


_names = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\\/<.", exclude_categories=["Cc"]), min_size=1)
_paths = st.lists(_names, min_size=1, max_size=3).map("/".join)
_rows = st.lists(st.tuples(_paths, st.binary(max_size=8)), min_size=1, max_size=8, unique_by=lambda row: row[0])


@pytest.mark.slow
@given(_rows, st.randoms())
def test_digest_does_not_depend_on_the_order_of_rows(pairs: list[tuple[str, bytes]], random: Random) -> None:
    rows = [RecordRow(f"x/{path}.txt", record_digest(content), str(len(content))) for path, content in pairs]
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert installed_digest(rows, dist_info="d", site_folder=SITE) == installed_digest(
        shuffled, dist_info="d", site_folder=SITE
    )


@pytest.mark.slow
@given(_rows, st.integers(min_value=0))
def test_digest_changes_with_any_row(pairs: list[tuple[str, bytes]], place: int) -> None:
    rows = [RecordRow(f"x/{path}.txt", record_digest(content), str(len(content))) for path, content in pairs]
    chosen = place % len(rows)
    changed = [*rows[:chosen], RecordRow(rows[chosen].path, record_digest(b"other bytes!"), "12"), *rows[chosen + 1 :]]
    assert installed_digest(rows, dist_info="d", site_folder=SITE) != installed_digest(
        changed, dist_info="d", site_folder=SITE
    )


def lines_of(rows: Sequence[RecordRow]) -> str:
    return "".join(f'"{row.path}",{row.digest},{row.size}\n' for row in rows)


def test_rows_are_read_with_quotes_and_either_line_end() -> None:
    rows = (RecordRow("a b,c", "sha256=x", "1"), RecordRow("d", "", ""))
    assert parse_record(lines_of(rows)) == rows
    assert parse_record(lines_of(rows).replace("\n", "\r\n")) == rows


@pytest.mark.parametrize(
    "path",
    [
        "pkg-1.0.dist-info/../evil.pth",
        "./pkg.py",
        "a//b.py",
        "a/./b.py",
        "a\\b.py",
        "/etc/x",
        "a/",
        "<scripts>/x",
        "<scripts>/../six.py",
        "a\tb.py",
        "a\x7fb.py",
        "../../../bin/../lib/python3.11/site-packages/evil.pth",
        "../../../../opt/venv/bin/tool",
        "../../bin/tool",
        "..",
    ],
)
@pytest.mark.parametrize("digest", ["sha256=abc", ""])
def test_installed_record_is_refused_when_two_readers_could_read_a_path_differently(path: str, digest: str) -> None:
    """A row that names a file by another way would account for it without counting in the identity."""
    rows = [RecordRow("pkg.py", "sha256=abc", "3"), RecordRow(path, digest, "3")]
    with pytest.raises(RecordError, match=r"not a plain path|leads out"):
        installed_digest(rows, dist_info="pkg-1.0.dist-info", site_folder=SITE)


@pytest.mark.parametrize(
    "path",
    [
        "pkg.pyc",
        "evil.pth",
        "pkg-1.0.dist-info/entry_points.txt",
        "pkg-1.0.dist-info/x/RECORD",
        "other-1.dist-info/RECORD",
    ],
)
@pytest.mark.parametrize("digest", ["", "sha256=", "sha256"])
def test_installed_row_without_a_hash_is_refused_unless_it_is_the_installers_own(path: str, digest: str) -> None:
    rows = [RecordRow("pkg.py", "sha256=abc", "3"), RecordRow(path, digest, "")]
    with pytest.raises(RecordError, match="has no hash"):
        installed_digest(rows, dist_info="pkg-1.0.dist-info", site_folder=SITE)


@pytest.mark.parametrize("path", ["./pkg.py", "../pkg.py", "a/../pkg.py", "a\\b.py"])
def test_wheel_with_such_a_path_has_no_identity(path: str) -> None:
    with pytest.raises(RecordError):
        identify_wheel([RecordRow(path, "sha256=abc", "3")], dist_info="pkg-1.0.dist-info")


def test_scripts_of_a_target_folder_lie_in_it() -> None:
    """pip moves what it installs from a temporary scheme, and leaves its RECORD as it was there."""
    rows = [RecordRow("pkg.py", "sha256=abc", "3"), RecordRow("../../share/x", "sha256=d", "1")]
    wheel = [RecordRow("pkg.py", "sha256=abc", "3"), RecordRow("pkg-1.0.data/data/share/x", "sha256=d", "1")]
    identity = identify_wheel(wheel, dist_info="pkg-1.0.dist-info")
    generated = RecordRow("../../bin/tool", "sha256=e", "1")
    digest = installed_digest([*rows, generated], dist_info="pkg-1.0.dist-info", site_folder="/srv/packages")
    assert digest == identity.digest


def test_what_pex_notes_of_a_wheel_does_not_count() -> None:
    rows = [RecordRow("pkg.py", "sha256=abc", "3")]
    note = RecordRow("pkg-1.0.pex-info/original-whl-info.json", "sha256=x", "1")
    assert installed_digest([*rows, note], dist_info="d", site_folder=SITE) == installed_digest(
        rows, dist_info="d", site_folder=SITE
    )


_texts = st.text("a/.\\<é \x00\x1f\n\r,", max_size=8)
_paths = st.sampled_from(
    [
        "pkg/a.py",
        "a.pyc",
        "pkg/__pycache__/a.cpython-311.pyc",
        "pkg-1.0.dist-info/RECORD",
        "pkg-1.0.dist-info/METADATA",
        "<scripts>/tool",
        "<scripts>/cli",
        "<data>/share/a.json",
        "_virtualenv.virtualenv",
        "x.pex-info/original-whl-info.json",
    ]
)
_hashes = st.sampled_from(
    ["", "=", "sha256=", "sha256=" + "A" * 43, "sha256=" + "A" * 43 + "=", "sha256=" + "0" * 64, "md5=" + "0" * 32]
)


@pytest.mark.slow
@given(st.lists(_texts, max_size=5).map("\n".join) | st.text("a,\r\n\x00\x0b\x1c\x85\u2028", max_size=20))
def test_rows_without_quotes_are_read_as_any_csv(text: str) -> None:
    rows = quoted_rows(text)
    if all(len(row) == 3 and row[0] for row in rows):
        assert parse_record(text) == tuple(map(RecordRow._make, rows))
    else:
        with pytest.raises(RecordError):
            parse_record(text)


@pytest.mark.slow
@given(st.lists(_texts | st.sampled_from(["a/b", "a", "..", "é", "<x", "a//b"]), max_size=4))
def test_plain_paths_are_told_together_as_each_by_itself(paths: list[str]) -> None:
    assert are_plain(paths) == all(map(is_plain, paths))


@given(st.lists(st.tuples(_paths, _hashes, st.sampled_from(["", "1"])), max_size=4), st.booleans())
def test_usual_rows_count_as_any_row(rows: list[tuple[str, str, str]], installed: bool) -> None:
    named = [(path, RecordRow(path, digest, size)) for path, digest, size in rows]
    rules: dict[str, Any] = {"scripts": ("tool",), "rewritten": ("tool",), "installed": installed}

    def lines(each: bool) -> list[str] | str:
        try:
            if not each:
                return list(canonical_lines(named, "pkg-1.0.dist-info", **rules))
            found = [canonical_line(path, row, "pkg-1.0.dist-info", **rules) for path, row in named]
            return [line for line in found if line is not None]
        except RecordError as error:
            return str(error)

    assert lines(each=False) == lines(each=True)


@pytest.mark.parametrize("path", ["../" * 100_000 + "a", "a/" * 100_000 + "/b"])
def test_path_without_end_is_cut_in_the_reason(path: str) -> None:
    """A lock may hold the reason."""
    with pytest.raises(RecordError) as caught:
        identify_wheel(parse_record(f"{path},sha256=a,1\n"), dist_info="a-1.0.dist-info", rewritten={})
    assert len(str(caught.value)) < 300
