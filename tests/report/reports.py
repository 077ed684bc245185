"""Reports with many drifts, as one habit or several make them; `python -m tests.report.reports` writes their texts."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from lockml.drift.model import Drift, DriftReport
from lockml.drift.remedies import Remedies
from lockml.report.text import format_text
from tests.drift.subjects import in_order, report_on
from tests.made.trees import SITE

GOLDEN = Path(__file__).parent / "golden"
WIDTHS = (60, 80, 120)
COUNTS = (0, 1, 50, 5000)
COPY = "layer 5 of 5 (RUN cp -r /opt/base/. /opt/venv)"
PIP = "layer 4 of 5 (RUN pip install jupyterlab)"
MOUNT = "mounted at /opt/venv/lib/python3.11/site-packages/plugins (ext4 /dev/vda, /srv/plugins)"


def report_with(drifts: Sequence[Drift]) -> DriftReport:
    """Return a report on a container with these *drifts*, as it is filed."""
    return replace(
        report_on(in_order(), level="files"),
        drifts=tuple(drifts),
        started="2026-11-29T10:11:12.000Z",
        ended="2026-11-29T10:11:14.250Z",
        lock_sha256="5" * 64,
        remedies=remedies(),
    )


def remedies() -> Remedies:
    """Return those for a container that has pip."""
    run = "docker exec trainer "
    return Remedies(form="container", pip=f"{run}/opt/venv/bin/python3 -m pip", run=run, traced=True)


def drifts(count: int) -> Iterator[Drift]:
    """Yield *count* drifts: one project and more of one step, a copied folder, a mount, one file changed by hand."""
    told = remedies()
    for number in range(count):
        time = f"2026-11-28T09:{number // 60 % 60:02}:{number % 60:02}Z"
        if number < 12:
            name = f"jupyter-{number:02}"
            yield Drift(
                kind="unexpected",
                name=name,
                locked=None,
                found=f"4.{number}",
                path=f"{SITE}/{name}-4.{number}.dist-info",
                detail="no locked package requires it",
                remedy=told.remove(name, PIP),
                origin=PIP,
                time=time,
            )
        elif number == 12:
            yield Drift(
                kind="modified",
                name="numpy",
                locked=f"sha256:{'1' * 64}",
                found=f"sha256:{'2' * 64}",
                path=f"{SITE}/numpy/__init__.py",
                detail="it has 5341 bytes instead of 5337",
                remedy=told.restore("numpy", None),
                time=time,
            )
        elif number < 20:
            yield _file("unattributed-file", f"part{number}.py", f"plugins/part{number}.py", MOUNT, time)
        else:
            name = f"package{number * number % 41:02}"
            yield _file("bytecode", name, f"{name}/__pycache__/m{number}.cpython-311.pyc", COPY, time)


def _file(kind: Literal["unattributed-file", "bytecode"], name: str, path: str, origin: str, time: str) -> Drift:
    return Drift(
        kind=kind,
        name=name,
        locked=None,
        found=None,
        path=f"{SITE}/{path}",
        detail="nothing accounts for it" if kind == "unattributed-file" else "it is not of its source",
        remedy=remedies().remove_path(f"{SITE}/{path}", origin),
        origin=origin,
        time=time,
    )


def golden(count: int, width: int) -> str:
    """Return the text of the report with *count* drifts at *width* columns."""
    return format_text([report_with(list(drifts(count)))], width=width)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for count in COUNTS:
        for width in WIDTHS:
            (GOLDEN / f"{count}-drifts-{width}-columns.txt").write_text(golden(count, width), encoding="utf-8")
