"""Writes files whole or not at all, and keeps folders that only this user can have written to.

What is kept decides what a check reports, so nothing is believed that somebody else could have written. A folder must
belong to the user that lockml runs as, and nobody else may write to it; so must each file in it. Both are opened by
handles that no link leads to. A new file gets a name that nobody can foresee, then replaces the old one in one step.
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
_NEW: Final = 0o666  # less the umask
_ALL: Final = 0o777
_OURS: Final = re.compile(r"[a-z]+-\d+(\.sqlite.*)?")  # what lockml's own files and folders in a cache are called


def cache_fault(folder: Path) -> str | None:
    """Return why the cache in *folder* is not believed, as a phrase without "it"; None where it is, or is not there.

    A folder of this user that holds nothing but a cache is closed to all others. What lies in it is looked at only
    afterwards, when nobody else can add to it any more.
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
    """Yield what another user left in the folder, or leads elsewhere."""
    for name in filter(_OURS.fullmatch, os.listdir(handle)):
        with suppress(FileNotFoundError):  # another process has removed it
            facts = os.stat(name, dir_fd=handle, follow_symlinks=False)
            fault = "is a link" if stat.S_ISLNK(facts.st_mode) else _fault(facts)
            if fault is not None:
                yield f"has {name}, which {fault}"


def _folder_fault(folder: Path) -> str | None:
    """Return why what stands at *folder* is no folder of this user that can be opened, None where nothing does."""
    try:
        facts = folder.lstat()
    except FileNotFoundError:
        return _fault_above(folder)
    except OSError:
        return None  # it cannot be had at all
    if stat.S_ISLNK(facts.st_mode):
        return "is a link"
    return _fault(facts) or (None if not stat.S_ISDIR(facts.st_mode) else "cannot be opened")


def _fault_above(folder: Path) -> str | None:
    """Return why root must not make *folder*: it would leave it in the home of the user who started it by sudo."""
    for above in folder.absolute().parents if os.geteuid() == 0 else ():
        with suppress(OSError):
            owner = above.stat().st_uid
            return f"would lie in a folder of user {owner}" if owner != 0 else None
    return None


def _fault(facts: os.stat_result) -> str | None:
    """Return why something with these *facts* is another user's, as a phrase."""
    return f"belongs to user {facts.st_uid}" if facts.st_uid != os.geteuid() else None


def _closed(handle: int) -> str | None:
    """Close a folder of this user that is a cache and nothing else; return why it is not believed, None where it is."""
    if os.fstat(handle).st_mode & _OTHERS and all(map(_OURS.fullmatch, os.listdir(handle))):
        _close(handle)
    return "can be written by others" if os.fstat(handle).st_mode & _OTHERS_WRITE else None


def _close(handle: int) -> None:
    """Close a folder to all but its user, as far as its file system has modes and can be written."""
    with suppress(OSError):
        os.fchmod(handle, stat.S_IRWXU)


class PrivateFolder:
    """A folder of this user by its handle, which is closed after use, at the latest with the last reference to it.

    It is made where it is not there, unless not *made*, with all that is above it, for this user alone. One that
    others may enter is closed to them, unless not *closed*. Raises OSError where others can write to the folder.
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
            raise PermissionError(f"{folder} can be written by others")

    def __del__(self) -> None:
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def believes(self, name: str) -> bool:
        """Return whether the file *name* is this user's alone, or not there."""
        try:
            return _is_private(os.stat(name, dir_fd=self._handle, follow_symlinks=False))
        except FileNotFoundError:
            return True

    def open(self, name: str, flags: int = os.O_RDONLY) -> int:
        """Return a handle of the file *name*; raises OSError where there is none, or not of this user alone."""
        handle = os.open(name, flags | _FILE_FLAGS, dir_fd=self._handle)
        if _is_private(os.fstat(handle)):
            return handle
        os.close(handle)
        raise PermissionError(f"{name} is not this user's alone")

    def read(self, name: str, limit: int) -> bytes | None:
        """Return the file *name*, None where there is none of this user alone, or one of more than *limit* bytes."""
        try:
            with os.fdopen(self.open(name), "rb", buffering=0) as file:
                return file.readall() if os.fstat(file.fileno()).st_size <= limit else None
        except OSError:
            return None

    def create(self, name: str) -> None:
        """Make the empty file *name* where nothing is called so; raises OSError."""
        with suppress(FileExistsError):
            os.close(_created(self._handle, name))

    def remove(self, name: str) -> None:
        """Remove the file *name*, if it is there; raises OSError."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._handle)

    def write(self, name: str, parts: Iterable[bytes | memoryview], *, lasting: bool = True) -> None:
        """Write *parts* to the file *name*, all or nothing; *lasting* survives a power cut. Raises OSError."""
        _write(self._handle, name, parts, lasting=lasting)


def write_whole(file: Path, content: bytes) -> None:
    """Write *content* to *file* for this user alone, all or nothing, and make its folder; raises OSError."""
    _make(file.parent)
    handle = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _write(handle, file.name, (content,), lasting=True)
    finally:
        os.close(handle)


def make_private(file: Path) -> None:
    """Make the empty *file* for this user alone, if there is none; one that cannot be made is left to who opens it."""
    with suppress(OSError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWN))


def replace_files(contents: Mapping[Path, bytes]) -> None:
    """Write each content to its file, all of them or none; raises OSError with the path.

    A file keeps its mode and its owner, and a link to it stays a link. What is no regular file, such as ``/dev/null``
    or a pipe, and what has several names (hard links) is written in place before any other is replaced; folders are
    refused before anything is written.
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
    """Return what *path* is, None where it is not there; raises OSError for a folder."""
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(facts.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return facts


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name *path* in an OSError: that of the file beside it tells a person nothing."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def _make(folder: Path) -> None:
    """Make *folder* and what is missing above it, each for this user alone; raises OSError."""
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
    """Return whether these are facts of a file that this user alone can have written, under this name."""
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
    """Write *parts* to a new file under a name that nobody can foresee; it is removed where something goes wrong.

    Unless *private*, others may read it as any new file; it gets the mode of the file that it is *like*, and its owner
    where this user may give files away.
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
