"""Real PostgreSQL and Redis: whatever is ended meanwhile, a tick has one result."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import func, select

from lockml.audit.store.store import Store
from lockml.audit.store.tables import claims, runs
from tests.audit.made import OTHER, install, write_venv
from tests.audit.services import postgres, postgres_server, redis
from tests.audit.serving import environment_of, serve, wait_until

pytestmark = pytest.mark.engine

COUNT = 200


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a command of ``lockml audit`` in *folder*, and end it with all its processes."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lockml", "audit", *arguments],
            cwd=folder,
            env=environment_of(folder),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End it and all its processes at once, if it has not ended."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def fleet(store: str, broker: str) -> str:
    """Return a fleet of which each of two hosts has half, due once and for all."""
    text = f'[audit]\nstore = "{store}"\nbroker = "{broker}"\n[audit.index]\nask = false\n'
    text += '[audit.defaults]\ncron = "0 0 1 1 *"\ntimeout = "5s"\n'
    for number in range(COUNT):
        text += f'[[audit.targets]]\nname = "t{number:03}"\nlock = "pylock.toml"\npath = "venv"\n'
        text += f'hosts = ["{"ab"[number % 2]}"]\n'
    return text


def count(store: Store) -> int:
    with store.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(runs)).scalar_one()


def test_each_of_two_hundred_targets_has_one_result_whatever_is_ended_meanwhile(tmp_path: Path) -> None:
    write_venv(tmp_path)
    with postgres() as url, redis() as broker, ExitStack() as stack:
        (tmp_path / "lockml.toml").write_text(fleet(url, broker.url))
        store = Store(url)
        stack.callback(store.close)
        stack.enter_context(started(tmp_path, "beat", "--host", "beat"))
        stack.enter_context(started(tmp_path, "beat", "--host", "beat-2"))
        first = stack.enter_context(started(tmp_path, "worker", "--host", "a", "--processes", "1"))
        wait_until(lambda: count(store) > 10, "the first worker works")
        kill(first)
        done = count(store)
        assert done < COUNT / 2, "it was ended in the middle"
        broker.kill()
        stack.enter_context(started(tmp_path, "worker", "--host", "b", "--processes", "1"))
        broker.start()
        stack.enter_context(started(tmp_path, "worker", "--host", "a", "--processes", "1"))
        wait_until(lambda: count(store) >= COUNT, f"every target is looked at: {count(store)}", seconds=120)
        with store.database.reading() as connection:
            rows = connection.execute(select(runs.c.target, runs.c.tick, runs.c.state, runs.c.host)).all()
            left = connection.execute(select(func.count()).select_from(claims)).scalar_one()
        assert len(rows) == COUNT
        assert {row.target for row in rows} == {f"t{number:03}" for number in range(COUNT)}
        assert len({row.tick for row in rows}) == 1
        assert {row.state for row in rows} == {"in-order"}
        assert {row.host for row in rows if int(row.target[1:]) % 2} == {"b"}
        assert left == 0


def test_server_that_goes_away_for_a_while_loses_no_tick(tmp_path: Path) -> None:
    """What is found meanwhile waits in the spool, and is told in its order when the server is back."""
    prefix = write_venv(tmp_path)
    with postgres_server() as server:
        (tmp_path / "lockml.toml").write_text(
            f'[audit]\nstore = "{server.url}"\n[audit.index]\nask = false\n'
            '[[audit.targets]]\nname = "here"\nlock = "pylock.toml"\npath = "venv"\nevery = "1s"\n'
        )
        with serve(tmp_path) as service:
            wait_until(lambda: service.states().get("here") == "in-order", "it is looked at")
            server.stop()
            install(prefix, OTHER)
            wait_until(lambda: len([each for each in service.log if each["event"] == "spooled"]) > 3, "results wait")
            server.start()
            wait_until(lambda: service.states().get("here") == "drift", "the server is back")
            wait_until(lambda: not list((tmp_path / "state").rglob("*.run.json")), "nothing waits any more")
            runs = service.api("runs?limit=1000")["runs"]
            (finding,) = service.api("findings")["findings"]
    ticks = sorted(datetime.fromisoformat(run["tick"]) for run in runs)
    assert max(later - earlier for earlier, later in pairwise(ticks)) <= timedelta(seconds=3)
    first = min((run for run in runs if run["state"] == "drift"), key=lambda run: str(run["tick"]))
    assert finding["kind"] == "artifact"
    assert finding["opened"] >= first["tick"]
