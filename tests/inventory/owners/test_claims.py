"""Who may speak for a file that a proven RECORD has, and for files beside it."""

import base64
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping

import pytest

from tests.drift.checks import check, debian, found, md5sums, notes, on_debian, row, with_rows
from tests.drift.subjects import MODEL, NUMPY, in_order, make_lock, without
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of
from tests.made.trees import SITE, MemoryTree
from tests.made.wheels import generated_script, installed_files, make_wheel, metadata_text, wheel_name

CORE = f"{SITE}/numpy/core.so"
EVIL = b"machine codE"
PTH = b"import os\n"
DIST = "/usr/lib/python3/dist-packages"


def pip_lists(*rows: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return with_rows({**in_order(), **files}, "pip-99.0", *rows)


def egg_lists(*paths: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    egg = {
        f"{SITE}/wheel-0.40.egg-info/PKG-INFO": metadata_text("wheel", "0.40").encode(),
        f"{SITE}/wheel-0.40.egg-info/installed-files.txt": "".join(f"../{path}\n" for path in paths).encode(),
    }
    return {**in_order(), **files, **egg}


def conda_lists(*paths: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    meta = {"name": "numpy", "version": "1", "files": [f"lib/python3.11/site-packages/{each}" for each in paths]}
    return {**in_order(), **files, "/opt/venv/conda-meta/numpy-1.json": json.dumps(meta).encode()}


def dpkg_lists(*paths: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    whole = {**in_order(), **files}
    sums = md5sums({f"{SITE}/{each}": whole[f"{SITE}/{each}"] for each in paths})
    return {**whole, "/var/lib/dpkg/info/python3-numpy.md5sums": sums}


def unlocked_lists(*paths: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    whole = {**in_order(), **files, **installed_files(make_wheel("debugpy", "1.0"), SITE)}
    return with_rows(whole, "debugpy-1.0", *(row(each, whole[f"{SITE}/{each}"]) for each in paths))


def rows_of_pip(*paths: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    whole = {**in_order(), **files}
    return pip_lists(*(row(each, whole[f"{SITE}/{each}"]) for each in paths), files=files)


every_claimant = pytest.mark.parametrize(
    "claim", [rows_of_pip, egg_lists, conda_lists, dpkg_lists, unlocked_lists], ids=lambda each: each.__name__
)
SAID = {"duplicate", "artifact", "unexpected"}


@every_claimant
def test_nobody_else_speaks_for_a_file_of_a_proven_record(claim: object) -> None:
    assert callable(claim)
    report = check(claim("numpy/core.so", files={CORE: EVIL}))
    assert ("modified", CORE) in found(report)


@pytest.mark.slow
@every_claimant
@pytest.mark.parametrize(
    "path",
    [
        "evil.pth",
        "sitecustomize.py",
        "usercustomize.py",
        "sitecustomize/__init__.py",
        "model/more.py",
        "model/deep/er/more.py",
        "model/__pycache__/more.so",
        "model.py",
        "model.cpython-311-x86_64-linux-gnu.so",
        "numpy/__init__.py",
    ],
)
def test_nobody_unproven_adds_what_a_proven_project_loads_or_python_starts(claim: object, path: str) -> None:
    assert callable(claim)
    files = {f"{SITE}/{path}": PTH}
    report = check(claim(path, files=files))
    told = {place for kind, place in found(report) if kind in ("unattributed-file", "shadowed", "modified")}
    assert any(f"{SITE}/{path}".startswith(place) for place in told) or (
        path == "numpy/__init__.py" and report.exit_code == 1
    )


def test_claim_of_pip_s_record_is_told_as_what_it_is() -> None:
    report = check(rows_of_pip("evil.pth", files={f"{SITE}/evil.pth": PTH}))
    (drift,) = [each for each in report.drifts if each.kind == "unattributed-file"]
    assert "only the RECORD of pip accounts for it" in drift.detail


def two_owners(first: bytes, second: bytes, there: bytes) -> tuple[dict[str, bytes], dict[str, bytes]]:
    wheels = {
        wheel_name("model", "1.0"): make_wheel("model", "1.0", files={"tests/__init__.py": first, "model.py": b""}),
        wheel_name("numpy", "1.0"): make_wheel("numpy", "1.0", files={"tests/__init__.py": second, "numpy.py": b""}),
    }
    files = without(in_order(), "/model", "numpy", "/bin/run")
    for wheel in wheels.values():
        files |= installed_files(wheel, SITE, compiled=False)
    return {**files, f"{SITE}/tests/__init__.py": there}, wheels


@pytest.mark.parametrize("there", [b"one\n", b"two\n"])
def test_file_of_two_locked_owners_is_a_note_when_it_is_one_of_theirs(there: bytes) -> None:
    """Two wheels that both ship ``tests/__init__.py``: whichever was installed last has it."""
    files, wheels = two_owners(b"one\n", b"two\n", there)
    report = check(files, lock=make_lock(wheels))
    assert found(report) == []
    assert "model, numpy have different files here" in notes(report)


def test_file_of_two_locked_owners_is_drift_when_it_is_neither_s() -> None:
    files, wheels = two_owners(b"one\n", b"two\n", b"evl\n")
    assert found(check(files, lock=make_lock(wheels))) == [("modified", f"{SITE}/tests/__init__.py")]


def test_file_of_two_locked_owners_is_no_note_when_they_agree() -> None:
    files, wheels = two_owners(b"one\n", b"one\n", b"one\n")
    report = check(files, lock=make_lock(wheels))
    assert (found(report), "have different files" in notes(report)) == ([], False)


def locked_in_dist_packages(**changed: bytes) -> MemoryTree:
    """Return Debian's own Python with the locked projects in the folder that dpkg lists, files and all."""
    installed = {**installed_files(MODEL, DIST, entry_points=("model-cli",)), **installed_files(NUMPY, DIST)}
    installed = {path.replace("../../..", "/usr"): content for path, content in installed.items()}
    installed |= {f"{DIST}/{path.replace('__', '/')}": content for path, content in changed.items()}
    base = {path: content for path, content in debian().items() if not path.startswith("/opt")}
    files = {**base, **installed, "/var/lib/dpkg/info/python3-numpy.md5sums": md5sums(installed)}
    files["/usr/include/python3.11/patchlevel.h"] = b'#define PY_VERSION "3.11.2"\n'
    return on_debian(files)


def test_locked_project_that_dpkg_lists_is_held_against_its_record_all_the_same() -> None:
    report = check(locked_in_dist_packages(**{"numpy__core.so": EVIL}), lock=make_lock())
    assert ("modified", f"{DIST}/numpy/core.so") in found(report)


def test_locked_project_that_dpkg_lists_is_proven_by_the_lock() -> None:
    report = check(locked_in_dist_packages())
    assert [each for each in found(report) if "numpy" in each[1]] == []
    assert report.levels[1].matched == 2


def test_locked_project_in_a_folder_of_conda_is_held_against_its_record() -> None:
    prefix, site = "/opt/conda", "/opt/conda/lib/python3.11/site-packages"
    files = {**installed_files(MODEL, site), **installed_files(NUMPY, site), f"{site}/numpy/core.so": EVIL}
    files |= {f"{prefix}/lib/python3.11/os.py": b"", f"{prefix}/bin/python3.11": in_order()["/opt/venv/bin/python3"]}
    files |= {f"{prefix}/include/python3.11/patchlevel.h": b'#define PY_VERSION "3.11.2"\n'}
    meta = {"name": "numpy", "files": [path.removeprefix(f"{prefix}/") for path in files]}
    files[f"{prefix}/conda-meta/numpy.json"] = json.dumps(meta).encode()
    files |= {"/lib/x86_64-linux-gnu/libc.so.6": in_order()["/lib/x86_64-linux-gnu/libc.so.6"]}
    tree = MemoryTree(files, links={f"{prefix}/bin/python3": "python3.11"})
    assert ("modified", f"{site}/numpy/core.so") in found(check(tree))


def test_what_a_build_of_a_locked_sdist_brings_is_accounted_for() -> None:
    """Its RECORD is nobody's proof, and yet it is what was locked: a .pth of it may be there."""
    index = MemoryIndex()
    index.add("old", "0.1", filename="old-0.1.tar.gz", metadata="Metadata-Version: 2.2\nName: old\nVersion: 0.1\n")
    wheel = make_wheel("old", "0.1", files={"old.py": b"", "old-nspkg.pth": b"import types\n"})
    files = {**without(in_order(), "/model", "numpy", "/bin/run"), **installed_files(wheel, SITE)}
    report = check(files, lock=lock_of(index, "old"))
    assert found(report) == []


def test_accepted_project_speaks_for_its_own_top_levels() -> None:
    files = {**in_order(), **installed_files(make_wheel("debugpy", "1.0", files={"debugpy/__init__.py": b""}), SITE)}
    assert found(check(files)) == [("unexpected", f"{SITE}/debugpy-1.0.dist-info")]


@pytest.mark.parametrize(
    "path", ["../../../../../srv/evil.py", "../../../bin/run", "../python3.11/os.py", "../site-packages/evil.pth"]
)
def test_unproven_record_speaks_for_nothing_outside_of_its_environment(path: str) -> None:
    files = {**in_order(), "/srv/evil.py": b"x", f"{SITE}/evil.pth": PTH}
    if path == "../../../bin/run":
        files["/opt/venv/bin/run"] += b"evil()\n"
    report = check(with_rows(files, "pip-99.0", f"{path},,"))
    assert ("artifact", f"{SITE}/pip-99.0.dist-info") in found(report)
    if "evil.pth" in path:
        assert ("unattributed-file", f"{SITE}/evil.pth") in found(report)
    if path.endswith("run"):
        assert ("modified", "/opt/venv/bin/run") in found(report)


def test_namespace_that_a_proven_and_an_unproven_project_share_is_in_order_for_both() -> None:
    """PEP 420 before there was one: each brings the same ``google/__init__.py``."""
    shared = {"google/__init__.py": b"# namespace\n"}
    wheels = {wheel_name("model", "1.0"): make_wheel("model", "1.0", files={**shared, "google/model/__init__.py": b""})}
    other = make_wheel("other", "1.0", files={**shared, "google/other/__init__.py": b""})
    files = {**without(in_order(), "/model", "numpy", "/bin/run"), **installed_files(other, SITE)}
    for wheel in wheels.values():
        files |= installed_files(wheel, SITE)
    assert found(check(files, lock=make_lock(wheels))) == [("unexpected", f"{SITE}/other-1.0.dist-info")]


def test_script_that_an_unproven_record_claims_is_a_script_of_its_own_entry_point() -> None:
    wheel = make_wheel(
        "debugpy",
        "1.0",
        files={"debugpy.py": b"", "debugpy-1.0.dist-info/entry_points.txt": b"[console_scripts]\ndbg = debugpy:main\n"},
    )
    files = {**in_order(), **installed_files(wheel, SITE, entry_points=("dbg",))}
    assert found(check(files)) == [("unexpected", f"{SITE}/debugpy-1.0.dist-info")]
    changed = check({**files, "/opt/venv/bin/dbg": generated_script("debugpy") + b"evil()\n"})
    assert ("modified", "/opt/venv/bin/dbg") in found(changed)


def in_sha512(record: bytes, tests: bytes) -> bytes:
    """Return a RECORD that has the SHA-512 of its package of tests."""
    digest = base64.urlsafe_b64encode(hashlib.sha512(tests).digest()).rstrip(b"=").decode()
    return re.sub(rb"(?m)^tests/__init__.py,[^,]*", f"tests/__init__.py,sha512={digest}".encode(), record)


def with_sha512(wheel: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(wheel)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            hashed = in_sha512(content, old.read("tests/__init__.py"))
            new.writestr(name, hashed if name.endswith("/RECORD") else content)
    return made.getvalue()


@pytest.mark.parametrize("second", [b"one\n", b"two\n"])
def test_owners_that_hash_by_other_algorithms_are_compared(second: bytes) -> None:
    files, wheels = two_owners(b"one\n", second, b"one\n")
    record = f"{SITE}/numpy-1.0.dist-info/RECORD"
    files[record] = in_sha512(files[record], second)
    lock = make_lock({name: with_sha512(each) if "numpy" in name else each for name, each in wheels.items()})
    report = check(files, lock=lock)
    assert (found(report), "have different files" in notes(report)) == ([], second != b"one\n")
    changed = check({**files, f"{SITE}/tests/__init__.py": b"evl\n"}, lock=lock)
    assert found(changed) == [("modified", f"{SITE}/tests/__init__.py")]


def test_many_shared_files_are_one_note() -> None:
    names = [f"shared/m{number}.py" for number in range(20)]
    files: dict[str, bytes] = without(in_order(), "/model", "numpy", "/bin/run")
    wheels = {}
    for project, content in (("model", b"one\n"), ("numpy", b"two\n")):
        wheel = make_wheel(project, "1.0", files={f"{project}.py": b"", **dict.fromkeys(names, content)})
        wheels[wheel_name(project, "1.0")] = wheel
        files |= installed_files(wheel, SITE, compiled=False)
    report = check(files, lock=make_lock(wheels))
    told = [line for line in notes(report).splitlines() if "have different files" in line]
    assert found(report) == []
    assert told == [f"{SITE}/shared/m0.py and 19 more: model, numpy have different files here; these belong to numpy"]
