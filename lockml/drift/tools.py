"""Judge the bytes and the files of an installed pip, setuptools or wheel that is not locked.

``tool_wheels.txt`` next to this module has the artifact identity (`lockml.common.digest`) of every wheel that base
images and virtual environments include: all releases on the index since pip 19, setuptools 40 and wheel 0.33, which
ensurepip of CPython, virtualenv and uv use, and those that Debian and Ubuntu build for their own ensurepip.
``python -m tests.drift.write_tool_wheels`` writes it. Its lines have these forms:

    wheel NAME VERSION IDENTITY         if several builds of a version exist, each has a line
    file PATH SHA256                    a file that Python runs at startup, relative to the library folder
    rebuilt NAME VERSION PYTHON PLACE   PLACE makes builds for its own PYTHON that the table does not have
"""

import pkgutil
import posixpath
import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from itertools import takewhile
from typing import Final

from msgspec import Struct
from packaging.utils import InvalidWheelFilename, canonicalize_version, parse_wheel_filename

from lockml.common.digest import ArtifactIdentity, RecordError, installed_digest
from lockml.drift.artifacts import Differs, Unread
from lockml.inventory.model import InstalledDistribution
from lockml.lock.model import TOOLS, LockedTool

__all__ = [
    "OWN_TOPS",
    "TOOLS",
    "KnownTool",
    "ToolVerdict",
    "Unknown",
    "foreign_rows",
    "is_tool",
    "is_tool_file",
    "judge_tool",
    "own_file",
    "starts_python",
]

OWN_TOPS: Final[Mapping[str, frozenset[str]]] = {
    "pip": frozenset({"pip"}),
    "pkg-resources": frozenset({"pkg_resources"}),  # Debian 11 and Ubuntu 20.04 split it from setuptools
    "setuptools": frozenset({"setuptools", "pkg_resources", "_distutils_hack"}),
    "wheel": frozenset({"wheel"}),
    "packaging": frozenset({"packaging"}),  # `uv venv --seed` installs it, as wheel needs it
}
"""The top-level packages of each project in the table."""

_OWN_MODULES: Final[Mapping[str, frozenset[str]]] = {
    "setuptools": frozenset({"distutils-precedence.pth", "easy_install.py"})
}
_SCRIPTS: Final[Mapping[str, str]] = {"pip": "pip", "setuptools": "easy_install", "wheel": "wheel"}
_SCRIPT: Final = re.compile(r"(?:\.\./){2,3}bin/([a-z_]+?)(?:-?\d+(?:\.\d+)?t?)?")  # virtualenv: pip3, pip-3.11, wheel3
_COMPILED: Final = re.compile(r"__pycache__/easy_install\.[a-z]+-\d+(?:\.opt-[12])?\.pyc")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f]")
_RPM_PYTHON: Final = "/usr/lib64/python"  # Fedora, Red Hat and SUSE build the wheels of their ensurepip themselves
_SYSTEM_PYTHON: Final = re.compile(r"/usr/lib/python(\d+\.\d+)")


class KnownTool(Struct, frozen=True):
    """The RECORD is that of a wheel of this version in the table or the lock."""


class Unknown(Struct, frozen=True):
    """Nothing says which bytes this version has; *reason* says why."""

    reason: str


ToolVerdict = KnownTool | Differs | Unknown | Unread


def judge_tool(
    installed: InstalledDistribution, *, library: str | None = None, recorded: Iterable[LockedTool] = ()
) -> ToolVerdict:
    """Return whether *installed*, which no package manager owns, has the bytes of a known wheel.

    *library* is the folder of its Python's standard library, *recorded* is what the lock has about the tools.
    """
    if installed.record is None:
        return Unread(installed.no_record or "it has no RECORD")
    version = canonicalize_version(installed.version)
    known = _identities(installed.name, version)
    locked = [tool.identity for tool in recorded if _is_recorded(tool, installed.name, version)]
    if not known and not locked:
        return Unknown("this release of lockml does not know the version")
    try:
        if _digest(installed) in known or any(_digest(installed, each) == each.digest for each in locked):
            return KnownTool()
    except RecordError as error:
        return Differs(f"known version, different files: its RECORD is not that of a wheel ({error})")
    builder = _builder(installed.name, version, library or "")
    if builder is not None:
        return Unknown(f"{builder} builds this version itself, and not all its builds are known")
    return Differs("known version, different bytes: its RECORD is not that of a released wheel")


def _is_recorded(tool: LockedTool, name: str, version: str) -> bool:
    """Return whether a lock entry determines the bytes of that release: a wheel, with the hash of an index."""
    if tool.name != name or canonicalize_version(tool.version) != version or not tool.sha256:
        return False
    try:
        project, release, _, _ = parse_wheel_filename(tool.wheel)
    except InvalidWheelFilename:
        return False
    return project == name and canonicalize_version(release) == version


def _digest(installed: InstalledDistribution, identity: ArtifactIdentity | None = None) -> str:
    """Return the digest of the RECORD, to compare with *identity*; the wheels of the table have no scripts."""
    return installed_digest(
        installed.record or (),
        dist_info=installed.dist_info,
        site_folder=installed.site_folder,
        scripts=identity.scripts if identity is not None else (),
        rewritten=identity.rewritten if identity is not None else (),
    )


def _builder(name: str, version: str, library: str) -> str | None:
    """Return who may have built the wheel bundled with the Python of *library*, None if only the index has it."""
    if library.startswith(_RPM_PYTHON):
        return "the distribution"
    system = _SYSTEM_PYTHON.fullmatch(library)
    return _rebuilt().get((name, version, system[1])) if system is not None else None


def is_tool(name: str, installed: Collection[str]) -> bool:
    """Return whether base images and environments include *name*; packaging counts only together with wheel."""
    return name in OWN_TOPS and (name != "packaging" or "wheel" in installed)


def foreign_rows(installed: InstalledDistribution) -> tuple[str, ...]:
    """Return the paths, as written, that *installed* lists but does not own: each is drift.

    Rows count with or without a hash, in RECORD and in what a setup.py recorded.
    """
    listed = [(path, posixpath.join(installed.dist_info, path)) for path in installed.listed]
    rows = [(row.path, row.path) for row in installed.record or ()]
    return tuple(written for written, path in (*rows, *listed) if not own_file(installed, path))


def own_file(installed: InstalledDistribution, path: str) -> bool:
    """Return whether *path*, relative to the library folder, belongs to a known project's packages or scripts."""
    clean = posixpath.normpath(path.replace("\\", "/"))
    if _UNPRINTABLE.search(path) or clean.startswith("/"):
        return False
    top, slash, _ = clean.partition("/")
    if slash and (top in OWN_TOPS.get(installed.name, ()) or top == installed.dist_info):
        return True
    if clean in _OWN_MODULES.get(installed.name, ()) or clean == _marker(installed):
        return True
    if installed.name == "setuptools" and _COMPILED.fullmatch(clean):
        return True
    script = _SCRIPT.fullmatch(clean)
    return script is not None and script[1] == _SCRIPTS.get(installed.name)


def _marker(installed: InstalledDistribution) -> str:
    """Return the name of the empty file by which virtualenv marks what it seeded as not to be shared."""
    return f"{installed.dist_info.removesuffix('.dist-info')}.virtualenv"


def starts_python(path: str) -> bool:
    """Return whether *path*, relative to the library folder, is a tool's file that Python runs at startup."""
    return posixpath.dirname(path) == "_distutils_hack" or ("/" not in path and path.endswith(".pth"))


def is_tool_file(path: str, sha256: str) -> bool:
    """Return whether a release has these bytes, *sha256* in hexadecimal, at *path*, relative to the library folder.

    Used for .pth files and ``_distutils_hack``, which Python always runs at startup.
    """
    return (path, sha256.lower()) in _tool_files()


@cache
def _identities(name: str, version: str) -> frozenset[str]:
    """Return the identities of the wheels of a project in a canonical *version*."""
    major = "".join(takewhile(str.isdigit, version))  # other versions need not be parsed
    return frozenset(
        digest
        for project, each, digest in _lines("wheel")
        if project == name and each.startswith(major) and canonicalize_version(each) == version
    )


@cache
def _rebuilt() -> Mapping[tuple[str, str, str], str]:
    """Return who makes further builds, by project, canonical version and Python."""
    return {
        (name, canonicalize_version(version), python): " ".join(builders)
        for name, version, python, *builders in _lines("rebuilt")
    }


@cache
def _tool_files() -> frozenset[tuple[str, str]]:
    return frozenset((path, digest) for path, digest in _lines("file"))


def _lines(kind: str) -> list[list[str]]:
    """Return the fields of the lines of one *kind*, without the kind."""
    return [fields for first, *fields in _table() if first == kind]


@cache
def _table() -> tuple[list[str], ...]:
    content = pkgutil.get_data("lockml.drift", "tool_wheels.txt")  # faster to load than importlib.resources
    text = (content or b"").decode("utf-8")
    return tuple(line.split(" ") for line in text.splitlines())
