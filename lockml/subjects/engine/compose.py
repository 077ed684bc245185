"""Find the container that runs a service of a compose file.

Compose specification: the project's name is COMPOSE_PROJECT_NAME, the file's ``name`` or its folder's; Compose puts
project, service and number on its containers as labels.
"""

import os
import re
from pathlib import Path

import yaml

from lockml.common.errors import InputError, NotFoundError
from lockml.subjects.engine.api import Engine

__all__ = ["find_service"]

_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")


def find_service(engine: Engine, name: str, project: str | None) -> str:
    """Return the name of the container of the service that *name*, ``FILE[:SERVICE[.NUMBER]]``, means.

    Raises InputError, NotFoundError, EngineError.
    """
    path, wanted = _split(name)
    document = _read(path)
    services = document.get("services")
    if not isinstance(services, dict) or not services:
        raise InputError(str(path), "has no services")
    if wanted is None and len(services) > 1:
        hint = f"name one after the file: {name}:{next(iter(services))}"
        raise InputError(str(path), f"has {len(services)} services: {', '.join(map(str, services))}", hint=hint)
    service, _, number = (wanted or str(next(iter(services)))).partition(".")
    if service not in services:
        raise InputError(str(path), f"has no service {service!r}", hint=f"it has {', '.join(map(str, services))}")
    chosen = project or _project(path, document)
    labels = {"com.docker.compose.project": chosen, "com.docker.compose.service": service}
    if number:
        labels["com.docker.compose.container-number"] = number
    found = [each.name for each in engine.containers(labels)]
    if not found:
        hint = "start it, or name its project with --project"
        raise NotFoundError(f"service {service!r}", f"project {chosen!r} has no container of it", hint=hint)
    if len(found) > 1:
        hint = f"name one by its number, as {service}.1, or by --container"
        raise InputError(f"service {service!r}", f"has {len(found)} containers: {', '.join(found)}", hint=hint)
    return found[0]


def _split(name: str) -> tuple[Path, str | None]:
    file, colon, service = name.rpartition(":")
    path = Path(name if Path(name).exists() or not colon else file)
    if path.is_dir():
        path = next((path / each for each in _FILES if (path / each).is_file()), path / _FILES[0])
    return path, None if path == Path(name) or not colon or Path(name).exists() else service


def _read(path: Path) -> dict[object, object]:
    try:
        document = yaml.safe_load(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(str(path), "no such file", hint="name a compose file, or a folder that has one") from error
    except (OSError, yaml.YAMLError, RecursionError) as error:
        raise InputError(str(path), f"cannot be read ({error})") from error
    if not isinstance(document, dict):
        raise InputError(str(path), "is no compose file")
    return document


def _project(path: Path, document: dict[object, object]) -> str:
    named = os.environ.get("COMPOSE_PROJECT_NAME") or str(document.get("name") or "")
    if "$" in named:
        raise InputError(str(path), f"its name {named!r} has a variable in it", hint="name the project with --project")
    return named or re.sub(r"[^a-z0-9_-]", "", path.resolve().parent.name.lower()).lstrip("_-")
