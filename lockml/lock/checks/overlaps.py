"""Find wheels of a lock that install different files at the same path.

The last one installed wins, and removing one breaks both: opencv-python and opencv-python-headless.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

from msgspec import Struct
from packaging.utils import NormalizedName

from lockml.index.model import DistributionFile
from lockml.resolution.model import Resolution

__all__ = ["Overlap", "find_overlaps", "preferred_wheels"]

Tops = Mapping[str, tuple[str, ...]]


class Overlap(Struct, frozen=True, kw_only=True):
    """Two releases, as text, and one of the *count* paths at which they have different files."""

    one: str
    other: str
    path: str
    count: int

    def __str__(self) -> str:
        more = f" and {self.count - 1} more" if self.count > 1 else ""
        return (
            f"{self.one} and {self.other} install different files at the same path, {self.path}{more}: "
            "the last one installed wins"
        )


def preferred_wheels(resolution: Resolution) -> tuple[DistributionFile, ...]:
    """Return the wheel of each pin that the target prefers, if it has one."""
    return tuple(pin.files[0] for pin in resolution.pins if pin.files and pin.files[0].kind == "wheel")


def find_overlaps(
    wheels: Sequence[DistributionFile], tops: Tops, files: Callable[[DistributionFile], Mapping[str, str]]
) -> Iterator[Overlap]:
    """Yield each two of *wheels*, which are installed together, that have different files at the same path.

    *tops* are the top-level names of each, by file name; *files*, the hash of each file by path, is called only for
    those that share one.
    """
    sharing: dict[str, list[DistributionFile]] = {}
    for wheel in wheels:
        for top in tops.get(wheel.filename, ()):
            sharing.setdefault(top, []).append(wheel)
    pairs = {
        (one.filename, other.filename): (one, other)
        for many in sharing.values()
        for one, other in combinations(sorted(many, key=_order), 2)
    }
    known: dict[str, Mapping[str, str]] = {}
    for one, other in (pairs[names] for names in sorted(pairs)):
        mine, theirs = (known.setdefault(each.filename, files(each)) for each in (one, other))
        paths = sorted(path for path in mine.keys() & theirs.keys() if mine[path] != theirs[path])
        if paths:
            yield Overlap(one=_release(one), other=_release(other), path=paths[0], count=len(paths))


def _order(wheel: DistributionFile) -> tuple[NormalizedName, str]:
    return wheel.project, wheel.filename


def _release(wheel: DistributionFile) -> str:
    return f"{wheel.project} {wheel.version}"
