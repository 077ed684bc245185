"""Stores results with the messages about them, or spools them if the store does not respond."""

from collections.abc import Iterable

from lockml.audit.config.model import NotifyRule
from lockml.audit.findings import Changes
from lockml.audit.log import Log
from lockml.audit.messages import Message, messages_of
from lockml.audit.model import RunResult, RunState
from lockml.audit.runs.spool import Spool
from lockml.audit.store.runs import Recorded
from lockml.audit.store.store import Store
from lockml.common.errors import StoreError

__all__ = ["Recorder"]


class Recorder:
    """Stores results, with messages by *rules*."""

    def __init__(self, store: Store, spool: Spool, rules: tuple[NotifyRule, ...], log: Log) -> None:
        self._store = store
        self._spool = spool
        self._log = log
        self.rules = rules
        self.lost: list[str] = []  # results that could be stored nowhere, with the reason

    def record(self, result: RunResult) -> Recorded | None:
        """Store *result* and return its run, None if its tick has a run or the store does not respond."""
        try:
            recorded = self._store.runs.record(result, self._messages)
        except StoreError as error:
            self._put_aside(result, str(error))
            return None
        self._tell(result, recorded)
        return recorded

    def _put_aside(self, result: RunResult, reason: str) -> None:
        try:
            file = self._spool.put(result)
        except OSError as error:
            self.lost.append(
                f"{result.target}: {reason}, and {self._spool.folder} cannot be written to ({error.strerror})"
            )
            self._log("lost", target=result.target, error=self.lost[-1])
            return
        self._log("spooled", target=result.target, file=str(file), error=reason)

    def flush(self) -> int:
        """Store results of the spool and return their number."""
        count = 0
        for file, result in self._spool.waiting():
            try:
                recorded = self._store.runs.record(result, self._messages)
            except StoreError:
                break
            self._spool.done(file)
            self._tell(result, recorded)
            count += 1
        return count

    def _messages(self, result: RunResult, changes: Changes, before: RunState | None) -> Iterable[Message]:
        return messages_of(self.rules, result, changes, before)

    def _tell(self, result: RunResult, recorded: Recorded | None) -> None:
        if recorded is None:
            self._log("run-known", target=result.target, tick=result.tick.isoformat())
            return
        self._log(
            "run",
            target=result.target,
            run=recorded.run,
            tick=result.tick.isoformat(),
            state=recorded.result.state,
            seconds=round((result.finished - result.started).total_seconds(), 3),
            opened=len(recorded.changes.opened),
            resolved=len(recorded.changes.resolved),
            **({"error": result.error} if result.error else {}),
        )
