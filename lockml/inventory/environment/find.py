"""Find the Python environments of a `FileTree`, the one that its process uses first.

How Python finds its prefix (PEP 405, Modules/getpath.py): a pyvenv.cfg next to or above the program as it was started,
else the folder above the real program that has the standard library.
"""

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from lockml.common.settings import setting
from lockml.inventory.environment.import_path import (
    Layout,
    cache_prefix,
    import_path,
    lambda_folders,
    optimisation,
    search_path,
)
from lockml.inventory.environment.same_programs import library_names
from lockml.inventory.environment.starts import Start, starts_of
from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.model import Problem, PythonEnvironment, Runtime
from lockml.inventory.platforms import exact_python, libc_of, machine_of, made_library
from lockml.inventory.reading import plain_lines

__all__ = ["UNSUPPORTED", "FoundEnvironments", "environment_at", "find_environments"]

UNSUPPORTED: Final = "lockml only checks CPython environments"
"""The end of the reason why an environment of another Python is a problem."""

_USUAL_PREFIXES: Final = ("/venv", "/.venv", "/opt/venv", "/app/.venv", "/app/venv", "/opt/conda")
_SYSTEM_PREFIXES: Final = ("/usr/local", "/usr")
_PROGRAM: Final = re.compile(r"python(?P<minor>3\.\d+)(?P<threads>t?)(?:-[\w.]+|d)?")
_OTHERS: Final = (("pypy", "PyPy"), ("graalpy", "GraalPy"))
_UNTOLD: Final = f"lockml cannot determine which Python it starts; name the environment with {setting('environment')}"
_ELF: Final = b"\x7fELF"
_PLUGINS: Final = ("GCONV_PATH", "OPENSSL_MODULES", "OPENSSL_ENGINES")  # from where C libraries load code
_MAX_SETTINGS: Final = 1 << 16
_MAX_UP: Final = 6  # folders between a program and its prefix


class _Program(Struct, frozen=True):
    """A Python program: the path where it was found, its real path, and the prefix with its standard library."""

    path: str
    real: str
    prefix: str
    library: str


class FoundEnvironments(Struct, frozen=True, kw_only=True):
    """The environments found, without distributions, running ones first; *problems* may hide that another one is used.

    *running* are the prefixes of those that the subject starts, as far as that is known; *settings* are the
    prefix of each that is started and what it is started with.
    """

    environments: tuple[PythonEnvironment, ...]
    problems: tuple[Problem, ...] = ()
    running: tuple[str, ...] = ()
    settings: tuple[tuple[str, Runtime], ...] = ()


def find_environments(tree: FileTree, runtime: Runtime) -> FoundEnvironments:
    """Return every environment found: what the subject starts, what its PATH has, then the usual places.

    If nothing that starts is a Python, the PATH decides; if it has none or is unknown, the order is: the active virtual
    environment, those of the working folder, the usual places, the system.
    """
    started, unknown = _by_start(tree, runtime)
    by_path, problems = _by_path(tree, runtime)
    usual, unread = _usual_environments(tree, runtime)
    ordered: dict[str, PythonEnvironment] = {}
    meant = [environment for environment, start in started if not start.launches]
    others = [environment for environment, start in started if start.launches]
    for environment in (*meant, *by_path, *usual, *others):
        known = ordered.get(environment.prefix)
        ordered[environment.prefix] = _merged(known, environment) if known is not None else environment
    # unreadable parts of the usual places count only if nothing else was found
    running = tuple(dict.fromkeys(environment.prefix for environment, start in started if not start.launches))
    return FoundEnvironments(
        environments=tuple(ordered.values()),
        problems=(
            *unknown,
            *(each for each in problems if not running or _is_late(tree, each.path)),
            *(() if ordered else unread),
        ),
        running=running,
        settings=tuple((environment.prefix, start.runtime) for environment, start in started),
    )


def _is_late(tree: FileTree, path: str) -> bool:
    """Return whether a program was added after the image was built: what runs was started without it."""
    origin = tree.origin(tree.resolve(path))
    return origin is not None and origin.late


def _by_start(tree: FileTree, runtime: Runtime) -> tuple[list[tuple[PythonEnvironment, Start]], list[Problem]]:
    """Return the environments that the subject starts, with how it does, and the starts that are not understood."""
    found: list[tuple[PythonEnvironment, Start]] = []
    problems: list[Problem] = []
    for start in starts_of(tree, runtime):
        try:
            environment = _environment_of(tree, start.program, start.runtime)
        except UnreadableError as error:
            problems.append(Problem(path=start.program, reason=error.reason))
            continue
        if environment is None:
            problems.append(Problem(path=start.program, reason=f"it runs, and {_UNTOLD}"))
        else:
            found.append((_with_folders(tree, environment, start.first_folders), start))
    return found, problems


def _merged(one: PythonEnvironment, other: PythonEnvironment) -> PythonEnvironment:
    """Return *one* with what another way of starting it adds to its import path."""

    def both(name: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*getattr(one, name), *getattr(other, name))))

    return replace(
        one,
        site_folders=_interleaved(one.site_folders, other.site_folders),
        linked_folders=both("linked_folders"),
        path_folders=tuple(
            each for each in both("path_folders") if each not in one.site_folders or each in one.path_folders
        ),
        archives=both("archives"),
        problems=tuple(dict.fromkeys((*one.problems, *other.problems))),
        cache_prefixes=both("cache_prefixes"),
        optimisations=tuple(dict.fromkeys((*one.optimisations, *other.optimisations))),
        plugin_folders=both("plugin_folders"),
        library_search=":".join(filter(None, dict.fromkeys((one.library_search, other.library_search)))),
        first_folders=tuple(dict.fromkeys((*one.first_folders, *other.first_folders))),
    )


def _interleaved(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """Return the folders of both; one that only *other* has goes before its successor there."""
    merged = list(one)
    place = len(merged)
    for folder in reversed(other):
        if folder in merged:
            place = merged.index(folder)
        else:
            merged.insert(place, folder)
    return tuple(merged)


def _with_folders(
    tree: FileTree, environment: PythonEnvironment, folders: tuple[tuple[str, str], ...]
) -> PythonEnvironment:
    """Return *environment* with the *folders* that a way of starting it searches before all others."""
    places = {tree.resolve(folder): why for folder, why in folders if tree.kind(folder) != "missing"}
    known = (*environment.site_folders, *(folder for folder, _ in environment.first_folders))
    more = tuple((place, why) for place, why in places.items() if place not in known)
    return replace(environment, first_folders=(*more, *environment.first_folders))


def _by_path(tree: FileTree, runtime: Runtime) -> tuple[list[PythonEnvironment], list[Problem]]:
    """Return what the folders of the PATH start, and the programs before the first Python that are not understood."""
    found: list[PythonEnvironment] = []
    problems: list[Problem] = []
    search = runtime.environment.get("PATH", "")
    for entry in search.split(":") if search else ():  # an empty entry is the working folder
        folder = posixpath.normpath(posixpath.join(runtime.working_folder or "/", entry))
        program = next(_programs(tree, folder), None)
        if program is None:
            continue
        reason = _UNTOLD
        try:
            environment = _environment_of(tree, program, runtime)
        except UnreadableError as error:
            environment, reason = None, error.reason
        if environment is not None:
            found.append(environment)
        elif not found:
            problems.append(Problem(path=program, reason=reason))
    return found, problems


def _usual_environments(tree: FileTree, runtime: Runtime) -> tuple[list[PythonEnvironment], list[Problem]]:
    """Return the environments in the usual places, and what could not be read there."""
    found: list[PythonEnvironment] = []
    unread: list[Problem] = []
    for prefix in _likely_prefixes(tree, runtime, unread):
        try:
            environment = environment_at(tree, prefix, runtime)
        except UnreadableError as error:
            unread.append(Problem(path=error.path, reason=error.reason))
        else:
            found += [environment] if environment is not None else []
    return found, unread


def environment_at(tree: FileTree, prefix: str, runtime: Runtime) -> PythonEnvironment | None:
    """Return the environment at *prefix*, None where there is none; raises UnreadableError."""
    folder = tree.resolve(prefix)
    for program in _programs(tree, f"{folder}/bin"):
        environment = _environment_of(tree, program, runtime)
        if environment is not None and environment.prefix in (folder, prefix):
            return environment
    place = tree.resolve(f"{folder}/bin")
    if tree.kind(f"{folder}/pyvenv.cfg") == "file":
        return _virtual_environment(tree, (f"{folder}/bin/python3", None), runtime, f"{folder}/pyvenv.cfg")
    if posixpath.dirname(place) != folder and tree.kind(place) == "folder":
        return environment_at(tree, posixpath.dirname(place), runtime)  # such as / if /bin is /usr/bin
    return None


def _likely_prefixes(tree: FileTree, runtime: Runtime, unread: list[Problem]) -> Iterator[str]:
    chosen = runtime.environment.get("VIRTUAL_ENV")
    if chosen:
        yield chosen
    for name in (".venv", "venv"):
        yield posixpath.join(runtime.working_folder or "/", name)
    yield from _USUAL_PREFIXES
    try:
        yield from [f"/opt/{name}" for name in tree.names("/opt")]
    except UnreadableError as error:
        unread.append(Problem(path=error.path, reason=error.reason))
    yield from _SYSTEM_PREFIXES


def _programs(tree: FileTree, folder: str) -> Iterator[str]:
    """Yield the Python programs in *folder* by the names that people use."""
    for name in ("python", "python3"):
        if tree.kind(f"{folder}/{name}") == "file":
            yield f"{folder}/{name}"
    names = sorted(name for name in tree.names(folder) if _PROGRAM.fullmatch(name))
    yield from (f"{folder}/{name}" for name in names if tree.kind(f"{folder}/{name}") == "file")


def _environment_of(tree: FileTree, path: str, runtime: Runtime) -> PythonEnvironment | None:
    """Return the environment that *path* uses when started, None if that is unknown."""
    folder = tree.resolve(posixpath.dirname(path))
    real = posixpath.basename(tree.resolve(path))
    for prefix, name in _OTHERS:
        if real.startswith(prefix):
            raise UnreadableError(path, f"it is {name}, and {UNSUPPORTED}")
    program = _program(tree, f"{folder}/{posixpath.basename(path)}")
    for place in (folder, posixpath.dirname(folder)):
        if tree.kind(f"{place}/pyvenv.cfg") == "file":  # wherever it is, site uses the folder above the program
            started = f"{folder}/{posixpath.basename(path)}"
            return _virtual_environment(tree, (started, program), runtime, f"{place}/pyvenv.cfg")
    if program is None or tree.read(program.real, len(_ELF)) != _ELF:
        return None  # regardless of what a script of that name starts
    layout = Layout(prefix=program.prefix, library=program.library, virtual=False, base=program.prefix)
    return _described(tree, layout, program.real, None, runtime)


def _program(tree: FileTree, path: str) -> _Program | None:
    """Return the program at *path*, None if there is no standard library near its target."""
    real = tree.resolve(path)
    named = _PROGRAM.fullmatch(posixpath.basename(real))
    names = library_names(tree, real, named["minor"], named["threads"]) if named else ("",)
    return next(filter(None, (_program_of(tree, path, real, name) for name in names)), None)


def _program_of(tree: FileTree, path: str, real: str, wanted: str) -> _Program | None:
    """Return the program at *path* with the nearest standard library of the name *wanted*, "" for any name."""
    prefix = posixpath.dirname(real)  # Python starts in the program's own folder
    for _ in range(_MAX_UP + 1):
        for library in (wanted,) if wanted else _libraries(tree, prefix):
            for lib in ("lib", "lib64"):
                if _is_library(tree, f"{prefix}/{lib}/{library}"):
                    above = posixpath.dirname(tree.resolve(f"{prefix}/{lib}"))  # /usr, if /lib is a link
                    return _Program(path=path, real=real, prefix=above, library=library)
        if prefix == "/":
            break
        prefix = posixpath.dirname(prefix)
    return None


def _is_library(tree: FileTree, folder: str) -> bool:
    """Return whether *folder* has the landmark by which Modules/getpath.py finds a standard library."""
    return any(tree.kind(f"{folder}/{name}") == "file" for name in ("os.py", "os.pyc"))


def _libraries(tree: FileTree, prefix: str) -> list[str]:
    return [name for name in tree.names(f"{prefix}/lib") if _PROGRAM.fullmatch(name)]


def _virtual_environment(
    tree: FileTree, started: tuple[str, _Program | None], runtime: Runtime, file: str
) -> PythonEnvironment | None:
    """Return the environment of the pyvenv.cfg *file*; *started* is the path of its program, and the program."""
    path, program = started
    prefix = posixpath.dirname(posixpath.dirname(path))
    settings = _settings(tree, file)
    version = settings.get("version_info", settings.get("version", ""))
    home = settings.get("home", "").rstrip("/") or "/usr/bin"
    known = program or _program(tree, f"{home}/python3")  # a dangling program says no more than its home
    written = re.match(r"3\.\d+", version)
    if known is None and written is None:
        return None
    library = known.library if known is not None else made_library(tree, prefix, written[0] if written else "")
    copied = program is None or program.real.startswith(f"{prefix}/")
    above = posixpath.dirname(tree.resolve(home)) if program is None or copied else program.prefix
    layout = Layout(
        prefix=prefix,
        library=library,
        virtual=True,
        base=_above(tree, home, library) or above,
        with_system=settings.get("include-system-site-packages", "").lower() == "true",
    )
    real = program.real if program is not None else tree.resolve(path)
    return _described(tree, layout, real, version, runtime)


def _settings(tree: FileTree, file: str) -> dict[str, str]:
    """Return the settings of a pyvenv.cfg as Python reads it: the first ``home`` counts, and the last of other keys."""
    content = tree.read(file, _MAX_SETTINGS + 1) or b""
    if len(content) > _MAX_SETTINGS:
        raise UnreadableError(file, f"it has more than {_MAX_SETTINGS} bytes")
    settings: dict[str, str] = {}
    for line in plain_lines(content, file):
        key, equals, value = line.partition("=")
        name = key.strip().lower()
        if equals and not (name == "home" and name in settings):
            settings[name] = value.strip()
    return settings


def _above(tree: FileTree, folder: str, library: str) -> str | None:
    """Return the prefix above *folder* that has the standard *library*, as Modules/getpath.py searches for it."""
    prefix = posixpath.normpath(folder)
    for _ in range(_MAX_UP):
        for lib in ("lib", "lib64"):
            if _is_library(tree, f"{prefix}/{lib}/{library}"):
                return posixpath.dirname(tree.resolve(f"{prefix}/{lib}"))
        if prefix == "/":
            return None
        prefix = posixpath.dirname(prefix)
    return None


def _described(tree: FileTree, layout: Layout, real: str, written: str | None, runtime: Runtime) -> PythonEnvironment:
    library = _library(tree, layout)
    if library is not None and posixpath.basename(posixpath.dirname(library)) == "lib64":
        layout = replace(layout, lib="lib64")
    path = import_path(tree, layout, runtime)
    machine = machine_of(tree, real) if tree.kind(real) == "file" else None
    environment = PythonEnvironment(
        prefix=layout.prefix,
        python=exact_python(tree, layout.base, layout.library, written),
        machine=machine,
        libc=libc_of(tree, machine),
        site_folders=path.folders,
        linked_folders=path.linked,
        path_folders=path.named,
        library=library,
        program=real,
        virtual=layout.virtual,
        archives=path.archives,
        library_archives=tuple(_library_archives(tree, layout)),
        cache_prefixes=(cache_prefix(tree, runtime),),
        optimisations=(optimisation(runtime),),
        library_search=search_path(runtime, "LD_LIBRARY_PATH"),
        plugin_folders=tuple(filter(None, ":".join(search_path(runtime, name) for name in _PLUGINS).split(":"))),
        dangling=tree.kind(real) == "missing",
        problems=path.problems,
        free_threaded=layout.library.endswith("t"),
    )
    if runtime.environment.get("PYTHONSAFEPATH"):
        return environment
    scripts = "it is in the folder of the environment's scripts, which they search first"
    folders = [(f"{layout.prefix}/bin", scripts)] if layout.virtual else []
    folders += [(runtime.working_folder, "it is in the working folder")] if runtime.working_folder else []
    folders += lambda_folders(layout, runtime)
    return _with_folders(tree, environment, tuple(folders))


def _library_archives(tree: FileTree, layout: Layout) -> Iterator[str]:
    """Yield what Python searches before its standard library: python311.zip, which no distributor ships."""
    names = dict.fromkeys((layout.library, layout.library.rstrip("t")))
    for path in (f"{layout.base}/{lib}/{name.replace('.', '')}.zip" for lib in ("lib", "lib64") for name in names):
        if tree.kind(path) != "missing":
            yield tree.resolve(path)


def _library(tree: FileTree, layout: Layout) -> str | None:
    """Return the folder of the standard library, links resolved; the base of a virtual environment may be its bin."""
    for base in (layout.base, posixpath.dirname(layout.base)):
        for lib in ("lib", "lib64"):
            if _is_library(tree, f"{base}/{lib}/{layout.library}"):
                return tree.resolve(f"{base}/{lib}/{layout.library}")
    return None
