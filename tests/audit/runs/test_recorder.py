"""Results that are recorded, and kept in the spool while the store is away."""

from pathlib import Path

import pytest

from lockml.common.errors import StoreError
from tests.audit.made import auditor_of, make_finding, make_result


class Away:
    """A store that does not answer to those who record."""

    def record(self, *_: object) -> None:
        raise StoreError("store", "does not answer")


def test_result_waits_in_the_spool_until_the_store_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    auditor = auditor_of(tmp_path)
    answering = auditor.store.runs
    monkeypatch.setattr(auditor.store, "runs", Away())
    assert auditor.recorder.record(make_result(make_finding())) is None
    assert auditor.recorder.record(make_result(hours=1)) is None
    assert auditor.recorder.flush() == 0
    monkeypatch.setattr(auditor.store, "runs", answering)
    again = auditor_of(tmp_path)  # the process may have ended meanwhile
    assert again.recorder.flush() == 2
    assert [(run.state, run.opened, run.resolved) for run in again.store.history.runs()] == [
        ("in-order", 0, 1),
        ("drift", 1, 0),
    ]
    assert list((tmp_path / "spool").iterdir()) == []


def test_result_that_can_be_kept_nowhere_is_said_to_be_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    auditor = auditor_of(tmp_path)
    (tmp_path / "spool").write_text("no folder")
    monkeypatch.setattr(auditor.store, "runs", Away())
    assert auditor.recorder.record(make_result()) is None
    assert "cannot be written to" in auditor.recorder.lost[0]
