"""The services of ``lockml check --compose``, each with its container and its locks."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from lockml.common.errors import InputError
from lockml.subjects.engine.api import Engine
from lockml.subjects.engine.compose import LOCK_LABEL, ComposeProject, no_container, service_containers
from lockml.subjects.open import SubjectName

__all__ = ["ServiceCheck", "select_services"]

_SERVICE_LOCK: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]*)=(.+)", re.DOTALL)


class ServiceCheck(Struct, frozen=True, kw_only=True):
    """A container to check against *locks*, as ``--lock`` names them."""

    subject: SubjectName
    locks: tuple[str, ...]


def select_services(
    engine: Engine, project: ComposeProject, given: Sequence[str], default: str
) -> tuple[list[ServiceCheck], list[str]]:
    """Return the containers of *project* to check, and the names of the services without a lock.

    *given* are the values of ``--lock``: those for a service override its label, and that overrides all others, or
    *default* for a single service. Raises InputError, NotFoundError, EngineError.
    """
    own, plain = _split(given, project)
    locks = {name: _locks(project, name, own, plain) for name in project.services}
    names = [project.wanted] if project.wanted is not None else list(project.services)
    if len(names) == 1:
        locks[names[0]] = locks[names[0]] or (default,)
    elif not own and not any(LOCK_LABEL in each.labels for each in project.services.values()):
        raise InputError(
            str(project.file),
            f"has {len(names)} services: {', '.join(names)}",
            hint=f"name one after the file: {project.file}:{names[0]}; or give each its lock: --lock {names[0]}=FILE, "
            f"or the label {LOCK_LABEL}",
        )
    checks, missing = [], []
    for name in (each for each in names if locks[each]):
        found = service_containers(engine, project, name)
        if not found and not (project.services[name].profiles and project.wanted is None and name not in own):
            missing.append(name)
        for each in found:
            subject = SubjectName(kind="container", name=each.container, project=project.name, service=each.service)
            checks.append(ServiceCheck(subject=subject, locks=locks[name]))
    if missing or not checks:
        raise no_container(project, missing or [each for each in names if locks[each]])
    return checks, [name for name in names if not locks[name]]


def _split(given: Sequence[str], project: ComposeProject) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Return the locks of services, and the other locks; raises InputError for an unknown service."""
    own: dict[str, tuple[str, ...]] = {}
    plain: list[str] = []
    for each in given:
        match = _SERVICE_LOCK.fullmatch(each)
        if match is None or Path(each).exists():
            plain.append(each)
        elif match[1] not in project.services:
            hint = f"services: {', '.join(project.services)}"
            raise InputError(f"--lock {each!r}", f"{project.file} has no service {match[1]!r}", hint=hint)
        else:
            own[match[1]] = (*own.get(match[1], ()), match[2])
    return own, tuple(plain)


def _locks(
    project: ComposeProject, name: str, own: Mapping[str, tuple[str, ...]], plain: tuple[str, ...]
) -> tuple[str, ...]:
    if name in own:
        return own[name]
    label = project.services[name].labels.get(LOCK_LABEL)
    return (str(project.folder / label),) if label else plain
