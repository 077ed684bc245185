"""Lines of a log, and faults that are logged once."""

import io
import json

from lockml.audit.log import Log
from tests.audit.made import SetClock


def test_line_has_the_time_of_the_clock_and_no_secrets() -> None:
    stream = io.StringIO()
    Log(stream, "json", SetClock())("lost", target="a", file="https://me:secret@example.org/x")
    line = json.loads(stream.getvalue())
    assert line == {
        "time": "2026-11-27T12:00:00.000+00:00",
        "event": "lost",
        "target": "a",
        "file": "https://example.org/x",
    }


def test_fault_is_logged_once_and_when_it_is_over() -> None:
    stream = io.StringIO()
    log = Log(stream, "text", SetClock())
    for error in ("", "away", "away", "locked", "", "", "away"):
        log.once("store", error)
    assert [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()] == [
        'store-failed error="away"',
        'store-failed error="locked"',
        "store-again",
        'store-failed error="away"',
    ]


def test_log_without_a_stream_is_silent() -> None:
    Log().once("store", "away")
