import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from lockml.common.errors import LockError
from lockml.drift.model import Drift, DriftReport, Level
from lockml.lock.formats.pylock import parse_lock
from lockml.lock.model import LockedArtifact
from tests.drift.subjects import NUMPY, in_order, make_lock, report_on, without
from tests.made.indexes import MemoryIndex
from tests.made.locks import identity_of, lock_of
from tests.made.targets import make_target
from tests.made.trees import SITE, venv_files
from tests.made.wheels import installed_files, make_wheel, wheel_name

OTHER_NUMPY = make_wheel("numpy", "1.26.4", files={"numpy/core.so": b"other machine code"})
NUMPY_DIST_INFO = f"{SITE}/numpy-1.26.4.dist-info"


def only(report: DriftReport) -> Drift:
    (drift,) = report.drifts
    assert report.exit_code == 1
    return drift


def matched(report: DriftReport) -> dict[str, int]:
    return {result.level: result.matched for result in report.levels}


@pytest.mark.parametrize("level", ["names", "artifacts"])
def test_nothing_is_told_when_what_is_installed_is_what_was_locked(level: Level) -> None:
    report = report_on(in_order(), level=level)
    assert report.drifts == ()
    assert (report.complete, report.exit_code) == (True, 0)
    assert set(matched(report).values()) == {2}
    assert report.level == level


_contents = st.dictionaries(
    st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5})?\.(py|so|txt)", fullmatch=True), st.binary(max_size=20), min_size=1
)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(st.lists(_contents, min_size=1, max_size=3), st.sampled_from(["pip", "uv"]), st.booleans())
def test_what_was_locked_and_then_installed_has_no_drift(
    packages: list[dict[str, bytes]], installer: str, compiled: bool
) -> None:
    wheels = {
        wheel_name(f"p{number}", "1.0"): make_wheel(f"p{number}", "1.0", files=files)
        for number, files in enumerate(packages)
    }
    files = venv_files()
    for wheel in wheels.values():
        files |= installed_files(wheel, SITE, installer=installer, compiled=compiled)
    report = report_on(files, lock=make_lock(wheels))
    assert (report.drifts, report.problems, report.unprovable) == ((), (), ())
    assert matched(report) == {"names": len(wheels), "artifacts": len(wheels)}


def test_other_version_is_drift() -> None:
    files = {**without(in_order(), "numpy"), **installed_files(make_wheel("numpy", "1.24.4"), SITE)}
    drift = only(report_on(files))
    assert (drift.kind, drift.name, drift.locked, drift.found) == ("version", "numpy", "1.26.4", "1.24.4")
    assert drift.path == f"{SITE}/numpy-1.24.4.dist-info"


@pytest.mark.parametrize(("installed", "drifts"), [("1.26.4+cpu", 1), ("1.26.4.0", 0), ("v1.26.4", 0), ("odd", 1)])
def test_versions_are_compared_with_their_local_part(installed: str, drifts: int) -> None:
    """PEP 440."""
    files = {**without(in_order(), "numpy"), **installed_files(make_wheel("numpy", installed), SITE)}
    assert len(report_on(files, level="names").drifts) == drifts


def test_missing_project_is_drift() -> None:
    drift = only(report_on(without(in_order(), "numpy")))
    assert (drift.kind, drift.name, drift.locked, drift.found) == ("missing", "numpy", "1.26.4", None)


def test_added_project_is_drift_and_pip_setuptools_and_wheel_are_told() -> None:
    files = in_order()
    for name in ("six", "setuptools", "wheel"):
        files |= installed_files(make_wheel(name, "1.0", files={f"{name}/__init__.py": b""}), SITE)
    report = report_on(files)
    drift = only(report)
    assert (drift.kind, drift.name, drift.locked, drift.found) == ("unexpected", "six", None, "1.0")
    assert "uninstall -y six" in drift.fix
    assert [remark.subject for remark in report.remarks] == ["pip", "setuptools", "wheel"]


def test_locked_setuptools_counts() -> None:
    lock = make_lock({wheel_name("setuptools", "2.0"): make_wheel("setuptools", "2.0")})
    files = {**venv_files(), **installed_files(make_wheel("setuptools", "1.0"), SITE)}
    assert only(report_on(files, lock=lock)).kind == "version"


def test_same_version_with_other_bytes_is_drift_at_level_artifacts_only() -> None:
    files = {**without(in_order(), "numpy"), **installed_files(OTHER_NUMPY, SITE)}
    assert report_on(files, level="names").exit_code == 0
    report = report_on(files)
    drift = only(report)
    assert (drift.kind, drift.name, drift.locked, drift.found) == ("artifact", "numpy", "1.26.4", "1.26.4")
    assert drift.detail.startswith("same version, different bytes")
    assert matched(report) == {"names": 2, "artifacts": 1}


def test_installed_record_that_lost_a_hash_is_drift() -> None:
    files = in_order()
    record = files[f"{NUMPY_DIST_INFO}/RECORD"].decode().splitlines()
    files[f"{NUMPY_DIST_INFO}/RECORD"] = "\n".join(
        "numpy/core.so,," if row.startswith("numpy/core.so") else row for row in record
    ).encode()
    assert only(report_on(files)).kind == "artifact"


def test_any_of_several_locked_wheels_proves() -> None:
    wheels = {
        "numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.whl": NUMPY,
        "numpy-1.26.4-cp311-cp311-manylinux_2_28_x86_64.whl": OTHER_NUMPY,
    }
    for installed in wheels.values():
        report = report_on({**venv_files(), **installed_files(installed, SITE)}, lock=make_lock(wheels))
        assert report.exit_code == 0


def test_missing_record_makes_the_result_incomplete_and_not_clean() -> None:
    report = report_on(without(in_order(), "numpy-1.26.4.dist-info/RECORD"))
    assert (report.drifts, report.complete, report.exit_code) == ((), False, 4)
    assert [(problem.path, problem.reason) for problem in report.problems] == [(NUMPY_DIST_INFO, "it has no RECORD")]


def test_unreadable_metadata_makes_the_result_incomplete_beside_the_drift() -> None:
    report = report_on(in_order(), locked=(f"{NUMPY_DIST_INFO}/METADATA",))
    assert not report.complete
    assert only(report).kind == "missing"


def test_wheel_that_cannot_be_proven_is_told_and_no_drift() -> None:
    lock = make_lock()
    lock = replace(
        lock,
        artifacts={
            name: tuple(replace(artifact, identity=None, reason="no RECORD") for artifact in artifacts)
            if name == "numpy"
            else artifacts
            for name, artifacts in lock.artifacts.items()
        },
    )
    report = report_on(in_order(), lock=lock)
    assert report.exit_code == 0
    assert [(remark.subject, remark.text) for remark in report.unprovable] == [("numpy", "no RECORD")]
    assert matched(report) == {"names": 2, "artifacts": 1}


def test_sdist_is_told_as_not_provable() -> None:
    index = MemoryIndex()
    index.add(
        "numpy",
        "1.26.4",
        filename="numpy-1.26.4.tar.gz",
        metadata="Metadata-Version: 2.2\nName: numpy\nVersion: 1.26.4",
    )
    files = {**venv_files(), **installed_files(NUMPY, SITE)}
    report = report_on(files, lock=lock_of(index, "numpy"))
    assert report.exit_code == 0
    assert "not locked as a wheel" in report.unprovable[0].text


def test_direct_url_is_drift_at_names_and_a_remark_when_the_bytes_are_the_locked_ones() -> None:
    url = '{"url": "https://user:secret@x.example/numpy.whl", "archive_info": {}}'
    files = {**without(in_order(), "numpy"), **installed_files(NUMPY, SITE, direct_url=url)}
    drift = only(report_on(files, level="names"))
    assert drift.kind == "source"
    assert "installed from https://x.example/numpy.whl" in drift.detail
    report = report_on(files)
    assert report.exit_code == 0
    assert "https://x.example/numpy.whl" in next(remark.text for remark in report.remarks if remark.subject == "numpy")


LOCKED = next(
    str(wheel.hashes["sha256"]) for p in make_lock().pylock.packages if p.name == "numpy" for wheel in p.wheels or ()
)


@pytest.mark.parametrize(
    ("direct_url", "drifts"),
    [
        ({"url": "file:///wheels/numpy-1.26.4-py3-none-any.whl", "archive_info": {}}, []),  # pip before 23.1
        ({"url": "file:///wheels/my%20own/numpy-1.26.4-py3-none-any.whl", "archive_info": {}}, []),
        ({"url": "file:///w.whl", "archive_info": {"hash": f"sha256={LOCKED}"}}, []),
        ({"url": "file:///w.whl", "archive_info": {"hashes": {"sha256": LOCKED.upper()}}}, []),
        ({"url": "file:///wheels/numpy-1.26.4-py3-none-any.whl", "archive_info": {"hash": "sha256=00"}}, ["source"]),
        ({"url": "file:///wheels/numpy-1.26.4-1-py3-none-any.whl", "archive_info": {}}, ["source"]),
        ({"url": "file:///wheels/numpy", "dir_info": {}}, ["source"]),
        ({"url": "https://x.example/numpy-1.26.4-py3-none-any.whl", "archive_info": {}}, ["source"]),
    ],
)
def test_wheel_of_a_wheelhouse_is_the_locked_one_by_its_hash_or_name(direct_url: object, drifts: list[str]) -> None:
    """PEP 610; a hash says more than a name."""
    text = json.dumps(direct_url)
    files = {**without(in_order(), "numpy"), **installed_files(NUMPY, SITE, direct_url=text)}
    assert [drift.kind for drift in report_on(files, level="names").drifts] == drifts
    assert report_on(files).exit_code == 0


def test_direct_url_with_other_bytes_is_one_drift() -> None:
    files = {**without(in_order(), "numpy"), **installed_files(OTHER_NUMPY, SITE, direct_url='{"url": "file:///w"}')}
    drift = only(report_on(files))
    assert drift.kind == "artifact"
    assert "installed from file:///w" in drift.detail


@pytest.mark.parametrize("level", ["names", "artifacts"])
def test_editable_project_is_drift_whatever_its_record(level: Level) -> None:
    """PEP 660: its RECORD says nothing of its code."""
    url = '{"url": "file:///src", "dir_info": {"editable": true}}'
    files = {**without(in_order(), "numpy"), **installed_files(NUMPY, SITE, direct_url=url)}
    assert only(report_on(files, level=level)).kind == "source"


def test_two_copies_in_one_folder_are_drift() -> None:
    files = {**in_order(), **installed_files(make_wheel("numpy", "1.25.0"), SITE)}
    drift = only(report_on(files))
    assert (drift.kind, drift.locked, drift.found) == ("duplicate", "1.26.4", "1.25.0")
    assert drift.path == f"{SITE}/numpy-1.25.0.dist-info"


def system_site(files: dict[str, bytes]) -> dict[str, bytes]:
    files["/opt/venv/pyvenv.cfg"] = b"home = /usr/bin\ninclude-system-site-packages = true\nversion = 3.11.2\n"
    return files


def test_copy_that_hides_the_locked_version_is_drift() -> None:
    system = "/usr/lib/python3/dist-packages"
    files = {**without(in_order(), "numpy"), **installed_files(make_wheel("numpy", "1.24.4"), SITE)}
    drift = only(report_on(system_site({**files, **installed_files(NUMPY, system)})))
    assert (drift.kind, drift.locked, drift.found) == ("shadowed", "1.26.4", "1.24.4")
    assert system in drift.detail


def test_copy_that_the_locked_version_hides_is_told() -> None:
    system = "/usr/lib/python3/dist-packages"
    report = report_on(system_site({**in_order(), **installed_files(make_wheel("numpy", "1.24.4"), system)}))
    assert report.exit_code == 0
    hidden = [remark for remark in report.remarks if remark.subject == "numpy"]
    assert [(remark.version, remark.text) for remark in hidden] == [("1.24.4", f"hidden by 1.26.4 in {SITE}")]


def test_leftover_of_an_interrupted_pip_is_told() -> None:
    files = in_order()
    files[f"{SITE}/~umpy-1.24.4.dist-info/METADATA"] = b"Name: numpy\nVersion: 1.24.4\n"
    report = report_on(files)
    assert report.exit_code == 0
    assert [remark.text for remark in report.remarks if remark.version == "1.24.4"] == [
        f"left behind by an interrupted pip: {SITE}/~umpy-1.24.4.dist-info"
    ]


def test_wheels_of_another_target_prove_nothing() -> None:
    wheels = {
        "numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.whl": NUMPY,
        "numpy-1.26.4-cp39-cp39-macosx_11_0_arm64.whl": OTHER_NUMPY,
    }
    lock = make_lock({next(iter(wheels)): NUMPY})
    name = canonicalize_name("numpy")
    foreign = LockedArtifact(wheel=list(wheels)[1], identity=identity_of(list(wheels)[1], OTHER_NUMPY))
    unprovable = LockedArtifact(wheel=list(wheels)[1], identity=None, reason="no RECORD")
    for more in (foreign, unprovable):
        wider = replace(lock, artifacts={name: (*lock.artifacts[name], more)})
        report = report_on({**venv_files(), **installed_files(OTHER_NUMPY, SITE)}, lock=wider)
        assert only(report).kind == "artifact"


VCS = "vcs = {type = 'git', url = 'https://git.example/a', commit-id = 'aaaa'}"
DIRECTORY = "directory = {path = './src', editable = true}"
ARCHIVE = "archive = {url = 'https://files.example/a.zip', hashes = {sha256 = 'abc'}}"


@pytest.mark.parametrize(
    ("locked", "direct_url", "drifts"),
    [
        (VCS, '{"url": "https://git.example/a", "vcs_info": {"vcs": "git", "commit_id": "aaaa"}}', 0),
        (VCS, '{"url": "https://git.example/a", "vcs_info": {"vcs": "git", "commit_id": "bbbb"}}', 1),
        (VCS, None, 1),
        (DIRECTORY, '{"url": "file:///src", "dir_info": {"editable": true}}', 0),
        (DIRECTORY, '{"url": "file:///src", "dir_info": {}}', 0),  # built for the image, edited on one's own machine
        (DIRECTORY.replace("true", "false"), '{"url": "file:///src", "dir_info": {"editable": true}}', 1),
        (DIRECTORY, None, 1),
        (ARCHIVE, '{"url": "https://files.example/a.zip", "archive_info": {}}', 0),
        (ARCHIVE, '{"url": "file:///a.zip", "archive_info": {"hashes": {"sha256": "abc"}}}', 0),
        (ARCHIVE, '{"url": "https://files.example/b.zip", "archive_info": {"hashes": {"sha256": "x"}}}', 1),
        (ARCHIVE, None, 1),
    ],
)
def test_source_that_is_locked_is_compared(locked: str, direct_url: str | None, drifts: int) -> None:
    """PEP 751 with PEP 610."""
    text = f"lock-version = '1.0'\ncreated-by = 'other'\n[[packages]]\nname = 'numpy'\nversion = '1.26.4'\n{locked}\n"
    files = {**venv_files(), **installed_files(NUMPY, SITE, direct_url=direct_url)}
    report = report_on(files, lock=parse_lock(text.encode(), "pylock.toml"), level="names")
    assert [drift.kind for drift in report.drifts] == ["source"] * drifts


def test_lock_without_identities_cannot_prove() -> None:
    lock = make_lock(identities=False)
    assert report_on(in_order(), lock=lock, level="names").exit_code == 0
    with pytest.raises(LockError, match="has no artifact identities") as caught:
        report_on(in_order(), lock=lock)
    assert str(caught.value.hint) == "lock with `lockml compile`, or check with --level names"


def test_lock_of_another_tool_is_held_against_the_platform_that_is_there() -> None:
    text = b"""lock-version = "1.0"
created-by = "other"
[[packages]]
name = "numpy"
version = "1.26.4"
marker = "python_version >= '3.11' and platform_machine == 'x86_64'"
wheels = [{name = "numpy-1.26.4-py3-none-any.whl", url = "https://files.example/n", hashes = {sha256 = "x"}}]
[[packages]]
name = "old"
version = "1.0"
marker = "python_version < '3.11'"
wheels = [{name = "old-1.0-py3-none-any.whl", url = "https://files.example/o", hashes = {sha256 = "x"}}]
"""
    lock = parse_lock(text, "pylock.toml")
    report = report_on({**venv_files(), **installed_files(NUMPY, SITE)}, lock=lock, level="names")
    assert (report.exit_code, report.target) == (0, make_target("3.11.2"))
    report = report_on({**venv_files(), **installed_files(make_wheel("old", "1.0"), SITE)}, lock=lock, level="names")
    assert [(drift.kind, drift.detail) for drift in report.drifts] == [
        ("missing", "it is in no library folder"),
        ("unexpected", "locked only for another target, extra or group"),
    ]


def test_drifts_are_counted_by_kind() -> None:
    files = {**without(in_order(), "numpy"), **installed_files(make_wheel("six", "1.0"), SITE)}
    assert report_on(files).kinds == {"missing": 1, "unexpected": 1}


def test_of_two_copies_that_are_not_locked_the_older_one_is_to_go() -> None:
    """Two pips, of which the newer was installed over the older: its files are there."""
    files = {**in_order(), **installed_files(make_wheel("pip", "9.0", files={"pip/__init__.py": b""}), SITE)}
    drift = only(report_on(files))
    assert (drift.kind, drift.path) == ("duplicate", f"{SITE}/pip-9.0.dist-info")
