"""Runs as an auditor does them: claimed, looked at, recorded."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from lockml.audit.config.model import AuditSettings, DiscoveryRule
from lockml.audit.model import RunResult
from lockml.audit.runs.targets import discover
from tests.audit.made import (
    NOON,
    auditor_of,
    make_container,
    make_target,
    write_venv,
)


@pytest.mark.loopback
def test_run_that_takes_too_long_is_ended_and_said_so(tmp_path: Path) -> None:
    write_venv(tmp_path)
    fifo = tmp_path / "pylock.toml"
    fifo.unlink()
    os.mkfifo(fifo)  # nobody will ever write to it
    done: list[tuple[RunResult, object]] = []
    target = make_target(tmp_path, timeout=timedelta(seconds=1))
    auditor_of(tmp_path, target).run_all([target], NOON, 1, lambda result, recorded: done.append((result, recorded)))
    ((result, recorded),) = done
    assert (result.state, str(result.error)[:29]) == ("unreachable", "it took longer than 1 seconds")
    assert recorded is not None


@pytest.mark.loopback
def test_all_results_are_told_though_one_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_venv(tmp_path)
    targets = [make_target(tmp_path, name=name) for name in ("a", "b", "c")]
    auditor = auditor_of(tmp_path, *targets)
    record = auditor.recorder.record

    def failing(result: RunResult) -> object:
        if result.target == "b":
            raise TypeError("a defect")
        return record(result)

    monkeypatch.setattr(auditor.recorder, "record", failing)
    done: list[str] = []
    with pytest.raises(TypeError):
        auditor.run_all(targets, NOON, 2, lambda result, _: done.append(result.target))
    assert sorted(done) == ["a", "b", "c"]


@pytest.mark.loopback
def test_what_was_discovered_is_looked_at_though_the_engine_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = DiscoveryRule(name="r", settings=AuditSettings(), folder=tmp_path, label="x", lock=tmp_path / "pylock.toml")
    auditor = auditor_of(tmp_path, discovery=(rule,))
    found = list(discover(rule, [make_container("a", x="1")], "me"))
    auditor.store.targets.put(found, NOON)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    assert [target.name for target in auditor.host_targets(NOON)] == ["r/a@me"]
    assert "does not answer" in str(auditor.undiscovered)
    assert auditor.store.targets.all() != []


def test_target_that_ends_its_process_each_time_is_given_up_with_a_result(tmp_path: Path) -> None:
    auditor = auditor_of(tmp_path, make_target(tmp_path))
    target = auditor.fleet.targets[0]
    for _ in range(3):
        assert auditor.claim(target, NOON, "schedule")
        auditor.claims.release_all()
    assert not auditor.claim(target, NOON, "schedule")
    (run,) = auditor.store.history.runs()
    assert (run.state, str(run.error).startswith("3 attempts ended without a result")) == ("unreachable", True)
