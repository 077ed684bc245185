"""The shared objects that the loader may take from outside the import path, by what brought them.

ld.so(8): the folders of LD_LIBRARY_PATH, of /etc/ld.so.conf.d, and the system's own. They are not hashed: what changed
after the start is drift, what a later layer put in place of another without its package too; the rest is a limit.
"""

import re
from collections.abc import Iterator
from typing import Final

from lockml.inventory.accounts import Accounts
from lockml.inventory.integrity.packages import PackageLists
from lockml.inventory.model import PythonEnvironment
from lockml.inventory.wanted import MAX_PTH
from lockml.ports import AFTER_START, FileTree, UnreadableError

__all__ = ["loader_folders", "survey_native"]

_USUAL: Final = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib")
_CONFIGURED: Final = "/etc/ld.so.conf.d"
_OBJECT: Final = re.compile(r".+\.so(?:\.[\w.]+)?")
_CACHE: Final = "/etc/ld.so.cache"


def loader_folders(tree: FileTree, search: str) -> Iterator[str]:
    """Yield the folders that the loader looks into, without links; *search* is LD_LIBRARY_PATH.

    Raises UnreadableError.
    """
    seen: set[str] = set()
    configured = [each for name in tree.names(_CONFIGURED) if name.endswith(".conf") for each in _lines(tree, name)]
    triplets = [f"{folder}/{name}" for folder in _USUAL for name in tree.names(folder) if name.endswith("-linux-gnu")]
    for folder in (*filter(None, re.split("[:;]", search)), *configured, *triplets, *_USUAL):
        place = tree.resolve(folder)
        if place not in seen and tree.kind(place) == "folder":
            seen.add(place)
            yield place


def _lines(tree: FileTree, name: str) -> Iterator[str]:
    content = (tree.read(f"{_CONFIGURED}/{name}", MAX_PTH) or b"").decode("utf-8", "replace")
    return (line.strip() for line in content.splitlines() if line.strip().startswith("/"))


def survey_native(
    tree: FileTree, environment: PythonEnvironment, accounts: Accounts, packages: PackageLists, anchored: int
) -> None:
    """Take down what of the loader's folders is not as it came with the image, and how much nothing proves."""
    for folder in loader_folders(tree, environment.library_search):
        unproven = 0
        for entry in tree.entries(folder):
            path = f"{folder}/{entry.name}"
            if entry.kind not in ("file", "link") or _OBJECT.fullmatch(entry.name) is None:
                continue
            origin = tree.origin(path)
            if origin is not None and origin.order >= AFTER_START:
                accounts.deviate("modified", path, None, "a shared object that the loader may take is not the image's")
            elif origin is not None and origin.replaces and not packages.came_whole(path):
                detail = "a later layer put it in the place of a shared object, and not the whole package"
                accounts.deviate("modified", path, None, detail)
            elif origin is None or not 0 < origin.order <= anchored:
                unproven += 1
        if unproven:
            accounts.limits.add("native-libraries", folder, unproven)


def is_loaded_by_all(tree: FileTree) -> str | None:
    """Return the content of /etc/ld.so.preload, which the loader reads before every program; None where it is empty."""
    try:
        content = tree.read("/etc/ld.so.preload", MAX_PTH)
    except UnreadableError:
        return "?"
    text = (content or b"").decode("utf-8", "replace").strip()
    return text or None
