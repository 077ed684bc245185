"""Analyse a `Dockerfile` and its context for the rules: stages, commands, installations, copies."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

from msgspec import Struct

from lockml.docker.context.copies import Copy, context_path, copies_of, mounts_of, source_of
from lockml.docker.context.dockerignore import Ignores
from lockml.docker.context.lock import LockFacts
from lockml.docker.context.requirements import Pins, ReadContext, read_pins_of
from lockml.docker.dockerfile.model import Dockerfile
from lockml.docker.dockerfile.source import Source
from lockml.docker.dockerfile.stages import Stage, Step, build_stages, shipped_stages
from lockml.docker.installs.find import find_install
from lockml.docker.installs.model import Install, Option
from lockml.docker.shell.model import Command
from lockml.docker.shell.scripts import run_commands

__all__ = ["CONDA", "Analysis", "Context", "Run", "requires_hashes"]

CONDA: Final = frozenset({"conda", "mamba", "micromamba"})
"""The installers of conda packages."""


class Context(Struct, frozen=True, kw_only=True):
    """What the build can copy. *ignores* is None if there is no .dockerignore, *ignore_source* is its text.

    *read* is None if the context is unknown, as for standard input.
    """

    read: ReadContext | None = None
    ignores: Ignores | None = None
    ignore_source: Source | None = None
    lock: LockFacts | None = None


class Run(Struct, frozen=True, kw_only=True):
    """A RUN: its place, its commands, and what they install."""

    stage: int
    number: int
    step: Step
    commands: tuple[Command, ...]
    installs: tuple[Install, ...]
    mounts: tuple[dict[str, str], ...]


class Analysis:
    """Everything that the rules know about one Dockerfile; each part is computed once."""

    def __init__(self, dockerfile: Dockerfile, context: Context) -> None:
        self.dockerfile = dockerfile
        self.source = dockerfile.source
        self.context = context
        self.lock = context.lock
        self.stages: tuple[Stage, ...] = build_stages(dockerfile)
        escape = dockerfile.escape
        self.copies: tuple[tuple[Copy, ...], ...] = tuple(
            copies_of(stage, self.stages, escape) for stage in self.stages
        )
        self.runs: tuple[Run, ...] = tuple(self._runs())
        self._pins: dict[str, Pins | None] = {}

    def _runs(self) -> Iterator[Run]:
        for stage in self.stages:
            for number, step in enumerate(stage.steps):
                if step.instruction.keyword != "RUN":
                    continue
                commands = tuple(run_commands(step))
                installs = tuple(found for command in commands if (found := find_install(command)) is not None)
                mounts = mounts_of(step, self.dockerfile.escape)
                yield Run(
                    stage=stage.number, number=number, step=step, commands=commands, installs=installs, mounts=mounts
                )

    @cached_property
    def installs(self) -> tuple[tuple[Run, Install], ...]:
        """Every installation with its RUN, in file order."""
        return tuple((run, install) for run in self.runs for install in run.installs)

    @cached_property
    def run_at(self) -> Mapping[tuple[int, int], Run]:
        """The RUNs by the number of their stage and their own number in it."""
        return {(run.stage, run.number): run for run in self.runs}

    @cached_property
    def copy_at(self) -> Mapping[tuple[int, int], Copy]:
        """The COPYs and ADDs by the number of their stage and their own number in it."""
        return {(stage, copy.step): copy for stage, copies in enumerate(self.copies) for copy in copies}

    @cached_property
    def shipped(self) -> frozenset[int]:
        """The stages whose layers are in an image that the file builds."""
        used: dict[int, frozenset[int]] = {}
        for stage, copies in zip(self.stages, self.copies, strict=True):
            sources = {copy.source_stage for copy in copies if copy.source_stage is not None}
            for run in self.runs:
                if run.stage == stage.number:
                    sources |= set(self._mounted_stages(run))
            used[stage.number] = frozenset(sources)
        return shipped_stages(self.stages, used)

    def _mounted_stages(self, run: Run) -> Iterator[int]:
        for mount in run.mounts:
            stage, _ = source_of(mount.get("from"), run.step, self.stages, self.dockerfile.escape)
            if stage is not None:
                yield stage

    def line(self, stage: int) -> tuple[int, ...]:
        """Return *stage* and the stages that it is based on, nearest first."""
        found: list[int] = []
        number: int | None = stage
        while number is not None:  # a stage can only be based on an earlier one
            found.append(number)
            number = self.stages[number].base.stage
        return tuple(found)

    def before(self, run: Run) -> Iterator[Run]:
        """Yield the RUNs whose layers are below *run*, latest first."""
        chain = self.line(run.stage)
        for each in reversed(self.runs):
            if each.stage == run.stage and each.number < run.number:
                yield each
        for stage in chain[1:]:
            yield from (each for each in reversed(self.runs) if each.stage == stage)

    def context_file(self, run: Run, path: str, workdir: str) -> str | None:
        """Return the file of the context that *path* refers to in *run*, None if that is unknown."""
        if self.context.read is None or "$" in path or "://" in path:
            return None
        build_path = (run.stage, run.number, posixpath.normpath(posixpath.join(workdir, path)))
        return context_path(build_path, self.stages, self.copies, run.mounts, self.context.read)

    def pins_of(self, run: Run, install: Install, option: Option) -> tuple[str, Pins] | None:
        """Return the file of the context that *option* names and what it pins, None if it cannot be read."""
        if option.value is None:
            return None
        file = self.context_file(run, option.value, install.command.workdir)
        if file is None:
            return None
        pins = self.pins(file)
        return (file, pins) if pins is not None else None

    def pins(self, file: str) -> Pins | None:
        """Return what the *file* of the context pins, None if it cannot be read as requirements."""
        if self.context.read is None:
            return None
        if file not in self._pins:
            self._pins[file] = read_pins_of(file, self.context.read)
        return self._pins[file]

    @cached_property
    def locked(self) -> Mapping[int, Sequence[tuple[int, Install]]]:
        """The installations that a lock decides, by stage, each with the number of its RUN."""
        found: dict[int, list[tuple[int, Install]]] = {}
        for run, install in self.installs:
            if self.is_locked(run, install):
                found.setdefault(run.stage, []).append((run.number, install))
        return found

    def is_locked(self, run: Run, install: Install) -> bool:
        """Return whether *install* installs exactly what a lock says.

        If the files are unknown, ``--require-hashes`` decides, as pip then refuses anything without a hash.
        """
        if install.tool in ("uv sync", "poetry", "pdm", "pipenv") or install.tool in CONDA:
            return install.frozen and not install.named
        if not install.is_pip or not install.files or install.named or install.archives:
            return False
        if not self.dependency_free(install) and install.projects:
            return False
        known = [self.pins_of(run, install, option) for option in install.files]
        return all(
            (each is not None and each[1].is_lock) or (each is None and requires_hashes(install)) for each in known
        )

    def dependency_free(self, install: Install) -> bool:
        """Return whether *install* skips the dependencies of its packages."""
        return install.has("--no-deps") or install.is_set("PIP_NO_DEPS") or install.is_set("UV_NO_DEPS")


def requires_hashes(install: Install) -> bool:
    """Return whether *install* refuses packages without a hash."""
    variable = "PIP_REQUIRE_HASHES" if install.tool == "pip" else "UV_REQUIRE_HASHES"
    return install.has("--require-hashes") or install.is_set(variable)
