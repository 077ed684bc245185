"""Reads what a conda environment.yml or a manifest of pixi asks pip and PyPI for."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml
from msgspec.structs import replace

from lockml.common.errors import InputError
from lockml.common.references import parse_pep508
from lockml.common.yaml.errors import not_yaml
from lockml.requirements.model import RequirementSet
from lockml.requirements.requirements_txt import EMPTY, ReadFile, no_other_file, read_requirement_lines

__all__ = ["MANIFESTS", "read_environment", "read_pixi_manifest"]

MANIFESTS: Final = ("pixi.toml", "pyproject.toml")
"""The files that pixi looks for, in this order."""

_FROM_CONDA: Final = frozenset({"python", "pip"})


def read_environment(
    content: bytes, file: str, *, read: ReadFile = no_other_file, environment: Mapping[str, str] = EMPTY
) -> RequirementSet:
    """Return what the ``pip:`` sections list, with a note on what conda is to install beside it.

    A section is a requirement file, as conda hands it to pip, options and all. Raises InputError for what is no
    environment.yml, RequirementError with every line that cannot be used.
    """
    dependencies = _dependencies(content, file)
    lines = [(node.start_mark.line + 1, str(node.value)) for node in _pip_lines(dependencies)]
    asked = read_requirement_lines(lines, file, read=read, environment=environment)
    names = [str(node.value).split("=")[0].strip() for node in dependencies.value if isinstance(node, yaml.ScalarNode)]
    unlocked = [name for name in names if name.split("::")[-1].split(" ")[0] not in _FROM_CONDA]
    fate = "comes from conda and is" if len(unlocked) == 1 else "come from conda and are"
    notes = (f"{file}: {', '.join(unlocked)} {fate} not locked; only its pip section is",) if unlocked else ()
    return replace(asked, notes=(*asked.notes, *notes))


def _dependencies(content: bytes, file: str) -> yaml.SequenceNode:
    try:
        document = yaml.compose(content.decode("utf-8"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise InputError(file, f"is not UTF-8 ({error.reason} at byte {error.start})") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise not_yaml(file, error) from error
    if isinstance(document, yaml.MappingNode):
        for key, value in document.value:
            if key.value == "dependencies" and isinstance(value, yaml.SequenceNode):
                return value
    raise InputError(file, "is not a conda environment: it has no list of dependencies")


def _pip_lines(dependencies: yaml.SequenceNode) -> Iterator[yaml.ScalarNode]:
    for node in dependencies.value:
        for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
            if key.value == "pip" and isinstance(value, yaml.SequenceNode):
                yield from (line for line in value.value if isinstance(line, yaml.ScalarNode) and line.value.strip())


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
            yield str(parse_pep508(text))
        except ValueError:
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
