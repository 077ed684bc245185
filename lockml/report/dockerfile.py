"""Format the drifts of an image with the Dockerfile instructions that caused them, as text or JSON."""

import json
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from lockml.common.display import escape, redact
from lockml.docker.dockerfile.model import Instruction
from lockml.docker.dockerfile.source import Source
from lockml.docker.formats.text import without_logins
from lockml.docker.rules.registry import RULES
from lockml.drift.model import Drift, DriftReport
from lockml.report.json import drift_table, subject_table
from lockml.report.words import counted, headline, states

__all__ = ["SCHEMA", "BlamedDrift", "BlamedReport", "BlamedStep", "format_blamed_json", "format_blamed_text"]

SCHEMA: Final = "lockml/dockerfile-check/1"
_WIDEST: Final = 100  # characters of an instruction that are shown


class BlamedStep(Struct, frozen=True, kw_only=True):
    """An *instruction* of the build *stage* of that name or number."""

    stage: str
    instruction: Instruction


class BlamedDrift(Struct, frozen=True, kw_only=True):
    """A *drift* with the *steps* that may have caused it (one if it is certain), and those it came *through*.

    *rules* are pairs of a code that would have prevented it and whether the file ignores it; *reason* says why there
    is no step, or adds what else is known.
    """

    drift: Drift
    steps: tuple[BlamedStep, ...]
    through: tuple[BlamedStep, ...]
    reason: str
    rules: tuple[tuple[str, bool], ...]


class BlamedReport(Struct, frozen=True, kw_only=True):
    """A *report* whose *drifts* are traced to instructions of the Dockerfile *source*."""

    report: DriftReport
    source: Source
    drifts: tuple[BlamedDrift, ...]


def format_blamed_text(reports: Sequence[BlamedReport]) -> str:
    """Return each drift with its step and its rule; foreign text is escaped."""
    return "\n".join("".join(f"{line}\n" for line in _lines(each)) for each in reports)


def _lines(blamed: BlamedReport) -> Iterator[str]:
    yield escape(headline(blamed.report))
    if blamed.report.drifts:
        yield counted(blamed.report)
    for each in blamed.drifts:
        yield ""
        yield f"  {each.drift.kind} {escape(each.drift.name)}: {escape(states(each.drift))}"
        if each.drift.path is not None:
            yield f"    at   {escape(each.drift.path)}"
        yield f"    by   {escape(_brought(each, blamed.source))}"
        for code, ignored in each.rules:
            rule = RULES[code]
            yield f"    rule {code} {rule.name}{' (ignored here)' if ignored else ''}: {rule.sentence}"
        yield f"    fix  {escape(each.drift.fix)}"
    if blamed.report.problems:
        yield ""
        yield "Could not be checked:"
    for problem in blamed.report.problems:
        yield f"  {escape(problem.path)}: {escape(redact(problem.reason))}"


def _brought(each: BlamedDrift, source: Source) -> str:
    """Return what caused a drift, in one line."""
    steps = [_shown(step, source) for step in each.steps]
    parts = [("one of " if len(steps) > 1 else "") + "; ".join(steps)] if steps else []
    parts += [redact(without_logins(each.reason))] if each.reason else []
    parts += [f"through {_shown(step, source)}" for step in reversed(each.through)]
    return ", ".join(parts)


def _shown(step: BlamedStep, source: Source) -> str:
    text = _text(step, source)
    line = source.position(step.instruction.start).line
    return f"{source.name}:{line}: {text if len(text) <= _WIDEST else f'{text[:_WIDEST]}…'}"


def _text(step: BlamedStep, source: Source) -> str:
    instruction = step.instruction
    text = source.text[instruction.start : instruction.stop]
    joined = " ".join(line.rstrip("\\` \t\r") for line in text.split("\n") if not line.lstrip().startswith("#"))
    return redact(without_logins(" ".join(joined.split())))


def format_blamed_json(reports: Sequence[BlamedReport]) -> str:
    """Return a document of the schema ``lockml/dockerfile-check/1``: the drifts of `check`, each with its steps."""
    first = reports[0]
    document = {
        "schema": SCHEMA,
        "file": first.source.name,
        "subject": subject_table(first.report.subject),
        "level": first.report.level,
        "complete": all(each.report.complete for each in reports),
        "drifts": [_drift(drift, each) for each in reports for drift in each.drifts],
        "problems": [
            {"path": problem.path, "reason": redact(problem.reason)}
            for each in reports
            for problem in each.report.problems
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _drift(each: BlamedDrift, blamed: BlamedReport) -> dict[str, object]:
    return {
        **drift_table(each.drift, blamed.report),
        "steps": [_step(step, blamed.source) for step in each.steps],
        "through": [_step(step, blamed.source) for step in each.through],
        "reason": redact(without_logins(each.reason)) or None,
        "rules": [{"code": code, "name": RULES[code].name, "ignored": ignored} for code, ignored in each.rules],
    }


def _step(step: BlamedStep, source: Source) -> dict[str, object]:
    instruction = step.instruction
    return {
        "line": source.position(instruction.start).line,
        "end-line": source.position(instruction.stop).line,
        "stage": step.stage,
        "instruction": _text(step, source),
    }
