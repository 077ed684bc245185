"""The build context of a Dockerfile: its files, .dockerignore and lock; and writing fixed files."""

import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from lockml.cli.common.files import read_file
from lockml.common.errors import InputError
from lockml.common.private_files import replace_files
from lockml.docker.analysis import Context
from lockml.docker.context.dockerignore import parse_dockerignore
from lockml.docker.context.lock import LockFacts, lock_facts
from lockml.docker.dockerfile.source import Source, decode

__all__ = ["build_context", "named_images", "write_texts"]

_LARGEST: Final = 16 << 20  # a requirement file with hashes of a thousand packages has some 4 MiB
_LOCK: Final = "pylock.toml"
_WRITABLE: Final = 0o222


def build_context(name: str, context: str | None, lock: str | None) -> Context:
    """Return the files that the build of the Dockerfile *name* can copy; raises InputError, LockError."""
    folder = Path(context) if context is not None else Path(name).parent
    if context is not None and not folder.is_dir():
        raise InputError(
            f"--context {context!r}", "is not a folder", hint="name the folder that you give to `docker build`"
        )
    facts = _lock(folder, lock, known=name != "-" or context is not None)
    if name == "-" and context is None:
        return Context(lock=facts)
    ignores = _ignore_source(name, folder)
    return Context(
        read=_reader(folder),
        ignores=parse_dockerignore(ignores.text) if ignores is not None else None,
        ignore_source=ignores,
        lock=facts,
    )


def _lock(folder: Path, lock: str | None, *, known: bool) -> LockFacts | None:
    beside = folder / _LOCK
    file = lock if lock is not None else str(beside) if known and beside.is_file() else None
    if file is None:
        return None
    from lockml.cli.common.read_lock import read_lock  # only if there is one

    return lock_facts(read_lock(file), file)


def _ignore_source(name: str, folder: Path) -> Source | None:
    """Return the .dockerignore that applies: one named after the Dockerfile first, as in BuildKit."""
    places = [folder / ".dockerignore"] if name == "-" else [Path(f"{name}.dockerignore"), folder / ".dockerignore"]
    path = next((path for path in places if path.is_file()), None)
    return decode(read_file(str(path)), str(path)) if path is not None else None


def _reader(folder: Path) -> Callable[[str], bytes | None]:
    """Return a reader of regular files in *folder* that follows nothing out of it."""
    root = folder.resolve()

    def read(path: str) -> bytes | None:
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or "\0" in path:
            return None
        try:
            real = (root / path).resolve()
            if not real.is_relative_to(root) or not real.is_file() or real.stat().st_size > _LARGEST:
                return None
            return real.read_bytes()
        except (OSError, ValueError, RuntimeError):
            return None

    return read


def named_images() -> tuple[str, ...]:
    """Return the images that targets of [audit] in lockml.toml name, () without such a file."""
    path = Path("lockml.toml")
    if not path.is_file():
        return ()
    try:
        document = tomllib.loads(read_file(str(path)).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(str(path), f"is not TOML: {error}") from error
    audit = document.get("audit", {})
    targets = audit.get("targets", []) if isinstance(audit, dict) else []
    tables = [each for each in targets if isinstance(each, dict)] if isinstance(targets, list) else []
    named = [table.get(kind) for table in tables for kind in ("image", "registry")]
    return tuple(each for each in named if isinstance(each, str))


def write_texts(contents: Mapping[str, str]) -> None:
    """Write each text to its file, keeping bytes that are not UTF-8; raises InputError.

    A read-only file is not replaced, although its folder may allow that.
    """
    for name in contents:
        if Path(name).exists() and not (Path(name).stat().st_mode & _WRITABLE and os.access(name, os.W_OK)):
            raise InputError(
                name, "is read-only, so nothing was fixed", hint="make it writable, or show the fixes with --diff"
            )
    try:
        replace_files({Path(name): text.encode("utf-8", "surrogateescape") for name, text in contents.items()})
    except OSError as error:
        raise InputError(str(error.filename or "output"), f"cannot be written ({error.strerror})") from error
