"""Which files of an image bound what is installed in it, as pip and uv find them there."""

import hashlib

import pytest

from lockml.cli.compile.image.constraints import constraints_of, read_constraints
from lockml.common.errors import InputError
from lockml.lock.model import BaseImage
from tests.made.trees import MemoryTree


def found(files: dict[str, bytes], **environment: str) -> dict[str, tuple[str, ...]]:
    """Return the lines of each file that counts in an image with its Python in /opt/venv, and /app to work in."""
    read, notes = read_constraints(MemoryTree(files), environment, "/opt/venv", "/app", "base:1")
    assert notes == ()
    assert [each.sha256 for each in read] == [hashlib.sha256(files[each.path]).hexdigest() for each in read]
    return {each.path: each.lines for each in read}


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"PIP_CONSTRAINT": "/etc/limits.txt"}, "/etc/limits.txt"),
        ({"PIP_CONSTRAINT": "limits.txt"}, "/app/limits.txt"),
        ({"UV_CONSTRAINT": "/etc/limits.txt"}, "/etc/limits.txt"),
        ({}, "/etc/pip/constraint.txt"),
    ],
)
def test_file_is_found_by_variables_and_in_its_usual_place(environment: dict[str, str], path: str) -> None:
    assert found({path: b"numpy<2  # NVIDIA\n\n"}, **environment) == {path: ("numpy<2",)}


@pytest.mark.parametrize(
    "place", ["/etc/pip.conf", "/opt/venv/pip.conf", "/root/.config/pip/pip.conf", "/root/.pip/pip.conf"]
)
@pytest.mark.parametrize("section", ["global", "install"])
def test_file_is_found_by_the_configuration_of_pip(place: str, section: str) -> None:
    files = {place: f"[{section}]\nconstraint = /etc/limits.txt\n".encode(), "/etc/limits.txt": b"numpy<2\n"}
    assert found(files) == {"/etc/limits.txt": ("numpy<2",)}


def test_variable_replaces_the_configuration_and_an_empty_one_turns_all_off() -> None:
    files = {"/etc/pip.conf": b"[global]\nconstraint = /etc/a.txt\n", "/etc/a.txt": b"a<1\n", "/etc/b.txt": b"b<1\n"}
    files["/etc/pip/constraint.txt"] = b"c<1\n"
    assert found(files, PIP_CONSTRAINT="/etc/b.txt") == {"/etc/b.txt": ("b<1",)}
    assert found(files, PIP_CONSTRAINT="") == {}


def test_file_that_is_included_counts_and_is_read_from_the_image_alone() -> None:
    files = {"/etc/a.txt": b"-c more/b.txt\nnumpy<2\n", "/etc/more/b.txt": b"torch==2.9.0a0+x\n"}
    assert found(files, PIP_CONSTRAINT="/etc/a.txt") == {"/etc/a.txt": ("torch==2.9.0a0+x", "numpy<2")}
    with pytest.raises(InputError, match="/etc/hostname: is not in the base image"):
        found({"/etc/a.txt": b"-c /etc/hostname\n"}, PIP_CONSTRAINT="/etc/a.txt")


def test_line_that_cannot_be_read_is_named_with_the_way_out() -> None:
    with pytest.raises(InputError, match=r"base image base:1: /etc/a.txt:2") as caught:
        found({"/etc/a.txt": b"numpy<2\nnot a requirement at all\n"}, PIP_CONSTRAINT="/etc/a.txt")
    assert caught.value.hint


def test_address_and_a_file_that_is_not_there_are_told() -> None:
    environment = {"PIP_CONSTRAINT": "https://limits.example/c.txt /etc/none.txt /etc/a.txt"}
    files = {"/etc/a.txt": b"own @ file:///opt/own.whl\nnumpy<2\n"}
    read, notes = read_constraints(MemoryTree(files), environment, "/usr", "", "base:1")
    assert [each.lines for each in read] == [("numpy<2",)]
    assert len(notes) == 3
    assert "https://limits.example/c.txt, which is not read" in notes[0]
    assert "/etc/none.txt, and has no such file" in notes[1]
    assert "name places, and do not count: own @" in notes[2]


def test_lines_of_a_lock_are_constraints_again_with_their_origin() -> None:
    (read, _) = read_constraints(MemoryTree({"/c": b"numpy<2\n"}), {"PIP_CONSTRAINT": "/c"}, "/usr", "", "base:1")
    (again,) = constraints_of(BaseImage(reference="base:1", layers=(), constraints=read))
    assert (str(again), str(again.origin)) == ("numpy<2", "base image base:1: /c")
