"""A ``lockml audit serve`` as a user starts it, and somebody who is told."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette


def environment_of(folder: Path, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables of a process with a home of its own."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "PIP_CONFIG_FILE": os.devnull,
        "LOCKML_CACHE_DIR": str(folder / "cache"),
        "LOCKML_STATE_DIR": str(folder / "state"),
        "LOCKML_HOST": "here",
        "PYTHONPATH": str(Path(__file__).parents[2]),  # of tests.audit.quick
        **(variables or {}),
    }


def wait_until(said: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Wait until *said* is true and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = said()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"in {seconds} seconds it did not come to this: {what}")


@dataclass(slots=True)
class Service:
    """A running ``lockml audit serve``, and what it logged."""

    process: "subprocess.Popen[str]"
    log: list[dict[str, Any]] = field(default_factory=list)
    token: str | None = None

    @property
    def address(self) -> str:
        """Return where it serves."""
        return str(wait_until(lambda: self.event("serving"), f"it serves: {self.log}")["address"])

    def event(self, name: str) -> dict[str, Any] | None:
        """Return the first event of that name."""
        return next((each for each in self.log if each.get("event") == name), None)

    def get(self, path: str) -> str:
        """Return the page at *path*."""
        request = urllib.request.Request(f"{self.address}{path}")
        if self.token is not None:
            request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.read().decode())

    def api(self, path: str) -> Any:
        """Return what the API answers."""
        return json.loads(self.get(f"/api/{path}"))

    def states(self) -> dict[str, str]:
        """Return the state of each target."""
        return {each["name"]: each["state"] for each in self.api("targets")["targets"]}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Stop it for a while, so that it does not look at what is half done."""
        os.killpg(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it and all its processes at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def end(self) -> int:
        """End it as an operator does and return its exit code."""
        self.process.terminate()
        return self.process.wait(30)


@contextmanager
def serve(
    folder: Path,
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    token: str | None = None,
    program: str = "lockml",
) -> Iterator[Service]:
    """Start it in *folder* on a port of its own, and end it, if that was not done before."""
    process = subprocess.Popen(
        [sys.executable, "-m", program, "audit", "serve", "--port", "0", *arguments],
        cwd=folder,
        env=environment_of(folder, {**(variables or {}), **({"LOCKML_TOKEN": token} if token else {})}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    service = Service(process, token=token)

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            try:
                service.log.append(json.loads(line))
            except ValueError:
                service.log.append({"event": "text", "text": line})

    threading.Thread(target=read, daemon=True).start()
    try:
        yield service
    finally:
        if process.poll() is None:
            service.end()


@contextmanager
def receiver() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Give the address of a webhook, as Apprise has it, and the messages that it gets."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"json://127.0.0.1:{server.server_address[1]}/hook", got
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """Serve *app* by a thread of this process on a port of its own, and give its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, "it serves")
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(30)
