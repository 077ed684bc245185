"""Constraint files of a base image: those that limit what pip and uv install there, with their lines.

pip reads ``constraint`` of its configuration and PIP_CONSTRAINT, uv reads UV_CONSTRAINT. The files are read like
requirement files, but only from the image: lockml follows no path of this machine and no URL.
"""

import configparser
import hashlib
import posixpath
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from msgspec.structs import replace

from lockml.common.display import redact
from lockml.common.errors import InputError, RequirementError
from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.lock.model import BaseImage, ImageConstraints
from lockml.requirements.model import Origin, Requirement
from lockml.requirements.read import InputFiles, read_input_files
from lockml.requirements.requirements_txt import parse_requirement

__all__ = ["constraints_of", "read_constraints"]

_USUAL: Final = "/etc/pip/constraint.txt"
_MAX_CONFIG: Final = 1 << 20
_MAX_FILES: Final = 64  # includes, perhaps nested
_MAX_SIZE: Final = 1 << 19  # in total
_NO_FILE: Final = "/dev/null"
_LEAVE: Final = "ignore the constraints of the image with --no-base-constraints"


def read_constraints(
    tree: FileTree, environment: Mapping[str, str], prefix: str, folder: str, reference: str
) -> tuple[tuple[ImageConstraints, ...], tuple[str, ...]]:
    """Return the constraint files of the image *reference*, and notes on what does not count.

    *environment* and *folder* are the variables and the working folder of its processes, *prefix* is that of its
    Python. Raises InputError for a file that cannot be read as constraints.
    """
    found: list[ImageConstraints] = []
    notes: list[str] = []
    for path in dict.fromkeys(_paths(tree, environment, prefix, folder)):
        if "://" in path:
            notes.append(
                f"ignored the constraints of the base image at {redact(path)}: lockml reads only files in the image"
            )
            continue
        content = _content(tree, path, _MAX_SIZE + 1)
        if content is None:
            notes.append(f"the base image names the constraints file {path}, which does not exist")
            continue
        lines, left = _lines(tree, path, environment, reference)
        if left:
            notes.append(
                f"ignored {len(left)} lines of {path} in the base image that name a path or a URL: {redact(left[0])}"
            )
        if lines:
            sha256 = hashlib.sha256(content).hexdigest()
            found.append(ImageConstraints(path=path, sha256=sha256, lines=tuple(lines)))
    return tuple(found), tuple(notes)


def constraints_of(image: BaseImage | None) -> Iterator[Requirement]:
    """Yield the constraints of *image*, as requirement lines with their origin."""
    for each in image.constraints if image is not None else ():
        origin = Origin(file=f"base image {image.reference if image is not None else ''}: {each.path}")
        yield from (parse_requirement(line, origin) for line in each.lines)


def _paths(tree: FileTree, environment: Mapping[str, str], prefix: str, folder: str) -> Iterator[str]:
    """Yield the files that pip and uv in the image read, as absolute paths or URLs."""
    pip = environment.get("PIP_CONSTRAINT")
    named = (pip or "").split() or list(_configured(tree, environment, prefix))  # pip ignores an empty one
    named += environment.get("UV_CONSTRAINT", "").split()
    for each in (_as_path(each) for each in named):
        if each != _NO_FILE:
            yield each if "://" in each else posixpath.normpath(posixpath.join(folder or "/", each))
    if pip is None and tree.kind(_USUAL) == "file":
        yield _USUAL


def _as_path(name: str) -> str:
    """Return the path of a ``file:`` URL on the same machine; other URLs and paths stay."""
    parts = urlsplit(name)
    return unquote(parts.path) if parts.scheme == "file" and parts.netloc in ("", "localhost") else name


def _configured(tree: FileTree, environment: Mapping[str, str], prefix: str) -> list[str]:
    """Return ``constraint`` of pip's configuration: the last file counts, and [install] before [global]."""
    home = environment.get("HOME", "/root")
    own = environment.get("PIP_CONFIG_FILE")
    if own == _NO_FILE:
        return []
    users = (f"{home}/.pip/pip.conf", f"{environment.get('XDG_CONFIG_HOME') or f'{home}/.config'}/pip/pip.conf")
    places = [
        *("/etc/xdg/pip/pip.conf", "/etc/pip.conf"),
        *(users if not own or tree.kind(own) == "missing" else ()),
        f"{prefix.rstrip('/')}/pip.conf",
        *([own] if own else []),
    ]
    found: dict[str, str] = {}
    for place in places:
        content = _content(tree, place, _MAX_CONFIG)
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string((content or b"").decode("utf-8"))
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip fails with a message
        for section in ("global", "install"):
            if parser.has_option(section, "constraint"):
                found[section] = parser.get(section, "constraint")
    return found.get("install", found.get("global", "")).split()


def _lines(tree: FileTree, path: str, environment: Mapping[str, str], reference: str) -> tuple[list[str], list[str]]:
    """Return the constraints in the file at *path* and its includes, and the lines that name a path or a URL."""
    sizes: list[int] = []

    def read(name: str) -> bytes:
        content = None if "://" in name else _content(tree, name, _MAX_SIZE + 1)
        if content is None:
            raise InputError(redact(name), "is not in the base image", hint=_LEAVE)
        sizes.append(len(content))
        if len(sizes) > _MAX_FILES or sum(sizes) > _MAX_SIZE:
            problem = f"has more constraints than lockml reads: {_MAX_FILES} files and {_MAX_SIZE >> 10} KiB in total"
            raise InputError(name, problem, hint=_LEAVE)
        return content

    try:
        asked = read_input_files(InputFiles(files=(), constraints=(path,)), read=read, environment=environment)
    except (InputError, RequirementError) as error:
        subject = f"base image {reference}: {error.subject}"
        raise InputError(subject, error.problem, hint=error.hint or _LEAVE) from error
    lines = [str(replace(each, hashes=frozenset())) for each in asked.constraints if each.reference is None]
    return lines, [str(each) for each in asked.constraints if each.reference is not None]


def _content(tree: FileTree, path: str, limit: int) -> bytes | None:
    """Return the first *limit* bytes of the file at *path* of the image, None if it cannot be read."""
    try:
        return tree.read(path, limit)
    except UnreadableError:
        return None
