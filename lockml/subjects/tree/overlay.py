"""Read the layer folders of an overlay as one tree that knows the layer of each file.

Linux, Documentation/filesystems/overlayfs: a character device 0:0 removes a name in lower layers, an attribute
makes a folder opaque. Layers are read in the engine's storage; nothing is mounted.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path, PurePath
from typing import Final, Literal, Self

from msgspec import Struct

from lockml.inventory.file_tree import AFTER_START, CHANGED, Entry, Origin, UnreadableError
from lockml.subjects.tree.base import PlacedTree
from lockml.subjects.tree.folder import WHITEOUT, FolderTree
from lockml.subjects.tree.hashing import digest_files
from lockml.subjects.tree.symlinks import PathEntry

__all__ = ["Layer", "OverlayTree", "layers_of", "sees_marks"]

_CAP_SYS_ADMIN: Final = 21  # capability.h
_EVERY_USER: Final = ["0", "0", "4294967295"]  # uid_map of the initial user namespace, user_namespaces(7)
_SNAPSHOTS: Final = "/io.containerd.snapshotter.v1."
_PREPARED: Final = "prepared by the engine for the start"
_State = Literal["absent", "plain", "strange"]


class Layer(Struct, frozen=True, kw_only=True):
    """The folder of a layer on this machine and its origin: *order* grows from the lowest layer."""

    folder: str
    order: int
    text: str


def layers_of(upper: str | None, lower: Sequence[str], texts: Sequence[str]) -> list[Layer]:
    """Return the layers in *lower*, topmost first, below the later changes in *upper*.

    *texts* describes what made them, lowest first. Docker's init layer does not count as a layer.
    """
    folders = [each for each in lower if not _is_prepared(each)]
    count = len(folders)
    if len(texts) == count - 1 and _SNAPSHOTS in folders[0]:
        texts = (*texts, _PREPARED)  # the names of containerd's snapshots do not show this
    known = texts if len(texts) == count else [f"layer {number} of {count}" for number in range(1, count + 1)]
    layers = [Layer(folder=upper, order=AFTER_START, text=CHANGED)] if upper is not None else []
    for number, folder in enumerate(folders):
        layers.append(Layer(folder=folder, order=count - number, text=known[count - number - 1]))
    return layers


def _is_prepared(folder: str) -> bool:
    """Return whether this is Docker's init layer: ``ID-init/diff``, or a link to it."""
    place = PurePath(folder)
    with suppress(OSError):  # not a link
        place /= os.readlink(folder)  # noqa: PTH115 - ten times as fast, and done for each layer of each container
    return place.parent.name.endswith("-init")


@cache
def sees_marks() -> bool:
    """Return whether this process can read the trusted attributes by which an overlay hides lower files, xattr(7).

    Without CAP_SYS_ADMIN in the initial user namespace they appear to be absent, and files that an upper layer removed
    would still show.
    """
    try:
        status, users = Path("/proc/self/status").read_text(), Path("/proc/self/uid_map").read_text()
    except OSError:
        return False
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return users.split() == _EVERY_USER and found is not None and bool(int(found[1], 16) >> _CAP_SYS_ADMIN & 1)


class OverlayTree(PlacedTree):
    """The files of *layers*, topmost first; close it after use. Raises OSError for a missing folder.

    *opened* are the trees of the layers, if the caller closes them.
    """

    def __init__(self, layers: Sequence[Layer], opened: Sequence[FolderTree] | None = None) -> None:
        super().__init__()
        self._layers = tuple(layers)
        self._stack = ExitStack()
        try:
            self._trees = list(opened or (self._stack.enter_context(FolderTree(each.folder)) for each in layers))
        except OSError:
            self._stack.close()
            raise
        self._alone = [Origin(layer.order, layer.text, replaces=False) for layer in layers]
        self._folders: dict[str, tuple[int, ...]] = {}
        self._visible: dict[str, tuple[PathEntry, int] | None] = {}
        self._states: dict[str, _State] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def topmost(self) -> FolderTree:
        """The topmost layer."""
        return self._trees[0]

    def identities(self) -> dict[int, str]:
        """Return the identity of each layer folder of an image, by the order of its origin."""
        both = zip(self._layers, self._trees, strict=True)
        return {layer.order: tree.identity for layer, tree in both if layer.order < AFTER_START}

    def below(self) -> "OverlayTree":
        """Return the layers below the topmost as a separate tree, valid as long as this one."""
        return OverlayTree(self._layers[1:], self._trees[1:])

    def is_made_of(self, folders: Sequence[str]) -> bool:
        """Return whether the layers are these *folders* of this machine, topmost first."""
        pairs = zip(self._trees, folders, strict=False)
        return len(folders) == len(self._trees) and all(tree.is_folder(folder) for tree, folder in pairs)

    def seen(self) -> dict[str, str]:
        """Return every path that was looked up with its kind, ``missing`` if there is nothing."""
        return {path: found[0].kind if found is not None else "missing" for path, found in self._visible.items()}

    def look_anew(self) -> None:
        """Forget what was looked up in the topmost layer, the only one that can change."""
        self._trees[0].forget()
        for kept in (self._folders, self._visible, self._states):
            kept.clear()
        self.forget_links()

    def look(self, path: str) -> PathEntry | None:
        """Return what is at *path* itself."""
        found = self._find(path)
        return found[0] if found is not None else None

    def entries(self, path: str) -> tuple[Entry, ...]:
        """Return the entries of the folder *path*, sorted by name, () if it is not a folder; raises UnreadableError."""
        place = self.resolve(path)
        if self.kind(place) != "folder":
            return ()
        found: dict[str, Entry] = {}
        hidden: set[str] = set()
        for number in self._layers_of(place.rstrip("/")):
            for entry in self._trees[number].entries(place):
                if entry.name not in found and entry.name not in hidden:
                    path_of_entry = f"{place.rstrip('/')}/{entry.name}"
                    if entry.kind == "other" and self._trees[number].look(path_of_entry) == WHITEOUT:
                        hidden.add(entry.name)
                    else:
                        found[entry.name] = entry
        return tuple(sorted(found.values(), key=lambda entry: entry.name))

    def read(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of the file *path*, None if it is not a file; raises UnreadableError."""
        place = self.resolve(path)
        found = self._find(place)
        if found is None or found[0].kind != "file":
            return None
        return self._trees[found[1]].read(place, limit)

    def image_content(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of what the image has at *path*, None if it has nothing or is unknown."""
        changed = bool(self._layers) and self._layers[0].order >= AFTER_START
        return (self.below() if changed else self).read(path, limit)

    def digests(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes | UnreadableError]]:
        """Yield each path of *wanted* with the digest of its file by the given algorithm, in any order."""
        found = ((path, algorithm, self._find(path)) for path, algorithm in wanted)
        return digest_files(
            (
                path,
                algorithm,
                UnreadableError(path, "it is not a file") if place is None else self._trees[place[1]].opened_file(path),
            )
            for path, algorithm, place in found
        )

    def origin(self, path: str) -> Origin | None:
        """Return the layer of the existing file at *path*."""
        folder = path.rpartition("/")[0]
        alone = self.origin_of_all(folder)
        if alone is not None:
            return alone
        numbers = self._layers_of(folder)
        found = self._find(path)
        if found is None:
            return None
        layer = self._layers[found[1]]
        below = (self._trees[number].look(path) for number in numbers if number > found[1])
        lower = next((place for place in below if place is not None), None)
        return Origin(layer.order, layer.text, lower is not None and lower != WHITEOUT)

    def origin_of_all(self, folder: str) -> Origin | None:
        """Return the layer of all files in *folder*, None if several layers have it, or none."""
        numbers = self._layers_of(folder)
        return self._alone[numbers[0]] if len(numbers) == 1 else None

    def removed(self, path: str) -> Mapping[str, Origin]:
        """Return, by name, what removed each entry that a layer has in the folder *path* and that no longer shows."""
        folder = path.rstrip("/")
        present: frozenset[str] = frozenset()
        gone: dict[str, Origin] = {}
        for layer, tree in zip(reversed(self._layers), reversed(self._trees), strict=True):
            names, whiteouts, hides = _names_in_layer(tree, folder)
            lost = present - names if hides else present & whiteouts
            gone |= dict.fromkeys(lost, Origin(layer.order, layer.text, replaces=False))
            present = present - lost | names
        return {name: origin for name, origin in gone.items() if name not in present}

    def unchanged(self, path: str) -> bool:
        """Return whether the file at *path* shows from the layers below the topmost, at the same place.

        Anything looked up before counts as it was then: call `look_anew` first to check the current state. Before a
        process changes a file, overlayfs copies it to the topmost layer, where it stays ("copy up").
        """
        state = self._state(path.rpartition("/")[0])
        return state == "absent" or (state == "plain" and self._trees[0].look(path) is None)

    def _state(self, folder: str) -> _State:
        """Return what the topmost layer does to *folder*: nothing, adds files, or replaces it."""
        if folder in self._states:
            return self._states[folder]
        state: _State = "plain"
        if folder:
            state = self._state(folder.rpartition("/")[0])
        if folder and state == "plain":
            place = self._trees[0].look(folder)
            try:
                strange = place is not None and (place.kind != "folder" or self._trees[0].opaque(folder))
            except UnreadableError:
                strange = True
            state = "strange" if strange else "plain" if place is not None else "absent"
        self._states[folder] = state
        return state

    def _find(self, path: str) -> tuple[PathEntry, int] | None:
        """Return what is at *path*, with the number of the topmost layer that has it."""
        if path in self._visible:
            return self._visible[path]
        above, _, name = path.rpartition("/")
        found: tuple[PathEntry, int] | None = (PathEntry("folder"), 0) if not name else None
        for number in self._layers_of(above) if name else ():
            place = self._trees[number].look(path)
            if place is not None:
                found = (place, number) if place != WHITEOUT else None
                break
        self._visible[path] = found
        return found

    def _layers_of(self, folder: str) -> tuple[int, ...]:
        """Return the numbers of the layers whose files show in *folder*, topmost first."""
        if folder not in self._folders:
            numbers: list[int] = []
            above = folder.rpartition("/")[0]
            for number in self._layers_of(above) if folder else range(len(self._layers)):
                place = self._trees[number].look(folder)
                if place is None:
                    continue
                if place.kind != "folder":
                    break
                numbers.append(number)
                if folder and self._trees[number].opaque(folder):
                    break
            self._folders[folder] = tuple(numbers)
        return self._folders[folder]


def _names_in_layer(tree: FolderTree, folder: str) -> tuple[frozenset[str], frozenset[str], bool]:
    """Return the names that a layer has in *folder*, those that it removes, and whether it hides all lower ones."""
    above, hides = "", False
    for part in filter(None, folder.split("/")):
        above = f"{above}/{part}"
        place = tree.look(above)
        if place is None:
            return frozenset(), frozenset(), hides
        if place.kind != "folder":
            return frozenset(), frozenset(), True
        hides = hides or tree.opaque(above)
    entries = tree.entries(folder or "/")
    whiteouts = frozenset(
        entry.name for entry in entries if entry.kind == "other" and tree.look(f"{folder}/{entry.name}") == WHITEOUT
    )
    return frozenset(entry.name for entry in entries) - whiteouts, whiteouts, hides
