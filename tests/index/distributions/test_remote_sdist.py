import gzip
import hashlib
import io
import random
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.common.errors import PackageIndexError
from lockml.index.cache.store import Cache
from lockml.index.distributions.fetch import fetch_metadata
from lockml.index.http.client import HttpClient
from lockml.index.http.response import Reply
from lockml.index.model import CoreMetadata, DistributionFile, DynamicMetadataError, FileEntry, MetadataError
from lockml.index.simple import SimpleIndex
from tests.made.indexes import Served, make_sdist
from tests.made.servers import serve
from tests.made.wheels import metadata_text

NOISE = random.Random(1).randbytes(1 << 21)
TO_BUILD = metadata_text("pkg", "1.0", metadata_version="2.1")
STATED = metadata_text("pkg", "1.0", ["inside"], metadata_version="2.2")
ADDRESS = "https://index.example/files/"


def file_of(content: bytes, filename: str = "pkg-1.0.tar.gz", *, url: str = "", **entry: object) -> DistributionFile:
    digest = hashlib.sha256(content).hexdigest()
    listed = {"hashes": {"sha256": digest}, "size": len(content), "url": url or f"{ADDRESS}{filename}"}
    return DistributionFile(
        entry=FileEntry(filename=filename, **{**listed, **entry}),  # type: ignore[arg-type]
        project=canonicalize_name("pkg"),
        version=Version("1.0"),
        kind="sdist",
        uploaded=None,
    )


class Server:
    """Sends *content* in pieces of 1 KiB, and counts the bytes of it that were taken."""

    def __init__(
        self, content: bytes, *, ranges: bool = True, span: str = "bytes {start}-{last}/{size}", failing: int = 0
    ) -> None:
        self._content = content
        self._failing = failing
        self._ranges = ranges
        self._span = span
        self.asked: list[str] = []
        self.sent = 0

    def close(self) -> None:
        pass

    @contextmanager
    def open(self, method: str, _: str, headers: Mapping[str, str]) -> Iterator[Reply]:
        asked = headers.get("Range", "")
        self.asked.append(f"{method} {asked}".strip())
        if self._failing and asked:
            yield Reply(status=self._failing, headers={}, chunks=iter(()))
            return
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", asked) if self._ranges else None
        size = len(self._content)
        start, stop = (int(match[1]), min(int(match[2]) + 1, size)) if match else (0, size)
        told = {"content-range": self._span.format(start=start, last=stop - 1, size=size)} if match else {}
        told["content-length"] = str(stop - start)
        yield Reply(status=206 if match else 200, headers=told, chunks=self._chunks(start, stop))

    def _chunks(self, start: int, stop: int) -> Iterator[bytes]:
        for position in range(start, stop, 1024):
            chunk = self._content[position : min(position + 1024, stop)]
            self.sent += len(chunk)
            yield chunk

    def read(self, file: DistributionFile) -> CoreMetadata:
        client = HttpClient(transport=self, pause=0)
        with SimpleIndex([], client=client, cache=Cache(None)) as index:
            return index.metadata(file)


def late_sdist(text: str, noise: bytes = NOISE) -> bytes:
    """Return an sdist with its PKG-INFO at the end, as some backends make it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive:
        for name, content in (("pkg-1.0/big", noise), ("pkg-1.0/PKG-INFO", text.encode())):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize("filename", ["pkg-1.0.tar.gz", "pkg-1.0.zip"])
def test_archive_that_has_to_be_built_is_seen_to_be_so_by_a_part_of_it(filename: str) -> None:
    content = make_sdist("pkg", "1.0", TO_BUILD, zipped=filename.endswith(".zip"), files={"big": NOISE})
    server = Server(content)
    with pytest.raises(DynamicMetadataError, match="only after a build"):
        server.read(file_of(content, filename))
    assert server.sent <= 1 << 17
    assert all("bytes=" in asked for asked in server.asked)


@pytest.mark.parametrize("filename", ["pkg-1.0.tar.gz", "pkg-1.0.zip"])
def test_archive_that_says_what_it_needs_is_read_whole_and_hashed(filename: str) -> None:
    content = make_sdist("pkg", "1.0", STATED, zipped=filename.endswith(".zip"), files={"big": NOISE})
    server = Server(content)
    cache = Cache(None)
    fields, sha256 = fetch_metadata(file_of(content, filename), client=HttpClient(transport=server), cache=cache)
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert [name for name, *_ in fields.requires] == ["inside"]
    with pytest.raises(PackageIndexError, match=r"where 0{64} is required"):
        server.read(file_of(content, filename, hashes={"sha256": "0" * 64}))


def test_zip_is_downloaded_once_when_the_server_sends_all_of_it_for_a_range() -> None:
    content = make_sdist("pkg", "1.0", STATED, zipped=True, files={"big": NOISE})
    server = Server(content, ranges=False)
    fields, sha256 = fetch_metadata(
        file_of(content, "pkg-1.0.zip"), client=HttpClient(transport=server), cache=Cache(None)
    )
    assert ([name for name, *_ in fields.requires], sha256) == (["inside"], hashlib.sha256(content).hexdigest())
    assert server.sent == len(content)
    with pytest.raises(PackageIndexError, match="has sha256"):
        Server(content, ranges=False).read(file_of(content, "pkg-1.0.zip", hashes={"sha256": "0" * 64}))


@pytest.mark.parametrize("filename", ["pkg-1.0.tar.gz", "pkg-1.0.zip"])
def test_archive_is_read_whole_when_its_server_fails_on_a_range(filename: str) -> None:
    content = make_sdist("pkg", "1.0", STATED, zipped=filename.endswith(".zip"), files={"big": NOISE})
    server = Server(content, failing=500)
    assert [each.name for each in server.read(file_of(content, filename)).requires_dist] == ["inside"]
    assert server.sent == len(content)
    server = Server(content, failing=503)
    with pytest.raises(PackageIndexError, match=r"no answer \(status 503\)"):
        server.read(file_of(content, filename))
    assert server.sent == 0


def test_second_pkg_info_far_behind_the_first_is_found() -> None:
    content = make_sdist(
        "pkg", "1.0", metadata_text("pkg", "1.0", metadata_version="2.2"), files={"big": NOISE, "./PKG-INFO": b"other"}
    )
    with pytest.raises(MetadataError, match="PKG-INFO files differ"):
        Server(content).read(file_of(content))


@pytest.mark.parametrize("size", [None, 1 << 21])
def test_server_without_ranges_is_listened_to_until_pkg_info_has_come(size: int | None) -> None:
    content = make_sdist("pkg", "1.0", TO_BUILD, files={"big": NOISE})
    server = Server(content, ranges=False)
    with pytest.raises(DynamicMetadataError):
        server.read(file_of(content, size=size))
    assert server.asked == ["GET bytes=0-65535"]
    assert server.sent <= (1 << 16) + 1024


def test_pkg_info_at_the_end_leads_to_the_whole_archive() -> None:
    content = late_sdist(TO_BUILD)
    server = Server(content)
    with pytest.raises(DynamicMetadataError):
        server.read(file_of(content))
    assert server.asked == ["GET bytes=0-65535", "GET bytes=65536-262143", "GET bytes=262144-1048575", "GET"]


@pytest.mark.slow
@pytest.mark.parametrize("ranges", [True, False])
def test_large_archive_is_not_read_whole_to_find_its_pkg_info(*, ranges: bool) -> None:
    content = gzip.compress(tarfile.TarInfo("pkg-1.0/big").tobuf() + bytes(17 << 20), 0)
    server = Server(content, ranges=ranges, span="bytes {start}-{last}/*")
    with pytest.raises(DynamicMetadataError, match=r"not in the first 16 MiB .* of 300 MiB \(--allow-build pkg\)"):
        server.read(file_of(content, size=300 << 20))
    assert server.sent <= (16 << 20) + 1024


def test_archive_that_is_small_is_read_whole_at_once() -> None:
    content = make_sdist("pkg", "1.0", TO_BUILD)
    server = Server(content)
    with pytest.raises(DynamicMetadataError):
        server.read(file_of(content))
    assert server.asked == ["GET"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "span", ["bytes 5-{last}/{size}", "bytes {start}-{last}/7", "nonsense", "bytes {start}-{start}/{size}"]
)
def test_range_that_is_answered_wrongly_leads_to_the_whole_archive(span: str) -> None:
    content = make_sdist("pkg", "1.0", TO_BUILD, files={"big": NOISE})
    server = Server(content, span=span)
    with pytest.raises(DynamicMetadataError):
        server.read(file_of(content))
    assert server.asked == ["GET bytes=0-65535", "GET"]


def test_part_that_is_of_another_release_leads_to_the_whole_archive() -> None:
    content = make_sdist("pkg", "2.0", TO_BUILD.replace("1.0", "2.0"), files={"big": NOISE})
    server = Server(content)
    with pytest.raises(MetadataError, match=r"that of pkg 2\.0"):
        server.read(file_of(content))
    assert server.asked[-1] == "GET"


def test_what_a_part_says_counts_for_one_index_alone() -> None:
    """It is not held against the hash that another index names, too."""
    honest, lying = (make_sdist("pkg", "1.0", text, files={"big": NOISE}) for text in (STATED, TO_BUILD))
    hashes = {"sha256": hashlib.sha256(honest).hexdigest()}
    cache = Cache(None)
    files = {
        "https://evil.example/a.tar.gz": (lying, file_of(lying, url="https://evil.example/a.tar.gz", hashes=hashes)),
        "https://good.example/a.tar.gz": (honest, file_of(honest, url="https://good.example/a.tar.gz", hashes=hashes)),
    }
    said: list[object] = []
    for content, file in files.values():
        client = HttpClient(transport=Server(content), pause=0)
        with SimpleIndex([], client=client, cache=cache) as index:
            try:
                said.append([str(each) for each in index.metadata(file).requires_dist])
            except DynamicMetadataError:
                said.append("to build")
    assert said == ["to build", ["inside"]]


@pytest.mark.loopback
def test_connection_that_was_broken_off_is_followed_by_others(tmp_path: Path) -> None:
    content = make_sdist("pkg", "1.0", TO_BUILD, files={"big": NOISE * 8})
    served = Served(ranges=False)
    served.file("pkg", "pkg-1.0.tar.gz", content)
    answer: Callable[[httpx.Request], httpx.Response] = served.answers["/files/pkg-1.0.tar.gz"]
    for number in range(3):
        served.answers[f"/files/{number}/pkg-1.0.tar.gz"] = answer
    with serve(served) as url:
        client = HttpClient(pause=0)
        root = url.removesuffix("simple/")
        with SimpleIndex([], client=client, cache=Cache(tmp_path)) as index:
            for number in range(3):
                with pytest.raises(DynamicMetadataError):
                    index.metadata(file_of(content, url=f"{root}files/{number}/pkg-1.0.tar.gz"))
            whole = f"{root}files/pkg-1.0.tar.gz"
            assert index.digests([file_of(content, url=whole, hashes={}).entry])["pkg-1.0.tar.gz"][1] == len(content)
        client.close()
