"""Claims on ticks and recorded runs: a tick has one run, however many processes try."""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, delete, exists, func, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from lockml.audit.findings import Changes, changes_since, group_of, without_acknowledged
from lockml.audit.messages import Message
from lockml.audit.model import Finding, RunResult, RunState
from lockml.audit.serialize import encode_document, finding_table
from lockml.audit.store.acknowledgements import Acknowledgement, forget_acknowledgements, held_by
from lockml.audit.store.counters import count_up
from lockml.audit.store.database import Database
from lockml.audit.store.requests import end_request
from lockml.audit.store.tables import claims, contents, findings, messages, runs, worker_events
from lockml.common.display import escape, redact

__all__ = ["Claim", "MakeMessages", "Recorded", "RunStore"]

_MAX_NAME: Final = 1000
_MAX_ERROR: Final = 4000
_MAX_RESOLVED: Final = 1000  # resolved findings that are kept of one target: drift may return again and again

MakeMessages = Callable[[RunResult, Changes, RunState | None], Iterable[Message]]
"""Returns the messages about a result, its changes and the state before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A tick of a target that a process runs, or ran, for the *attempt*-th time."""

    target: str
    tick: datetime
    owner: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A recorded result: its number, its changes, and the result without acknowledged findings."""

    run: int
    changes: Changes
    result: RunResult


class RunStore:
    """The runs of a store; every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, target: str, tick: datetime, owner: str, now: datetime, lease: timedelta) -> int | None:
        """Claim *tick* until *now* + *lease* and return the number of the attempt, from 1.

        Return None if it has a run, or if another process has a lease that has not expired.
        """
        with self._database.writing() as connection:
            _take_turns(connection, target)
            ran = select(runs.c.id).where(runs.c.target == target, runs.c.tick == tick)
            if connection.execute(ran).first() is not None:
                return None
            values = {"target": target, "tick": tick, "owner": owner, "until": now + lease, "attempt": 1}
            inserted = _unless_there(connection, claims).values(values).returning(claims.c.attempt)
            if connection.execute(inserted).first() is not None:
                return 1
            taken = (
                update(claims)
                .where(claims.c.target == target, claims.c.tick == tick, claims.c.until <= now)
                .values(owner=owner, until=now + lease, attempt=claims.c.attempt + 1)
                .returning(claims.c.attempt)
            )
            return connection.execute(taken).scalar()

    def release(self, target: str, tick: datetime, owner: str) -> None:
        """Release a claim without a run."""
        mine = (claims.c.target == target, claims.c.tick == tick, claims.c.owner == owner)
        with self._database.writing() as connection:
            connection.execute(delete(claims).where(*mine))

    def claimed(self) -> list[Claim]:
        """Return every claimed tick, also of processes that have ended."""
        with self._database.reading() as connection:
            found = connection.execute(select(claims).order_by(claims.c.tick, claims.c.target))
            return [Claim(target=row.target, tick=row.tick, owner=row.owner, attempt=row.attempt) for row in found]

    def alive(self, now: datetime) -> list[Claim]:
        """Return the ticks with a valid lease."""
        with self._database.reading() as connection:
            found = connection.execute(select(claims).where(claims.c.until > now))
            return [Claim(target=row.target, tick=row.tick, owner=row.owner, attempt=row.attempt) for row in found]

    def expired(self, now: datetime) -> list[Claim]:
        """Return the ticks with an expired lease: their processes have ended."""
        with self._database.reading() as connection:
            found = connection.execute(select(claims).where(claims.c.until <= now).order_by(claims.c.tick))
            return [Claim(target=row.target, tick=row.tick, owner=row.owner, attempt=row.attempt) for row in found]

    def renew(self, owner: str, now: datetime, lease: timedelta) -> None:
        """Extend the leases of *owner* to *now* + *lease*; released ticks remain so."""
        mine = (claims.c.owner == owner, claims.c.until > now, claims.c.until < now + lease)
        with self._database.writing() as connection:
            connection.execute(update(claims).where(*mine).values(until=now + lease))

    def expire(self, target: str, tick: datetime, owner: str, now: datetime) -> None:
        """End the lease of *owner* on one tick, so that the next process takes it up."""
        mine = (claims.c.target == target, claims.c.tick == tick, claims.c.owner == owner)
        with self._database.writing() as connection:
            connection.execute(update(claims).where(*mine).values(until=now))

    def expire_all(self, owner: str, now: datetime) -> None:
        """End the leases of *owner*, which has ended, so that other processes take up its ticks."""
        with self._database.writing() as connection:
            connection.execute(update(claims).where(claims.c.owner == owner, claims.c.until > now).values(until=now))

    def record(self, result: RunResult, make_messages: MakeMessages) -> Recorded | None:
        """Add the run of *result* with its changes and messages, all or nothing, and end its claim.

        Return None if its tick has a run. A run that comes after one of a later tick changes no findings. Acknowledged
        findings are recorded as accepted: they remain open, do not count, and send no messages.
        """
        with self._database.writing() as connection:
            _take_turns(connection, result.target)
            fingerprints = [each.fingerprint for each in result.findings]
            held = held_by(connection, result.target, fingerprints, result.finished)
            found, result = (
                result.findings,
                without_acknowledged(result, {key: each.text for key, each in held.items()}),
            )
            before = _last_run(connection, result.target)
            late = before is not None and before.tick > result.tick
            opened = {} if late else _open_findings(connection, result.target)
            changes = Changes() if late else _changes(opened, held, result)
            number = _put_run(connection, result, before, changes, late=late)
            tick = (claims.c.target == result.target, claims.c.tick == result.tick)
            connection.execute(delete(claims).where(*tick))
            end_request(connection, result.target, result.tick)
            if number is None:
                return None
            if not late:
                _resolve(connection, result, number, [opened[each.fingerprint].id for each in changes.resolved])
                _open(connection, result, number, [each for each in found if each.fingerprint not in opened], held)
                _update_findings(connection, found, opened, held)
                if changes.resolved:
                    _drop_resolved(connection, result.target)
                new = make_messages(result, changes, before.state if before is not None else None)
                _put_messages(connection, result, number, new)
            count_up(connection, "runs", result.state)
            return Recorded(run=number, changes=changes, result=result)

    def prune(self, before: datetime) -> int:
        """Delete runs that ended *before* this time, except the last of each target, with their documents."""
        with self._database.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("LOCK TABLE contents IN SHARE ROW EXCLUSIVE MODE"))
            later = runs.alias("later")
            newer = exists().where(later.c.target == runs.c.target, later.c.tick > runs.c.tick)
            old = delete(runs).where(runs.c.finished < before, newer)
            count = connection.execute(old).rowcount
            connection.execute(delete(findings).where(findings.c.resolved < before))
            connection.execute(delete(messages).where(messages.c.sent < before))
            forget_acknowledgements(connection, before)
            connection.execute(delete(worker_events).where(worker_events.c.moment < before))
            used = exists().where(or_(runs.c.document == contents.c.sha256, runs.c.lock == contents.c.sha256))
            connection.execute(delete(contents).where(~used))
        self._database.compact()
        return count


def _unless_there(connection: Connection, table: Table) -> Any:
    """Return an insertion that does nothing if a row has the same key."""
    insert: Callable[[Table], Any] = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    return insert(table).on_conflict_do_nothing()


def _take_turns(connection: Connection, target: str) -> None:
    """Serialise the processes that claim and record runs of one target; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        number = int.from_bytes(hashlib.sha256(target.encode("utf-8", "surrogateescape")).digest()[:8], signed=True)
        connection.execute(select(func.pg_advisory_xact_lock(number)))


def _put_content(connection: Connection, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    there = select(contents.c.sha256).where(contents.c.sha256 == digest)
    if connection.execute(there).first() is None:
        values = {"sha256": digest, "body": zlib.compress(content)}
        connection.execute(_unless_there(connection, contents).values(values))
    return digest


def _last_run(connection: Connection, target: str) -> Row[Any, Any, Any] | None:
    last = (
        select(runs.c.tick, runs.c.state, runs.c.since)
        .where(runs.c.target == target)
        .order_by(runs.c.tick.desc())
        .limit(1)
    )
    return connection.execute(last).first()


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenFinding:
    """A row of an open finding, with its acknowledgement."""

    id: int
    finding: Finding
    acknowledged: int | None


def _open_findings(connection: Connection, target: str) -> dict[str, _OpenFinding]:
    """Return open findings by fingerprint."""
    columns = (findings.c.id, findings.c.fingerprint, findings.c.finding, findings.c.acknowledged)
    wanted = select(*columns).where(findings.c.target == target, findings.c.resolved_by.is_(None))
    return {
        row.fingerprint: _OpenFinding(id=row.id, finding=Finding(**row.finding), acknowledged=row.acknowledged)
        for row in connection.execute(wanted)
    }


def _changes(opened: Mapping[str, _OpenFinding], held: Mapping[str, Acknowledgement], result: RunResult) -> Changes:
    """Return the changes of *result*; a finding that counts again after its acknowledgement opens again."""
    found = {each.fingerprint for each in result.findings}
    counted = {
        key: each.finding
        for key, each in opened.items()
        if key not in held and (each.acknowledged is None or key not in found)
    }
    return changes_since(counted, result)


def _put_run(
    connection: Connection, result: RunResult, before: Row[Any, Any, Any] | None, changes: Changes, *, late: bool
) -> int | None:
    document, lock = _put_content(connection, encode_document(result)), None
    if result.lock_text:
        lock = _put_content(connection, result.lock_text.encode("utf-8", "surrogateescape"))
    same = before is not None and before.state == result.state and not late
    since = before.since if before is not None and same else result.finished
    values = {**_row(result), "document": document, "lock": lock, "since": since}
    values |= {"opened": len(changes.opened), "resolved": len(changes.resolved)}
    return connection.execute(_unless_there(connection, runs).values(values).returning(runs.c.id)).scalar()


def _row(result: RunResult) -> dict[str, object]:
    severities = result.severities
    return {
        "target": result.target,
        "tick": result.tick,
        "trigger": result.trigger,
        "host": result.host,
        "started": result.started,
        "finished": result.finished,
        "seconds": (result.finished - result.started).total_seconds(),
        "state": result.state,
        "level": result.level,
        "subject": escape(result.subject),
        "image": result.details.get("image-id"),
        "errors": severities["error"],
        "warnings": severities["warning"],
        "notes": severities["note"],
        "kinds": dict(result.kinds),
        "error": escape(redact(result.error))[:_MAX_ERROR] if result.error is not None else None,
    }


def _resolve(connection: Connection, result: RunResult, run: int, rows: Sequence[int]) -> None:
    for row in rows:
        ended = update(findings).where(findings.c.id == row)
        connection.execute(ended.values(resolved_by=run, resolved=result.finished))


def _open(
    connection: Connection,
    result: RunResult,
    run: int,
    new: Iterable[Finding],
    held: Mapping[str, Acknowledgement],
) -> None:
    rows = []
    for finding in {each.fingerprint: each for each in new}.values():
        group, rule = group_of(finding), held.get(finding.fingerprint)
        rows.append(
            {
                "target": result.target,
                "fingerprint": finding.fingerprint,
                "kind": finding.kind,
                "name": escape(finding.name)[:_MAX_NAME],
                "severity": finding.severity,
                "finding": finding_table(finding),
                "opened_by": run,
                "opened": result.finished,
                "package": group.package,
                "locked": group.locked,
                "found": group.found,
                "acknowledged": rule.id if rule is not None else None,
            }
        )
    if rows:
        connection.execute(findings.insert(), rows)


def _update_findings(
    connection: Connection,
    found: Iterable[Finding],
    opened: Mapping[str, _OpenFinding],
    held: Mapping[str, Acknowledgement],
) -> None:
    """Update findings that remain open: severity, wording or acknowledgement may have changed."""
    for finding in found:
        before, rule = opened.get(finding.fingerprint), held.get(finding.fingerprint)
        number = rule.id if rule is not None else None
        if before is not None and (before.finding, before.acknowledged) != (finding, number):
            said = {"severity": finding.severity, "finding": finding_table(finding), "acknowledged": number}
            connection.execute(update(findings).where(findings.c.id == before.id).values(said))


def _drop_resolved(connection: Connection, target: str) -> None:
    """Delete the oldest resolved findings of *target* if there are too many; the documents of its runs have them."""
    theirs = (findings.c.target == target, findings.c.resolved_by.is_not(None))
    last = select(findings.c.id).where(*theirs).order_by(findings.c.id.desc()).offset(_MAX_RESOLVED).limit(1)
    number = connection.execute(last).scalar()
    if number is not None:
        connection.execute(delete(findings).where(*theirs, findings.c.id <= number))


def _put_messages(connection: Connection, result: RunResult, run: int, new: Iterable[Message]) -> None:
    for message in new:
        values = {
            "rule": message.rule,
            "address": message.address,
            "run": run,
            "target": result.target,
            "created": result.finished,
            "due": message.due,
            "content": message.content,
            "digest": message.digest,
            "attempts": 0,
        }
        connection.execute(_unless_there(connection, messages).values(values))
