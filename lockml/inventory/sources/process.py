"""A process of this machine in, the files that it sees out: through its root in /proc, which no container hides.

proc(5). Everything is read by handles below that root; nothing in it is run, and links lead to nothing outside it.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lockml.errors import NotFoundError, UnreachableError
from lockml.inventory.model import Runtime, Subject
from lockml.inventory.sources.folder import FolderTree
from lockml.inventory.sources.mounts import RootMount, covering, parse_mounts
from lockml.inventory.sources.opened import OpenedSubject
from lockml.inventory.sources.overlay import OverlayTree, layers_of
from lockml.inventory.sources.processes import process_variables, running_processes
from lockml.ports import AFTER_START, Origin

__all__ = ["ProcessTree", "open_process"]

_CAP_SYS_ADMIN: Final = 21  # capability.h


class ProcessTree(FolderTree):
    """The root of process *pid*; *layers* says of the image's layers what made them, the lowest first.

    Raises OSError where it cannot be opened.
    """

    def __init__(self, pid: int, layers: Sequence[str] = ()) -> None:
        process = Path("/proc", str(pid))
        root, self.mounts = parse_mounts((process / "mountinfo").read_text(errors="surrogateescape"))
        super().__init__(str(process / "root"))
        self._layers = _opened_layers(root, layers)
        self.lower = self._layers.lower if self._layers is not None else ()
        self._marks = _sees_marks()

    def __exit__(self, *exception: object) -> None:
        if self._layers is not None:
            self._layers.__exit__(*exception)
        super().__exit__(*exception)

    @property
    def upper(self) -> FolderTree | None:
        """What the container changed of its image, None where that cannot be looked at."""
        return self._layers.topmost if self._layers is not None and self._marks else None

    def of_image(self, path: str) -> bool:
        """Say whether the file at *path* is still the one of the image that the container was made of."""
        if self._layers is None or not self._marks:
            return False
        return covering(self.mounts, path) is None and self._layers.unchanged(path)

    def origin(self, path: str) -> Origin | None:
        """Return the mount that covers *path*, or the layer that has it."""
        mount = covering(self.mounts, path)
        if mount is not None:
            return Origin(AFTER_START + 1, mount.text, replaces=True)
        return self._layers.origin(path) if self._layers is not None else None


def _opened_layers(root: RootMount | None, texts: Sequence[str]) -> OverlayTree | None:
    """Return the layers of an overlay, None where they cannot be read."""
    if root is None:
        return None
    try:
        return OverlayTree(layers_of(root.upper, root.lower, texts))
    except OSError:
        return None


def _sees_marks() -> bool:
    """Say whether this process sees the marks by which an overlay hides what is below, xattr(7): trusted ones.

    Without CAP_SYS_ADMIN they read as if there were none, and what a container removed would look as it was.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return False
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return found is not None and bool(int(found[1], 16) >> _CAP_SYS_ADMIN & 1)


@contextmanager
def open_process(pid: int) -> Iterator[OpenedSubject]:
    """Give the files that process *pid* of this machine sees; raises NotFoundError, UnreachableError."""
    if pid <= 0 or not Path("/proc", str(pid)).exists():
        raise NotFoundError(f"process {pid}", "there is none of that number")
    try:
        tree = ProcessTree(pid)
        folder = str(Path("/proc", str(pid), "cwd").readlink())
        name = Path("/proc", str(pid), "comm").read_text(errors="replace").strip()
    except OSError as error:
        hint = "run lockml as root, or as the user of the process"
        raise UnreachableError(f"process {pid}", f"cannot be looked at ({error.strerror})", hint=hint) from error
    with tree:
        yield OpenedSubject(
            subject=Subject(kind="process", name=str(pid), details={"command": name, "read-by": "process-root"}),
            tree=tree,
            runtime=Runtime(
                environment=process_variables(pid), working_folder=folder, processes=running_processes(pid)
            ),
        )
