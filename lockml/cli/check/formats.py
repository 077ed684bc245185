"""Format drift reports for printing."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name

from lockml.cli.common.terminal import terminal_width, wants_colour
from lockml.drift.model import DriftReport
from lockml.report.json import format_json
from lockml.report.text import format_text

__all__ = ["FORMATS", "format_reports"]

_NAME: Final = re.compile(r'name = "([^"]+)"')


def format_reports(name: str, reports: Sequence[DriftReport], *, full: bool = False) -> str:
    """Return *reports* on one subject in the format *name*, one of `FORMATS`; with *full*, with every drift."""
    return _FORMATTERS[name](reports, full)


def _text(reports: Sequence[DriftReport], full: bool) -> str:
    return format_text(reports, colour=wants_colour(sys.stdout), width=terminal_width(sys.stdout), full=full)


def _json(reports: Sequence[DriftReport], _: bool) -> str:
    return format_json(reports)


def _sarif(reports: Sequence[DriftReport], full: bool) -> str:
    from lockml.report.sarif import format_sarif

    return format_sarif(reports, {report.lock: _lines(report.lock) for report in reports}, full=full)


def _lines(lock: str) -> Mapping[str, int]:
    """Return the line of each project in the file *lock*, {} if the file is gone."""
    found: dict[str, int] = {}
    try:
        lines = Path(lock).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    for number, line in enumerate(lines, 1):
        match = _NAME.fullmatch(line)
        if match is not None and lines[number - 2].strip() == "[[packages]]":
            found.setdefault(canonicalize_name(match[1]), number)
    return found


def _junit(reports: Sequence[DriftReport], full: bool) -> str:
    from lockml.report.junit import format_junit

    return format_junit(reports, full=full)


def _markdown(reports: Sequence[DriftReport], full: bool) -> str:
    from lockml.report.markdown import format_markdown

    return format_markdown(reports, full=full)


def _html(reports: Sequence[DriftReport], full: bool) -> str:
    from lockml.report.html import format_html

    return format_html(reports, full=full)


def _cyclonedx(reports: Sequence[DriftReport], _: bool) -> str:
    from lockml.cli.common.report_time import report_time
    from lockml.report.cyclonedx import format_cyclonedx

    return format_cyclonedx(reports, time=report_time(reports[0].ended))


_FORMATTERS: Final[dict[str, Callable[[Sequence[DriftReport], bool], str]]] = {
    "text": _text,
    "json": _json,
    "sarif": _sarif,
    "junit": _junit,
    "markdown": _markdown,
    "html": _html,
    "cyclonedx": _cyclonedx,
}
FORMATS: Final = tuple(_FORMATTERS)
