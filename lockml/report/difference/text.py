"""Format a difference as text: the verdict, then settings, packages, files by owner, and layers."""

import re
from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from lockml.common.display import escape
from lockml.common.settings import setting
from lockml.drift.differences.model import Difference, FileChange, FileGroup
from lockml.report.difference.words import (
    brought_by,
    examples_of,
    group_counts,
    group_name,
    headline,
    layer_line,
    note_lines,
    package_line,
    setting_line,
    written,
)

__all__ = ["format_text"]

_LAYER: Final = re.compile(r"(layer \d{1,9} of \d{1,9}) \(.*\)")
_NUMBER: Final = r"\1"


def format_text(difference: Difference, *, full: bool = False) -> str:
    """Return the text; foreign text in it is escaped. *full* lists every recorded file."""
    if difference.before.subject is None and difference.after.subject is None:
        lines = list(_packages(difference)) or ["no package changed"]
        return "".join(f"{escape(line)}\n" for line in lines)
    paragraphs = [
        [headline(difference)],
        _titled("Settings", (f"{each.name:12} {setting_line(each)}" for each in difference.settings)),
        _titled("Packages", _packages(difference)),
        _titled("Files", _files(difference, full=full)),
        _titled("Layers", _layers(difference)),
        _titled("Could not be read", (f"{each.path}: {each.reason}" for each in difference.problems)),
        list(note_lines(difference)),
    ]
    return "\n".join("".join(f"{escape(line)}\n" for line in lines) for lines in paragraphs if lines)


def _titled(title: str, lines: Iterator[str]) -> list[str]:
    found = [f"  {line}" for line in lines]
    return [f"{title}:", *found] if found else []


def _packages(difference: Difference) -> Iterator[str]:
    written_steps: set[str] = set()
    for change in difference.packages:
        yield f"{change.kind:10} {package_line(change)}"
        since = written(change, difference)
        if since:
            yield f"{'':10} {since if since not in written_steps else _LAYER.sub(_NUMBER, since)}"
            written_steps.add(since)


def _files(difference: Difference, *, full: bool) -> Iterator[str]:
    replaced = {each.name for each in difference.packages if each.kind != "files"}
    for group in difference.groups:
        yield f"{group_name(group)}: {group_counts(group)}"
        one = len(group.origins) == 1
        for origin, count in sorted(group.origins.items(), key=lambda each: (-each[1], each[0])):
            text = brought_by(origin, difference) or "cause unknown"
            yield f"  {text}{'' if one else f': {count:,}'}"
        if group.owner not in replaced or full:
            yield from _changes(group, difference, full=full)


def _changes(group: FileGroup, difference: Difference, *, full: bool) -> Iterator[str]:
    shown = examples_of(group, full=full)
    one = len(group.origins) == 1
    for change in shown:
        since = written(replace(change, origin=None) if one else change, difference)
        facts = "; ".join(filter(None, (_sizes(change), change.detail, since)))
        yield f"  {change.kind:8} {change.path}{f' ({facts})' if facts else ''}"
    left = group.total - len(shown)
    if left:
        yield f"  … and {left:,} more: {setting('full')} lists all"


def _sizes(change: FileChange) -> str:
    if change.before is None or change.after is None or change.kind != "changed":
        return ""
    if change.before == change.after:
        return f"{change.after:,} bytes, changed"
    return f"{change.before:,} -> {change.after:,} bytes"


def _layers(difference: Difference) -> Iterator[str]:
    line = layer_line(difference)
    if line:
        yield line
    for each in difference.layers:
        sign = "+" if each.kind == "added" else "-"
        step = each.step if len(each.step) <= 120 else f"{each.step[:120]}…"
        yield f"{sign} layer {each.number} of {each.count}  {step}".rstrip()
