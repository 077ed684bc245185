"""Unpacks a source archive into a folder, and nothing outside of it."""

import io
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Final

from lockml.index.model import MetadataError

__all__ = ["unpack"]

_MAX_UNPACKED: Final = 4 << 30
_MAX_MEMBERS: Final = 200_000


def unpack(content: bytes, filename: str, folder: Path) -> Path:
    """Unpack *content* into the empty *folder*; return the one folder on top of it, or *folder*.

    Raises MetadataError for what is no archive, unpacks to too much, or would write elsewhere.
    """
    try:
        if filename.endswith((".zip", ".whl")):
            _unpack_zip(content, folder)
        else:
            _unpack_tar(content, folder)
    except tarfile.FilterError as error:
        raise MetadataError(f"its archive has an entry that must not be unpacked ({error})") from error
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        raise MetadataError(f"it is not a source archive ({error})") from error
    inside = sorted(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _unpack_tar(content: bytes, folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        total = 0
        for count, member in enumerate(archive, 1):
            total += member.size
            _limit(total, count)
        archive.extractall(folder, filter="data")


def _unpack_zip(content: bytes, folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        _limit(sum(member.file_size for member in members), len(members))
        archive.extractall(folder)  # noqa: S202 - zipfile drops what leads outside, and writes no links


def _limit(size: int, members: int) -> None:
    if size > _MAX_UNPACKED or members > _MAX_MEMBERS:
        raise MetadataError(f"it unpacks to more than {_MAX_UNPACKED >> 30} GiB or {_MAX_MEMBERS} files")
