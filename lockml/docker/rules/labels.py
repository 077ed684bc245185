"""LK105: a lock label that does not match the lock."""

import re
from collections.abc import Iterator
from typing import Final

from lockml.docker.analysis import Analysis
from lockml.docker.context.lock import LockFacts
from lockml.docker.dockerfile.model import Instruction
from lockml.docker.dockerfile.stages import Step
from lockml.docker.dockerfile.variables import assignments, substitute
from lockml.docker.model import Edit, Finding
from lockml.docker.rules.registry import RULES
from lockml.docker.rules.satisfied import locked_file
from lockml.inventory.model import LOCK_LABEL

__all__ = ["find_labels"]

_DIGEST: Final = re.compile("sha256:[0-9a-f]{64}")


def find_labels(analysis: Analysis) -> Iterator[Finding]:
    """Yield a warning for each lock label that matches no target of the lock next to the file."""
    lock = analysis.lock
    if lock is None:
        return
    for stage in analysis.stages:
        for step in stage.steps:
            if step.instruction.keyword == "LABEL" and stage.number in analysis.shipped:
                yield from _in_step(analysis, step, lock)


def _in_step(analysis: Analysis, step: Step, lock: LockFacts) -> Iterator[Finding]:
    instruction, escape = step.instruction, analysis.dockerfile.escape
    for name, raw, offset in assignments(instruction.arguments.text, escape):
        value = substitute(raw, step.values, escape) if name.strip("\"'") == LOCK_LABEL else None
        if value is None or not lock.labels or value in lock.labels:
            continue
        digest = _DIGEST.fullmatch(value)
        start = instruction.arguments.origin(offset)
        yield Finding(
            code="LK105",
            severity=RULES["LK105"].severity,
            message=f"the label {LOCK_LABEL} is not the digest of {lock.file}"
            if digest
            else f"{value!r} is not a digest",
            source=analysis.source,
            start=start,
            stop=max(instruction.arguments.end(offset + len(raw)), start),
            fix=_fix(instruction, raw, offset, lock.labels) if locked_file(analysis) is not None else (),
            hint="write the label that `lockml dockerfile init -o -` prints",
        )


def _fix(instruction: Instruction, raw: str, offset: int, labels: tuple[str, ...]) -> tuple[Edit, ...]:
    """Return the edit that writes the digest, if the lock has one target and the old one is literal in the file."""
    found = _DIGEST.search(raw)
    arguments = instruction.arguments
    if len(labels) != 1 or found is None or raw.strip("\"'") != found[0] or not arguments.exact:
        return ()
    start, stop = arguments.origin(offset + found.start()), arguments.end(offset + found.end())
    return (Edit(start=start, stop=stop, text=labels[0]),) if stop - start == len(found[0]) else ()
