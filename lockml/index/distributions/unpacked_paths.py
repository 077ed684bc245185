"""Says where installers unpack the entries of a source archive, as far as they can take the place of its PKG-INFO.

Python's tarfile drops a slash at the end of a file's name, pip takes a backslash for a slash, macOS ignores case, and
whatever is unpacked at or below a link is written to where the link leads.
"""

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final

from lockml.index.model import DynamicMetadataError, MetadataError

__all__ = ["UnpackedPaths", "is_pkg_info", "unclear"]

_NAME: Final = "PKG-INFO"
_FOLDED: Final = _NAME.casefold()


def is_pkg_info(name: str) -> bool:
    """Say whether *name* is that of the PKG-INFO on top of an archive; raises MetadataError where it only may be."""
    if _FOLDED not in name.casefold():
        return False
    parts = _parts(name)
    if len(parts) > 2 or not parts or parts[-1] != _FOLDED:
        return False
    if name.rpartition("/")[2] != _NAME or "\\" in name:
        raise MetadataError("its PKG-INFO is not plainly a file")
    return True


class UnpackedPaths:
    """The links of an archive, in the order of its entries, so that nothing is written through one of them."""

    def __init__(self) -> None:
        self._links: set[int] = set()

    def add(self, names: Iterable[str], *, link: bool) -> None:
        """Take note of an entry with these *names*.

        Raises MetadataError where it is at a link or below one, or is itself a *link* in place of the top folder.
        """
        if not link and not self._links:
            return
        for name in names:
            parts = _parts(name)
            if not self._links.isdisjoint(_prefixes(parts)):
                raise unclear("an entry is written through a link")
            if link and len(parts) < 2:
                raise unclear("a link takes the place of its folder")
            if link:
                self._links.update(list(_prefixes(parts))[-1:])


def _prefixes(parts: Iterable[str]) -> Iterator[int]:
    """Yield a hash of each folder that leads to a path, and of the path: equal paths have equal ones."""
    return accumulate(parts, lambda before, part: hash((before, part)), initial=0)


def _parts(name: str) -> tuple[str, ...]:
    """Return the folders and the name of a path, without case; raises DynamicMetadataError for one with ``..``."""
    parts = tuple(part for part in name.casefold().replace("\\", "/").split("/") if part not in ("", "."))
    if ".." in parts:
        raise unclear("an entry leads out of its folder")
    return parts


def unclear(reason: str) -> DynamicMetadataError:
    """Return the error for an archive that a build can unpack, and whose entries two readers may read differently."""
    return DynamicMetadataError(f"its archive does not say for certain what it needs: {reason}")
