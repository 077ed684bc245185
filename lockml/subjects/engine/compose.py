"""Find the containers that run the services of a Compose project, by the names of files and services.

Compose specification: the project's name is COMPOSE_PROJECT_NAME, the files' ``name`` or their folder's; Compose labels
its containers with project, service and number, and marks those of ``run`` as one-off.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from lockml.common.errors import InputError, NotFoundError
from lockml.common.settings import setting
from lockml.subjects.engine.api import Engine, ListedContainer
from lockml.subjects.engine.compose_config import configured_project
from lockml.subjects.engine.compose_files import ComposeFiles, Service, read_dotenv, read_files

__all__ = [
    "LOCK_LABEL",
    "ComposeProject",
    "ServiceContainer",
    "find_containers",
    "find_service",
    "no_container",
    "read_project",
    "service_containers",
]

LOCK_LABEL: Final = "lockml.lock"
"""The label of a service that names its lock, relative to the first Compose file."""

_FILES: Final = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_PROJECT, _SERVICE = "com.docker.compose.project", "com.docker.compose.service"
_NUMBER, _ONE_OFF = "com.docker.compose.container-number", "com.docker.compose.oneoff"


class ComposeProject(Struct, frozen=True, kw_only=True):
    """A project *name* with its *services*; *file* is its first file, *wanted* the named service, if any."""

    name: str
    file: Path
    services: Mapping[str, Service] = field(default_factory=dict)
    wanted: str | None = None
    number: str = ""

    @property
    def folder(self) -> Path:
        """The folder that names in the files are relative to."""
        return self.file.parent


class ServiceContainer(Struct, frozen=True, kw_only=True):
    """A *container* by its name, and its *service*, with a number if there are several."""

    service: str
    container: str


def read_project(
    names: Sequence[str], project: str | None, environment: Mapping[str, str] | None = None
) -> ComposeProject:
    """Return the project that *names* refer to, each ``FILE[:SERVICE[.NUMBER]]`` or a folder; raises InputError.

    Several names are the files of one project; later ones override earlier ones.
    """
    variables = os.environ if environment is None else environment
    named = [_split(name) for name in names]
    wanted = next((service for _, service in reversed(named) if service is not None), None)
    folder = named[0][0] if named[0][0].is_dir() else named[0][0].parent
    settings = {**read_dotenv(folder, variables), **variables}
    files = [file for place, _ in named for file in _files(place, settings)]
    named_project = project or settings.get("COMPOSE_PROJECT_NAME") or None
    found = configured_project(files, folder, named_project) if environment is None else None
    if found is None:
        found = read_files(files, settings)
    if not found.services:
        raise InputError(str(files[0]), "has no services")
    service, _, number = (wanted or "").partition(".") if wanted not in found.services else (wanted or "", "", "")
    if wanted is not None and service not in found.services:
        hint = f"it has {', '.join(found.services)}"
        raise InputError(str(files[0]), f"has no service {service!r}", hint=hint)
    return ComposeProject(
        name=named_project or _project_name(found, files[0]),
        file=files[0],
        services=found.services,
        wanted=service if wanted is not None else None,
        number=number,
    )


def service_containers(engine: Engine, project: ComposeProject, service: str) -> tuple[ServiceContainer, ...]:
    """Return the containers of a service by their numbers, without those of ``run``; raises EngineError."""
    labels = {_PROJECT: project.name, _SERVICE: service}
    if service == project.wanted and project.number:
        labels[_NUMBER] = project.number
    found = [each for each in engine.containers(labels) if _label(each, _ONE_OFF).lower() != "true"]
    found.sort(key=lambda each: (_label(each, _NUMBER).zfill(9), each.name))
    if len(found) == 1:
        return (ServiceContainer(service=service, container=found[0].name),)
    return tuple(ServiceContainer(service=f"{service}.{_label(each, _NUMBER)}", container=each.name) for each in found)


def find_containers(engine: Engine, project: ComposeProject) -> tuple[ServiceContainer, ...]:
    """Return the containers of the selected service; raises InputError, NotFoundError, EngineError."""
    services = list(project.services)
    if project.wanted is None and len(services) > 1:
        hint = f"name one after the file: {project.file}:{services[0]}"
        raise InputError(str(project.file), f"has {len(services)} services: {', '.join(services)}", hint=hint)
    service = project.wanted or services[0]
    found = service_containers(engine, project, service)
    if not found:
        raise no_container(project, [service])
    return found


def find_service(engine: Engine, project: ComposeProject) -> ServiceContainer:
    """Return the selected container; raises InputError if there is not exactly one, NotFoundError, EngineError."""
    found = find_containers(engine, project)
    if len(found) > 1:
        service = project.wanted or next(iter(project.services))
        names = ", ".join(each.container for each in found)
        remedy = f"name one by its number, such as {found[0].service}, or with {setting('container')}"
        raise InputError(f"service {service!r}", f"has {len(found)} containers: {names}", hint=remedy)
    return found[0]


def no_container(project: ComposeProject, services: Sequence[str]) -> NotFoundError:
    """Return the error that the project has no container for any of *services*."""
    them = ("service " if len(services) == 1 else "services ") + ", ".join(map(repr, services))
    hint = f"start it, or name its project with {setting('project')}"
    return NotFoundError(them, f"project {project.name!r} has no container for it", hint=hint)


def _label(container: ListedContainer, name: str) -> str:
    return (container.labels or {}).get(name, "")


def _split(name: str) -> tuple[Path, str | None]:
    """Return the file or folder and the service after it, if there is one."""
    file, colon, service = name.rpartition(":")
    if not colon or Path(name).exists():
        return Path(name), None
    return Path(file), service


def _files(place: Path, settings: Mapping[str, str]) -> Iterator[Path]:
    """Yield the files that *place* refers to: for a folder, those that Compose reads there."""
    if not place.is_dir():
        yield place
        return
    chosen = settings.get("COMPOSE_FILE")
    if chosen:
        yield from (place / each for each in chosen.split(settings.get("COMPOSE_PATH_SEPARATOR") or ":") if each)
        return
    first = next((place / each for each in _FILES if (place / each).is_file()), place / _FILES[0])
    yield first
    for ending in (".yaml", ".yml"):
        more = first.with_name(f"{first.stem}.override{ending}")
        if more.is_file():
            yield more
            return


def _project_name(found: ComposeFiles, file: Path) -> str:
    return found.name or re.sub(r"[^a-z0-9_-]", "", file.resolve().parent.name.lower()).lstrip("_-")
