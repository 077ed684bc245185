"""Read the lock of any tool: its content decides the format, not its name."""

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from lockml.common.errors import InputError, LockError
from lockml.lock.formats.pdm_lock import parse_pdm_lock
from lockml.lock.formats.pipfile_lock import parse_pipfile_lock
from lockml.lock.formats.poetry.lock import parse_poetry_lock
from lockml.lock.formats.pylock import parse_lock
from lockml.lock.formats.requirements_lock import parse_requirements_lock
from lockml.lock.formats.uv_lock import parse_uv_lock
from lockml.lock.model import EVERY, Lock

__all__ = ["ReadBeside", "parse_any_lock"]

ReadBeside = Callable[[str], bytes | None]
"""A function that returns the content of a file beside the lock, None if there is none."""

_READ: Final = (
    "lockml reads pylock.toml, uv.lock, poetry.lock, pdm.lock, Pipfile.lock, conda-lock.yml, pixi.lock "
    "and a requirements.txt of exact pins"
)

_MAX_BYTES: Final = 64 << 20
_TABLE: Final = re.compile(
    rb"^[ \t]*\[{1,2}[\w.\-\" ]+\]|^(?:lock-version|created-by|requires-python|version)[ \t]*=", re.M
)
_YAML: Final = re.compile(rb"^[\w\-]+:(?:[ \t]|\r?$)", re.M)  # no line of a requirement file starts like this


def parse_any_lock(content: bytes, file: str, beside: ReadBeside = lambda _: None) -> Lock:
    """Parse the lock *content*; the lock of another tool has a `format`. Raises LockError naming *file*.

    Facts that a lock leaves to the pyproject.toml, such as default groups, are read *beside* it.
    """
    if len(content) > _MAX_BYTES:
        raise LockError(file, f"has more than {_MAX_BYTES >> 20} MiB")
    document = _toml(content)
    if document is not None and ("lock-version" in document or "packages" in document):
        return parse_lock(content, file, document)
    if document is None and not content.lstrip().startswith(b"{") and _TABLE.search(content):
        return parse_lock(content, file)  # its error says what is not TOML
    read = _parse_text(content, file, beside) if document is None else _parse_toml_lock(document, file, beside)
    return replace(read, sha256=hashlib.sha256(content).hexdigest())


def _parse_toml_lock(document: dict[str, Any], file: str, beside: ReadBeside) -> Lock:
    """Parse *document*, a lock of Poetry, PDM or uv; raises LockError."""
    metadata = document.get("metadata")
    facts = metadata if isinstance(metadata, Mapping) else {}
    is_poetry, is_pdm, is_uv = (
        "lock-version" in facts,
        "lock_version" in facts,
        isinstance(document.get("version"), int),
    )
    _require_one_kind(file, {"poetry.lock": is_poetry, "pdm.lock": is_pdm, "uv.lock": is_uv})
    if is_poetry:
        return parse_poetry_lock(document, file, _pyproject(beside))
    if is_pdm:
        return parse_pdm_lock(document, file, _pyproject(beside))
    return parse_uv_lock(document, file, _uv_groups(beside))


def _require_one_kind(file: str, kinds: Mapping[str, bool]) -> None:
    """Raise LockError if *file* is none of *kinds*, or several: each tool would install another part of it."""
    found = [kind for kind, found in kinds.items() if found]
    if not found:
        raise LockError(file, "is not a lock that lockml knows", hint=_READ)
    if len(found) > 1:
        raise LockError(file, f"is both a {' and a '.join(found)}, and each tool reads another part")


def _parse_text(content: bytes, file: str, beside: ReadBeside) -> Lock:
    """Parse the lock *content*, which is JSON, YAML or lines of requirements; raises LockError."""
    if content.lstrip().startswith(b"{"):
        return parse_pipfile_lock(_pipfile(content, file), file)
    if _YAML.search(content):
        return _parse_yaml_lock(content, file, beside)
    return parse_requirements_lock(content, file, beside)


def _parse_yaml_lock(content: bytes, file: str, beside: ReadBeside) -> Lock:
    """Parse the lock *content* of conda-lock or pixi; raises LockError."""
    from lockml.common.yaml.document import parse_yaml  # noqa: PLC0415 - the YAML reader is heavy
    from lockml.lock.formats.conda.lock import parse_conda_lock  # noqa: PLC0415 - and so are these with it
    from lockml.lock.formats.conda.pixi import parse_pixi_lock  # noqa: PLC0415

    try:
        document = parse_yaml(content, file)
    except InputError as error:
        raise LockError(error.subject, error.problem, hint=error.hint) from error
    keys = document if isinstance(document, dict) else {}
    is_pixi, is_conda = "environments" in keys, "package" in keys
    _require_one_kind(file, {"pixi.lock": is_pixi, "conda-lock.yml": is_conda})
    return parse_pixi_lock(keys, file, beside) if is_pixi else parse_conda_lock(keys, file, beside)


def _toml(content: bytes) -> dict[str, Any] | None:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def _pipfile(content: bytes, file: str) -> Mapping[str, Any]:
    """Parse the JSON of a Pipfile.lock; raises LockError for anything else."""
    try:
        document = json.loads(content, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise LockError(file, f"is not the JSON of a Pipfile.lock: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("_meta"), dict):
        raise LockError(file, "is not a lock that lockml knows", hint=_READ)
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the JSON object of *pairs*; raises ValueError for a duplicate key (RFC 8259, 4)."""
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
        raise ValueError(f"{twice!r} is a duplicate key")
    return found


def _pyproject(beside: ReadBeside) -> Mapping[str, Any] | None:
    content = beside("pyproject.toml")
    return _toml(content) if content is not None else None


def _uv_groups(beside: ReadBeside) -> tuple[str, ...] | None:
    """Return default-groups of [tool.uv], None if it is not set."""
    tool = (_toml(beside("pyproject.toml") or b"") or {}).get("tool")
    uv = tool.get("uv") if isinstance(tool, Mapping) else None
    groups = uv.get("default-groups") if isinstance(uv, Mapping) else None
    if groups == "all":
        return (EVERY,)
    return tuple(map(str, groups)) if isinstance(groups, list) else None
