"""Parse the mounts of a process, and read a tree with others mounted in it.

Linux, proc(5): ``/proc/PID/mountinfo`` has for an overlay the folders of its layers, which say what changed since the
image was made. What is mounted over the import path is never the image's.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from lockml.inventory.file_tree import AFTER_START, Entry, Origin, UnreadableError
from lockml.subjects.tree.base import PlacedTree
from lockml.subjects.tree.folder import FolderTree
from lockml.subjects.tree.overlay import OverlayTree
from lockml.subjects.tree.symlinks import Place

__all__ = ["Mount", "MountedTree", "RootMount", "covering", "hidden_by", "parse_mounts"]


class Mount(Struct, frozen=True):
    """What is mounted *at* a path of the subject, and a phrase of what it is."""

    at: str
    text: str


class RootMount(Struct, frozen=True):
    """An overlay that is a process's root: the folder of what changed, and those of its layers, the topmost first.

    Where it is *indexed*, a change of a file shows at its other names too, which have nothing of their own in *upper*;
    None where that is as the kernel does it by itself. With *marked_by_users*, no right is needed to read the marks by
    which an upper layer hides what is below.
    """

    upper: str
    lower: tuple[str, ...]
    indexed: bool | None = None
    marked_by_users: bool = False


def parse_mounts(content: str) -> tuple[RootMount | None, tuple[Mount, ...]]:
    """Return the overlay that a mountinfo's root is, None where it is none, and what else is mounted."""
    root: RootMount | None = None
    mounts: list[Mount] = []
    for line in content.splitlines():
        before, dash, after = line.partition(" - ")
        fields, facts = before.split(" "), after.split(" ")
        if not dash or len(fields) < 6 or len(facts) < 3:
            continue
        at = _unescape(fields[4])
        if at == "/":
            root = _overlay(facts[2]) if facts[0] == "overlay" else None
        else:
            inner = _unescape(fields[3])
            what = f"{facts[0]} {_unescape(facts[1])}" + (f", {inner}" if inner != "/" else "")
            mounts.append(Mount(at, f"mounted at {at} ({what})"))
    return root, tuple(mounts)


def _overlay(options: str) -> RootMount | None:
    values = dict(option.partition("=")[::2] for option in re.split(r"(?<!\\),", options))
    if "upperdir" not in values or "lowerdir" not in values:
        return None
    lower = re.split(r"(?<!\\):", values["lowerdir"])
    return RootMount(
        _unescape(values["upperdir"]),
        tuple(_unescape(each).replace("\\:", ":") for each in lower),
        indexed=values["index"] != "off" if "index" in values else None,
        marked_by_users="userxattr" in values,
    )


def _unescape(text: str) -> str:
    r"""Return *text* with the kernel's ``\040`` for a space and the like resolved."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def covering(mounts: Sequence[Mount], path: str) -> Mount | None:
    """Return the innermost of *mounts* that *path* is in."""
    inside = [mount for mount in mounts if path == mount.at or path.startswith(f"{mount.at}/")]
    return max(inside, key=lambda mount: len(mount.at), default=None)


def hidden_by(mount: Mount, tree: FolderTree | OverlayTree, folder: str) -> dict[str, Origin]:
    """Return *mount* as the origin of each name that *tree*, over which it is mounted, has in *folder*."""
    return dict.fromkeys(tree.names(folder), Origin(AFTER_START + 1, mount.text, replaces=True))


class MountedTree(PlacedTree):
    """A *tree* with others mounted in it, each a (tree, path in it) by where it is mounted."""

    def __init__(
        self,
        tree: FolderTree | OverlayTree,
        mounted: Mapping[str, tuple[FolderTree, str]],
        mounts: Sequence[Mount],
    ) -> None:
        super().__init__()
        self._tree = tree
        self._mounted = dict(sorted(mounted.items(), key=lambda pair: -len(pair[0])))
        self._mounts = tuple(mounts)

    def entries(self, path: str) -> tuple[Entry, ...]:
        """Return what is in the folder *path*, sorted by name, () where it is none; raises UnreadableError."""
        tree, inside, _ = self._route(self.resolve(path))
        return tree.entries(inside)

    def read(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of the file *path*, None where it is none; raises UnreadableError."""
        tree, inside, _ = self._route(self.resolve(path))
        return tree.read(inside, limit)

    def image_content(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of what the image has at *path*, None where it has nothing or is unknown."""
        return self._tree.image_content(path, limit)

    def digests(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes | UnreadableError]]:
        """Yield each path of *wanted* with the digest of its file by the algorithm beside it, in any order."""
        elsewhere: list[tuple[str, str]] = []

        def of_tree() -> Iterator[tuple[str, str]]:
            for path, algorithm in wanted:
                if self._route(path)[2]:
                    elsewhere.append((path, algorithm))
                else:
                    yield path, algorithm

        yield from self._tree.digests(of_tree())
        for path, algorithm in elsewhere:
            tree, inside, _ = self._route(path)
            for _, result in tree.digests([(inside, algorithm)]):
                yield path, result

    def origin(self, path: str) -> Origin | None:
        """Return the mount that covers *path*, else what its tree says."""
        mount = covering(self._mounts, path)
        return Origin(AFTER_START + 1, mount.text, replaces=True) if mount is not None else self._tree.origin(path)

    def removed(self, path: str) -> Mapping[str, Origin]:
        """Return by name what removed each name in the folder *path*: a mount hides all that its tree has there."""
        mount = covering(self._mounts, path)
        return hidden_by(mount, self._tree, path) if mount is not None else self._tree.removed(path)

    def look(self, path: str) -> Place | None:
        """Return what is at *path* itself."""
        tree, inside, _ = self._route(path)
        return tree.look(inside)

    def _route(self, path: str) -> tuple[FolderTree | OverlayTree, str, bool]:
        for at, (tree, inner) in self._mounted.items():
            if path == at or path.startswith(f"{at}/"):
                return tree, (inner + path.removeprefix(at)) or "/", True
        return self._tree, path, False
