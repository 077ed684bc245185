"""Results of earlier compiles: decide, without parsing anything, whether ``compile`` would write the same again.

A result is cached by options and folder: the SHA-256 of every file and variable that was read, and of every file that
was written. If all of them are unchanged, so is the lock. This module loads little.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from lockml import __version__
from lockml.cli.common.files import read_file
from lockml.cli.compile.notes import Note
from lockml.common.display import redact
from lockml.common.private_files import PrivateFolder

__all__ = ["ANSWERS", "Reads", "cached_result", "keep_result"]

ANSWERS: Final = "answers-1"
"""The folder of the results in the cache."""

_MAX_KEPT: Final = 1 << 26  # bytes of one result
_LOGIN: Final = r"LOCKML_INDEX_\w+_(USERNAME|PASSWORD)"  # they do not affect a lock


class _Variables(Mapping[str, str]):
    """The environment, recording which variables are read."""

    def __init__(self) -> None:
        self.asked: dict[str, str | None] = {}
        self.listed = False

    def __getitem__(self, name: str) -> str:
        self.asked[name] = os.environ.get(name)
        return os.environ[name]

    def __iter__(self) -> Iterator[str]:
        self.listed = True
        return iter(os.environ)

    def __len__(self) -> int:
        self.listed = True
        return len(os.environ)


class Reads:
    """A reader of files and variables that records them; *fetched* are the digests of remote files, by URL."""

    def __init__(self, fetch: Callable[[str], bytes] | None = None) -> None:
        self.files: dict[str, str] = {}
        self.fetched: dict[str, str] = {}
        self.variables = _Variables()
        self._fetch = fetch

    def read(self, name: str) -> bytes:
        """Return the content of the file *name*, a path, ``-`` or a URL; raises InputError, PackageIndexError."""
        if self._fetch is not None and name.lower().startswith(("http://", "https://")):
            content = self._fetch(name)
            self.fetched[redact(name)] = _digest(content)
            return content
        return self.read_local(name)

    def read_local(self, name: str) -> bytes:
        """Return the content of the local file *name*, or of ``-``; raises InputError."""
        content = read_file(name)
        self.files[name] = _digest(content)
        return content

    @property
    def whole(self) -> bool:
        """Whether everything that was read can be compared with its state at another time."""
        return not (self.variables.listed or self.fetched or "-" in self.files)


def cached_result(cache: Path | None, key: str) -> list[Note] | None:
    """Return the notes of the result in *cache* under *key* if nothing has changed since, else None."""
    try:
        cached = _cached(cache, key)
        for files in (cached["read"], cached["written"]):
            for name, digest in files.items():
                if not Path(name).is_file() or _digest(Path(name).read_bytes()) != digest:
                    return None
        salt = bytes.fromhex(cached["salt"])
        if any(_hidden(os.environ.get(name), salt) != value for name, value in cached["variables"].items()):
            return None
        return [Note(kind, text) for kind, text in cached["notes"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _cached(cache: Path | None, key: str) -> Any:
    """Return the cached result, {} without one; raises OSError, ValueError, KeyError, TypeError."""
    if cache is None:
        return {}
    name = _name(key)
    with PrivateFolder(cache / ANSWERS, made=False) as folder:
        cached = json.loads(folder.read(name, _MAX_KEPT) or b"{}")
    return cached if cached["name"] == name else {}


def keep_result(cache: Path | None, key: str, reads: Reads, written: Mapping[str, str], notes: Sequence[Note]) -> None:
    """Cache that the files *written* are the result of *reads*; a failure does not matter."""
    if not reads.whole or "-" in written or cache is None:
        return
    salt = os.urandom(16)
    asked = {name: value for name, value in reads.variables.asked.items() if not re.fullmatch(_LOGIN, name)}
    name = _name(key)
    table: dict[str, Any] = {
        "name": name,
        "salt": salt.hex(),
        "read": reads.files,
        "written": {name: _digest(text.encode("utf-8")) for name, text in written.items()},
        "variables": {name: _hidden(value, salt) for name, value in asked.items()},
        "notes": notes,
    }
    with suppress(OSError), PrivateFolder(cache / ANSWERS) as folder:
        folder.write(name, (json.dumps(table).encode("utf-8"),))


def _name(key: str) -> str:
    """Return the name of a result: a digest of everything that decides it beside files and variables."""
    machine = (sys.version, os.uname().sysname, os.uname().machine, os.uname().release, _libc())
    decides = repr((__version__, os.getcwd(), machine, key))  # noqa: PTH109 - a word of a name
    return _digest(decides.encode("utf-8", "surrogateescape"))


def _libc() -> str | None:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError, AttributeError):
        return None


def _hidden(value: str | None, salt: bytes) -> str | None:
    """Return a digest of a variable's value, which may be a token."""
    return _digest(salt + value.encode("utf-8", "surrogateescape")) if value is not None else None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
