"""Builds of an image held against those that the lock has recorded."""

import json
from collections.abc import Mapping

import pytest
from msgspec.structs import replace
from packaging.pylock import Package, PackageArchive

from lockml.drift.model import DriftReport
from lockml.drift.origin import other_build
from lockml.drift.policy import require_verified
from lockml.index.built import parse_built
from lockml.inventory.model import DirectUrl, InstalledDistribution, Subject
from lockml.lock.build import build_lock
from lockml.lock.formats.built import with_built
from lockml.lock.inputs import LockInputs
from lockml.lock.model import Lock, RecordedBuild
from lockml.report.cyclonedx import format_cyclonedx
from lockml.report.json import format_json
from lockml.report.text import format_text
from lockml.requirements.requirements_txt import read_requirement_files
from lockml.resolution.model import Policy, Preferences
from lockml.resolution.resolver import resolve
from tests.drift.checks import check, found, notes
from tests.made.indexes import MemoryIndex
from tests.made.locks import identity_of
from tests.made.targets import make_target
from tests.made.trees import SITE, venv_files
from tests.made.wheels import installed_files, make_wheel, metadata_text, wheel_name

COMMIT = "c" * 40
WHEEL = wheel_name("apex", "0.1")
REPOSITORY = f"git+https://git.example/apex@{COMMIT}"
APEX = parse_built({"name": "apex", "version": "0.1", "source": "git+https://git.example/apex", "commit": COMMIT})
VCS = '{"url": "https://git.example/apex", "vcs_info": {"vcs": "git", "commit_id": "%s"}}'


def build(stamp: int, *, script: bytes = b"#!python\nrun\n") -> bytes:
    """Return the wheel that a build makes which writes when it was."""
    return make_wheel(
        "apex", "0.1", files={"apex/__init__.py": b"built = %d\n" % stamp, "apex-0.1.data/scripts/run": script}
    )


def recorded(wheel: bytes, name: str = WHEEL) -> RecordedBuild:
    return RecordedBuild(
        name=APEX.name,
        version=APEX.version,
        wheel=name,
        identity=identity_of(WHEEL, wheel),
        source=COMMIT,
        found_in="image builder:1",
        date="2026-11-29",
        image="sha256:" + "e" * 64,
    )


def lock_with(*builds: RecordedBuild) -> Lock:
    index = MemoryIndex(sources={REPOSITORY: metadata_text("apex", "0.1")})
    asked = read_requirement_files(("r.in",), read=lambda _: f"apex @ {REPOSITORY}".encode(), environment={})
    resolution = resolve(asked, make_target(), index, policy=Policy(), preferences=Preferences())
    plain = build_lock([resolution], {}, LockInputs(asked=asked, policy=Policy()))
    return with_built(plain, [APEX], builds, None)


def installed(wheel: bytes, *, direct_url: str | None = None, installer: str = "pip") -> dict[str, bytes]:
    files = installed_files(wheel, SITE, direct_url=direct_url, installer=installer, compiled=installer == "pip")
    return {**venv_files(), **files}


def report_on(files: Mapping[str, bytes], *builds: RecordedBuild) -> DriftReport:
    return check(files, lock=lock_with(*builds))


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_recorded_build_is_proven_to_the_last_file(installer: str) -> None:
    report = report_on(installed(build(1), installer=installer), recorded(build(1)))
    assert (report.drifts, report.problems, report.unprovable) == ((), (), ())
    assert [(level.level, level.matched, level.total) for level in report.levels] == [
        ("names", 1, 1),
        ("artifacts", 1, 1),
        ("files", 1, 1),
    ]
    assert [set(names) for names in (report.proven, report.recorded, report.verified)] == [{"apex"}, {"apex"}, set()]


def test_report_says_who_vouches_for_a_recorded_build() -> None:
    report = report_on(installed(build(1)), recorded(build(1)))
    assert (
        f"matches the build recorded from image builder:1 (sha256:{'e' * 12}…) on 2026-11-29; no index confirms it"
        in notes(report)
    )
    assert "RECORD matches the lock (1), 0 of them verified, 1 recorded from a build" in format_text([report])
    assert "RECORD is that of a recorded build" in format_cyclonedx([report])


def test_another_build_of_the_same_version_is_drift() -> None:
    report = report_on(installed(build(2)), recorded(build(1)))
    (drift,) = report.drifts
    assert (drift.kind, drift.name) == ("artifact", "apex")
    assert drift.detail.startswith("a different build of the same version: ")
    assert "lockml record" in drift.fix
    assert report.recorded == frozenset()


@pytest.mark.parametrize("stamp", [1, 2])
def test_several_recorded_builds_stand_side_by_side(stamp: int) -> None:
    """Those for two versions of CUDA have the same name and tags."""
    report = report_on(installed(build(stamp)), recorded(build(1)), recorded(build(2)))
    assert report.drifts == ()


def test_build_that_is_not_recorded_cannot_be_proven_and_the_command_is_told() -> None:
    report = report_on(installed(build(1)))
    (remark,) = report.unprovable
    assert report.drifts == ()
    assert remark.text.startswith("built in the image, and no build is recorded: `lockml record --from SUBJECT apex`")


def test_build_that_is_recorded_for_another_target_proves_nothing_here() -> None:
    other = recorded(build(1), "apex-0.1-cp312-cp312-linux_aarch64.whl")
    report = report_on(installed(build(1)), other)
    (remark,) = report.unprovable
    assert remark.text.startswith("no build is recorded for this target: ")


def test_changed_file_of_a_recorded_build_is_drift() -> None:
    path = f"{SITE}/apex/__init__.py"
    report = report_on({**installed(build(1)), path: b"evil = 1\n"}, recorded(build(1)))
    assert found(report) == [("modified", path)]


def test_script_is_held_against_the_build_that_is_installed() -> None:
    """Of several recorded builds with one name, the one that was proven says what its script is."""
    builds = [recorded(build(1)), recorded(build(2, script=b"#!python\nother\n"))]
    assert report_on(installed(build(2, script=b"#!python\nother\n")), *builds).drifts == ()
    assert report_on(installed(build(1)), *builds).drifts == ()


@pytest.mark.parametrize(
    ("direct_url", "kinds"),
    [
        (None, []),
        ('{"url": "file:///wheels/apex-0.1-py3-none-any.whl", "archive_info": {}}', []),
        ('{"url": "file:///src/apex", "dir_info": {}}', []),
        (VCS % COMMIT, []),
        (VCS % ("d" * 40), ["source"]),
        ('{"url": "file:///src/apex", "dir_info": {"editable": true}}', ["source"]),
        ('{"url": "https://x.example/apex-0.1-py3-none-any.whl", "archive_info": {}}', ["source"]),
        ('{"url": "https://x.example/apex-0.1.tar.gz", "archive_info": {}}', ["source"]),
    ],
)
def test_source_that_an_unrecorded_build_tells_must_be_the_locked_one(direct_url: str | None, kinds: list[str]) -> None:
    report = report_on(installed(build(1), direct_url=direct_url))
    assert [drift.kind for drift in report.drifts] == kinds


def test_other_version_of_what_is_built_is_drift() -> None:
    other = make_wheel("apex", "0.2", files={"apex/__init__.py": b""})
    assert [drift.kind for drift in report_on(installed(other), recorded(build(1))).drifts] == ["version"]


def test_recorded_build_passes_where_all_must_be_verified() -> None:
    """Every byte of it was hashed when it was recorded, and no wheel with a locked hash exists."""
    assert require_verified(report_on(installed(build(1)), recorded(build(1)))).problems == ()
    assert require_verified(report_on(installed(build(1)))).problems != ()


def test_recorded_build_of_a_package_of_an_index_proves_nothing() -> None:
    lock = lock_with(recorded(build(1)))
    assert check(installed(build(1)), lock=replace(lock, built=())).recorded == frozenset()


def test_fix_in_a_container_names_no_file_that_has_no_hash_of_it() -> None:
    report = report_on(installed(build(2)), recorded(build(1)))
    assert report.subject == Subject(kind="container", name="trainer")
    assert "requirements" not in report.drifts[0].fix


def test_json_counts_what_is_recorded() -> None:
    document = json.loads(format_json([report_on(installed(build(1)), recorded(build(1)))]))
    levels = document["environments"][0]["levels"]
    assert levels["artifacts"] == {"matched": 1, "total": 1, "verified": 0, "recorded": 1}


@pytest.mark.parametrize(
    ("url", "hashes", "same"),
    [
        ("file:///src/apex-0.1.tar.gz", {"sha256": "a1"}, True),
        ("file:///src/apex-0.1.tar.gz", {"sha256": "b2"}, False),
        ("https://files.example/apex-0.1.zip", {"sha256": "b2"}, False),
        ("file:///src/apex-0.1.tar.gz", {}, True),
        ("file:///wheels/apex-0.1-py3-none-any.whl", {"sha256": "b2"}, True),
    ],
)
def test_archive_that_a_build_tells_must_have_the_locked_hash(url: str, hashes: dict[str, str], same: bool) -> None:
    """The hash of a wheel says nothing of the source that it was built of."""
    locked = Package(
        name=APEX.name, version=APEX.version, archive=PackageArchive(path="apex.tar.gz", hashes={"sha256": "a1"})
    )
    installed = InstalledDistribution(
        name=APEX.name,
        version="0.1",
        folder=f"{SITE}/apex-0.1.dist-info",
        site_folder=SITE,
        record=None,
        source=DirectUrl(url=url, hashes=hashes),
    )
    assert (other_build(locked, installed) is None) == same
