"""What was worked out of the pages of an index, kept for all searches that ask it: an explanation has dozens."""

from collections.abc import Hashable
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.target import Target
from lockml.resolution.candidates.bounds import Bound
from lockml.resolution.candidates.merged_lines import AllowedHashes

if TYPE_CHECKING:  # they lead back here
    from lockml.resolution.candidates.rejections import Rejection
    from lockml.resolution.candidates.release import Release
    from lockml.resolution.model import Policy

__all__ = ["Judgements"]

_K = TypeVar("_K", bound=Hashable)
_T = TypeVar("_T")
_Judged = dict[tuple[NormalizedName, Version, AllowedHashes], "Release | Rejection"]
_TooNew = dict[NormalizedName, frozenset[int]]


class Judgements:
    """The releases that were judged, with the first and last version within each bound.

    Any thread may call every method. All is kept in dictionaries, which are read without a lock and written only by
    `keep`: two threads may work out the same at once, but the first result is what both return.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_rule: dict[Hashable, tuple[_Judged, _TooNew]] = {}
        self.windows: dict[tuple[NormalizedName, Bound], tuple[int, int]] = {}

    def by(self, target: Target, policy: "Policy") -> tuple[_Judged, _TooNew]:
        """Return the releases that were judged for *target*, and the indexes of what is too new, by *policy*."""
        rule = (target, policy.exclude_newer, policy.exempt, policy.no_binary, policy.only_binary)
        return self.keep(self._by_rule, rule, ({}, {}))

    def keep(self, memo: dict[_K, _T], key: _K, value: _T) -> _T:
        """Keep *value* under *key*, unless another thread has kept one meanwhile; return the one that is kept."""
        with self._lock:
            return memo.setdefault(key, value)
