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


def test_variable_replaces_the_configuration_and_an_empty_one_does_not() -> None:
    """As pip does: what is empty is not set. /etc/pip/constraint.txt counts where nobody says a word."""
    files = {"/etc/pip.conf": b"[global]\nconstraint = /etc/a.txt\n", "/etc/a.txt": b"a<1\n", "/etc/b.txt": b"b<1\n"}
    files["/etc/pip/constraint.txt"] = b"c<1\n"
    assert found(files, PIP_CONSTRAINT="/etc/b.txt") == {"/etc/b.txt": ("b<1",)}
    assert found(files, PIP_CONSTRAINT="") == {"/etc/a.txt": ("a<1",)}
    assert found(files, PIP_CONSTRAINT="/dev/null") == {}


def test_files_are_parted_by_spaces_alone_and_may_be_addresses_of_files() -> None:
    files = {"/etc/a.txt": b"a<1\n", "/etc/b c.txt": b"b<1\n", "/etc/'d'.txt": b"d<1\n"}
    named = "file:///etc/a.txt file://localhost/etc/b%20c.txt /etc/'d'.txt"
    assert list(found(files, PIP_CONSTRAINT=named)) == list(files)


def test_configuration_of_the_user_does_not_count_beside_a_file_that_is_named_nor_that_of_another_environment() -> None:
    users = {"/root/.config/pip/pip.conf": b"[global]\nconstraint = /etc/a.txt\n", "/etc/a.txt": b"a<1\n"}
    assert found({**users, "/etc/own.conf": b""}, PIP_CONFIG_FILE="/etc/own.conf") == {}
    assert found(users, PIP_CONFIG_FILE="/etc/none.conf") == {"/etc/a.txt": ("a<1",)}
    other = {"/other/pip.conf": b"[global]\nconstraint = /etc/a.txt\n", "/etc/a.txt": b"a<1\n"}
    assert found(other, VIRTUAL_ENV="/other") == {}


def test_login_of_an_address_is_not_shown() -> None:
    files = {"/a": b"x @ https://me:secret@h.example/x.whl\n", "/b": b"-c https://me:secret@h.example/c.txt\n"}
    environment = {"PIP_CONSTRAINT": "https://me:secret@h.example/c.txt /a"}
    _, notes = read_constraints(MemoryTree(files), environment, "/usr", "", "base:1")
    assert len(notes) == 2
    assert "secret" not in "".join(notes)
    with pytest.raises(InputError, match="is not in the base image") as caught:
        read_constraints(MemoryTree(files), {"PIP_CONSTRAINT": "/b"}, "/usr", "", "base:1")
    assert "secret" not in str(caught.value)


def test_file_that_is_included_counts_and_is_read_from_the_image_alone() -> None:
    files = {"/etc/a.txt": b"-c more/b.txt\nnumpy<2\n", "/etc/more/b.txt": b"torch==2.9.0a0+x\n"}
    assert found(files, PIP_CONSTRAINT="/etc/a.txt") == {"/etc/a.txt": ("torch==2.9.0a0+x", "numpy<2")}
    with pytest.raises(InputError, match="/etc/hostname: is not in the base image"):
        found({"/etc/a.txt": b"-c /etc/hostname\n"}, PIP_CONSTRAINT="/etc/a.txt")


@pytest.mark.parametrize(
    "files",
    [
        {"/a": b"#" * (1 << 20)},
        {"/a": b"-c /a1\n", **{f"/a{number}": f"-c /a{number + 1}\n".encode() for number in range(1, 2000)}},
        {"/a": b"-c /b\n-c /c\n", "/b": b"#" * (1 << 18), "/c": b"#" * (1 << 19)},
    ],
    ids=["large", "deep", "large together"],
)
def test_more_than_anybody_writes_is_refused(files: dict[str, bytes]) -> None:
    with pytest.raises(InputError, match="has more constraints than lockml reads"):
        found(files, PIP_CONSTRAINT="/a")


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
    assert "https://limits.example/c.txt: lockml reads only files" in notes[0]
    assert "/etc/none.txt, which does not exist" in notes[1]
    assert "that name a path or a URL: own @" in notes[2]


def test_lines_of_a_lock_are_constraints_again_with_their_origin() -> None:
    (read, _) = read_constraints(MemoryTree({"/c": b"numpy<2\n"}), {"PIP_CONSTRAINT": "/c"}, "/usr", "", "base:1")
    (again,) = constraints_of(BaseImage(reference="base:1", layers=(), constraints=read))
    assert (str(again), str(again.origin)) == ("numpy<2", "base image base:1: /c")
