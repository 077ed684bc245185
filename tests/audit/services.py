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


@dataclass(slots=True)
class Postgres:
    """A PostgreSQL that can be ended and started again with what it holds."""

    programs: Path
    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Return where its database is."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        """Make its files."""
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        options = ["-D", str(self.folder / "data"), "-U", "postgres", "--auth=trust", "-E", "UTF8", "-N"]
        self._run("initdb", *options).wait(60)

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder}
        given = [word for name, value in {**options, "fsync": "off"}.items() for word in ("-c", f"{name}={value}")]
        self.process = self._run("postgres", "-D", str(self.folder / "data"), *given)
        wait_for(self.port)
        for _ in range(100):
            if self._run("pg_isready", "-h", "127.0.0.1", "-p", str(self.port)).wait(10) == 0:
                return
            time.sleep(0.1)

    def stop(self) -> None:
        """End it at once, whoever is connected."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)

    def _run(self, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        with (self.folder / "log").open("ab") as log:
            command = [*as_user, str(self.programs / program), *arguments]
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """Start a PostgreSQL with an empty database."""
    programs = _postgres_programs()
    if programs is None:
        unavailable("PostgreSQL is not installed (Debian: postgresql)")
    assert programs is not None
    server = Postgres(programs, Path(tempfile.mkdtemp(prefix="lockml-postgres-")), free_port())
    server.make()
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)


@contextmanager
def postgres() -> Iterator[str]:
    """Start a PostgreSQL and give the address of an empty database in it."""
    with postgres_server() as server:
        yield server.url


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
