"""The facts of ``facts.toml`` beside this module, read once."""

import pkgutil
import tomllib
from functools import cache

import msgspec
from msgspec import Struct

__all__ = ["Facts", "facts"]


class _Table(Struct, frozen=True, kw_only=True):
    """Where the rows are from."""

    source: str
    date: str


class Verdicts(Struct, frozen=True):
    """The rules whose findings refuse; all others warn."""

    refuse: tuple[str, ...]


class Drivers(_Table, frozen=True, kw_only=True):
    """A driver for each CUDA major, or for each toolkit."""

    drivers: dict[str, str]


class Architectures(_Table, frozen=True, kw_only=True):
    """Which GPU has which compute capability."""

    old: tuple[str, ...]
    models: tuple[tuple[str, str], ...]
    data_center: str
    tegra: dict[str, str]


class Kernels(_Table, frozen=True, kw_only=True):
    """CUDA, machine, first and last torch, architectures."""

    torch: tuple[tuple[str, str, str, str, tuple[str, ...]], ...]


class TorchRelease(Struct, frozen=True):
    """The builds of a minor version of torch; *default* is that of the plain index."""

    version: str
    default: str
    cudnn: str
    builds: tuple[str, ...]


class Torch(_Table, frozen=True, kw_only=True):
    """The releases of torch."""

    cpu_on_aarch64_up_to: str
    releases: tuple[TorchRelease, ...]


class Family(_Table, frozen=True, kw_only=True):
    """What belongs to a build of torch."""

    always: tuple[str, ...]
    members: tuple[str, ...]
    triton: dict[str, tuple[str, ...]]
    accelerators: tuple[str, ...]


class Plain(_Table, frozen=True, kw_only=True):
    """What the wheels of the plain index are built for, by version."""

    wheels: tuple[tuple[str, str, str, str], ...]
    cpu: tuple[str, ...]
    cudnn: tuple[tuple[str, str, str, int], ...]
    without_libraries: tuple[str, ...]


class Xformers(_Table, frozen=True, kw_only=True):
    """Version, torch that it is built for, accelerator."""

    wheels: tuple[tuple[str, str, str], ...]


class Nvidia(_Table, frozen=True, kw_only=True):
    """What names of nvidia-* packages say."""

    unsuffixed_major: int
    unsuffixed: tuple[str, ...]
    stubs_below: str
    stubs: tuple[str, ...]
    other_stubs: tuple[str, ...]
    neutral: tuple[str, ...]
    by_version: tuple[str, ...]


class Users(_Table, frozen=True, kw_only=True):
    """What needs CUDA libraries."""

    projects: tuple[str, ...]
    at_times: tuple[str, ...]
    of_torch: tuple[str, ...]
    excused: tuple[tuple[str, str], ...]
    extensions: tuple[tuple[str, str], ...]


class SameFiles(Struct, frozen=True):
    """Projects that write one *folder*, *below* a version where it is given; *majors*: for two CUDA majors."""

    folder: str
    projects: tuple[str, ...]
    below: str = ""
    majors: bool = False


class Overlaps(_Table, frozen=True, kw_only=True):
    """Projects that write the same files."""

    groups: tuple[SameFiles, ...]


class ExtraChoice(Struct, frozen=True):
    """The extra of a project for an accelerator, unless one of *others* is asked for."""

    project: str
    accelerator: str
    extra: str
    others: tuple[str, ...]


class NameChoice(Struct, frozen=True):
    """The project that replaces another for an accelerator."""

    project: str
    accelerator: str
    name: str


class Choices(_Table, frozen=True, kw_only=True):
    """What an accelerator asks for in place of what the inputs name."""

    extras: tuple[ExtraChoice, ...]
    names: tuple[NameChoice, ...]


class Facts(Struct, frozen=True, kw_only=True):
    """All tables that are read by rules."""

    schema: int
    date: str
    verdicts: Verdicts
    floors: Drivers
    toolkits: Drivers
    architectures: Architectures
    kernels: Kernels
    torch: Torch
    family: Family
    plain: Plain
    xformers: Xformers
    nvidia: Nvidia
    users: Users
    same_files: Overlaps
    choices: Choices


@cache
def facts() -> Facts:
    """Return the facts."""
    content = pkgutil.get_data("lockml.index.accelerators", "facts.toml")  # costs less to load than importlib.resources
    if content is None:
        raise LookupError("lockml/index/accelerators/facts.toml is missing")
    return msgspec.convert(tomllib.loads(content.decode()), Facts)
