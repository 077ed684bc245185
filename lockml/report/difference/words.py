"""Sentences that all formats of a difference share: plain text without markup, not yet escaped."""

import re
from collections.abc import Iterator
from typing import Final

from lockml.common.display import redact
from lockml.drift.differences.model import Difference, FileChange, FileCounts, FileGroup, PackageChange, SettingChange

__all__ = [
    "EXAMPLES",
    "brought_by",
    "counted",
    "examples_of",
    "group_counts",
    "group_name",
    "headline",
    "layer_line",
    "note_lines",
    "package_line",
    "setting_line",
    "written",
]

EXAMPLES: Final = 5
"""How many files of a group are shown."""

_SHOWN: Final = 160
_LAYER: Final = re.compile(r"(?P<before>before: )?layer (?P<number>\d{1,9}) of \d{1,9}(?= \()")


def headline(difference: Difference) -> str:
    """Return one line that says what is compared and how much of it differs."""
    return f"{difference.before.name} -> {difference.after.name}: {_verdict(difference)}"


def _verdict(difference: Difference) -> str:
    counts = (
        counted(len(difference.settings), "setting"),
        counted(len(difference.packages), "package"),
        counted(difference.files, "file"),
    )
    found = [each for each in counts if not each.startswith("0 ")]
    if found:
        only_one = len(found) == 1 and found[0].startswith("1 ")
        return f"{', '.join(found)} {'differs' if only_one else 'differ'}"
    unknown = ", as far as it could be read" if difference.problems else ""
    level = {"names": "name or version", "artifacts": "name, version or RECORD", "files": "file"}
    return f"no difference in any {level[difference.level]}{unknown}"


def counted(number: int, noun: str) -> str:
    """Return a *number* of things."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def package_line(change: PackageChange) -> str:
    """Return the project and what changed."""
    if change.kind == "files":
        detail = f" ({redact(change.detail)})" if change.detail else ""
        return f"{change.name} {change.after or change.before}: same version, different files{detail}"
    versions = [version for version in (change.before, change.after) if version is not None]
    same = versions[:1] if len(set(versions)) == 1 else versions
    detail = f": {redact(change.detail)}" if change.detail else ""
    return f"{change.name} {' -> '.join(same)}{detail}"


def setting_line(change: SettingChange) -> str:
    """Return the old and the new value."""
    before, after = change.before, change.after
    if before is not None and after is not None:
        same = next((n for n, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), 0)
        if same > _SHOWN // 2:  # two long values whose beginnings say nothing
            before, after = (f"…{value[same - 20 :]}" for value in (before, after))
    before, after = (_value(each) for each in (before, after))
    detail = f" ({redact(change.detail)})" if change.detail else ""
    return f"{before} -> {after}{detail}"


def _value(value: str | None) -> str:
    if value is None:
        return "not there"
    shown = redact(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def group_name(group: FileGroup) -> str:
    """Return the owner of the files."""
    if group.owner is not None:
        return "Python and its standard library" if group.owner == "python" else group.owner
    return f"in no RECORD, under {group.folder}"


def group_counts(group: FileGroup) -> str:
    """Return how many files of a group differ and by how many bytes they grew."""
    parts = list(_counts(group.files, "file"))
    compiled = list(_counts(group.compiled, "compiled module"))
    grown = f"{group.growth:+,} bytes" if group.growth else ""
    return ", ".join(filter(None, (*parts, *compiled, grown)))


def _counts(counts: FileCounts, noun: str) -> Iterator[str]:
    for number, what in ((counts.changed, "changed"), (counts.added, "added"), (counts.removed, "removed")):
        if number:
            yield f"{counted(number, noun)} {what}"


def examples_of(group: FileGroup, *, full: bool) -> tuple[FileChange, ...]:
    """Return the files to show of a group: sources before compiled modules."""
    return group.changes if full else group.changes[:EXAMPLES]


def brought_by(text: str, difference: Difference) -> str:
    """Return the *text* of an origin, without the step of a layer that is listed with the layers."""
    match = _LAYER.match(text)
    if match is None:
        return redact(text)
    kind = "removed" if match["before"] else "added"
    listed = any(each.kind == kind and each.number == int(match["number"]) for each in difference.layers)
    return match[0].rstrip() if listed else redact(text)


def written(change: FileChange | PackageChange, difference: Difference) -> str:
    """Return what caused a change and when it was written, "" where neither is known."""
    time = f"written {change.time[:10]} {change.time[11:16]} UTC" if change.time is not None else ""
    return ", ".join(filter(None, (brought_by(change.origin or "", difference), time)))


def layer_line(difference: Difference) -> str:
    """Return how many layers the two images share, "" if one of them is not an image."""
    before, after = difference.before.layers, difference.after.layers
    if not before or not after:
        return ""
    return f"{difference.shared_layers} of {before} layers before, and of {after} after, are the same"


def note_lines(difference: Difference) -> Iterator[str]:
    """Yield what a reader must know about how the comparison was made."""
    if difference.recompiled:
        modules = counted(difference.recompiled, "compiled module")
        yield f"{modules} with the same code, compiled at another time, not counted"
    if difference.accepted:
        yield f"{counted(difference.accepted, 'drift')} that the configuration accepts, not counted"
    yield from difference.notes
