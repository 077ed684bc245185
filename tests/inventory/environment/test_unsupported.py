"""What starts in place of a CPython, by one sentence."""

import pytest

from lockml.common.errors import UnreachableError
from lockml.inventory.collect import take_inventory
from lockml.inventory.environment.unsupported import find_unsupported
from lockml.inventory.model import Runtime, Subject
from tests.made.trees import MemoryTree, venv_files

SHIM = b'#!/usr/bin/env bash\nexport PYENV_ROOT="/p"\nexec "/p/libexec/pyenv" exec "$program" "$@"\n'


def sentence(files: dict[str, bytes], *command: str, links: dict[str, str] | None = None, path: str = "/bin") -> str:
    runtime = Runtime(command=command, environment={"PATH": path}, working_folder="/app")
    found = find_unsupported(MemoryTree(files, links=links), runtime, (), unsure=not command)
    return f"{found.path}: {found.reason}" if found is not None else ""


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"#!/usr/bin/env python3\nPK\x03\x04...PEX-INFO...__main__.py", "a PEX file"),
        (b"#!/usr/bin/env python3\nPK\x03\x04..._bootstrap/environment.py...__main__.py", "a shiv archive"),
        (b"PK\x03\x04...__main__.py", "a zip archive of Python"),
    ],
)
def test_archive_that_python_runs_is_named(content: bytes, kind: str) -> None:
    for command in (("/app/x",), ("python3", "x"), ("./x",)):
        assert sentence({"/app/x": content}, *command).startswith(f"/app/x: it is {kind} with")


@pytest.mark.parametrize(("sign", "tool"), [(b"_MEIPASS2", "PyInstaller"), (b"NUITKA_ONEFILE", "Nuitka")])
def test_frozen_program_is_named(sign: bytes, tool: str) -> None:
    assert f"into which {tool} froze" in sentence({"/app/x": b"\x7fELF..." + sign}, "x", path="/app")


def test_shim_of_pyenv_is_named_with_what_it_may_start() -> None:
    files = {"/p/shims/python": SHIM, "/p/versions/3.11.9/bin/python": b"\x7fELF"}
    told = sentence(files, path="/p/shims:/bin")
    assert told == "/p/shims/python: it is a shim of pyenv, which selects a Python when it is started: 3.11.9"


@pytest.mark.parametrize("content", [b"#!/bin/sh\nexec python3 x", b"\x7fELF", b"PK\x03\x04 META-INF", b""])
def test_ordinary_program_is_none(content: bytes) -> None:
    assert not sentence({"/app/x": content, "/bin/python3.11": b"\x7fELF"}, "/app/x")


def test_subject_that_starts_an_archive_is_incomplete_whatever_else_it_has() -> None:
    files = {**venv_files(), "/app/x.pex": b"#!/usr/bin/python3\nPK\x03\x04...PEX-INFO"}
    runtime = Runtime(command=("/app/x.pex",), environment={"PATH": "/opt/venv/bin"})
    with pytest.raises(UnreachableError, match="a PEX file"):
        take_inventory(MemoryTree(files), Subject(kind="image", name="x"), runtime)
