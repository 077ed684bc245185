"""Decide whether the lock satisfies requirements on a command line."""

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from lockml.docker.analysis import Analysis, Run
from lockml.docker.context.lock import LockFacts
from lockml.docker.context.requirements import departures
from lockml.docker.dockerfile.model import Instruction
from lockml.docker.installs.model import Install
from lockml.docker.shell.model import Argument
from lockml.docker.shell.wrappers import program

__all__ = ["LOCKED_FILE", "in_one_environment", "lock_has", "locked_file", "name_of", "plain_options"]

LOCKED_FILE: Final = "requirements.txt"
"""The requirement file that ``lockml compile`` writes by default."""

_ACTIVATING: Final = frozenset({".", "source", "eval", "export", "conda", "mamba", "micromamba", "pyenv"})
_CHOOSING: Final = re.compile("PATH|VIRTUAL_ENV|CONDA|PYTHON|PIP_|UV_")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def name_of(argument: Argument) -> NormalizedName | None:
    """Return the project that *argument* requests, None if only the build knows it."""
    match = _NAME.match(argument.text)
    return canonicalize_name(match[0]) if match else None


def lock_has(lock: LockFacts, texts: Iterable[str]) -> bool:
    """Return whether the lock has every requirement of *texts* at a suitable version, without extras or URLs."""
    for text in texts:
        try:
            asked = Requirement(text)
        except InvalidRequirement:
            return False
        versions = lock.versions.get(canonicalize_name(asked.name))
        if not versions or asked.url or asked.extras:
            return False
        if not all(asked.specifier.contains(version, prereleases=True) for version in versions):
            return False
    return True


def locked_file(analysis: Analysis) -> str | None:
    """Return the requirement file of the context that matches the lock, None if there is none."""
    lock = analysis.lock
    if lock is None:
        return None
    ignores = analysis.context.ignores
    pins = analysis.pins(LOCKED_FILE)
    if pins is None or not pins.is_lock or departures(pins, lock) or (ignores and ignores.ignored(LOCKED_FILE)):
        return None
    return LOCKED_FILE


def plain_options(install: Install) -> bool:
    """Return whether *install* only has options that mean the same for a requirement file."""
    return all(option.name in _PLAIN for option in install.options)


_PLAIN_WORDS: Final = (
    "--no-cache-dir --no-cache --quiet --verbose --upgrade --user --system --break-system-packages --no-input "
    "--disable-pip-version-check --root-user-action --progress-bar --no-compile --compile-bytecode --no-color "
    "--timeout --default-timeout --retries --python --prefer-binary --no-warn-script-location --link-mode"
)
_PLAIN: Final = frozenset(_PLAIN_WORDS.split())


def in_one_environment(analysis: Analysis, run: Run, install: Install, locked: Install) -> bool:
    """Return whether *install* of *run* certainly adds to what *locked* made: with one program, and nothing between."""
    first = next(each for each, found in analysis.installs if found is locked)
    programs = {(each.tool, posixpath.dirname(each.command.words[0].text)) for each in (install, locked)}
    if len(programs) > 1 or _activates(run, install) or _activates(first, locked):
        return False
    return not any(
        each.keyword == "SHELL" or (each.keyword in ("ENV", "ARG") and _CHOOSING.search(each.arguments.text))
        for each in _between(analysis, first, run)
    )


def _between(analysis: Analysis, first: Run, last: Run) -> Iterator[Instruction]:
    line = analysis.line(last.stage)
    for stage in line[: line.index(first.stage) + 1]:
        start = first.number if stage == first.stage else 0
        stop = last.number if stage == last.stage else None
        yield from (step.instruction for step in analysis.stages[stage].steps[start:stop])


def _activates(run: Run, install: Install) -> bool:
    """Return whether a command before *install* may choose another environment for it."""
    earlier = run.commands[: run.commands.index(install.command)]
    return any(program(each.words[0]) in _ACTIVATING for each in earlier if each.words)
