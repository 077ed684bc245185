"""A base image in; the files of it that bound what pip and uv install there, with their lines, out.

pip reads ``constraint`` of its configuration and PIP_CONSTRAINT, uv reads UV_CONSTRAINT. What is in an image is read as
requirement files are, from the image alone: nothing of this machine, and no address, is followed.
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
_MAX_FILES: Final = 64  # that one includes, each maybe in another
_MAX_SIZE: Final = 1 << 19  # of all of them
_NO_FILE: Final = "/dev/null"
_LEAVE: Final = "leave the image's constraints out with --no-base-constraints"


def read_constraints(
    tree: FileTree, environment: Mapping[str, str], prefix: str, folder: str, reference: str
) -> tuple[tuple[ImageConstraints, ...], tuple[str, ...]]:
    """Return the files that bound installs in the image *reference*, and what of them does not count.

    *environment* and *folder* are the variables and the working folder of its processes, *prefix* is that of its
    Python. Raises InputError for a file that cannot be read as constraints.
    """
    found: list[ImageConstraints] = []
    notes: list[str] = []
    for path in dict.fromkeys(_paths(tree, environment, prefix, folder)):
        if "://" in path:
            notes.append(f"the base image takes constraints from {redact(path)}, which is not read")
            continue
        content = _content(tree, path, _MAX_SIZE + 1)
        if content is None:
            notes.append(f"the base image names the constraints {path}, and has no such file")
            continue
        lines, left = _lines(tree, path, environment, reference)
        if left:
            notes.append(
                f"{len(left)} lines of the base image's {path} name places, and do not count: {redact(left[0])}"
            )
        if lines:
            sha256 = hashlib.sha256(content).hexdigest()
            found.append(ImageConstraints(path=path, sha256=sha256, lines=tuple(lines)))
    return tuple(found), tuple(notes)


def constraints_of(image: BaseImage | None) -> Iterator[Requirement]:
    """Yield the constraints that *image* has, as requirement lines with their origin."""
    for each in image.constraints if image is not None else ():
        origin = Origin(file=f"base image {image.reference if image is not None else ''}: {each.path}")
        yield from (parse_requirement(line, origin) for line in each.lines)


def _paths(tree: FileTree, environment: Mapping[str, str], prefix: str, folder: str) -> Iterator[str]:
    """Yield what the image's pip and uv read, as absolute paths or addresses."""
    pip = environment.get("PIP_CONSTRAINT")
    named = (pip or "").split() or list(_configured(tree, environment, prefix))  # pip takes an empty one for none
    named += environment.get("UV_CONSTRAINT", "").split()
    for each in (_as_path(each) for each in named):
        if each != _NO_FILE:
            yield each if "://" in each else posixpath.normpath(posixpath.join(folder or "/", each))
    if pip is None and tree.kind(_USUAL) == "file":
        yield _USUAL


def _as_path(name: str) -> str:
    """Return the path that a file's address on the same machine means; other addresses and paths are left alone."""
    parts = urlsplit(name)
    return unquote(parts.path) if parts.scheme == "file" and parts.netloc in ("", "localhost") else name


def _configured(tree: FileTree, environment: Mapping[str, str], prefix: str) -> list[str]:
    """Return the ``constraint`` of pip's configuration: that of the last file counts, [install] before [global]."""
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
            continue  # pip fails at it, and says so
        for section in ("global", "install"):
            if parser.has_option(section, "constraint"):
                found[section] = parser.get(section, "constraint")
    return found.get("install", found.get("global", "")).split()


def _lines(tree: FileTree, path: str, environment: Mapping[str, str], reference: str) -> tuple[list[str], list[str]]:
    """Return the constraints in the file at *path* and those that it includes, and those that name a place."""
    sizes: list[int] = []

    def read(name: str) -> bytes:
        content = None if "://" in name else _content(tree, name, _MAX_SIZE + 1)
        if content is None:
            raise InputError(redact(name), "is not in the base image", hint=_LEAVE)
        sizes.append(len(content))
        if len(sizes) > _MAX_FILES or sum(sizes) > _MAX_SIZE:
            problem = f"brings more constraints than lockml reads, {_MAX_FILES} files and {_MAX_SIZE >> 10} KiB in all"
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
    """Return the first *limit* bytes of the file at *path* of the image, None where there is none that can be read."""
    try:
        return tree.read(path, limit)
    except UnreadableError:
        return None
