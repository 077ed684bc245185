"""What the wheels of a lock can import in; which of them put different files at the same path out.

Whichever is installed last wins, and both are broken once one is removed: opencv-python and opencv-python-headless.
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
    """Two releases, as text, and one of the *count* paths at which both have a file, each its own."""

    one: str
    other: str
    path: str
    count: int

    def __str__(self) -> str:
        more = f" and {self.count - 1} more" if self.count > 1 else ""
        return (
            f"{self.one} and {self.other} install different files at the same path, {self.path}{more}: "
            "whichever is installed last wins"
        )


def preferred_wheels(resolution: Resolution) -> tuple[DistributionFile, ...]:
    """Return the wheel that the target takes of each pin that has one."""
    return tuple(pin.files[0] for pin in resolution.pins if pin.files and pin.files[0].kind == "wheel")


def find_overlaps(
    wheels: Sequence[DistributionFile], tops: Tops, files: Callable[[DistributionFile], Mapping[str, str]]
) -> Iterator[Overlap]:
    """Yield each two of *wheels*, which are installed together, that have different files at the same path.

    *tops* are the names at the top of each by file name; *files*, the hash of each file by path, is asked only of those
    that share one.
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
