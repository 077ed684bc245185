"""The bytes of any lock in, a `Lock` out: whose it is, its content says and not its name."""

import json
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, Final

from lockml.common.errors import LockError
from lockml.lock.formats.pdm_lock import parse_pdm_lock
from lockml.lock.formats.pipfile_lock import parse_pipfile_lock
from lockml.lock.formats.poetry.lock import parse_poetry_lock
from lockml.lock.formats.pylock import parse_lock
from lockml.lock.formats.uv_lock import parse_uv_lock
from lockml.lock.model import EVERY, Lock

__all__ = ["ReadBeside", "parse_any_lock"]

ReadBeside = Callable[[str], bytes | None]
"""Returns the content of the file of that name in the folder of the lock, None where there is none."""

_READ: Final = "read are pylock.toml, uv.lock, poetry.lock, pdm.lock, Pipfile.lock, conda-lock, pixi.lock, requirements"


def parse_any_lock(content: bytes, file: str, beside: ReadBeside = lambda _: None) -> Lock:
    """Return the lock that *content* is, with a `format` where it is another tool's; raises LockError naming *file*.

    What a lock leaves to the pyproject.toml, as which groups are installed by default, is read *beside* it.
    """
    document = _toml(content)
    if document is None:
        pipfile = _pipfile(content)
        return parse_lock(content, file) if pipfile is None else parse_pipfile_lock(pipfile, file)
    metadata = document.get("metadata")
    if isinstance(metadata, Mapping) and "lock-version" in metadata:
        return parse_poetry_lock(document, file, _pyproject(beside))
    if isinstance(metadata, Mapping) and "lock_version" in metadata:
        return parse_pdm_lock(document, file, _pyproject(beside))
    if "lock-version" in document or "package" not in document:
        return parse_lock(content, file, document)
    if isinstance(document.get("version"), int):
        return parse_uv_lock(document, file, _uv_groups(beside))
    raise LockError(file, "is no lock that lockml knows", hint=_READ)


def _toml(content: bytes) -> dict[str, Any] | None:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def _pipfile(content: bytes) -> Mapping[str, Any] | None:
    """Return the JSON of a Pipfile.lock, None for anything else."""
    try:
        document = json.loads(content) if content.lstrip().startswith(b"{") else None
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and isinstance(document.get("_meta"), dict) else None


def _pyproject(beside: ReadBeside) -> Mapping[str, Any] | None:
    content = beside("pyproject.toml")
    return _toml(content) if content is not None else None


def _uv_groups(beside: ReadBeside) -> tuple[str, ...] | None:
    """Return what [tool.uv] default-groups says, None where it says nothing."""
    tool = (_toml(beside("pyproject.toml") or b"") or {}).get("tool")
    uv = tool.get("uv") if isinstance(tool, Mapping) else None
    groups = uv.get("default-groups") if isinstance(uv, Mapping) else None
    if groups == "all":
        return (EVERY,)
    return tuple(map(str, groups)) if isinstance(groups, list) else None
