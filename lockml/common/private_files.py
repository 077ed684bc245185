"""Write files completely or not at all, and keep folders that only this user can have written to.

Cached data decides what a check reports, so nothing is trusted that another user could have written. A folder and each
file in it must belong to the user that lockml runs as, and no one else may write to them. Both are opened through
handles, never through links. A new file gets an unpredictable name, then replaces the old one in one step.
"""

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, Self

__all__ = ["PrivateFolder", "cache_fault", "make_private", "replace_files", "write_whole"]

_FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_OWN: Final = stat.S_IRUSR | stat.S_IWUSR
_NEW: Final = 0o666  # minus the umask
_ALL: Final = 0o777
_OURS: Final = re.compile(r"[a-z]+-\d+(\.sqlite.*)?")  # the names of lockml's own files and folders in a cache


def cache_fault(folder: Path) -> str | None:
    """Return why the cache in *folder* is not trusted, as a phrase without "it"; None if it is, or does not exist.

    A folder of this user that only holds a cache is closed to all others. Its content is only examined afterwards, when
    no one else can add to it.
    """
    try:
        handle = os.open(folder, _FOLDER_FLAGS)
    except OSError:
        return _folder_fault(folder)
    try:
        return _fault(os.fstat(handle)) or _closed(handle) or next(_faults_inside(handle), None)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    finally:
        os.close(handle)


def _faults_inside(handle: int) -> Iterator[str]:
    """Yield entries of other users, and links, in the folder."""
    for name in filter(_OURS.fullmatch, os.listdir(handle)):
        with suppress(FileNotFoundError):  # another process has removed it
            facts = os.stat(name, dir_fd=handle, follow_symlinks=False)
            fault = "is a link" if stat.S_ISLNK(facts.st_mode) else _fault(facts)
            if fault is not None:
                yield f"has {name}, which {fault}"


def _folder_fault(folder: Path) -> str | None:
    """Return why *folder* is not a folder of this user that can be opened, None if it does not exist."""
    try:
        facts = folder.lstat()
    except FileNotFoundError:
        return _fault_above(folder)
    except OSError:
        return None  # it cannot exist
    if stat.S_ISLNK(facts.st_mode):
        return "is a link"
    return _fault(facts) or (None if not stat.S_ISDIR(facts.st_mode) else "cannot be opened")


def _fault_above(folder: Path) -> str | None:
    """Return why root must not make *folder*: it would remain in the home of the user who ran sudo."""
    for above in folder.absolute().parents if os.geteuid() == 0 else ():
        with suppress(OSError):
            owner = above.stat().st_uid
            return f"would be in a folder of user {owner}" if owner != 0 else None
    return None


def _fault(facts: os.stat_result) -> str | None:
    """Return why something with these *facts* belongs to another user, as a phrase."""
    return f"belongs to user {facts.st_uid}" if facts.st_uid != os.geteuid() else None


def _closed(handle: int) -> str | None:
    """Close a folder of this user that only holds a cache; return why it is not trusted, None if it is."""
    if os.fstat(handle).st_mode & _OTHERS and all(map(_OURS.fullmatch, os.listdir(handle))):
        _close(handle)
    return "can be written by other users" if os.fstat(handle).st_mode & _OTHERS_WRITE else None


def _close(handle: int) -> None:
    """Close a folder to all other users, as far as its file system has modes and is writable."""
    with suppress(OSError):
        os.fchmod(handle, stat.S_IRWXU)


class PrivateFolder:
    """A folder of this user by its handle, which is closed after use, at the latest with its last reference.

    With *made*, it is created if it does not exist, with its parents, for this user only. With *closed*, it is closed
    to others who may enter it. Raises OSError if others can write to the folder.
    """

    def __init__(self, folder: Path, *, made: bool = True, closed: bool = True) -> None:
        self._handle = -1
        if made:
            _make(folder)
        self._handle = os.open(folder, _FOLDER_FLAGS)
        facts = os.fstat(self._handle)
        if facts.st_uid != os.geteuid():
            raise PermissionError(f"{folder} belongs to user {facts.st_uid}")
        if closed and facts.st_mode & _OTHERS:
            _close(self._handle)
            facts = os.fstat(self._handle)
        if facts.st_mode & _OTHERS_WRITE:
            raise PermissionError(f"{folder} can be written by other users")

    def __del__(self) -> None:
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the handle of the folder."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def believes(self, name: str) -> bool:
        """Return whether the file *name* belongs only to this user, or does not exist."""
        try:
            return _is_private(os.stat(name, dir_fd=self._handle, follow_symlinks=False))
        except FileNotFoundError:
            return True

    def open(self, name: str, flags: int = os.O_RDONLY) -> int:
        """Return a handle of the file *name*; raises OSError unless it exists and belongs only to this user."""
        handle = os.open(name, flags | _FILE_FLAGS, dir_fd=self._handle)
        if _is_private(os.fstat(handle)):
            return handle
        os.close(handle)
        raise PermissionError(f"{name} does not belong only to this user")

    def read(self, name: str, limit: int) -> bytes | None:
        """Return the content of *name*, None if it does not belong only to this user or exceeds *limit* bytes."""
        try:
            with os.fdopen(self.open(name), "rb", buffering=0) as file:
                return file.readall() if os.fstat(file.fileno()).st_size <= limit else None
        except OSError:
            return None

    def create(self, name: str) -> None:
        """Create the empty file *name* if nothing has that name; raises OSError."""
        with suppress(FileExistsError):
            os.close(_created(self._handle, name))

    def remove(self, name: str) -> None:
        """Remove the file *name*, if it exists; raises OSError."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._handle)

    def write(self, name: str, parts: Iterable[bytes | memoryview], *, lasting: bool = True) -> None:
        """Write *parts* to the file *name*, all or nothing; *lasting* survives a power cut. Raises OSError."""
        _write(self._handle, name, parts, lasting=lasting)


def write_whole(file: Path, content: bytes) -> None:
    """Write *content* to *file* for this user only, all or nothing, and create its folder; raises OSError."""
    _make(file.parent)
    handle = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _write(handle, file.name, (content,), lasting=True)
    finally:
        os.close(handle)


def make_private(file: Path) -> None:
    """Create the empty *file* for this user only, if there is none; opening it later reports a failure."""
    with suppress(OSError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWN))


def replace_files(contents: Mapping[Path, bytes]) -> None:
    """Write each content to its file, all of them or none; raises OSError with the path.

    A file keeps its mode and owner, and a link to it remains a link. Anything but a regular file, such as ``/dev/null``
    or a pipe, and files with several names (hard links) are written in place before any other file is replaced; folders
    are refused before anything is written.
    """
    in_place: list[Path] = []
    staged: list[tuple[Path, str, int, str]] = []
    with ExitStack() as stack:
        for path, content in contents.items():
            with _naming(path):
                facts = _facts_of(path)
                if facts is not None and (not stat.S_ISREG(facts.st_mode) or facts.st_nlink > 1):
                    in_place.append(path)
                    continue
                target = path.resolve()
                folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                stack.callback(os.close, folder)
                beside = stack.enter_context(_beside(folder, target.name, (content,), private=False, like=facts))
                staged.append((path, beside, folder, target.name))
        for path in in_place:
            flags = os.O_WRONLY | os.O_TRUNC | os.O_NOCTTY | os.O_CLOEXEC
            with _naming(path), os.fdopen(os.open(path, flags), "wb") as file:
                file.write(contents[path])
        for path, beside, folder, name in staged:
            with _naming(path):
                os.replace(beside, name, src_dir_fd=folder, dst_dir_fd=folder)


def _facts_of(path: Path) -> os.stat_result | None:
    """Return the facts of *path*, None if it does not exist; raises OSError for a folder."""
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(facts.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return facts


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name *path* in an OSError: the name of the temporary file would not help a person."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def _make(folder: Path) -> None:
    """Create *folder* and its missing parents, each for this user only; raises OSError."""
    try:
        folder.mkdir(mode=stat.S_IRWXU)
    except FileExistsError:
        return
    except FileNotFoundError:
        if folder.parent == folder:
            raise
        _make(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(mode=stat.S_IRWXU)


def _is_private(facts: os.stat_result) -> bool:
    """Return whether these are the facts of a file that only this user can have written, under this name."""
    own = stat.S_ISREG(facts.st_mode) and facts.st_uid == os.geteuid() and not facts.st_mode & _OTHERS_WRITE
    return own and facts.st_nlink <= 1  # 0: another process has just replaced it


def _created(folder: int, name: str, mode: int = _OWN) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, mode, dir_fd=folder)


def _write(folder: int, name: str, parts: Iterable[bytes | memoryview], *, lasting: bool) -> None:
    with _beside(folder, name, parts, lasting=lasting) as beside:
        os.replace(beside, name, src_dir_fd=folder, dst_dir_fd=folder)


@contextmanager
def _beside(
    folder: int,
    name: str,
    parts: Iterable[bytes | memoryview],
    *,
    lasting: bool = True,
    private: bool = True,
    like: os.stat_result | None = None,
) -> Iterator[str]:
    """Write *parts* to a new file with an unpredictable name; it is removed if something goes wrong.

    Unless *private*, others may read it like any new file; it gets the mode of the file that it is *like*, and its
    owner if this user may change owners.
    """
    beside = f".{name[:200]}.{os.urandom(16).hex()}"
    handle = _created(folder, beside, _OWN if private or like is not None else _NEW)
    try:
        with os.fdopen(handle, "wb") as file:
            if like is not None:
                with suppress(PermissionError):
                    os.fchown(handle, like.st_uid, like.st_gid)
                os.fchmod(handle, stat.S_IMODE(like.st_mode) & _ALL)
            file.writelines(parts)
            if lasting:
                file.flush()
                os.fsync(handle)
        yield beside
    except BaseException:
        with suppress(OSError):
            os.unlink(beside, dir_fd=folder)
        raise
