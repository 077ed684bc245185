"""What a store remembers, from a shell."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lockml.audit.findings import group_of
from lockml.audit.store.acknowledgements import FindingScope
from lockml.audit.store.store import Store
from tests.audit.made import make_finding, make_result
from tests.cli.process import run_lockml

NUMPY = make_finding("numpy")


@pytest.mark.process
def test_run_tells_what_of_it_was_acknowledged_since(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    store = Store("sqlite:///audit.db", tmp_path)
    store.runs.record(make_result(NUMPY), lambda *_: ())
    until = now + timedelta(days=3)
    store.acknowledgements.add(FindingScope(group=group_of(NUMPY), target="here"), "here", "known", now, until)
    store.runs.record(make_result(NUMPY, hours=1, finished=now), lambda *_: ())
    store.close()
    options = ("--store", "sqlite:///audit.db")
    first, second = (run_lockml("audit", "show", str(run), *options, folder=tmp_path).out for run in (1, 2))
    reason = f"known (acknowledged until {until:%Y-%m-%d %H:%M} UTC)"
    assert f"now {reason}" in first
    assert f"accepted version numpy: {reason}" in second
    assert run_lockml("audit", "show", "here", *options, folder=tmp_path).out == second, "its last run"
    assert run_lockml("audit", "show", "nosuch", *options, folder=tmp_path).code == 2
    shown = run_lockml("audit", "show", "1", "--format", "json", *options, folder=tmp_path)
    assert json.loads(shown.out)["acknowledged"] == {NUMPY.fingerprint: reason}
