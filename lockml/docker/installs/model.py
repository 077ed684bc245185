"""The data model of an installation: one command that installs Python packages."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from packaging.utils import NormalizedName

from lockml.docker.shell.model import Argument, Command

__all__ = ["INSTALLERS", "Install", "Option"]

_INSTALLERS: Final = "pip setuptools wheel uv pipx poetry poetry-core pdm pipenv virtualenv pip-tools hatch build rye"
INSTALLERS: Final = frozenset(map(NormalizedName, _INSTALLERS.split()))
"""The tools that install and build packages, which locks do not contain."""


class Option(Struct, frozen=True, kw_only=True):
    """An option as written: *value* is None for a flag; *start* and *stop* are offsets, value included."""

    name: str
    value: str | None
    start: int
    stop: int
    known: bool = True
    whole: bool = True


class Install(Struct, frozen=True, kw_only=True):
    """What *command* installs.

    *tool* is the installer: ``pip``, ``uv pip``, ``uv sync``, ``conda``, ``poetry`` and so on. *verb* is the word after
    which options can be added. *named* are the requirements on the command line, *projects* are local trees,
    *archives* are wheels, URLs and repositories, *files* those of ``-r``. *frozen* says that a lock of *tool* decides.
    """

    tool: str
    command: Command
    verb: Argument
    options: tuple[Option, ...] = ()
    named: tuple[Argument, ...] = ()
    projects: tuple[Argument, ...] = ()
    archives: tuple[Argument, ...] = ()
    files: tuple[Option, ...] = ()
    frozen: bool = False

    @property
    def variables(self) -> Mapping[str, str | None]:
        """The variables that it sees."""
        return self.command.variables

    @property
    def is_pip(self) -> bool:
        """Whether it takes pip's options."""
        return self.tool in ("pip", "uv pip")

    def option(self, *names: str) -> Option | None:
        """Return the last option with one of *names*, None if there is none."""
        return next((option for option in reversed(self.options) if option.name in names), None)

    def has(self, *names: str) -> bool:
        """Return whether one of the options *names* is given."""
        return self.option(*names) is not None

    def is_set(self, variable: str) -> bool:
        """Return whether the environment enables *variable*, as ``UV_NO_CACHE=1`` does, by pip's words for off."""
        value = self.variables.get(variable)
        off = ("", "0", "false", "no", "off", "n", "f")
        return variable in self.variables and (value is None or value.strip().lower() not in off)
