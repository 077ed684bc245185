"""One run of one target: what `check` says of it, and what cannot be looked at, as a result."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from lockml.audit.model import RunResult
from lockml.audit.runs.host import utc_now
from lockml.audit.runs.run import Work, run_target
from lockml.audit.runs.run_cache import LockFile, RunCache
from lockml.drift.policy import IgnoreRule
from tests.audit.made import NOON, OTHER, install, make_target, make_work, write_venv
from tests.made.locks import signed


def run_work(work: Work, cache: RunCache | None = None) -> RunResult:
    """Do a run as a process does that has not done any before."""
    return run_target(work, cache or RunCache(None), utc_now)


def test_result_of_a_run_is_what_check_says(tmp_path: Path) -> None:
    prefix = write_venv(tmp_path)
    result = run_work(make_work(make_target(tmp_path)))
    assert (result.state, result.findings, result.level, result.error) == ("in-order", (), "artifacts", None)
    assert result.lock_text == (tmp_path / "pylock.toml").read_text()
    assert result.report is not None
    assert result.report["schema"] == "lockml/check/2"
    install(prefix, OTHER)
    (finding,) = run_work(make_work(make_target(tmp_path))).findings
    assert (finding.kind, finding.name, finding.severity) == ("artifact", "numpy", "error")


def test_rules_and_severities_of_the_fleet_decide_what_counts(tmp_path: Path) -> None:
    install(write_venv(tmp_path), OTHER)
    rule = IgnoreRule(reason="known", stated_in="lockml.toml:3", names=("numpy",))
    allowed = run_work(make_work(make_target(tmp_path), rules=(rule,)))
    assert (allowed.state, [each.reason for each in allowed.accepted]) == ("in-order", ["known (lockml.toml:3)"])
    lower = run_work(make_work(make_target(tmp_path, severities={"artifact": "warning"})))
    assert (lower.state, [each.severity for each in lower.findings]) == ("in-order", ["warning"])


@pytest.mark.parametrize(
    ("spoil", "told", "state", "code"),
    [
        (lambda folder: (folder / "pylock.toml").unlink(), "no such file", "misconfigured", 2),
        (lambda folder: (folder / "pylock.toml").write_text("[["), "pylock.toml", "misconfigured", 2),
        (lambda folder: (folder / "venv").rename(folder / "gone"), "no such folder", "unreachable", 4),
    ],
)
def test_what_cannot_be_looked_at_is_a_result(
    tmp_path: Path, spoil: Callable[[Path], object], told: str, state: str, code: int
) -> None:
    """A lock that is not there is a fault of the fleet and not of the subject."""
    write_venv(tmp_path)
    spoil(tmp_path)
    result = run_work(make_work(make_target(tmp_path)))
    assert (result.state, result.exit_code, result.report) == (state, code, None)
    assert told in str(result.error)


def test_lock_that_changed_is_read_anew(tmp_path: Path) -> None:
    write_venv(tmp_path)
    assert run_work(make_work(make_target(tmp_path))).state == "in-order"
    text = (tmp_path / "pylock.toml").read_text()
    changed = signed(text.replace("1.26.4", "1.26.5"))
    (tmp_path / "pylock.toml").write_text(changed)
    assert run_work(make_work(make_target(tmp_path))).state == "drift"


def test_requirement_file_that_asks_for_more_than_the_lock_has_is_told(tmp_path: Path) -> None:
    write_venv(tmp_path)
    lock = (tmp_path / "pylock.toml").read_text()
    assert 'origin = "requirements.in"' in lock
    (tmp_path / "requirements.in").write_text("numpy\nmodel\nscipy>=1\n")
    (finding,) = run_work(make_work(make_target(tmp_path))).findings
    assert (finding.kind, finding.severity) == ("lock-outdated", "warning")
    assert "scipy>=1" in finding.detail
    assert "is not locked" in finding.detail


def test_run_that_celery_ends_says_that_it_took_too_long(tmp_path: Path) -> None:
    class Limited(RunCache):
        def read_lock(self, path: Path) -> LockFile:
            raise SoftTimeLimitExceeded(str(path))

    result = run_work(make_work(make_target(tmp_path)), Limited(None))
    assert (result.state, str(result.error)[:31]) == ("unreachable", "it took longer than 600 seconds")


def test_runs_of_one_process_share_what_they_read(tmp_path: Path) -> None:
    prefix, cache = write_venv(tmp_path), RunCache(None)
    assert run_work(make_work(make_target(tmp_path)), cache).state == "in-order"
    install(prefix, OTHER)
    assert run_work(make_work(make_target(tmp_path)), cache).state == "drift", "a folder is looked at each time"


def test_moments_of_a_run_are_those_of_the_clock(tmp_path: Path) -> None:
    write_venv(tmp_path)
    moments = iter((NOON, NOON + timedelta(seconds=2)))
    result = run_target(make_work(make_target(tmp_path)), RunCache(None), lambda: next(moments))
    assert (result.started, result.finished) == (NOON, NOON + timedelta(seconds=2))
