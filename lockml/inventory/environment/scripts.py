"""Decide whether an installer generated a script for an entry point, or changed only its first line.

Entry points: PyPA's entry points specification. Installers write a first line, an import and a call, each in its own
form; those of pip (distlib), uv, and installer (Poetry, PDM) are known here. Scripts that begin with ``#!python`` get
a new first line (binary distribution format), and older pips did not renew their hash in RECORD.
"""

import base64
import hashlib
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from lockml.inventory.environment.same_programs import SamePrograms
from lockml.inventory.file_tree import FileTree
from lockml.inventory.model import Expected, InstalledScript, PythonEnvironment
from lockml.inventory.reading import MAX_METADATA, MAX_SCRIPT, text_lines

__all__ = ["ExaminedScript", "Scripts", "entry_points", "interpreter_of", "is_generated", "originals"]

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
_PEX: Final = frozenset(
    {
        "import atexit",
        "import importlib",
        "import os",
        "import shutil",
        "atexit.register(shutil.rmtree, pex_root_fallback, True)",
        "entry_point = getattr(entry_point, attr)",
        "if pex_root_fallback:",
        "pex_root_fallback = os.environ.get('_PEX_ROOT_FALLBACK')",
    }
)
_MARK: Final = b"#!"
_MORE: Final = "it does more than call"
_ALL: Final = "although an installer writes nothing else for an entry point"
_SHEBANG: Final = re.compile(rb"#!(?P<program>[^\n\r \t]+)(?P<options>[^\n\r]*)\r?\n")
# a program path that does not fit a first line goes into a line of sh that Python reads as a string
_TRAMPOLINE: Final = re.compile(
    rb"#!/bin/sh\n(?:# (?:-\*- )?coding: [\w-]+(?: -\*-)?\n)?'''exec' "
    rb"(?P<program>\"\$\(dirname -- \"\$\(realpath -- \"\$0\"\)\"\)\"/(?:'?[\w.]+'?"
    rb"|\"\$\(printf %b(?: '\\'0[0-7]{3})+\)\")"
    rb"|\"[^\"$`\\\x00-\x1f]+\"|'[^'\x00-\x1f]+'|[\w./+@:,=-]+)"
    rb"(?P<options>(?: -[A-Za-z]+)*) \"\$0\" \"\$@\"\n' '''\n"
)
_OCTAL: Final = re.compile(r"'\\'0([0-7]{3})")  # uv's spelling of a name, safe from being read as a coding line
_LETTERS: Final = "EIsPuBOS"
# options after the program in the first lines of wheels' scripts, which installers drop
_DROPPED: Final = tuple(
    each.encode()
    for one in _LETTERS
    for each in (f"-{one}", *(f"-{one}{gap}{two}" for two in _LETTERS if two != one for gap in ("", " -")))
)
_OPTIONS: Final = re.compile(r"\s*(?:-[EIsPuB]+\s*)*")
_ENV: Final = re.compile(rb"\s*(?P<name>python[\w.]*)\s*")
_PROGRAM: Final = re.compile(r"python(?:3(?:\.\d+t?)?)?")
_VERSIONED: Final = re.compile(r"(?P<bare>.+?)-?\d+(?:\.\d+)?t?")


def entry_points(content: bytes) -> Mapping[str, str]:
    """Return the objects that the scripts of an entry_points.txt call, ``module:function``, by script."""
    found: dict[str, str] = {}
    inside = False
    for line in text_lines(content):
        text = line.strip()
        if text.startswith("["):
            inside = text in _SECTIONS
        elif inside and "=" in text and not text.startswith(("#", ";")):
            name, _, value = text.partition("=")
            found[name.strip()] = value.partition("[")[0].strip()
    return found


def is_generated(content: bytes, entry_point: str) -> bool:
    """Return whether *content* only calls the *entry_point*, in the form of an installer."""
    first = _TRAMPOLINE.match(content) or _SHEBANG.match(content)
    if first is None:
        return False
    module, _, function = entry_point.replace(" ", "").partition(":")
    text = content[first.end() :].decode("utf-8", "replace").replace('"', "'")
    lines = [line.strip(" \t\r") for line in text.split("\n")]
    called = {f"from {module} import {function.partition('.')[0]}", f"sys.exit({function}())"}
    of_pex = {f"entry_point = importlib.import_module('{module}')", f"for attr in {tuple(function.split('.'))!r}:"}
    return any(
        needed <= set(lines) <= needed | allowed
        for needed, allowed in ((called, _COMMON), (of_pex | {"sys.exit(entry_point())"}, _COMMON | _PEX))
    )


def interpreter_of(content: bytes, folder: str) -> str | None:
    """Return the path of the program in the first line of a script in *folder*, None if it is not a Python.

    Options that restrict Python are ignored; any other may make it run something else.
    """
    match = _TRAMPOLINE.match(content) or _SHEBANG.match(content)
    if match is None:
        return None
    program = match["program"].decode("utf-8", "surrogateescape")
    options = match["options"].decode("utf-8", "surrogateescape")
    if program.startswith('"$('):
        name = program.partition('")"/')[2] or program.rpartition("/")[2]
        program = f"{folder}/" + ("".join(chr(int(each, 8)) for each in _OCTAL.findall(name)) or name.strip("'"))
    program = program.strip("\"'")
    if program == "/usr/bin/env":
        named = _ENV.fullmatch(match["options"])
        return named["name"].decode() if named is not None else None
    return program if _OPTIONS.fullmatch(options) else None


def originals(content: bytes, algorithm: str) -> Iterator[bytes]:
    """Yield the digests of *content* with each first line that installers replace."""
    trampoline = _TRAMPOLINE.match(content)
    first, newline, rest = content.partition(b"\n")
    if trampoline is not None:
        first, rest = b"#!/bin/sh", content[trampoline.end() :]
    if not first.startswith(b"#!") or not newline:
        return
    arguments = first.partition(b" ")[2]
    plain = (b"#!python", b"#!pythonw", b"#!python " + arguments)
    for line in dict.fromkeys((*plain, *(b"#!python " + each for each in _DROPPED))):
        for end in (b"\n", b"\r\n"):
            yield hashlib.new(algorithm, line + end + rest, usedforsecurity=False).digest()


class ExaminedScript(Struct, frozen=True, kw_only=True):
    """A script: *fault* says what is wrong with a generated one, *remark* why one cannot run.

    *own* marks a script of the wheel itself; *rewritten* says that only its first line differs from RECORD.
    """

    fault: str | None = None
    remark: str | None = None
    rewritten: bool = False
    own: InstalledScript | None = None


class Scripts:
    """A judge of the scripts that installers put into the ``bin`` of *environment*."""

    def __init__(self, tree: FileTree, environment: PythonEnvironment) -> None:
        self._tree = tree
        self._environment = environment
        self._folders = {each.folder for each in environment.distributions}
        self._points: dict[str, Mapping[str, str]] = {}
        self._bins: dict[str, frozenset[str]] = {}
        self._programs = SamePrograms(tree, environment.program)

    def examine(self, path: str, expected: Expected) -> ExaminedScript | None:
        """Return the judgement of the script at *path*, None for any other file; raises UnreadableError."""
        folder, _, name = path.rpartition("/")
        if expected.source not in self._folders or not self._holds_scripts(folder, expected.source):
            return None
        if self._tree.read(path, len(_MARK)) != _MARK:
            return ExaminedScript(own=self._own(path, expected, b"", foreign=False))  # a program: bytes of the wheel
        content = self._tree.read(path, MAX_SCRIPT + 1) or b""
        entry_point = self._entry_point(expected.source, name)
        program = interpreter_of(content, folder)
        foreign = not self._starts_own(program, expected.source)
        if entry_point is not None:
            return self._generated(path, content, entry_point, expected.source)
        if len(content) > MAX_SCRIPT:
            return ExaminedScript(own=self._own(path, expected, b"", foreign=foreign))
        stated = expected.digest is not None and expected.digest in originals(content, expected.algorithm or "sha256")
        return ExaminedScript(rewritten=stated, own=self._own(path, expected, content, foreign=foreign))

    def is_of_installer(self, path: str, expected: Expected) -> bool:
        """Return whether the script at *path* is written by installers for an entry point, not shipped in the wheel."""
        folder, _, name = path.rpartition("/")
        if expected.source not in self._folders or not self._holds_scripts(folder, expected.source):
            return False
        return self._entry_point(expected.source, name) is not None

    def _generated(self, path: str, content: bytes, entry_point: str, source: str) -> ExaminedScript:
        """Judge a script that an entry point has."""
        if len(content) > MAX_SCRIPT or not is_generated(content, entry_point):
            return ExaminedScript(fault=f"{_MORE} {entry_point}, {_ALL}")
        program = interpreter_of(content, posixpath.dirname(path))
        if self._starts_own(program, source):
            return ExaminedScript()
        if program is not None and self._is_gone(program):
            return ExaminedScript(remark=f"{path}: its interpreter {program} does not exist, so it cannot run")
        return ExaminedScript(fault=f"its first line does not start the environment's Python: {_first(content)}")

    def _own(self, path: str, expected: Expected, content: bytes, *, foreign: bool) -> InstalledScript:
        whole = f"sha256:{hashlib.sha256(content).hexdigest()}" if content else _stated(expected)
        known = (base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in originals(content, "sha256"))
        return InstalledScript(
            path=path,
            owner=expected.owner,
            source=expected.source,
            hashes=frozenset(f"sha256={each}" for each in known),
            first_line=_first(content) if foreign else None,
            found=whole,
        )

    def _starts_own(self, program: str | None, source: str) -> bool:
        """Return whether a first line starts the environment's Python, or that of the distribution *source*.

        An environment may have another one's library folder on its path, whose scripts start the other Python.
        """
        if program is None:
            return False
        if "/" not in program:
            return True  # the PATH decides this, as for every program
        if self._environment.alone:  # nothing here says which Python that is
            return _PROGRAM.fullmatch(posixpath.basename(program)) is not None
        folder = self._tree.resolve(posixpath.dirname(program))
        if folder == self._tree.resolve(f"{self._environment.prefix}/bin"):
            return self._programs.is_same(program)
        beside = f"{_prefix_of(source)}/bin"
        if folder == self._tree.resolve(beside):
            return self._tree.resolve(program) == self._tree.resolve(f"{beside}/python3")
        # scripts installed for the base of a virtual environment start the base's Python
        of_base = not source.startswith(f"{self._environment.prefix}/")
        return (of_base or not self._environment.virtual) and self._programs.is_same(program)

    def _holds_scripts(self, folder: str, source: str) -> bool:
        """Return whether installers put the scripts of the dist-info *source* into *folder*."""
        if posixpath.basename(folder) != "bin":
            return False
        if source not in self._bins:
            prefix = _prefix_of(source)
            self._bins[source] = frozenset({f"{prefix}/bin", self._tree.resolve(f"{prefix}/bin")})
        return folder in self._bins[source]

    def _is_gone(self, program: str) -> bool:
        return self._tree.kind(program) == "missing"

    def _entry_point(self, folder: str, name: str) -> str | None:
        """Return what the script *name* calls; virtualenv adds scripts with the version after the name."""
        if folder not in self._points:
            self._points[folder] = entry_points(self._tree.read(f"{folder}/entry_points.txt", MAX_METADATA) or b"")
        points = self._points[folder]
        bare = _VERSIONED.fullmatch(name)
        return points.get(name) or (points.get(bare["bare"]) if bare is not None else None)


def _prefix_of(source: str) -> str:
    """Return the prefix of the library folder that the dist-info *source* is in."""
    parts = posixpath.dirname(source).split("/")
    return "/".join(parts[:-3]) if parts[-1] in ("site-packages", "dist-packages") else "/".join(parts)


def _stated(expected: Expected) -> str | None:
    """Return the digest of a script that is not read: it only counts if RECORD lists it."""
    return f"{expected.algorithm}:{expected.digest.hex()}" if expected.digest is not None else None


def _first(content: bytes) -> str:
    return content.partition(b"\n")[0][:80].decode("utf-8", "replace")
