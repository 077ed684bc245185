"""What a base image provides is held against what it had when the lock was made."""

import dataclasses
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from lockml.drift.artifacts import record_digest
from lockml.drift.model import DriftReport, Level
from lockml.lock.facts import provided_fact
from lockml.lock.formats.pylock import format_lock, parse_lock
from lockml.lock.model import Lock, ProvidedPackage, ProvidedPackages
from tests.drift.checks import check, found
from tests.drift.subjects import in_order, inventory_of, make_lock, without
from tests.made.trees import SITE
from tests.made.wheels import installed_files, make_wheel
from tests.made.wheels import record_digest as row_digest

TORCH = make_wheel("torch", "2.9.0a0+x", files={"torch/__init__.py": b"locked"})
FILES = {**in_order(), **installed_files(TORCH, SITE)}


def lock(*, record: bool = True) -> Lock:
    """Return the usual lock, made on an image that has torch."""
    (torch,) = [each for each in inventory_of(FILES).environment.distributions if each.name == "torch"]
    package = ProvidedPackage(
        name=torch.name, version=torch.version, record=(record_digest(torch) or "") if record else "", origin="layer 2"
    )
    return replace(make_lock(), provided=ProvidedPackages(selection=("torch",), packages=(package,)))


def report(files: Mapping[str, bytes], level: Level = "files", *, record: bool = True) -> DriftReport:
    return check(dict(files), lock=lock(record=record), level=level)


@pytest.mark.parametrize("level", ["names", "artifacts", "files"])
def test_provided_package_as_the_image_had_it_is_in_order(level: Level) -> None:
    found_in = report(FILES, level)
    assert (found_in.drifts, found_in.problems) == ((), ())
    assert any(each.subject == "provided" and "1 of 1 packages" in each.text for each in found_in.remarks)


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


def test_lock_tells_it_again_when_it_is_read() -> None:
    before = lock()
    facts = provided_fact(before.provided)
    tool = {"lockml": {**(before.pylock.tool or {}).get("lockml", {}), **facts}}
    pylock = dataclasses.replace(before.pylock, tool=tool)
    again = parse_lock(format_lock(replace(before, pylock=pylock)).encode(), "pylock.toml")
    assert again.provided == before.provided
