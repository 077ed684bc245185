"""What long work tells while it runs: a callable that does nothing unless somebody listens."""

from collections.abc import Callable

from msgspec import Struct

__all__ = ["Progress", "Step", "silent"]


class Step(Struct, frozen=True, kw_only=True):
    """One step of long work: what is being done, to what, and how far (*total* None where that is not known)."""

    doing: str
    subject: str = ""
    done: int = 0
    total: int | None = None


Progress = Callable[[Step], None]


def silent(_: Step) -> None:
    """Listen to nothing."""
