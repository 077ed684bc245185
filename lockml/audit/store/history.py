"""Queries of a store: runs and findings."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, case, func, select

from lockml.audit.model import Finding
from lockml.audit.serialize import RunDocument, decode_document
from lockml.audit.store.database import Database
from lockml.audit.store.tables import contents, findings, runs, targets
from lockml.audit.store.tables import messages as message_table

__all__ = ["FindingQuery", "FindingRow", "History", "RunRow", "finding_of"]

_LATE: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run as the store has it; *kinds* counts findings by kind, *seconds* is its duration.

    *since* is when the target entered its state.
    """

    id: int
    target: str
    tick: datetime
    trigger: str
    host: str
    started: datetime
    finished: datetime
    seconds: float
    state: str
    since: datetime
    level: str
    subject: str
    image: str | None
    errors: int
    warnings: int
    notes: int
    kinds: Mapping[str, int]
    opened: int
    resolved: int
    error: str | None
    document: str
    lock: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """A finding of *target* from *opened* to *resolved*, None while it is open, each with its run.

    *acknowledged* is the number of its acknowledgement, which may have ended.
    """

    id: int
    target: str
    finding: Finding
    opened: datetime
    opened_by: int
    resolved: datetime | None
    resolved_by: int | None
    acknowledged: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingQuery:
    """The findings to return: with *name* in their name, with the given values, and with *closed* resolved ones too."""

    target: str | None = None
    name: str | None = None
    package: str | None = None
    kind: str | None = None
    severity: str | None = None
    closed: bool = False

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions on rows."""
        equal = {"target": self.target, "package": self.package, "kind": self.kind, "severity": self.severity}
        found: list[ColumnElement[bool]] = [
            findings.c[key] == value for key, value in equal.items() if value is not None
        ]
        if self.name is not None:
            found.append(findings.c.name.icontains(self.name, autoescape=True))
        return found if self.closed else [*found, findings.c.resolved_by.is_(None)]


class History:
    """The queries; every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def runs(self, target: str | None = None, *, limit: int = 100, before: int | None = None) -> list[RunRow]:
        """Return the last runs, the newest first, of *target* and older than the run *before*, if given."""
        wanted = select(runs).order_by(runs.c.id.desc()).limit(limit)
        if target is not None:
            wanted = wanted.where(runs.c.target == target)
        if before is not None:
            wanted = wanted.where(runs.c.id < before)
        return self._runs(wanted)

    def run(self, number: int) -> RunRow | None:
        """Return the run with this number, None if there is none."""
        return next(iter(self._runs(select(runs).where(runs.c.id == number))), None)

    def document(self, run: RunRow) -> RunDocument:
        """Return the document of *run*."""
        return decode_document(self._content(run.document))

    def lock_text(self, run: RunRow) -> str | None:
        """Return the lock of *run*, None if it could not be read."""
        return self._content(run.lock).decode("utf-8", "surrogateescape") if run.lock is not None else None

    def latest(self) -> dict[str, RunRow]:
        """Return the last run of each target."""
        return {run.target: run for run in self._runs(select(runs).where(runs.c.id.in_(_last_runs())))}

    def latest_of(self, target: str) -> RunRow | None:
        """Return the last run of *target*."""
        last = select(runs).where(runs.c.target == target).order_by(runs.c.tick.desc()).limit(1)
        return next(iter(self._runs(last)), None)

    def latest_successes(self) -> dict[str, datetime]:
        """Return when each target was last checked completely."""
        found: dict[str, datetime] = {}
        for state in ("in-order", "drift"):
            for run in self._runs(select(runs).where(runs.c.id.in_(_last_runs(runs.c.state == state)))):
                found[run.target] = max(run.finished, found.get(run.target, run.finished))
        return found

    def reached(self, names: Sequence[str]) -> set[str]:
        """Return those of *names* that were ever reached."""
        wanted = (
            select(runs.c.target)
            .distinct()
            .where(runs.c.target.in_(names), runs.c.state.in_(("in-order", "drift", "incomplete")))
        )
        with self._database.reading() as connection:
            return set(connection.execute(wanted).scalars())

    def count_findings(self, name: str) -> int:
        """Return the number of findings with *name* in their name, resolved ones included."""
        wanted = select(func.count()).select_from(findings).where(findings.c.name.icontains(name, autoescape=True))
        with self._database.reading() as connection:
            return connection.execute(wanted).scalar_one()

    def sparks(self, count: int, names: Iterable[str] | None = None) -> dict[str, list[tuple[str, int]]]:
        """Return state and errors of the last *count* runs of each target, or of *names*, the oldest first."""
        found: dict[str, list[tuple[str, int]]] = {}
        last = select(runs.c.state, runs.c.errors).order_by(runs.c.tick.desc()).limit(count)
        with self._database.reading() as connection:
            for name in names if names is not None else connection.execute(select(targets.c.name)).scalars().all():
                rows = connection.execute(last.where(runs.c.target == name)).all()
                found[name] = [(row.state, row.errors) for row in reversed(rows)]
        return found

    def findings(
        self,
        target: str | None = None,
        *,
        name: str | None = None,
        closed: bool = False,
        limit: int = 500,
        before: int | None = None,
    ) -> list[FindingRow]:
        """Return findings, the newest first: of *target*, with *name* in their name, and with *closed* resolved ones.

        With *before*, only findings older than the one with that number.
        """
        return self.find(FindingQuery(target=target, name=name, closed=closed), limit=limit, before=before)

    def find(self, chosen: FindingQuery, *, limit: int, before: int | None = None) -> list[FindingRow]:
        """Return the *chosen* findings, the newest first, only those older than *before* if given."""
        wanted = select(findings).where(*chosen.conditions).order_by(findings.c.id.desc()).limit(limit)
        if before is not None:
            wanted = wanted.where(findings.c.id < before)
        with self._database.reading() as connection:
            return [finding_of(row) for row in connection.execute(wanted)]

    def resolved(self, target: str, *, limit: int) -> list[FindingRow]:
        """Return the recently opened findings of *target* that are resolved, the latest first."""
        latest = select(findings.c.id).where(findings.c.target == target).order_by(findings.c.id.desc()).limit(_LATE)
        wanted = (
            select(findings)
            .where(findings.c.id.in_(latest), findings.c.resolved_by.is_not(None))
            .order_by(findings.c.resolved.desc(), findings.c.id.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [finding_of(row) for row in connection.execute(wanted)]

    def open_counts(
        self, *, resolved: bool = False, acknowledged: frozenset[int] = frozenset()
    ) -> dict[tuple[str, str, str], int]:
        """Return the number of open findings by target, kind and severity, with *resolved* 0 for resolved ones.

        Findings of the *acknowledged* numbers do not count.
        """
        key = (findings.c.target, findings.c.kind, findings.c.severity)
        open_now = findings.c.resolved_by.is_(None)
        counts: ColumnElement[int] = func.count()
        if acknowledged:
            counts = func.sum(case((findings.c.acknowledged.in_(acknowledged), 0), else_=1))
        counted = select(*key, counts).where(open_now).group_by(*key)
        with self._database.reading() as connection:
            before = connection.execute(select(*key).where(~open_now).distinct()).all() if resolved else ()
            found = connection.execute(counted).all()
        return {
            **{(row[0], row[1], row[2]): 0 for row in before},
            **{(row[0], row[1], row[2]): row[3] for row in found},
        }

    def waiting_messages(self) -> int:
        """Return the number of messages that are not sent yet."""
        wanted = select(func.count()).select_from(message_table).where(message_table.c.sent.is_(None))
        with self._database.reading() as connection:
            return connection.execute(wanted).scalar_one()

    def ticks(self, target: str, ticks: Sequence[datetime]) -> set[datetime]:
        """Return those of *ticks* that have a run."""
        wanted = select(runs.c.tick).where(runs.c.target == target, runs.c.tick.in_(ticks))
        with self._database.reading() as connection:
            return {row.tick for row in connection.execute(wanted)}

    def last_ticks(self) -> dict[str, datetime]:
        """Return the latest tick of each target that has a run."""
        latest = select(func.max(runs.c.tick)).where(runs.c.target == targets.c.name).scalar_subquery()
        with self._database.reading() as connection:
            rows = connection.execute(select(targets.c.name, latest.label("tick")))
            return {row.name: row.tick for row in rows if row.tick is not None}

    def _runs(self, wanted: Select[Any]) -> list[RunRow]:
        with self._database.reading() as connection:
            return [RunRow(**row) for row in connection.execute(wanted).mappings()]

    def _content(self, digest: str) -> bytes:
        with self._database.reading() as connection:
            body = connection.execute(select(contents.c.body).where(contents.c.sha256 == digest)).scalar_one()
        return zlib.decompress(body)


def _last_runs(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the number of the last run under *conditions* of each target, by one look into an index each.

    The last is that of the latest tick: one that waited in a spool is recorded after those that came later.
    """
    last = select(runs.c.id).where(runs.c.target == targets.c.name, *conditions).order_by(runs.c.tick.desc()).limit(1)
    return select(last.scalar_subquery()).select_from(targets)


def finding_of(row: Row[Any]) -> FindingRow:
    """Return the finding of a row."""
    return FindingRow(
        id=row.id,
        target=row.target,
        finding=Finding(**row.finding),
        opened=row.opened,
        opened_by=row.opened_by,
        resolved=row.resolved,
        resolved_by=row.resolved_by,
        acknowledged=row.acknowledged,
    )
