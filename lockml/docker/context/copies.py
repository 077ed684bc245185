"""Trace a path of the image to a file of the context through COPY, ADD and bind mounts."""

import posixpath
import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from lockml.docker.context.requirements import ReadContext
from lockml.docker.dockerfile.model import Instruction
from lockml.docker.dockerfile.stages import Stage, Step
from lockml.docker.dockerfile.variables import raw_words, substitute

__all__ = ["Copy", "context_path", "copies_of", "copy_of", "mounts_of"]

_DEEPEST: Final = 20
_MOST: Final = 100  # copies that are examined, latest first
_REMOTE: Final = re.compile(r"https?://|git@|[\w.+-]+://")


class Copy(Struct, frozen=True, kw_only=True):
    """What an instruction copies to *destination*; *source_stage* and *source_image* are None for the context.

    *sources* are paths without variables, *folder* says that the destination is written as a folder; *raw* is the
    destination as written. *step* is the index of the instruction in its stage.
    """

    step: int
    instruction: Instruction
    sources: tuple[str, ...]
    destination: str
    folder: bool
    raw: str
    source_stage: int | None = None
    source_image: str | None = None

    @property
    def of_context(self) -> bool:
        """Whether it copies from the context."""
        return self.source_stage is None and self.source_image is None

    @property
    def whole_context(self) -> bool:
        """Whether it copies the entire context."""
        return self.of_context and any(source in (".", "", "*") for source in self.sources)


def copies_of(stage: Stage, stages: Sequence[Stage], escape: str) -> tuple[Copy, ...]:
    """Return what *stage* copies, in order."""
    found: list[Copy] = []
    for number, step in enumerate(stage.steps):
        copy = copy_of(number, step, stages, escape)
        if copy is not None:
            found.append(copy)
    return tuple(found)


def copy_of(number: int, step: Step, stages: Sequence[Stage], escape: str) -> Copy | None:
    """Return what *step* copies, None for another instruction or if only the build knows it."""
    instruction = step.instruction
    if instruction.keyword not in ("COPY", "ADD") or instruction.trigger:
        return None
    raw = list(instruction.words or (word for word, _ in raw_words(instruction.arguments.text, escape)))
    words = [substitute(word, step.values, escape) for word in raw if not re.match(r"\d*<<", word)]
    if len(words) < 2 or words[-1] is None:
        return None
    sources = [word for word in words[:-1] if word is not None and not _REMOTE.match(word)]
    origin = instruction.flag("from")
    stage, image = source_of(origin, step, stages, escape)
    destination = words[-1]
    return Copy(
        step=number,
        instruction=instruction,
        sources=tuple(posixpath.normpath(posixpath.join("/", source)).lstrip("/") or "." for source in sources),
        destination=posixpath.normpath(posixpath.join(step.workdir, destination)),
        folder=destination.endswith(("/", "/.")) or destination == "." or len(words) > 2,
        raw=raw[-1],
        source_stage=stage,
        source_image=image,
    )


def source_of(origin: str | None, step: Step, stages: Sequence[Stage], escape: str) -> tuple[int | None, str | None]:
    """Return the stage or the image that ``from=`` names, (None, None) for the context."""
    if origin is None:
        return None, None
    value = substitute(origin, step.values, escape)
    if value is None:
        return None, origin
    for stage in stages:
        if value.lower() == stage.name or value == str(stage.number):
            return stage.number, None
    return None, value


def mounts_of(step: Step, escape: str) -> tuple[dict[str, str], ...]:
    """Return the options of each ``--mount`` of a RUN; ``target`` is a path of the image."""
    found: list[dict[str, str]] = []
    for flag in step.instruction.flags:
        if flag.name != "mount":
            continue
        value = substitute(flag.value, step.values, escape) or flag.value
        options = dict(part.partition("=")[::2] for part in value.split(","))
        target = options.get("target") or options.get("dst") or options.get("destination") or ""
        if target:
            options["target"] = posixpath.normpath(posixpath.join(step.workdir, target))
        options["source"] = options.get("source") or options.get("src") or "."
        options.setdefault("type", "bind")
        found.append(options)
    return tuple(found)


class _BuildPath(Struct, frozen=True):
    stage: int
    step: int
    path: str


def context_path(
    build_path: tuple[int, int, str],
    stages: Sequence[Stage],
    copies: Sequence[Sequence[Copy]],
    mounts: Sequence[dict[str, str]],
    read: ReadContext,
) -> str | None:
    """Return the context path of *build_path* (stage, step, path of the image), None if it is unknown.

    Later instructions hide earlier ones; *mounts* are those of the step itself.
    """
    for mount in mounts:
        if mount["type"] == "bind" and "from" not in mount and "target" in mount:
            found = _within(build_path[2], mount["target"], mount["source"], read)
            if found is not None:
                return found
    here = _BuildPath(*build_path)
    for _ in range(_DEEPEST):
        found_copy = _copied(here, copies, read)
        if isinstance(found_copy, str):
            return found_copy
        if found_copy is not None:
            here = found_copy
            continue
        base = stages[here.stage].base.stage
        if base is None:
            return None
        here = _BuildPath(base, len(stages[base].steps), here.path)
    return None


def _copied(build_path: _BuildPath, copies: Sequence[Sequence[Copy]], read: ReadContext) -> str | _BuildPath | None:
    """Return the context path that was copied to *build_path*, or its place in another stage."""
    earlier = [copy for copy in copies[build_path.stage] if copy.step < build_path.step and copy.source_image is None]
    for copy in reversed(earlier[-_MOST:]):
        for source in copy.sources:
            if copy.source_stage is not None:
                path = _moved(build_path.path, copy, source)
                if path is not None and copy.source_stage != build_path.stage:
                    return _BuildPath(copy.source_stage, 1 << 30, "/" + path.lstrip("/"))
                continue
            found = _moved(build_path.path, copy, source)
            if found is not None and read(found) is not None:
                return found
    return None


def _moved(path: str, copy: Copy, source: str) -> str | None:
    """Return the path below the source that *copy* copied to *path*, None if it did not."""
    name = posixpath.basename(source)
    if "*" in source or "?" in source:
        parent = posixpath.dirname(source)
        if posixpath.dirname(path) == copy.destination:
            return posixpath.join(parent, posixpath.basename(path))
        return None
    if path == copy.destination and not copy.folder:
        return source
    if path == posixpath.join(copy.destination, name) and source != ".":
        return source
    prefix = copy.destination.rstrip("/") + "/"
    if path.startswith(prefix):
        return posixpath.normpath(posixpath.join(source, path[len(prefix) :]))
    return None


def _within(path: str, target: str, source: str, read: ReadContext) -> str | None:
    source = posixpath.normpath(posixpath.join("/", source)).lstrip("/") or "."
    if path == target:
        return source if read(source) is not None else None
    if path.startswith(target.rstrip("/") + "/"):
        inside = posixpath.normpath(posixpath.join(source, path[len(target.rstrip("/")) + 1 :]))
        return inside if read(inside) is not None else None
    return None
