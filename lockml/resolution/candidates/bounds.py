"""Says which versions a specifier admits, each asked once, and where in order they are.

Everything but ``!=`` and ``===`` admits versions that follow each other in order (PEP 440), so the first and the last
of thousands are found by bisection. `Bound.window` is the fast path, `Bound.admits` what it must agree with.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final

from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import Version

__all__ = ["Bound", "parse_bound"]

_BELOW: Final = frozenset({"<", "<="})
_ABOVE: Final = frozenset({">", ">="})
_ABOUT: Final = frozenset({"==", "~="})


class Bound:
    """A range of versions; equal only to itself, and `parse_bound` gives the same one for the same text.

    *pins* says whether it names one version, *limits* whether it is bounded above, *contiguous* whether all that lie
    in its `window` are within. Any thread may call every method: what is kept of `admits` is the same for all.
    """

    __slots__ = ("_admitted", "_runs", "contiguous", "limits", "pins", "specifier", "text")

    def __init__(self, specifier: SpecifierSet) -> None:
        self.specifier = specifier
        self.text = ",".join(sorted(map(str, specifier)))
        self.pins = any(clause.operator in ("==", "===") and not clause.version.endswith(".*") for clause in specifier)
        self.limits = any(clause.operator in ("<", "<=", "~=", "==") for clause in specifier)
        self._runs = [_Run(clause) for clause in specifier if clause.operator in _BELOW | _ABOVE | _ABOUT]
        self.contiguous = len(self._runs) == len(specifier)
        self._admitted: dict[Version, bool] = {}

    def __str__(self) -> str:
        return self.text

    def admits(self, version: Version) -> bool:
        """Say whether *version* is within, a pre-release like any other."""
        admitted = self._admitted.get(version)
        if admitted is None:
            admitted = self._admitted[version] = self.specifier.contains(version, prereleases=True)
        return admitted

    def window(self, versions: Sequence[Version]) -> tuple[int, int]:
        """Return from which index to before which in *versions*, newest first, all lie that are within."""
        start, stop = 0, len(versions)
        for run in self._runs:
            start, stop = run.narrow(versions, start, stop)
        return start, stop


class _Run:
    """One clause, which admits versions that follow each other."""

    def __init__(self, clause: Specifier) -> None:
        self._clause = clause
        self._named = Version(clause.version.removesuffix(".*"))

    def narrow(self, versions: Sequence[Version], start: int, stop: int) -> tuple[int, int]:
        """Return what of *start* to before *stop* is within."""
        if self._clause.operator not in _ABOVE:
            start = self._bisect(versions, start, stop, newer=True)
        if self._clause.operator not in _BELOW:
            stop = self._bisect(versions, start, stop, newer=False)
        return start, stop

    def _bisect(self, versions: Sequence[Version], low: int, high: int, *, newer: bool) -> int:
        """Return the first index that is not too new, or with *newer* false the first that is too old."""
        while low < high:
            middle = (low + high) // 2
            if self._is_beyond(versions[middle], newer=newer) is newer:
                low = middle + 1
            else:
                high = middle
        return low

    def _is_beyond(self, version: Version, *, newer: bool) -> bool:
        """Say whether *version* is too new, or with *newer* false, too old."""
        if self._clause.contains(version, prereleases=True):
            return False
        if self._clause.operator in _BELOW:
            return newer
        if self._clause.operator in _ABOVE:
            return not newer
        return (version > self._named) is newer


_BOUNDS: Final[dict[str, Bound]] = {}


@cache
def parse_bound(text: str) -> Bound:
    """Return the bound that *text* names, as PEP 440 writes it, "" for any version; raises InvalidSpecifier.

    Two threads that ask at once get the same one: `cache` alone would let each keep its own.
    """
    return _BOUNDS.setdefault(text, Bound(SpecifierSet(text)))
