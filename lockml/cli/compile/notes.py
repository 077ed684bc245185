"""What ``compile`` tells beside its result: notes and warnings by their kind."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

from lockml.cli.common.terminal import note, warn

__all__ = ["Note", "NoteKind", "gathered_notes", "print_notes"]

NoteKind = Literal["host-target", "input", "warning", "result"]
"""What a note is of: the parts of the target that are this machine's, an input, a risk, or what was done."""


class Note(NamedTuple):
    """One line for the user."""

    kind: NoteKind
    text: str


class _Gathering:
    """Where notes go in place of standard error, None for there."""

    notes: list[Note] | None = None


@contextmanager
def gathered_notes() -> Iterator[list[Note]]:
    """Give a list that notes go to, in place of standard error, for who compiles more than one lock."""
    before, _Gathering.notes = _Gathering.notes, []
    try:
        yield _Gathering.notes
    finally:
        _Gathering.notes = before


def print_notes(notes: Iterable[Note]) -> None:
    """Print *notes* on standard error."""
    if _Gathering.notes is not None:
        _Gathering.notes += notes
        return
    for each in notes:
        (warn if each.kind == "warning" else note)(each.text)
