"""Read what the project of a pyproject.toml needs (PEP 621)."""

import tomllib
from collections.abc import Collection

from packaging.utils import canonicalize_name

__all__ = ["needs_of"]


def needs_of(content: bytes, extras: Collection[str]) -> tuple[str, ...] | None:
    """Return the requirements of a project with *extras*, None if its file does not state them all."""
    try:
        project = tomllib.loads(content.decode("utf-8"))["project"]
        dynamic = {*project.get("dynamic", ())}
        optional = {
            canonicalize_name(str(name)): texts for name, texts in project.get("optional-dependencies", {}).items()
        }
        groups = [project.get("dependencies", []), *(optional[canonicalize_name(each)] for each in extras)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if dynamic & {"dependencies", "optional-dependencies"} or not all(isinstance(each, list) for each in groups):
        return None
    return tuple(str(text) for group in groups for text in group)
