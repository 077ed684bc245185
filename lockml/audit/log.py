"""What happens in, a line of JSON on standard error out: the log of what runs unattended."""

import json
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from typing import TextIO

from lockml.common.display import redact

__all__ = ["Log"]


class Log:
    """Writes events to *stream* with the time by *clock*; *form* is ``json`` or ``text``. Without them it is silent."""

    def __init__(
        self, stream: TextIO | None = None, form: str = "json", clock: Callable[[], datetime] | None = None
    ) -> None:
        self._stream = stream
        self._form = form
        self._clock = clock
        self._lock = threading.Lock()
        self._errors: dict[str, str] = {}  # what went wrong last, by event

    @classmethod
    def standard(cls, form: str, clock: Callable[[], datetime]) -> "Log":
        """Return the log on standard error."""
        return cls(sys.stderr, form, clock)

    def once(self, event: str, error: str) -> None:
        """Write that *event* failed with *error*, unless that was written of it last; "" says that it works again."""
        with self._lock:
            if self._errors.get(event, "") == error:
                return
            self._errors[event] = error
        self(f"{event}-failed" if error else f"{event}-again", **({"error": error} if error else {}))

    def __call__(self, event: str, **facts: object) -> None:
        """Write that *event* happened, and what is known of it."""
        if self._stream is None or self._clock is None:
            return
        values = {key: redact(value) if isinstance(value, str) else value for key, value in facts.items()}
        moment = self._clock().isoformat(timespec="milliseconds")
        if self._form == "json":
            line = json.dumps({"time": moment, "event": event, **values}, default=str)
        else:
            line = " ".join(
                [moment, event, *(f"{key}={json.dumps(value, default=str)}" for key, value in values.items())]
            )
        with self._lock:
            print(line, file=self._stream, flush=True)
