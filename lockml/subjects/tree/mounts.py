"""Parse the mounts of a process, and read a tree with others mounted in it.

Linux, proc(5): ``/proc/PID/mountinfo`` lists the layer folders of an overlay, which show what changed since the
image was built. Anything mounted over the import path is never the image's.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from lockml.inventory.file_tree import AFTER_START, Entry, FileTree, Origin, UnreadableError
from lockml.subjects.tree.base import PlacedTree
from lockml.subjects.tree.symlinks import PathEntry

__all__ = ["Mount", "Mounted", "MountedTree", "RootMount", "covering", "hidden_by", "parse_mounts"]


class Mount(Struct, frozen=True):
    """A mount *at* a path of the subject, with a phrase that describes it."""

    at: str
    text: str


class _Base(FileTree, Protocol):
    """A tree that can look up a single path."""

    def look(self, path: str) -> PathEntry | None:
        """Return what is at *path* itself, None if there is nothing; no link is followed."""


class Mounted(Struct, frozen=True):
    """A tree mounted *at* a path, with a phrase that describes it, "" if its files count as the subject's own.

    *open* returns the tree and the mount's path in it, for the link-free path; raises OSError, UnreadableError.
    """

    at: str
    text: str
    open: Callable[[str], tuple[_Base, str]]


class RootMount(Struct, frozen=True):
    """An overlay that is a process's root: the folder of its changes, and those of its layers, topmost first.

    If it is *indexed*, a change of a file also appears at its other names, which have no entry in *upper*; None means
    the kernel's default. With *marked_by_users*, reading the marks by which an upper layer hides lower files needs no
    privilege.
    """

    upper: str
    lower: tuple[str, ...]
    indexed: bool | None = None
    marked_by_users: bool = False


def parse_mounts(content: str) -> tuple[RootMount | None, tuple[Mount, ...]]:
    """Return the overlay at the root of a mountinfo, None if it is not one, and the other mounts."""
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
    """Return the innermost of *mounts* that contains *path*."""
    inside = [mount for mount in mounts if path == mount.at or path.startswith(f"{mount.at}/")]
    return max(inside, key=lambda mount: len(mount.at), default=None)


def hidden_by(mount: Mount, tree: _Base, folder: str) -> dict[str, Origin]:
    """Return *mount* as the origin of each name in *folder* of the *tree* that it is mounted over."""
    return dict.fromkeys(tree.names(folder), Origin(AFTER_START + 1, mount.text, replaces=True))


class MountedTree(PlacedTree):
    """A *tree* with others mounted in it, in the order of *mounted*; each is opened on first use.

    A mount point behind a link is resolved, as engines do.
    """

    def __init__(self, tree: _Base, mounted: Iterable[Mounted]) -> None:
        super().__init__()
        self._tree = tree
        self._mounted: dict[str, Mounted] = {}
        self._opened: dict[str, tuple[_Base, str]] = {}
        for each in mounted:
            with suppress(UnreadableError):  # the path to it cannot be read, nor can anything below
                each = replace(each, at=self.resolve(each.at))  # noqa: PLW2901 - the same mount
            self._mounted = dict(sorted({**self._mounted, each.at: each}.items(), key=lambda pair: -len(pair[0])))
            self.forget_links()
        self._mounts = tuple(Mount(each.at, each.text) for each in self._mounted.values() if each.text)

    def entries(self, path: str) -> tuple[Entry, ...]:
        """Return the entries of the folder *path*, sorted by name, () if it is not a folder; raises UnreadableError."""
        folder = self.resolve(path)
        if self.kind(folder) != "folder":
            return ()
        tree, inside, _ = self._route(folder)
        found = {entry.name: entry for entry in tree.entries(inside)}
        for name in self._mounted_in(folder):
            found[name] = self._entry(f"{folder.rstrip('/')}/{name}", name, found.get(name))
        return tuple(sorted(found.values(), key=lambda entry: entry.name))

    def read(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of the file *path*, None if it is not a file; raises UnreadableError."""
        tree, inside, _ = self._route(self.resolve(path))
        return tree.read(inside, limit)

    def image_content(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of what the image has at *path*, None if it has nothing or is unknown."""
        return self._tree.image_content(path, limit)

    def digests(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes | UnreadableError]]:
        """Yield each path of *wanted* with the digest of its file by the given algorithm, in any order."""
        elsewhere: list[tuple[str, str]] = []

        def of_tree() -> Iterator[tuple[str, str]]:
            for path, algorithm in wanted:
                if self._at(path) is not None:
                    elsewhere.append((path, algorithm))
                else:
                    yield path, algorithm

        yield from self._tree.digests(of_tree())
        for path, algorithm in elsewhere:
            try:
                tree, inside, _ = self._route(path)
            except UnreadableError as error:
                yield path, error
                continue
            for _, result in tree.digests([(inside, algorithm)]):
                yield path, result

    def origin(self, path: str) -> Origin | None:
        """Return the mount that covers *path*, else the origin from its tree."""
        mount = covering(self._mounts, path)
        if mount is not None:
            return Origin(AFTER_START + 1, mount.text, replaces=True)
        tree, inside, _ = self._route(path)
        return tree.origin(inside)

    def removed(self, path: str) -> Mapping[str, Origin]:
        """Return, by name, what removed each former entry of the folder *path*; a mount hides all of them."""
        mount = covering(self._mounts, path)
        return hidden_by(mount, self._tree, path) if mount is not None else self._tree.removed(path)

    def look(self, path: str) -> PathEntry | None:
        """Return what is at *path* itself; engines create the folders that a mount needs."""
        tree, inside, _ = self._route(path)
        place = tree.look(inside)
        return PathEntry("folder") if place is None and next(self._mounted_in(path), None) is not None else place

    def _mounted_in(self, folder: str) -> Iterator[str]:
        """Yield the names in *folder* with a mount at or below them."""
        start = f"{folder.rstrip('/')}/"
        yield from (at[len(start) :].partition("/")[0] for at in self._mounted if at.startswith(start))

    def _entry(self, path: str, name: str, known: Entry | None) -> Entry:
        """Return the entry of the mount at *path*, or of the folder that a mount below it needs."""
        at = self._at(path)
        if at != path:
            return known or Entry(name, "folder", 0, 0)
        try:
            tree, inside, _ = self._route(path)
            above, _, own = inside.rpartition("/")
            found = next((each for each in tree.entries(above or "/") if own and each.name == own), None)
        except UnreadableError:
            return known or Entry(name, "folder", 0, 0)  # reading it raises an error with the reason
        return found._replace(name=name) if found is not None else Entry(name, "folder", 0, 0)

    def _at(self, path: str) -> str | None:
        return next((at for at in self._mounted if path == at or path.startswith(f"{at}/")), None)

    def _route(self, path: str) -> tuple[_Base, str, bool]:
        at = self._at(path)
        if at is None:
            return self._tree, path, False
        if at not in self._opened:
            try:
                self._opened[at] = self._mounted[at].open(at)
            except OSError as error:
                reason = f"what is mounted there cannot be read ({error.strerror or error})"
                raise UnreadableError(at, reason) from error
        tree, inner = self._opened[at]
        return tree, (inner + path.removeprefix(at)) or "/", True
