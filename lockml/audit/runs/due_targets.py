"""The targets of a fleet that are due, with their ticks."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from lockml.audit.config.model import AuditTarget
from lockml.audit.config.schedule import delay_of, latest_tick
from lockml.audit.runs.auditor import Auditor, Reload
from lockml.common.errors import StoreError

__all__ = ["DueTargets", "Throttle"]

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Throttle:
    """Limits how often something is done: at once, then after *pause* at the earliest."""

    def __init__(self, pause: timedelta) -> None:
        self._pause = pause
        self._next: datetime | None = None

    def due(self, now: datetime) -> bool:
        """Say whether it is due, and if so begin the pause."""
        if self._next is not None and now < self._next:
            return False
        self._next = now + self._pause
        return True


class DueTargets:
    """The targets that *find* returns for the fleet of *auditor*, which *reload* reads, and the last tick of each."""

    def __init__(self, auditor: Auditor, reload: Reload, find: Callable[[datetime], Iterable[AuditTarget]]) -> None:
        self._auditor = auditor
        self._reload = reload
        self._find = find
        self._targets: dict[str, AuditTarget] = {}
        self._last: dict[str, datetime] = {}
        self._requests: Mapping[str, datetime] = {}
        self._questions = Throttle(timedelta(seconds=2))

    def refresh(self, now: datetime) -> None:
        """Read a changed fleet file, find the targets, and which ticks have runs; raises StoreError."""
        self._auditor.reload_fleet(self._reload)
        self._targets = {target.name: target for target in self._find(now)}
        for name, tick in self._auditor.last_ticks().items():
            if tick <= now:
                self.mark(name, tick)

    def get(self, name: str) -> AuditTarget | None:
        """Return the target *name*, None if it is gone."""
        return self._targets.get(name)

    def due(self, now: datetime) -> Iterator[tuple[AuditTarget, datetime]]:
        """Yield each target that is due at *now* with its tick, until it is marked.

        Requested runs come first; without a response of the store, scheduled runs go on.
        """
        if self._questions.due(now):
            with suppress(StoreError):
                self._requests = self._auditor.requests()
        for name, asked in self._requests.items():  # a request by a fast clock waits: it must skip no tick
            if name in self._targets and self._last.get(name, _NEVER) < asked <= now:
                yield self._targets[name], asked
        for target in self._targets.values():
            tick = latest_tick(target.settings.schedule, now)
            if tick is None or self._last.get(target.name, _NEVER) >= tick:
                continue
            if now >= tick + delay_of(target.settings.schedule, target.name, tick, target.settings.jitter):
                yield target, tick

    def mark(self, name: str, tick: datetime) -> None:
        """Note that *tick* of the target *name*, and any before it, is done or begun."""
        self._last[name] = max(tick, self._last.get(name, tick))
