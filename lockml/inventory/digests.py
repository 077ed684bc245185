"""Installed RECORDs in; out, those with the digests that an installer left empty, taken from the files themselves.

PDM writes ``sha256=,SIZE`` where it installs from its cache. Whether the digests are right, the identity decides.
"""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import replace

from lockml.digest import RecordRow
from lockml.inventory.expectations import is_empty_digest
from lockml.inventory.model import InstalledDistribution
from lockml.ports import FileTree

__all__ = ["fill_in_digests"]


def fill_in_digests(tree: FileTree, distributions: Iterable[InstalledDistribution]) -> Iterator[InstalledDistribution]:
    """Yield *distributions*; those with rows that name an algorithm and no digest have them filled in.

    A file that cannot be hashed leaves its row as it is, which is then no proof.
    """
    for each in distributions:
        record = each.record or ()
        yield replace(each, record=_filled(tree, each, record)) if any(map(is_empty_digest, record)) else each


def _filled(
    tree: FileTree, distribution: InstalledDistribution, record: tuple[RecordRow, ...]
) -> tuple[RecordRow, ...]:
    wanted = {
        tree.resolve(f"{distribution.site_folder}/{row.path}"): row.digest.rstrip("=")
        for row in record
        if is_empty_digest(row)
    }
    found: dict[str, str] = {}
    for path, result in tree.digests((path, name) for path, name in wanted.items() if tree.kind(path) == "file"):
        if isinstance(result, bytes):
            found[path] = base64.urlsafe_b64encode(result).rstrip(b"=").decode()
    return tuple(_with_digest(tree, distribution, row, found) if is_empty_digest(row) else row for row in record)


def _with_digest(
    tree: FileTree, distribution: InstalledDistribution, row: RecordRow, found: dict[str, str]
) -> RecordRow:
    digest = found.get(tree.resolve(f"{distribution.site_folder}/{row.path}"))
    return row._replace(digest=f"{row.digest.rstrip('=')}={digest}") if digest is not None else row
