"""What happens in, a line of JSON on standard error out: the log of what runs unattended."""

import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal, TextIO

from lockml.common.display import redact

__all__ = ["Log"]

Level = Literal["info", "warning", "error"]
_LEVELS: Final[dict[str, Level]] = {
    "lost": "error",
    "not-told": "error",
    "worker-lost": "error",
    "not-told-yet": "warning",
    "retried": "warning",
    "sent-again": "warning",
    "spooled": "warning",
    "unknown-target": "warning",
}
"""Of events that are no ordinary course of things; one that failed is an error."""


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
        level: Level = "error" if event.endswith("-failed") else _LEVELS.get(event, "info")
        self._write(level, event, facts)

    def _write(self, level: Level, event: str, facts: dict[str, object]) -> None:
        if self._stream is None or self._clock is None:
            return
        values = {key: redact(value) if isinstance(value, str) else value for key, value in facts.items()}
        moment = self._clock().isoformat(timespec="milliseconds")
        if self._form == "json":
            line = json.dumps({"time": moment, "level": level, "event": event, **values}, default=str)
        else:
            line = " ".join(
                [moment, level, event, *(f"{key}={json.dumps(value, default=str)}" for key, value in values.items())]
            )
        with self._lock:
            print(line, file=self._stream, flush=True)

    def capture(self) -> None:
        """Write also what libraries of this process warn of, a line each, and nothing else of theirs."""
        root = logging.getLogger()
        root.handlers = [_Handler(self._library)]
        root.setLevel(logging.WARNING)
        logging.captureWarnings(True)
        warnings.filterwarnings("ignore", message=".*superuser privileges.*")  # Celery's: who reads engines is root

    def _library(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        facts: dict[str, object] = {"logger": record.name, "message": record.getMessage()}
        if error is not None:
            facts["error"] = f"{type(error).__name__}: {error}"
        self._write("error" if record.levelno >= logging.ERROR else "warning", "library", facts)


class _Handler(logging.Handler):
    """Hands what is logged to a function."""

    def __init__(self, write: Callable[[logging.LogRecord], None]) -> None:
        super().__init__()
        self._written = write

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._written(record)
        except Exception:  # as logging itself has it: what cannot be written ends nobody
            self.handleError(record)
