"""Ticks that one process claims, keeps by renewing them, and leaves to others."""

from datetime import timedelta
from pathlib import Path

from lockml.audit.log import Log
from lockml.audit.runs.claims import Claims
from lockml.audit.runs.host import HostContext
from lockml.audit.store.store import Store
from tests.audit.made import NOON, ListLog, SetClock, make_result, make_target


def claims_of(folder: Path, clock: SetClock, host: str = "me", log: Log | None = None) -> Claims:
    """Return the claims of a process of *host* in the store that is in *folder*."""
    context = HostContext(cache=None, spool=folder, host=host, clock=clock)
    return Claims(Store("sqlite:///audit.db", folder), context, log or Log())


def test_tick_is_claimed_by_one_process_until_its_lease_is_over(tmp_path: Path) -> None:
    clock, target = SetClock(), make_target(timeout=timedelta(minutes=10))
    mine, theirs = claims_of(tmp_path, clock), claims_of(tmp_path, clock, "other")
    assert mine.claim(target, NOON) == 1
    clock.moment += timedelta(minutes=10)
    assert theirs.claim(target, NOON) is None, "a run may take as long as its timeout"
    clock.moment += timedelta(minutes=1)
    assert theirs.claim(target, NOON) == 2


def test_tick_that_has_a_run_is_not_claimed(tmp_path: Path) -> None:
    claims = claims_of(tmp_path, SetClock())
    Store("sqlite:///audit.db", tmp_path).runs.record(make_result(), lambda *_: ())
    assert claims.claim(make_target(), NOON) is None


def test_claim_that_is_renewed_does_not_expire(tmp_path: Path) -> None:
    clock, target = SetClock(), make_target(timeout=timedelta(seconds=1))
    claims = claims_of(tmp_path, clock)
    claims.claim(target, NOON)
    clock.moment += timedelta(seconds=60)
    claims.renew()
    clock.moment += timedelta(seconds=60)
    assert claims.expired(clock()) == []
    assert [(claim.target, claim.tick) for claim in claims.running(clock())] == [("here", NOON)]
    assert claims.is_claimed(target, NOON)
    assert not claims.is_claimed(target, NOON + timedelta(hours=1))


def test_claim_that_is_left_is_free_at_once(tmp_path: Path) -> None:
    clock, target = SetClock(), make_target()
    mine, theirs = claims_of(tmp_path, clock), claims_of(tmp_path, clock, "other")
    mine.claim(target, NOON)
    mine.expire(target, NOON)
    assert theirs.claim(target, NOON) == 2
    theirs.release_all()
    assert mine.claim(target, NOON) == 3


def test_claims_of_processes_that_ended_are_free(tmp_path: Path) -> None:
    """Those of living processes and of other hosts, which cannot be known, stay."""
    claims = claims_of(tmp_path, SetClock())
    claims.claim(make_target(name="living"), NOON)
    runs = Store("sqlite:///audit.db", tmp_path).runs
    runs.claim("ended", NOON, "me 1 another", NOON, timedelta(hours=1))
    runs.claim("elsewhere", NOON, "other 1 another", NOON, timedelta(hours=1))
    claims.release_ended()
    assert [claim.target for claim in claims.expired(NOON)] == ["ended"]


def test_claim_on_a_target_that_is_gone_is_dropped_after_a_day(tmp_path: Path) -> None:
    claims = claims_of(tmp_path, SetClock())
    claims.claim(make_target(), NOON)
    claims.release_all()
    (claim,) = claims.expired(NOON)
    claims.drop(claim, NOON + timedelta(days=1))
    assert claims.expired(NOON) == [claim]
    claims.drop(claim, NOON + timedelta(days=1, seconds=1))
    assert claims.expired(NOON) == []


def test_store_that_is_away_while_claims_are_renewed_is_logged_once(tmp_path: Path) -> None:
    log = ListLog()
    claims = claims_of(tmp_path, SetClock(), log=log)
    (tmp_path / "audit.db").mkdir()
    claims.renew()
    claims.expire(make_target(), NOON)
    assert log.events == ["store-failed"]
