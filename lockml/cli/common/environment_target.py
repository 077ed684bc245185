"""The target of an inspected environment, as options of ``compile``."""

from dataclasses import dataclass

from lockml.common.errors import UnreachableError
from lockml.common.platforms import platform_of_machine
from lockml.inventory.model import PythonEnvironment

__all__ = ["EnvironmentTarget", "target_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentTarget:
    """The values of ``--python``, ``--platform`` and ``--libc``."""

    python: str
    platform: str
    libc: str | None


def target_of(environment: PythonEnvironment, subject: str) -> EnvironmentTarget:
    """Return the options for *environment*; raises UnreachableError if the files of *subject* do not show them."""
    platform = platform_of_machine(environment.machine)
    if platform is None or environment.libc is None:
        raise UnreachableError(subject, "its platform cannot be determined", hint="compile with --platform and --libc")
    return EnvironmentTarget(python=environment.python_text, platform=platform, libc=str(environment.libc))
