"""A newer release of a later index that fits is told with the options that take it; what would not fit is not."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.index.locations import IndexLocation
from lockml.index.pages.elsewhere import ShadowedPage
from lockml.requirements.model import RequirementSet
from lockml.resolution.candidates.shadowed import shadow_warnings, shadowed
from lockml.resolution.model import Policy, Preferences
from lockml.resolution.resolver import resolve
from tests.made.indexes import INDEX_URL, MemoryIndex
from tests.made.targets import make_target
from tests.resolution.universes import asked_by

LATER = IndexLocation(url="https://later.example/simple")
PLACES = (IndexLocation(url=INDEX_URL), LATER)


def warned(
    first: MemoryIndex,
    later: MemoryIndex,
    asked: RequirementSet,
    policy: Policy = Policy(),  # noqa: B008 - frozen
    names: Sequence[str] = ("lib",),
    preferences: Preferences = Preferences(),  # noqa: B008 - frozen
) -> list[str]:
    resolution = resolve(asked, make_target(), first, policy=policy, preferences=preferences)
    pages = [
        ShadowedPage(location=LATER, first=ours, later=theirs)
        for name in map(canonicalize_name, names)
        if (ours := first.project(name)) is not None and (theirs := later.project(name)) is not None
    ]
    return shadow_warnings(shadowed(resolution, asked, pages, first, policy), PLACES)


def index_of(*versions: str, name: str = "lib", index: MemoryIndex | None = None, **entry: object) -> MemoryIndex:
    index = index if index is not None else MemoryIndex()
    for version in versions:
        index.add(name, version, **entry)  # type: ignore[arg-type]
    return index


def test_newer_release_of_a_later_index_is_told_with_both_indexes_and_versions() -> None:
    assert warned(index_of("1.0"), index_of("1.0", "2.0"), asked_by("lib")) == [
        f"{INDEX_URL} is asked before {INDEX_URL}, which has a newer release that would fit: "
        "lib 2.0 (1.0 is locked); to use it: "
        "--index later=https://later.example/simple --index-only later=lib"
    ]


@pytest.mark.parametrize(
    ("line", "newer"), [("lib<2", "2.0"), ("lib", "1.0"), ("lib", "2.0rc1"), ("lib", "2.0+cu121"), ("lib!=2.0", "2.0")]
)
def test_release_that_would_not_be_taken_is_not_told(line: str, newer: str) -> None:
    assert warned(index_of("1.0"), index_of(newer), asked_by(line)) == []


def test_bounds_of_packages_and_constraints_count() -> None:
    first = index_of("1.0")
    first.add("app", "1.0", ["lib<2"])
    assert warned(first, index_of("2.0"), asked_by("app")) == []
    assert warned(index_of("1.0"), index_of("2.0"), asked_by("lib", constraints=("lib<2",))) == []


def test_release_without_a_file_for_the_target_and_one_that_was_yanked_are_not_told() -> None:
    assert warned(index_of("1.0"), index_of("2.0", tag="cp38-cp38-win32"), asked_by("lib")) == []
    assert warned(index_of("1.0"), index_of("2.0", yanked=True), asked_by("lib")) == []


def test_release_that_the_first_index_has_too_is_not_hidden() -> None:
    """It is passed over for another reason, which has its own words."""
    kept = Preferences(versions={canonicalize_name("lib"): Version("1.0")})
    assert warned(index_of("1.0", "2.0"), index_of("2.0"), asked_by("lib"), preferences=kept) == []
    assert warned(index_of("1.0", "2.0"), index_of("3.0"), asked_by("lib"), preferences=kept) != []


def test_build_for_an_accelerator_is_chosen_by_its_index() -> None:
    assert warned(index_of("1.0+cu121"), index_of("2.0"), asked_by("lib")) == []


def test_nothing_is_told_where_the_oldest_is_wanted_or_the_date_excludes_it() -> None:
    old, new = index_of("1.0", upload_time="2024-01-01T00:00:00Z"), index_of("2.0", upload_time="2025-01-01T00:00:00Z")
    assert warned(old, new, asked_by("lib"), Policy(strategy="lowest")) == []
    assert warned(old, new, asked_by("lib"), Policy(exclude_newer=datetime(2024, 6, 1, tzinfo=UTC))) == []


def test_many_projects_of_one_pair_of_indexes_are_one_warning() -> None:
    names = [f"lib{number}" for number in range(7)]
    first, later = MemoryIndex(), MemoryIndex()
    for name in names:
        index_of("1.0", name=name, index=first)
        index_of("2.0", name=name, index=later)
    [warning] = warned(first, later, asked_by(*names), names=names)
    assert "lib4 2.0 (1.0 is locked) and 2 more; to use them" in warning
    assert warning.endswith(f"--index-only later={','.join(names)}")
