"""What happens in, a line of JSON on standard error out: the log of what runs unattended."""

import json
import sys
import threading
from datetime import UTC, datetime
from typing import TextIO

from lockml.common.display import redact

__all__ = ["Log"]


class Log:
    """Writes events to *stream*, or nothing where it is None; *form* is ``json`` or ``text``."""

    def __init__(self, stream: TextIO | None = None, form: str = "json") -> None:
        self._stream = stream
        self._form = form
        self._lock = threading.Lock()

    @classmethod
    def standard(cls, form: str) -> "Log":
        """Return the log on standard error."""
        return cls(sys.stderr, form)

    def __call__(self, event: str, **facts: object) -> None:
        """Tell that *event* happened, and what is known of it."""
        if self._stream is None:
            return
        told = {key: redact(value) if isinstance(value, str) else value for key, value in facts.items()}
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        if self._form == "json":
            line = json.dumps({"time": moment, "event": event, **told}, default=str)
        else:
            line = " ".join(
                [moment, event, *(f"{key}={json.dumps(value, default=str)}" for key, value in told.items())]
            )
        with self._lock:
            print(line, file=self._stream, flush=True)
