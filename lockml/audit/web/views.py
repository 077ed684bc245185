"""What the store remembers in, what pages and the API show out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lockml.audit.model import STATES
from lockml.audit.store.history import RunRow
from lockml.audit.store.store import Store
from lockml.audit.store.targets import TargetRow

__all__ = ["FleetFilter", "TargetView", "ago", "counts", "fleet_view", "target_view"]

_SPARKS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetView:
    """A target with its last run, None before the first."""

    target: TargetRow
    run: RunRow | None
    sparks: tuple[tuple[str, int], ...] = ()

    @property
    def since(self) -> datetime | None:
        """Since when it is in its state."""
        return self.run.since if self.run is not None else None

    @property
    def state(self) -> str:
        """How its last run ended, ``waiting`` before the first."""
        return self.run.state if self.run is not None else "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFilter:
    """Which targets are shown: with *words* in name, subject or labels, in *state*, with the *label* KEY=VALUE."""

    words: str = ""
    state: str = ""
    label: str = ""

    def fits(self, view: TargetView) -> bool:
        """Say whether *view* is shown."""
        target = view.target
        text = " ".join((target.name, target.subject, *(f"{k}={v}" for k, v in target.labels.items()))).casefold()
        key, _, value = self.label.partition("=")
        return (
            all(word in text for word in self.words.casefold().split())
            and self.state in ("", view.state)
            and (not self.label or target.labels.get(key) == value)
        )


def fleet_view(store: Store, chosen: FleetFilter, *, gone: bool = False) -> list[TargetView]:
    """Return the targets that are *chosen*, those that need somebody first; raises StoreError."""
    latest, sparks = store.history.latest(), store.history.sparks(_SPARKS)
    views = (
        TargetView(
            target=target,
            run=latest.get(target.name),
            sparks=tuple(sparks.get(target.name, ())),
        )
        for target in store.targets.all(gone=gone)
    )
    order: Mapping[str, int] = {
        "drift": 0,
        "misconfigured": 1,
        "unreachable": 2,
        "incomplete": 3,
        "waiting": 4,
        "in-order": 5,
    }
    return sorted(filter(chosen.fits, views), key=lambda view: (order[view.state], view.target.name))


def target_view(store: Store, name: str) -> TargetView | None:
    """Return the target of that name, None where there is none; raises StoreError."""
    target = store.targets.one(name)
    if target is None:
        return None
    run = store.history.latest().get(name)
    return TargetView(target=target, run=run)


def counts(views: list[TargetView]) -> dict[str, int]:
    """Return how many targets there are of each state."""
    states = [view.state for view in views]
    return {state: states.count(state) for state in (*STATES, "waiting") if state in states}


def ago(moment: datetime, now: datetime) -> str:
    """Return how long before *now* *moment* is, in words."""
    seconds = int((now - moment).total_seconds())
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now" if seconds < 10 else f"{seconds} seconds ago"
