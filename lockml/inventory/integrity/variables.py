"""Find the variables, and files with the same effect, that change what Python loads and from where.

Python: "Command line and environment", Modules/getpath.py; the loader: ld.so(8). Settings that do not change
what is loaded, or that the inventory follows, are not reported.
"""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from lockml.inventory.file_tree import AFTER_START, FileTree, UnreadableError
from lockml.inventory.integrity.commands import hidden_scripts
from lockml.inventory.integrity.native.plugins import named_by_openssl, named_by_services
from lockml.inventory.integrity.native.shared_objects import loader_folders, plugin_folders
from lockml.inventory.model import Deviation, PythonEnvironment, Runtime
from lockml.inventory.owners.packages import owner_in_lists
from lockml.inventory.owners.record_files import expected_of_row
from lockml.inventory.proof import Proof
from lockml.inventory.reading import MAX_PTH

__all__ = ["find_settings"]

_EVERY_PROGRAM: Final = "every program loads it at startup, and nothing accounts for it"
_PRELOADS: Final[Mapping[str, str]] = {
    "LD_PRELOAD": _EVERY_PROGRAM,
    "LD_AUDIT": _EVERY_PROGRAM,
    "OMP_TOOL_LIBRARIES": "OpenMP loads it, and nothing accounts for it",
    "CUDA_INJECTION64_PATH": "CUDA loads it, and nothing accounts for it",
    "NVTX_INJECTION64_PATH": "NVTX loads it, and nothing accounts for it",
}
_SYSCONFIG: Final = ("_PYTHON_SYSCONFIGDATA_NAME", "_CONDA_PYTHON_SYSCONFIGDATA_NAME")
_OF_BUILDS: Final = ("_PYTHON_SYSCONFIGDATA_PATH", "_PYTHON_PROJECT_BASE")
_OF_PEX: Final = ("PEX_EXTRA_SYS_PATH", "__PEX_EXTRA_SYS_PATH__")
_BUILD_LANDMARK: Final = "Modules/Setup.local"
_PRELOAD_FILE: Final = "/etc/ld.so.preload"
_LIBRARY_FOLDERS: Final = ("lib", "lib64")
_WARNING: Final = re.compile(r"[^:]*:[^:]*:\s*(?P<category>[^:]+)")
_MAX_OPTIMISATION: Final = 2


def find_settings(
    tree: FileTree,
    environment: PythonEnvironment,
    runtimes: Sequence[Runtime],
    proof: Proof,
    anchored: int,
) -> Iterator[Deviation]:
    """Yield a deviation for each setting that changes what *environment* loads in any of its starts, *runtimes*.

    *proof* says which RECORDs are proven, *anchored* how many layers belong to the locked base image.
    Raises UnreadableError.
    """
    seen: set[tuple[str, str]] = set()

    def is_owned(path: str) -> bool:
        return _is_owned(tree, path, environment, proof, anchored)

    for runtime in runtimes:
        variables = runtime.environment
        builds = _of_builds(tree, variables, environment)
        for name, value, detail in (*_of_python(variables, environment), *builds, *_of_loader(variables)):
            if (name, value) not in seen and not (name in _PRELOADS and all(map(is_owned, _paths(value)))):
                seen.add((name, value))
                yield _deviation(name, detail, found=value)
    yield from _of_files(tree, environment)
    preloaded = (tree.read(_PRELOAD_FILE, MAX_PTH) or b"").decode("utf-8", "replace")
    foreign = [each for each in _paths(preloaded) if not is_owned(each)]
    if foreign:
        detail = f"every program loads {', '.join(foreign)} at startup, and nothing accounts for it"
        yield _deviation("ld.so.preload", detail, path=_PRELOAD_FILE, found=preloaded.strip())
    yield from _of_libraries(tree, environment, runtimes, is_owned)
    for path, owner in hidden_scripts(tree, environment, runtimes, proof):
        detail = f"PATH finds it before {owner}'s script of the same name, and it changed since the image was built"
        yield _deviation(owner, detail, path=path)


def _deviation(name: str, detail: str, *, path: str = "", found: str | None = None) -> Deviation:
    return Deviation(kind="environment", path=path, owner=name, detail=detail, found=found)


def _of_python(variables: Mapping[str, str], environment: PythonEnvironment) -> Iterator[tuple[str, str, str]]:
    home = variables.get("PYTHONHOME", "")
    if home and home.rstrip("/") not in _own_homes(environment):
        yield "PYTHONHOME", home, "Python loads its standard library from there"
    folder = variables.get("PYTHONPLATLIBDIR", "")
    if folder and folder not in _LIBRARY_FOLDERS:
        yield "PYTHONPLATLIBDIR", folder, "Python searches for libraries in folders of that name"
    if startup := variables.get("PYTHONSTARTUP", ""):
        yield "PYTHONSTARTUP", startup, "an interactive Python runs it at startup"
    warnings = variables.get("PYTHONWARNINGS", "")
    if any(_imports(action) for action in warnings.split(",")):
        yield "PYTHONWARNINGS", warnings, "Python imports the category's module at startup"
    for name in _OF_PEX:
        if folders := variables.get(name, ""):
            yield name, folders, "a pex script adds it to the import path"
    if variables.get("--check-hash-based-pycs") == "never":
        yield "--check-hash-based-pycs", "never", "Python loads compiled modules regardless of their sources"
    level = variables.get("PYTHONOPTIMIZE", "")
    if level.strip().isdigit() and int(level[:6]) > _MAX_OPTIMISATION:
        yield "PYTHONOPTIMIZE", level, f"Python loads compiled modules named .opt-{level}, which no package ships"


def _of_builds(
    tree: FileTree, variables: Mapping[str, str], environment: PythonEnvironment
) -> Iterator[tuple[str, str, str]]:
    """Yield the settings that make sysconfig describe another build: a module that it imports."""
    for name in _SYSCONFIG:
        module = variables.get(name, "")
        if module and tree.kind(f"{environment.library}/{module}.py") != "file":
            yield name, module, "Python's sysconfig imports the module of that name"
    for name in _OF_BUILDS:
        if folder := variables.get(name, ""):
            yield name, folder, "Python's sysconfig reads the facts of its build from there"


def _of_loader(variables: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for name, detail in _PRELOADS.items():
        if value := variables.get(name, "").strip(" :"):
            yield name, value, detail


def _of_libraries(
    tree: FileTree, environment: PythonEnvironment, runtimes: Sequence[Runtime], is_owned: Callable[[str], bool]
) -> Iterator[Deviation]:
    """Yield each configuration that makes a C library load code that nothing accounts for."""
    own = f"{environment.library_search}:{posixpath.dirname(environment.library or '')}"
    loaded = tuple(loader_folders(tree, own, big_endian=environment.big_endian))
    folders = frozenset((*loaded, *plugin_folders(tree, loaded, environment.plugin_folders)))
    for path, named in named_by_openssl(tree, environment, runtimes, folders, is_owned):
        detail = f"it makes Python's ssl and hashlib load {named}, which nothing accounts for"
        yield _deviation("openssl.cnf", detail, path=path, found=named)
    for path, named in named_by_services(tree, loaded, is_owned):
        detail = f"it changed since the image was built and makes programs load {named}, which nothing accounts for"
        yield _deviation("nsswitch.conf", detail, path=path, found=named)


def _own_homes(environment: PythonEnvironment) -> frozenset[str]:
    base = posixpath.dirname(posixpath.dirname(environment.library)) if environment.library else environment.prefix
    own = frozenset({base, f"{base}:{base}"})
    return own if environment.virtual else own | {environment.prefix.rstrip("/")}


def _imports(action: str) -> bool:
    match = _WARNING.match(action)
    return match is not None and "." in match["category"]


def _of_files(tree: FileTree, environment: PythonEnvironment) -> Iterator[Deviation]:
    """Yield the files next to the program that set its import path, and a home that is not the program's own."""
    folders = [f"{environment.prefix}/bin"]
    if environment.program is not None:
        folders.append(posixpath.dirname(environment.program))
    for folder in dict.fromkeys(tree.resolve(each) for each in folders):
        for name in tree.names(folder):
            if name.endswith("._pth") and name.startswith("python"):
                detail = "a Python of this name reads its entire import path from it"
                yield _deviation(name, detail, path=f"{folder}/{name}")
            elif name == "pybuilddir.txt":
                detail = "Python loads its compiled extension modules from the folder that it names"
                yield _deviation(name, detail, path=f"{folder}/{name}")
        if tree.kind(f"{folder}/{_BUILD_LANDMARK}") == "file":
            detail = "Python assumes that it runs in its build folder, and loads its library from there"
            yield _deviation(_BUILD_LANDMARK, detail, path=f"{folder}/{_BUILD_LANDMARK}")
    yield from _moved_modules(tree, environment)
    yield from _late_settings(tree, environment)
    library = _library_of_program(tree, environment)
    if environment.virtual and library is not None and environment.library not in (None, library):
        detail = f"its home leads to the standard library {environment.library}, but its program belongs to {library}"
        yield _deviation("pyvenv.cfg", detail, path=f"{environment.prefix}/pyvenv.cfg", found=environment.library)


def _moved_modules(tree: FileTree, environment: PythonEnvironment) -> Iterator[Deviation]:
    """Yield the folders closer to the program than the library's from which Python loads extension modules."""
    if environment.library is None:
        return
    base = posixpath.dirname(posixpath.dirname(environment.library))
    folders = {tree.resolve(f"{base}/bin")}
    if environment.program is not None and not environment.program.startswith(f"{environment.prefix}/"):
        folders.add(posixpath.dirname(environment.program))
    for folder in sorted(folders):
        for real_path in _nearer(tree, folder, environment.library):
            yield _deviation(
                "lib-dynload", "Python loads its compiled extension modules from this folder", path=real_path
            )


def _nearer(tree: FileTree, folder: str, library: str) -> Iterator[str]:
    """Yield the lib-dynload folders between *folder* and the *library*'s own."""
    above, own = folder, tree.resolve(f"{library}/lib-dynload")
    while above != "/":
        for lib in _LIBRARY_FOLDERS:
            real_path = tree.resolve(f"{above}/{lib}/{posixpath.basename(library)}/lib-dynload")
            if real_path == own:
                return
            if tree.kind(real_path) == "folder":
                yield real_path
        above = posixpath.dirname(above)


def _late_settings(tree: FileTree, environment: PythonEnvironment) -> Iterator[Deviation]:
    """Yield the pyvenv.cfg of an environment from the image, if it changed after the start."""
    if not environment.virtual:
        return
    own = tree.origin(f"{environment.prefix}/bin/python3") or tree.origin(f"{environment.prefix}/bin/python")
    for path in (f"{environment.prefix}/pyvenv.cfg", f"{environment.prefix}/bin/pyvenv.cfg"):
        origin = tree.origin(path) if tree.kind(path) == "file" else None
        late = origin is not None and origin.late
        if late and own is not None and own.order < AFTER_START:
            yield _deviation(
                "pyvenv.cfg", "it decides where Python searches, and it changed since the image was built", path=path
            )


def _library_of_program(tree: FileTree, environment: PythonEnvironment) -> str | None:
    """Return the standard library near the real program, None if the program is a copy inside the environment."""
    program = environment.program
    if program is None or environment.library is None or program.startswith(f"{environment.prefix}/"):
        return None
    name = posixpath.basename(environment.library)
    prefix = posixpath.dirname(posixpath.dirname(program))
    near = (f"{prefix}/{lib}/{name}" for lib in _LIBRARY_FOLDERS)
    return next((tree.resolve(each) for each in near if tree.kind(f"{each}/os.py") == "file"), None)


def _paths(value: str) -> list[str]:
    lines = (line.partition("#")[0] for line in value.splitlines())
    return [each for line in lines for each in re.split(r"[\s:]+", line) if each]


def _is_owned(tree: FileTree, path: str, environment: PythonEnvironment, proof: Proof, anchored: int) -> bool:
    """Return whether a package, a proven RECORD or the base image provides what is preloaded."""
    if "/" not in path:
        loaded = loader_folders(tree, environment.library_search, big_endian=environment.big_endian)
        found = (f"{folder}/{path}" for folder in loaded)
        path = next((each for each in found if tree.kind(each) == "file"), "")
        if not path:
            return False
    real_path = tree.resolve(path)
    if tree.kind(real_path) != "file":
        return True  # the loader skips missing files
    origin = tree.origin(real_path)
    if origin is not None and (origin.late or 0 < origin.order <= anchored):
        return origin.order < AFTER_START
    listed = owner_in_lists(tree, real_path)
    if listed is not None:
        return _has_digest(tree, real_path, listed.algorithm, listed.digest)
    proven = proof.proven(environment)
    for distribution in environment.distributions:
        if distribution.folder in proven:
            for row in distribution.record or ():
                if posixpath.normpath(f"{distribution.site_folder}/{row.path}") == real_path:
                    expected = expected_of_row(distribution, row, "lock")
                    return _has_digest(tree, real_path, expected.algorithm, expected.digest)
    return False


def _has_digest(tree: FileTree, real_path: str, algorithm: str | None, digest: bytes | None) -> bool:
    if algorithm is None or not digest:
        return False
    for _, found in tree.digests([(real_path, algorithm)]):
        if isinstance(found, UnreadableError):
            raise found
        return found == digest
    return False
