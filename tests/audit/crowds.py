"""Stores with as much of everything as asked for: targets, runs, findings of one target, acknowledgements."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lockml.audit.config.model import AuditSettings, AuditTarget
from lockml.audit.findings import group_of
from lockml.audit.model import Finding
from lockml.audit.store.acknowledgements import FindingScope
from lockml.audit.store.store import Store
from lockml.subjects.open import SubjectName
from tests.audit.made import make_finding, make_result

FIX = (
    "docker exec --user 0 crowd-0000 pip install --no-deps --require-hashes --force-reinstall -r /lock/requirements.txt"
)
CROWDED = "crowd-0000"
"""The target that has all the findings."""


def crowd(folder: Path, count: int, now: datetime, targets: int | None = None) -> Store:
    """Return a store in *folder* with *count* findings of one target, and *targets*, as many without it."""
    store = Store("sqlite:///audit.db", folder)
    names = [f"crowd-{number:04}" for number in range(count if targets is None else targets)]
    store.targets.put([_target(name) for name in names], now)
    for number, name in enumerate(reversed(names)):
        found = _findings(count) if name == CROWDED else [make_finding("urllib3", locked="1.22", found="1.23", fix=FIX)]
        moment = now - timedelta(minutes=10 + number % 50, seconds=number)
        for tick in (moment - timedelta(hours=6), moment) if number < 5 else (moment,):
            given: dict[str, Any] = {"target": name, "tick": tick, "started": tick, "finished": tick}
            given["report"] = {"environments": []}
            store.runs.record(make_result(*found, **given), lambda *_: ())
    for number in range(min(count // 2, 60)):
        finding = make_finding(f"package-{number}", kind="unexpected", locked=None, found=f"{number}.0", fix=FIX)
        group = group_of(finding)
        until = now + timedelta(days=1 + number)
        store.acknowledgements.add(
            FindingScope(group=group), None, f"reason {number} " * 10, now - timedelta(seconds=1), until
        )
    return store


def _target(name: str) -> AuditTarget:
    labels = {"stage": "production", "team": "a-team-with-a-long-name-without-a-blank-in-it"}
    subject = SubjectName(kind="container", name=name)
    return AuditTarget(name=name, subject=subject, lock=Path("pylock.toml"), settings=AuditSettings(labels=labels))


def _findings(count: int) -> list[Finding]:
    """Return findings of several kinds: half of them files of one folder, the others a package each."""
    site = "/opt/conda/envs/training/lib/python3.11/site-packages"
    files = [
        make_finding(
            f"module_{number}.py",
            kind="unattributed-file",
            locked=None,
            found=f"sha256:{number:064}",
            path=f"{site}/left_behind/deep/er/module_{number}.py",
            origin="layer 4 of 7 (RUN pip install --no-cache-dir something-else && rm -rf /tmp/build)",
            time="2026-11-27T03:12:04Z",
            fix=FIX,
        )
        for number in range(count // 2)
    ]
    packages = [
        make_finding(f"package-{number}", kind="unexpected", locked=None, found=f"{number}.0", fix=FIX)
        for number in range(count - len(files))
    ]
    return [*files, *packages]
