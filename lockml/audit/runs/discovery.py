"""The rules of a fleet and the containers that run on a host in, a target for each that a rule fits out."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final

from lockml.audit.config.model import AuditTarget, DiscoveryRule
from lockml.subjects.engine.api import ListedContainer
from lockml.subjects.open import SubjectName

__all__ = ["discovered"]

_COMPOSE: Final = "com.docker.compose.project"


def discovered(rule: DiscoveryRule, containers: Iterable[ListedContainer], host: str) -> Iterator[AuditTarget]:
    """Yield what *rule* finds among the *containers* of *host*; each is called RULE/CONTAINER@HOST.

    A container whose label names a lock outside the fleet's folder, or none, is a target whose lock is not there: it
    is told and not left out.
    """
    for container in containers:
        labels = container.labels or {}
        if not _fits(rule, container, labels):
            continue
        lock = rule.lock or _labelled(rule.folder, labels.get(rule.lock_label or "", ""))
        yield AuditTarget(
            name=f"{rule.name}/{container.name}@{host}",
            subject=SubjectName(kind="container", name=container.name),
            lock=lock,
            settings=rule.settings,
            rule=rule.name,
            host=host,
        )


def _fits(rule: DiscoveryRule, container: ListedContainer, labels: dict[str, str]) -> bool:
    if rule.label is not None:
        key, equals, value = rule.label.partition("=")
        if key not in labels or (equals and labels[key] != value):
            return False
    if rule.compose is not None and labels.get(_COMPOSE) != rule.compose:
        return False
    if rule.lock_label is not None and rule.lock_label not in labels:
        return False
    return rule.image is None or fnmatchcase(container.image, rule.image)


def _labelled(folder: Path, name: str) -> Path:
    """Return the lock that a label names: whoever makes a container must not name any file of the host."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts:
        return folder / "the label does not name a lock below this folder"
    return folder / path
