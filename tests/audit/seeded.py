"""A store with a history: a fleet of a week, with what hostile images are called."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lockml.audit.config.model import AuditSettings, AuditTarget
from lockml.audit.config.schedule import Interval
from lockml.audit.model import Accepted, Finding, RunResult, Unknown
from lockml.audit.serialize import finding_table
from lockml.audit.store.store import Store
from lockml.lock.formats.pylock import format_lock
from lockml.subjects.open import SubjectName
from tests.audit.made import make_finding, make_result
from tests.drift.subjects import make_lock
from tests.made.locks import signed

HOSTILE = "<script>alert(1)</script>"
CONTROL = "evil\x1b[2J\u202egnp"
UNDECODABLE = "odd\udcff\x00name"


def seed(url: str, folder: Path = Path(), now: datetime | None = None) -> Store:
    """Return the store at *url* with a week of runs in it, that ends at *now*."""
    store = Store(url, folder)
    end = (now or datetime.now(UTC)).replace(minute=0, second=0, microsecond=0)
    store.targets.put(list(_targets()), end)
    for hour in range(0, 7 * 24, 6):
        for result in _results(end - timedelta(hours=7 * 24 - 6 - hour), hour):
            store.runs.record(result, lambda *_: ())
    return store


def _targets() -> Iterator[AuditTarget]:
    serving = AuditSettings(
        schedule=Interval(every=timedelta(hours=6)), labels={"stage": "production", "team": "vision"}
    )
    training = AuditSettings(level="files", labels={"stage": "training"})
    for name, labels in (("serving-eu", serving), ("serving-us", serving), ("ranker", serving)):
        yield _target(name, labels)
    for number in range(1, 4):
        yield _target(f"trainer-{number}", training)
    yield _target(f"odd/{HOSTILE}@gpu-1", training)
    yield _target("notebook", AuditSettings(labels={"x": f'"><b>{HOSTILE}'}))
    yield _target("never", AuditSettings())


def _target(name: str, settings: AuditSettings) -> AuditTarget:
    subject = SubjectName(kind="container", name=name.partition("/")[2].partition("@")[0] or name)
    return AuditTarget(name=name, subject=subject, lock=Path("locks") / "pylock.toml", settings=settings)


def _results(tick: datetime, hour: int) -> Iterator[RunResult]:
    text = format_lock(make_lock())
    changed = text.replace('version = "1.26.4"', 'version = "1.26.3"').replace("numpy-1.26.4", "numpy-1.26.3")
    other = signed(changed)
    old = make_finding("urllib3", kind="vulnerability", severity="warning", locked="1.26.4", found="PYSEC-2026-1")
    newer = make_finding("numpy", kind="newer-release", severity="note", locked="1.26.4", found="2.3.1")
    swapped = make_finding("torch", kind="artifact", locked="2.5.1", found="2.5.1", origin="changed after the start")
    patched = make_finding("numpy", kind="modified", path="/opt/venv/lib/python3.11/site-packages/numpy/core.py")
    loose = make_finding("debug.pth", kind="unattributed-file", locked=None, found=None, path="/opt/venv/debug.pth")
    version = make_finding("pandas", locked="2.0.3", found="2.2.2", fix="build anew from the locked requirements.txt")
    yield _run("serving-eu", tick, old, newer, *((swapped,) if hour > 100 else ()), lock=text)
    yield _run("serving-us", tick, old, newer, lock=text)
    yield _run("ranker", tick, *((version, loose) if 40 < hour < 120 else ()), lock=text if hour < 90 else other)
    yield _run("trainer-1", tick, *((patched,) * (hour > 60)), *((loose,) * (hour > 90)), *((version,) * (hour > 130)))
    yield _run("trainer-2", tick, lock=text)
    yield make_result(
        target="trainer-3",
        tick=tick,
        started=tick,
        finished=tick + timedelta(seconds=2),
        state="unreachable" if hour > 80 else "in-order",
        error="container engine at unix:///var/run/docker.sock: does not answer" if hour > 80 else None,
        report=None if hour > 80 else {"environments": []},
    )
    hostile = [
        make_finding(name, detail=HOSTILE, path=f"/x/{name}", fix=name) for name in (HOSTILE, CONTROL, UNDECODABLE)
    ]
    yield _run(f"odd/{HOSTILE}@gpu-1", tick, *hostile)
    yield _run("notebook", tick, old, accepted=True)


def _run(name: str, tick: datetime, *findings: Finding, lock: str = "", accepted: bool = False) -> RunResult:
    return make_result(
        *findings,
        target=name,
        tick=tick,
        started=tick,
        finished=tick + timedelta(seconds=0.4),
        subject=f"container {name}",
        details={"image": "registry.example/team/app:1", "read-by": "process-root"},
        accepted=(Accepted(finding=make_finding("ipdb", kind="unexpected"), reason="debugged"),) if accepted else (),
        unknown=(Unknown(kinds=("vulnerability",), reason="the index does not answer"),) if accepted else (),
        lock_text=lock,
        report=_report(findings),
    )


def _report(findings: tuple[Finding, ...]) -> dict[str, object]:
    environment = {
        "prefix": "/opt/venv",
        "python": "3.11.4",
        "lock": "locks/pylock.toml",
        "levels": {"names": {"matched": 2, "total": 2}, "artifacts": {"matched": 2 - bool(findings), "total": 2}},
        "coverage": {"files": 100, "accounted": 99},
        "told": [{"name": "pip", "version": "23.0.1", "text": "not locked"}],
        "unprovable": [{"name": HOSTILE, "version": "1", "text": "has no RECORD"}],
        "problems": [],
    }
    return {"drifts": [finding_table(each) for each in findings], "environments": [environment]}
