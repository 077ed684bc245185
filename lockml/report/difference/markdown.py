"""Format a difference as Markdown (GitHub's flavour) for a pull request: grouped, collapsed, capped with a count."""

import html
from collections.abc import Iterable, Iterator
from typing import Final

from lockml.common.display import escape
from lockml.common.settings import setting
from lockml.drift.differences.model import Difference, FileGroup
from lockml.report.difference.words import (
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
from lockml.report.markup import md_code, md_text

__all__ = ["format_markdown"]

_MAX_PACKAGES: Final = 200
_MAX_GROUPS: Final = 100
_OPEN: Final = 20  # rows that are shown without collapsing them


def format_markdown(difference: Difference, *, full: bool = False) -> str:
    """Return the document; foreign text in it can neither forge a line nor make a link."""
    lines = [f"### {md_text(headline(difference))}", ""]
    lines += _settings(difference)
    lines += _packages(difference)
    lines += _files(difference, full=full)
    lines += _folded("Layers", [*_layers(difference)])
    lines += [f"- **could not be read**: {md_text(f'{each.path}: {each.reason}')}" for each in difference.problems]
    lines += [f"- {md_text(line)}" for line in note_lines(difference)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _settings(difference: Difference) -> Iterator[str]:
    for each in difference.settings:
        yield f"- {md_text(each.name)}: {md_text(setting_line(each))}"
    if difference.settings:
        yield ""


def _packages(difference: Difference) -> list[str]:
    rows = [
        f"| {change.kind} | {md_text(package_line(change))} | {md_text(written(change, difference))} |"
        for change in difference.packages[:_MAX_PACKAGES]
    ]
    if not rows:
        return []
    left = len(difference.packages) - len(rows)
    more = [f"| | … and {left:,} more | |"] if left else []
    table = ["| change | package | by |", "|---|---|---|", *rows, *more]
    if len(rows) <= _OPEN:
        return [*table, ""]
    return _folded(f"{len(difference.packages):,} packages", table)


def _files(difference: Difference, *, full: bool) -> list[str]:
    lines: list[str] = []
    for group in difference.groups[:_MAX_GROUPS]:
        lines += _folded(f"{group_name(group)}: {group_counts(group)}", _changes(group, difference, full=full))
    left = len(difference.groups) - _MAX_GROUPS
    return [*lines, *([f"… and {left:,} more groups of files", ""] if left > 0 else [])]


def _changes(group: FileGroup, difference: Difference, *, full: bool) -> Iterator[str]:
    shown = examples_of(group, full=full)
    for change in shown:
        facts = "; ".join(filter(None, (change.detail, written(change, difference))))
        yield f"- {change.kind} {md_code(change.path)}{f' ({md_text(facts)})' if facts else ''}"
    left = group.total - len(shown)
    if left:
        yield f"- … and {left:,} more: `{setting('full')}` lists all"


def _layers(difference: Difference) -> Iterator[str]:
    line = layer_line(difference)
    if line:
        yield f"- {md_text(line)}"
    for each in difference.layers:
        yield f"- {each.kind}: layer {each.number} of {each.count}{f' {md_code(each.step[:200])}' if each.step else ''}"


def _folded(title: str, lines: Iterable[str]) -> list[str]:
    found = list(lines)
    if not found:
        return []
    return ["<details>", f"<summary>{html.escape(escape(title))}</summary>", "", *found, "", "</details>", ""]
