"""What an earlier ``compile`` was asked and wrote in; whether it would write the same today, with nothing parsed, out.

A result is kept in the cache by the options and the folder: the SHA-256 of every file and variable that was read, and
of every file that was written. Where all of them are as they were, so is the lock. Nothing heavy is loaded here.
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
"""The folder of the cache that they are in."""

_MAX_KEPT: Final = 1 << 26  # bytes of one result
_LOGIN: Final = r"LOCKML_INDEX_\w+_(USERNAME|PASSWORD)"  # they decide nothing of a lock


class _Variables(Mapping[str, str]):
    """The environment, which remembers what was asked of it."""

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
    """Reads files and variables, and remembers which; *fetched* are digests of files of servers, by their address."""

    def __init__(self, fetch: Callable[[str], bytes] | None = None) -> None:
        self.files: dict[str, str] = {}
        self.fetched: dict[str, str] = {}
        self.variables = _Variables()
        self._fetch = fetch

    def read(self, name: str) -> bytes:
        """Return the content of the file *name*, a path, ``-`` or an address; raises InputError, PackageIndexError."""
        if self._fetch is not None and name.lower().startswith(("http://", "https://")):
            content = self._fetch(name)
            self.fetched[redact(name)] = _digest(content)
            return content
        return self.read_local(name)

    def read_local(self, name: str) -> bytes:
        """Return the content of the file *name* of this machine, or of ``-``; raises InputError."""
        content = read_file(name)
        self.files[name] = _digest(content)
        return content

    @property
    def whole(self) -> bool:
        """Whether what was read can be held against what is there another time."""
        return not (self.variables.listed or self.fetched or "-" in self.files)


def cached_result(cache: Path | None, key: str) -> list[Note] | None:
    """Return what is told where nothing has changed since a result was kept in *cache* under *key*, else None."""
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
    """Return what was kept, {} where nothing was; raises OSError, ValueError, KeyError, TypeError."""
    if cache is None:
        return {}
    name = _name(key)
    with PrivateFolder(cache / ANSWERS, made=False) as folder:
        cached = json.loads(folder.read(name, _MAX_KEPT) or b"{}")
    return cached if cached["name"] == name else {}


def keep_result(cache: Path | None, key: str, reads: Reads, written: Mapping[str, str], notes: Sequence[Note]) -> None:
    """Keep that the files *written* are the result of what *reads* has read; where that cannot be, nothing is lost."""
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
    """Return what a result is called: by all that decides it beside files and variables."""
    machine = (sys.version, os.uname().sysname, os.uname().machine, os.uname().release, _libc())
    decides = repr((__version__, os.getcwd(), machine, key))  # noqa: PTH109 - a word of a name
    return _digest(decides.encode("utf-8", "surrogateescape"))


def _libc() -> str | None:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError, AttributeError):
        return None


def _hidden(value: str | None, salt: bytes) -> str | None:
    """Return what tells a variable's value from others without telling it: it may be a token."""
    return _digest(salt + value.encode("utf-8", "surrogateescape")) if value is not None else None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
