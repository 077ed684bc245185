import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.lock.formats.following import Followed, Roots, Wanted, follow, parse_wanted
from lockml.lock.select import reachable
from tests.made.targets import make_target


def locked(name: str, *needs: str, version: str = "1", extra: str = "", optional: bool = False) -> Followed:
    """Return a locked package that *needs* others, with the *extra* alone where one is named."""
    wanted = tuple(map(parse_wanted, needs))
    return Followed(
        name=canonicalize_name(name),
        version=Version(version),
        always=() if extra else wanted,
        extras={canonicalize_name(extra): wanted} if extra else {},
        left_out=optional,
    )


def installed(*packages: Followed, asked: tuple[str, ...] | None = None) -> list[str]:
    """Return what is installed of *packages* where *asked* is, as ``NAME VERSION``."""
    roots = None if asked is None else Roots(always=tuple(map(parse_wanted, asked)))
    found = reachable(follow(packages, roots, None), make_target().environment, frozenset(), frozenset())
    return [f"{packages[position].name} {packages[position].version}" for position in found]


def test_needs_are_followed_through_a_circle() -> None:
    packages = (locked("a", "b"), locked("b", "c"), locked("c", "a"), locked("d"))
    assert installed(*packages, asked=("c",)) == ["a 1", "b 1", "c 1"]


def test_marker_that_does_not_hold_ends_a_way() -> None:
    packages = (locked("a", "b ; sys_platform == 'win32'"), locked("b"))
    assert installed(*packages, asked=("a",)) == ["a 1"]


def test_extra_is_followed_where_it_is_asked_for() -> None:
    packages = (locked("a", "b", extra="x"), locked("b"))
    assert installed(*packages, asked=("a",)) == ["a 1"]
    assert installed(*packages, asked=("a[x]",)) == ["a 1", "b 1"]


def test_version_that_a_bound_leaves_decides_for_those_without_bounds() -> None:
    packages = (locked("a", "b>=1"), locked("b", version="1.5"), locked("b", version="2"))
    assert installed(*packages, asked=("a",)) == ["a 1", "b 2"]
    assert installed(*packages, asked=("a", "b<2")) == ["a 1", "b 1.5"]


def test_what_is_alone_is_meant_whatever_its_version() -> None:
    assert installed(locked("a", version="3"), asked=("a<2",)) == ["a 3"]


def test_what_nothing_needs_is_asked_for_where_nobody_says() -> None:
    packages = (locked("a", "b", "c ; sys_platform == 'win32'"), locked("b"), locked("c"), locked("o", optional=True))
    assert installed(*packages) == ["a 1", "b 1"]


def test_circle_that_nothing_leads_to_is_asked_for() -> None:
    assert installed(locked("a"), locked("b", "c"), locked("c", "b")) == ["a 1", "b 1", "c 1"]


def test_extra_whose_needs_are_all_locked_is_asked_for_where_nobody_says() -> None:
    assert installed(locked("a", "b", extra="x"), locked("b")) == ["a 1", "b 1"]
    assert installed(locked("a", "b", "not-locked", extra="x"), locked("b")) == ["a 1", "b 1"]
    assert installed(locked("a", "b", extra="x"), locked("b", optional=True)) == ["a 1"]


def test_more_versions_than_any_environment_has_are_refused() -> None:
    packages = tuple(locked("a", "a", version=str(version)) for version in range(101))
    with pytest.raises(ValueError, match="'a' is locked in more than 100 versions"):
        follow(packages, Roots(always=(Wanted(name=canonicalize_name("a")),)), None)
