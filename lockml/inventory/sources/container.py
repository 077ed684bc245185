"""A container of an engine in, its files out: through the root of its process where that is here, else streamed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lockml.errors import UnreachableError
from lockml.inventory.model import Runtime, Subject
from lockml.inventory.sources.engine import ContainerFacts, Engine
from lockml.inventory.sources.folder import FolderTree
from lockml.inventory.sources.layers import read_layer
from lockml.inventory.sources.opened import OpenedSubject
from lockml.ports import FileTree, UnreadableError

__all__ = ["open_container", "variables"]

_DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@contextmanager
def open_container(engine: Engine, name: str) -> Iterator[OpenedSubject]:
    """Give the files of the container *name*, running or not; raises NotFoundError, UnreachableError."""
    facts = engine.container(name)
    root = _root_of_process(engine, facts)
    subject = Subject(
        kind="container",
        name=name,
        details={
            "id": facts.id,
            "image": facts.config.image,
            "image-id": facts.image,
            "state": facts.state.status or ("running" if facts.state.running else "stopped"),
            "read-by": "process-root" if root is not None else "archive",
        },
    )
    environment: Mapping[str, str] = variables(facts.config.env)
    if root is not None:
        environment = _variables_of_process(facts.state.pid) or environment
    runtime = Runtime(environment=environment, working_folder=facts.config.working_dir or "/")
    with _files(engine, facts, root, subject) as tree:
        yield OpenedSubject(subject=subject, tree=tree, runtime=runtime)


def variables(pairs: Sequence[str] | None) -> dict[str, str]:
    """Return ``NAME=value`` texts as a mapping, with the PATH that engines give where none is set."""
    return {"PATH": _DEFAULT_PATH, **{name: value for name, _, value in (pair.partition("=") for pair in pairs or ())}}


@contextmanager
def _files(engine: Engine, facts: ContainerFacts, root: str | None, subject: Subject) -> Iterator[FileTree]:
    if root is not None:
        try:
            tree = FolderTree(root)
        except OSError as error:
            raise UnreachableError(str(subject), f"it ended while it was looked at ({error.strerror})") from error
        with tree:
            yield tree
        return
    try:
        with engine.container_files(facts.id) as stream:
            streamed = read_layer(stream)
    except UnreadableError as error:
        raise UnreachableError(f"{subject}: {error.path}", error.reason) from error
    yield streamed


def _root_of_process(engine: Engine, facts: ContainerFacts) -> str | None:
    """Return the folder in /proc that is the container's root, None where its process is not this machine's or ours.

    A process of that number may be another one's, when the engine runs in a virtual machine or elsewhere: only one
    that has the container's identifier in its control group or its mounts is taken.
    """
    process = Path("/proc", str(facts.state.pid))
    if not (engine.address.local and facts.state.running and facts.state.pid > 0):
        return None
    try:
        named = facts.id in (process / "cgroup").read_text() or facts.id in (process / "mountinfo").read_text()
        next((process / "root").iterdir(), None)
    except OSError:
        return None
    return str(process / "root") if named else None


def _variables_of_process(pid: int) -> Mapping[str, str]:
    """Return the variables that the process started with, {} where they cannot be read or were written over."""
    try:
        content = Path("/proc", str(pid), "environ").read_bytes()
    except OSError:
        return {}
    pairs = [pair.decode("utf-8", "surrogateescape") for pair in content.split(b"\0") if pair]
    return variables(pairs) if any(pair.startswith("PATH=") for pair in pairs) else {}
