"""Write the pictures of docs/audit.md: ``python -m tests.audit.web.write_pictures [FOLDER]``, from a made-up fleet."""

import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser

from lockml.audit.config.model import AuditSettings, AuditTarget
from lockml.audit.config.schedule import Interval
from lockml.audit.findings import group_of
from lockml.audit.model import Finding
from lockml.audit.store.acknowledgements import FindingScope
from lockml.audit.store.store import Store
from lockml.audit.web.app import build_app
from lockml.subjects.open import SubjectName
from tests.audit.made import SetClock, make_finding, make_result
from tests.audit.serving import served
from tests.made.browsers import chromium

NOW: Final = datetime(2026, 11, 30, 3, 4, tzinfo=UTC)
SITE: Final = "/opt/venv/lib/python3.11/site-packages"
HOURS: Final = 40
PIP: Final = "pip install --require-hashes --no-deps --force-reinstall -r /lock/requirements.txt"

URLLIB3: Final = {"kind": "version", "locked": "2.2.3", "found": "1.23", "detail": "another version is installed"}
CVE: Final = {"kind": "vulnerability", "severity": "warning", "locked": "2.5.1", "found": "PYSEC-2026-41"}
NEWER: Final = {"kind": "newer-release", "severity": "note", "locked": "2.5.1", "found": "2.6.0"}


def findings_of(name: str, hour: int) -> list[Finding]:
    """Return what a target has at an *hour* of the picture's two days."""
    fix = f"docker exec --user 0 {name} {PIP}"
    vulnerable = [
        make_finding("torch", **CVE, detail="a pickle in a checkpoint runs code", fix="lock torch 2.5.2 or newer")
    ]
    newer = [make_finding("torch", **NEWER, detail="every requirement allows it")]
    late = {"origin": "changed after the container was made", "time": "2026-11-29T22:41:07Z", "fix": fix}
    old = [make_finding("urllib3", **URLLIB3, path=f"{SITE}/urllib3-1.23.dist-info", **late)] if hour > 30 else []
    if name.startswith("serving"):
        return [*vulnerable, *newer, *old]
    if name == "trainer-a100-2" and hour > 22:
        shared: dict[str, Any] = {"kind": "unattributed-file", "locked": None, "detail": "no package has it", **late}
        files = [
            make_finding(
                f"patch_{number}.py",
                path=f"{SITE}/debug_hooks/patch_{number}.py",
                found=f"sha256:{number:064}",
                **shared,
            )
            for number in range(1251)
        ]
        changed = {"kind": "modified", "detail": "it has 5341 bytes instead of 5337", **late}
        joblib = make_finding(
            "joblib", path=f"{SITE}/joblib/memory.py", locked=None, found=f"sha256:{7:064}", **changed
        )
        return [joblib, *files, *old]
    return newer if name.startswith("trainer") else []


def fill(store: Store) -> None:
    """Record two days of runs."""
    serving = [f"serving-{place}-{number}" for place in ("eu", "us") for number in (1, 2, 3)]
    names = [*serving, "trainer-a100-1", "trainer-a100-2", "ranker", "notebook", "embedder"]
    for name in (*names, "new-gpu-4"):
        stage = "production" if name.startswith("serving") else "training"
        settings = AuditSettings(schedule=Interval(every=timedelta(hours=1)), labels={"stage": stage})
        subject = SubjectName(kind="container", name=name)
        target = AuditTarget(name=name, subject=subject, lock=Path("pylock.toml"), settings=settings)
        store.targets.put([target], NOW)
    for hour in range(1, HOURS + 1):
        tick = NOW.replace(minute=0) - timedelta(hours=HOURS - hour)
        for name in names:
            if name == "embedder" and hour > 33:
                continue  # its worker is dead
            given: dict[str, Any] = {"target": name, "tick": tick, "started": tick, "subject": f"container {name}"}
            given |= {"finished": tick + timedelta(seconds=1.4), "report": {"environments": []}, "level": "files"}
            found = findings_of(name, hour)
            if name == "ranker":
                given |= {"state": "unreachable", "report": None, "error": "container 'ranker': no such container"}
                found = []
            store.runs.record(make_result(*found, **given), lambda *_: ())
    known = findings_of("serving-eu-1", 1)[0]
    reason = "checkpoints are our own; 2.5.2 comes on Thursday"
    store.acknowledgements.add(FindingScope(group=group_of(known)), None, reason, NOW, NOW + timedelta(days=4))


PICTURES: Final = (
    ("fleet", "/", (1200, 720), "light"),
    ("findings", "/findings", (1200, 560), "light"),
    ("target", "/targets/trainer-a100-2", (1200, 720), "light"),
    ("target-dark", "/targets/trainer-a100-2", (1200, 720), "dark"),
    ("phone", "/targets/serving-eu-1", (390, 780), "light"),
)


def write(browser: Browser, address: str, folder: Path) -> None:
    """Take every picture."""
    for name, page_of, (width, height), scheme in PICTURES:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
        )
        page = context.new_page()
        page.goto(address + page_of)
        page.screenshot(path=str(folder / f"audit-{name}.png"))
        context.close()


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[3] / "docs" / "images")
    with tempfile.TemporaryDirectory() as temporary:
        store = Store("sqlite:///audit.db", Path(temporary))
        fill(store)
        clock = SetClock(NOW)
        with chromium() as browser, served(build_app(store, actions=lambda: "anyone", clock=clock)) as address:
            write(browser, address, folder)
        store.close()


if __name__ == "__main__":
    main()
