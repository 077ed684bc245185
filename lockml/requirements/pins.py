"""Reads the versions that a lock of another tool, or a requirement file, pins, to prefer them.

It reads uv.lock and poetry.lock (both list ``[[package]]`` with name and version), pylock.toml (PEP 751) and
requirement files, of which only exact pins count.
"""

import tomllib
from collections.abc import Mapping

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from lockml.common.errors import InputError
from lockml.requirements.requirements_txt import ReadFile, read_requirement_files

__all__ = ["read_pins"]


def read_pins(name: str, *, read: ReadFile, environment: Mapping[str, str]) -> dict[NormalizedName, Version]:
    """Return the pins of the file *name*; of a project that it pins more than once, the newest version.

    Raises InputError, RequirementError for a file that cannot be read as one of these.
    """
    if name.endswith((".lock", ".toml")):
        pairs = _read_lock(read(name), name)
    else:
        requirement_set = read_requirement_files((name,), read=read, environment=environment)
        pairs = [
            (requirement.name, clause.version)
            for requirement in requirement_set.requirements
            for clause in requirement.specifier
            if clause.operator == "=="
        ]
    pins: dict[NormalizedName, Version] = {}
    for project, text in pairs:
        try:
            version = Version(text)
        except InvalidVersion:
            continue  # a wildcard, or a version that no index has
        normalized = canonicalize_name(project)
        pins[normalized] = max(version, pins.get(normalized, version))
    return pins


def _read_lock(content: bytes, name: str) -> list[tuple[str, str]]:
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(name, f"is not TOML: {error}") from error
    packages = document.get("package", document.get("packages"))
    if not isinstance(packages, list) or not all(isinstance(package, dict) for package in packages):
        raise InputError(name, "is not a uv.lock, poetry.lock or pylock.toml: it lists no packages")
    pairs = [(package.get("name"), package.get("version")) for package in packages]
    return [(project, version) for project, version in pairs if isinstance(project, str) and isinstance(version, str)]
