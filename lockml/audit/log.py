"""The log of processes that run unattended: one line of JSON on standard error for each event."""

import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Literal, TextIO

from lockml.common.display import escape, redact

__all__ = ["Log"]

Level = Literal["info", "warning", "error"]
_LEVELS: Final[dict[str, Level]] = {
    "lost": "error",
    "not-sent": "error",
    "worker-lost": "error",
    "not-sent-yet": "warning",
    "retried": "warning",
    "sent-again": "warning",
    "spooled": "warning",
    "unknown-target": "warning",
}
"""The levels of events other than info; an event that ends in ``-failed`` is an error."""


class Log:
    """A log that writes events to *stream* with the time of *clock*, as ``json`` or ``text``; silent without them."""

    def __init__(
        self, stream: TextIO | None = None, form: str = "json", clock: Callable[[], datetime] | None = None
    ) -> None:
        self._stream = stream
        self._form = form
        self._clock = clock
        self._lock = threading.Lock()
        self._errors: dict[str, str] = {}  # the last failure of each event

    @classmethod
    def standard(cls, form: str, clock: Callable[[], datetime]) -> "Log":
        """Return the log on standard error."""
        return cls(sys.stderr, form, clock)

    def once(self, event: str, error: str, **facts: str) -> None:
        """Write that *event* failed with *error*, unless its last failure was the same; "" means that it works again.

        *facts*, such as a target, tell apart events of the same name.
        """
        key = json.dumps([event, facts])
        with self._lock:
            if self._errors.get(key, "") == error:
                return
            if error:
                self._errors[key] = error
            else:
                del self._errors[key]
        self(f"{event}-failed" if error else f"{event}-again", **facts, **({"error": error} if error else {}))

    def __call__(self, event: str, **facts: object) -> None:
        """Write that *event* happened, with its *facts*."""
        level: Level = "error" if event.endswith("-failed") else _LEVELS.get(event, "info")
        self._write(level, event, facts)

    def _write(self, level: Level, event: str, facts: dict[str, object]) -> None:
        if self._stream is None or self._clock is None:
            return
        values = {key: _redacted(value) for key, value in facts.items()}
        moment = self._clock().isoformat(timespec="milliseconds")
        if self._form == "json":
            line = json.dumps({"time": moment, "level": level, "event": event, **values}, default=str)
        else:
            line = " ".join(
                [
                    moment,
                    level,
                    escape(event),
                    *(f"{key}={json.dumps(value, default=str)}" for key, value in values.items()),
                ]
            )
        with self._lock:
            print(line, file=self._stream, flush=True)

    def capture(self) -> None:
        """Write the warnings and errors of libraries too, one line each, and nothing else of theirs."""
        root = logging.getLogger()
        root.handlers = [_Handler(self._library)]
        root.setLevel(logging.WARNING)
        logging.captureWarnings(True)
        warnings.filterwarnings("ignore", message=".*superuser privileges.*")  # Celery's: workers are root

    def _library(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        facts: dict[str, object] = {"logger": record.name, "message": record.getMessage()}
        if error is not None:
            facts["error"] = f"{type(error).__name__}: {error}"
        self._write("error" if record.levelno >= logging.ERROR else "warning", "library", facts)


def _redacted(value: object) -> object:
    """Return *value* with the secrets of every text in it replaced, in lists and tables too."""
    match value:
        case str():
            return redact(value)
        case Mapping():
            return {redact(str(key)): _redacted(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_redacted(each) for each in value]
        case int() | float() | None:
            return value
        case _:
            return redact(str(value))


class _Handler(logging.Handler):
    """A handler that passes each record to a function."""

    def __init__(self, write: Callable[[logging.LogRecord], None]) -> None:
        super().__init__()
        self._written = write

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._written(record)
        except Exception:  # as logging itself does: a record that cannot be written ends no process
            self.handleError(record)
