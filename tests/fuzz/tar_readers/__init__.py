"""How other readers of tar archives take them: Go's, which engines use, GNU tar and the standard library's."""

import base64
import hashlib
import io
import json
import math
import os
import re
import struct
import subprocess
import tarfile
from pathlib import Path
from typing import NamedTuple

from lockml.subjects.oci.tar import StreamSource, read_members

__all__ = ["GoReader", "Seen", "by_gnu_tar", "by_lockml", "by_tarfile"]


class Seen(NamedTuple):
    """A member as a reader sees it; *digest* is "" where the content is not compared."""

    name: bytes
    kind: str
    size: int
    time: int
    target: bytes
    digest: str


def by_lockml(content: bytes) -> tuple[list[Seen], str]:
    """Return what lockml sees, and the SHA-256 of all contents, "" with sparse files; raises UnreadableError."""
    source = StreamSource(io.BytesIO(content))
    seen, every, sparse = [], hashlib.sha256(), False
    for each in read_members(source):
        file, sparse = each.kind == "file", sparse or each.sparse
        part = source.read(each.size) if file and not each.sparse else b""
        every.update(part)
        digest = hashlib.sha256(part).hexdigest() if file and not each.sparse else ""
        seen.append(_seen(each.name, each.kind, each.size if file else 0, each.modified, each.target, digest))
    return seen, "" if sparse else every.hexdigest()


def by_tarfile(content: bytes) -> list[Seen]:
    """Return what the standard library sees; raises TarError."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        return [_of_tarfile(archive, each) for each in archive]


def _of_tarfile(archive: tarfile.TarFile, each: tarfile.TarInfo) -> Seen:
    kinds = {tarfile.LNKTYPE: "hardlink", tarfile.SYMTYPE: "link", tarfile.DIRTYPE: "folder"}
    file = each.isreg()
    kind = "file" if file else kinds.get(each.type, "other")
    handle = archive.extractfile(each) if file and not each.issparse() else None
    digest = hashlib.sha256(handle.read()).hexdigest() if handle is not None else ""
    target = each.linkname if each.islnk() or each.issym() else ""
    return _seen(each.name, kind, each.size if file else 0, math.floor(each.mtime), target, digest)


def _seen(name: str, kind: str, size: int, time: int, target: str, digest: str) -> Seen:
    raw = os.fsencode(name)
    linked = os.fsencode(target) if kind in ("link", "hardlink") else b""
    return Seen(raw.rstrip(b"/") or raw[:1], kind, size, time, linked, digest)


class GoReader:
    """A process of `reader.go`, built into *folder*; close it after use."""

    def __init__(self, folder: Path, program: Path | None = None) -> None:
        if program is None:
            program = folder / "reader"
            source = Path(__file__).with_name("reader.go")
            subprocess.run(
                ["go", "build", "-o", program, source], check=True, env={**os.environ, "GOCACHE": f"{folder}/go"}
            )
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def read(self, content: bytes) -> list[Seen]:
        """Return what Go sees; raises ValueError with its words."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(struct.pack(">I", len(content)) + content)
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        if told["Error"]:
            raise ValueError(told["Error"])
        return [_of_go(each) for each in told["Members"] or () if each["Kind"] != "g"]

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def _of_go(each: dict[str, str | int]) -> Seen:
    kinds = {"0": "file", "\0": "file", "S": "file", "1": "hardlink", "2": "link", "5": "folder"}
    kind = kinds.get(str(each["Kind"]), "other")
    name, target = (os.fsdecode(base64.b64decode(str(each[key]) or "")) for key in ("Name", "Target"))
    file = kind == "file"
    digest = str(each["Digest"]) if file else ""
    return _seen(name, kind, int(each["Size"]) if file else 0, int(each["Time"]), target, digest)


_LINE = re.compile(
    rb'(?P<kind>.)\S{9}\S* \S+ +(?P<size>\d+|\d+,\d+) [-\d:. ]+ "(?P<name>(?:[^"\\]|\\.)*)"'
    rb'(?: (?:->|link to) "(?P<target>.*)")?'
)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)")
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def by_gnu_tar(content: bytes) -> tuple[list[Seen], str]:
    """Return what GNU tar lists, without digests, and the SHA-256 of all contents; raises ValueError with its words."""
    listing = ("-tvvf", "-", "--quoting-style=c", "--numeric-owner", "--full-time")
    listed = _run("tar", *listing, content=content)
    seen = [_of_gnu_tar(line) for line in listed.splitlines()]
    return seen, hashlib.sha256(_run("tar", "-xOf", "-", content=content)).hexdigest()


def _run(*command: str, content: bytes) -> bytes:
    environment = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PATH": os.environ["PATH"]}
    done = subprocess.run(command, input=content, capture_output=True, check=False, env=environment)
    if done.returncode:
        raise ValueError(done.stderr.decode("utf-8", "replace"))
    return done.stdout


def _of_gnu_tar(line: bytes) -> Seen:
    match = _LINE.fullmatch(line)
    assert match is not None, line
    kind = {b"-": "file", b"d": "folder", b"l": "link", b"h": "hardlink", b"C": "file"}.get(match["kind"], "other")
    size = int(match["size"]) if kind == "file" else 0
    return _seen(_unescaped(match["name"]), kind, size, 0, _unescaped(match["target"] or b""), "")


def _unescaped(text: bytes) -> str:
    plain = _ESCAPE.sub(
        lambda each: _LETTERS.get(each[1], bytes([int(each[1], 8)]) if each[1].isdigit() else each[1]), text
    )
    return os.fsdecode(plain)
