"""The data model of a Dockerfile: directives, instructions with positions, here-documents, faults."""

from collections.abc import Mapping

from msgspec import Struct

from lockml.docker.dockerfile.source import MappedText, Source

__all__ = ["Comment", "Dockerfile", "Fault", "Flag", "Heredoc", "Instruction"]


class Flag(Struct, frozen=True, kw_only=True):
    """An option of an instruction, ``--name=value``; *start* and *stop* are offsets in the source."""

    name: str
    value: str
    start: int
    stop: int


class Heredoc(Struct, frozen=True, kw_only=True):
    """A here-document: the *content* up to the line that is *name*."""

    name: str
    content: MappedText
    chomp: bool


class Instruction(Struct, frozen=True, kw_only=True):
    """One instruction: *arguments* are the text after the *flags*, continuation lines joined.

    *words* are those of the exec form, None in shell form. *start* and *stop* are offsets in the source, with
    here-documents and without the last line feed. *trigger* says that it follows ONBUILD.
    """

    keyword: str
    start: int
    stop: int
    arguments: MappedText
    flags: tuple[Flag, ...] = ()
    words: tuple[str, ...] | None = None
    heredocs: tuple[Heredoc, ...] = ()
    trigger: bool = False

    def flag(self, name: str) -> str | None:
        """Return the value of the first flag *name*, None if there is none."""
        return next((flag.value for flag in self.flags if flag.name == name), None)


class Comment(Struct, frozen=True, kw_only=True):
    """A line that is a comment, at the offset *start*."""

    text: str
    start: int


class Fault(Struct, frozen=True, kw_only=True):
    """Something at the offset *start* that BuildKit refuses."""

    problem: str
    start: int


class Dockerfile(Struct, frozen=True, kw_only=True):
    """A parsed file; *escape* joins lines, *faults* do not stop parsing."""

    source: Source
    escape: str
    directives: Mapping[str, str]
    instructions: tuple[Instruction, ...]
    comments: tuple[Comment, ...] = ()
    faults: tuple[Fault, ...] = ()
