"""The claims of this process on ticks, so that only one of several processes does a run."""

from datetime import datetime, timedelta
from typing import Final

from lockml.audit.config.model import AuditTarget
from lockml.audit.log import Log
from lockml.audit.runs.host import HostContext, process_runs
from lockml.audit.store.runs import Claim
from lockml.audit.store.store import Store
from lockml.common.errors import StoreError

__all__ = ["Claims"]

_MARGIN: Final = timedelta(seconds=15)  # between the timeout of a run and the end of its claim
_LEASE: Final = timedelta(seconds=90)  # of a living process, which renews it
_ABANDONED: Final = timedelta(days=1)  # after which the claim on a target that is gone is dropped


class Claims:
    """The claims of this process in *store*, with access to those of others.

    A method raises StoreError, unless it says otherwise.
    """

    def __init__(self, store: Store, context: HostContext, log: Log) -> None:
        self.owner: Final = context.owner
        self._store = store
        self._host = context.host
        self._clock = context.clock
        self._log = log

    def claim(self, target: AuditTarget, tick: datetime) -> int | None:
        """Claim *tick* of *target* and return the number of the attempt, from 1; None if it has a run or a claim."""
        lease = max(target.settings.timeout + _MARGIN, _LEASE)
        return self._store.runs.claim(target.name, tick, self.owner, self._clock(), lease)

    def is_claimed(self, target: AuditTarget, tick: datetime) -> bool:
        """Say whether a process has begun this tick and not ended it."""
        return any((each.target, each.tick) == (target.name, tick) for each in self._store.runs.claimed())

    def running(self, now: datetime) -> list[Claim]:
        """Return the ticks that a process is running."""
        return self._store.runs.alive(now)

    def expired(self, now: datetime) -> list[Claim]:
        """Return the ticks with an expired lease: the processes that claimed them have ended."""
        return self._store.runs.expired(now)

    def renew(self) -> None:
        """Renew the leases of this process; log an error of the store, and try again later."""
        try:
            self._store.runs.renew(self.owner, self._clock(), _LEASE)
        except StoreError as error:
            self._log.once("store", str(error))

    def expire(self, target: AuditTarget, tick: datetime) -> None:
        """Release a tick whose process was killed; log an error of the store."""
        try:
            self._store.runs.expire(target.name, tick, self.owner, self._clock())
        except StoreError as error:
            self._log.once("store", str(error))

    def release_all(self) -> None:
        """Release all ticks of this process."""
        self._store.runs.expire_all(self.owner, self._clock())

    def release_ended(self) -> None:
        """Release the ticks of processes of this host that have ended without a run."""
        owners = {claim.owner for claim in self._store.runs.claimed()}
        for owner in sorted(owners):
            if not process_runs(owner, self._host):
                self._store.runs.expire_all(owner, self._clock())

    def drop(self, claim: Claim, now: datetime) -> None:
        """Drop the claim on a target that is gone, a day after its tick."""
        if now - claim.tick > _ABANDONED:
            self._store.runs.release(claim.target, claim.tick, claim.owner)
