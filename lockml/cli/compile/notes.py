"""What ``compile`` tells beside its result: notes and warnings by their kind."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from lockml.cli.common.terminal import note, warn

__all__ = ["Note", "NoteKind", "print_notes"]

NoteKind = Literal["host-target", "input", "warning", "result"]
"""What a note is of: the parts of the target that are this machine's, an input, a risk, or what was done."""


class Note(NamedTuple):
    """One line for the user."""

    kind: NoteKind
    text: str


def print_notes(notes: Iterable[Note]) -> None:
    """Print *notes* on standard error."""
    for each in notes:
        (warn if each.kind == "warning" else note)(each.text)
