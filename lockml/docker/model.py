"""The data model of linting: rules, findings, and the edits that fix them."""

from typing import Final, Literal

from msgspec import Struct

from lockml.docker.dockerfile.source import Source

__all__ = ["SEVERITIES", "Edit", "Finding", "Rule", "Severity"]

Severity = Literal["error", "warning", "note"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "note")


class Rule(Struct, frozen=True, kw_only=True):
    """A rule: its *code*, a *name*, its severity, and one *sentence* that says what is wrong."""

    code: str
    name: str
    severity: Severity
    sentence: str
    fixable: bool = False

    @property
    def page(self) -> str:
        """The link to its description, relative to the documentation folder."""
        return f"dockerfile-rules.md#{self.code.lower()}-{self.name}"


class Edit(Struct, frozen=True, kw_only=True):
    """A replacement of the source from *start* to *stop* by *text*."""

    start: int
    stop: int
    text: str


class Finding(Struct, frozen=True, kw_only=True):
    """One fault, from *start* to *stop* in *source*.

    *fix* are the edits that fix it without changing the intended image, () if there are none; they are applied together
    or not at all. *hint* says what to do without a fix.
    """

    code: str
    severity: Severity
    message: str
    source: Source
    start: int
    stop: int
    fix: tuple[Edit, ...] = ()
    hint: str = ""
