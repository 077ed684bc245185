"""What audits look at, made by hand: a virtual environment and the lock that it is, results, and a store."""

import os
import sqlite3
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lockml.audit.config.model import AuditSettings, AuditTarget, Fleet, IndexSettings
from lockml.audit.config.schedule import Interval
from lockml.audit.log import Log
from lockml.audit.model import Finding, RunResult
from lockml.audit.runs.auditor import Auditor
from lockml.audit.runs.host import Clock, HostContext, utc_now
from lockml.audit.runs.run import Work
from lockml.audit.store.store import Store
from lockml.lock.formats.pylock import format_lock
from lockml.subjects.engine.api import ListedContainer
from lockml.subjects.open import SubjectName
from tests.drift.subjects import MODEL, NUMPY, make_lock
from tests.made.wheels import installed_files, make_wheel

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
HOURLY = Interval(every=timedelta(hours=1))
OTHER = make_wheel("numpy", "1.26.4", files={"numpy/core.so": b"other machine code"})


def install(prefix: Path, wheel: bytes) -> None:
    """Install *wheel* into the virtual environment at *prefix*."""
    for name, content in installed_files(wheel, f"{prefix}/lib/python3.11/site-packages").items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)
        os.utime(name, (1_700_000_000, 1_700_000_000))  # as the compiled modules say


def write_venv(folder: Path) -> Path:
    """Make a virtual environment ``venv`` in *folder*, and ``pylock.toml``, which it is."""
    prefix = folder / "venv"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python3").symlink_to(os.path.realpath(sys.executable))
    home = os.path.dirname(os.path.realpath(sys.executable))  # noqa: PTH120 - as the link above
    (prefix / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\nversion = 3.11.4\n")
    install(prefix, MODEL)
    install(prefix, NUMPY)
    (folder / "pylock.toml").write_text(format_lock(make_lock()))
    return prefix


def make_target(folder: Path = Path(), name: str = "here", **settings: Any) -> AuditTarget:
    """Return a target: the environment that `write_venv` makes."""
    subject = SubjectName(kind="path", name=str(folder / "venv"))
    return AuditTarget(name=name, subject=subject, lock=folder / "pylock.toml", settings=AuditSettings(**settings))


def make_work(target: AuditTarget, **changes: Any) -> Work:
    """Return a run of *target*."""
    usual = {"tick": NOON, "trigger": "manual", "host": "here", "rules": ()}
    return Work(target=target, **{**usual, "index": IndexSettings(asked=False), **changes})


def make_finding(name: str = "numpy", **changes: Any) -> Finding:
    """Return a finding."""
    usual: dict[str, Any] = {"kind": "version", "severity": "error", "locked": "1", "found": "2", "detail": "differs"}
    return Finding(name=name, **{**usual, **changes})


def make_result(*findings: Finding, hours: float = 0, problems: bool = False, **changes: Any) -> RunResult:
    """Return the result of a run, *hours* after noon."""
    tick = NOON + timedelta(hours=hours)
    state = "drift" if any(each.severity == "error" for each in findings) else "incomplete" if problems else "in-order"
    report: Mapping[str, Any] = {
        "environments": [{"problems": [{"path": "/x", "reason": "unreadable"}] if problems else []}]
    }
    usual: dict[str, Any] = {
        "target": "here",
        "tick": tick,
        "trigger": "schedule",
        "host": "here",
        "started": tick,
        "finished": tick + timedelta(seconds=1),
        "state": state,
        "level": "artifacts",
        "subject": "container here",
        "findings": findings,
        "report": report,
    }
    return RunResult(**{**usual, **changes})


@dataclass(slots=True)
class SetClock:
    """A clock that shows *moment* until it is set."""

    moment: datetime = NOON

    def __call__(self) -> datetime:
        return self.moment


class ListLog(Log):
    """A log that keeps the names of its *events*."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[str] = []

    def __call__(self, event: str, **_: object) -> None:
        self.events.append(event)


def make_container(name: str, image: str = "registry.example/team/app:1", **labels: str) -> ListedContainer:
    """Return a container as an engine lists it; an underscore in the name of a label stands for a dot."""
    named = {key.replace("_", "."): value for key, value in labels.items()}
    return ListedContainer(names=[f"/{name}"], image=image, labels=named)


def auditor_of(
    folder: Path, *targets: AuditTarget, log: Log | None = None, clock: Clock = utc_now, **fleet: Any
) -> Auditor:
    """Return an auditor whose store and spool are in *folder*."""
    made = Fleet(file=str(folder / "lockml.toml"), store="", targets=targets, index=IndexSettings(asked=False), **fleet)
    context = HostContext(cache=None, spool=folder / "spool", host="me", clock=clock)
    return Auditor(made, Store("sqlite:///audit.db", folder), context, log or Log())


def ticks(auditor: Auditor) -> list[datetime]:
    """Return the ticks that have a run, the oldest first."""
    return [run.tick for run in reversed(auditor.store.history.runs())]


def to_first_version(file: Path) -> None:
    """Take away from a store all that migrations added to its first version."""
    with sqlite3.connect(file) as connection:
        for name in ("open_by_group", "open_by_target", "resolved_kinds"):
            connection.execute(f"DROP INDEX {name}")
        for column in ("package", "locked", "found", "acknowledged"):
            connection.execute(f"ALTER TABLE findings DROP COLUMN {column}")
        connection.execute("ALTER TABLE targets DROP COLUMN added")
        for table in ("acknowledged", "acknowledgements", "requests", "workers", "worker_events", "counters"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("UPDATE lockml_version SET version_num = '0001'")
