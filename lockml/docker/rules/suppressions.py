"""Apply ignore comments to findings: ``# lockml: ignore[LK101] reason``."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from lockml.docker.dockerfile.source import Source
from lockml.docker.model import Finding
from lockml.docker.rules.registry import RULES

__all__ = ["Span", "Suppression", "suppress", "suppressions_of"]

_COMMENT: Final = re.compile(r"(?m)(?:^|[ \t])#[ \t]*lockml:[ \t]*ignore(?:\[([^\]\n]{0,500})\])?[ \t]*([^\n]*)")


class Span(Struct, frozen=True):
    """The range that a comment inside or before it applies to: offsets in the source."""

    start: int
    stop: int


class Suppression(Struct, frozen=True, kw_only=True):
    """A comment: its *codes* and the *span* that it applies to."""

    codes: frozenset[str]
    span: Span


def suppressions_of(source: Source, spans: Sequence[Span]) -> tuple[tuple[Suppression, ...], tuple[Finding, ...]]:
    """Return the ignore comments of *source*, and a finding for each that gives no reason or names no rule.

    A comment inside a span applies to it, any other to the next one; without spans, to the entire file.
    """
    stops = [span.stop for span in spans]
    found: list[Suppression] = []
    faults: list[Finding] = []
    for match in _COMMENT.finditer(source.text) if "lockml:" in source.text else ():
        codes = frozenset(code.strip().upper() for code in (match[1] or "").split(",") if code.strip())
        unknown = sorted(codes - RULES.keys())
        if not codes or unknown or not match[2].strip():
            problem = (
                f"{unknown[0][:40]!r} is not a rule"
                if unknown
                else "it names no rule"
                if not codes
                else "it gives no reason"
            )
            start = match.start() + (match[0][:1] in " \t")
            faults.append(
                Finding(
                    code="LK901",
                    severity=RULES["LK901"].severity,
                    message=f"this comment ignores nothing: {problem}",
                    source=source,
                    start=start,
                    stop=match.end() - match[0].endswith("\r"),
                    hint="write # lockml: ignore[LK101] followed by a reason",
                )
            )
            continue
        at = match.end()
        position = bisect_left(stops, at)
        span = (spans[position] if position < len(spans) else None) if spans else Span(0, len(source.text))
        if span is not None:
            found.append(Suppression(codes=codes, span=span))
    return tuple(found), tuple(faults)


def suppress(findings: Iterable[Finding], suppressions: Sequence[Suppression], source: Source) -> tuple[Finding, ...]:
    """Return the *findings* that no comment of *source* ignores."""
    codes: dict[Span, frozenset[str]] = {}
    for each in suppressions:
        codes[each.span] = codes.get(each.span, frozenset()) | each.codes
    spans = sorted(codes, key=lambda span: span.start)
    starts = [span.start for span in spans]

    def excepted(finding: Finding) -> bool:
        position = bisect_right(starts, finding.start) - 1
        return position >= 0 and finding.start <= spans[position].stop and finding.code in codes[spans[position]]

    return tuple(each for each in findings if each.source.name != source.name or not excepted(each))
