"""All targets of a fleet, on whatever host: those of its file, and those that its hosts found and wrote down."""

from collections.abc import Iterator
from pathlib import Path

from lockml.audit.config.model import AuditTarget, Fleet
from lockml.audit.store.store import Store
from lockml.audit.store.targets import TargetRow
from lockml.subjects.open import SubjectName

__all__ = ["all_targets", "find_target"]


def all_targets(fleet: Fleet, store: Store) -> Iterator[AuditTarget]:
    """Yield the targets of every host; raises StoreError."""
    yield from fleet.targets
    for row in store.targets.all():
        target = _found(fleet, row)
        if target is not None:
            yield target


def find_target(fleet: Fleet, store: Store, name: str) -> AuditTarget | None:
    """Return the target of that *name*, None where there is none any more; raises StoreError."""
    own = next((target for target in fleet.targets if target.name == name), None)
    if own is not None:
        return own
    row = store.targets.one(name)
    return _found(fleet, row) if row is not None and row.gone is None else None


def _found(fleet: Fleet, row: TargetRow) -> AuditTarget | None:
    """Return the target that a host found by a rule, None where the rule is not there any more."""
    rule = next((rule for rule in fleet.discovery if rule.name == row.rule), None)
    if rule is None:
        return None
    subject = SubjectName(kind=row.definition["kind"], name=row.definition["name"])
    lock = Path(row.definition["lock"])
    return AuditTarget(name=row.name, subject=subject, lock=lock, settings=rule.settings, rule=row.rule, host=row.host)
