"""Open a container of an engine: its process or its layers if they are on this machine, else a stream."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePath
from typing import Final

from msgspec.structs import replace

from lockml.common.errors import NotFoundError, UnreachableError
from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.model import Subject
from lockml.subjects.engine.api import ContainerFacts, Engine, ImageFacts, image_history
from lockml.subjects.engine.image import streamed_image
from lockml.subjects.engine.layer_folders import own_folders
from lockml.subjects.engine.mounts import local_mounts, remote_mounts
from lockml.subjects.model import ImageFiles, OpenedSubject, ReadOptions
from lockml.subjects.oci.manifests import label_details, layer_origins, runtime_of
from lockml.subjects.process import ProcessTree
from lockml.subjects.processes import process_variables, running_processes
from lockml.subjects.tree.mounts import MountedTree
from lockml.subjects.tree.overlay import OverlayTree, layers_of

__all__ = ["open_container"]

_ROOT: Final = ("", "0", "root")


@contextmanager
def open_container(
    engine: Engine, name: str, options: ReadOptions, service_details: Mapping[str, str] | None = None
) -> Iterator[OpenedSubject]:
    """Yield the files of the container *name*, running or not, adding *service_details* to the engine's.

    Raises NotFoundError, UnreachableError.
    """
    facts = engine.container(name)
    details = {
        **_details(facts),
        "engine": engine.address.client,
        **label_details(facts.config),
        **(service_details or {}),
    }
    image_facts = _image(engine, facts)
    layers = image_facts.layers if image_facts is not None else ()
    history = image_history(engine, image_facts)
    subject = Subject(kind="container", name=name, details=details, layers=layers, history=history)
    runtime = runtime_of(facts.config)
    with ExitStack() as stack:
        tree, read_by = _files(engine, (facts, image_facts), subject, stack, options)
        image = _image_files(facts, tree) if isinstance(tree, ProcessTree) else None
        if read_by == "process-root":
            processes = running_processes(facts.state.pid)
            environment = process_variables(facts.state.pid) or runtime.environment
            runtime = replace(runtime, environment=environment, processes=processes)
        yield OpenedSubject(
            subject=replace(subject, details={**subject.details, "read-by": read_by}),
            tree=tree,
            runtime=runtime,
            image=image,
        )


def _image_files(facts: ContainerFacts, tree: ProcessTree) -> ImageFiles | None:
    """Return the files of the image alone, None if the engine does not name their folders or shows others."""
    if facts.graph_driver is None or not facts.graph_driver.layers:
        return None
    upper, *lower = facts.graph_driver.layers
    folders = [each for each in lower if not PurePath(each).parent.name.endswith("-init")]
    files = tree.image_files(facts.graph_driver.merged, (upper, *folders))
    if files is None:
        return None
    return ImageFiles(id=facts.image, folders=tuple(folders), files=files, has=tree.of_image, still=tree.still_of_image)


def _image(engine: Engine, facts: ContainerFacts) -> ImageFacts | None:
    """Return the image that a container was made from, None if the engine no longer has it."""
    try:
        return engine.image(facts.image)
    except NotFoundError:
        return None


def _details(facts: ContainerFacts) -> dict[str, str]:
    state = facts.state.status or ("running" if facts.state.running else "stopped")
    user = facts.config.user or ""
    started = {} if user.partition(":")[0] in _ROOT else {"user": user}
    return {"id": facts.id, "image": facts.config.image, "image-id": facts.image, "state": state, **started}


def _files(
    engine: Engine,
    engine_facts: tuple[ContainerFacts, ImageFacts | None],
    subject: Subject,
    stack: ExitStack,
    options: ReadOptions,
) -> tuple[FileTree, str]:
    """Return the files and how they are read: in the most direct way available to this user on this machine.

    *engine_facts* is what the engine says about the container and its image.
    """
    facts, _ = engine_facts
    texts = layer_origins(subject.history, len(subject.layers))
    if _is_of_this_machine(engine, facts):
        try:
            return stack.enter_context(ProcessTree(facts.state.pid, texts)), "process-root"
        except OSError as error:
            if not Path("/proc", str(facts.state.pid)).exists():
                text = f"it ended during the check ({error.strerror})"
                raise UnreachableError(str(subject), text) from error
    layered = _layered(engine, facts, texts, stack)
    if layered is not None:
        return layered, "layers"
    return _streamed(engine, engine_facts, subject, options), "export"


def _streamed(
    engine: Engine, engine_facts: tuple[ContainerFacts, ImageFacts | None], subject: Subject, options: ReadOptions
) -> FileTree:
    """Return the files as the engine sends them; mounts are fetched when they are read.

    The image, if it is cached, says which layer each file comes from.
    """
    from lockml.subjects.engine.export import exported_container

    facts, image_facts = engine_facts
    try:
        image = None
        if image_facts is not None and options.cache is not None:
            image = streamed_image(engine, image_facts, options)
        tree = exported_container(engine, facts.id, image, options)
    except UnreadableError as error:
        raise UnreachableError(f"{subject}: {error.path}", error.reason) from error
    mounts = list(remote_mounts(engine, facts, hashed=options.hashed))
    return MountedTree(tree, mounts) if mounts else tree


def _is_of_this_machine(engine: Engine, facts: ContainerFacts) -> bool:
    """Return whether the container's process is on this machine and may be read.

    The number may be another process if the engine runs in a virtual machine or elsewhere: only a process with the
    container's identifier in its control group or mounts is accepted.
    """
    process = Path("/proc", str(facts.state.pid))
    if not (engine.address.local and facts.state.running and facts.state.pid > 0):
        return False
    try:
        engine_facts = "\n".join((process / name).read_text(errors="replace") for name in ("cgroup", "mountinfo"))
        next((process / "root").iterdir(), None)
    except OSError:
        return False
    # an identifier, never a part of a longer one; Engine.container accepts no other text
    return re.search(rf"(?<![0-9a-f]){re.escape(facts.id)}(?![0-9a-f])", engine_facts) is not None


def _layered(engine: Engine, facts: ContainerFacts, texts: Sequence[str], stack: ExitStack) -> FileTree | None:
    """Return the files by the folders of the container's layers and volumes, None if they are not available."""
    folders = own_folders(engine, facts.graph_driver.layers if facts.graph_driver is not None else ())
    if not folders:
        return None
    try:
        tree = stack.enter_context(OverlayTree(layers_of(folders[0], folders[1:], texts)))
    except OSError:
        return None
    mounts = list(local_mounts(engine, facts, stack))
    return MountedTree(tree, mounts) if mounts else tree
