"""The options that say what the hosts have: the driver and the GPU that no image knows of."""

from collections.abc import Callable
from typing import Any, TypeVar

from lockml.cli.common.options import option
from lockml.common.errors import InputError
from lockml.index.accelerators.model import NOTHING_DECLARED, Declared

__all__ = ["declared_host", "host_options"]

_F = TypeVar("_F", bound=Callable[..., Any])


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


def declared_host(driver: str | None, gpu: str | None) -> Declared:
    """Return what the options say; raises InputError."""
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
