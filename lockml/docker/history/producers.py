"""Find the instructions that may have added a path of an image, across stages."""

import posixpath
from collections.abc import Sequence

from msgspec import Struct
from packaging.utils import NormalizedName, canonicalize_name

from lockml.docker.analysis import Analysis, Run
from lockml.docker.context.copies import Copy
from lockml.docker.history.alignment import StepPosition
from lockml.docker.installs.model import Install

__all__ = ["Producers", "Sought", "installs_naming", "producers_of"]

_DEEPEST = 20  # stages that copy from each other


class Sought(Struct, frozen=True):
    """What to search for: the file at *path*, "" if unknown, of the project *name*, None if there is none.

    *changed* says that it was installed and then changed.
    """

    path: str
    name: NormalizedName | None
    changed: bool = False


class Producers(Struct, frozen=True, kw_only=True):
    """The *places* that may have added it, one if it is certain; *through* are the COPYs from there, last first.

    *image* is the image that it was copied from or is based on, if no place has it.
    """

    places: tuple[StepPosition, ...]
    through: tuple[StepPosition, ...] = ()
    image: str | None = None


def producers_of(analysis: Analysis, position: StepPosition, sought: Sought) -> Producers:
    """Return the source of what *position*, a RUN or a COPY, added to a layer."""
    copy = analysis.copy_at.get((position.stage, position.number))
    through: list[StepPosition] = []
    path = sought.path
    for _ in range(_DEEPEST):
        if copy is None or copy.of_context:
            return Producers(places=(position,), through=tuple(through))
        through.append(position)
        if copy.source_stage is None:
            return Producers(places=(), through=tuple(through), image=copy.source_image)
        path = _source_path(copy, path)
        found = _candidates(analysis, copy.source_stage, Sought(path, sought.name, sought.changed))
        if len(found) != 1:
            image = analysis.stages[analysis.line(copy.source_stage)[-1]].base.text if not found else None
            return Producers(places=found, through=tuple(through), image=image)
        position = found[0]
        copy = analysis.copy_at.get((position.stage, position.number))
    return Producers(places=(), through=tuple(through))


def candidates_in(analysis: Analysis, line: Sequence[StepPosition], sought: Sought) -> tuple[StepPosition, ...]:
    """Return the instructions of *line* that may have added the target: the one that names it, else all candidates.

    A changed file was changed by the instruction that installed it, or by any later one.
    """
    runs = [
        (position, run)
        for position in line
        if (run := analysis.run_at.get((position.stage, position.number))) is not None
    ]
    telling = [position for position, run in runs if sought.path and sought.path in run.step.instruction.arguments.text]
    if telling:
        return tuple(telling[-1:])
    copies = [
        position
        for position in line
        if _may_cover(analysis, analysis.copy_at.get((position.stage, position.number)), sought.path)
    ]
    if sought.name is not None:
        naming = [position for position, run in runs if installs_naming(analysis, run, sought.name)]
        if sought.changed:
            later = [position for position, _ in runs]
            return tuple(later[later.index(naming[-1]) if naming else 0 :])
        if naming:
            return tuple(naming[-1:])
        installing = [position for position, run in runs if _brings_more(analysis, run)] or [
            position for position, run in runs if run.installs
        ]
        if installing or copies:
            return tuple(position for position in line if position in installing or position in copies)
    places = {position for position, _ in runs} | set(copies)
    return tuple(position for position in line if position in places)


def installs_naming(analysis: Analysis, run: Run, name: NormalizedName) -> tuple[Install, ...]:
    """Return the installations of *run* that request the project *name*, on the command line or in a file."""
    return tuple(install for install in run.installs if _names(analysis, run, install, name))


def _names(analysis: Analysis, run: Run, install: Install, name: NormalizedName) -> bool:
    words = (*install.named, *install.archives)
    if any(_project_in(each.text) == name for each in words):
        return True
    files = (analysis.pins_of(run, install, option) for option in install.files)
    return any(any(each.name == name for each in found[1].requirements) for found in files if found is not None)


def _project_in(text: str) -> NormalizedName:
    """Return the project that a word requests: ``a[b]>=1``, ``a-1.0-py3-none-any.whl``, ``…/a.git``."""
    last = text.partition("#")[0].rstrip("/").rpartition("/")[2] if "/" in text else text
    end = next((number for number, letter in enumerate(last) if letter in "=<>!~[;@ ("), len(last))
    stem = last[:end].removesuffix(".git")
    if stem.endswith((".whl", ".zip", ".tar.gz", ".tar.bz2")):
        stem = stem.partition("-")[0]
    return canonicalize_name(stem)


def _brings_more(analysis: Analysis, run: Run) -> bool:
    """Return whether an installation of *run* also installs dependencies."""
    return any(not analysis.dependency_free(install) for install in run.installs)


def _candidates(analysis: Analysis, stage: int, sought: Sought) -> tuple[StepPosition, ...]:
    line = [
        StepPosition(number, step)
        for number in reversed(analysis.line(stage))
        for step in range(len(analysis.stages[number].steps))
    ]
    return candidates_in(analysis, line, sought)


def _may_cover(analysis: Analysis, copy: Copy | None, path: str) -> bool:
    """Return whether *copy* may have written *path*: a file copied to a folder keeps its name."""
    if copy is None or not _covers(copy, path):
        return False
    read = analysis.context.read
    if not copy.of_context or read is None or not all(read(source) is not None for source in copy.sources):
        return True
    folder = copy.destination.rstrip("/")
    return path in (folder, *(f"{folder}/{posixpath.basename(source)}" for source in copy.sources))


def _covers(copy: Copy | None, path: str) -> bool:
    """Return whether *copy* may have written *path*."""
    return copy is not None and bool(path) and f"{path}/".startswith(f"{copy.destination.rstrip('/')}/")


def _source_path(copy: Copy, path: str) -> str:
    """Return the place of *path* in the stage that *copy* copies from, "" if that is unknown."""
    if not _covers(copy, path):
        return ""
    inside = path[len(copy.destination.rstrip("/")) :].lstrip("/")
    for source in copy.sources:
        first, _, rest = inside.partition("/")
        if first and first == posixpath.basename(source) and len(copy.sources) > 1:
            return posixpath.normpath(posixpath.join("/", source, rest))
    return posixpath.normpath(posixpath.join("/", copy.sources[0], inside)) if copy.sources else ""
