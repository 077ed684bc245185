"""Read the installed distributions of library folders (PEP 376, 610, 627).

Only a dist-info directly in a library folder counts; those that projects bundle deeper down do not.
"""

import json
import posixpath
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from lockml.common.digest import RecordError, RecordRow, parse_record
from lockml.common.progress import Progress, Step, silent
from lockml.inventory.file_tree import FileTree, Origin, UnreadableError
from lockml.inventory.model import (
    Described,
    DirectUrl,
    InstalledDistribution,
    Inventory,
    Problem,
    RemovedDistribution,
)
from lockml.inventory.origins import Times
from lockml.inventory.reading import MAX_METADATA, MAX_RECORD

__all__ = [
    "Declared",
    "archive_hashes",
    "read_declared",
    "read_distributions",
    "removed_distributions",
    "with_descriptions",
]

_T = TypeVar("_T")
_MAX_DIRECT_URL = 1 << 14
_DESCRIBING = ("dist-info", "egg-info")
_REQUIRES = b"requires-dist:"
_MAX_LINES = 5000  # lines of metadata of a distribution: the largest ones have a few hundred
_MAX_FIELD = 4096
_OF_LICENSE = "License ::"
_LEFT_BEHIND = "~-.=%"  # what pip replaces the first letters with


class Declared(Struct, frozen=True, kw_only=True):
    """Whether an installer recorded that it was requested by name, and what it *requires*, as far as that is read."""

    requested: bool
    requires: tuple[Requirement, ...] = ()


def read_distributions(
    tree: FileTree, site_folders: tuple[str, ...], linked_folders: tuple[str, ...] = (), progress: Progress = silent
) -> tuple[tuple[InstalledDistribution, ...], tuple[Problem, ...]]:
    """Return what is installed, in the order of the import path and then by name, and what could not be read.

    A distribution in one of *linked_folders* is an editable project, used from its working folder.
    """
    found: list[InstalledDistribution] = []
    problems: list[Problem] = []
    for site_folder in site_folders:
        try:
            names = tree.names(site_folder)
        except UnreadableError as error:
            problems.append(Problem(path=error.path, reason=error.reason))
            continue
        for done, name in enumerate(names):
            folder = f"{site_folder}/{name}"
            if progress is not silent:
                progress(Step(doing="Reading packages in", subject=site_folder, done=done, total=len(names)))
            try:
                found.extend(_read_one(tree, folder, site_folder, problems, linked=site_folder in linked_folders))
            except UnreadableError as error:
                problems.append(Problem(path=error.path, reason=error.reason))
    return tuple(_without_shipped(found)), tuple(problems)


def read_declared(tree: FileTree, distributions: Iterable[InstalledDistribution]) -> Mapping[str, Declared]:
    """Return, by folder, what each of *distributions* declares; unreadable ones declare nothing."""
    declared: dict[str, Declared] = {}
    for each in distributions:
        try:
            declared[each.folder] = Declared(
                requested="REQUESTED" in tree.names(each.folder) if tree.kind(each.folder) == "folder" else False,
                requires=tuple(_requirements(_described(tree, each.folder))),
            )
        except UnreadableError:
            declared[each.folder] = Declared(requested=False)
    return declared


def with_descriptions(tree: FileTree, inventory: Inventory) -> Inventory:
    """Return *inventory* with the metadata of its distributions beyond name and version."""
    environment = inventory.environment
    found = tuple(replace(each, described=_described_by(tree, each.folder)) for each in environment.distributions)
    return replace(inventory, environment=replace(environment, distributions=found))


def _described_by(tree: FileTree, folder: str) -> Described:
    """Return what the metadata in *folder* state; unreadable metadata state nothing."""
    try:
        fields, folded = _all_fields(_described(tree, folder) or tree.read(folder, MAX_METADATA) or b"")
    except UnreadableError:
        return Described()
    first = dict(reversed(fields))
    classifiers = (text for name, text in fields if name == "classifier" and text.startswith(_OF_LICENSE))
    urls = [tuple(map(str.strip, text.split(",", 1))) for name, text in fields if name == "project-url" and "," in text]
    home = [("Homepage", first["home-page"])] if first.get("home-page") else []
    return Described(
        license_expression=first.get("license-expression") or None,
        license=first.get("license") or None,
        license_is_text="license" in folded,
        license_classifiers=tuple(classifiers),
        requires=tuple(text for name, text in fields if name == "requires-dist"),
        urls=(*home, *((label, url) for label, url in urls)),
    )


def _all_fields(content: bytes) -> tuple[list[tuple[str, str]], set[str]]:
    """Return the first line of each core metadata field by lower-case name, and the names of fields with more lines."""
    found: list[tuple[str, str]] = []
    folded: set[str] = set()
    lines = content.replace(b"\r\n", b"\n").partition(b"\n\n")[0].split(b"\n", _MAX_LINES)
    for line in lines[:_MAX_LINES]:
        key, colon, value = line[:_MAX_FIELD].partition(b":")
        if line[:1].isspace():
            folded.update(found[-1][:1] if found else ())
        elif colon:
            found.append((key.strip().lower().decode("ascii", "replace"), value.strip().decode("utf-8", "replace")))
    return found, folded


def removed_distributions(
    tree: FileTree, site_folders: Iterable[str], names: Collection[NormalizedName]
) -> tuple[RemovedDistribution, ...]:
    """Return which of the projects *names* were removed from the library folders, each at its last removal."""
    last: dict[NormalizedName, tuple[str, Origin]] = {}
    times = Times(tree)
    for site_folder in site_folders if names else ():
        folder = tree.resolve(site_folder)
        try:
            removed = tree.removed(folder)
        except UnreadableError:
            continue  # reported when its distributions are read
        for entry, origin in sorted(removed.items()):
            stem, _, ending = entry.rpartition(".")
            name = canonicalize_name(stem.partition("-")[0])
            known = last.get(name)
            if ending in _DESCRIBING and name in names and (known is None or known[1].order <= origin.order):
                last[name] = (f"{folder}/{entry}", origin)
    return tuple(
        RemovedDistribution(name=name, folder=folder, origin=origin.text, time=times.of(folder, origin))
        for name, (folder, origin) in sorted(last.items())
    )


def _without_shipped(found: list[InstalledDistribution]) -> Iterator[InstalledDistribution]:
    """Skip an egg-info that a wheel ships next to its dist-info: it is a file of that project."""
    listed = {
        (each.site_folder, row.path.partition("/")[0])
        for each in found
        for row in each.record or ()
        if ".egg-info" in row.path
    }
    return (each for each in found if (each.site_folder, each.dist_info) not in listed)


def _read_one(
    tree: FileTree, folder: str, site_folder: str, problems: list[Problem], *, linked: bool
) -> Iterator[InstalledDistribution]:
    """Yield the distribution of *folder*, if there is one: unreadable parts do not make it missing."""
    name_of_folder = posixpath.basename(folder)
    lowered = name_of_folder.lower()
    if lowered.endswith(".dist-info") and name_of_folder.startswith("~"):
        yield _leftover(folder, site_folder)
        return
    metadata = _metadata(tree, folder, lowered)
    if metadata is None:
        return
    name, version = _name_and_version(folder, metadata)
    record, no_record = _record(tree, folder, problems)
    source = _attempt(lambda: _source(tree, folder), problems)
    if linked and source is None:
        source = DirectUrl(url=f"file://{site_folder}", editable=lowered != "egg-info")
    installer = _attempt(lambda: tree.read(f"{folder}/INSTALLER", 1 << 10), problems)
    listed = None
    if record is None:
        listed = _attempt(lambda: tree.read(f"{folder}/installed-files.txt", MAX_METADATA), problems)
    yield InstalledDistribution(
        name=name,
        version=version,
        folder=folder,
        site_folder=site_folder,
        record=record,
        no_record=no_record,
        installer=installer.decode("utf-8", "replace").strip() if installer else None,
        source=source,
        listed=("installed-files.txt", *listed.decode("utf-8", "replace").splitlines()) if listed else (),
    )


def _metadata(tree: FileTree, folder: str, lowered: str) -> bytes | None:
    """Return the core metadata of a dist-info or an egg-info by its *lowered* name; None for anything else."""
    if lowered.endswith(".dist-info"):
        metadata = tree.read(f"{folder}/METADATA", MAX_METADATA)
        if metadata is None:
            raise UnreadableError(folder, "it has no METADATA, so its project is unknown")
        return metadata
    if not lowered.endswith(".egg-info") and lowered != "egg-info":
        return None
    metadata = tree.read(f"{folder}/PKG-INFO", MAX_METADATA) or tree.read(folder, MAX_METADATA)
    if metadata is None:
        raise UnreadableError(folder, "it has no PKG-INFO, so its project is unknown")
    return metadata


def _name_and_version(folder: str, metadata: bytes) -> tuple[NormalizedName, str]:
    fields = _header_fields(metadata)
    try:
        return canonicalize_name(fields["name"], validate=True), fields["version"]
    except (KeyError, InvalidName) as error:
        raise UnreadableError(folder, "its metadata has no usable name and version") from error


def _leftover(folder: str, site_folder: str) -> InstalledDistribution:
    """Return what an interrupted pip left behind: pip renames what it is about to replace."""
    name, _, version = posixpath.basename(folder).lstrip(_LEFT_BEHIND).removesuffix(".dist-info").partition("-")
    reason = "left behind by an interrupted pip"
    return InstalledDistribution(
        name=canonicalize_name(name),
        version=version,
        folder=folder,
        site_folder=site_folder,
        record=None,
        no_record=reason,
    )


def _header_fields(content: bytes) -> dict[str, str]:
    """Return the first value of Name and Version of core metadata, by lower-case name."""
    fields: dict[str, str] = {}
    for line in content.replace(b"\r\n", b"\n").partition(b"\n\n")[0].split(b"\n"):
        key, colon, value = line.partition(b":")
        lowered = key.strip().lower().decode("ascii", "replace")
        if colon and lowered in ("name", "version"):
            fields.setdefault(lowered, value.strip().decode("utf-8", "replace"))
    return fields


def _attempt(step: Callable[[], _T | None], problems: list[Problem]) -> _T | None:
    """Return what *step* reads; None, with a problem recorded, if it fails."""
    try:
        return step()
    except UnreadableError as error:
        problems.append(Problem(path=error.path, reason=error.reason))
        return None


def _record(tree: FileTree, folder: str, problems: list[Problem]) -> tuple[tuple[RecordRow, ...] | None, str | None]:
    """Return the rows of RECORD, or None and the reason."""
    if not folder.lower().endswith(".dist-info"):
        return None, "an egg-info has no RECORD"
    path = f"{folder}/RECORD"
    known = len(problems)
    content = _attempt(lambda: tree.read(path, MAX_RECORD + 1), problems)
    if content is None:
        return None, "it has no RECORD" if len(problems) == known else "its RECORD cannot be read"
    if len(content) > MAX_RECORD:
        problems.append(Problem(path=path, reason=f"it has more than {MAX_RECORD} bytes"))
        return None, "its RECORD cannot be read"
    try:
        return parse_record(content.decode("utf-8")), None
    except (RecordError, UnicodeDecodeError) as error:
        return None, f"its RECORD cannot be read: {error}"


def archive_hashes(archive: Mapping[str, object]) -> dict[str, str]:
    """Return the hashes of a downloaded file, in the forms of pip since 23.1 and before (PEP 610)."""
    algorithm, equals, digest = str(archive.get("hash", "")).partition("=")
    hashes = archive.get("hashes") or ({algorithm: digest} if equals else {})
    if not isinstance(hashes, Mapping):
        raise TypeError
    return {str(name): str(value).lower() for name, value in hashes.items()}


def _source(tree: FileTree, folder: str) -> DirectUrl | None:
    content = tree.read(f"{folder}/direct_url.json", _MAX_DIRECT_URL + 1)
    if content is None:
        return None
    try:
        if len(content) > _MAX_DIRECT_URL:
            raise ValueError
        document = json.loads(content)
        url = document["url"]
        editable = bool(document.get("dir_info", {}).get("editable", False))
        commit = document.get("vcs_info", {}).get("commit_id")
        hashes = archive_hashes(document.get("archive_info", {}))
        vcs = str(document.get("vcs_info", {}).get("vcs", ""))
        subdirectory = str(document.get("subdirectory") or "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableError(f"{folder}/direct_url.json", "it is not a direct URL record (PEP 610)") from error
    return DirectUrl(
        url=str(url),
        editable=editable,
        commit=str(commit) if commit else None,
        hashes=hashes,
        vcs=vcs,
        subdirectory=subdirectory,
    )


def _described(tree: FileTree, folder: str) -> bytes:
    found = (tree.read(posixpath.join(folder, name), MAX_METADATA) for name in ("METADATA", "PKG-INFO"))
    return next((content for content in found if content is not None), b"")


def _requirements(metadata: bytes) -> Iterator[Requirement]:
    """Yield the requirements that *metadata* list, except those that cannot be parsed."""
    for line in metadata.replace(b"\r\n", b"\n").partition(b"\n\n")[0].split(b"\n"):
        if line[: len(_REQUIRES)].lower() == _REQUIRES:
            try:
                yield Requirement(line[len(_REQUIRES) :].decode("utf-8", "replace").strip())
            except (InvalidRequirement, ValueError, RecursionError):
                continue
