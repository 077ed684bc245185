"""A `FileTree` in memory, and environments in it."""

import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from lockml.inventory.file_tree import Entry, FileKind, Origin, UnreadableError
from lockml.subjects.tree.symlinks import PathEntry, resolve_inside

__all__ = ["ELF_X86_64", "GLIBC_2_36", "MOUNTS", "SITE", "MemoryTree", "archive", "elf_head", "venv_files"]

SITE = "/opt/venv/lib/python3.11/site-packages"
ELF_X86_64 = b"\x7fELF\x02\x01\x01" + bytes(11) + (62).to_bytes(2, "little") + bytes(44)
README = (
    b"This directory exists so that 3rd party packages can be installed\n"
    b"here.  Read the source for site.py for more details.\n"
)
GLIBC_2_36 = b"...GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n..."
MOUNTS = """\
600 500 0:60 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/l/A:/l/B,upperdir=/d/up,workdir=/d/work,index=off
601 600 0:61 / /proc rw,nosuid - proc proc rw
602 600 254:0 /srv/with\\040space /app/code\\011x rw - ext4 /dev/vda rw
broken line
"""
"""What /proc says of the mounts of a process in a container."""


class MemoryTree:
    """Files by absolute path; *links* by path with their targets, *locked* paths cannot be read.

    *modified* tells when files were changed, else in November 2023; *origins* what brought those at or below a path;
    *privileged* files are set-user-ID; *image* has what the image has at some paths; *removed* tells what removed the
    files that were at some paths.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        *,
        links: Mapping[str, str] | None = None,
        locked: tuple[str, ...] = (),
        modified: Mapping[str, int] | None = None,
        origins: Mapping[str, Origin] | None = None,
        privileged: tuple[str, ...] = (),
        image: Mapping[str, bytes] | None = None,
        removed: Mapping[str, Origin] | None = None,
    ) -> None:
        self._removed = removed or {}
        self._privileged = privileged
        self._image = image or {}
        self._modified = modified or {}
        self._origins = origins or {}
        self._places: dict[str, PathEntry] = {}
        self._files = dict(files)
        self._locked = locked
        for path in files:
            self._places[path] = PathEntry("file")
        for path, target in (links or {}).items():
            self._places[path] = PathEntry("link", target)
        for path in list(self._places):
            parts = path.split("/")[1:-1]
            for count in range(len(parts) + 1):
                self._places.setdefault("/" + "/".join(parts[:count]), PathEntry("folder"))

    def resolve(self, path: str) -> str:
        return resolve_inside(path, self._places.get)

    def kind(self, path: str) -> FileKind:
        place = self._places.get(self.resolve(path))
        if place is None or place.kind not in ("file", "folder"):
            return "missing"
        return "file" if place.kind == "file" else "folder"

    def names(self, path: str) -> tuple[str, ...]:
        folder = self.resolve(path).rstrip("/")
        if path in self._locked:
            raise UnreadableError(path, "Permission denied")
        inside = (place.removeprefix(f"{folder}/") for place in self._places if place.startswith(f"{folder}/"))
        return tuple(sorted({name for name in inside if name and "/" not in name}))

    def read(self, path: str, limit: int) -> bytes | None:
        place = self.resolve(path)
        if place in self._locked:
            raise UnreadableError(path, "Permission denied")
        return self._files[place][:limit] if place in self._files else None

    def image_content(self, path: str, limit: int) -> bytes | None:
        content = self._image.get(path)
        return content[:limit] if content is not None else None

    def entries(self, path: str) -> tuple[Entry, ...]:
        folder = self.resolve(path).rstrip("/")
        return tuple(self._entry(f"{folder}/{name}", name) for name in self.names(path))

    def _entry(self, path: str, name: str) -> Entry:
        kind = self._places[path].kind
        modified = self._modified.get(path, 1_700_000_000)
        return Entry(name, kind, len(self._files.get(path, b"")), modified, path in self._privileged)

    def digests(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes | UnreadableError]]:
        for path, algorithm in wanted:
            if path in self._locked:
                yield path, UnreadableError(path, "Permission denied")
            else:
                yield path, hashlib.new(algorithm, self._files[path]).digest()

    def origin(self, path: str) -> Origin | None:
        above = (prefix for prefix in self._origins if path.startswith(prefix))
        return self._origins[max(above, key=len)] if any(path.startswith(prefix) for prefix in self._origins) else None

    def removed(self, path: str) -> Mapping[str, Origin]:
        folder = f"{path.rstrip('/')}/"
        inside = {place.removeprefix(folder): each for place, each in self._removed.items() if place.startswith(folder)}
        return {name: origin for name, origin in inside.items() if "/" not in name}


def elf_head(machine: int, *, bits: int = 64, order: Literal["little", "big"] = "little", flags: int = 0) -> bytes:
    """Return the head of a program for the processor *machine* (e_machine), with e_flags where 32 bits have them."""
    head = b"\x7fELF" + bytes([bits // 32, 1 if order == "little" else 2, 1]) + bytes(11)
    return head + machine.to_bytes(2, order) + bytes(16) + flags.to_bytes(4, order) + bytes(24)


def venv_files(*, python: str = "3.11.2", prefix: str = "/opt/venv") -> dict[str, bytes]:
    """Return an empty virtual environment of a Debian-like x86-64 system."""
    minor = ".".join(python.split(".")[:2])
    return {
        f"{prefix}/pyvenv.cfg": f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {python}\n".encode(),
        f"{prefix}/bin/python3": ELF_X86_64,
        f"{prefix}/lib/python{minor}/site-packages/README.txt": README,
        "/lib/x86_64-linux-gnu/libc.so.6": GLIBC_2_36,
    }


def archive(*names: str) -> bytes:
    """Return a zip archive of empty files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in names:
            made.writestr(name, b"")
    return out.getvalue()
