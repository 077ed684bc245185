"""What a base image provides is held against what it had when the lock was made."""

import dataclasses
from collections.abc import Mapping

import pytest
from msgspec.structs import replace
from packaging.utils import NormalizedName

from lockml.drift.artifacts import Differs, is_provided, judge_provided, provided_digest
from lockml.drift.model import DriftReport, Level
from lockml.inventory.file_tree import Origin
from lockml.inventory.model import InstalledDistribution
from lockml.lock.facts import provided_fact
from lockml.lock.formats.pylock import format_lock, parse_lock
from lockml.lock.model import BaseImage, Lock, ProvidedPackage, ProvidedPackages
from tests.drift.checks import IMAGE, LATER, STARTED, check, found
from tests.drift.subjects import in_order, inventory_of, make_lock, without
from tests.made.trees import SITE, MemoryTree
from tests.made.wheels import installed_files, make_wheel
from tests.made.wheels import record_digest as row_digest

TORCH = make_wheel("torch", "2.9.0a0+x", files={"torch/__init__.py": b"locked"})
FILES = {**in_order(), **installed_files(TORCH, SITE)}


def lock(*, record: bool = True) -> Lock:
    """Return the usual lock, made on an image that has torch."""
    (torch,) = [each for each in inventory_of(FILES).environment.distributions if each.name == "torch"]
    package = ProvidedPackage(
        name=torch.name,
        version=torch.version,
        record=(provided_digest(torch) or "") if record else "",
        origin="layer 2",
    )
    return replace(make_lock(), provided=ProvidedPackages(selection=("torch",), packages=(package,)))


def report(files: Mapping[str, bytes], level: Level = "files", *, record: bool = True) -> DriftReport:
    return check(dict(files), lock=lock(record=record), level=level)


@pytest.mark.parametrize("level", ["names", "artifacts", "files"])
def test_provided_package_as_the_image_had_it_is_in_order(level: Level) -> None:
    found_in = report(FILES, level)
    assert (found_in.drifts, found_in.problems) == ((), ())
    assert any(each.subject == "provided" and "1 of 1 packages" in each.text for each in found_in.remarks)


def test_own_project_that_the_image_has_too_is_installed_in_any_version() -> None:
    others = {**in_order(), **installed_files(make_wheel("torch", "3.0"), SITE)}
    assert check(others, lock=replace(lock(), projects=(NormalizedName("torch"),))).drifts == ()


def test_without_being_provided_it_is_unexpected() -> None:
    assert found(check(FILES)) == [("unexpected", f"{SITE}/torch-2.9.0a0+x.dist-info")]


def test_other_version_removed_package_and_changed_file_are_drift() -> None:
    other = {**in_order(), **installed_files(make_wheel("torch", "2.9.0"), SITE)}
    assert [each.kind for each in report(other, "names").drifts] == ["version"]
    (gone,) = report(in_order()).drifts
    assert (gone.kind, gone.locked, gone.found) == ("missing", "2.9.0a0+x", None)
    assert "on its locked base image" in gone.fix or "from its image" in gone.fix
    assert found(report({**FILES, f"{SITE}/torch/__init__.py": b"changed"})) == [
        ("modified", f"{SITE}/torch/__init__.py")
    ]


def test_file_that_was_changed_with_its_record_is_another_artifact() -> None:
    path = f"{SITE}/torch-2.9.0a0+x.dist-info/RECORD"
    record = FILES[path].decode().replace(row_digest(b"locked"), row_digest(b"forged"))
    assert record != FILES[path].decode()
    files = {**FILES, path: record.encode(), f"{SITE}/torch/__init__.py": b"forged"}
    levels: tuple[Level, ...] = ("artifacts", "files")
    for level in levels:
        assert ("artifact", f"{SITE}/torch-2.9.0a0+x.dist-info") in found(report(files, level))


def test_package_without_a_record_in_the_image_is_told_as_not_proven() -> None:
    found_in = report(without(FILES, "torch-2.9.0a0+x.dist-info/RECORD"), "artifacts", record=False)
    assert [each.subject for each in found_in.unprovable] == ["torch"]
    assert not any(each.subject == "provided" for each in found_in.remarks)


def test_record_that_lists_code_without_its_hash_proves_nothing() -> None:
    path = f"{SITE}/torch-2.9.0a0+x.dist-info/RECORD"
    record = FILES[path].decode().replace(f"{row_digest(b'locked')},6", ",")
    (torch,) = [
        each
        for each in inventory_of({**FILES, path: record.encode()}).environment.distributions
        if each.name == "torch"
    ]
    assert torch.record is not None
    assert provided_digest(torch) is None


def test_package_lists_of_another_build_are_another_artifact() -> None:
    before = ProvidedPackage(
        name=NormalizedName("six"), version="1.16.0", record="list-sha256:1", owner="Debian package"
    )
    six = InstalledDistribution(
        name=before.name, version="1.16.0", folder=f"{SITE}/six.egg-info", site_folder=SITE, record=None,
        owner="Debian package", lists_digest="list-sha256:1",
    )  # fmt: skip
    assert judge_provided(before, six) is None
    assert isinstance(judge_provided(before, replace(six, lists_digest="list-sha256:2")), Differs)
    assert not is_provided({before.name: before}, six), "what the subject says of itself proves no file"


def test_lock_tells_it_again_when_it_is_read() -> None:
    before = lock()
    facts = provided_fact(before.provided)
    tool = {"lockml": {**(before.pylock.tool or {}).get("lockml", {}), **facts}}
    pylock = dataclasses.replace(before.pylock, tool=tool)
    again = parse_lock(format_lock(replace(before, pylock=pylock)).encode(), "pylock.toml")
    assert again.provided == before.provided


def lock_with_setuptools(needs: str = "") -> Lock:
    """Return a lock for an image with Debian's setuptools, which what is provided may need."""
    debians = ProvidedPackage(
        name=NormalizedName("setuptools"), version="66.1.1", record="list-sha256:1", owner="Debian package x"
    )
    before = lock()
    packages = (*(replace(each, needs=(NormalizedName(needs),) if needs else ()) for each in before.provided.packages),)
    return replace(before, provided=replace(before.provided, packages=(*packages, debians)))


@pytest.mark.parametrize(
    ("needs", "version", "kinds"),
    [("", "66.1.1", []), ("setuptools", "66.1.1", []), ("", "80.0.0", []), ("setuptools", "80.0.0", ["version"])],
)
def test_setuptools_of_a_virtual_environment_on_the_base_is_a_tool_unless_it_is_another_that_is_needed(
    needs: str, version: str, kinds: list[str]
) -> None:
    files = {**FILES, **installed_files(make_wheel("setuptools", version), SITE)}
    drifts = check(files, lock=lock_with_setuptools(needs), level="names").drifts
    assert [each.kind for each in drifts if "base image" in each.detail] == kinds


BASE = ("sha256:" + "1" * 64,)


def own_files(origins: Mapping[str, Origin], *, selection: str = "all", layers: tuple[str, ...] = BASE) -> list[str]:
    """Return the files that nothing accounts for in an image with a loose module, a folder and a .pth file."""
    files = {**FILES, f"{SITE}/vendor.py": b"", f"{SITE}/hooks.pth": b"import os\n", f"{SITE}/own/a.py": b""}
    tree = MemoryTree(files, origins={"/": IMAGE, **origins})
    before = lock()
    provided = replace(before.provided, selection=(selection,))
    made = replace(before, provided=provided, base_image=BaseImage(reference="base:1", layers=BASE))
    drifts = check(tree, lock=made, layers=layers).drifts
    return [drift.name for drift in drifts if drift.kind == "unattributed-file"]


def test_loose_files_of_a_base_image_that_provides_all_are_as_locked() -> None:
    assert own_files({}) == []


def test_loose_files_count_where_single_packages_are_provided_or_the_base_is_another() -> None:
    everything = ["hooks.pth", "own", "vendor.py"]
    assert sorted(own_files({}, selection="torch")) == everything
    assert sorted(own_files({}, layers=("sha256:" + "2" * 64,))) == everything


def test_loose_file_of_a_later_layer_counts() -> None:
    assert own_files({f"{SITE}/vendor.py": LATER}) == ["vendor.py"]
    assert own_files({f"{SITE}/own/a.py": LATER}) == ["own"]
    assert own_files({f"{SITE}/hooks.pth": STARTED}) == ["hooks.pth"]
