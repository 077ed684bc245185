"""Read Compose files, as far as they decide which containers to check, as a project with its services.

Compose specification: merging of several files with ``!reset`` and ``!override``, ``include``, ``extends``, profiles,
interpolation.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from msgspec import Struct, field
from msgspec.structs import replace

from lockml.common.errors import InputError
from lockml.common.settings import setting
from lockml.common.yaml.errors import not_yaml
from lockml.subjects.engine.interpolation import interpolate, parse_dotenv

__all__ = ["ComposeFiles", "Service", "read_dotenv", "read_files"]

_MAX_FILE: Final = 4 << 20
_MAX_FILES: Final = 100
_MAX_NESTED: Final = 20
_REMOTE: Final = ("://", "git@", ".git#", ".git:")
_Document = Mapping[object, object]


class Service(Struct, frozen=True, kw_only=True):
    """A service in a Compose file: its *labels*, and the *profiles* without which it is not started."""

    labels: Mapping[str, str] = field(default_factory=dict)
    profiles: tuple[str, ...] = ()


class ComposeFiles(Struct, frozen=True, kw_only=True):
    """The merged content of several files: the *name* of the project, "" if they give none, and its services."""

    name: str
    services: Mapping[str, Service]


class _Reset(Struct, frozen=True):
    """``!reset``: removes what an earlier file has."""


class _Override(Struct, frozen=True):
    """``!override``: replaces what an earlier file has instead of merging."""

    value: object


class _Loader(yaml.SafeLoader):
    """YAML as Compose reads it: duplicate keys are an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        if len(keys) != len(set(keys)):
            name = next(key for key in keys if keys.count(key) > 1)
            raise yaml.constructor.ConstructorError(None, None, f"it has {name!r} twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _plain(loader: Any, node: yaml.Node) -> object:
    match node:
        case yaml.MappingNode():
            return loader.construct_mapping(node, deep=True)
        case yaml.SequenceNode():
            return loader.construct_sequence(node, deep=True)
    return loader.construct_yaml_str(node) if isinstance(node, yaml.ScalarNode) else None


_Loader.add_constructor("!reset", lambda *_: _Reset())
_Loader.add_constructor("!override", lambda loader, node: _Override(_plain(loader, node)))


class _Reader:
    """A reader of files, with their variables filled in; *count* files so far."""

    def __init__(self) -> None:
        self._count = 0

    def read(self, paths: Iterable[Path], variables: Mapping[str, str], depth: int = 0) -> ComposeFiles:
        """Return the merged content of the files; later ones override earlier ones."""
        name, services = "", dict[str, Service]()
        for path in paths:
            document = self._document(path, depth)
            name = _text(path, document.get("name") or name, variables)
            for included in self._included(path, document, variables, depth):
                services = {**included.services, **services}
            for own, value in _mapping(path, "services", document.get("services")).items():
                merged = self._service(path, (str(own), value), services.get(str(own)), variables, depth)
                services.pop(str(own), None)
                if merged is not None:
                    services[str(own)] = merged
        return ComposeFiles(name=name, services=services)

    def _document(self, path: Path, depth: int) -> _Document:
        self._count += 1
        if depth > _MAX_NESTED or self._count > _MAX_FILES:
            raise InputError(str(path), "its files include each other endlessly")
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_FILE + 1)
            if len(content) > _MAX_FILE:
                raise InputError(str(path), f"has more than {_MAX_FILE} bytes")
            document = yaml.load(content, Loader=_Loader)  # noqa: S506 - a SafeLoader
        except FileNotFoundError as error:
            raise InputError(str(path), "no such file", hint="name a Compose file, or a folder that has one") from error
        except OSError as error:
            raise InputError(str(path), f"cannot be read ({error.strerror})") from error
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise not_yaml(str(path), error) from error
        if not isinstance(document, dict):
            raise InputError(str(path), "is not a Compose file")
        return document

    def _included(
        self, path: Path, document: _Document, variables: Mapping[str, str], depth: int
    ) -> Iterable[ComposeFiles]:
        included = document.get("include") or []
        for entry in included if isinstance(included, list) else [included]:
            table = entry if isinstance(entry, dict) else {"path": entry}
            files = list(_named_files(path, table.get("path"), variables))
            if not files:
                raise InputError(str(path), "its include names no file")
            folder = table.get("project_directory")
            base = _beside(path, _text(path, folder, variables)) if folder else files[0].parent
            settings = read_dotenv(base, variables)
            if table.get("env_file") is not None:
                settings = {}
                for file in _named_files(path, table["env_file"], variables):
                    settings |= _read_env_file(file, {**settings, **variables})
            yield self.read(files, {**settings, **variables}, depth + 1)

    def _service(
        self, path: Path, named: tuple[str, object], earlier: Service | None, variables: Mapping[str, str], depth: int
    ) -> Service | None:
        """Return a service as *path* has it, merged over *earlier* files; None if it is removed."""
        name, value = named
        if isinstance(value, _Reset):
            return None
        if isinstance(value, _Override):
            value, earlier = value.value, None
        table = _mapping(path, f"service {name}", value)
        base = self._extended(path, (name, table), variables, depth) or Service()
        below = Service(
            labels={**(earlier.labels if earlier is not None else {}), **base.labels},
            profiles=earlier.profiles if earlier is not None else (),
        )
        profiles = table.get("profiles")
        labels = _labels(path, table.get("labels"), variables)
        return replace(
            below,
            labels=labels if isinstance(table.get("labels"), (_Reset, _Override)) else {**below.labels, **labels},
            profiles=below.profiles if profiles is None else _texts(path, profiles, variables),
        )

    def _extended(
        self, path: Path, named: tuple[str, _Document], variables: Mapping[str, str], depth: int
    ) -> Service | None:
        name, table = named
        extends = table.get("extends")
        if extends is None or isinstance(extends, _Reset):
            return None
        wanted = extends if isinstance(extends, dict) else {"service": extends}
        file = wanted.get("file")
        other = _beside(path, _text(path, file, variables)) if file else path
        service = _text(path, wanted.get("service"), variables)
        services = _mapping(other, "services", self._document(other, depth + 1).get("services"))
        if service not in services:
            raise InputError(str(path), f"service {name!r} extends {service!r}, which {other} does not have")
        return self._service(other, (service, services[service]), None, variables, depth + 1)


def read_files(paths: Iterable[Path], variables: Mapping[str, str]) -> ComposeFiles:
    """Return the merged content of Compose files, with *variables* filled in; raises InputError."""
    return _Reader().read(paths, variables)


def read_dotenv(folder: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the ``.env`` file in *folder*, {} if there is none; raises InputError."""
    file = folder / ".env"
    return _read_env_file(file, variables) if file.is_file() else {}


def _read_env_file(file: Path, variables: Mapping[str, str]) -> dict[str, str]:
    try:
        return parse_dotenv(file.read_text(encoding="utf-8"), variables)
    except (OSError, ValueError) as error:
        raise InputError(str(file), f"cannot be read ({error})") from error


def _named_files(path: Path, value: object, variables: Mapping[str, str]) -> Iterator[Path]:
    """Yield the files that *path* names, one or several."""
    for each in value if isinstance(value, list) else [] if value is None else [value]:
        yield _beside(path, _text(path, each, variables))


def _beside(path: Path, name: str) -> Path:
    """Return the file that *path* names; files of other machines are not fetched."""
    if any(sign in name for sign in _REMOTE):
        raise InputError(
            str(path),
            f"names {name!r}, which is on another machine",
            hint=f"name the container with {setting('container')}",
        )
    try:
        return path.parent / Path(name).expanduser()
    except RuntimeError as error:
        raise InputError(str(path), f"names {name!r}, but no user of that name has a home folder") from error


def _mapping(path: Path, what: str, value: object) -> _Document:
    if isinstance(value, (_Override, _Reset)):
        value = value.value if isinstance(value, _Override) else None
    if value is not None and not isinstance(value, dict):
        raise InputError(str(path), f"its {what} is not a mapping")
    return value or {}


def _labels(path: Path, value: object, variables: Mapping[str, str]) -> dict[str, str]:
    if isinstance(value, (_Override, _Reset)):
        value = value.value if isinstance(value, _Override) else None
    if isinstance(value, list):
        pairs = [_text(path, each, variables).partition("=")[::2] for each in value]
        return dict(pairs)
    found = _mapping(path, "labels", value)
    return {str(name): _text(path, each, variables) for name, each in found.items()}


def _texts(path: Path, value: object, variables: Mapping[str, str]) -> tuple[str, ...]:
    if isinstance(value, (_Override, _Reset)):
        value = value.value if isinstance(value, _Override) else None
    return tuple(_text(path, each, variables) for each in (value if isinstance(value, list) else []))


def _text(path: Path, value: object, variables: Mapping[str, str]) -> str:
    if isinstance(value, (_Override, _Reset)):
        value = value.value if isinstance(value, _Override) else ""
    if isinstance(value, (list, tuple, dict, set)):
        raise InputError(str(path), "has a list or a mapping where a text is required")
    try:
        return interpolate("" if value is None else str(value), variables)
    except ValueError as error:
        raise InputError(str(path), f"{value!r}: {error}") from error
