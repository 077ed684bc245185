"""A folder of this machine as a `FileTree`; links in it never lead out of it, even if a process changes it meanwhile.

Every folder of a path is opened by name relative to its parent, never through a link, so a subject that swaps a folder
for a link between two reads cannot lead the reader to files of the host.
"""

import os
import stat
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Self

from lockml.inventory.file_tree import Entry, EntryKind, Origin, UnreadableError
from lockml.subjects.tree.base import PlacedTree
from lockml.subjects.tree.hashing import OpenFile, digest_files
from lockml.subjects.tree.symlinks import PathEntry

__all__ = ["WHITEOUT", "FolderTree"]

_MAX_OPEN: Final = 64
_OVERLAY: Final = ("trusted.overlay.", "user.overlay.")
_FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
WHITEOUT: Final = PathEntry("other", "whiteout")
_FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FolderTree(PlacedTree):
    """The files below *root*, which may be ``/`` or the root of another process; close it after use."""

    def __init__(self, root: str) -> None:
        """Open *root*; raises OSError."""
        super().__init__()
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._opened: OrderedDict[str, int] = OrderedDict()
        self._entries: dict[str, PathEntry | None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in (*self._opened.values(), self._root):
            os.close(handle)

    def names(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in the folder *path*, () if it is not a folder; raises UnreadableError."""
        place = self.resolve(path)
        if self.kind(place) != "folder":
            return ()
        with _readable(path):
            return tuple(sorted(os.listdir(self._folder(place))))  # noqa: PTH208 - a handle, not a path

    def read(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of the file *path*, None if it is not a file; raises UnreadableError."""
        content = self._read_beside(path, limit)
        if content is not None:
            return content
        place = self.resolve(path)
        if self.kind(place) != "file":
            return None
        parent, _, name = place.rpartition("/")
        with _readable(path), os.fdopen(os.open(name, _FILE_FLAGS, dir_fd=self._folder(parent)), "rb") as file:
            return file.read(limit) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None

    def _read_beside(self, path: str, limit: int) -> bytes | None:
        """Return the content of a plain file in an open folder, None for anything else: links take longer."""
        parent, _, name = path.rpartition("/")
        if parent not in self._opened:
            return None
        try:
            handle = os.open(name, _FILE_FLAGS, dir_fd=self._opened[parent])
        except (OSError, ValueError):
            return None
        try:
            facts = os.fstat(handle)
            wanted = min(limit, facts.st_size)
            content = os.read(handle, wanted) if stat.S_ISREG(facts.st_mode) else b""
            return content if content and len(content) == wanted else None
        except OSError:
            return None
        finally:
            os.close(handle)

    def entries(self, path: str) -> tuple[Entry, ...]:
        """Return the entries of the folder *path*, sorted by name, () if it is not a folder; raises UnreadableError."""
        try:
            handle = self._folder(path)  # follows no link: what it finds exists
        except (OSError, ValueError):
            place = self.resolve(path)
            if self.kind(place) != "folder":
                return ()
            with _readable(path):
                handle = self._folder(place)
        with _readable(path), os.scandir(handle) as found:
            return tuple(sorted(map(_entry, found)))

    def digests(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes | UnreadableError]]:
        """Yield each path of *wanted* with the digest of its file by the given algorithm, in any order."""
        return digest_files((path, algorithm, self.opened_file(path)) for path, algorithm in wanted)

    def origin(self, path: str) -> Origin | None:  # noqa: ARG002 - a folder does not know
        """Return None: a folder does not know the origin of a file."""
        return None

    def opaque(self, path: str) -> bool:
        """Return whether the folder *path* hides that of lower layers (Linux, overlayfs); raises UnreadableError.

        It also raises it for a layer that refers to another folder.
        """
        with _readable(path):
            handle = self._folder(path)
            marks = {name: os.getxattr(handle, name) for name in os.listxattr(handle) if name.startswith(_OVERLAY)}
        if any(name.endswith((".redirect", ".metacopy")) for name in marks):
            raise UnreadableError(path, "its layer refers to another folder, which lockml does not follow")
        return any(name.endswith(".opaque") and value == b"y" for name, value in marks.items())

    def opened_file(self, path: str) -> OpenFile | UnreadableError:
        """Open the file at the link-free *path*, or return why that fails."""
        parent, _, name = path.rpartition("/")
        try:
            handle = os.open(name, _FILE_FLAGS, dir_fd=self._folder(parent))
        except (OSError, ValueError) as error:
            return UnreadableError(path, getattr(error, "strerror", None) or str(error))
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            os.close(handle)
            return UnreadableError(path, "it is not a file")
        return OpenFile(handle, 0, found.st_size, owned=True)

    def look(self, path: str) -> PathEntry | None:
        """Return what is at *path* itself; no link on the way to it is followed."""
        if path not in self._entries:
            with _readable(path):
                self._entries[path] = self._stat(path)
        return self._entries[path]

    def seen(self) -> dict[str, str]:
        """Return every path that was looked up with its kind, ``missing`` if there is nothing."""
        return {path: place.kind if place is not None else "missing" for path, place in self._entries.items()}

    def forget(self) -> None:
        """Forget everything that was looked up: a renamed folder is a different one."""
        self._entries.clear()
        self.forget_links()
        while self._opened:
            os.close(self._opened.popitem()[1])

    def is_folder(self, path: str) -> bool:
        """Return whether the root is the folder that *path* of this machine leads to."""
        try:
            return os.path.samestat(os.fstat(self._root), os.stat(path))  # noqa: PTH116 - beside a handle
        except (OSError, ValueError):
            return False

    @property
    def identity(self) -> str:
        """The identity of the root among all folders of this machine."""
        facts = os.fstat(self._root)
        return f"{facts.st_dev}:{facts.st_ino}"

    def _stat(self, path: str) -> PathEntry | None:
        parent, _, name = path.rpartition("/")
        if not name:
            return PathEntry("folder")
        try:
            folder = self._folder(parent)
            facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
            mode = facts.st_mode
            if stat.S_ISCHR(mode) and facts.st_rdev == 0:
                return WHITEOUT
            if stat.S_ISLNK(mode):
                return PathEntry("link", os.readlink(name, dir_fd=folder))
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISDIR(mode):
            return PathEntry("folder")
        return PathEntry("file" if stat.S_ISREG(mode) else "other")

    def _folder(self, path: str) -> int:
        """Return a handle of the folder at the link-free *path*; raises OSError."""
        if path in self._opened:
            self._opened.move_to_end(path)
            return self._opened[path]
        folder, opened = self._root, ""
        for part in path.strip("/").split("/") if path.strip("/") else ():
            opened = f"{opened}/{part}"
            if opened in self._opened:
                self._opened.move_to_end(opened)
            else:
                self._opened[opened] = os.open(part, _FOLDER_FLAGS, dir_fd=folder)
            folder = self._opened[opened]
        while len(self._opened) > _MAX_OPEN and next(iter(self._opened)) != opened:
            os.close(self._opened.popitem(last=False)[1])
        return folder


def _entry(found: "os.DirEntry[str]") -> Entry:
    """Return the entry for *found*; a file that disappears in the meantime raises OSError."""
    if found.is_symlink():
        return Entry(found.name, "link", 0, 0)
    if found.is_dir(follow_symlinks=False):
        return Entry(found.name, "folder", 0, _time_of(found))
    kind: EntryKind = "file" if found.is_file(follow_symlinks=False) else "other"
    facts = found.stat(follow_symlinks=False)
    privileged = bool(facts.st_mode & (stat.S_ISUID | stat.S_ISGID))
    return Entry(found.name, kind, facts.st_size, int(facts.st_mtime_ns // 1_000_000_000), privileged)


def _time_of(folder: "os.DirEntry[str]") -> int:
    """Return when *folder* was last written, 0 if it disappears: reading it then raises the error."""
    try:
        return folder.stat(follow_symlinks=False).st_mtime_ns // 1_000_000_000
    except OSError:
        return 0


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise UnreadableError(path, getattr(error, "strerror", None) or str(error)) from error
