"""Time the pages and the API of an audit over a large fleet, as a browser asks for them.

    python benchmarks/audit_pages.py [--targets 300] [--findings 800] [--runs 5] [--store sqlite:////tmp/pages.db]

A store is filled with that many open findings on each target, of packages that all have and of files, and each page is
asked for --runs times, in this process. Printed are the median and the slowest wall seconds, and the CPU seconds.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.testclient import TestClient

from lockml.audit.config.model import AuditSettings, AuditTarget
from lockml.audit.findings import group_of
from lockml.audit.model import Finding, RunResult
from lockml.audit.store.acknowledgements import FindingScope
from lockml.audit.store.store import Store
from lockml.audit.web.app import build_app
from lockml.subjects.open import SubjectName

PAGES = (
    *("/", "/?sort=-name&page=2", "/?q=target-01", "/?state=overdue", "/findings", "/findings?page=3"),
    *("/findings?q=package-7+1.23", "/findings?by=kind", "/findings?by=age", "/findings?by=target"),
    *("/findings?by=finding&page=40", "/findings?sort=oldest", "/findings?show=acknowledged", "/findings?show=all"),
    *("/targets/target-001", "/targets/target-001?page=2", "/runs", "/runs/1", "/runs/1/diff/2", "/search?q=package-7"),
    *("/acknowledgements", "/api/summary", "/api/targets", "/api/findings", "/api/groups", "/metrics"),
)
SITE = "/opt/venv/lib/python3.11/site-packages"


def findings_of(number: int, count: int) -> Iterator[Finding]:
    """Yield what is open on a target: a third versions, a third vulnerabilities, a third files."""
    for each in range(count):
        package = f"package-{each // 4}"
        fix = f"docker exec target-{number:03} pip install --require-hashes --no-deps {package}"
        match each % 4:
            case 0:
                yield Finding(kind="version", name=package, severity="error", locked="1.22", found="1.23", fix=fix)
            case 1:
                found = f"PYSEC-2026-{each}"
                yield Finding(kind="vulnerability", name=package, severity="warning", locked="1.22", found=found)
            case 2:
                path, found = f"{SITE}/{package}/core.py", f"sha256:{number:04}{each:060}"
                yield Finding(kind="modified", name=package, severity="error", path=path, found=found, fix=fix)
            case _:
                path = f"{SITE}/left-{each % 50}/{each}.py"
                yield Finding(kind="unattributed-file", name=f"{each}.py", severity="error", path=path)


def fill(store: Store, targets: int, findings: int) -> None:
    """Record a run of each target."""
    now = datetime.now(UTC)
    names = [f"target-{number:03}" for number in range(targets)]
    store.targets.put(
        [
            AuditTarget(
                name=name,
                subject=SubjectName(kind="container", name=name),
                lock=Path("pylock.toml"),
                settings=AuditSettings(labels={"stage": "production"}),
            )
            for name in names
        ],
        now,
    )
    for number, name in enumerate(names):
        for hours in (1, 0):
            moment = now - timedelta(hours=hours, minutes=number)
            found = tuple(findings_of(number, findings - hours))
            result = RunResult(
                target=name,
                tick=moment,
                trigger="schedule",
                host="here",
                started=moment,
                finished=moment,
                state="drift",
                level="files",
                subject=f"container {name}",
                findings=found,
                report={"environments": []},
            )
            store.runs.record(result, lambda *_: ())
    example = next(findings_of(0, 1))
    scope = FindingScope(group=group_of(example))
    store.acknowledgements.add(scope, None, "known", datetime.now(UTC), now + timedelta(days=7))


def measure(store: Store, runs: int) -> None:
    """Ask for each page and print how long it took."""
    client = TestClient(build_app(store))
    for page in PAGES:
        wall: list[float] = []
        cpu = time.process_time()
        for _ in range(runs):
            start = time.perf_counter()
            answer = client.get(page)
            wall.append(time.perf_counter() - start)
            answer.raise_for_status()
        spent = (time.process_time() - cpu) / runs
        size = len(answer.content) / 1000
        print(
            f"{page:32} median {statistics.median(wall):6.3f} s  slowest {max(wall):6.3f} s  "
            f"CPU {spent:6.3f} s  {size:6.0f} kB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=300)
    parser.add_argument("--findings", type=int, default=800)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--store", help="a store to fill, or that a run of this filled before; a new one by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lockml-benchmark-") as folder:
        store = Store(options.store or f"sqlite:///{folder}/audit.db")
        if not store.targets.all():
            start = time.perf_counter()
            fill(store, options.targets, options.findings)
            took = time.perf_counter() - start
            print(f"{options.targets} targets of {options.findings} findings: filled in {took:.1f} s")
        measure(store, options.runs)
        store.close()


if __name__ == "__main__":
    main()
