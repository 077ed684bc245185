"""Read a Pipfile.lock (pipfile-spec 6)."""

import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, convert, field
from packaging.markers import Marker
from packaging.pylock import Package, PackageArchive, PackageDirectory, PackageVcs, Pylock
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from lockml.common.errors import LockError
from lockml.lock.formats.foreign import all_of, any_of, checked_marker, faults_of, file_name, in_group, split_hash
from lockml.lock.model import Lock

__all__ = ["parse_pipfile_lock"]

_FORMAT: Final = "Pipfile.lock"
_SPEC: Final = 6
_DEFAULT: Final = "default"
_NAMES: Final = {"develop": "dev"}
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class _Requires(Struct, frozen=True, kw_only=True):
    python_version: str | None = None
    python_full_version: str | None = None


class _Source(Struct, frozen=True, kw_only=True):
    url: str
    name: str = ""


class _Meta(Struct, frozen=True, kw_only=True):
    requires: _Requires = _Requires()
    sources: tuple[_Source, ...] = ()


class _Entry(Struct, frozen=True, kw_only=True):
    version: str | None = None
    hashes: tuple[str, ...] = ()
    markers: str = ""
    index: str | None = None
    git: str | None = None
    ref: str | None = None
    subdirectory: str | None = None
    file: str | None = None
    path: str | None = None
    editable: bool = False

    @property
    def pin(self) -> tuple[str | None, ...]:
        """The key that is the same if two categories have the same package."""
        return self.version, self.git, self.ref, self.file, self.path


class _Merged(Struct, kw_only=True):
    """A package of one or several categories: the entry of the first, and the marker of each."""

    entry: _Entry
    markers: list[str] = field(default_factory=list)


def parse_pipfile_lock(document: Mapping[str, Any], file: str) -> Lock:
    """Parse *document*, the JSON of a Pipfile.lock.

    The default is what ``pipenv install`` installs, the category default; develop is the group dev, and each other
    category a group of its name. Raises LockError naming *file* for unknown versions and invalid content.
    """
    _require_version(document, file)
    with faults_of(file, _FORMAT):
        meta = convert(document["_meta"], type=_Meta)
        categories = convert(
            {key: document[key] for key in document if key != "_meta"}, type=dict[str, dict[str, _Entry]]
        )
        merged, notes = _merged(categories)
        urls = {source.name: source.url for source in meta.sources}
        hashes = {
            position: tuple(
                f"{kind}:{digest}" for text in each.entry.hashes for kind, digest in split_hash(text).items()
            )
            for position, each in enumerate(merged.values())
        }
        packages = [_package(name, each, urls) for name, each in merged.items()]
        return Lock(
            pylock=Pylock(
                lock_version=Version("1.0"),
                created_by="pipenv",
                requires_python=_requires_python(meta.requires),
                packages=packages,
                dependency_groups=sorted(_group(name) for name in categories if name != _DEFAULT),
            ),
            targets=(),
            format=_FORMAT,
            hashes={
                position: texts for position, texts in hashes.items() if texts and packages[position].archive is None
            },
            notes=notes,
        )


def _require_version(document: Mapping[str, Any], file: str) -> None:
    meta = document.get("_meta")
    spec = meta.get("pipfile-spec") if isinstance(meta, Mapping) else None
    if spec != _SPEC or isinstance(spec, bool):
        problem = f"is a Pipfile.lock of pipfile-spec {spec!r}; this lockml knows {_SPEC}"
        raise LockError(file, problem, hint="upgrade lockml, or lock again with a Pipenv that writes it")


def _group(category: str) -> NormalizedName:
    return canonicalize_name(_NAMES.get(category, category), validate=True)


def _merged(categories: Mapping[str, Mapping[str, _Entry]]) -> tuple[dict[NormalizedName, _Merged], tuple[str, ...]]:
    """Return each package once, and notes on those that two categories pin differently: the first counts."""
    merged: dict[NormalizedName, _Merged] = {}
    notes: list[str] = []
    for category in sorted(categories, key=lambda name: name != _DEFAULT):
        seen: set[NormalizedName] = set()
        for key, entry in categories[category].items():
            name = canonicalize_name(key, validate=True)
            if name in seen:
                raise ValueError(f"{category!r} has {name!r} twice")
            seen.add(name)
            if entry.version == "*":  # Pipenv writes it for what does not apply to the machine that locked
                notes.append(f"{category!r} has {name} without a version: it is not locked")
                continue
            known = merged.setdefault(name, _Merged(entry=entry))
            if known.entry.pin != entry.pin:
                notes.append(f"{category!r} pins another {name} than an earlier category, which counts")
                continue
            where = "" if category == _DEFAULT else in_group(_group(category))
            known.markers.append(all_of((where, checked_marker(entry.markers))))
    return merged, tuple(notes)


def _package(name: NormalizedName, merged: _Merged, urls: Mapping[str, str]) -> Package:
    """Return a package in the form of PEP 751."""
    entry, marker = merged.entry, any_of(merged.markers)
    facts: dict[str, Any] = {"name": name, "version": None, "marker": Marker(marker) if marker else None}
    if entry.version is not None:
        facts["version"] = Version(entry.version.removeprefix("=="))
    if entry.git is not None:
        if _COMMIT.fullmatch(entry.ref or "") is None:
            raise ValueError(f"{name!r} comes from a repository but has no commit")
        vcs = PackageVcs(type="git", url=entry.git, commit_id=entry.ref or "", subdirectory=entry.subdirectory)
        return Package(**facts, vcs=vcs)
    location = entry.file or entry.path
    if location is not None and file_name(location).endswith(
        (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
    ):
        if location.endswith(".whl"):
            facts["version"] = parse_wheel_filename(file_name(location))[1]
        place: dict[str, Any] = {"url": location} if "://" in location else {"path": location}
        hashes = split_hash(entry.hashes[0]) if entry.hashes else {}
        return Package(**facts, archive=PackageArchive(**place, subdirectory=entry.subdirectory, hashes=hashes))
    if location is not None:
        return Package(**facts, directory=PackageDirectory(path=location, editable=entry.editable or None))
    if facts["version"] is None:
        raise ValueError(f"{name!r} has neither a version nor a source")
    return Package(**facts, index=urls.get(entry.index or ""))


def _requires_python(requires: _Requires) -> SpecifierSet | None:
    if requires.python_full_version is not None:
        return SpecifierSet(f"=={requires.python_full_version}")
    return SpecifierSet(f"=={requires.python_version}.*") if requires.python_version is not None else None
