"""LK102, LK103, LK301: requirement files that are not a lock, do not match it, or are installed without hashes."""

import posixpath
from collections.abc import Iterator

from lockml.common.references import ArchiveReference, Reference, RepositoryReference
from lockml.docker.analysis import Analysis, Run, requires_hashes
from lockml.docker.context.requirements import Pins, departures
from lockml.docker.dockerfile.variables import raw_words
from lockml.docker.installs.model import Install, Option
from lockml.docker.model import Edit, Finding
from lockml.docker.rules.edits import require_hashes
from lockml.docker.rules.registry import RULES
from lockml.docker.rules.satisfied import lock_has, locked_file
from lockml.index.built import Built

__all__ = ["find_requirement_files"]

_MOST = 3


def find_requirement_files(analysis: Analysis) -> Iterator[Finding]:
    """Yield the faults of the files that pip and uv read with ``-r``."""
    for run, install in analysis.installs:
        if not install.is_pip or install.has("--no-index", "--dry-run"):
            continue
        judged = [(option, analysis.pins_of(run, install, option)) for option in install.files]
        for option, found in judged:
            if found is not None:
                yield from _judged(analysis, run, install, option, found)
        if install.files and not (install.named or install.projects or install.archives):
            yield from _without_hashes(analysis, install, [found for _, found in judged])


def _judged(
    analysis: Analysis, run: Run, install: Install, option: Option, found: tuple[str, Pins]
) -> Iterator[Finding]:
    file, pins = found
    if analysis.dependency_free(install) and (pins.is_trees or _is_sources(analysis, pins)):
        return
    if not pins.is_lock:
        problem = _problem(pins)
        if problem:
            yield _finding(
                analysis,
                "LK102",
                option,
                f"{file} is not a lock: {problem}",
                _swap(analysis, run, install, option, found),
            )
        return
    if analysis.lock is None:
        return
    build = analysis.lock.build
    if build is not None and not departures(pins, build):
        return
    differences = departures(pins, analysis.lock)
    if differences:
        more = f", and {len(differences) - _MOST} more" if len(differences) > _MOST else ""
        message = f"{file} does not match {analysis.lock.file}: {'; '.join(differences[:_MOST])}{more}"
        yield _finding(analysis, "LK103", option, message)


def _is_sources(analysis: Analysis, pins: Pins) -> bool:
    """Return whether *pins* are the projects that the image builds, each by its locked commit or archive."""
    if analysis.lock is None or pins.unnamed:
        return False
    built = {each.name: each for each in analysis.lock.lock.built}
    return bool(pins.requirements) and all(
        each.name in built and _is_source_of(built[each.name], each.reference) for each in pins.requirements
    )


def _is_source_of(built: Built, reference: Reference | None) -> bool:
    match reference, built.reference:
        case RepositoryReference(revision=revision), RepositoryReference():
            return revision == built.source
        case ArchiveReference(hashes=hashes, filename=name), ArchiveReference(filename=locked):
            return name == locked and hashes <= {built.source}
    return False


def _problem(pins: Pins) -> str:
    """Return why *pins* are not a lock, "" if the file requires nothing."""
    if pins.loose:
        total = len(pins.requirements)
        names = ", ".join([*pins.loose[:_MOST], *(["…"] if len(pins.loose) > _MOST else [])])
        return f"{len(pins.loose)} of {total} requirements have no fixed version ({names})"
    if pins.unhashed:
        return (
            f"{len(pins.unhashed)} of {len(pins.requirements)} pins have no hash ({', '.join(pins.unhashed[:_MOST])})"
        )
    if pins.unnamed:
        return "it installs a folder or an archive without naming the project"
    return "it mixes repositories with hashed packages" if pins.trees else ""


def _finding(analysis: Analysis, code: str, option: Option, message: str, fix: tuple[Edit, ...] = ()) -> Finding:
    return Finding(
        code=code,
        severity=RULES[code].severity,
        message=message,
        source=analysis.source,
        start=option.start,
        stop=option.stop,
        fix=fix,
        hint="run `lockml compile` on it, and install the requirements.txt that it writes",
    )


def _swap(analysis: Analysis, run: Run, install: Install, option: Option, found: tuple[str, Pins]) -> tuple[Edit, ...]:
    """Install the lock's requirement file instead of its input."""
    file, pins = found
    locked = locked_file(analysis)
    if locked is None or posixpath.dirname(file) or file == locked or not _is_source(analysis, pins):
        return ()
    if not (install.command.exact and option.whole) or len(install.files) != 1 or install.named or install.projects:
        return ()
    word = option.value or ""
    name = posixpath.basename(word)
    copied = _copy_edit(analysis, run, file, locked)
    if copied is None:
        return ()
    source = analysis.source.text[option.start : option.stop]
    if name == file:
        if source.count(word) != 1:
            return ()
        start = option.start + source.index(word)
        return (*copied, Edit(start=start, stop=start + len(word), text=word[: len(word) - len(name)] + locked))
    return copied


def _is_source(analysis: Analysis, pins: Pins) -> bool:
    """Return whether the lock has everything that *pins* require."""
    lock = analysis.lock
    if lock is None or any(each.reference for each in pins.requirements):
        return False
    return lock_has(lock, (each.versioned for each in pins.requirements))


def _copy_edit(analysis: Analysis, run: Run, file: str, locked: str) -> tuple[Edit, ...] | None:
    """Return the edit that copies *locked* instead of *file*, () if none is needed, None if none is known."""
    for copy in reversed(analysis.copies[run.stage]):
        if copy.step >= run.number or not copy.of_context:
            continue
        if copy.whole_context:
            return ()
        if file in copy.sources:
            arguments = copy.instruction.arguments
            if copy.instruction.words is not None or locked in copy.sources:
                return () if locked in copy.sources else None
            words = list(raw_words(arguments.text, analysis.dockerfile.escape))[:-1]
            place = next(((raw, at) for raw, at in words if posixpath.normpath(raw) == file), None)
            if place is None:
                return None
            raw, at = place
            return (Edit(start=arguments.origin(at), stop=arguments.end(at + len(raw)), text=locked),)
    return None


def _without_hashes(analysis: Analysis, install: Install, found: list[tuple[str, Pins] | None]) -> Iterator[Finding]:
    """Yield a warning if nothing makes the installer refuse files without a hash."""
    if requires_hashes(install) or any(each is not None and not each[1].is_lock for each in found):
        return
    names = [option.value or "" for option in install.files]
    if analysis.dependency_free(install) and all("unhashed" in name or "-sources" in name for name in names):
        return
    known = all(each is not None for each in found)
    yield Finding(
        code="LK301",
        severity=RULES["LK301"].severity,
        message=f"{', '.join(names)}: packages without a hash are installed as well",
        source=analysis.source,
        start=install.verb.start,
        stop=install.files[-1].stop if install.files[-1].start > install.verb.start else install.verb.stop,
        fix=require_hashes(install) if known else (),
        hint="add --require-hashes; `lockml compile` writes a file that has them",
    )
