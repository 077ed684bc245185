"""Lint a Dockerfile and its context."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from lockml.docker.analysis import Analysis, Context
from lockml.docker.dockerfile.parse import parse_dockerfile
from lockml.docker.dockerfile.source import Source
from lockml.docker.model import Finding, Severity
from lockml.docker.rules.base import find_bases
from lockml.docker.rules.build_context import find_context
from lockml.docker.rules.cache import find_caches
from lockml.docker.rules.credentials import find_credentials
from lockml.docker.rules.environments import find_environments
from lockml.docker.rules.indexes import find_merged_indexes
from lockml.docker.rules.labels import find_labels
from lockml.docker.rules.order import find_order
from lockml.docker.rules.registry import RULES
from lockml.docker.rules.requirement_files import find_requirement_files
from lockml.docker.rules.suppressions import Span, suppress, suppressions_of
from lockml.docker.rules.unlocked import find_unlocked

__all__ = ["Settings", "find_all", "judged", "lint_dockerfile"]

_FINDERS: Final[tuple[Callable[[Analysis], Iterator[Finding]], ...]] = (
    find_unlocked,
    find_requirement_files,
    find_labels,
    find_order,
    find_caches,
    find_merged_indexes,
    find_credentials,
    find_bases,
    find_environments,
    find_context,
)


class Settings(Struct, frozen=True, kw_only=True):
    """The linting configuration: the codes to ignore, and severities of others."""

    ignore: frozenset[str] = frozenset()
    severity: Mapping[str, Severity] = field(default_factory=dict)


def lint_dockerfile(source: Source, context: Context, settings: Settings) -> tuple[Finding, ...]:
    """Return the findings in text order, followed by those of the .dockerignore."""
    dockerfile = parse_dockerfile(source)
    analysis = Analysis(dockerfile, context)
    findings = find_all(analysis)
    spans = [Span(each.start, each.stop) for each in dockerfile.instructions]
    suppressions, faults = suppressions_of(source, spans)
    remaining = suppress(findings, suppressions, source)
    if context.ignore_source is not None:
        others, more = suppressions_of(context.ignore_source, ())
        remaining = suppress(remaining, others, context.ignore_source)
        faults += more
    return judged((*remaining, *faults), settings, source)


def find_all(analysis: Analysis) -> list[Finding]:
    """Return all findings, before comments and the configuration apply."""
    faults = [_fault(analysis.source, fault.problem, fault.start) for fault in analysis.dockerfile.faults]
    return faults + [finding for find in _FINDERS for finding in find(analysis)]


def judged(findings: Iterable[Finding], settings: Settings, source: Source) -> tuple[Finding, ...]:
    """Return the *findings* that count according to *settings*, each once, those of *source* first."""
    counted = {
        (each.source.name, each.start, each.code, each.message): replace(
            each, severity=settings.severity.get(each.code, each.severity)
        )
        for each in findings
        if each.code not in settings.ignore
    }
    return tuple(
        sorted(
            counted.values(), key=lambda each: (each.source.name != source.name, each.start, each.code, each.message)
        )
    )


def _fault(source: Source, problem: str, start: int) -> Finding:
    end = source.text.find("\n", start)
    stop = len(source.text) if end == -1 else end
    return Finding(
        code="LK900", severity=RULES["LK900"].severity, message=problem, source=source, start=start, stop=stop
    )
