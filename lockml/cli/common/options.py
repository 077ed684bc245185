"""Declaration of options: each has help, shows its default and has a LOCKML_… variable.

The variable includes the command, ``LOCKML_CHECK_FORMAT``, because options of one name take other values elsewhere.
Options in `SHARED` mean the same everywhere: ``LOCKML_INDEX_URL`` applies to all commands.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from lockml.cli.common.completion import COMPLETERS
from lockml.cli.common.terminal import warn
from lockml.cli.common.values import ValueOption
from lockml.common.errors import InputError

if TYPE_CHECKING:
    from lockml.index.accelerators.model import Declared

__all__ = [
    "SHARED",
    "believed_cache",
    "cache_folder_option",
    "cache_option",
    "declared_host",
    "host_options",
    "insecure_host_option",
    "name_variables",
    "option",
    "parse_value",
]

_F = TypeVar("_F", bound=Callable[..., Any])
_T = TypeVar("_T")

SHARED: Final = frozenset(
    {
        *("--cache-dir", "--offline"),
        *("--index-url", "--extra-index-url", "--cert", "--client-cert", "--allow-insecure-host"),
        *("--fleet", "--store", "--broker", "--state-dir", "--host", "--processes", "--log-format"),
    }
)
"""The options that mean the same in all commands: one variable sets them for all."""


def option(*names: str, **settings: Any) -> Callable[[_F], _F]:
    """Declare a click option with a variable: named after it if it is shared, else by `name_variables`."""
    long = next(name for name in names if name.startswith("--")).partition("/")[0]
    if long in SHARED:
        settings.setdefault("envvar", _variable(long))
    settings.setdefault("show_envvar", True)
    settings.setdefault("cls", ValueOption)
    if long in COMPLETERS:
        settings.setdefault("shell_complete", COMPLETERS[long])
    return click.option(*names, **settings)


def name_variables(command: click.Command, *path: str) -> None:
    """Set the variable of each option of *command*, by its *path*: ``LOCKML_CACHE_INFO_FORMAT``."""
    for each in command.params:
        if isinstance(each, click.Option) and each.envvar is None:
            each.envvar = _variable(*path, next(name for name in each.opts if name.startswith("--")))
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            name_variables(inner, *path, name)


def _variable(*words: str) -> str:
    return "_".join(["LOCKML", *(word.removeprefix("--").replace("-", "_").upper() for word in words)])


def _cache_folder() -> str:
    return str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lockml")


def believed_cache(folder: Path) -> Path | None:
    """Return *folder*, or None with a warning if another user could have written to it."""
    from lockml.common.private_files import cache_fault  # not for --version

    fault = cache_fault(folder)
    if fault is None:
        return folder
    warn(f"not using the cache {folder}: it {fault}; choose a folder of your own with --cache-dir")
    return None


insecure_host_option = option(
    "--allow-insecure-host",
    multiple=True,
    metavar="HOST[:PORT]",
    help="Follow redirects from https to http on this host. Anyone on the network can then change the files.",
)

cache_folder_option = option(
    "--cache-dir",
    type=click.Path(path_type=Path),
    default=_cache_folder,
    show_default="~/.cache/lockml",
    help="The folder of the cache.",
)
"""The cache folder, even if it belongs to another user."""

cache_option = option(
    "--cache-dir",
    type=click.Path(path_type=Path),
    default=_cache_folder,
    show_default="~/.cache/lockml",
    callback=lambda _, __, folder: believed_cache(folder),
    help="Cache folder; it must belong to your user.",
)
"""The cache folder, or None if it cannot be trusted: then nothing is cached."""


def parse_value(option: str, text: str, parse: Callable[[str], _T]) -> _T:
    """Return the result of *parse* for *text*, the value of *option*; its InputError names the option."""
    try:
        return parse(text)
    except InputError as error:
        raise InputError(f"{option} {text!r}", error.problem, hint=error.hint) from error


def host_options(command: _F) -> _F:
    """Declare the options that name a driver and a GPU."""
    command = option(
        "--gpu",
        metavar="ARCH|MODEL",
        help="GPU of the hosts, as compute capability (8.9) or model (RTX 4070). Default: that of a running subject.",
    )(command)
    return option(
        "--driver",
        metavar="VERSION|none",
        help="Oldest NVIDIA driver of the hosts, such as 550.54.14 or 550; none if they have no GPU.",
    )(command)


def declared_host(driver: str | None, gpu: str | None) -> "Declared":
    """Return the driver and the GPU that the options name; raises InputError."""
    from lockml.index.accelerators.model import NOTHING_DECLARED, Declared

    if not driver and not gpu:
        return NOTHING_DECLARED
    from lockml.index.accelerators.drivers import architecture_of, parse_driver  # loads the table of facts

    if driver and driver != "none" and parse_driver(driver) is None:
        hint = "write a version as nvidia-smi shows it (550.54.14), a branch (550), or none"
        raise InputError(f"--driver {driver!r}", "is not a version of an NVIDIA driver", hint=hint)
    if gpu and not architecture_of(gpu):
        hint = "write its compute capability, such as 8.9, which nvidia-smi --query-gpu=compute_cap shows"
        raise InputError(f"--gpu {gpu!r}", "is neither a compute capability nor a known model", hint=hint)
    return Declared(driver=driver or "", gpu=gpu or "")
