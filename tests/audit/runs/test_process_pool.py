"""Processes that do runs, and are ended."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

import pytest

from lockml.audit.runs.process_pool import ProcessPool
from tests.audit.made import (
    make_target,
    make_work,
    write_venv,
)


def killed_processes() -> int:
    """Kill the processes of this one's pool, which its fork server started, and return how many there were."""
    found = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (folder / "cmdline").read_bytes()
            if b"forkserver" in command and _parent(_parent(folder.name)) == str(os.getpid()):
                os.kill(int(folder.name), signal.SIGKILL)
                found += 1
    return found


def _parent(number: str) -> str:
    return Path("/proc", number, "stat").read_text().rpartition(")")[2].split()[1]


@pytest.mark.loopback
def test_pool_goes_on_after_its_processes_were_killed(tmp_path: Path) -> None:
    write_venv(tmp_path)
    ended: SimpleQueue[str] = SimpleQueue()

    def submit(pool: ProcessPool) -> str:
        work = make_work(make_target(tmp_path))
        pool.submit(work, lambda result: ended.put(result.state), lambda: ended.put("lost"))
        return ended.get(timeout=60)

    with ProcessPool(2, None) as pool:
        assert submit(pool) == "in-order"
        assert killed_processes() > 0
        time.sleep(0.5)
        assert "in-order" in [submit(pool) for _ in range(3)]
