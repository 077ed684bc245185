"""The nouns of linting: rules, findings, and the edits that end them."""

from typing import Final, Literal

from msgspec import Struct

from lockml.docker.dockerfile.source import Source

__all__ = ["SEVERITIES", "Edit", "Finding", "Rule", "Severity"]

Severity = Literal["error", "warning", "note"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "note")


class Rule(Struct, frozen=True, kw_only=True):
    """What is looked for: its *code*, a *name*, how it counts, one *sentence* that says what is wrong."""

    code: str
    name: str
    severity: Severity
    sentence: str
    fixable: bool = False

    @property
    def page(self) -> str:
        """Where it is described, seen from the documentation's folder."""
        return f"dockerfile-rules.md#{self.code.lower()}-{self.name}"


class Edit(Struct, frozen=True, kw_only=True):
    """Put *text* where the source has what is from *start* to *stop*."""

    start: int
    stop: int
    text: str


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that is wrong, from *start* to *stop* in *source*.

    *fix* are the edits that end it without changing what the image is meant to be, () where none do; all of them or
    none are made. *hint* says what to do where there is none.
    """

    code: str
    severity: Severity
    message: str
    source: Source
    start: int
    stop: int
    fix: tuple[Edit, ...] = ()
    hint: str = ""
