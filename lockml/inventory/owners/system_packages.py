"""Read what the lists of a tree's package managers (dpkg, apk, conda) say about files.

dpkg: ``/var/lib/dpkg/info/*.md5sums`` (deb-md5sums) and the Conffiles of its status; images without a shell keep the
former in ``status.d``. apk: ``/lib/apk/db/installed``. conda: ``conda-meta/*.json``. They are files of the subject, so
they say what its packages installed, but prove nothing against an attacker who changes them too.
"""

import base64
import binascii
import hashlib
import posixpath
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from lockml.inventory.file_tree import AFTER_START, FileTree, UnreadableError
from lockml.inventory.model import Expected, PythonEnvironment
from lockml.inventory.reading import MAX_LIST

__all__ = ["list_content", "listed_files", "lists_digest", "owner_of"]

_DPKG_LISTS: Final = ("/var/lib/dpkg/info", "/var/lib/dpkg/status.d")
_PYTHON: Final = ("usr/lib/python3", "usr/bin/python3", "usr/share/python-wheels", "usr/lib64/python3")
_MANAGERS: Final = {"dpkg": "Debian", "apk": "Alpine", "conda": "conda"}
_STATUS_LIMIT: Final = 64 << 20
_STATUS: Final = "/var/lib/dpkg/status"
_APK: Final = "/lib/apk/db/installed"


class _CondaPath(msgspec.Struct):
    path: str = msgspec.field(name="_path")
    sha256: str | None = None
    sha256_in_prefix: str | None = None
    path_type: str = "hardlink"


class _CondaPaths(msgspec.Struct):
    paths: list[_CondaPath] = []


class _CondaPackage(msgspec.Struct):
    name: str = "?"
    files: list[str] = []
    paths_data: _CondaPaths | None = None


def listed_files(tree: FileTree, environment: PythonEnvironment) -> dict[str, Expected]:
    """Return what package managers say about files that Python uses in the *environment*, by absolute path.

    conda only accounts for the environment whose Python it installed. Raises UnreadableError.
    """
    found = _system_files(tree)
    of_conda = {} if environment.virtual else _conda_files(tree, environment.prefix)
    return {**found, **(of_conda if environment.program in of_conda else {})}


def owner_of(listed: Mapping[str, Expected], folder: str) -> str | None:
    """Return the package that contains the dist-info or egg-info *folder*, None if no package manager lists it."""
    described = _described(listed, folder)
    return f"{_MANAGERS[described.basis]} package {described.owner}" if described is not None else None


def lists_digest(listed: Mapping[str, Expected], folder: str) -> str | None:
    """Return the digest of the list of the package that contains *folder*, None if no list has digests of files."""
    described = _described(listed, folder)
    if described is None:
        return None
    key = (described.basis, described.owner)
    own = sorted((path, each.digest or b"") for path, each in listed.items() if (each.basis, each.owner) == key)
    content = "".join(f"{len(path)} {path} {digest.hex()} " for path, digest in own)
    return f"list-sha256:{hashlib.sha256(content.encode('utf-8', 'surrogateescape')).hexdigest()}"


def _described(listed: Mapping[str, Expected], folder: str) -> Expected | None:
    paths = (f"{folder}/METADATA", f"{folder}/PKG-INFO", folder)
    return next((listed[path] for path in paths if path in listed), None)


def _system_files(tree: FileTree) -> dict[str, Expected]:
    """Return what the system's packages say about Python's files, by absolute path; raises UnreadableError."""
    found: dict[str, Expected] = {}
    for folder in _DPKG_LISTS:
        for name in tree.names(folder):
            if name.endswith(".md5sums"):
                package = name.removesuffix(".md5sums").partition(":")[0]
                path = f"{folder}/{name}"
                found.update(_md5_lines(list_content(tree, path, MAX_LIST), package, path))
    if found:
        found.update(_configuration_files(list_content(tree, _STATUS, _STATUS_LIMIT)))
    else:  # next to dpkg's, another system's database lists files that were never installed
        found.update(_apk_files(list_content(tree, _APK, _STATUS_LIMIT)))
    return found


def list_content(tree: FileTree, path: str, limit: int) -> bytes:
    """Return a package list, in the image's version if it changed after the start; b"" if the image has none.

    Raises UnreadableError.
    """
    origin = tree.origin(tree.resolve(path))
    if origin is None or origin.order < AFTER_START:
        return tree.read(path, limit) or b""
    return tree.image_content(path, limit) or b""


def _md5_lines(content: bytes, package: str, source: str) -> Iterator[tuple[str, Expected]]:
    if b"python" not in content:
        return
    for line in content.decode("utf-8", "surrogateescape").split("\n"):
        digest, _, path = line.partition("  ")
        if path.startswith(_PYTHON):
            yield f"/{path}", Expected(package, "dpkg", "md5", _hexadecimal(digest) or b"", None, source)


def _configuration_files(status: bytes) -> Iterator[tuple[str, Expected]]:
    """Yield the files of /etc that Python's library links to."""
    for line in status.decode("utf-8", "surrogateescape").split("\n"):
        if line.startswith(" /etc/python3"):
            path, digest, *_ = [*line.split(), ""]
            yield path, Expected("python3", "dpkg", "md5", _hexadecimal(digest) or b"", None, _STATUS)


def _apk_files(content: bytes) -> Iterator[tuple[str, Expected]]:
    package = folder = path = ""
    for line in content.decode("utf-8", "surrogateescape").split("\n"):
        key, _, value = line.partition(":")
        match key:
            case "P":
                package = value
            case "F":
                folder = value
            case "R":
                path = f"/{folder}/{value}"
            case "Z" if path[1:].startswith(_PYTHON) and value.startswith("Q1"):
                yield path, Expected(package, "apk", "sha1", _base64(value[2:]) or b"", None, _APK)


def _conda_files(tree: FileTree, prefix: str) -> dict[str, Expected]:
    """Return what conda says about files of the environment at *prefix*, by absolute path; raises UnreadableError."""
    found: dict[str, Expected] = {}
    folder = f"{prefix}/conda-meta"
    for name in tree.names(folder):
        if not name.endswith(".json") or name == "state.json":
            continue
        try:
            content = list_content(tree, f"{folder}/{name}", MAX_LIST)
            package = msgspec.json.decode(content, type=_CondaPackage) if content else _CondaPackage()
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UnreadableError(f"{folder}/{name}", f"it is not a conda package list ({error})") from error
        owner = package.name
        recorded = {each.path: each for each in package.paths_data.paths} if package.paths_data else {}
        for path in (*package.files, *recorded):
            stated = recorded.get(path)
            digest = (stated.sha256_in_prefix or stated.sha256) if stated and stated.path_type != "softlink" else None
            value = _hexadecimal(digest) if digest else None
            absolute = posixpath.normpath(f"{prefix}/{path}")
            found[absolute] = Expected(owner, "conda", "sha256" if value else None, value, None, f"{folder}/{name}")
    return found


def _hexadecimal(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
