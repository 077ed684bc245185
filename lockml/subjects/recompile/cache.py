"""Cache digests of code between checks: a compiler always compiles a source to the same code.

The key is the compiler, including its build, and the SHA-256 of what was read: the source with its level of
optimisation and whether columns were kept, or the body of the compiled module.
"""

from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from lockml.common.private_files import PrivateFolder
from lockml.inventory.bytecode.comparison import CompiledModule
from lockml.subjects.recompile.compiler_process import Compiler

__all__ = ["KeptCode"]

_VERSION: Final = "code-1"
_MAX_KEPT: Final = 500_000  # the newest digests of one compiler
_MAX_FILE: Final = 1 << 26
_Stored = tuple[str, dict[bytes, bytes]]


class KeptCode:
    """The digests of what *compiler* compiles sources to, and of the code in bodies: in *folder*, None for no cache."""

    def __init__(self, folder: Path | None, compiler: Compiler) -> None:
        self._name = sha256(compiler.magic + compiler.build.encode()).hexdigest()
        self._folder = folder / _VERSION if folder is not None else None
        self._digests = self._load()
        self._new = False

    def of_source(self, module: CompiledModule) -> tuple[bytes, ...]:
        """Return the known digests of what the source of *module* compiles to, with and without columns."""
        found = (self._digests.get(_source_key(module, columns=columns)) for columns in (True, False))
        return tuple(digest for digest in found if digest is not None)

    def of_body(self, body: bytes) -> bytes | None:
        """Return the digest of the code in the *body* of a compiled module, None if it is unknown."""
        return self._digests.get(_body_key(body))

    def put_source(self, module: CompiledModule, digest: bytes, *, columns: bool) -> None:
        """Remember the *digest* of what the source of *module* compiles to."""
        self._digests[_source_key(module, columns=columns)] = digest
        self._new = True

    def put_body(self, body: bytes, digest: bytes) -> None:
        """Remember the *digest* of the code in *body*."""
        self._digests[_body_key(body)] = digest
        self._new = True

    def keep(self) -> None:
        """Write what is new; if that fails, the next check compiles again."""
        if self._folder is None or not self._new:
            return
        self._new = False
        newest = dict(list(self._digests.items())[-_MAX_KEPT:])
        with suppress(OSError), PrivateFolder(self._folder) as folder:
            folder.write(self._name, (msgspec.msgpack.encode((self._name, newest)),))

    def _load(self) -> dict[bytes, bytes]:
        if self._folder is None:
            return {}
        with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
            with PrivateFolder(self._folder, made=False) as folder:
                content = folder.read(self._name, _MAX_FILE)
            name, digests = msgspec.msgpack.decode(content, type=_Stored) if content is not None else ("", {})
            return digests if name == self._name else {}
        return {}


def _source_key(module: CompiledModule, *, columns: bool) -> bytes:
    return bytes((module.optimisation, columns)) + sha256(module.source).digest()


def _body_key(body: bytes) -> bytes:
    return b"b" + sha256(body).digest()
