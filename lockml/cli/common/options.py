"""How options are declared: each has help, shows its default and can be given by a LOCKML_… variable.

The variable carries the command, ``LOCKML_CHECK_FORMAT``, as commands have options of one name and other values.
Options of `SHARED` mean the same wherever they are: ``LOCKML_INDEX_URL`` holds for all commands.
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
"""The options that mean the same for all commands that have them: one variable holds for all of these."""


def option(*names: str, **settings: Any) -> Callable[[_F], _F]:
    """Declare a click option with a variable: of its own name where it is shared, else as `name_variables` names it."""
    long = next(name for name in names if name.startswith("--")).partition("/")[0]
    if long in SHARED:
        settings.setdefault("envvar", _variable(long))
    settings.setdefault("show_envvar", True)
    settings.setdefault("cls", ValueOption)
    if long in COMPLETERS:
        settings.setdefault("shell_complete", COMPLETERS[long])
    return click.option(*names, **settings)


def name_variables(command: click.Command, *path: str) -> None:
    """Give each option of *command*, which *path* leads to, its variable: ``LOCKML_CACHE_INFO_FORMAT``."""
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
    """Return *folder*, None with a warning where somebody else could have written what it keeps."""
    from lockml.common.private_files import cache_fault  # not for --version

    fault = cache_fault(folder)
    if fault is None:
        return folder
    warn(f"the cache {folder} is not used: it {fault}; name a folder of your own with --cache-dir")
    return None


insecure_host_option = option(
    "--allow-insecure-host",
    multiple=True,
    metavar="HOST[:PORT]",
    help="Follow redirects from https to http on this host: anyone on the way can change what comes from there.",
)

cache_folder_option = option(
    "--cache-dir",
    type=click.Path(path_type=Path),
    default=_cache_folder,
    show_default="~/.cache/lockml",
    help="The folder of the cache.",
)
"""The folder, whoever it belongs to."""

cache_option = option(
    "--cache-dir",
    type=click.Path(path_type=Path),
    default=_cache_folder,
    show_default="~/.cache/lockml",
    callback=lambda _, __, folder: believed_cache(folder),
    help="Where fetched pages are kept, for your user alone.",
)
"""The folder, None where it is not believed: then nothing is kept from one run to the next."""


def parse_value(option: str, text: str, parse: Callable[[str], _T]) -> _T:
    """Return what *parse* makes of *text*, the value of *option*; the InputError that it raises names the option."""
    try:
        return parse(text)
    except InputError as error:
        raise InputError(f"{option} {text!r}", error.problem, hint=error.hint) from error


def host_options(command: _F) -> _F:
    """Declare the options that name a driver and a GPU."""
    command = option(
        "--gpu",
        metavar="ARCH|MODEL",
        help="The GPU of the hosts, as compute capability (8.9) or model (RTX 4070); else that of a running subject.",
    )(command)
    return option(
        "--driver",
        metavar="VERSION|none",
        help="The oldest NVIDIA driver of the hosts, such as 550.54.14 or 550; none where they have no GPU.",
    )(command)


def declared_host(driver: str | None, gpu: str | None) -> "Declared":
    """Return what the options say; raises InputError."""
    from lockml.index.accelerators.model import NOTHING_DECLARED, Declared

    if not driver and not gpu:
        return NOTHING_DECLARED
    from lockml.index.accelerators.drivers import architecture_of, parse_driver  # with the table of facts

    if driver and driver != "none" and parse_driver(driver) is None:
        hint = "write the version as nvidia-smi shows it, 550.54.14, its branch, 550, or none"
        raise InputError(f"--driver {driver!r}", "is no version of an NVIDIA driver", hint=hint)
    if gpu and not architecture_of(gpu):
        hint = "write its compute capability, such as 8.9, which nvidia-smi --query-gpu=compute_cap shows"
        raise InputError(f"--gpu {gpu!r}", "is no compute capability, and no model that lockml knows", hint=hint)
    return Declared(driver=driver or "", gpu=gpu or "")
