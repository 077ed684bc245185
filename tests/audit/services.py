"""A PostgreSQL and a Redis of the tests' own, each started where it is needed."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


def unavailable(reason: str) -> None:
    """Skip, or fail where CI demands the real parts."""
    if os.environ.get("LOCKML_REQUIRE_ENGINE") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """Return the number of a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, seconds: float = 30) -> None:
    """Wait until somebody listens on *port*."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on {port}")


def _postgres_programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def postgres() -> Iterator[str]:
    """Start a PostgreSQL and give the address of an empty database in it."""
    programs = _postgres_programs()
    if programs is None:
        unavailable("PostgreSQL is not installed (Debian: postgresql)")
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="lockml-postgres-"))
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres", "postgres")
    data, port = folder / "data", free_port()
    made = [*as_user, str(programs / "initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "-E", "UTF8", "-N"]
    subprocess.run(made, check=True, capture_output=True, cwd=folder)
    options = ["-c", f"port={port}", "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
    with (folder / "log").open("wb") as log:
        command = [*as_user, str(programs / "postgres"), "-D", str(data), *options, "-c", "fsync=off"]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        wait_for(port)
        for _ in range(100):
            ready = [str(programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(port)]
            if subprocess.run(ready, capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.1)
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(slots=True)
class Redis:
    """A Redis that keeps nothing when it is ended, and can be started again on its port."""

    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, empty."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(
            ["redis-server", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/"
        )
        wait_for(self.port)

    def kill(self) -> None:
        """End it at once, with all that it holds."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)


@contextmanager
def redis() -> Iterator[Redis]:
    """Start a Redis."""
    if shutil.which("redis-server") is None:
        unavailable("Redis is not installed (Debian: redis-server)")
    server = Redis(free_port())
    server.start()
    try:
        yield server
    finally:
        server.kill()
