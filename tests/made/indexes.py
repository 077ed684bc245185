"""Package indexes in memory: as an `Index` for the resolver, and as pages behind an HTTP transport."""

import hashlib
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx
from packaging.utils import NormalizedName, canonicalize_name

from lockml.common.digest import ArtifactIdentity
from lockml.common.references import Reference
from lockml.index.distributions.metadata import parse_metadata, parse_static_metadata
from lockml.index.model import (
    CoreMetadata,
    DirectSource,
    DistributionFile,
    Elsewhere,
    FileEntry,
    MetadataError,
    OtherIndex,
    Project,
)
from lockml.index.pages.parse import parse_page
from tests.made.transport import MadeTransport
from tests.made.wheels import make_wheel, metadata_text, wheel_name

__all__ = ["INDEX_URL", "MemoryIndex", "Served", "make_sdist"]

INDEX_URL = "https://index.example/simple/"


@dataclass
class MemoryIndex:
    """An `Index` whose pages are made of what was added to it; *asked* keeps what was looked at, in order.

    *sources* holds the METADATA of direct references, by their text, *archives* the SHA-256 of those that are files,
    *others* what indexes that are not asked list, *unasked* those that may not know of a project.
    """

    files: dict[NormalizedName, list[dict[str, object]]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    status: dict[NormalizedName, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    archives: dict[str, str] = field(default_factory=dict)
    others: dict[str, tuple[OtherIndex, ...]] = field(default_factory=dict)
    unasked: tuple[str, ...] = ()
    _pages: dict[NormalizedName, Project] = field(default_factory=dict)

    def add(
        self,
        name: str,
        version: str,
        requires: Sequence[str] = (),
        *,
        extras: Sequence[str] = (),
        filename: str | None = None,
        tag: str = "py3-none-any",
        metadata: str | None = None,
        requires_python: str | None = None,
        **entry: object,
    ) -> None:
        """Add one file of a release; *entry* holds further keys of its page entry (PEP 691)."""
        filename = filename or wheel_name(name, version, tag)
        self._pages.pop(canonicalize_name(name), None)
        self.texts[filename] = metadata or metadata_text(
            name, version, requires, extras=extras, requires_python=requires_python
        )
        self.files.setdefault(canonicalize_name(name), []).append(
            {
                "filename": filename,
                "url": f"https://files.example/{filename}",
                "hashes": {"sha256": hashlib.sha256(filename.encode()).hexdigest()},
                "requires-python": requires_python,
                "size": 1000 + len(filename),
                **{key.replace("_", "-"): value for key, value in entry.items()},
            }
        )

    def prefetch_projects(self, names: Iterable[NormalizedName], then: object = None) -> None:
        pass

    def prefetch_metadata(self, files: Iterable[DistributionFile], then: object = None) -> None:
        pass

    def project(self, name: NormalizedName) -> Project | None:
        self.asked.append(name)
        if name not in self.files:
            return None
        if name not in self._pages:
            self._pages[name] = self._page(name)
        return self._pages[name]

    def elsewhere(self, name: NormalizedName) -> Elsewhere:
        self.asked.append(f"{name} elsewhere")
        return Elsewhere(asked=(INDEX_URL,), others=self.others.get(name, ()), unasked=self.unasked)

    def _page(self, name: NormalizedName) -> Project:
        page: dict[str, object] = {"meta": {"api-version": "1.4"}, "name": name, "files": self.files[name]}
        if name in self.status:
            page["project-status"] = self.status[name]
        body = json.dumps(page).encode()
        return parse_page(body, "application/json", f"{INDEX_URL}{name}/", name=name, index_url=INDEX_URL)

    def metadata(self, file: DistributionFile) -> CoreMetadata:
        self.asked.append(file.filename)
        text = self.texts[file.filename]
        if text == "broken":
            raise MetadataError("its metadata cannot be read")
        parse = parse_metadata if file.kind == "wheel" else parse_static_metadata
        return parse(text.encode(), name=file.project, version=file.version)

    def direct(self, reference: Reference) -> DirectSource:
        """Return what stands for *reference* in `sources`, by its text."""
        self.asked.append(str(reference))
        if str(reference) not in self.sources:
            raise MetadataError("there is no such thing")
        metadata = parse_metadata(self.sources[str(reference)].encode())
        if str(reference) not in self.archives:
            return DirectSource(reference=reference, metadata=metadata, commit="c" * 40)
        address = str(reference)
        hashes = {"sha256": self.archives[address]}
        file = DistributionFile(
            entry=FileEntry(filename=address.rpartition("/")[2], url=address, hashes=hashes),
            project=metadata.name,
            version=metadata.version,
            kind="sdist",
            uploaded=None,
        )
        return DirectSource(reference=reference, metadata=metadata, file=file)

    def digests(self, entries: Sequence[FileEntry]) -> Mapping[str, tuple[str, int]]:
        self.asked += [f"digest of {entry.filename}" for entry in entries]
        return {each.filename: (hashlib.sha256(each.filename.encode()).hexdigest(), each.size or 0) for each in entries}

    def identities(self, files: Sequence[DistributionFile]) -> Mapping[str, ArtifactIdentity | str]:
        return {file.filename: ArtifactIdentity(digest=file.sha256 or "") for file in files}


@dataclass
class Served:
    """Pages and files behind an `MadeTransport`; *requests* keeps (method, path, Range) of each request."""

    answers: dict[str, Callable[[httpx.Request], httpx.Response]] = field(default_factory=dict)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    pages: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    ranges: bool = True

    @property
    def transport(self) -> MadeTransport:
        return MadeTransport(self.answer)

    def wheel(self, name: str, version: str, requires: Sequence[str] = (), **entry: object) -> bytes:
        """Serve a small wheel and list it on the project's page; return its bytes."""
        content = make_wheel(name, version, requires)
        self.file(name, wheel_name(name, version), content, **entry)
        return content

    def file(self, name: str, filename: str, content: bytes, **entry: object) -> None:
        self.answers[f"/files/{filename}"] = lambda request: self._file(request, content)
        digest = hashlib.sha256(content).hexdigest()
        listed = {"filename": filename, "url": f"/files/{filename}", "hashes": {"sha256": digest}, "size": len(content)}
        further = {key.replace("_", "-"): value for key, value in entry.items()}
        self.pages.setdefault(name, []).append({**listed, **further})
        self.answers[f"/simple/{name}/"] = lambda _: self.page(name)

    def page(self, name: str) -> httpx.Response:
        page = {"meta": {"api-version": "1.1"}, "name": name, "files": self.pages[name]}
        return httpx.Response(200, json=page, headers={"content-type": "application/vnd.pypi.simple.v1+json"})

    def _file(self, request: httpx.Request, content: bytes) -> httpx.Response:
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        if match is None or not self.ranges:
            return httpx.Response(200, content=content)
        start, stop = int(match[1]), int(match[2]) + 1
        headers = {"content-range": f"bytes {start}-{stop - 1}/{len(content)}"}
        return httpx.Response(206, content=content[start:stop], headers=headers)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append((request.method, request.url.path, request.headers.get("range")))
        answer = self.answers.get(request.url.path)
        return answer(request) if answer else httpx.Response(404)


def make_sdist(
    name: str, version: str, pkg_info: str, *, zipped: bool = False, files: Mapping[str, bytes] | None = None
) -> bytes:
    """Return an sdist of its PKG-INFO and *files*; only a *zipped* one has the same bytes each time."""
    contents = {"PKG-INFO": pkg_info.encode(), **(files or {})}
    out = io.BytesIO()
    if zipped:
        with zipfile.ZipFile(out, "w") as zip_archive:
            for path, content in contents.items():
                zip_archive.writestr(zipfile.ZipInfo(f"{name}-{version}/{path}"), content)
        return out.getvalue()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path, content in contents.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()
