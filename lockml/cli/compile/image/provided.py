"""The packages of a base image that need not be installed again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Final

from msgspec import Struct
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from lockml.cli.compile.image.eggs import with_requirements
from lockml.cli.compile.image.twice import ImageStock
from lockml.common.errors import InputError
from lockml.drift.artifacts import provided_digest
from lockml.index.distributions.metadata import parse_metadata
from lockml.index.model import CoreMetadata, MetadataError
from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.model import InstalledDistribution
from lockml.inventory.reading import MAX_METADATA
from lockml.lock.model import ProvidedPackage, ProvidedPackages
from lockml.resolution.model import Provided, ProvidedMode, ProvidedRelease

__all__ = ["ImageProvides", "provided_of_lock", "read_provided", "selected"]

_ALL: Final = "all"
_NONE: Final = "none"
_NEVER: Final = frozenset({canonicalize_name("pip")})  # installers are not requirements


class ImageProvides(Struct, frozen=True, kw_only=True):
    """What the resolver and the lock use of an image, its whole *stock*, and *notes* on what does not count."""

    provided: Provided = Provided()
    packages: ProvidedPackages = ProvidedPackages()
    stock: ImageStock = ImageStock()
    notes: tuple[str, ...] = ()


def selected(given: Iterable[str]) -> tuple[str, ...]:
    """Return the selection of ``--provided``: ("all",), names, or () for ``none``; the last of all and none counts."""
    found: tuple[str, ...] = ()
    for text in (part.strip() for many in given for part in many.split(",")):
        if text == _NONE:
            found = ()
        elif text == _ALL or found == (_ALL,):
            found = (_ALL,)
        elif text:
            found = (*found, str(canonicalize_name(text)))
    return tuple(sorted(dict.fromkeys(found)))


def provided_of_lock(packages: ProvidedPackages, mode: ProvidedMode) -> ImageProvides:
    """Return what a lock records of an image, without opening it: enough to check whether the lock is up to date."""
    releases = {}
    for each in packages.packages:
        metadata = CoreMetadata(name=each.name, version=Version(each.version))
        releases[each.name] = ProvidedRelease(metadata=metadata, origin=each.origin)
    return ImageProvides(provided=Provided(mode=mode, releases=releases), packages=packages)


def read_provided(
    tree: FileTree, distributions: Sequence[InstalledDistribution], selection: Sequence[str], mode: ProvidedMode
) -> ImageProvides:
    """Return those of *distributions*, in the order of the import path, that *selection* names; raises InputError."""
    first: dict[NormalizedName, InstalledDistribution] = {}
    for each in distributions:
        if not each.dist_info.startswith("~"):
            first.setdefault(each.name, each)
    names = _named(selection, first)
    releases: dict[NormalizedName, ProvidedRelease] = {}
    packages: list[ProvidedPackage] = []
    notes: list[str] = []
    for name in names:
        each = first[name]
        metadata, fault = _metadata(tree, each)
        notes += [f"{name} {each.version} of the base image {fault}"] if fault else []
        if metadata is None:
            continue
        releases[name] = ProvidedRelease(metadata=metadata, origin=each.origin or "")
        packages.append(
            ProvidedPackage(
                name=name,
                version=each.version,
                record=provided_digest(each) or "",
                owner=each.owner or "",
                origin=(each.origin or "").partition(" (")[0],  # a step may contain a secret
            )
        )
    return ImageProvides(
        provided=Provided(mode=mode, releases=releases),
        packages=ProvidedPackages(selection=tuple(selection), mode=mode, packages=tuple(packages)),
        notes=tuple(notes),
    )


def _named(selection: Sequence[str], there: Mapping[NormalizedName, InstalledDistribution]) -> list[NormalizedName]:
    if tuple(selection) == (_ALL,):
        return sorted(there.keys() - _NEVER)
    for each in selection:
        if each not in there:
            near = get_close_matches(each, there)
            hint = f"did you mean {', '.join(near)}?" if near else "`lockml inventory` lists its packages"
            raise InputError(f"--provided {each!r}", "the base image has no such package", hint=hint)
    return sorted(canonicalize_name(each) for each in selection)


def _metadata(tree: FileTree, each: InstalledDistribution) -> tuple[CoreMetadata | None, str]:
    """Return the metadata of a distribution, None if it cannot be used at all, and what is wrong with it."""
    try:
        version = Version(each.version)
    except InvalidVersion:
        return None, "is not provided: no requirement could name its version"
    fault = "does not list its dependencies"
    for content in _contents(tree, each):
        try:
            return parse_metadata(content, name=each.name, version=version), ""
        except MetadataError as error:
            fault = f"has invalid metadata ({error}); its dependencies do not count"
    return CoreMetadata(name=each.name, version=version), fault


def _contents(tree: FileTree, each: InstalledDistribution) -> Iterator[bytes]:
    for path in (f"{each.folder}/METADATA", f"{each.folder}/PKG-INFO", each.folder):
        content = _content(tree, path)
        if content is not None:
            requires = _content(tree, f"{each.folder}/requires.txt") if path.endswith("/PKG-INFO") else None
            yield with_requirements(content, requires) if requires else content


def _content(tree: FileTree, path: str) -> bytes | None:
    try:
        return tree.read(path, MAX_METADATA)
    except UnreadableError:
        return None
