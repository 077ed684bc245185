"""Notes and warnings of ``compile`` by their kind, and its errors in few lines."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Literal, NamedTuple

import click

from lockml.cli.common.terminal import note, warn
from lockml.common.display import escape
from lockml.common.errors import LockmlError, NoResolutionError, RequirementError

__all__ = ["Note", "NoteKind", "gathered_notes", "in_brief", "print_changes", "print_notes"]

NoteKind = Literal["host-target", "input", "warning", "idle", "idle-in-table", "change", "result"]
"""What a note is about.

host-target: the parts of the target that are this machine's. input: an input. warning: a risk. idle: an option of the
command line that has no effect on this lock; idle-in-table: one of its table. change: why the lock is out of date.
result: what was done.
"""

_SUBJECT: Final = re.compile(r"(?P<subject>[A-Za-z0-9][\w.-]* [0-9][\w.!+-]*)(?P<rest>[ :].+)", re.DOTALL)
_PLAIN: Final = ("host-target", "input", "result")
_FEW: Final = 3  # similar warnings that are printed one by one, and releases that are named of more


class Note(NamedTuple):
    """One line for the user."""

    kind: NoteKind
    text: str


class _Gathering:
    """The list that notes go to instead of standard error, None for standard error."""

    notes: list[Note] | None = None


@contextmanager
def gathered_notes() -> Iterator[list[Note]]:
    """Give a list that notes go to in place of standard error, for a caller that compiles several locks."""
    before, _Gathering.notes = _Gathering.notes, []
    try:
        yield _Gathering.notes
    finally:
        _Gathering.notes = before


def print_notes(notes: Iterable[Note], *, full: bool = False) -> None:
    """Print *notes* on standard error; warnings that differ only in a release become one, unless *full*."""
    if _Gathering.notes is not None:
        _Gathering.notes += notes
        return
    for each in notes if full else _joined(list(notes)):
        (note if each.kind in _PLAIN else warn)(each.text)


def print_changes(lock: str, changes: Iterable[str]) -> None:
    """Print on standard output why *lock* is out of date; where notes are gathered, add the *changes* to them."""
    if _Gathering.notes is not None:
        _Gathering.notes += [Note("change", change) for change in changes]
        return
    click.echo(f"{lock} is out of date:")
    for change in changes:
        click.echo(f"  {escape(change)}")


def _joined(notes: list[Note]) -> Iterator[Note]:
    """Yield *notes*, joining those that say the same of many releases, at the place of the first."""
    alike: dict[str, list[str]] = {}
    for each in notes:
        match = _SUBJECT.fullmatch(each.text) if each.kind == "warning" else None
        if match is not None:
            alike.setdefault(match["rest"], []).append(match["subject"])
    for each in dict.fromkeys(notes):
        match = _SUBJECT.fullmatch(each.text) if each.kind == "warning" else None
        subjects = list(dict.fromkeys(alike[match["rest"]])) if match is not None else []
        if len(subjects) <= _FEW:
            yield each
        elif match is not None and match["subject"] == subjects[0]:
            others = subjects[1 : _FEW + 1]
            left = f" and {len(subjects) - 1 - len(others)} more" if len(subjects) - 1 > len(others) else ""
            yield Note("warning", f"{each.text}; likewise {len(subjects) - 1} others: {', '.join(others)}{left}")


def in_brief(error: LockmlError) -> LockmlError:
    """Return *error* in as many lines as a person reads at once; --full shows the others."""
    from lockml.resolution.conflicts.lines import MOST_LINES, ShownLine, shorten  # only for a refusal

    match error:
        case NoResolutionError():
            text = error.brief or error.explanation
            lines = shorten([ShownLine(line) for line in text.splitlines()])
            return NoResolutionError("\n".join(lines), hint=error.hint, gave_up=error.gave_up)
        case RequirementError() if len(error.faults) > MOST_LINES:
            more = f"{len(error.faults) - MOST_LINES} more lines are wrong (--full)"
            hint = f"{more}; {error.hint}" if error.hint else more
            return RequirementError(error.faults[:MOST_LINES], hint=hint)
    return error
