"""Find modules earlier on the import path that hide a module of an installed project or of the library.

The order of search: Python's tutorial, "The Module Search Path"; a folder without an ``__init__`` hides nothing
(PEP 420), and no file hides a built-in or frozen module (Lib/importlib, Python/frozen.c).
"""

import io
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.model import InstalledDistribution, PythonEnvironment
from lockml.inventory.proof import Proof

__all__ = ["Shadow", "find_shadows", "startup_files"]

_MODULE: Final = re.compile(r"(?P<name>[A-Za-z_]\w*)(?:\.py|\.pyc|(?:\.[\w-]+)?\.so)")
# what Python imports at startup, by itself or for the .pth files of tools
_STARTUP: Final = ("sitecustomize", "usercustomize", "_virtualenv", "_distutils_hack", "PEX_EXTRA_SYS_PATH")
_MAX_ARCHIVE: Final = 64 << 20
_END_OF_ZIP: Final = b"PK\x05\x06"
_MAX_SOURCE: Final = 8 << 20
_MAX_COMPARED: Final = 2000  # files of a package
_LIBRARY: Final = "python"
# Names that no file can take: sys.builtin_module_names of CPython 3.8 to 3.14 on Linux, and frozen modules.
_BUILT_IN: Final = frozenset(
    [
        "_abc",
        "_ast",
        "_bisect",
        "_blake2",
        "_codecs",
        "_collections",
        "_contextvars",
        "_csv",
        "_datetime",
        "_elementtree",
        "_functools",
        "_heapq",
        "_imp",
        "_io",
        "_json",
        "_locale",
        "_md5",
        "_opcode",
        "_operator",
        "_pickle",
        "_posixsubprocess",
        "_random",
        "_sha1",
        "_sha256",
        "_sha3",
        "_sha512",
        "_signal",
        "_socket",
        "_sre",
        "_stat",
        "_statistics",
        "_string",
        "_struct",
        "_suggestions",
        "_symtable",
        "_sysconfig",
        "_thread",
        "_tokenize",
        "_tracemalloc",
        "_typing",
        "_warnings",
        "_weakref",
        "array",
        "atexit",
        "binascii",
        "builtins",
        "cmath",
        "errno",
        "faulthandler",
        "fcntl",
        "gc",
        "grp",
        "itertools",
        "marshal",
        "math",
        "posix",
        "pwd",
        "pyexpat",
        "resource",
        "select",
        "spwd",
        "sys",
        "syslog",
        "termios",
        "time",
        "unicodedata",
        "xxsubtype",
        "zlib",
        "zipimport",
        "_frozen_importlib",
        "_frozen_importlib_external",
        "__hello__",
        "__phello__",
    ]
)
_FINDERS: Final = ("__editable__", "_editable_impl_")
_FROZEN_SINCE_3_11: Final = frozenset(
    [
        "abc",
        "codecs",
        "io",
        "_collections_abc",
        "_sitebuiltins",
        "genericpath",
        "ntpath",
        "posixpath",
        "os",
        "site",
        "stat",
        "runpy",
    ]
)


class Shadow(Struct, frozen=True, kw_only=True):
    """A module at *path* that hides one of *owner*, ``python`` for the library; *counts* says whether it is drift."""

    path: str
    owner: str
    detail: str
    counts: bool


def find_shadows(tree: FileTree, environment: PythonEnvironment, proof: Proof) -> Iterator[Shadow]:
    """Yield each module that hides one of an installed distribution or of the standard library.

    A project's other copies are not reported here: they are distributions themselves. Raises UnreadableError.
    """
    brought = [(each, frozenset(_modules(each))) for each in environment.distributions]
    yield from _on_the_path(tree, environment, brought, proof)
    locked = proof.projects - proof.own
    owners = {name: each for each, names in reversed(brought) if each.name in locked for name in names}
    standard = _standard_modules(tree, environment)
    for folder, why in (*environment.first_folders, *_script_folders(tree, environment)):
        own = {name for each, names in brought if each.site_folder == folder for name in names}
        yield from _before_all(tree, folder, why, {name: o for name, o in owners.items() if name not in own}, standard)
    for folder in environment.path_folders:
        yield from _before_library(tree, folder, "its folder is on PYTHONPATH", standard)


def _script_folders(tree: FileTree, environment: PythonEnvironment) -> Iterator[tuple[str, str]]:
    """Yield the script folders outside the environment: each is first on the path of its scripts."""
    known = {folder for folder, _ in environment.first_folders}
    if not known:
        return  # PYTHONSAFEPATH, or a subject that is not started
    found = {
        tree.resolve(f"{each.site_folder}/../../../bin")
        for each in environment.distributions
        if any(row.path.startswith("../../../bin/") for row in each.record or ())
    }
    yield from ((folder, "it is in a folder of scripts, which they search first") for folder in sorted(found - known))


def _on_the_path(
    tree: FileTree,
    environment: PythonEnvironment,
    brought: Sequence[tuple[InstalledDistribution, frozenset[str]]],
    proof: Proof,
) -> Iterator[Shadow]:
    """Yield what a folder hides in later ones; unlocked projects may not hide locked ones.

    The user's own project may be used from its working folder even if it is installed elsewhere; the finder of an
    editable one may not be hidden, as Python runs it at every start.
    """
    projects = proof.projects
    folders = (*environment.archives, *environment.site_folders)
    locked = [(each, names) for each, names in brought if each.name in projects]
    owners: dict[str, InstalledDistribution] = {}
    for distribution, names in (*locked, *brought):
        for name in names:
            owners.setdefault(name, distribution)
    spaces = _namespaces(owners)
    for position, folder in enumerate(folders):
        here = [(each, names) for each, names in brought if each.site_folder == folder]
        own = {name for _, names in here for name in names}
        own_locked = {name for each, names in here if each.name in projects for name in names}
        # the survey finds files without an owner in library folders; those on PYTHONPATH are the user's own
        somebodys = folder in environment.path_folders
        rows = (row for each, _ in here for row in each.record or ()) if somebodys else ()
        listed = {above for row in rows for above in _with_folders(row.path)}
        for name, path in _modules_below(tree, folder, spaces):
            owner = owners.get(name)
            if owner is None or (owner.name in proof.own and not name.startswith(_FINDERS)):
                continue
            ours = own_locked if owner.name in projects else own
            beside = somebodys and name in ours and _inside(path, folder) not in listed
            if beside or (name not in ours and folders.index(owner.site_folder) > position):
                detail = f"Python imports it instead of what {owner.name} installed in {owner.site_folder}"
                yield Shadow(path=path, owner=owner.name, detail=detail, counts=True)


def _before_all(
    tree: FileTree,
    folder: str,
    why: str,
    owners: Mapping[str, InstalledDistribution],
    standard: frozenset[str],
) -> Iterator[Shadow]:
    """Yield what *folder*, first on the path, hides: modules of locked projects and of the standard library."""
    for name, path in _modules_below(tree, folder, _namespaces(owners), owners):
        owner = owners.get(name)
        same = owner is not None and _is_copy(tree, path, f"{owner.site_folder}/{_inside(path, folder)}")
        if owner is not None and not (same and not _has_late_code(tree, path)):
            detail = f"Python imports it instead of what {owner.name} installed in {owner.site_folder}: {why}"
            yield Shadow(path=path, owner=owner.name, detail=detail, counts=True)
    yield from _before_library(tree, folder, why, standard)


def _before_library(tree: FileTree, folder: str, why: str, standard: frozenset[str]) -> Iterator[Shadow]:
    for name, path in _modules_in(tree, folder, standard):
        if name in standard:
            places = [folder] if tree.kind(folder) == "file" else [path, *_inits(tree, path)]
            origins = [tree.origin(tree.resolve(place)) for place in places]
            late = any(origin is not None and origin.late for origin in origins)
            detail = f"it has the name of a standard library module, and Python may import it instead: {why}"
            yield Shadow(path=path, owner=_LIBRARY, detail=detail, counts=late)


def _inits(tree: FileTree, path: str) -> Iterator[str]:
    """Yield the file that makes a folder a package: the folder may have another time."""
    return (f"{path}/{name}" for name in tree.names(path) if _is_init(name))


def _standard_modules(tree: FileTree, environment: PythonEnvironment) -> frozenset[str]:
    """Return the module names of the standard library that a file can hide."""
    folder = environment.library
    if folder is None:
        return frozenset()
    names = {name for place in (folder, f"{folder}/lib-dynload") for name, _ in _modules_in(tree, place)}
    loaded = {name for name, _ in _modules_in(tree, f"{folder}/lib-dynload")}  # this build has them as files
    minor = int(environment.python.split(".")[1])
    return frozenset(names - (_BUILT_IN - loaded) - (_FROZEN_SINCE_3_11 if minor >= 11 else frozenset()))


def startup_files(tree: FileTree, environment: PythonEnvironment) -> Iterator[str]:
    """Yield what Python runs at every start from folders and archives that are not reported otherwise."""
    named = (*environment.archives, *environment.path_folders, *environment.linked_folders)
    for folder in dict.fromkeys(named):
        yield from (path for name, path in _modules_in(tree, folder) if name in _STARTUP)


def _modules_in(tree: FileTree, folder: str, wanted: Collection[str] | None = None) -> Iterator[tuple[str, str]]:
    """Yield the modules in a folder or an archive by name; a folder without an __init__ hides nothing (PEP 420).

    Packages that are not *wanted* are not read, such as /proc if the folder is the root.
    """
    if tree.kind(folder) != "folder":
        if any(tree.kind(above) == "file" for above in _with_folders(folder)):
            yield from _modules_in_archive(tree, folder)
        return
    for name in tree.names(folder):
        match = _MODULE.fullmatch(name)
        path = f"{folder.rstrip('/')}/{name}"
        if match is not None:
            yield match["name"], path
        elif (
            name.isidentifier()
            and (wanted is None or name in wanted)
            and any(_is_init(each) for each in tree.names(path))
        ):
            yield name, path


def _inside(path: str, folder: str) -> str:
    return path.removeprefix(f"{folder.rstrip('/')}/")


def _with_folders(path: str) -> Iterator[str]:
    """Yield *path* and the folders above it."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def _namespaces(names: Iterable[str]) -> frozenset[str]:
    """Return the folders, each with a slash, of the module *names*: packages without an __init__."""
    return frozenset(f"{name.rpartition('/')[0]}/" for name in names if "/" in name)


def _modules_below(
    tree: FileTree, folder: str, spaces: Iterable[str], wanted: Collection[str] | None = None
) -> Iterator[tuple[str, str]]:
    """Yield the same as `_modules_in`, and the modules in the namespaces *spaces* of the folder, with their paths."""
    yield from _modules_in(tree, folder, wanted)
    for space in sorted(spaces):
        inside = f"{folder.rstrip('/')}/{space.rstrip('/')}"
        if tree.kind(folder) == "folder" and tree.kind(inside) == "folder":
            yield from ((f"{space}{name}", path) for name, path in _modules_in(tree, inside))


def _modules_in_archive(tree: FileTree, path: str) -> Iterator[tuple[str, str]]:
    archive = path
    while tree.kind(archive) == "missing":
        archive = archive.rpartition("/")[0]
    inner = f"{path.removeprefix(archive).strip('/')}/".lstrip("/")
    content = tree.read(archive, _MAX_ARCHIVE + 1) or b""
    if len(content) > _MAX_ARCHIVE:
        raise UnreadableError(archive, f"it has more than {_MAX_ARCHIVE} bytes")
    import zipfile  # few subjects have archives on their path

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            names = opened.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        if _END_OF_ZIP not in content:
            return  # Python skips what is not an archive
        raise UnreadableError(archive, f"it may be a zip archive, but cannot be read as one ({error})") from error
    for name in dict.fromkeys(each.removeprefix(inner) for each in names if each.startswith(inner)):
        top, slash, rest = name.partition("/")
        match = _MODULE.fullmatch(top)
        if slash and top.isidentifier() and _is_init(rest):
            yield top, f"{path}/{top}"
        elif not slash and match is not None:
            yield match["name"], f"{path}/{name}"


def _is_copy(tree: FileTree, path: str, other: str) -> bool:
    """Return whether a module or a package has exactly the files of another one."""
    waiting, compared = [(path, other)], 0
    try:
        while waiting:
            one, two = waiting.pop()
            compared += 1
            if tree.kind(one) != tree.kind(two) or compared > _MAX_COMPARED:
                return False
            if tree.kind(one) == "folder":
                names = [name for name in tree.names(one) if name != "__pycache__"]
                waiting += [(f"{one}/{name}", f"{two}/{name}") for name in names]
            content = tree.read(one, _MAX_SOURCE) if tree.kind(one) == "file" else None
            if content is not None and (len(content) == _MAX_SOURCE or content != tree.read(two, _MAX_SOURCE)):
                return False
    except UnreadableError:
        return False
    return True


def _has_late_code(tree: FileTree, path: str) -> bool:
    """Return whether a copy has compiled modules added after its sources, which Python loads instead."""
    waiting = [path] if tree.kind(path) == "folder" else []
    cached = f"{posixpath.dirname(path)}/__pycache__"
    module = posixpath.basename(path).partition(".")[0]
    found = [] if waiting else [f"{cached}/{name}" for name in tree.names(cached) if name.startswith(f"{module}.")]
    while waiting:
        folder = waiting.pop()
        for entry in tree.entries(folder):
            if entry.kind == "folder":
                waiting.append(f"{folder}/{entry.name}")
            elif entry.name.endswith(".pyc"):
                found.append(f"{folder}/{entry.name}")
    beside = tree.origin(tree.resolve(path)) or tree.origin(tree.resolve(f"{path}/__init__.py"))
    origins = [tree.origin(each) for each in found]
    return beside is not None and any(origin is not None and origin.order > beside.order for origin in origins)


def _is_init(name: str) -> bool:
    return name.startswith("__init__.") and _MODULE.fullmatch(name) is not None


def _modules(distribution: InstalledDistribution) -> Iterator[str]:
    """Yield the import names that the distribution's RECORD provides; in a namespace, with the path.

    A package without an __init__ is a namespace (PEP 420): other projects and folders add to it.
    """
    inside: dict[tuple[str, ...], list[str]] = {}
    for folder, names in _listed_names(distribution).items():
        parts = tuple(folder.split("/")) if folder else ()
        if all(part.isidentifier() and part != "__pycache__" for part in parts):
            inside[parts] = names
    packages = {parts for parts, names in inside.items() if any(map(_is_init, names))}
    for parts, names in inside.items():
        yield from parts[:1]
        package = next((parts[:n] for n in range(1, len(parts) + 1) if parts[:n] in packages), None)
        if package is not None:
            yield "/".join(package)
        else:
            modules = filter(None, map(_MODULE.fullmatch, names))
            yield from ("/".join((*parts, module["name"])) for module in modules)


def _listed_names(distribution: InstalledDistribution) -> dict[str, list[str]]:
    """Return the names that a RECORD lists in and below the library folder, by folder."""
    listed: dict[str, list[str]] = {}
    for row in distribution.record or ():
        folder, _, name = row.path.rpartition("/")
        if row.path[0] not in "./" and name != "__pycache__":
            listed.setdefault(folder, []).append(name)
    return listed
