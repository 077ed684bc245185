"""An `Index` in memory for tests: wheels, or releases by their metadata."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename

from lockml.common.digest import ArtifactIdentity, RecordError
from lockml.common.errors import InputError
from lockml.common.references import Reference
from lockml.index.distributions.archive import WheelArchive
from lockml.index.distributions.metadata import parse_metadata, parse_static_metadata
from lockml.index.model import (
    CoreMetadata,
    DirectSource,
    DistributionFile,
    Elsewhere,
    FileEntry,
    MetadataError,
    Project,
)
from lockml.index.pages.parse import parse_page

__all__ = ["INDEX_URL", "MemoryIndex", "wheel_archive"]

INDEX_URL: Final = "https://index.example/simple/"
"""The URL of the pages of an index in memory."""


def wheel_archive(filename: str, content: bytes) -> WheelArchive:
    """Return the archive of the wheel *content* with that name.

    Raises ValueError if the name is not that of a wheel, MetadataError if the content is not a wheel.
    """
    project, version, _, _ = parse_wheel_filename(filename)
    return WheelArchive(
        lambda start, stop: content[start:stop], len(content), project=project, version=version, held=True
    )


@dataclass
class MemoryIndex:
    """An `Index` whose pages list what was added to it; *asked* records what was read, in order."""

    files: dict[NormalizedName, list[dict[str, object]]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    status: dict[NormalizedName, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    _pages: dict[NormalizedName, Project] = field(default_factory=dict)

    def add_wheel(self, filename: str, content: bytes, **entry: object) -> None:
        """Add a wheel by its bytes; raises InputError if they are not a wheel."""
        try:
            project, version, _, _ = parse_wheel_filename(filename)
            text = wheel_archive(filename, content).metadata()
            needed = parse_metadata(text, name=project, version=version).requires_python
        except (MetadataError, ValueError) as error:
            raise InputError(repr(filename), str(error)) from error
        self.contents[filename] = content
        hashes = {"sha256": hashlib.sha256(content).hexdigest()}
        facts = {"hashes": hashes, "size": len(content), "requires-python": needed}
        self.add_file(project, filename, text.decode(), **{**facts, **entry})

    def add_file(self, project: str, filename: str, metadata: str, **entry: object) -> None:
        """Add a file by its metadata only; *entry* has further keys of its page entry (PEP 691)."""
        name = canonicalize_name(project)
        self._pages.pop(name, None)
        self.texts[filename] = metadata
        facts = {
            "filename": filename,
            "url": f"https://files.example/{filename}",
            "hashes": {"sha256": hashlib.sha256(filename.encode()).hexdigest()},
            "size": 1000 + len(filename),
        }
        further = {key.replace("_", "-"): value for key, value in entry.items()}
        self.files.setdefault(name, []).append({**facts, **further})

    def prefetch_projects(self, names: Iterable[NormalizedName], then: object = None) -> None:
        """Do nothing: there is nothing to wait for."""

    def prefetch_metadata(self, files: Iterable[DistributionFile], then: object = None) -> None:
        """Do nothing: there is nothing to wait for."""

    def project(self, name: NormalizedName) -> Project | None:
        """Return the project, or None if nothing of it was added."""
        self.asked.append(name)
        if name not in self.files:
            return None
        if name not in self._pages:
            self._pages[name] = self._page(name)
        return self._pages[name]

    def _page(self, name: NormalizedName) -> Project:
        page: dict[str, object] = {"meta": {"api-version": "1.4"}, "name": name, "files": self.files[name]}
        if name in self.status:
            page["project-status"] = self.status[name]
        body = json.dumps(page).encode()
        return parse_page(body, "application/json", f"{INDEX_URL}{name}/", name=name, index_url=INDEX_URL)

    def elsewhere(self, name: NormalizedName) -> Elsewhere:
        """Return that no other place is searched."""
        self.asked.append(f"{name} elsewhere")
        return Elsewhere(asked=(INDEX_URL,), others=(), unasked=())

    def metadata(self, file: DistributionFile) -> CoreMetadata:
        """Return the metadata of *file*; raises MetadataError if it cannot be used."""
        self.asked.append(file.filename)
        parse = parse_metadata if file.kind == "wheel" else parse_static_metadata
        return parse(self.texts[file.filename].encode(), name=file.project, version=file.version)

    def direct(self, reference: Reference) -> DirectSource:
        """Raise MetadataError: an index in memory has only what was added to it."""
        self.asked.append(str(reference))
        raise MetadataError("there is no such thing")

    def digests(self, entries: Sequence[FileEntry]) -> Mapping[str, tuple[str, int]]:
        """Return by file name the SHA-256 and the size of each of *entries*; without bytes, those of its name."""
        self.asked += [f"digest of {entry.filename}" for entry in entries]
        named = {each.filename: self.contents.get(each.filename, each.filename.encode()) for each in entries}
        return {each.filename: (hashlib.sha256(named[each.filename]).hexdigest(), each.size or 0) for each in entries}

    def identities(self, files: Sequence[DistributionFile]) -> Mapping[str, ArtifactIdentity | str]:
        """Return by file name the identity of each wheel of *files*, or the reason why it is unknown."""
        return {file.filename: self._identity(file.filename) for file in files}

    def _identity(self, filename: str) -> ArtifactIdentity | str:
        if filename not in self.contents:
            return "its bytes are unknown"
        try:
            return wheel_archive(filename, self.contents[filename]).identity()
        except (RecordError, MetadataError) as error:
            return str(error)
