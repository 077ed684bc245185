"""Divide a `Dockerfile` into build stages: what each instruction sees of variables, folder, user and shell."""

import posixpath
from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from lockml.docker.dockerfile.model import Dockerfile, Instruction
from lockml.docker.dockerfile.source import MappedText
from lockml.docker.dockerfile.variables import Values, assignments, bounded, raw_words, substitute

__all__ = ["Base", "Stage", "Step", "build_stages", "shipped_stages"]

_SHELL: Final = ("/bin/sh", "-c")
_PLATFORM_ARGS: Final = frozenset(
    {f"{side}{what}" for side in ("BUILD", "TARGET") for what in ("PLATFORM", "OS", "ARCH", "VARIANT")}
)


class Base(Struct, frozen=True, kw_only=True):
    """The base of a stage: the *text* at an offset, its *value*, and the number of the *stage* if it is one.

    *value* is None if only the build knows it.
    """

    text: str
    start: int
    stop: int
    value: str | None
    stage: int | None = None


class Step(Struct, frozen=True, kw_only=True):
    """An instruction with its surrounding state."""

    instruction: Instruction
    values: Values
    workdir: str
    user: str
    shell: tuple[str, ...]


class Stage(Struct, kw_only=True):
    """A build stage; *name* is "" if it has none. *values*, *workdir*, *user*, *shell* are those at its end."""

    number: int
    name: str
    base: Base
    instruction: Instruction
    steps: list[Step] = field(default_factory=list)
    values: dict[str, str | None] = field(default_factory=dict)
    arguments: frozenset[str] = frozenset()
    workdir: str = "/"
    user: str = ""
    shell: tuple[str, ...] = _SHELL


def build_stages(dockerfile: Dockerfile) -> tuple[Stage, ...]:
    """Return the stages in order; the ARGs before the first FROM belong to all of them."""
    stages: list[Stage] = []
    globals_: dict[str, str | None] = dict.fromkeys(_PLATFORM_ARGS)
    for instruction in dockerfile.instructions:
        if instruction.keyword == "FROM" and not instruction.trigger:
            stages.append(_begin(instruction, stages, globals_, dockerfile.escape))
        elif stages:
            _step(stages[-1], instruction, globals_, dockerfile.escape)
        elif instruction.keyword == "ARG":
            for name, value in _arguments(instruction, dockerfile.escape):
                globals_[name] = None if value is None else substitute(value, globals_, dockerfile.escape)
    return tuple(stages)


def _begin(instruction: Instruction, stages: list[Stage], globals_: Values, escape: str) -> Stage:
    arguments = instruction.arguments
    words = list(raw_words(arguments.text, escape))
    raw, offset = words[0] if words else ("", 0)
    named = len(words) >= 3 and words[1][0].lower() == "as"
    value = substitute(raw, globals_, escape)
    known = {stage.name: stage.number for stage in stages if stage.name}
    parent = known.get(value.lower()) if value is not None else None
    base = Base(
        text=raw,
        start=arguments.origin(offset),
        stop=arguments.end(offset + len(raw)),
        value=value or None,
        stage=parent,
    )
    stage = Stage(
        number=len(stages),
        name=words[2][0].lower() if named else "",
        base=base,
        instruction=instruction,
    )
    if parent is not None:
        below = stages[parent]
        stage.values = {name: v for name, v in below.values.items() if name not in below.arguments}
        stage.workdir, stage.user, stage.shell = below.workdir, below.user, below.shell
    return stage


def _step(stage: Stage, instruction: Instruction, globals_: Values, escape: str) -> None:
    """Add *instruction* to *stage*, and apply its effect on the state."""
    stage.steps.append(
        Step(
            instruction=instruction,
            values=stage.values,
            workdir=stage.workdir,
            user=stage.user,
            shell=stage.shell,
        )
    )
    if instruction.trigger:
        return
    arguments: MappedText = instruction.arguments
    keyword = instruction.keyword
    if keyword == "ENV":
        before = stage.values
        new = {name: substitute(raw, before, escape) for name, raw, _ in assignments(arguments.text, escape)}
        stage.values = bounded({**before, **new})
        stage.arguments -= new.keys()
    elif keyword == "ARG":
        _declare(stage, instruction, globals_, escape)
    elif keyword == "WORKDIR":
        folder = substitute(arguments.text, stage.values, escape)
        if folder is not None:
            stage.workdir = posixpath.normpath(posixpath.join(stage.workdir, folder))
    elif keyword == "USER":
        stage.user = substitute(arguments.text, stage.values, escape) or "?"
    elif keyword == "SHELL" and instruction.words:
        stage.shell = instruction.words


def _declare(stage: Stage, instruction: Instruction, globals_: Values, escape: str) -> None:
    """Add the ARGs; an ENV variable hides them, and one without a default uses that of the global ARG."""
    values = dict(stage.values)
    for name, raw in _arguments(instruction, escape):
        if name in values and name not in stage.arguments:
            continue
        values[name] = globals_.get(name) if raw is None else substitute(raw, values, escape)
        stage.arguments |= {name}
    stage.values = bounded(values)


def _arguments(instruction: Instruction, escape: str) -> list[tuple[str, str | None]]:
    """Return the (name, raw default or None) of an ARG."""
    found: list[tuple[str, str | None]] = []
    for word, _ in raw_words(instruction.arguments.text, escape):
        name, equals, value = word.partition("=")
        found.append((name, value if equals else None))
    return found


def shipped_stages(stages: tuple[Stage, ...], copied_from: Mapping[int, frozenset[int]]) -> frozenset[int]:
    """Return the numbers of the stages whose layers are in an image that the file builds.

    These are the last one, those that no other stage uses, as they are built with ``--target``, and all their bases.
    *copied_from* says which stages each one copies from.
    """
    used = {stage.base.stage for stage in stages} | {number for each in copied_from.values() for number in each}
    found: set[int] = set()
    for stage in stages:
        if stage.number in used and stage.number != len(stages) - 1:
            continue
        number: int | None = stage.number
        while number is not None and number not in found:
            found.add(number)
            number = stages[number].base.stage
    return frozenset(found)
