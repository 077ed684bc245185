"""Completion as it is in real shells: words are typed, TAB is pressed, and the line runs a program that prints it."""

import json
import re
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from lockml.lock.formats.pylock import format_lock
from tests.audit.services import unavailable
from tests.cli.process import run_lockml
from tests.cli.terminal import Terminal, open_terminal
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of
from tests.made.servers import serve_raw

pytestmark = [pytest.mark.process, pytest.mark.loopback, pytest.mark.slow]
SHELLS = {
    "bash": ["--norc", "--noprofile", "-i"],
    "zsh": ["-f", "-i"],
    "fish": ["--no-config", "-i"],
}
READY = {
    "bash": "PS1='%> '; bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; source ./script",
    "zsh": "unsetopt zle_bracketed_paste 2>/dev/null; PROMPT='%%> '; unsetopt beep; autoload -Uz compinit; "
    "compinit -u -D; source ./script",
    "fish": "function fish_prompt; echo '%> '; end; source ./script",
}
ANSWERS = {
    "/containers/json": [{"Id": "1" * 64, "Names": [f"/{name}"], "Image": "i"} for name in ("trainer", "redis-1")],
    "/images/json": [{"Id": "sha256:2", "RepoTags": ["train:7", "train:8", "registry.test:5000/base:1"]}],
}


class Engine(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        found = next((value for name, value in ANSWERS.items() if path.endswith(name)), [])
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def engine() -> Iterator[str]:
    """Serve the few answers of an engine that completion asks for."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Engine) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project: a lock, an input, a folder, a fleet."""
    index = MemoryIndex()
    index.add("numpy", "1.26.0")
    index.add("nvidia-cublas", "12.0")
    index.add("torch", "2.0", ["numpy", "nvidia-cublas"])
    (tmp_path / "pylock.toml").write_text(format_lock(lock_of(index, "torch")))
    (tmp_path / "uv.lock").write_text("")
    (tmp_path / "wanted list.in").write_text("torch\n")
    (tmp_path / "venv").mkdir()
    (tmp_path / "lockml.toml").write_text('[[audit.targets]]\nname = "gpu-7"\n')
    program = tmp_path / "lockml"
    program.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        "if '_LOCKML_COMPLETE' not in os.environ:\n    print('\\n<' + json.dumps(sys.argv[1:]) + '>')\n"
        "else:\n    from lockml.cli.main import main\n    main()\n"
    )
    program.chmod(0o755)
    return tmp_path


@contextmanager
def opened(shell: str, folder: Path, engine: str) -> Iterator[Terminal]:
    if shutil.which(shell) is None:
        unavailable(f"{shell} is not installed")
    script = run_lockml("completion", shell, folder=folder)
    assert script.code == 0
    (folder / "script").write_text(script.out)
    variables = {"DOCKER_HOST": engine, "PATH": f"{folder}:/usr/bin:/bin", "LANG": "C.UTF-8"}
    with open_terminal([shell, *SHELLS[shell]], folder, variables, columns=200) as terminal:
        terminal.type(READY[shell] + "\r")
        terminal.type("echo rea''dy\r")
        terminal.until(r"ready\s")
        yield terminal


LINES = [
    ("lockml chec\t", ["check"]),
    ("lockml check --for\tjs\t", ["check", "--format", "json"]),
    ("lockml check --format=js\t", ["check", "--format=json"]),
    ("lockml check --level f\t", ["check", "--level", "files"]),
    ("lockml check --strict memory,proc\t", ["check", "--strict", "memory,process-memory"]),
    ("lockml check --container tr\t", ["check", "--container", "trainer"]),
    ("lockml check contai\ttr\t", ["check", "container:trainer"]),
    ("lockml check image:regis\t", ["check", "image:registry.test:5000/base:1"]),
    ("lockml check image:registry.test:50\t", ["check", "image:registry.test:5000/base:1"]),
    ("lockml check --image train:\t8\t", ["check", "--image", "train:8"]),
    ("lockml check --image=regis\t", ["check", "--image=registry.test:5000/base:1"]),
    ("lockml check path:ve\t", ["check", "path:venv"]),
    ("lockml check --path ve\t", ["check", "--path", "venv"]),
    ("lockml check --lock uv\t", ["check", "--lock", "uv.lock"]),
    ("lockml check --lock web=py\t", ["check", "--lock", "web=pylock.toml"]),
    ("lockml check --lock=py\t", ["check", "--lock=pylock.toml"]),
    ("lockml compile wan\t", ["compile", "wanted list.in"]),
    ("lockml compile --base-image train:\t7\t", ["compile", "--base-image", "train:7"]),
    ("lockml compile --upgrade-package nv\t", ["compile", "--upgrade-package", "nvidia-cublas"]),
    ("lockml why nu\t", ["why", "numpy"]),
    ("lockml why --lock pylo\tto\t", ["why", "--lock", "pylock.toml", "torch"]),
    ("lockml audit man\t", ["audit", "manifest"]),
    ("lockml audit run --target g\t", ["audit", "run", "--target", "gpu-7"]),
    ("lockml -q inven\tredis\t", ["-q", "inventory", "redis-1"]),
    ("lockml lock --from freeze:wan\t", ["lock", "--from", "freeze:wanted list.in"]),
]


@pytest.mark.parametrize("shell", SHELLS)
def test_words_are_completed(shell: str, folder: Path, engine: str) -> None:
    """Bash splits words at colons and equals signs, and quotes what it completes itself; each shell types on."""
    found = {}
    with opened(shell, folder, engine) as terminal:
        for keys, _ in LINES:
            terminal.type(keys + "\r")
            text = terminal.until(r"\n<(.*)>\s")
            words = json.loads(text[text.rindex("\n<") + 2 : text.rindex(">")])
            found[keys] = [word.removesuffix("/") for word in words]  # zsh takes the slash off the last of a line
    assert found == dict(LINES)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("lockml ", ["adopt", "check", "why"]),
        ("lockml check --container ", ["redis-1", "trainer"]),
        ("lockml check image:", ["train:7", "train:8"]),
        ("lockml check ", ["container:", "trainer"]),
        ("lockml audit ", ["history", "serve"]),
    ],
)
def test_words_are_listed(shell: str, line: str, words: list[str], folder: Path, engine: str) -> None:
    with opened(shell, folder, engine) as terminal:
        terminal.type(line + "\t\t")
        terminal.until("(?s)^" + "".join(f"(?=.*{re.escape(word)})" for word in words))


def words_of(folder: Path, line: str, engine: str) -> tuple[str, float]:
    began = time.monotonic()
    done = run_lockml(folder=folder, variables={"_LOCKML_COMPLETE": "zsh", "_LOCKML_LINE": line, "DOCKER_HOST": engine})
    assert (done.code, done.err) == (0, "")
    return done.out, time.monotonic() - began


SILENT: dict[str, Callable[[socket.socket], None]] = {
    "says nothing": lambda _: time.sleep(20),
    "says nonsense": lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n{"),
}


@pytest.mark.parametrize("how", SILENT)
def test_engine_that_does_not_answer_costs_a_second(how: str, tmp_path: Path) -> None:
    """The kinds are proposed all the same."""
    with serve_raw(SILENT[how]) as url:
        out, took = words_of(tmp_path, "lockml check ", url.replace("http://", "tcp://").rstrip("/"))
    assert "open\tcontainer:\t\n" in out
    assert took < 15  # 1.3 s where nothing else runs


@pytest.mark.parametrize(
    "line",
    [
        "",
        "lockml bogus ",
        "lockml check 'unclosed ",
        "lockml check --bogus ",
        "lockml check --level=",
        "lockml why ",
        "lockml audit bogus ",
        "lockml --version ",
        "lockml check --lock=- --extra ",
    ],
)
def test_nothing_that_is_typed_or_lies_about_is_an_error(line: str, tmp_path: Path) -> None:
    (tmp_path / "pylock.toml").write_text("not = [a lock")
    (tmp_path / "lockml.toml").write_text("not = [TOML")
    words_of(tmp_path, line, "tcp://127.0.0.1:1")


def test_no_name_that_a_shell_would_read_is_proposed(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\noptional-dependencies = {"$(id)" = [], "a b" = [], good = []}\n'
    )
    out, _ = words_of(tmp_path, "lockml compile --extra ", "tcp://127.0.0.1:1")
    assert out == "plain\tgood\t\n"
