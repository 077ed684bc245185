"""Digest found files for which nothing states a digest, so that a rule or a baseline accepts only these bytes."""

import hashlib
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from lockml.common.digest import INSTALLER_FILES
from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.model import Deviation, FileSurvey, InstalledDistribution

__all__ = ["with_contents", "with_named_content"]

_MAX_FILES: Final = 20_000  # files of one folder
_WEAK: Final = ("md5:", "sha1:")
_CACHED: Final = "__pycache__"
_NAMED: Final = re.compile(r"/[^\s:;,]+")


def with_contents(tree: FileTree, survey: FileSurvey, distributions: Iterable[InstalledDistribution]) -> FileSurvey:
    """Return *survey* with the digests of what it found, and of files for which *distributions* state no digest.

    Raises UnreadableError.
    """
    deviations = _with_found(tree, survey.deviations)
    return replace(survey, deviations=deviations, contents=_unhashed_contents(tree, distributions))


def _with_found(tree: FileTree, deviations: Sequence[Deviation]) -> tuple[Deviation, ...]:
    """Return *deviations*, each one of an existing file or folder with a SHA-256 of its content.

    A folder's covers the paths and digests of its files, without compiled modules, which change with use.
    """
    files: dict[str, tuple[str, ...]] = {}
    for each in deviations:
        if _is_wanted(each):
            files[each.path] = tuple(_files_of(tree, each.path))
    wanted = {path for paths in files.values() for path in paths}
    digests = dict(tree.digests((path, "sha256") for path in sorted(wanted)))
    return tuple(
        _with_content(each, tree.resolve(each.path), files.get(each.path, ()), digests) if each.path in files else each
        for each in deviations
    )


def _unhashed_contents(tree: FileTree, distributions: Iterable[InstalledDistribution]) -> dict[str, str]:
    """Return, by folder, a SHA-256 of the files for which each of *distributions* states no digest.

    Files of system packages are excluded.
    """
    files = {each.folder: _unhashed(tree, each) for each in distributions if each.owner is None}
    digests = dict(
        tree.digests((path, "sha256") for path in sorted({path for found in files.values() for path in found}))
    )
    for error in digests.values():
        if isinstance(error, UnreadableError):
            raise error
    return {
        folder: _digest_of(f"{path}\0{_hexadecimal(digests.get(path))}" for path in found)
        for folder, found in files.items()
        if found
    }


def _unhashed(tree: FileTree, distribution: InstalledDistribution) -> frozenset[str]:
    own = {f"{distribution.dist_info}/{name}" for name in INSTALLER_FILES}
    rows = (each.path for each in distribution.record or () if not each.digest and each.path not in own)
    places = [
        *(posixpath.join(distribution.site_folder, path) for path in rows),
        *(posixpath.join(distribution.folder, path) for path in distribution.listed),
    ]
    found = (tree.resolve(posixpath.normpath(path)) for path in places if f"/{_CACHED}/" not in path)
    return frozenset(path for path in found if tree.kind(path) == "file")


def with_named_content(tree: FileTree, setting: Deviation) -> Deviation:
    """Return *setting* with a SHA-256 of its file and those that its value names, None if none can be read."""
    named = (*_NAMED.findall(setting.found or ""), *filter(None, [setting.path]))
    places = sorted({tree.resolve(path) for path in named})
    wanted = [path for path in places if tree.kind(path) == "file"]
    digests = dict(tree.digests((path, "sha256") for path in wanted))
    if not wanted or not all(isinstance(digests.get(path), bytes) for path in wanted):
        return setting
    return replace(setting, content=_digest_of(f"{path}\0{_hexadecimal(digests[path])}" for path in wanted))


def _digest_of(lines: Iterable[str]) -> str:
    return f"sha256:{hashlib.sha256(chr(10).join(sorted(lines)).encode('utf-8', 'surrogateescape')).hexdigest()}"


def _is_wanted(deviation: Deviation) -> bool:
    """Return whether there is no digest yet, or only one for which an attacker can make a second file."""
    bound = deviation.found is not None and not deviation.found.startswith(_WEAK)
    return not bound and bool(deviation.path) and deviation.kind != "removed-file"


def _with_content(
    deviation: Deviation, place: str, files: Sequence[str], digests: Mapping[str, bytes | UnreadableError]
) -> Deviation:
    found = [digests.get(path) for path in files]
    if not _is_wanted(deviation) or not files or not all(isinstance(each, bytes) for each in found):
        return deviation
    if files == (place,):
        return replace(deviation, found=f"sha256:{_hexadecimal(found[0])}")
    lines = [f"{path.removeprefix(place)}\0{_hexadecimal(each)}" for path, each in zip(files, found, strict=True)]
    return replace(deviation, found=_digest_of(lines))


def _hexadecimal(digest: object) -> str:
    return digest.hex() if isinstance(digest, bytes) else ""


def _files_of(tree: FileTree, path: str) -> Iterator[str]:
    """Yield the files at or below *path*, without links; nothing for a folder that is unreadable or too large."""
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


def _below(tree: FileTree, folder: str) -> Iterator[str]:
    """Yield the files below *folder* and below the targets of links in it."""
    waiting, seen, count = [folder], {folder}, 0
    while waiting and count <= _MAX_FILES:
        current = waiting.pop()
        for entry in tree.entries(current):
            path = f"{current}/{entry.name}"
            place = tree.resolve(path) if entry.kind == "link" else path
            kind = tree.kind(place) if entry.kind == "link" else entry.kind
            if kind == "folder" and entry.name != _CACHED and place not in seen:
                seen.add(place)
                waiting.append(place)
            elif kind == "file" and (entry.kind == "file" or posixpath.dirname(place) != current):
                count += 1
                yield place
