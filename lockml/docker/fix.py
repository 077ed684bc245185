"""Fix everything in a Dockerfile that can be fixed safely."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from lockml.docker.analysis import Context
from lockml.docker.context.dockerignore import parse_dockerignore
from lockml.docker.dockerfile.parse import parse_dockerfile
from lockml.docker.dockerfile.source import Source
from lockml.docker.lint import Settings, lint_dockerfile
from lockml.docker.model import Edit, Finding

__all__ = ["Fixed", "apply_edits", "fix_dockerfile"]

_ROUNDS: Final = 30  # rounds: fixes at one place, or enabled by others


class Fixed(Struct, frozen=True, kw_only=True):
    """A Dockerfile and its .dockerignore after fixing, and the remaining *findings*."""

    source: Source
    ignore_source: Source | None
    findings: tuple[Finding, ...]
    count: int


def fix_dockerfile(source: Source, context: Context, settings: Settings) -> Fixed:
    """Return *source* with every safe fix applied until none is left; fixing the result again changes nothing."""
    count = 0
    findings = lint_dockerfile(source, context, settings)
    for _ in range(_ROUNDS):
        chosen = _compatible(findings)
        if not chosen:
            break
        fixed = _edited(source, chosen)
        ignores = context.ignore_source
        fixed_context = context
        if ignores is not None and any(each.source.name == ignores.name for each in chosen):
            ignores = _edited(ignores, chosen)
            fixed_context = replace(context, ignore_source=ignores, ignores=parse_dockerignore(ignores.text))
        if len(parse_dockerfile(fixed).faults) > len(parse_dockerfile(source).faults):
            break
        source, context = fixed, fixed_context
        count += len(chosen)
        findings = lint_dockerfile(source, context, settings)
    return Fixed(source=source, ignore_source=context.ignore_source, findings=findings, count=count)


def _compatible(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings whose edits do not overlap earlier ones."""
    chosen: list[Finding] = []
    taken: dict[str, list[Edit]] = {}
    for finding in findings:
        edits = taken.setdefault(finding.source.name, [])
        if finding.fix and not any(_touch(edit, other) for edit in finding.fix for other in edits):
            edits += finding.fix
            chosen.append(finding)
    return chosen


def _touch(edit: Edit, other: Edit) -> bool:
    return edit.start <= other.stop and other.start <= edit.stop


def _edited(source: Source, findings: Iterable[Finding]) -> Source:
    edits = [edit for finding in findings if finding.source.name == source.name for edit in finding.fix]
    return Source(name=source.name, text=apply_edits(source.text, edits))


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Return *text* with the non-overlapping *edits* applied; edits at the same place keep their order."""
    parts: list[str] = []
    offset = 0
    for edit in sorted(edits, key=lambda each: (each.start, each.stop)):
        parts += [text[offset : edit.start], edit.text]
        offset = max(edit.stop, offset)
    return "".join([*parts, text[offset:]])
