"""Lines of a log, and faults that are logged once."""

import io
import json
import logging

import pytest

from lockml.audit.log import Log
from tests.audit.made import SetClock


def test_line_has_the_time_of_the_clock_and_no_secrets() -> None:
    stream = io.StringIO()
    Log(stream, "json", SetClock())("lost", target="a", file="https://me:secret@example.org/x")
    line = json.loads(stream.getvalue())
    assert line == {
        "time": "2026-11-27T12:00:00.000+00:00",
        "level": "error",
        "event": "lost",
        "target": "a",
        "file": "https://example.org/x",
    }


def test_fault_is_logged_once_and_when_it_is_over() -> None:
    stream = io.StringIO()
    log = Log(stream, "text", SetClock())
    for error in ("", "away", "away", "locked", "", "", "away"):
        log.once("store", error)
    assert [line.split(" ", 2)[2] for line in stream.getvalue().splitlines()] == [
        'store-failed error="away"',
        'store-failed error="locked"',
        "store-again",
        'store-failed error="away"',
    ]


def test_secrets_in_lists_and_tables_are_replaced_too() -> None:
    stream = io.StringIO()
    url = "https://me:secret@example.org/x"
    Log(stream, "json", SetClock())("lost", files=[url, (url,)], more={"a": {url: url}}, error=ValueError(url), count=2)
    assert "secret" not in stream.getvalue()
    assert json.loads(stream.getvalue())["count"] == 2


def test_name_with_a_line_break_is_one_line() -> None:
    stream = io.StringIO()
    log = Log(stream, "text", SetClock())
    log.once("record", "away", target="a\nb")
    log("c\nd")
    assert [line.split(" ", 2)[2] for line in stream.getvalue().splitlines()] == [
        'record-failed target="a\\nb" error="away"',
        "c\\nd",
    ]


def test_faults_of_two_targets_are_told_apart() -> None:
    stream = io.StringIO()
    log = Log(stream, "text", SetClock())
    for target in ("a", "b", "a"):
        log.once("record", "away", target=target)
    assert len(stream.getvalue().splitlines()) == 2


def test_log_without_a_stream_is_silent() -> None:
    Log().once("store", "away")


@pytest.mark.parametrize(
    ("event", "level"), [("run", "info"), ("not-sent-yet", "warning"), ("worker-lost", "error"), ("x-failed", "error")]
)
def test_level_is_that_of_the_event(event: str, level: str) -> None:
    stream = io.StringIO()
    Log(stream, "json", SetClock())(event)
    assert json.loads(stream.getvalue())["level"] == level


def test_what_libraries_warn_of_is_a_line_of_the_same_log() -> None:
    stream, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        Log(stream, "json", SetClock()).capture()
        logging.getLogger("kombu").warning("two\nlines of %s", "https://me:secret@example.org")
        logging.getLogger("celery").info("an ordinary thing")
    finally:
        root.handlers = handlers
        root.setLevel(level)
        logging.captureWarnings(False)
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert (line["level"], line["event"], line["logger"]) == ("warning", "library", "kombu")
    assert line["message"] == "two\nlines of https://example.org"
