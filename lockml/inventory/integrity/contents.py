"""Add to each deviation the digest of what was found, so that a rule can accept these bytes alone."""

import hashlib
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.model import Deviation

__all__ = ["with_contents"]

_MAX_FILES: Final = 20_000  # of one folder
_WEAK: Final = ("md5:", "sha1:")
_CACHED: Final = "__pycache__"


def with_contents(tree: FileTree, deviations: Sequence[Deviation]) -> tuple[Deviation, ...]:
    """Return *deviations*, those of files and folders that are there each with a SHA-256 of what it has.

    A folder's is that of its files' paths and digests, without compiled modules, which change as they are used.
    """
    files: dict[str, tuple[str, ...]] = {}
    for each in deviations:
        if _is_wanted(each):
            files[each.path] = tuple(_files_of(tree, each.path))
    wanted = {path for paths in files.values() for path in paths}
    digests = dict(tree.digests((path, "sha256") for path in sorted(wanted)))
    return tuple(_with_content(each, files.get(each.path, ()), digests) for each in deviations)


def _is_wanted(deviation: Deviation) -> bool:
    """Say whether nothing says yet what is found there, or a digest that others can have made a second file for."""
    bound = deviation.found is not None and not deviation.found.startswith(_WEAK)
    return not bound and bool(deviation.path) and deviation.kind != "removed-file"


def _with_content(deviation: Deviation, files: Sequence[str], digests: dict[str, bytes | UnreadableError]) -> Deviation:
    found = [digests.get(path) for path in files]
    if not _is_wanted(deviation) or not files or not all(isinstance(each, bytes) for each in found):
        return deviation
    if len(files) == 1 and deviation.files == 1:
        return replace(deviation, found=f"sha256:{_hexadecimal(found[0])}")
    lines = [
        f"{path.removeprefix(deviation.path)}\0{_hexadecimal(each)}" for path, each in zip(files, found, strict=True)
    ]
    content = "\n".join(sorted(lines)).encode("utf-8", "surrogateescape")
    return replace(deviation, found=f"sha256:{hashlib.sha256(content).hexdigest()}")


def _hexadecimal(digest: object) -> str:
    return digest.hex() if isinstance(digest, bytes) else ""


def _files_of(tree: FileTree, path: str) -> Iterator[str]:
    """Yield the files at or below *path*, without links; nothing for what cannot be listed, or has too many."""
    place = tree.resolve(path)
    if tree.kind(place) == "file":
        yield place
        return
    try:
        found = list(_below(tree, place))
    except UnreadableError:
        return
    if len(found) <= _MAX_FILES:
        yield from found


def _below(tree: FileTree, folder: str) -> Iterable[str]:
    waiting, count = [folder], 0
    while waiting and count <= _MAX_FILES:
        current = waiting.pop()
        for entry in tree.entries(current):
            path = f"{current}/{entry.name}"
            if entry.kind == "folder" and entry.name != _CACHED:
                waiting.append(path)
            elif entry.kind == "file":
                count += 1
                yield path
            elif entry.kind == "link":
                place = tree.resolve(path)
                if tree.kind(place) == "file" and posixpath.dirname(place) != current:
                    yield place
