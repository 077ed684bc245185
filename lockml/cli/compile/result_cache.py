"""What an earlier ``compile`` was asked and wrote in; whether it would write the same today, with nothing parsed, out.

An answer is kept in the cache by the options and the folder: the SHA-256 of every file and variable that was read, and
of every file that was written. Where all of them are as they were, so is the lock. Nothing heavy is loaded here.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from lockml import __version__
from lockml.cli.common.files import read_file
from lockml.cli.compile.options import CompileSettings
from lockml.common.private_files import PrivateFolder

__all__ = ["ANSWERS", "TAKEN", "Reads", "Told", "keep_answer", "known_answer"]

ANSWERS: Final = "answers-1"
"""The folder of the cache that they are in."""

_MAX_KEPT: Final = 1 << 26  # bytes of one answer
_LOGIN: Final = re.compile(r"LOCKML_INDEX_\w+_(USERNAME|PASSWORD)")  # they decide nothing of a lock

TAKEN: Final = "Taken from this machine: "
"""How the note begins that is told of a check too."""

Told = tuple[str, str]
"""A ``note`` or a ``warning``, and its text."""


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
    """Reads files and variables, and remembers which."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.variables = _Variables()

    def read(self, name: str) -> bytes:
        """Return the content of the file *name*; raises InputError."""
        content = read_file(name)
        self.files[name] = _digest(content)
        return content

    @property
    def whole(self) -> bool:
        """Whether what was read can be held against what is there another time."""
        return not self.variables.listed and "-" not in self.files


def known_answer(settings: CompileSettings) -> list[Told] | None:
    """Return what is told where nothing has changed since an answer was kept, None where something may have."""
    if settings.upgrade or settings.upgrade_package or settings.prefer or settings.base_image is not None:
        return None
    try:
        kept = _kept(settings)
        for files in (kept["read"], kept["written"]):
            for name, digest in files.items():
                if _digest(Path(name).read_bytes()) != digest:
                    return None
        salt = bytes.fromhex(kept["salt"])
        if any(_hidden(os.environ.get(name), salt) != value for name, value in kept["variables"].items()):
            return None
        return [(kind, text) for kind, text in kept["told"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _kept(settings: CompileSettings) -> Any:
    """Return what was kept, {} where nothing was; raises OSError, ValueError, KeyError, TypeError."""
    if settings.cache_dir is None:
        return {}
    name = _name(settings)
    with PrivateFolder(settings.cache_dir / ANSWERS, made=False) as folder:
        kept = json.loads(folder.read(name, _MAX_KEPT) or b"{}")
    return kept if kept["name"] == name else {}


def keep_answer(settings: CompileSettings, reads: Reads, written: Mapping[str, str], told: list[Told]) -> None:
    """Keep that the files *written* are the answer to what *reads* has read; where that cannot be, nothing is lost."""
    if not reads.whole or "-" in written or settings.base_image is not None or settings.cache_dir is None:
        return
    salt = os.urandom(16)
    asked = {name: value for name, value in reads.variables.asked.items() if not _LOGIN.fullmatch(name)}
    name = _name(settings)
    table: dict[str, Any] = {
        "name": name,
        "salt": salt.hex(),
        "read": reads.files,
        "written": {name: _digest(text.encode("utf-8")) for name, text in written.items()},
        "variables": {name: _hidden(value, salt) for name, value in asked.items()},
        "told": told,
    }
    with suppress(OSError), PrivateFolder(settings.cache_dir / ANSWERS) as folder:
        folder.write(name, (json.dumps(table).encode("utf-8"),))


def _name(settings: CompileSettings) -> str:
    """Return what an answer is called: by all that decides it beside files and variables."""
    same = settings._replace(check=False, offline=False, upgrade=False, upgrade_package=(), prefer=(), cache_dir=None)
    machine = (sys.version, os.uname().sysname, os.uname().machine, os.uname().release, _libc())
    decides = repr((__version__, os.getcwd(), machine, sorted(same._asdict().items())))  # noqa: PTH109 - a word of a name
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
