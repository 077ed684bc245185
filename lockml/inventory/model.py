"""The nouns of what is there: an environment, its installed distributions, and what could not be read."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from msgspec import Struct, field
from packaging.utils import NormalizedName

from lockml.common.digest import RecordRow
from lockml.common.target import Libc

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
"""The label of an image, and the detail of a subject, that has the digest of the pins that it was built from."""


class HistoryStep(Struct, frozen=True):
    """What an image's configuration says of a step that made it; *layer* counts from 1, None where it has none."""

    created_by: str
    layer: int | None


class Subject(Struct, frozen=True, kw_only=True):
    """What is looked at: *kind* as the option is called, *name* as given, *details* what else is known.

    A container of a compose project has its ``service`` among them. *layers* are the digests of an image's layers
    without compression, the lowest first, () where it has none; *history* are the steps that made it, the first first.
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
    """How the subject's process starts, as far as it decides which Python it means: variables and working folder.

    *environment* has no PATH where that is not known, *working_folder* is "" where it is not; *user* is a name or a
    number, "" for root. *command* is what a configuration starts, and *processes* are those that run, each with its own
    command.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    working_folder: str = ""
    user: str = ""
    command: tuple[str, ...] = ()
    processes: tuple["RunningProcess", ...] = ()


class RunningProcess(Struct, frozen=True, kw_only=True):
    """A process of the subject: the real *program* that it runs, and how it was started.

    *environment* is {} where it cannot be read or was written over, *mapped* are the shared objects in its memory.
    """

    number: int
    program: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    working_folder: str
    user: str = ""
    mapped: tuple[str, ...] = ()


class Problem(Struct, frozen=True, kw_only=True):
    """Something that is there but could not be read: the result is incomplete."""

    path: str
    reason: str


class DirectUrl(Struct, frozen=True, kw_only=True):
    """Where a distribution came from (PEP 610): *commit* is that of a repository, *hashes* those of an archive.

    *vcs* names the program of the repository, *subdirectory* is where the project is in it.
    """

    url: str
    editable: bool = False
    commit: str | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    vcs: str = ""
    subdirectory: str = ""


class Described(Struct, frozen=True, kw_only=True):
    """What core metadata state of a distribution beside name and version, as they stand there.

    *license_expression* is of PEP 639, *license* and the *license_classifiers* are what came before it;
    *license_is_text* says that the former has more lines. *requires* are the lines of Requires-Dist, *urls* those of
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

    *folder* is its own path, *site_folder* the library folder; *record* holds the rows of RECORD, None where there is
    none, with the reason in *no_record*; *source* is what direct_url.json tells (PEP 610), None for an index;
    *owner* is the package of the system or of conda that brought it, None for what an installer of wheels did; of a
    package without a RECORD, *lists_digest* is that of all that is listed; *listed*
    are the paths that a setup.py wrote down instead of a RECORD, relative to *folder*; *origin* says
    what brought it there, *time* when its folder was written last. *described* is None where nobody asked for it.
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
        """Whether its code is used where it is worked on (PEP 660)."""
        return self.source is not None and self.source.editable

    @property
    def dist_info(self) -> str:
        """The name of its folder, without the path."""
        return self.folder.rpartition("/")[2]


class RemovedDistribution(Struct, frozen=True, kw_only=True):
    """A dist-info or egg-info that was in a library folder and no longer is.

    *origin* says what removed it, *time* when that folder was written last.
    """

    name: NormalizedName
    folder: str
    origin: str
    time: str | None = None


class PythonEnvironment(Struct, frozen=True, kw_only=True):
    """A Python and what it can import: *site_folders* in the order of its import path.

    *python* is ``3.11.2``, or ``3.11`` where the patch release is unknown; *machine* and *libc* are None where the
    files do not say. *implementation* is its name in markers, and *free_threaded* is None where nothing says whether it
    is such a build. *linked_folders* are those of the site folders that a .pth file names: what is in them is where
    somebody works on it. *path_folders* are what PYTHONPATH names, archives too, *library* is the folder of the
    standard library and *program* the interpreter, without links. *virtual* says whether it is a virtual environment.

    *first_folders* come before all others in some way of starting it, each with that way; *archives* are the zip files
    that PYTHONPATH and .pth files name, *library_archives* those before the standard library. *cache_prefixes* are the
    folders of PYTHONPYCACHEPREFIX, "" for where modules lie beside their sources, *optimisations* the levels of -O that
    it is started with. *library_search* is LD_LIBRARY_PATH, and *plugin_folders* are those that variables name of what
    C libraries load. *dangling* says that *program* is not there. *problems* are what of its import path could not be
    read or followed. Packages that are *alone* have no Python beside them; *python* is what they are for then, "" where
    that is unknown.
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
        """Whether its processor reads numbers from their highest byte on."""
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
"""What no look at a subject can know, by a word for machines; the list is closed."""


class Limit(Struct, frozen=True, kw_only=True):
    """How often a look came to such an end, with a few *examples*, paths or names."""

    code: LimitCode
    count: int
    examples: tuple[str, ...] = ()


class Deviation(Struct, frozen=True, kw_only=True):
    """A file that is not as whatever owns it says, or that nothing owns; *files* counts those of a whole folder.

    *owner* is the distribution's name, ``python`` for the standard library, None where nothing owns the file;
    *expected* and *found* are digests as ``sha256:…``, None where there is none. *origin* says what brought it there.
    An *unproven* one is as its owner says, and nothing proves that owner. *time* is when it was written last by its
    own time, or the folder that it was removed from. *content* is the SHA-256 of the files that a setting names.
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
    """How many *files* are as their *owner* says, with how many bytes, and by what: *basis* is a word for a person."""

    owner: str
    basis: str
    files: int
    size: int


class Expected(NamedTuple):
    """What an owner says of a file: *algorithm* and *digest* are None, and *size* is, where it does not say.

    *source* is the folder of the distribution or the list that says so.
    """

    owner: str
    basis: str
    algorithm: str | None
    digest: bytes | None
    size: int | None
    source: str = ""


class InstalledScript(Struct, frozen=True, kw_only=True):
    """A file in an environment's ``bin`` that a RECORD lists and no entry point has: the wheel's own, or nobody's.

    *hashes* has it with each first line that it may have had, as RECORD writes them; *source* is the dist-info;
    *first_line* is that of a script that does not start the environment's Python, None where it does; *found* is the
    digest of what is there; *origin* says what brought it there.
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
    """All files below the import path, held against what owns them.

    *application* are the folders of PYTHONPATH and of .pth files, whose files nothing can prove; *unproven* says of
    other folders why nothing says what must be in them. *scripts* are those that no entry point has, whose RECORD rows
    installers rewrite. *stale* are the modules, with their owners, that a compiled module beside them is not of.
    *contents* has by the folder of a distribution a SHA-256 of its files of which it states no digest.
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
        """How many files there are that something should account for."""
        absent = ("removed-file", "shadowed", "environment")
        found = sum(each.files for each in self.deviations if each.kind not in absent)
        return self.as_owned + found

    @property
    def as_owned(self) -> int:
        """How many of them are as their owners say."""
        return sum(each.files for each in self.accounted)


class Inventory(Struct, frozen=True, kw_only=True):
    """What is installed in the environment that the subject uses; *others* are the prefixes of its other ones.

    *files* is None where nobody asked for them. *deviations* are of what decides, beside files, what Python loads;
    *remarks* say of the choice of the environment what a reader must know. *removed* are locked projects that were
    installed and no longer are.
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
