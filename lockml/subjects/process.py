"""Read the files that a process of this machine sees, through its root in /proc, which works for any container.

proc(5). Everything is read through handles below that root; nothing in it is run, and links never lead outside it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from lockml.common.errors import NotFoundError, UnreachableError
from lockml.inventory.file_tree import AFTER_START, Origin, UnreadableError
from lockml.inventory.model import Runtime, Subject
from lockml.subjects.model import OpenedSubject
from lockml.subjects.processes import process_variables, running_processes
from lockml.subjects.tree.folder import FolderTree
from lockml.subjects.tree.mounts import Mount, RootMount, covering, hidden_by, parse_mounts
from lockml.subjects.tree.overlay import OverlayTree, layers_of, sees_marks

__all__ = ["ProcessTree", "open_process"]

_INDEXED: Final = Path("/sys/module/overlay/parameters/index")


class ProcessTree(FolderTree):
    """The root of process *pid*; *layers* describes what made the image's layers, lowest first.

    Raises OSError if it cannot be opened.
    """

    def __init__(self, pid: int, layers: Sequence[str] = ()) -> None:
        process = Path("/proc", str(pid))
        self._mountinfo = process / "mountinfo"
        self._mounted = self._mountinfo.read_bytes()
        root, self.mounts = _parsed(self._mounted)
        self._mount_points = frozenset(mount.at for mount in self.mounts)
        super().__init__(str(process / "root"))
        self._overlay = root
        self._layers = _opened_layers(root, layers)
        indexed = root is not None and (_kernel_indexes() if root.indexed is None else root.indexed)
        self._comparable = root is not None and not indexed and (root.marked_by_users or sees_marks())
        self._covered: dict[str, bool] = {}
        self._origins: dict[str, Origin | None] = {}

    def __exit__(self, *exception: object) -> None:
        if self._layers is not None:
            self._layers.__exit__(*exception)
        super().__exit__(*exception)

    @property
    def upper(self) -> FolderTree | None:
        """What the container changed in its image, None if that cannot be read."""
        return self._layers.topmost if self._layers is not None and self._comparable else None

    def image_files(self, merged: str, folders: Sequence[str]) -> OverlayTree | None:
        """Return the files of the layers alone, if the root is what an engine made from *folders* at *merged*.

        *folders* are those of the layers, topmost first, preceded by the container's changes. A process that may mount
        can show any folders as its layers, but then its root is not the engine's. None also if the container's
        changes are unknown.
        """
        if self.upper is None or self._layers is None or not self.is_folder(merged):
            return None
        return self._layers.below() if self._layers.is_made_of(folders) else None

    def look_anew(self) -> None:
        """Refresh the mounts and the container's changes, but not the files themselves."""
        try:
            mounted = self._mountinfo.read_bytes()
        except OSError:
            mounted = b""  # it has ended
        if mounted != self._mounted:
            root, self.mounts = _parsed(mounted)
            self._mount_points = frozenset(mount.at for mount in self.mounts)
            self._mounted = mounted
            self._comparable = self._comparable and root == self._overlay
            self._covered.clear()
        self._origins.clear()
        if self._layers is not None:
            self._layers.look_anew()

    def of_image(self, path: str) -> bool:
        """Return whether the file at *path* is still that of the container's image.

        Anything read before counts as it was then; see `still_of_image`.
        """
        if self._layers is None or not self._comparable:
            return False
        if self._is_mounted(path):
            return False
        try:
            return self._layers.unchanged(path)
        except UnreadableError:
            return False

    def still_of_image(self, paths: Sequence[str]) -> list[bool]:
        """Return, for each of *paths*, whether the process sees the image's file there during this call.

        A file that it put there before the call, and left there, never counts as the image's.
        """
        self.look_anew()
        return [self.of_image(path) for path in paths]

    def image_content(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of what the image has at *path*, None if it has nothing or is unknown."""
        return self._layers.image_content(path, limit) if self._layers is not None and self._comparable else None

    def origin(self, path: str) -> Origin | None:
        """Return the mount that covers *path*, or the layer that has it."""
        folder = path.rpartition("/")[0]
        if folder not in self._origins:
            alone = self._layers is not None and not (folder and self._is_mounted(folder))
            self._origins[folder] = self._layers.origin_of_all(folder) if self._layers is not None and alone else None
        known = self._origins[folder]
        if known is not None and path not in self._mount_points:
            return known
        mount = covering(self.mounts, path) if self._is_mounted(path) else None
        if mount is not None:
            return Origin(AFTER_START + 1, mount.text, replaces=True)
        return self._layers.origin(path) if self._layers is not None else None

    def origin_of_all(self, folder: str) -> Origin | None:
        """Return the layer that everything below *folder* comes from, None if mounts or several layers are involved."""
        if self._layers is None or not self._comparable or (folder and self._is_mounted(folder)):
            return None
        if any(point.startswith(f"{folder}/") for point in self._mount_points):
            return None
        return self._layers.origin_of_all(folder)

    def removed(self, path: str) -> Mapping[str, Origin]:
        """Return, by name, what removed each former entry of the folder *path*: a layer, or a mount that covers it."""
        if self._layers is None:
            return {}
        mount = covering(self.mounts, path)
        return hidden_by(mount, self._layers, path) if mount is not None else self._layers.removed(path)

    def _is_mounted(self, path: str) -> bool:
        """Return whether a mount covers *path*, cached by folder, as folders are fewer than paths."""
        folder = path.rpartition("/")[0]
        covered = self._covered.get(folder)
        if covered is None:
            covered = self._covered[folder] = bool(folder) and self._is_mounted(folder)
        return covered or path in self._mount_points


def _parsed(mountinfo: bytes) -> tuple[RootMount | None, tuple[Mount, ...]]:
    return parse_mounts(mountinfo.decode("utf-8", "surrogateescape"))


def _opened_layers(root: RootMount | None, texts: Sequence[str]) -> OverlayTree | None:
    """Return the layers of an overlay, None if they cannot be read."""
    if root is None or not all(folder.startswith("/") for folder in (root.upper, *root.lower)):
        return None
    try:
        return OverlayTree(layers_of(root.upper, root.lower, texts))
    except (OSError, ValueError):
        return None


@cache
def _kernel_indexes() -> bool:
    """Return whether this kernel indexes an overlay by default."""
    try:
        return not _INDEXED.read_text().startswith("N")
    except OSError:
        return False  # a kernel before 4.13


@contextmanager
def open_process(pid: int) -> Iterator[OpenedSubject]:
    """Yield the files that process *pid* of this machine sees; raises NotFoundError, UnreachableError."""
    if pid <= 0 or not Path("/proc", str(pid)).exists():
        raise NotFoundError(f"process {pid}", "no process has that number")
    try:
        tree = ProcessTree(pid)
        folder = str(Path("/proc", str(pid), "cwd").readlink())
        name = Path("/proc", str(pid), "comm").read_text(errors="replace").strip()
    except OSError as error:
        hint = "run lockml as root, or as the user of the process"
        raise UnreachableError(f"process {pid}", f"cannot be read ({error.strerror})", hint=hint) from error
    with tree:
        yield OpenedSubject(
            subject=Subject(kind="process", name=str(pid), details={"command": name, "read-by": "process-root"}),
            tree=tree,
            runtime=Runtime(
                environment=process_variables(pid), working_folder=folder, processes=running_processes(pid)
            ),
        )
