"""Ctrl-C while an index keeps one waiting."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lockml.lock.formats.requirements_txt import HEADER
from tests.cli.process import TARGET
from tests.made.servers import serve_raw

pytestmark = pytest.mark.loopback

BEFORE = f"{HEADER} from requirements.in, as it was.\n"
_JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.pypi.simple.v1+json\r\nContent-Length: 100000\r\n\r\n"


def be_silent(_: socket.socket) -> None:
    time.sleep(60)


def drip(connection: socket.socket) -> None:
    connection.sendall(_JSON)
    while True:
        connection.sendall(b" ")
        time.sleep(0.2)


def say_wait(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 503 Later\r\nRetry-After: 30\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize("speak", [be_silent, drip, say_wait])
def test_interrupt_ends_at_once_and_writes_nothing(tmp_path: Path, speak: Callable[[socket.socket], None]) -> None:
    asked = threading.Event()

    def answer(connection: socket.socket) -> None:
        asked.set()
        speak(connection)

    (tmp_path / "requirements.in").write_text("a\nb\n")
    (tmp_path / "requirements.txt").write_text(BEFORE)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "PIP_CONFIG_FILE": os.devnull}
    with serve_raw(answer) as url:
        process = subprocess.Popen(
            [sys.executable, "-m", "lockml", "compile", "-i", f"{url}simple/", "--cache-dir", "cache", *TARGET],
            cwd=tmp_path,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - a shell may ignore it
        )
        assert asked.wait(60)
        time.sleep(0.3)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=30)[1]
        assert time.monotonic() - began < 20  # the index keeps it for 30 and more; a busy machine takes seconds
    assert process.returncode == 130
    assert told.strip() == "lockml: interrupted"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["requirements.in", "requirements.txt"]
    assert (tmp_path / "requirements.txt").read_text() == BEFORE
