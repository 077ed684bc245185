"""List the folders that an environment's Python imports from, in order (Lib/site.py, PEP 370).

Debian and Fedora patch Python to separate what pip installs from their own packages; both are supported.
"""

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.model import Problem, Runtime
from lockml.inventory.owners.well_known import SHARED_PTH, is_well_known
from lockml.inventory.reading import MAX_PTH, text_lines

__all__ = ["ImportPath", "Layout", "cache_prefix", "import_path", "lambda_folders", "optimisation", "search_path"]

_DEBIAN: Final = b"dist-packages"
_SHOWN: Final = 200  # longer paths cannot exist


class Layout(Struct, frozen=True, kw_only=True):
    """The layout of an environment's libraries: *library* is ``python3.11``, *base* has the standard library.

    *lib* is its parent folder, sys.platlibdir: ``lib64`` in Fedora.
    """

    prefix: str
    library: str
    virtual: bool
    base: str
    with_system: bool = False
    lib: str = "lib"

    @property
    def minor(self) -> str:
        """``3.11``."""
        return self.library.removeprefix("python").rstrip("t")


class ImportPath(Struct, frozen=True, kw_only=True):
    """The *folders* that Python imports from besides its standard library, in order.

    *archives* are files that Python reads as zip archives; *named* are the folders and archives that PYTHONPATH names,
    *linked* the folders that .pth files name. *problems* are the parts that could not be read or followed.
    """

    folders: tuple[str, ...]
    named: tuple[str, ...]
    linked: tuple[str, ...]
    archives: tuple[str, ...]
    problems: tuple[Problem, ...] = ()


class _Places:
    """Folders and archives by their resolved names, each once."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self.folders: list[str] = []
        self.archives: list[str] = []

    def add(self, path: str) -> bool:
        """Add what is at *path* if it is new; return whether it is a folder."""
        kind = self._tree.kind(path)
        if kind == "missing" and not self._is_in_archive(path):
            return False
        real_path = self._tree.resolve(path)
        places = self.folders if kind == "folder" else self.archives
        if real_path in places:
            return False
        places.append(real_path)
        return kind == "folder"

    def _is_in_archive(self, path: str) -> bool:
        """Return whether *path* is a folder in a zip archive, as zipimport accepts it."""
        while path not in ("", "/"):
            path = posixpath.dirname(path)
            if self._tree.kind(path) != "missing":
                return self._tree.kind(path) == "file"
        return False


def import_path(tree: FileTree, layout: Layout, runtime: Runtime) -> ImportPath:
    """Return the existing folders; raises UnreadableError if not even the first is known."""
    problems: list[Problem] = []
    places = _Places(tree)
    search = runtime.environment.get("PYTHONPATH", "")
    for folder in search.split(":") if search else ():  # an empty entry is the working folder
        places.add(posixpath.normpath(posixpath.join(runtime.working_folder or "/", folder)))
    named = {*places.folders, *places.archives}
    linked: set[str] = set()
    for folder in _wanted(tree, layout, runtime):
        if tree.kind(folder) != "folder":
            continue
        own = tree.resolve(folder)
        seen = own in places.folders and own not in named and own not in linked
        places.add(folder)
        named.discard(own)  # naming the environment's own folder does not make it the user's
        linked.discard(own)
        for other, shared in () if seen else _named_by_pth(tree, folder, problems):
            try:
                if places.add(other) and not shared:
                    linked.add(tree.resolve(other))
            except UnreadableError as error:
                problems.append(Problem(path=_shortened(other), reason=error.reason))
    return ImportPath(
        folders=tuple(places.folders),
        named=tuple(real_path for real_path in (*places.archives, *places.folders) if real_path in named),
        linked=tuple(real_path for real_path in places.folders if real_path in linked),
        archives=tuple(places.archives),
        problems=tuple(dict.fromkeys(problems)),
    )


def _wanted(tree: FileTree, layout: Layout, runtime: Runtime) -> Iterator[str]:
    debian = _is_debian(tree, layout)
    if layout.virtual:
        yield from _site_packages(layout.prefix, layout)
        if debian:
            yield from _dist_packages(layout.prefix, layout.library)
        if not layout.with_system:
            return
    environment = runtime.environment
    if not environment.get("PYTHONNOUSERSITE"):
        base = environment.get("PYTHONUSERBASE") or posixpath.join(_home(tree, runtime), ".local")
        yield f"{base}/lib/{layout.library}/site-packages"
    if debian:
        if layout.virtual:
            yield from _site_packages(layout.base, layout)
        yield from _dist_packages(layout.base, layout.library)
        return
    if layout.base == "/usr":
        yield from _site_packages("/usr/local", layout)
    yield from _site_packages(layout.base, layout)


def _is_debian(tree: FileTree, layout: Layout) -> bool:
    """Return whether the standard library is Debian's, whose site module names its own folders.

    Minimal images have none of these folders until something is installed into one.
    """
    module = tree.read(f"{layout.base}/lib/{layout.library}/site.py", MAX_PTH)
    if module is not None:
        return _DEBIAN in module
    return layout.base == "/usr" and tree.kind("/usr/lib/python3/dist-packages") == "folder"


def _dist_packages(prefix: str, library: str) -> tuple[str, ...]:
    return (
        f"{prefix}/local/lib/{library}/dist-packages",
        f"{prefix}/lib/python3/dist-packages",
        f"{prefix}/lib/{library}/dist-packages",
    )


def _home(tree: FileTree, runtime: Runtime) -> str:
    """Return the home folder of the user that the process runs as."""
    home = runtime.environment.get("HOME")
    if home:
        return home
    user = runtime.user.partition(":")[0] or "root"
    for line in text_lines(tree.read("/etc/passwd", MAX_PTH) or b""):
        fields = line.split(":")
        if len(fields) > 5 and user in (fields[0], fields[2]) and fields[5]:
            return fields[5]
    return "/root" if user in ("root", "0") else "/"


def _site_packages(prefix: str, layout: Layout) -> Iterator[str]:
    return (f"{prefix}/{lib}/{layout.library}/site-packages" for lib in dict.fromkeys((layout.lib, "lib")))


def _named_by_pth(tree: FileTree, folder: str, problems: list[Problem]) -> Iterator[tuple[str, bool]]:
    """Yield the folders that the .pth files of a site folder add; lines that run code are not followed.

    The one that the environments of pipx share is not the user's own, but a library folder like any other.
    """
    for name in _names(tree, folder, problems):
        if not name.endswith(".pth") or name.startswith("."):
            continue
        path = f"{folder}/{name}"
        try:
            content = tree.read(path, MAX_PTH + 1) or b""
            shared = name == SHARED_PTH and is_well_known(tree, path)
        except UnreadableError as error:
            problems.append(Problem(path=path, reason=error.reason))
            continue
        if len(content) > MAX_PTH:
            problems.append(Problem(path=path, reason=f"it has more than {MAX_PTH} bytes"))
            continue
        # Python 3.13 recognises line ends that earlier releases do not
        for line in dict.fromkeys((*text_lines(content), *content.decode("utf-8", "surrogateescape").splitlines())):
            text = line.strip()
            if text and not text.startswith(("#", "import ", "import\t")):
                yield posixpath.normpath(posixpath.join(folder, text)), shared


def _names(tree: FileTree, folder: str, problems: list[Problem]) -> tuple[str, ...]:
    try:
        return tree.names(folder)
    except UnreadableError as error:
        problems.append(Problem(path=error.path, reason=error.reason))
        return ()


def _shortened(path: str) -> str:
    return path if len(path) <= _SHOWN else f"{path[:_SHOWN]}…"


def lambda_folders(layout: Layout, runtime: Runtime) -> list[tuple[str, str]]:
    """Return the folders that AWS Lambda puts first: the function's own, then those of its layers."""
    root = runtime.environment.get("LAMBDA_TASK_ROOT")
    layers = (f"/opt/python/lib/{layout.library}/site-packages", "/opt/python")
    return [(folder, "AWS Lambda searches it first") for folder in (root, *layers)] if root else []


def cache_prefix(tree: FileTree, runtime: Runtime) -> str:
    """Return the folder where Python caches compiled modules, "" if they are next to their sources."""
    named = runtime.environment.get("PYTHONPYCACHEPREFIX")
    if not named:
        return ""
    return tree.resolve(posixpath.join(runtime.working_folder or "/", named)).rstrip("/")


def optimisation(runtime: Runtime) -> int:
    """Return the level of -O that a Python is started with, at most 2; any other word in PYTHONOPTIMIZE means 1."""
    named = runtime.environment.get("PYTHONOPTIMIZE", "")
    return min(int(named[:6]), 2) if named.isdigit() else int(bool(named))


def search_path(runtime: Runtime, variable: str) -> str:
    """Return a path variable with empty and relative entries resolved against the working folder, as ld.so(8) does."""
    named = runtime.environment.get(variable, "")
    entries = re.split("[:;]", named) if named else []
    return ":".join(posixpath.normpath(posixpath.join(runtime.working_folder or "/", each)) for each in entries)
