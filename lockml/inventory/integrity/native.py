"""Judge the shared objects outside the import path that the loader may take, by what brought them.

ld.so(8): the folders of LD_LIBRARY_PATH, of /etc/ld.so.conf.d, and the system's own. They are not hashed: what changed
after the start is drift, what a later layer put in place of another without its package too; the rest is a limit.
"""

import posixpath
import re
from collections.abc import Collection, Iterator
from typing import Final

from lockml.inventory.environment.path_lines import text_lines
from lockml.inventory.file_tree import AFTER_START, FileTree, Origin
from lockml.inventory.model import PythonEnvironment
from lockml.inventory.owners.packages import PackageLists
from lockml.inventory.read_limits import MAX_CACHE, MAX_PTH
from lockml.inventory.results import Accounts

__all__ = ["loader_folders", "survey_native"]

_USUAL: Final = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib")
_ADDITIONAL: Final = ("/usr/local/cuda/lib64", "/usr/local/nvidia/lib", "/usr/local/nvidia/lib64")
_PROCESSORS: Final = ("tls", "haswell", "avx512_1", "x86_64", "aarch64", "atomics")
_CONFIGURED: Final = "/etc/ld.so.conf"
_OBJECT: Final = re.compile(r".+\.so(?:\.[\w.]+)?")
_CACHE: Final = "/etc/ld.so.cache"
_PATH_IN_CACHE: Final = re.compile(rb"(/[^\0]{1,4096})\0")


def loader_folders(tree: FileTree, search: str) -> Iterator[str]:
    """Yield the folders that the loader looks into, without links; *search* is LD_LIBRARY_PATH.

    Raises UnreadableError.
    """
    seen: set[str] = set()
    entered: set[str] = set()
    files = [f"{_CONFIGURED}.d/{name}" for name in tree.names(f"{_CONFIGURED}.d") if name.endswith(".conf")]
    configured = [line for file in (_CONFIGURED, *files) for line in _lines(tree, file)]
    triplets = [f"{folder}/{name}" for folder in _USUAL for name in tree.names(folder) if name.endswith("-linux-gnu")]
    for folder in (*filter(None, re.split("[:;]", search)), *configured, *triplets, *_USUAL, *_ADDITIONAL):
        above = tree.resolve(folder)
        if above in entered:
            continue
        entered.add(above)
        for place in (above, *_by_processor(tree, above)):
            if place not in seen and tree.kind(place) == "folder":
                seen.add(place)
                yield place


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


def _foreign_in_cache(tree: FileTree, folders: Collection[str]) -> str | None:
    """Return what the loader's cache names outside of *folders*, if it changed after the start."""
    origin = tree.origin(_CACHE) if tree.kind(_CACHE) == "file" else None
    if origin is None or origin.order < AFTER_START:
        return None
    content = tree.read(_CACHE, MAX_CACHE) or b""
    named = {path.decode("utf-8", "surrogateescape") for path in _PATH_IN_CACHE.findall(content)}
    return next((each for each in sorted(named) if tree.resolve(posixpath.dirname(each)) not in folders), None)


def survey_native(
    tree: FileTree, environment: PythonEnvironment, accounts: Accounts, packages: PackageLists, anchored: int
) -> None:
    """Record what in the loader's folders is not as it came with the image, and how much nothing proves."""
    own = posixpath.dirname(environment.library) if environment.library is not None else ""
    folders = tuple(loader_folders(tree, f"{environment.library_search}:{own}"))
    foreign = _foreign_in_cache(tree, folders)
    if foreign is not None:
        detail = f"the loader takes {foreign} by it, and it is not the image's"
        accounts.deviate("modified", _CACHE, None, detail)
    for folder in folders:
        unproven = 0
        for entry in tree.entries(folder):
            path = f"{folder}/{entry.name}"
            if entry.kind not in ("file", "link") or _OBJECT.fullmatch(entry.name) is None:
                continue
            origin = tree.origin(path)
            mounted = _is_mounted(tree, path, origin)  # as container runtimes mount the drivers of a graphics card
            if origin is not None and origin.order >= AFTER_START and not mounted:
                accounts.deviate("modified", path, None, "a shared object that the loader may take is not the image's")
            elif origin is not None and origin.replaces and not mounted and not packages.came_whole(path):
                detail = "a later layer put it in the place of a shared object, and not the whole package"
                accounts.deviate("modified", path, None, detail)
            elif origin is None or not 0 < origin.order <= anchored:
                unproven += 1
        if unproven:
            accounts.limits.add("native-libraries", folder, unproven)


def _is_mounted(tree: FileTree, path: str, origin: Origin | None) -> bool:
    """Say whether a file, or what a link leads to, is mounted: nobody in a container can do that."""
    if origin is not None and origin.order > AFTER_START:
        return True
    place = tree.resolve(path)
    target = tree.origin(place) if place != path else None
    return target is not None and target.order > AFTER_START
