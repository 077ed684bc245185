"""The clock in, whether it is time again out."""

from datetime import datetime, timedelta

__all__ = ["Throttle"]


class Throttle:
    """Says when something is to be done again: at first at once, then after *pause* at the earliest."""

    def __init__(self, pause: timedelta) -> None:
        self._pause = pause
        self._next: datetime | None = None

    def due(self, now: datetime) -> bool:
        """Say whether it is time, and if so begin to wait anew."""
        if self._next is not None and now < self._next:
            return False
        self._next = now + self._pause
        return True
