"""The content of a script in; whether an installer generated it for an entry point, or only changed its first line.

Entry points: PyPA's entry points specification. Installers write a first line, an import and a call, each in its own
words; those of pip (distlib), uv, and installer (Poetry, PDM) are known here. Scripts that begin with ``#!python`` get
a new first line (binary distribution format), and older pips did not renew their hash in RECORD.
"""

import base64
import hashlib
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from packaging.utils import NormalizedName

from lockml.inventory.model import InstalledDistribution, InstalledScript
from lockml.inventory.owners import Expected
from lockml.inventory.wanted import MAX_METADATA, MAX_SCRIPT
from lockml.ports import FileTree

__all__ = ["ExaminedScript", "Scripts", "entry_points", "is_generated", "originals"]

_SECTIONS: Final = ("[console_scripts]", "[gui_scripts]")
_COMMON: Final = frozenset(
    {
        "",
        "# -*- coding: utf-8 -*-",
        "import re",
        "import sys",
        "if __name__ == '__main__':",
        "sys.argv[0] = re.sub(r'(-script.pyw|.exe)?$', '', sys.argv[0])",
        r"sys.argv[0] = re.sub(r'(-script\.pyw|\.exe)?$', '', sys.argv[0])",
        r"sys.argv[0] = re.sub(r'(-script\.pyw?|\.exe)?$', '', sys.argv[0])",
        "if sys.argv[0].endswith('-script.pyw'):",
        "sys.argv[0] = sys.argv[0][:-11]",
        "if sys.argv[0].endswith('.exe'):",
        "elif sys.argv[0].endswith('.exe'):",
        "sys.argv[0] = sys.argv[0][:-4]",
        "sys.argv[0] = sys.argv[0].removesuffix('.exe')",
    }
)
_MARK: Final = b"#!"
_MORE: Final = "it does more than call"
_ALL: Final = "which is all that an installer writes for an entry point"
_FIRST: Final = re.compile(rb"#![^\n]*\n|#!/bin/sh\n'''exec' [^\n']*\n' '''\n")


def entry_points(content: bytes) -> Mapping[str, str]:
    """Return the objects that the scripts of an entry_points.txt call, ``module:function``, by script."""
    found: dict[str, str] = {}
    inside = False
    for line in content.decode("utf-8", "replace").splitlines():
        text = line.strip()
        if text.startswith("["):
            inside = text in _SECTIONS
        elif inside and "=" in text and not text.startswith(("#", ";")):
            name, _, value = text.partition("=")
            found[name.strip()] = value.partition("[")[0].strip()
    return found


def is_generated(content: bytes, entry_point: str) -> bool:
    """Say whether *content* does nothing but call the *entry_point*, in the words of an installer."""
    first = _FIRST.match(content)
    if first is None:
        return False
    module, _, function = entry_point.replace(" ", "").partition(":")
    allowed = {
        *_COMMON,
        f"from {module} import {function.partition('.')[0]}",
        f"sys.exit({function}())",
    }
    text = content[first.end() :].decode("utf-8", "replace").replace('"', "'")
    return all(line.strip() in allowed for line in text.splitlines()) and f"sys.exit({function}())" in text


def originals(content: bytes, algorithm: str) -> Iterator[bytes]:
    """Yield the digests that *content* had with each first line that installers replace."""
    first, newline, rest = content.partition(b"\n")
    if not first.startswith(b"#!") or not newline:
        return
    arguments = first.partition(b" ")[2]
    for line in (b"#!python", b"#!pythonw", b"#!python " + arguments):
        yield hashlib.new(algorithm, line + b"\n" + rest, usedforsecurity=False).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminedScript:
    """A script: *fault* tells what is wrong with one that an installer generated.

    *own* is one of the wheel itself; *rewritten* says that but for its first line it is the one that RECORD lists.
    """

    fault: str | None = None
    rewritten: bool = False
    own: InstalledScript | None = None


class Scripts:
    """Judges the scripts that installers put into an environment's ``bin``."""

    def __init__(self, tree: FileTree, distributions: Iterable[InstalledDistribution]) -> None:
        self._tree = tree
        self._folders = {each.name: each for each in distributions if each.record is not None}
        self._points: dict[str, Mapping[str, str]] = {}

    def examine(self, path: str, expected: Expected) -> ExaminedScript | None:
        """Return what the script at *path* is, None for any file that is none; raises UnreadableError."""
        folder, _, name = path.rpartition("/")
        if posixpath.basename(folder) != "bin" or expected.basis != "RECORD":
            return None
        if self._tree.read(path, len(_MARK)) != _MARK:
            return None  # a program: its bytes are the wheel's own
        content = self._tree.read(path, MAX_SCRIPT + 1) or b""
        entry_point = self._entry_points(expected.owner).get(name)
        if entry_point is not None:
            good = len(content) <= MAX_SCRIPT and is_generated(content, entry_point)
            return ExaminedScript(fault=None if good else f"{_MORE} {entry_point}, {_ALL}")
        if len(content) > MAX_SCRIPT:
            return None
        stated = expected.digest is not None and expected.digest in originals(content, expected.algorithm or "sha256")
        known = (base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in originals(content, "sha256"))
        hashes = frozenset(f"sha256={each}" for each in known)
        return ExaminedScript(rewritten=stated, own=InstalledScript(path=path, owner=expected.owner, hashes=hashes))

    def _entry_points(self, name: str) -> Mapping[str, str]:
        if name not in self._points:
            distribution = self._folders.get(NormalizedName(name))
            path = f"{distribution.folder}/entry_points.txt" if distribution is not None else ""
            self._points[name] = entry_points(self._tree.read(path, MAX_METADATA) or b"") if path else {}
        return self._points[name]
