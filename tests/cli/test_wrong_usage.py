"""Every option and argument of every command with values that cannot be meant: exit code 2, one line, and a remedy."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from lockml.cli.common.command import Command
from lockml.cli.main import cli
from lockml.common.errors import LockmlError
from lockml.index.built import parse_built
from lockml.lock.formats.built import with_built
from lockml.lock.formats.pylock import format_lock
from lockml.subjects.open import KINDS
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of
from tests.made.wheels import metadata_text

MISSING, FOLDER = "nowhere/to/be/found", "folder"
SILLY: dict[str, tuple[str, ...]] = {
    "URL": ("banana", "http://", "ftp://host/simple", "https://host:port/", "https://a b/"),
    "URL|DIR": (MISSING, "https://"),
    "NAME=URL": ("banana", "torch=banana", "=https://host/"),
    "NAME=PROJECT,...": ("banana", "torch=six"),
    "HOST[:PORT]": ("http://host", "a b", "host:port"),
    "FILE": (MISSING, FOLDER),
    "[FILE]...": (MISSING, FOLDER, "http://"),
    "[PREFIX=|SERVICE=]FILE": (MISSING, FOLDER),
    "LOCK": (MISSING, FOLDER),
    "KIND:NAME": ("path:nowhere", "archive:nowhere", "oci:nowhere", "pid:x"),
    "[KIND:NAME]": ("path:nowhere", "archive:nowhere", "freeze:nowhere", "pid:x", "pid:-1", f"archive:{FOLDER}"),
    "DIR": (MISSING,),
    "N": ("x", "-1"),
    "VERSION": ("banana", "2.7", "3"),
    "OS/ARCH": ("banana", "linux", "beos/amd64", "linux/z80"),
    "LIBC": ("banana", "glibc", "glibc-x"),
    "[NAME=]TARGET": ("3.11", "banana", "3.11-linux/amd64-x"),
    "DATE|AGE": ("2024-13-45", "banana", "7 moons"),
    "AGE": ("2024-13-45", "banana", "-1d"),
    "KEY=VALUE": ("banana", "=x"),
    "[CODE,...]": ("banana", "memory,banana"),
    "NAME[BOUND]": ("a b", "numpy<x"),
    "NAME|index:INDEX": ("a b", "index:nowhere", "index:"),
}
NAMES = {"--exclude", "--accept-older", "--deny", "--no-binary", "--only-binary"}
UNREAD = {"folder", "--output", "--requirements", "--input", "--find-links"}
BASE = {
    ("adopt",): ["locked.txt"],
    ("check",): ["--path", "folder"],
    ("compile",): ["six.in"],
    ("diff",): ["pylock.toml"],
    ("why",): ["six"],
    ("inventory",): ["path:folder"],
    ("record",): ["--lock", "built.toml", "--from", "path:folder", "apex"],
    ("lock",): ["--from", "freeze:locked.txt"],
    ("audit", "show"): ["1"],
    ("audit", "manifest"): ["systemd"],
    ("completion",): ["bash"],
    ("dockerfile", "check"): ["--archive", "nowhere"],
}


def leaves(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, *path, name)
        else:
            yield (*path, name), command


def silly_values(param: click.Parameter) -> Iterator[str]:
    """Yield what no user can mean for *param*, by what its help says that it is."""
    yield from ("", "  ")
    if not UNREAD.intersection(param.opts):
        yield from SILLY.get(param.metavar or "", ())
    if NAMES.intersection(param.opts):
        yield from ("http://x", "a b", "é")
    match param.type:
        case click.Choice():
            yield "banana"
        case click.IntRange() | click.FloatRange():
            yield from ("banana", "-1", "1e999x")
        case click.Path() if set(param.opts) & {"--cert", "--client-cert", "--token-file"}:
            yield from (MISSING, FOLDER)


CASES = [
    (path, name, value)
    for path, command in leaves(cli)
    for param in command.params
    if not (isinstance(param, click.Option) and param.is_flag)
    for name in [max(param.opts, key=len) if isinstance(param, click.Option) else ""]
    for value in silly_values(param)
    if not (path == ("audit", "manifest") and name == "--fleet" and value.strip())  # it is another machine's
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    index = MemoryIndex()
    index.add("six", "1.16.0")
    (tmp_path / "six.in").write_text("six\n")
    (tmp_path / "locked.txt").write_text("six==1.16.0\n")
    (tmp_path / "pylock.toml").write_text(format_lock(lock_of(index, "six")))
    source = "git+https://git.example/apex"
    index.sources[f"{source}@{'c' * 40}"] = metadata_text("apex", "0.1")
    built = parse_built({"name": "apex", "version": "0.1", "source": source, "commit": "c" * 40})
    made = with_built(lock_of(index, f"apex @ {source}@{'c' * 40}"), [built], [], None)
    (tmp_path / "built.toml").write_text(format_lock(made))
    (tmp_path / "lockml.toml").write_text(
        '[audit]\nstore = "sqlite:///a.sqlite"\n[[audit.targets]]\nname = "a"\npath = "f"\nlock = "l"\n'
    )
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / FOLDER).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("LOCKML_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.slow
@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("path", "name", "value"), CASES, ids=lambda each: each if isinstance(each, str) else "-".join(each)
)
def test_value_that_cannot_be_meant_is_wrong_usage(path: tuple[str, ...], name: str, value: str) -> None:
    option = [f"{name}={value}"] if name else [value]
    base = [] if not name or name.removeprefix("--") in KINDS else BASE.get(path, [])
    if path == ("init",):
        Path("pylock.toml").unlink()  # a folder with a lock is set up already
    with pytest.raises((click.UsageError, LockmlError)) as raised:
        cli.main([*path, *base, *option], standalone_mode=False)
    error = raised.value
    text, hint = str(error), getattr(error, "hint", "its --help")
    assert getattr(error, "exit_code", None) == 2
    assert "\n" not in text
    assert name.lstrip("-") in text or value.strip().rpartition(":")[2] in text
    assert hint or "no such " in text or name in text


def test_every_command_takes_the_same_care() -> None:
    assert [path for path, command in leaves(cli) if not isinstance(command, Command)] == []
