"""The data model of an inventory: an environment, its distributions, and what could not be read."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from msgspec import Struct, field
from packaging.utils import NormalizedName

from lockml.common.digest import RecordRow
from lockml.common.target import Libc
from lockml.index.accelerators.model import NO_GROUND, NOTHING_DECLARED, Declared, Ground, Part

__all__ = [
    "LOCK_LABEL",
    "AccountedFiles",
    "Described",
    "Deviation",
    "DeviationKind",
    "DirectUrl",
    "Expected",
    "FileSurvey",
    "InstalledDistribution",
    "InstalledScript",
    "Inventory",
    "Limit",
    "LimitCode",
    "Problem",
    "PythonEnvironment",
    "RemovedDistribution",
    "RunningProcess",
    "Runtime",
    "Subject",
]

LOCK_LABEL: Final = "lockml.lock"
"""The image label, and subject detail, with the digest of the pins that the image was built from."""


class HistoryStep(Struct, frozen=True):
    """A step of an image's history; *layer* counts from 1, None if the step made none."""

    created_by: str
    layer: int | None


class Subject(Struct, frozen=True, kw_only=True):
    """What is checked: *kind* is the name of the option, *name* as given, *details* what else is known.

    A container of a Compose project has its ``service`` among them. *layers* are the digests of an image's uncompressed
    layers, lowest first, () if it has none; *history* are the steps that made it, first to last.
    """

    kind: str
    name: str
    details: Mapping[str, str] = field(default_factory=dict)
    layers: tuple[str, ...] = ()
    history: tuple[HistoryStep, ...] = ()

    def __str__(self) -> str:
        service = self.details.get("service")
        return f"service {service} ({self.kind} {self.name})" if service else f"{self.kind} {self.name}"


class Runtime(Struct, frozen=True, kw_only=True):
    """How the subject's process starts, as far as that decides which Python runs: variables and working folder.

    *environment* has no PATH if it is unknown, and *working_folder* is "" then; *user* is a name or a number, "" for
    root. *command* is what the configuration starts, and *processes* are the running ones, each with its own command.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    working_folder: str = ""
    user: str = ""
    command: tuple[str, ...] = ()
    processes: tuple["RunningProcess", ...] = ()


class RunningProcess(Struct, frozen=True, kw_only=True):
    """A process of the subject: the real *program* that it runs, and how it was started.

    *environment* is {} if it cannot be read or was overwritten, *mapped* are the shared objects in its memory.
    """

    number: int
    program: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    working_folder: str
    user: str = ""
    mapped: tuple[str, ...] = ()


class Problem(Struct, frozen=True, kw_only=True):
    """Something that exists but could not be read, which makes the result incomplete."""

    path: str
    reason: str


class DirectUrl(Struct, frozen=True, kw_only=True):
    """The source of a distribution (PEP 610): *commit* for a repository, *hashes* for an archive.

    *vcs* names the version control program, *subdirectory* is where the project is in the repository.
    """

    url: str
    editable: bool = False
    commit: str | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    vcs: str = ""
    subdirectory: str = ""


class Described(Struct, frozen=True, kw_only=True):
    """The core metadata of a distribution besides name and version, verbatim.

    *license_expression* follows PEP 639, *license* and the *license_classifiers* are the older fields;
    *license_is_text* says that *license* has several lines. *requires* are the lines of Requires-Dist, *urls* those of
    Project-URL, and of Home-page, by their labels.
    """

    license_expression: str | None = None
    license: str | None = None
    license_is_text: bool = False
    license_classifiers: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    urls: tuple[tuple[str, str], ...] = ()


class InstalledDistribution(Struct, frozen=True, kw_only=True):
    """A dist-info (PEP 376, PEP 627) or egg-info directly in a library folder.

    *folder* is its own path, *site_folder* the library folder; *record* holds the rows of RECORD, None if there is
    none, with the reason in *no_record*; *source* comes from direct_url.json (PEP 610), None for an index; *owner* is
    the system or conda package that contains it, None if an installer of wheels installed it. *lists_digest* is the
    digest of a package manager's list for a package without a RECORD; *listed* are the paths that a setup.py recorded
    instead of a RECORD, relative to *folder*; *origin* says what added it, *time* when its folder was last written.
    *described* is None if it was not requested.
    """

    name: NormalizedName
    version: str
    folder: str
    site_folder: str
    record: tuple[RecordRow, ...] | None
    no_record: str | None = None
    installer: str | None = None
    source: DirectUrl | None = None
    owner: str | None = None
    lists_digest: str | None = None
    listed: tuple[str, ...] = ()
    origin: str | None = None
    time: str | None = None
    described: Described | None = None

    @property
    def editable(self) -> bool:
        """Whether it is installed editable: its code is used from its working folder (PEP 660)."""
        return self.source is not None and self.source.editable

    @property
    def dist_info(self) -> str:
        """The name of its folder, without the path."""
        return self.folder.rpartition("/")[2]


class RemovedDistribution(Struct, frozen=True, kw_only=True):
    """A dist-info or egg-info that was removed from a library folder.

    *origin* says what removed it, *time* when that folder was last written.
    """

    name: NormalizedName
    folder: str
    origin: str
    time: str | None = None


class PythonEnvironment(Struct, frozen=True, kw_only=True):
    """A Python and what it can import: *site_folders* in the order of its import path.

    *python* is ``3.11.2``, or ``3.11`` if the patch release is unknown; *machine* and *libc* are None if the files do
    not say. *implementation* is its name in markers, and *free_threaded* is None if nothing says whether it is such a
    build. *linked_folders* are the site folders that a .pth file names: working folders of editable projects.
    *path_folders* are what PYTHONPATH names, archives too, *library* is the folder of the standard library and
    *program* the interpreter, without links. *virtual* says whether it is a virtual environment.

    *first_folders* come before all others in some way of starting it, each with that way; *archives* are the zip files
    that PYTHONPATH and .pth files name, *library_archives* those before the standard library. *cache_prefixes* are the
    folders of PYTHONPYCACHEPREFIX, "" for modules next to their sources, *optimisations* the levels of -O that it is
    started with. *library_search* is LD_LIBRARY_PATH, and *plugin_folders* are the folders of C library plugins that
    variables name. *dangling* says that *program* does not exist. *problems* are the parts of its import path that
    could not be read or followed. Packages that are *alone* come without a Python; *python* is then what they are for,
    "" if that is unknown.
    """

    prefix: str
    python: str
    machine: str | None
    libc: Libc | None
    site_folders: tuple[str, ...]
    linked_folders: tuple[str, ...] = ()
    path_folders: tuple[str, ...] = ()
    library: str | None = None
    program: str | None = None
    virtual: bool = False
    first_folders: tuple[tuple[str, str], ...] = ()
    archives: tuple[str, ...] = ()
    library_archives: tuple[str, ...] = ()
    cache_prefixes: tuple[str, ...] = ("",)
    optimisations: tuple[int, ...] = (0,)
    library_search: str = ""
    plugin_folders: tuple[str, ...] = ()
    dangling: bool = False
    problems: tuple[Problem, ...] = ()
    alone: bool = False
    distributions: tuple[InstalledDistribution, ...] = ()
    implementation: str = "cpython"
    free_threaded: bool | None = None

    @property
    def big_endian(self) -> bool:
        """Whether its processor is big-endian."""
        return self.machine == "s390x"

    @property
    def python_text(self) -> str:
        """``3.11.2``, ``3.14.0t`` for a free-threaded build, ``pypy3.10.14``; "" where the version is unknown."""
        name = "" if self.implementation == "cpython" else self.implementation
        return f"{name}{self.python}{'t' if self.free_threaded else ''}" if self.python else ""


DeviationKind = Literal["modified", "removed-file", "unattributed-file", "bytecode", "shadowed", "environment"]
LimitCode = Literal[
    "bytecode-body",
    "stdlib-unproven",
    "interpreter-unproven",
    "package-lists",
    "native-libraries",
    "unlocked-tools",
    "application-code",
    "other-pythons",
    "process-memory",
]
"""The codes of the limits: what a check cannot determine. The list is closed."""


class Limit(Struct, frozen=True, kw_only=True):
    """How often a limit applied, with a few *examples*: paths or names."""

    code: LimitCode
    count: int
    examples: tuple[str, ...] = ()


class Deviation(Struct, frozen=True, kw_only=True):
    """A file that differs from what its owner says, or has no owner; *files* counts those of a folder.

    *owner* is the distribution's name, ``python`` for the standard library, None for a file without an owner;
    *expected* and *found* are digests as ``sha256:…``, None if there is none. *origin* says what added it. An
    *unproven* one is as its owner says, but nothing proves that owner. *time* is its last modification time, or that
    of the folder that it was removed from. *content* is the SHA-256 of the files that a setting names.
    """

    kind: DeviationKind
    path: str
    owner: str | None
    detail: str
    expected: str | None = None
    found: str | None = None
    origin: str | None = None
    files: int = 1
    unproven: bool = False
    time: str | None = None
    content: str | None = None


class AccountedFiles(Struct, frozen=True, kw_only=True):
    """How many *files*, with how many bytes, are as their *owner* says; *basis* is what shows it."""

    owner: str
    basis: str
    files: int
    size: int


class Expected(NamedTuple):
    """What an owner says about a file: *algorithm*, *digest* and *size* are None if it does not say.

    *source* is the folder of the distribution, or the list, that says so.
    """

    owner: str
    basis: str
    algorithm: str | None
    digest: bytes | None
    size: int | None
    source: str = ""


class InstalledScript(Struct, frozen=True, kw_only=True):
    """A file in ``bin`` that a RECORD lists and no entry point has: the wheel's own script, or a foreign one.

    *hashes* covers each first line that it may have had, as RECORD writes them; *source* is the dist-info;
    *first_line* belongs to a script that does not start the environment's Python, else None; *found* is the digest of
    the file; *origin* says what added it.
    """

    path: str
    owner: str
    hashes: frozenset[str]
    source: str = ""
    first_line: str | None = None
    found: str | None = None
    origin: str | None = None
    time: str | None = None


class FileSurvey(Struct, frozen=True, kw_only=True):
    """All files below the import path, compared with what owns them.

    *application* are the folders of PYTHONPATH and of .pth files, whose files nothing can prove; *unproven* gives the
    reason for other folders. *scripts* are those without an entry point, whose RECORD rows installers rewrite. *stale*
    are the modules, with their owners, that the compiled module next to them does not come from. *contents* has, by
    the folder of a distribution, a SHA-256 of the files for which it states no digest.
    """

    accounted: tuple[AccountedFiles, ...]
    deviations: tuple[Deviation, ...]
    problems: tuple[Problem, ...]
    remarks: tuple[str, ...]
    application: tuple[str, ...]
    unproven: tuple[tuple[str, str], ...]
    scripts: tuple[InstalledScript, ...] = ()
    stale: tuple[tuple[str, str], ...] = ()
    limits: tuple[Limit, ...] = ()
    contents: Mapping[str, str] = {}

    @property
    def total(self) -> int:
        """The number of files that something should account for."""
        absent = ("removed-file", "shadowed", "environment")
        found = sum(each.files for each in self.deviations if each.kind not in absent)
        return self.as_owned + found

    @property
    def as_owned(self) -> int:
        """The number of those files that are as their owners say."""
        return sum(each.files for each in self.accounted)


class Inventory(Struct, frozen=True, kw_only=True):
    """What is installed in the environment that the subject uses; *others* are the prefixes of its other environments.

    *files* is None if they were not checked. *deviations* concern the settings that, besides files, decide what Python
    loads; *remarks* explain the choice of the environment. *removed* are locked projects that were uninstalled.
    *ground* is what the subject says about its CUDA, and *builds* are the distributions whose files say what they are
    built for; *declared* is what the user says about the host.
    """

    subject: Subject
    environment: PythonEnvironment
    others: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: FileSurvey | None = None
    removed: tuple[RemovedDistribution, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    remarks: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    ground: Ground = NO_GROUND
    builds: tuple[Part, ...] = ()
    declared: Declared = NOTHING_DECLARED
