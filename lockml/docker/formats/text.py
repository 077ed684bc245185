"""Format findings as text: a line with the place, the source line with carets, the remedy."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from lockml.common.display import escape, redact
from lockml.docker.model import Finding
from lockml.docker.rules.credentials import login_in
from lockml.docker.rules.registry import RULES

__all__ = ["counts", "format_text", "without_logins"]

_SECRET: Final = re.compile(
    r"((?:^|[\s_])(?:\w*(?:TOKEN|PASSWORD|PASSWD|SECRET|KEY|CREDENTIALS))[=: ]\s*)(\S+)", re.IGNORECASE
)
_WIDEST: Final = 200  # characters of a source line that are shown


def format_text(findings: Sequence[Finding]) -> str:
    """Return the findings, each with its source line, and how many there are."""
    lines = [line for finding in findings for line in _block(finding)]
    return "".join(f"{escape(line)}\n" for line in [*lines, counts(findings)])


def _block(finding: Finding) -> Iterator[str]:
    start = finding.source.position(finding.start)
    rule = f"{finding.severity} {finding.code} {RULES[finding.code].name}"
    yield f"{finding.source.name}:{start.line}:{start.column}: {rule}: {redact(finding.message)}"
    line = _masked(finding, finding.source.line(start.line))
    if line.strip():
        shown = line.replace("\t", " ")[:_WIDEST]
        length = max(min(finding.stop - finding.start, len(shown) - start.column + 1), 1)
        margin = " " * len(str(start.line))
        yield f"  {margin} |"
        yield f"  {start.line} | {shown}"
        if start.column <= len(shown):
            yield f"  {margin} | {' ' * (start.column - 1)}{'^' * length}"
    if finding.fix:
        yield "  = --fix does this"
    elif finding.hint:
        yield f"  = {finding.hint}"
    yield ""


def without_logins(line: str) -> str:
    """Return *line* with the logins of URLs replaced by asterisks, in the same length."""
    offset = 0
    while (found := login_in(line[offset:])) is not None:
        start, stop = found[0] + offset, found[1] + offset
        line = f"{line[:start]}{'*' * (stop - start)}{line[stop:]}"
        offset = stop
    return line


def _masked(finding: Finding, line: str) -> str:
    """Return *line* without logins and without the secret that a finding points at."""
    line = without_logins(line)
    if finding.code != "LK303":
        return line
    return _SECRET.sub(lambda match: match[1] + "*" * len(match[2]), line)


def counts(findings: Sequence[Finding]) -> str:
    """Return the number of findings of each severity, and how many --fix fixes."""
    if not findings:
        return "no findings"
    parts: list[str] = []
    for severity in ("error", "warning", "note"):
        number = sum(finding.severity == severity for finding in findings)
        if number:
            parts.append(f"{number} {severity}{'s' if number > 1 else ''}")
    fixable = sum(bool(finding.fix) for finding in findings)
    return ", ".join(parts) + (f"; --fix fixes {fixable} of them" if fixable else "")
