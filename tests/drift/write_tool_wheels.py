"""Writes lockml/drift/tool_wheels.txt anew: python -m tests.drift.write_tool_wheels [FILE.deb ...].

The wheels of pip, setuptools and wheel are read by ranges from the index that pip is configured for, a few at a time;
each FILE.deb is a package of Debian or Ubuntu that has wheels in /usr/share/python-wheels, such as python3-pip-whl.
What is listed already stays: earlier such packages, some builds of Debian 12, Ubuntu 22.04 and 24.04 that are to be had
no more and were worked out from later ones by taking their patches back, and who builds more than is listed.
"""

import base64
import io
import lzma
import sys
import tarfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from packaging.utils import NormalizedName, parse_wheel_filename
from packaging.version import Version

from lockml.drift.tools import OWN_TOPS, starts_python
from lockml.index.distributions.archive import WheelArchive
from lockml.index.http.client import HttpClient
from lockml.index.http.pip_config import certificates, client_certificate
from lockml.index.locations import NamedIndexes
from lockml.index.model import FileEntry
from lockml.index.open import IndexOptions, open_index
from lockml.index.simple import SimpleIndex

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TABLE: Final = Path(__file__).parents[2] / "lockml" / "drift" / "tool_wheels.txt"
_AT_ONCE: Final = 6
_OLDEST: Final = {
    NormalizedName("pip"): Version("19"),
    NormalizedName("setuptools"): Version("40"),
    NormalizedName("wheel"): Version("0.33"),
}
_TITLE: Final = "# Written by python -m tests.drift.write_tool_wheels; lockml/drift/tools.py tells what it is for."


def main(debs: Iterable[str]) -> None:
    kept = [line for line in TABLE.read_text().splitlines() if not line.startswith("#")] if TABLE.exists() else []
    found = set(kept)
    client = HttpClient(certificates=certificates(), client_certificate=client_certificate())
    with open_index(NamedIndexes(), Path.cwd(), IndexOptions()) as index, ThreadPoolExecutor(_AT_ONCE) as pool:
        for lines in pool.map(partial(_of_index, client), _released(index)):
            found.update(lines)
    for deb in debs:
        for filename, content in _wheels_in(Path(deb).read_bytes()):
            name, version, *_ = parse_wheel_filename(filename)
            if name in OWN_TOPS:
                found.update(_lines(_archive(content, name, version), name, version))
    TABLE.write_text("\n".join([_TITLE, *sorted(found, key=_order)]) + "\n")


def _released(index: SimpleIndex) -> Iterator[FileEntry]:
    for name, oldest in _OLDEST.items():
        project = index.project(name)
        if project is None:
            raise SystemExit(f"the index has no {name}")
        for version, entries in project.releases.items():
            if version >= oldest:
                yield from (entry for entry in entries if entry.filename.endswith(".whl"))


def _of_index(client: HttpClient, entry: FileEntry) -> list[str]:
    name, version, *_ = parse_wheel_filename(entry.filename)
    size = entry.size or client.size(entry.url)
    if size is None:
        raise SystemExit(f"nobody tells the size of {entry.filename}")
    return _lines(
        WheelArchive(partial(_read_range, client, entry.url), size, project=name, version=version), name, version
    )


def _read_range(client: HttpClient, url: str, start: int, stop: int) -> bytes:
    answer = client.get(url, {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"})
    if answer.status != 206:
        raise SystemExit(f"the index answers {answer.status} where a range was asked for")
    return answer.body


def _archive(content: bytes, name: NormalizedName, version: Version) -> WheelArchive:
    return WheelArchive(lambda start, stop: content[start:stop], len(content), project=name, version=version)


def _lines(archive: WheelArchive, name: NormalizedName, version: Version) -> list[str]:
    identity = archive.identity()
    if identity.scripts:
        raise SystemExit(f"{name} {version} has scripts of its own, which the table cannot tell")
    lines = [f"wheel {name} {version} {identity.digest}"]
    for row in archive.record():
        if starts_python(row.path):
            algorithm, _, digest = row.digest.partition("=")
            if algorithm != "sha256":
                raise SystemExit(f"{name} {version} has no SHA-256 of {row.path}")
            lines.append(f"file {row.path} {base64.urlsafe_b64decode(digest + '=').hex()}")
    return lines


def _wheels_in(deb: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the wheels of a package (deb(5): an ar archive with a data.tar in it)."""
    place = 8
    while place < len(deb):
        name, size = deb[place : place + 16].decode().strip(" /"), int(deb[place + 48 : place + 58])
        place += 60
        if name.startswith("data.tar"):
            content = deb[place : place + size]
            if name.endswith(".xz"):
                content = lzma.decompress(content)
            elif name.endswith(".zst"):
                content = zstd.decompress(content)
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                for member in archive:
                    file = archive.extractfile(member) if member.name.endswith(".whl") and member.isreg() else None
                    if file is not None:
                        yield member.name.rpartition("/")[2], file.read()
        place += size + size % 2


def _order(line: str) -> tuple[str, str, Version, str]:
    kind, name, text, *_ = line.split(" ")
    return kind, name, Version("0") if kind == "file" else Version(text), line


if __name__ == "__main__":
    main(sys.argv[1:])
