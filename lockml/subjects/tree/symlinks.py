"""Follow links, but only inside a tree."""

from collections.abc import Callable
from typing import Final, Literal

from msgspec import Struct

from lockml.inventory.file_tree import UnreadableError

__all__ = ["PathEntry", "resolve_inside"]

_MAX_LINKS: Final = 40  # the kernel's limit


class PathEntry(Struct, frozen=True):
    """The entry at a path itself: a file, a folder, or a link with its *target* as written."""

    kind: Literal["file", "folder", "link", "other"]
    target: str = ""


def resolve_inside(path: str, look: Callable[[str], PathEntry | None]) -> str:
    """Return *path* with every link followed; absolute targets and ``..`` stay within the root of the tree.

    *look* returns what is at an absolute path without following it. A missing part ends the resolution. Raises
    UnreadableError after 40 links.
    """
    pending = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    done = [""]  # the resolved path so far, each place including everything above
    followed = 0
    while pending:
        part = pending.pop()
        if part == "..":
            done = done[:-1] or [""]
            continue
        here = f"{done[-1]}/{part}"
        entry = look(here)
        if entry is None:
            return "/".join([here, *(rest for rest in reversed(pending) if rest != "..")])
        if entry.kind != "link":
            done.append(here)
            continue
        followed += 1
        if followed > _MAX_LINKS:
            raise UnreadableError(path, "too many links")
        if entry.target.startswith("/"):
            del done[1:]
        pending += [part for part in reversed(entry.target.split("/")) if part not in ("", ".")]
    return done[-1] or "/"
