"""Installed distributions in, what their RECORDs say of every file out (PEP 376, PEP 627).

What a package manager brought is left to its own lists: Debian patches what it packages and does not keep RECORD true.
"""

import base64
import binascii
import posixpath
from collections.abc import Iterable, Iterator
from typing import Final

from lockml.digest import RecordRow
from lockml.inventory.model import InstalledDistribution
from lockml.inventory.owners import Expected
from lockml.ports import FileTree

__all__ = ["record_files"]

_ALGORITHMS: Final = frozenset({"sha256", "sha384", "sha512", "sha1", "md5"})
_AS_WRITTEN: Final = ("/./", "/../", "//", "\\")


def record_files(tree: FileTree, distributions: Iterable[InstalledDistribution]) -> dict[str, tuple[Expected, ...]]:
    """Return what RECORDs say of each file by absolute path; several projects may have the same file."""
    found: dict[str, tuple[Expected, ...]] = {}
    folders: dict[str, str] = {}
    for distribution in distributions:
        if distribution.owner is not None:
            continue
        for listed in distribution.listed:
            path = posixpath.normpath(posixpath.join(tree.resolve(distribution.folder), listed))
            found[path] = (Expected(distribution.name, "setup.py", None, None, None),)
        site = distribution.site_folder
        folder = folders.get(site) or folders.setdefault(site, tree.resolve(site))
        for path, expected in _rows(distribution, folder):
            found[path] = (*found[path], expected) if path in found else (expected,)
    return found


def _rows(distribution: InstalledDistribution, folder: str) -> Iterator[tuple[str, Expected]]:
    own = f"{distribution.dist_info}/"
    for row in distribution.record or ():
        path = row.path
        if not row.digest and not path.startswith(own):
            continue  # only of its own dist-info do installers leave hashes out, and of modules that they compile
        if path[0] in "./" or any(part in path for part in _AS_WRITTEN):
            place = posixpath.normpath(posixpath.join(folder, path.replace("\\", "/")))
        else:
            place = f"{folder}/{path}"
        yield place, _expected(distribution.name, row)


def _expected(owner: str, row: RecordRow) -> Expected:
    algorithm, _, text = row.digest.partition("=")
    digest: bytes | None = None
    if algorithm in _ALGORITHMS:
        try:
            digest = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (binascii.Error, ValueError):
            digest = b""  # equal to no digest
    size = int(row.size) if row.size.isascii() and row.size.isdigit() else None
    return Expected(owner, "RECORD", algorithm if digest is not None else None, digest, size)
