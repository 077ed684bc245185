"""A `FileTree` and how its process starts in, the Python environments that it holds out, the one it uses first.

Where Python finds its prefix: PEP 405 and Modules/getpath.py: a pyvenv.cfg beside or above the program as it was
started, else the folder above the real program that has the standard library.
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lockml.inventory.import_path import Layout, import_path
from lockml.inventory.model import Problem, PythonEnvironment, Runtime
from lockml.inventory.platforms import exact_python, libc_of, machine_of
from lockml.ports import FileTree, UnreadableError

__all__ = ["environment_at", "find_environments"]

_USUAL_PREFIXES: Final = ("/venv", "/.venv", "/opt/venv", "/app/.venv", "/app/venv", "/opt/conda")
_SYSTEM_PREFIXES: Final = ("/usr/local", "/usr")
_PROGRAM: Final = re.compile(r"python(?P<minor>3\.\d+)(?P<threads>t?)(?:-[\w.]+|d)?")
_MAX_UP: Final = 6  # folders between a program and its prefix


@dataclass(frozen=True, slots=True)
class _Program:
    """A Python program: where it was found, where it really is, and the prefix with its standard library."""

    path: str
    real: str
    prefix: str
    library: str


def find_environments(tree: FileTree, runtime: Runtime) -> tuple[tuple[PythonEnvironment, ...], tuple[Problem, ...]]:
    """Return every environment found, without its distributions, and what may hide that another one is used.

    The first is the one that ``python`` starts: the PATH decides; where it has no Python, or is not known, the active
    virtual environment, those of the working folder, the usual places, the system.
    """
    by_path, problems = _by_path(tree, runtime)
    by_place, unread = _by_place(tree, runtime)
    found = {environment.prefix: environment for environment in reversed((*by_path, *by_place))}
    ordered = dict.fromkeys(environment.prefix for environment in (*by_path, *by_place))
    # what could not be read in the usual places is not what is used, so it counts only if nothing else was found
    return tuple(found[prefix] for prefix in ordered), (*problems, *(() if found else unread))


def _by_path(tree: FileTree, runtime: Runtime) -> tuple[list[PythonEnvironment], list[Problem]]:
    """Return what the folders of the PATH start, and the programs before the first of them that are not understood."""
    found: list[PythonEnvironment] = []
    problems: list[Problem] = []
    for folder in filter(None, runtime.environment.get("PATH", "").split(":")):
        program = next(_programs(tree, folder), None)
        if program is None:
            continue
        reason = "lockml cannot tell which Python it starts; name the environment with --environment"
        try:
            environment = _environment_of(tree, program, runtime)
        except UnreadableError as error:
            environment, reason = None, error.reason
        if environment is not None:
            found.append(environment)
        elif not found:
            problems.append(Problem(path=program, reason=reason))
    return found, problems


def _by_place(tree: FileTree, runtime: Runtime) -> tuple[list[PythonEnvironment], list[Problem]]:
    """Return what is in the places where environments usually are, and what of them could not be read."""
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
        return _virtual_environment(tree, folder, None, runtime)
    if posixpath.dirname(place) != folder and tree.kind(place) == "folder":
        return environment_at(tree, posixpath.dirname(place), runtime)  # as / where /bin is /usr/bin
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
    """Yield the Python programs in *folder* by the names that people start."""
    for name in ("python", "python3"):
        if tree.kind(f"{folder}/{name}") == "file":
            yield f"{folder}/{name}"
    names = sorted(name for name in tree.names(folder) if _PROGRAM.fullmatch(name))
    yield from (f"{folder}/{name}" for name in names if tree.kind(f"{folder}/{name}") == "file")


def _environment_of(tree: FileTree, path: str, runtime: Runtime) -> PythonEnvironment | None:
    """Return the environment that starting *path* uses, None where that cannot be told."""
    folder = tree.resolve(posixpath.dirname(path))
    program = _program(tree, f"{folder}/{posixpath.basename(path)}")
    for prefix in (folder, posixpath.dirname(folder)):
        if tree.kind(f"{prefix}/pyvenv.cfg") == "file":
            return _virtual_environment(tree, prefix, program, runtime)
    if program is None:
        return None
    layout = Layout(prefix=program.prefix, library=program.library, virtual=False, base=program.prefix)
    return _described(tree, layout, program.real, None, runtime)


def _program(tree: FileTree, path: str) -> _Program | None:
    """Return the program at *path*, None where no standard library is near what it leads to."""
    real = tree.resolve(path)
    named = _PROGRAM.fullmatch(posixpath.basename(real))
    wanted = f"python{named['minor']}{named['threads']}" if named else None
    prefix = posixpath.dirname(real)
    for _ in range(_MAX_UP):
        prefix = posixpath.dirname(prefix)
        for library in (wanted,) if wanted else _libraries(tree, prefix):
            for lib in ("lib", "lib64"):
                if tree.kind(f"{prefix}/{lib}/{library}/os.py") == "file":
                    above = posixpath.dirname(tree.resolve(f"{prefix}/{lib}"))  # /usr, where /lib is a link
                    return _Program(path=path, real=real, prefix=above, library=library)
        if prefix == "/":
            break
    return None


def _libraries(tree: FileTree, prefix: str) -> list[str]:
    return [name for name in tree.names(f"{prefix}/lib") if _PROGRAM.fullmatch(name)]


def _virtual_environment(
    tree: FileTree, prefix: str, program: _Program | None, runtime: Runtime
) -> PythonEnvironment | None:
    content = tree.read(f"{prefix}/pyvenv.cfg", 1 << 16) or b""
    pairs = (line.partition("=") for line in content.decode("utf-8", "replace").splitlines())
    settings = {key.strip().lower(): value.strip() for key, equals, value in pairs if equals}
    version = settings.get("version_info", settings.get("version", ""))
    written = re.match(r"3\.\d+", version)
    if program is None and written is None:
        return None
    home = posixpath.dirname(tree.resolve(settings.get("home", "").rstrip("/") or "/usr/bin"))
    copied = program is None or program.real.startswith(f"{prefix}/")
    layout = Layout(
        prefix=prefix,
        library=program.library if program is not None else f"python{written[0] if written else ''}",
        virtual=True,
        base=home if program is None or copied else program.prefix,
        with_system=settings.get("include-system-site-packages", "").lower() == "true",
    )
    real = program.real if program is not None else tree.resolve(f"{prefix}/bin/python3")
    return _described(tree, layout, real, version, runtime)


def _described(tree: FileTree, layout: Layout, real: str, written: str | None, runtime: Runtime) -> PythonEnvironment:
    path = import_path(tree, layout, runtime)
    return PythonEnvironment(
        prefix=layout.prefix,
        python=exact_python(tree, layout.base, layout.minor, written),
        machine=machine_of(tree, real) if tree.kind(real) == "file" else None,
        libc=libc_of(tree),
        site_folders=path.folders,
        linked_folders=path.linked,
        path_folders=path.named,
        library=_library(tree, layout),
        program=real,
    )


def _library(tree: FileTree, layout: Layout) -> str | None:
    """Return the folder of the standard library without links; the base of a virtual environment may be its bin."""
    for base in (layout.base, posixpath.dirname(layout.base)):
        for lib in ("lib", "lib64"):
            if tree.kind(f"{base}/{lib}/{layout.library}/os.py") == "file":
                return tree.resolve(f"{base}/{lib}/{layout.library}")
    return None
