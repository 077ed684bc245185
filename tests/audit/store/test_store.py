"""What is remembered: by SQLite in every run of the tests, by a real PostgreSQL where the engine tests run."""

import multiprocessing
import os
import signal
import sqlite3
import time
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select

from lockml.audit.config.model import NotifyRule
from lockml.audit.findings import Changes
from lockml.audit.messages import messages_of
from lockml.audit.model import RunResult
from lockml.audit.store.database import VERSION_TABLE
from lockml.audit.store.store import Store
from lockml.audit.store.tables import contents, metadata
from lockml.common.errors import InputError, StoreError
from tests.audit.made import NOON, make_finding, make_result, make_target, to_first_version
from tests.audit.seeded import CONTROL, HOSTILE, UNDECODABLE

NUMPY, PANDAS = make_finding("numpy"), make_finding("pandas")
LEASE = timedelta(minutes=5)


def silent(*_: object) -> tuple[()]:
    return ()


def record(store: Store, *results: RunResult) -> list[Changes | None]:
    recorded = [store.runs.record(result, silent) for result in results]
    return [each.changes if each is not None else None for each in recorded]


def test_file_and_its_log_are_for_this_user_alone(tmp_path: Path) -> None:
    """Whatever the umask lets new files be: a report tells what could be attacked where."""
    before = os.umask(0)
    try:
        store = Store(f"sqlite:///{tmp_path}/audit.db")
        store.runs.record(make_result(NUMPY), silent)
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("audit.db", "audit.db-shm", "audit.db-wal"), 0o600)


def test_findings_are_open_from_one_run_to_another(store: Store) -> None:
    first, second, third = record(
        store, make_result(NUMPY), make_result(NUMPY, PANDAS, hours=1), make_result(PANDAS, hours=2)
    )
    assert first == Changes(opened=(NUMPY,))
    assert second == Changes(opened=(PANDAS,))
    assert third == Changes(resolved=(NUMPY,))
    (pandas,) = store.history.findings("here")
    assert (pandas.finding, pandas.opened_by, pandas.resolved) == (PANDAS, 2, None)
    closed = store.history.findings("here", closed=True)[-1]
    assert (closed.finding, closed.opened_by, closed.resolved_by) == (NUMPY, 1, 3)
    assert closed.resolved == NOON + timedelta(hours=2, seconds=1)


def test_finding_that_stays_open_is_told_as_it_is_today(store: Store) -> None:
    record(store, make_result(NUMPY), make_result(make_finding("numpy", severity="warning", detail="now"), hours=1))
    (found,) = store.history.findings()
    assert (found.opened_by, found.finding.severity, found.finding.detail) == (1, "warning", "now")
    assert store.history.open_counts() == {("here", "version", "warning"): 1}


def test_tick_has_one_run(store: Store) -> None:
    assert record(store, make_result(NUMPY), make_result(PANDAS)) == [Changes(opened=(NUMPY,)), None]
    assert [run.kinds for run in store.history.runs()] == [{"version": 1}]


def test_run_that_comes_late_is_kept_and_changes_nothing(store: Store) -> None:
    late = make_result(PANDAS, hours=-1)
    assert record(store, make_result(NUMPY), late) == [Changes(opened=(NUMPY,)), Changes()]
    assert [each.finding.name for each in store.history.findings()] == ["numpy"]
    assert len(store.history.runs()) == 2


def test_claim_is_one_processs_until_its_lease_is_over(store: Store) -> None:
    assert store.runs.claim("here", NOON, "a", NOON, LEASE) == 1
    assert store.runs.claim("here", NOON, "b", NOON + timedelta(minutes=4), LEASE) is None
    assert store.runs.claim("here", NOON, "b", NOON + timedelta(minutes=6), LEASE) == 2
    record(store, make_result())
    assert store.runs.claimed() == []
    assert store.runs.claim("here", NOON, "c", NOON + timedelta(hours=1), LEASE) is None


def test_ticks_of_who_ended_are_free_at_once(store: Store) -> None:
    store.runs.claim("here", NOON, "ended", NOON, LEASE)
    store.runs.expire_all("ended", NOON)
    assert [claim.target for claim in store.runs.expired(NOON)] == ["here"]
    assert store.runs.claim("here", NOON, "next", NOON, LEASE) == 2


def test_reports_and_locks_are_kept_once(store: Store) -> None:
    results = [make_result(NUMPY, hours=hour, lock_text="lock") for hour in range(20)]
    record(store, *results)
    with store.database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(contents)).scalar_one() == 2
    run = store.history.runs(limit=1)[0]
    assert store.history.document(run).findings == [NUMPY]
    assert store.history.lock_text(run) == "lock"


def test_old_runs_are_taken_away_and_the_last_one_stays(store: Store) -> None:
    record(store, *(make_result(NUMPY, PANDAS, hours=hour, lock_text=f"lock {hour}") for hour in range(5)))
    record(store, make_result(hours=5), make_result(NUMPY, target="other"))
    assert store.runs.prune(NOON + timedelta(hours=3)) == 3
    assert [run.tick.hour for run in store.history.runs("here")] == [17, 16, 15]
    assert len(store.history.runs("other")) == 1, "the last run of a target is never too old"
    with store.database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(contents)).scalar_one() == 5
    assert store.runs.prune(NOON + timedelta(days=9)) == 2
    assert store.history.findings("here", closed=True) == []


def test_states_sparks_and_successes_are_told(store: Store) -> None:
    lost = make_result(hours=3, state="unreachable", report=None, error="gone")
    record(store, make_result(NUMPY), make_result(hours=1), make_result(hours=2), lost)
    record(store, make_result(NUMPY, target="other"), make_result(NUMPY, target="other", hours=1))
    store.targets.put([make_target(name="here"), make_target(name="other")], NOON)
    since = {target: run.since for target, run in store.history.latest().items()}
    assert since == {"here": NOON + timedelta(hours=3, seconds=1), "other": NOON + timedelta(seconds=1)}
    assert store.history.sparks(3) == {
        "here": [("in-order", 0), ("in-order", 0), ("unreachable", 0)],
        "other": [("drift", 1), ("drift", 1)],
    }
    assert store.history.latest_successes()["here"] == NOON + timedelta(hours=2, seconds=1)
    assert store.history.latest()["here"].error == "gone"
    assert store.history.open_counts() == {("other", "version", "error"): 1}


def test_last_run_is_that_of_the_latest_tick_whenever_it_was_recorded(store: Store) -> None:
    store.targets.put([make_target()], NOON)
    record(store, make_result(NUMPY, hours=1), make_result())
    assert store.history.latest()["here"].state == "drift"
    assert store.history.sparks(2) == {"here": [("in-order", 0), ("drift", 1)]}
    assert store.runs.prune(NOON + timedelta(days=9)) == 1
    assert store.history.latest()["here"].state == "drift"


def test_living_process_keeps_what_it_has_taken_up(store: Store) -> None:
    store.runs.claim("here", NOON, "me", NOON, LEASE)
    store.runs.renew("me", NOON + timedelta(minutes=4), LEASE)
    assert store.runs.expired(NOON + timedelta(minutes=8)) == []
    store.runs.expire("here", NOON, "me", NOON)
    store.runs.renew("me", NOON + timedelta(minutes=4), LEASE)
    assert len(store.runs.expired(NOON)) == 1, "what was let go is not kept"


def test_targets_come_and_go(store: Store) -> None:
    first, second = make_target(name="a"), make_target(name="b")
    store.targets.put([first, second], NOON)
    store.targets.retire(["a"], NOON, rule=None)
    assert [each.name for each in store.targets.all()] == ["a"]
    assert [each.name for each in store.targets.all(gone=True)] == ["a", "b"]
    store.targets.put([second], NOON)
    assert len(store.targets.all()) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", [HOSTILE, CONTROL, UNDECODABLE, "x" * 100_000])
def test_names_of_hostile_images_are_kept_as_they_are(store: Store, name: str) -> None:
    finding = make_finding(name, path=f"/{name}", detail=name)
    record(store, make_result(finding, error=name, subject=f"container {name}"))
    (found,) = store.history.findings()
    assert found.finding == finding
    assert store.history.document(store.history.runs()[0]).findings == [finding]


def test_migrations_make_the_tables_that_the_code_has(store: Store) -> None:
    with store.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def _open_and_claim(url: str, number: int, begin: object, found: object) -> None:
    store = Store(url)
    begin.wait()  # type: ignore[attr-defined]
    mine = [
        tick for tick in range(50) if store.runs.claim("here", NOON + timedelta(hours=tick), str(number), NOON, LEASE)
    ]
    for tick in mine:
        store.runs.record(make_result(NUMPY, hours=tick, host=str(number)), silent)
    found.put(len(mine))  # type: ignore[attr-defined]
    store.close()


@pytest.mark.process
def test_processes_that_begin_at_once_make_the_store_once_and_share_the_ticks(url: str) -> None:
    """Four schedulers on one new store: each tick has one run, whoever makes it."""
    context = multiprocessing.get_context("fork")
    begin, found = context.Barrier(4), context.Queue()
    processes = [context.Process(target=_open_and_claim, args=(url, number, begin, found)) for number in range(4)]
    for process in processes:
        process.start()
    counts = [found.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(10)
    assert sum(counts) == 50
    store = Store(url)
    assert len(store.history.runs(limit=1000)) == 50
    assert len(store.history.findings(closed=True)) == 1
    store.close()


def _record_for_ever(url: str, ready: object) -> None:
    store = Store(url)
    for number in range(100_000):
        store.runs.record(make_result(*([NUMPY] if number % 2 else [PANDAS]), hours=number), silent)
        ready.set()  # type: ignore[attr-defined]


@pytest.mark.process
def test_kill_at_any_moment_loses_no_more_than_what_was_in_flight(url: str) -> None:
    context = multiprocessing.get_context("fork")
    for _ in range(5):
        ready = context.Event()
        process = context.Process(target=_record_for_ever, args=(url, ready))
        process.start()
        assert ready.wait(30)
        time.sleep(0.05)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join(10)
        store = Store(url)
        runs = store.history.runs(limit=100_000)
        ticks = sorted(run.tick for run in runs)
        assert ticks == [NOON + timedelta(hours=number) for number in range(len(ticks))], "none is missing in between"
        last = store.history.document(runs[0]).findings
        assert [each.finding for each in store.history.findings()] == last, "what is open is what the last run found"
        store.close()


def test_store_of_a_newer_lockml_is_refused(tmp_path: Path) -> None:
    Store("sqlite:///a.db", tmp_path).history.runs()
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("UPDATE lockml_version SET version_num = '9999'")
    with pytest.raises(InputError, match="cannot be migrated") as caught:
        Store("sqlite:///a.db", tmp_path).history.runs()
    assert caught.value.hint == "a newer lockml created it: update this one"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("mysql://x/y", "is not the address of a store"),
        ("postgresql://x:1y/z", "is not the address of a store"),
        ("postgresql://u:a@b@host/z", "is not the address of a store"),
        ("audit.db", "is not the address of a store"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///nosuch/audit.db", "there is no folder"),
    ],
)
def test_address_that_is_none_is_refused(tmp_path: Path, url: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        Store(url, tmp_path)


def test_store_that_is_no_database_is_told_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("this is a text, and not a database" * 100)
    with pytest.raises(StoreError, match="does not respond"):
        Store("sqlite:///a.db", tmp_path).history.runs()


@pytest.mark.loopback
@pytest.mark.parametrize("login", ["user:secret", "user:a/secret", "user:a%2Fsecret", "user:#secret", "user:'secret"])
def test_server_that_does_not_answer_is_told_without_its_password(login: str) -> None:
    with pytest.raises((InputError, StoreError)) as caught:
        Store(f"postgresql://{login}@127.0.0.1:9/x?options=secret").history.runs()
    assert "secret" not in f"{caught.value} {caught.value.hint}"


def test_database_that_another_program_migrates_too_is_used(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.execute("INSERT INTO alembic_version VALUES ('theirs')")
    assert Store("sqlite:///a.db", tmp_path).history.runs() == []


@pytest.mark.slow
def test_storms_that_come_again_do_not_make_the_store_larger(tmp_path: Path) -> None:
    """Four hundred findings open, are told and resolved, again and again."""
    store = Store("sqlite:///a.db", tmp_path)
    rule = NotifyRule(name="hook", urls=("json://hook.example/x",))
    storm = [make_finding(path=f"/opt/venv/lib/python3.11/site-packages/p{number}.py") for number in range(400)]
    sizes = []
    for hour in range(24):
        found = storm if hour % 2 == 0 else []
        store.runs.record(make_result(*found, hours=hour), lambda *given: messages_of([rule], *given))
        now = NOON + timedelta(hours=hour, minutes=1)
        for group in store.outbox.take("me", now, LEASE):
            store.outbox.settle([each.id for each in group], now, "sent", "sent")
        with store.database.reading() as connection:
            sizes.append(connection.exec_driver_sql("PRAGMA page_count").scalar_one())
    kept = len(store.history.findings(closed=True, limit=10_000))
    store.close()
    assert kept == 1000
    assert sizes[-1] <= sizes[9] * 1.05


@pytest.mark.slow
def test_room_of_what_was_deleted_is_given_back(tmp_path: Path) -> None:
    store = Store("sqlite:///a.db", tmp_path)
    record(store, make_result(NUMPY))
    with store.database.writing() as connection:
        for number in range(40):
            connection.execute(contents.insert().values(sha256=str(number), body=os.urandom(1 << 20)))
    assert (tmp_path / "a.db").stat().st_size + (tmp_path / "a.db-wal").stat().st_size > 40 << 20
    store.runs.prune(NOON)
    assert (tmp_path / "a.db").stat().st_size < 1 << 20
    assert (tmp_path / "a.db-wal").stat().st_size < 1 << 20
    assert len(store.history.findings()) == 1
    store.close()


@pytest.mark.slow
def test_room_is_given_back_another_time_where_somebody_writes(tmp_path: Path) -> None:
    store = Store("sqlite:///a.db", tmp_path)
    record(store, make_result(NUMPY))
    with store.database.writing() as connection:
        for number in range(40):
            connection.execute(contents.insert().values(sha256=str(number), body=bytes(1 << 20)))
    with store.database.writing() as connection:
        connection.execute(contents.delete().where(func.length(contents.c.sha256) < 3))
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.database.compact()
    assert (tmp_path / "a.db").stat().st_size + (tmp_path / "a.db-wal").stat().st_size > 40 << 20
    other.close()
    store.database.compact()
    assert (tmp_path / "a.db").stat().st_size < 1 << 20
    store.close()


def test_store_of_the_first_version_is_brought_up_to_date_and_counts_its_runs(tmp_path: Path) -> None:
    store = Store("sqlite:///a.db", tmp_path)
    record(store, make_result(NUMPY), make_result(hours=1))
    store.close()
    to_first_version(tmp_path / "a.db")
    store = Store("sqlite:///a.db", tmp_path)
    assert store.counters.of("runs") == {"drift": 1, "in-order": 1}
    record(store, make_result(hours=2))
    assert store.counters.of("runs") == {"drift": 1, "in-order": 2}
    store.close()
