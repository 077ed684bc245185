"""Fill in the digests that an installer left empty in RECORD, from the files themselves.

PDM writes ``sha256=,SIZE`` when it installs from its cache, with the size of the link if it makes links. The identity
decides whether the filled-in digests are right.
"""

import base64
import posixpath
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from lockml.common.digest import RecordRow
from lockml.inventory.file_tree import FileTree
from lockml.inventory.model import InstalledDistribution
from lockml.inventory.owners.record_files import is_empty_digest

__all__ = ["fill_in_digests"]


def fill_in_digests(tree: FileTree, distributions: Iterable[InstalledDistribution]) -> Iterator[InstalledDistribution]:
    """Yield *distributions*, with digests filled into rows that name an algorithm without a digest.

    A file that cannot be hashed leaves its row unchanged, which then proves nothing. Raises UnreadableError.
    """
    for each in distributions:
        record = each.record or ()
        yield replace(each, record=_filled(tree, each, record)) if any(map(is_empty_digest, record)) else each


def _filled(
    tree: FileTree, distribution: InstalledDistribution, record: tuple[RecordRow, ...]
) -> tuple[RecordRow, ...]:
    places = {row: tree.resolve(f"{distribution.site_folder}/{row.path}") for row in record if is_empty_digest(row)}
    wanted = {real_path: row.digest.rstrip("=") for row, real_path in places.items() if tree.kind(real_path) == "file"}
    found = {path: each for path, each in tree.digests(iter(wanted.items())) if isinstance(each, bytes)}
    sizes = {
        f"{folder}/{entry.name}": entry.size
        for folder in {posixpath.dirname(real_path) for real_path in found}
        for entry in tree.entries(folder)
    }
    return tuple(
        _with_digest(row, found[real_path], sizes[real_path]) if (real_path := places.get(row)) in found else row
        for row in record
    )


def _with_digest(row: RecordRow, digest: bytes, size: int) -> RecordRow:
    text = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return row._replace(digest=f"{row.digest.rstrip('=')}={text}", size=str(size))
