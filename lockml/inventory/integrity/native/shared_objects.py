"""Judge the shared objects outside the import path that the loader may load, by their origin.

ld.so(8): the folders of LD_LIBRARY_PATH, of /etc/ld.so.conf.d and its cache, and the system's own; musl's path file;
where OpenSSL and glibc search for what they load by themselves. They are not hashed: one that changed after the start
is drift, as is one that a later layer replaced without its package; the rest is a limit.
"""

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from lockml.inventory.file_tree import AFTER_START, FileTree, Origin
from lockml.inventory.integrity.native.loader_cache import LOADER_CACHE, paths_in_cache
from lockml.inventory.model import PythonEnvironment
from lockml.inventory.owners.packages import PackageLists
from lockml.inventory.reading import MAX_CACHE, MAX_PTH, text_lines
from lockml.inventory.results import SurveyResults

__all__ = ["SHARED_OBJECT", "loader_folders", "plugin_folders", "survey_native"]

_USUAL: Final = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib")
_ADDITIONAL: Final = (
    "/lib64/lp64d",
    "/usr/lib64/lp64d",
    "/usr/local/cuda/lib64",
    "/usr/local/cuda/compat",
    "/usr/local/nvidia/lib",
    "/usr/local/nvidia/lib64",
)
_PROCESSORS: Final = (
    *("tls", "haswell", "avx512_1", "x86_64", "aarch64", "atomics"),
    *("i586", "i686", "neon", "vfp", "v6l", "v7l"),
    *(f"power{each}" for each in range(4, 11)),
    *("z900", "z990", "z9-109", "z10", "z196", "zEC12", "z13", "z14", "z15", "z16"),
)
_DEBIAN: Final = re.compile(r"-linux-gnu(?:eabihf)?$")
_CONFIGURED: Final = "/etc/ld.so.conf"
SHARED_OBJECT: Final = re.compile(r".+\.so(?:\.[\w.]+)?")
_PLUGINS: Final = re.compile(r"engines(?:-[\d._]+)?|ossl-modules|gconv")
_MUSL_LOADER: Final = re.compile(r"(ld-musl-\w+)\.so\.1")
_ALTERNATIVES: Final = "/etc/alternatives"
_LATE: Final = "a shared object that the loader may load changed since the image was built"


def loader_folders(tree: FileTree, search: str, *, big_endian: bool = False) -> Iterator[str]:
    """Yield the folders that the loader searches, links resolved; *search* is LD_LIBRARY_PATH.

    Raises UnreadableError.
    """
    cached = sorted({posixpath.dirname(path) for path in _cached(tree, big_endian=big_endian) if path.startswith("/")})
    yield from _existing(tree, (*_named_folders(tree, search), *cached))


def plugin_folders(tree: FileTree, folders: Iterable[str], named: Iterable[str]) -> Iterator[str]:
    """Yield where C libraries search for what they load themselves, links resolved: below *folders*, and as *named*."""
    below = (f"{folder}/{name}" for folder in folders for name in tree.names(folder) if _PLUGINS.fullmatch(name))
    yield from _existing(tree, (*below, *named))


def _existing(tree: FileTree, folders: Iterable[str]) -> Iterator[str]:
    """Yield each existing one of *folders* once, links resolved, with what the loader prefers on some processors."""
    seen: set[str] = set()
    entered: set[str] = set()
    for folder in folders:
        above = tree.resolve(folder)
        if above in entered:
            continue
        entered.add(above)
        for place in (above, *_by_processor(tree, above)):
            if place not in seen and tree.kind(place) == "folder":
                seen.add(place)
                yield place


def _named_folders(tree: FileTree, search: str, *, as_made: bool = False) -> Iterator[str]:
    """Yield the folders from all but the loader's cache, as written; *as_made* only reads what did not change."""
    files = [f"{_CONFIGURED}.d/{name}" for name in tree.names(f"{_CONFIGURED}.d") if name.endswith(".conf")]
    yield from filter(None, re.split("[:;]", search))
    for file in (_CONFIGURED, *files):
        yield from _lines(tree, file) if not as_made or not _is_late(tree, file) else ()
    for file in _musl_files(tree):
        yield from (each for line in _lines(tree, file) for each in line.split(":") if each)
    yield from (f"{folder}/{name}" for folder in _USUAL for name in tree.names(folder) if _DEBIAN.search(name))
    yield from (*_USUAL, *_ADDITIONAL)


def _musl_files(tree: FileTree) -> list[str]:
    """Return the path files of musl's loaders; /etc itself is not listed, as engines mount files over it."""
    found = (_MUSL_LOADER.fullmatch(name) for name in tree.names("/lib"))
    return [f"/etc/{loader[1]}.path" for loader in found if loader is not None]


def _cached(tree: FileTree, *, big_endian: bool) -> frozenset[str]:
    return paths_in_cache(tree.read(LOADER_CACHE, MAX_CACHE) or b"", big_endian=big_endian)


def _by_processor(tree: FileTree, folder: str) -> Iterator[str]:
    """Yield the folders in *folder* that the loader prefers on some processors."""
    there = frozenset(tree.names(folder))
    if "glibc-hwcaps" in there:
        yield from (f"{folder}/glibc-hwcaps/{name}" for name in tree.names(f"{folder}/glibc-hwcaps"))
    for first in _PROCESSORS:
        if first in there:
            yield f"{folder}/{first}"
            yield from (f"{folder}/{first}/{second}" for second in _PROCESSORS)


def _lines(tree: FileTree, file: str) -> Iterator[str]:
    lines = (line.strip() for line in text_lines(tree.read(file, MAX_PTH) or b""))
    return (line for line in lines if line.startswith("/"))


def survey_native(
    tree: FileTree, environment: PythonEnvironment, results: SurveyResults, packages: PackageLists, anchored: int
) -> None:
    """Record what changed in the loader's folders since the image was built, and how much nothing proves."""
    own = posixpath.dirname(environment.library) if environment.library is not None else ""
    search = f"{environment.library_search}:{own}"
    named = _cached(tree, big_endian=environment.big_endian)
    _tell_cache(tree, results, named, frozenset(_existing(tree, _named_folders(tree, search, as_made=True))))
    _tell_late(tree, results)
    folders = tuple(loader_folders(tree, search, big_endian=environment.big_endian))
    cached = {f"{tree.resolve(posixpath.dirname(path))}/{posixpath.basename(path)}" for path in named}
    plugins = tuple(plugin_folders(tree, folders, environment.plugin_folders))
    for folder in dict.fromkeys((*folders, *plugins)):
        unproven = 0
        for entry in tree.entries(folder):
            path = f"{folder}/{entry.name}"
            if entry.kind not in ("file", "link"):
                continue
            taken = (
                SHARED_OBJECT.fullmatch(entry.name) or path in cached or (folder in plugins and _is_late(tree, path))
            )
            if not taken:
                continue
            fault = _fault(tree, path, packages)
            if fault is not None:
                results.deviate("modified", path, None, fault)
            elif not _is_anchored(tree, path, anchored):
                unproven += 1
        if unproven:
            results.limit("native-libraries", folder, unproven)


def _tell_late(tree: FileTree, results: SurveyResults) -> None:
    """Record what redirects the loader and changed after the start."""
    for file in _musl_files(tree):
        if _is_late(tree, file):
            results.deviate(
                "modified", file, None, "it decides where the loader searches, and it changed since the image was built"
            )
    for name in tree.names(_ALTERNATIVES):
        path = f"{_ALTERNATIVES}/{name}"
        if SHARED_OBJECT.fullmatch(posixpath.basename(tree.resolve(path))) and _is_late(tree, path):
            results.deviate("modified", path, None, _LATE)


def _tell_cache(tree: FileTree, results: SurveyResults, cached: Collection[str], folders: Collection[str]) -> None:
    """Record the objects of the loader cache *cached* that are not in *folders*, if they changed after the start.

    The loader searches for a relative path in the working folder of the program.
    """
    late = _is_late(tree, LOADER_CACHE)
    for named in sorted(cached):
        folder, _, name = named.rpartition("/")
        foreign = SHARED_OBJECT.fullmatch(name) is None or tree.resolve(folder or "/") not in folders
        if not named.startswith("/") or (late and foreign):
            results.deviate(
                "modified",
                LOADER_CACHE,
                None,
                f"it makes the loader load {named}, which changed since the image was built",
            )
            return


def _fault(tree: FileTree, path: str, packages: PackageLists) -> str | None:
    """Return why a shared object, or a link to one, differs from the image."""
    origin = tree.origin(path)
    if _is_mounted(tree, path, origin):  # such as graphics drivers, by the person who starts it
        return None
    if _is_late(tree, path) or _is_late(tree, tree.resolve(path)):
        return _LATE
    if origin is not None and origin.replaces and not packages.came_whole(path):
        return "a later layer replaced this shared object, but not its entire package"
    return None


def _is_anchored(tree: FileTree, path: str, anchored: int) -> bool:
    origin = tree.origin(path)
    return origin is not None and 0 < origin.order <= anchored


def _is_late(tree: FileTree, path: str) -> bool:
    """Return whether a file changed after the start; mounts are decided by the person who starts the subject."""
    origin = tree.origin(path)
    return origin is not None and origin.changed


def _is_mounted(tree: FileTree, path: str, origin: Origin | None) -> bool:
    """Return whether a file or a link's target is mounted, which cannot be done from inside a container."""
    if origin is not None and origin.order > AFTER_START:
        return True
    place = tree.resolve(path)
    target = tree.origin(place) if place != path else None
    return target is not None and target.order > AFTER_START
