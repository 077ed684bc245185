"""LK404: a base image whose tag names another CUDA than the locked packages are built for."""

from collections.abc import Iterator
from contextlib import suppress

from lockml.common.errors import LockError
from lockml.docker.analysis import Analysis
from lockml.docker.dockerfile.images import cuda_of, parse_image
from lockml.docker.model import Finding
from lockml.docker.rules.base import installs_lock, root_of
from lockml.docker.rules.registry import RULES
from lockml.index.accelerators.drivers import number
from lockml.index.accelerators.model import Declared, Ground
from lockml.lock.checks.accelerators import stack_findings
from lockml.lock.model import Lock

__all__ = ["find_accelerators"]

_OF_IMAGE = frozenset({"base-major", "libraries-of-another-major"})


def find_accelerators(analysis: Analysis) -> Iterator[Finding]:
    """Yield the bases of the stages that install the lock whose CUDA is not the lock's."""
    facts = analysis.lock
    if facts is None:
        return
    seen: set[int] = set()
    for stage in installs_lock(analysis):
        base = root_of(analysis, stage)
        if base.value is None or base.start in seen:
            continue
        seen.add(base.start)
        cuda = cuda_of(parse_image(base.value))
        for text, hint in _misfits(facts.lock, cuda, facts.file) if cuda else ():
            yield Finding(
                code="LK404",
                severity=RULES["LK404"].severity,
                message=text,
                source=analysis.source,
                start=base.start,
                stop=base.stop,
                hint=hint,
            )
            break


def _misfits(lock: Lock, cuda: str, file: str) -> Iterator[tuple[str, str]]:
    """Yield what does not fit an image of *cuda*, and the remedy; what a lock cannot select is told elsewhere."""
    if lock.accelerator == "cpu":
        yield f"the image is of CUDA {cuda}, and {file} is for CPU", "use a base image without CUDA"
        return
    if lock.accelerator.startswith("cu") and int(lock.accelerator[2:4]) != number(cuda)[0]:
        text = f"the image is of CUDA {cuda}, and {file} is for {lock.accelerator}"
        yield text, f"use a base image of CUDA {lock.accelerator[2:4]}, or compile with --accelerator for this one"
        return
    with suppress(LockError):
        for each in stack_findings(lock, Declared(), Ground(cuda=cuda), file):
            if each.rule in _OF_IMAGE:
                yield each.text, each.remedy
