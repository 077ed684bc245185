"""Text of a pixi.toml, or of a pyproject.toml with [tool.pixi], in; what it asks of pypi out, as PEP 508 has it."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from packaging.requirements import Requirement

__all__ = ["MANIFESTS", "read_pixi_manifest"]

MANIFESTS: Final = ("pixi.toml", "pyproject.toml")
"""The files that pixi looks for, in this order."""


def read_pixi_manifest(content: bytes, name: str) -> tuple[str, ...]:
    """Return what *content*, the file *name* of `MANIFESTS`, asks of pypi; () where it is none of pixi.

    So it is where it cannot be read, as nothing that is locked depends on it. Of a path or a repository, the project is
    named alone.
    """
    try:
        manifest = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        return ()
    own = name == MANIFESTS[0]
    pixi = manifest if own else _table(_table(manifest, "tool"), "pixi")
    texts = _list(_table(manifest, "project"), "dependencies") if pixi and not own else []
    return tuple(_readable([*map(str, texts), *_of_pypi(pixi)]))


def _readable(texts: list[str]) -> Iterator[str]:
    for text in texts:
        try:
            yield str(Requirement(text))
        except (ValueError, RecursionError):
            continue


def _of_pypi(pixi: Mapping[str, Any]) -> Iterator[str]:
    """Yield the requirements of the manifest itself, of its features and of their platforms."""
    features = [pixi, *_tables(_table(pixi, "feature"))]
    for part in (*features, *(target for each in features for target in _tables(_table(each, "target")))):
        for name, value in _table(part, "pypi-dependencies").items():
            table = value if isinstance(value, dict) else {"version": value}
            extras = ",".join(map(str, _list(table, "extras")))
            version = str(table.get("version", "*"))
            bound = "" if version == "*" else version if version[:1] in "<>=!~" else f"=={version}"
            yield f"{name}[{extras}]{bound}" if extras else f"{name}{bound}"


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def _tables(table: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [value for value in table.values() if isinstance(value, dict)]


def _list(table: Mapping[str, Any], key: str) -> list[Any]:
    value = table.get(key)
    return value if isinstance(value, list) else []
