"""The targets of a fleet: those in its file, those that a host discovers, and those that hosts stored."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final

from lockml.audit.config.model import AuditTarget, DiscoveryRule, Fleet
from lockml.audit.store.store import Store
from lockml.audit.store.targets import TargetRow
from lockml.subjects.engine.api import ListedContainer
from lockml.subjects.open import SubjectName

__all__ = ["all_targets", "discover", "find_target"]

_COMPOSE: Final = "com.docker.compose.project"


def all_targets(fleet: Fleet, store: Store) -> Iterator[AuditTarget]:
    """Yield the targets of every host; raises StoreError."""
    yield from fleet.targets
    for row in store.targets.all():
        target = _stored(fleet, row)
        if target is not None:
            yield target


def find_target(fleet: Fleet, store: Store, name: str) -> AuditTarget | None:
    """Return the target *name*, None if it is gone; raises StoreError."""
    own = next((target for target in fleet.targets if target.name == name), None)
    if own is not None:
        return own
    row = store.targets.one(name)
    return _stored(fleet, row) if row is not None and row.gone is None else None


def _stored(fleet: Fleet, row: TargetRow) -> AuditTarget | None:
    """Return the target that a host found by a rule, None if the rule is gone."""
    rule = next((rule for rule in fleet.discovery if rule.name == row.rule), None)
    if rule is None:
        return None
    subject = SubjectName(kind=row.definition["kind"], name=row.definition["name"])
    lock = Path(row.definition["lock"])
    return AuditTarget(name=row.name, subject=subject, lock=lock, settings=rule.settings, rule=row.rule, host=row.host)


def discover(rule: DiscoveryRule, containers: Iterable[ListedContainer], host: str) -> Iterator[AuditTarget]:
    """Yield the targets that *rule* finds among the *containers* of *host*, named RULE/CONTAINER@HOST.

    A container whose label names a lock outside the fleet's folder, or none, is a target without a lock file, so
    that it is reported and not skipped.
    """
    for container in containers:
        labels = container.labels or {}
        if not _fits(rule, container, labels):
            continue
        lock = rule.lock or _labelled_lock(rule.folder, labels.get(rule.lock_label or "", ""))
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


def _labelled_lock(folder: Path, name: str) -> Path:
    """Return the lock that a label names: the author of a container must not name any file of the host."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts:
        return folder / "the label does not name a lock below this folder"
    return folder / path
