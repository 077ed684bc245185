"""LK401 to LK404: base images that can change, that are not the lock's, or with another Python or CUDA."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from msgspec.structs import replace

from lockml.common.errors import LockError
from lockml.common.settings import setting
from lockml.docker.analysis import Analysis, Run
from lockml.docker.context.copies import source_of
from lockml.docker.context.lock import LockFacts
from lockml.docker.context.requirements import departures
from lockml.docker.dockerfile.images import ImageName, cuda_of, parse_image, python_of
from lockml.docker.dockerfile.stages import Base
from lockml.docker.installs.model import Install
from lockml.docker.model import Edit, Finding
from lockml.docker.rules.registry import RULES
from lockml.index.accelerators.model import NOTHING_DECLARED, Ground
from lockml.lock.checks.accelerators import stack_findings
from lockml.lock.model import Lock

__all__ = ["find_bases", "root_of"]

_CUDA_RULES: Final = frozenset({"base-major", "libraries-of-another-major"})


def find_bases(analysis: Analysis) -> Iterator[Finding]:
    """Yield the faults of the images that the stages are based on and copy from."""
    for stage in analysis.stages:
        base = stage.base
        if base.stage is None and base.value is not None and base.value.lower() != "scratch":
            yield from _digest(analysis, base.value, base.start, base.stop, base)
    yield from _copied_images(analysis)
    if analysis.lock is not None:
        yield from _of_lock(analysis)
        yield from _other_cuda(analysis, analysis.lock)


def root_of(analysis: Analysis, stage: int) -> Base:
    """Return the image that *stage* is finally based on."""
    return analysis.stages[analysis.line(stage)[-1]].base


def _installing(analysis: Analysis) -> list[int]:
    """Return the stages that install this lock, or unknown files."""
    return sorted({run.stage for run, install in analysis.installs if _may_install_lock(analysis, run, install)})


def _digest(analysis: Analysis, text: str, start: int, stop: int, base: Base | None = None) -> Iterator[Finding]:
    image = parse_image(text)
    if image.digest:
        return
    default = f" ({text} by default)" if base is not None and "$" in base.text else ""
    if not image.tag:
        message = f"{text} has no tag and no digest: each build uses whatever is newest"
    elif image.tag == "latest":
        message = f"latest is whatever is newest at each build{default}"
    else:
        message = f"the tag {image.tag} can point to another image tomorrow{default}"
    yield Finding(
        code="LK401",
        severity=RULES["LK401"].severity,
        message=message,
        source=analysis.source,
        start=start,
        stop=stop,
        fix=_pin(analysis, image, base) if base is not None else (),
        hint="add its digest: IMAGE:TAG@sha256:…",
    )


def _pin(analysis: Analysis, image: ImageName, base: Base) -> tuple[Edit, ...]:
    """Add the digest that the lock has for exactly this image."""
    lock = analysis.lock
    if lock is None or not lock.base_image or "$" in base.text or base.text != base.value:
        return ()
    locked = parse_image(lock.base_image)
    if not locked.digest or (locked.repository, locked.tag) != (image.repository, image.tag):
        return ()
    return (Edit(start=base.stop, stop=base.stop, text=f"@{locked.digest}"),)


def _copied_images(analysis: Analysis) -> Iterator[Finding]:
    for copies in analysis.copies:
        for copy in copies:
            flag = next((flag for flag in copy.instruction.flags if flag.name == "from"), None)
            if flag is not None and copy.source_image is not None and "$" not in copy.source_image:
                yield from _digest(analysis, copy.source_image, flag.start, flag.stop)
    for run in analysis.runs:
        for flag in run.step.instruction.flags:
            options = dict(part.partition("=")[::2] for part in flag.value.split(","))
            stage, image = source_of(options.get("from"), run.step, analysis.stages, analysis.dockerfile.escape)
            if flag.name == "mount" and stage is None and image and "$" not in image:
                yield from _digest(analysis, image, flag.start, flag.stop)


def _of_lock(analysis: Analysis) -> Iterator[Finding]:
    """Yield the faults of the bases of stages that install the lock."""
    lock = analysis.lock
    if lock is None:
        return
    seen: set[int] = set()
    for stage in _installing(analysis):
        base = root_of(analysis, stage)
        if base.value is None or base.start in seen:
            continue
        seen.add(base.start)
        image = parse_image(base.value)
        python = python_of(image)
        if lock.base_image and not _same(image, lock.base_image):
            yield _finding(
                analysis, "LK402", base, f"{base.value} is not {lock.base_image}, which {lock.file} was made for"
            )
        elif python is not None and not lock.serves_python(python):
            pythons = ", ".join(lock.pythons) or str(lock.requires_python)
            yield _finding(analysis, "LK403", base, f"the base has Python {python}, but {lock.file} is for {pythons}")


def _may_install_lock(analysis: Analysis, run: Run, install: Install) -> bool:
    """Return whether *install* installs this lock, or unknown files."""
    if not install.files:
        return analysis.is_locked(run, install)
    found = [analysis.pins_of(run, install, option) for option in install.files]
    lock = analysis.lock
    return lock is not None and not any(each is not None and departures(each[1], lock) for each in found)


def _same(image: ImageName, locked_text: str) -> bool:
    """Return whether *image* is the locked base; a lock without an image reference is not compared."""
    if locked_text.startswith(("/", ".")) or locked_text.endswith((".tar", ".tar.gz", ".tgz")):
        return True
    locked = parse_image(locked_text)
    if image.repository != locked.repository:
        return False
    if image.digest and locked.digest:
        return image.digest == locked.digest
    if any(each.digest and not each.tag for each in (image, locked)):
        return True  # the tag of that digest is unknown
    return (image.tag or "latest") == (locked.tag or "latest")


def _finding(analysis: Analysis, code: str, base: Base, message: str) -> Finding:
    return Finding(
        code=code,
        severity=RULES[code].severity,
        message=message,
        source=analysis.source,
        start=base.start,
        stop=base.stop,
        hint="use the locked base image, or compile with --base-image for this one",
    )


def _other_cuda(analysis: Analysis, facts: LockFacts) -> Iterator[Finding]:
    """Yield the bases of stages that install the lock with another CUDA than the lock's."""
    roots = {
        base.start: base for stage in _installing(analysis) if (base := root_of(analysis, stage)).value is not None
    }
    for base in roots.values():
        cuda = cuda_of(parse_image(base.value or ""))
        text, hint = next(_misfits(facts.lock, cuda, facts.file), ("", "")) if cuda else ("", "")
        if text:
            yield replace(_finding(analysis, "LK404", base, text), hint=hint)


def _misfits(lock: Lock, cuda: str, file: str) -> Iterator[tuple[str, str]]:
    """Yield what does not fit an image with *cuda*, and the remedy; an unselectable lock is reported elsewhere."""
    if lock.accelerator == "cpu":
        yield f"the image has CUDA {cuda}, but {file} is for CPU", "use a base image without CUDA"
        return
    if lock.accelerator.startswith("cu") and int(lock.accelerator[2:4]) != int(cuda.partition(".")[0]):
        text = f"the image has CUDA {cuda}, but {file} is for {lock.accelerator}"
        yield (
            text,
            f"use a base image with CUDA {lock.accelerator[2:4]}, or compile for this one ({setting('accelerator')})",
        )
        return
    with suppress(LockError):
        for each in stack_findings(lock, NOTHING_DECLARED, Ground(cuda=cuda), file):
            if each.rule in _CUDA_RULES:
                yield each.text, each.remedy
