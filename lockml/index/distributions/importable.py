"""Lists the files of a wheel that Python can import, each with its hash, in few bytes.

They show which projects put different files at the same path. Of most wheels nothing but the names at the top is ever
looked at, so that those are kept apart from the files.
"""

import zlib
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from lockml.common.digest import RecordRow

__all__ = ["ImportableFiles", "list_importable"]

_ENDINGS: Final = (".py", ".so", ".pyd")
_LIBRARIES: Final = ("purelib", "platlib")


class ImportableFiles(msgspec.Struct, frozen=True, kw_only=True):
    """The names at the *top* of a wheel that its modules are under, and its *packed* files."""

    top: tuple[str, ...] = ()
    packed: bytes = b""

    def files(self) -> Mapping[str, str]:
        """Return the hash of each file, as RECORD writes it, by its path in the library folder."""
        if not self.packed:
            return {}
        rows: Mapping[str, str] = msgspec.json.decode(zlib.decompress(self.packed), type=dict[str, str])
        return rows


def list_importable(rows: Iterable[RecordRow]) -> ImportableFiles:
    """Return what of *rows* Python can import."""
    files: dict[str, str] = {}
    for path, digest, _ in rows:
        if path.endswith(_ENDINGS) and digest:
            inside = _in_library(path) if ".data/" in path else path
            if inside:
                files[inside] = digest.rstrip("=")
    top = sorted({path.partition("/")[0] for path in files})
    return ImportableFiles(top=tuple(top), packed=zlib.compress(msgspec.json.encode(files), 1))


def _in_library(path: str) -> str:
    """Return where *path* of a wheel is in the library folder, "" where it is not."""
    top, _, inside = path.partition("/")
    if not top.endswith(".data"):
        return path
    scheme, _, rest = inside.partition("/")
    return rest if scheme in _LIBRARIES else ""
