"""Report the progress of long work through a callable that does nothing by default."""

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from msgspec import Struct

__all__ = ["Progress", "Step", "counted", "silent", "tell_fact"]

_T = TypeVar("_T")
_OFTEN: Final = 32


class Step(Struct, frozen=True, kw_only=True):
    """One step of long work: what is being done, to what, and how far (*total* None if unknown).

    *read* is how many bytes were read for it so far. A *fact* is not work: it is only shown in verbose output.
    """

    doing: str
    subject: str = ""
    done: int = 0
    total: int | None = None
    read: int = 0
    fact: bool = False


Progress = Callable[[Step], None]


def silent(_: Step) -> None:
    """Ignore all events."""


def tell_fact(progress: Progress, text: str) -> None:
    """Report *text* for verbose output: what was chosen and why, what a cache had."""
    if progress is not silent:
        progress(Step(doing=text, fact=True))


def counted(items: Iterator[_T], doing: str, total: int, progress: Progress) -> Iterator[_T]:
    """Return *items*; a listener hears of one in a few dozen, out of a *total* that may be an estimate."""
    return items if progress is silent else _counted(items, doing, total, progress)


def _counted(items: Iterator[_T], doing: str, total: int, progress: Progress) -> Iterator[_T]:
    for done, item in enumerate(items):
        if not done % _OFTEN:
            progress(Step(doing=doing, done=done, total=max(total, done)))
        yield item
