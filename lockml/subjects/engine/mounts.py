"""Build the trees of a container's mounts, if it is not read through its process.

A volume is read in place on this machine, or as the engine sends it; nothing is fetched before it is read, so unread
data costs nothing. A mount that cannot be read raises an error on first use.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lockml.common.errors import LockmlError
from lockml.inventory.file_tree import UnreadableError
from lockml.subjects.engine.api import ContainerFacts, Engine, MountFacts
from lockml.subjects.tree.folder import FolderTree
from lockml.subjects.tree.mounts import Mounted

if TYPE_CHECKING:
    from lockml.subjects.oci.layers import LayerTree

__all__ = ["local_mounts", "remote_mounts"]

_COPIES_UP: Final = "tmpcopyup"
_NOT_STARTED: Final = ("created", "configured", "initialized")


def local_mounts(engine: Engine, facts: ContainerFacts, stack: ExitStack) -> Iterator[Mounted]:
    """Yield what would be mounted into a stopped container of this machine."""
    for mount in facts.all_mounts:
        if mount.type == "tmpfs":
            yield from _empty(engine, mount)
        elif not _takes_the_image_s(engine, facts, mount):
            yield Mounted(mount.destination, _text(mount), _of_this_machine(engine, mount, stack))


def remote_mounts(engine: Engine, facts: ContainerFacts, *, hashed: bool) -> Iterator[Mounted]:
    """Yield what is mounted into a container of a remote engine, as the engine sends it."""
    for mount in facts.all_mounts:
        if mount.type != "tmpfs":
            yield _fetched_mount(engine, facts, mount.destination, _text(mount), hashed=hashed)
        elif facts.state.running:
            yield Mounted(mount.destination, _text(mount), _hidden)
        else:
            yield from _empty(engine, mount)


def _fetched_mount(engine: Engine, facts: ContainerFacts, at: str, text: str, *, hashed: bool) -> Mounted:
    """Return what a container has *at* a path, fetched from the engine on first use."""

    def fetch(at: str) -> tuple["LayerTree", str]:
        from lockml.inventory.file_tree import AFTER_START
        from lockml.subjects.oci.layers import read_layer
        from lockml.subjects.oci.stream_capture import Passing
        from lockml.subjects.oci.tar import StreamSource

        try:
            with engine.container_files(facts.id, at) as stream:
                above = at.rpartition("/")[0]
                source, passing = StreamSource(stream), Passing(hashed=hashed)
                return read_layer(source, passing=passing, layer=AFTER_START, at=above, plain=True), at
        except LockmlError as error:
            raise UnreadableError(at, f"the engine does not show what is there ({error})") from error

    return Mounted(at, text, fetch)


def _text(mount: MountFacts) -> str:
    what = f"volume {mount.name}" if mount.type == "volume" and mount.name else mount.type
    source = mount.source if mount.type == "bind" else ""
    inside = " ".join(filter(None, (what, source)))
    return f"mounted at {mount.destination}" + (f" ({inside})" if inside else "")


def _empty(engine: Engine, mount: MountFacts) -> Iterator[Mounted]:
    """Yield a tmpfs as it is at startup: empty, unless the engine copies the image's files into it."""
    from lockml.subjects.oci.layers import LayerTree

    copies = _COPIES_UP in mount.mode.split(",") or engine.is_podman()
    if not copies or "notmpcopyup" in mount.mode.split(","):
        yield Mounted(mount.destination, _text(mount), lambda _: (LayerTree(), ""))


def _takes_the_image_s(engine: Engine, facts: ContainerFacts, mount: MountFacts) -> bool:
    """Return whether an empty volume gets the image's files at the first start, as with Podman."""
    if mount.type != "volume" or facts.state.status not in _NOT_STARTED or not engine.is_podman():
        return False
    try:
        return not os.listdir(mount.source)  # noqa: PTH208 - whether there is any
    except OSError:
        return False


def _hidden(at: str) -> tuple["LayerTree", str]:
    raise UnreadableError(at, "a tmpfs is mounted there, which the engine does not show; check on its machine")


def _of_this_machine(engine: Engine, mount: MountFacts, stack: ExitStack) -> Callable[[str], tuple[FolderTree, str]]:
    def opened(at: str) -> tuple[FolderTree, str]:
        if not mount.source.startswith("/"):
            raise UnreadableError(at, f"what is mounted there ({mount.type}) is not on this machine")
        _check_mounted(engine, mount)
        path = Path(mount.source)
        if path.is_dir():
            return stack.enter_context(FolderTree(mount.source)), ""
        return stack.enter_context(FolderTree(str(path.parent))), f"/{path.name}"

    return opened


def _check_mounted(engine: Engine, mount: MountFacts) -> None:
    """Raise UnreadableError for a volume that is only mounted while a container runs, such as NFS or a disk."""
    if mount.type != "volume" or not mount.name or os.path.ismount(mount.source):
        return
    try:
        volume = engine.volume(mount.name)
    except LockmlError as error:
        raise UnreadableError(mount.destination, f"its volume is unknown ({error})") from error
    if volume.driver != "local" or any(name in (volume.options or {}) for name in ("device", "type")):
        text = f"its volume {mount.name} is only mounted while a container runs; start the container and check again"
        raise UnreadableError(mount.destination, text)
