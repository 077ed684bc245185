"""Compute the tags of wheels that install on an interpreter and platform, with their ranks.

PEP 425; manylinux PEP 600 (legacy names PEP 513, 571, 599), musllinux PEP 656; the stable ABI of free-threaded builds
PEP 803. The order is that of `packaging.tags`.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct
from packaging.tags import Tag, compatible_tags, cpython_tags, generic_tags, mac_platforms

__all__ = ["ListedTags", "Tags", "cpython_groups", "linux_platforms", "macos_platforms", "pypy_groups"]

_LEGACY_MANYLINUX: Final = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_OLDEST_GLIBC_MINOR: Final = {"x86_64": 5, "i686": 5}  # PEP 600: the lowest glibc there
_OLDEST_ELSEWHERE: Final = 17
_PYPY_ABI: Final = "pp73"  # every PyPy since 7.3.0, for any Python

Groups = dict[tuple[str, str, bool], int]
"""An interpreter and ABI, whether it is for any platform, and its place."""


class Tags(Struct, frozen=True):
    """The tags of *groups* on *platforms*, ranked from 0; platforms count within a group."""

    groups: Groups
    platforms: dict[str, int]

    def rank(self, interpreters: Iterable[str], abis: Iterable[str], platforms: Iterable[str]) -> int | None:
        """Return the rank of the wheel with these tags (PEP 425), 0 is preferred; None if none installs."""
        groups, places = self.groups, self.platforms
        ranks = [
            (group * len(places)) + (0 if anywhere else places[platform])
            for interpreter in interpreters
            for abi in abis
            for platform in platforms
            for anywhere in (platform == "any",)
            if (group := groups.get((interpreter, abi, anywhere))) is not None and (anywhere or platform in places)
        ]
        return min(ranks, default=None)

    def ranks(self) -> dict[Tag, int]:
        """Return every tag with its rank: 0 is preferred."""
        ranks: dict[Tag, int] = {}
        for interpreter, abi, anywhere in self.groups:
            for platform in ("any",) if anywhere else self.platforms:
                ranks.setdefault(Tag(interpreter, abi, platform), len(ranks))
        return ranks

    def interpreters(self) -> frozenset[tuple[str, str]]:
        """Return the interpreters and ABIs."""
        return frozenset((interpreter, abi) for interpreter, abi, _ in self.groups)

    def places(self) -> frozenset[str]:
        """Return the platforms."""
        return frozenset({*self.platforms, "any"})


class ListedTags(Struct, frozen=True):
    """Tags that the user listed, such as ``cp311-cp311-linux_x86_64``, ranked from 0."""

    listed: dict[tuple[str, ...], int]

    @classmethod
    def of(cls, tags: Sequence[str]) -> "ListedTags":
        """Return *tags*, preferred ones first."""
        return cls({tuple(tag.split("-")): place for place, tag in enumerate(tags)})

    def rank(self, interpreters: Iterable[str], abis: Iterable[str], platforms: Iterable[str]) -> int | None:
        """Return the rank of the wheel with these tags (PEP 425), 0 is preferred; None if none installs."""
        ranks = [
            rank
            for interpreter in interpreters
            for abi in abis
            for platform in platforms
            if (rank := self.listed.get((interpreter, abi, platform))) is not None
        ]
        return min(ranks, default=None)

    def ranks(self) -> dict[Tag, int]:
        """Return every tag with its rank: 0 is preferred."""
        return {Tag(*tag): place for tag, place in self.listed.items()}

    def interpreters(self) -> frozenset[tuple[str, str]]:
        """Return the interpreters and ABIs."""
        return frozenset((tag[0], tag[1]) for tag in self.listed)

    def places(self) -> frozenset[str]:
        """Return the platforms."""
        return frozenset(tag[2] for tag in self.listed)


def cpython_groups(minor: int, *, free_threaded: bool) -> Groups:
    """Return the groups of CPython 3.*minor*; a free-threaded build has its own ABI, and no ``abi3``."""
    interpreter = f"cp3{minor}"
    abi = f"{interpreter}t" if free_threaded else interpreter
    tags = [
        *cpython_tags((3, minor), abis=[abi], platforms=["here"]),
        *compatible_tags((3, minor), interpreter=interpreter, platforms=["here"]),
    ]
    return _grouped(tags)


def pypy_groups(minor: int) -> Groups:
    """Return the groups of a PyPy 7.3 for Python 3.*minor*."""
    tags = [
        *generic_tags(f"pp3{minor}", abis=[f"pypy3{minor}_{_PYPY_ABI}"], platforms=["here"]),
        *compatible_tags((3, minor), interpreter="pp3", platforms=["here"]),
    ]
    return _grouped(tags)


def _grouped(tags: Iterable[Tag]) -> Groups:
    groups = dict.fromkeys((tag.interpreter, tag.abi, tag.platform == "any") for tag in tags)
    return {group: place for place, group in enumerate(groups)}


def macos_platforms(version: tuple[int, int], machine: str) -> Iterator[str]:
    """Yield the platforms of macOS *version* on *machine*, most specific first."""
    return mac_platforms(version, machine)


def linux_platforms(machine: str, family: str, major: int, minor: int) -> Iterator[str]:
    """Yield the platforms of Linux on *machine* with a C library, ``glibc``, ``musl`` or "", preferred first."""
    yield f"linux_{machine}"
    if family == "glibc":
        for each in range(minor, _OLDEST_GLIBC_MINOR.get(machine, _OLDEST_ELSEWHERE) - 1, -1):
            yield f"manylinux_{major}_{each}_{machine}"
            if each in _LEGACY_MANYLINUX and major == 2:
                yield f"{_LEGACY_MANYLINUX[each]}_{machine}"
    elif family == "musl":
        for each in range(minor, -1, -1):
            yield f"musllinux_{major}_{each}_{machine}"
