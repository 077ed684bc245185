"""Requirements as they are written on a command line in, whether the lock has what they ask for out."""

import re
from collections.abc import Iterable
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from lockml.docker.analysis import Analysis
from lockml.docker.context.lock import LockFacts
from lockml.docker.context.requirements import departures
from lockml.docker.installs.model import Install
from lockml.docker.shell.model import Argument

__all__ = ["LOCKED_FILE", "lock_has", "locked_file", "name_of", "plain_options"]

LOCKED_FILE: Final = "requirements.txt"
"""The requirement file that ``lockml compile`` writes by default."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def name_of(argument: Argument) -> NormalizedName | None:
    """Return the project that *argument* asks for, None where only the build knows."""
    match = _NAME.match(argument.text)
    return canonicalize_name(match[0]) if match else None


def lock_has(lock: LockFacts, texts: Iterable[str]) -> bool:
    """Say whether the lock has every requirement of *texts* at a version that suits, without extras or URLs."""
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
    """Return the requirement file of the context that is what the lock says, None where there is none."""
    lock = analysis.lock
    if lock is None:
        return None
    ignores = analysis.context.ignores
    pins = analysis.pins(LOCKED_FILE)
    if pins is None or not pins.is_lock or departures(pins, lock) or (ignores and ignores.ignored(LOCKED_FILE)):
        return None
    return LOCKED_FILE


def plain_options(install: Install) -> bool:
    """Say whether *install* has no options but those that mean the same for a requirement file."""
    return all(option.name in _PLAIN for option in install.options)


_PLAIN_WORDS: Final = (
    "--no-cache-dir --no-cache --quiet --verbose --upgrade --user --system --break-system-packages --no-input "
    "--disable-pip-version-check --root-user-action --progress-bar --no-compile --compile-bytecode --no-color "
    "--timeout --default-timeout --retries --python --prefer-binary --no-warn-script-location --link-mode"
)
_PLAIN: Final = frozenset(_PLAIN_WORDS.split())
