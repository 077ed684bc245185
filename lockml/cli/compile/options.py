"""The options of ``compile``, in groups; a module of its own, so that it loads little."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from lockml.index.built import Built

__all__ = [
    "BaseOptions",
    "CompileOptions",
    "ConfiguredBuilt",
    "IndexOptions",
    "InputOptions",
    "LockingOptions",
    "OutputOptions",
    "PolicyOptions",
    "SelectionOptions",
    "TargetOptions",
    "compile_options",
    "of_one_kind",
]


_UNNAMED: Final = 9  # higher than any rank

ProvidedMode = Literal["keep", "prefer", "override"]


class InputOptions(NamedTuple):
    """The input files, and the parts of a pyproject.toml to include."""

    files: tuple[str, ...]
    constraint: tuple[str, ...]
    override: tuple[str, ...]
    extra: tuple[str, ...]
    no_extra: bool
    group: tuple[str, ...]
    no_group: bool


class TargetOptions(NamedTuple):
    """What to lock for: a base image, a Python on a platform, or several *target*; *retarget* ignores the lock's.

    *tags* is the file that lists the tags of the first. Packages of the base image in *provided* are not installed
    again, as *provided_mode* specifies; with *base_constraints*, its constraint files count.
    """

    base_image: str | None
    python: str | None
    platform: str | None
    libc: str | None
    target: tuple[str, ...]
    retarget: bool = False
    tags: str | None = None
    provided: tuple[str, ...] = ()
    provided_mode: ProvidedMode | None = None
    base_constraints: bool = True

    @property
    def named(self) -> bool:
        """Whether an option names the target."""
        return bool(self.base_image or self.python or self.platform or self.libc or self.tags or self.target)


class IndexOptions(NamedTuple):
    """Where files come from, and how to connect; *named_index* is NAME=URL, *index_only* NAME=PROJECT."""

    index_url: str | None
    extra_index_url: tuple[str, ...]
    named_index: tuple[str, ...]
    index_only: tuple[str, ...]
    find_links: tuple[str, ...]
    no_index: bool
    cert: Path | None
    client_cert: Path | None
    allow_insecure_host: tuple[str, ...]
    offline: bool
    cache_dir: Path | None


class PolicyOptions(NamedTuple):
    """Which of the fitting releases to choose, and from which of its files."""

    prefer: tuple[str, ...]
    upgrade: bool
    upgrade_package: tuple[str, ...]
    pre: bool | None
    exclude: tuple[str, ...]
    exclude_newer: str | None
    exclude_newer_except: tuple[str, ...]
    resolution: Literal["highest", "lowest", "lowest-direct"] | None
    no_binary: tuple[str, ...]
    only_binary: tuple[str, ...]
    allow_build: tuple[str, ...]
    accept_older: tuple[str, ...]
    deny: tuple[str, ...]
    as_is: bool
    accelerator: str | None = None
    driver: str | None = None
    gpu: str | None = None

    @property
    def moves_pins(self) -> bool:
        """Whether pins may change although the inputs of the lock are the same."""
        return bool(self.upgrade or self.upgrade_package or self.prefer)


class OutputOptions(NamedTuple):
    """What to write, or only to check; with *full*, messages are printed in full."""

    output: str
    lock: str
    artifact_identity: bool
    verify: bool
    check: bool
    full: bool = False


class BaseOptions(NamedTuple):
    """The locks that this one is based *on*, or is a *subset_of*; projects that *relax* names may have other pins."""

    on: tuple[str, ...] = ()
    subset_of: str | None = None
    relax: tuple[str, ...] = ()


class SelectionOptions(NamedTuple):
    """Which locks of the configuration to compile: *all_locks*, or those that *only* names."""

    all_locks: bool = False
    only: tuple[str, ...] = ()


class LockingOptions(NamedTuple):
    """The options that resolving and verifying a lock needs, beside inputs and targets."""

    lock: str
    artifact_identity: bool
    prefer: tuple[str, ...]
    upgrade: bool
    upgrade_package: tuple[str, ...]
    accept_older: tuple[str, ...]
    cert: Path | None
    client_cert: Path | None
    allow_insecure_host: tuple[str, ...]
    offline: bool
    cache_dir: Path | None


class ConfiguredBuilt(NamedTuple):
    """A project that the image builds, and the file and line that configure it."""

    built: "Built"
    file: str
    line: int


class CompileOptions(NamedTuple):
    """The options of one run, as given.

    *built* are the projects that the image builds, as configured; *table* is the name of the [[tool.lockml.lock]] table
    of these options, "" for a command line.
    """

    inputs: InputOptions
    target: TargetOptions
    indexes: IndexOptions
    policy: PolicyOptions
    output: OutputOptions
    built: tuple[ConfiguredBuilt, ...] = ()
    bases: BaseOptions = BaseOptions()
    selection: SelectionOptions = SelectionOptions()
    table: str = ""

    @property
    def decisive(self) -> "CompileOptions":
        """The options without those that do not matter if an earlier result is still valid."""
        return self._replace(
            indexes=self.indexes._replace(offline=False, cache_dir=None),
            policy=self.policy._replace(upgrade=False, upgrade_package=(), prefer=()),
            output=self.output._replace(check=False, full=False),
            table="",
        )

    @property
    def locking(self) -> LockingOptions:
        """The options that resolving and verifying a lock needs."""
        return LockingOptions(
            lock=self.output.lock,
            artifact_identity=self.output.artifact_identity,
            prefer=self.policy.prefer,
            upgrade=self.policy.upgrade,
            upgrade_package=self.policy.upgrade_package,
            accept_older=self.policy.accept_older,
            cert=self.indexes.cert,
            client_cert=self.indexes.client_cert,
            allow_insecure_host=self.indexes.allow_insecure_host,
            offline=self.indexes.offline,
            cache_dir=self.indexes.cache_dir,
        )


def compile_options(given: Mapping[str, Any]) -> CompileOptions:
    """Return the options, which click has checked, in their groups."""

    def of(names: tuple[str, ...]) -> dict[str, Any]:
        return {name: given[name] for name in names}

    return CompileOptions(
        inputs=InputOptions(**of(InputOptions._fields)),
        target=TargetOptions(**of(TargetOptions._fields)),
        indexes=IndexOptions(**of(IndexOptions._fields)),
        policy=PolicyOptions(**of(PolicyOptions._fields)),
        output=OutputOptions(**of(OutputOptions._fields)),
        bases=BaseOptions(**of(BaseOptions._fields)),
        selection=SelectionOptions(**of(SelectionOptions._fields)),
    )


def of_one_kind(options: Mapping[str, Any], rank: Callable[[str], int]) -> dict[str, Any]:
    """Return *options* with only one way to name the target: that of the lower *rank* of its options."""
    ways = (("target",), ("python", "platform", "libc"))
    ranks = [min((rank(name) for name in way if options[name]), default=_UNNAMED) for way in ways]
    weaker = ways[ranks.index(max(ranks))] if ranks[0] != ranks[1] else ()
    return {**options, **{name: () if name == "target" else None for name in weaker}}
