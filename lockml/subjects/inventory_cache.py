"""Cache inventories of images for their containers: an unchanged container only costs a look at its changes.

They are taken from the image's layers only, never from what a container shows. A container's changes say whether
anything that was read is different: a change elsewhere, however large, is not even walked. Anyone who can write to
the engine's own folders can change an image without the engine noticing.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from lockml import __version__
from lockml.common.errors import LockmlError
from lockml.common.private_files import PrivateFolder
from lockml.inventory.collect import take_inventory
from lockml.inventory.environment.accelerator import VARIABLES, with_host
from lockml.inventory.environment.process_titles import mapped_places
from lockml.inventory.file_tree import Entry, FileTree, ForwardingTree, Origin, UnreadableError
from lockml.inventory.model import Inventory, Runtime
from lockml.inventory.proof import Proof
from lockml.subjects.model import ImageFiles, OpenedSubject
from lockml.subjects.open import with_cached_digests
from lockml.subjects.process import ProcessTree
from lockml.subjects.tree.folder import FolderTree
from lockml.subjects.tree.overlay import OverlayTree

__all__ = ["INVENTORIES", "ImageMemory", "Remembered"]

INVENTORIES: Final = "inventories-5"
"""The name of their folder inside the cache."""

_MAX_KEPT: Final = 1 << 28  # bytes of one image's inventory
_IN_MEMORY: Final = 32  # of some megabytes each
_VARIABLES: Final = ("PATH", "HOME", "VIRTUAL_ENV", "CONDA_PREFIX")
_OF_PYTHON: Final = ("PYTHON", "LD_", *VARIABLES)  # prefixes of the variables that Python, the loader and CUDA read

_Asked = tuple[str | None, bool, Proof]
"""The prefix of the environment, whether all its files are included, and what is known about them."""


class _Looked(msgspec.Struct):
    """What was read, including the folders above: the kind of each path, and the folders in a listing."""

    places: dict[str, str]
    listed: dict[str, list[str]]


class _Memory(msgspec.Struct):
    """A cached inventory of an image; no *inventory* if it has none, or none that is complete."""

    key: str
    inventory: Inventory | None
    looked: _Looked


class Remembered(Struct, frozen=True):
    """An inventory with its name among those of its image, None if it only applies to this subject."""

    inventory: Inventory
    key: str | None


class ImageMemory:
    """A cache of inventories in this process and in *folder*, None for memory only."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._memories: OrderedDict[str, _Memory] = OrderedDict()

    def take(self, opened: OpenedSubject, *, prefix: str | None, files: bool, proof: Proof) -> Remembered:
        """Return the inventory of *opened* as `take_inventory` does: that of its image if nothing relevant changed.

        The image's inventory is only returned for a container that had changed nothing in it during this call.
        """
        tree, image = opened.tree, opened.image
        if isinstance(tree, ProcessTree) and image is not None and isinstance(image.files, OverlayTree):
            key = _key_of(image, opened.runtime, prefix, proof, files=files)
            known = self._get(key) or self._of_image(key, opened, image.files, (prefix, files, proof))
            if known.inventory is not None and not _changed(tree, known.looked):
                found = with_host(_of_subject(known.inventory, opened), tree)
                host = (found.ground.driver, *found.ground.gpus)
                return Remembered(found, f"{key} {host}" if any(host) else key)
        with with_cached_digests(opened, self._folder if files else None) as cached_tree:
            return Remembered(with_host(_taken(cached_tree, opened, (prefix, files, proof)), tree), None)

    def _of_image(self, key: str, opened: OpenedSubject, image: OverlayTree, asked: _Asked) -> _Memory:
        """Take the inventory of the image of *opened* for a container that starts in the same way, and cache it."""
        known = opened.image
        itself = replace(
            opened, tree=image, image=ImageFiles(id=known.id, folders=known.folders, files=image) if known else None
        )
        inventory: Inventory | None = None
        with suppress(LockmlError), with_cached_digests(itself, self._folder if asked[1] else None) as cached_tree:
            watched = _WatchedTree(cached_tree)
            taken = _taken(watched, itself, asked)
            inventory = taken if not taken.problems else None
        looked = watched.looked(image.seen()) if inventory is not None else _Looked(places={}, listed={})
        memory = _Memory(key=key, inventory=inventory, looked=looked)
        self._put(memory)
        return memory

    def _get(self, key: str) -> _Memory | None:
        if key in self._memories:
            self._memories.move_to_end(key)
            return self._memories[key]
        if self._folder is None:
            return None
        with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            with PrivateFolder(self._folder / INVENTORIES, made=False) as folder:
                content = folder.read(key, _MAX_KEPT)
            found = msgspec.msgpack.decode(content, type=_Memory) if content is not None else None
            if found is not None and found.key == key:
                self._hold(found)
                return found
        return None

    def _put(self, memory: _Memory) -> None:
        self._hold(memory)
        if self._folder is None or memory.inventory is None:
            return
        with suppress(OSError, UnicodeEncodeError):  # a name that is not UTF-8: only kept in this process
            content = msgspec.msgpack.encode(memory)
            with PrivateFolder(self._folder / INVENTORIES) as folder:
                folder.write(memory.key, (content,))

    def _hold(self, memory: _Memory) -> None:
        self._memories[memory.key] = memory
        while len(self._memories) > _IN_MEMORY:
            self._memories.popitem(last=False)


def _of_subject(inventory: Inventory, opened: OpenedSubject) -> Inventory:
    """Return the *inventory* of the image of *opened* for the subject itself, which process limits name."""
    limits = (
        replace(e, examples=(opened.subject.name,)) if e.code == "process-memory" else e for e in inventory.limits
    )
    return replace(inventory, subject=opened.subject, limits=tuple(limits))


def _taken(tree: FileTree, opened: OpenedSubject, asked: _Asked) -> Inventory:
    prefix, files, proof = asked
    return take_inventory(tree, opened.subject, opened.runtime, prefix=prefix, files=files, proof=proof)


def _key_of(image: ImageFiles, runtime: Runtime, prefix: str | None, proof: Proof, *, files: bool) -> str:
    """Return everything that decides an inventory: the lockml, the image and its layers, the start, the request."""
    processes = sorted(
        repr(
            (
                each.program,
                each.command,
                _deciding(each.environment),
                each.working_folder,
                each.user,
                mapped_places(each),
            )
        )
        for each in runtime.processes
    )
    started = (_deciding(runtime.environment), runtime.working_folder, runtime.user, runtime.command)
    decides = repr((__version__, image.key, started, sorted(set(processes)), prefix, files, proof.key))
    return hashlib.sha256(decides.encode("utf-8", "surrogateescape")).hexdigest()


def _deciding(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the variables that decide what Python loads; others differ between containers."""
    return sorted((k, v) for k, v in environment.items() if k in _VARIABLES or k.startswith(_OF_PYTHON))


class _WatchedTree(ForwardingTree):
    """A *tree* that records what was read from it."""

    def __init__(self, tree: FileTree) -> None:
        super().__init__(tree)
        self._asked: set[str] = set()
        self._listed: dict[str, list[str]] = {}

    def looked(self, seen: Mapping[str, str]) -> _Looked:
        """Return what was read, including what the tree below has *seen* on the way."""
        places, done = dict(seen), set[str]()
        for path in (*self._asked, *self._listed, *seen):
            above = path.rpartition("/")[0]
            while above and above not in done:
                done.add(above)
                places.setdefault(above, "folder")
                above = above.rpartition("/")[0]
        for path in self._asked:
            if path.rpartition("/")[0] not in self._listed:  # a change to it changes its folder
                places.setdefault(path, "file")
        places |= dict.fromkeys(self._listed, "folder")
        return _Looked(places=places, listed=self._listed)

    def names(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in the folder *path*, () if it is not a folder; raises UnreadableError."""
        return tuple(entry.name for entry in self.entries(path))

    def entries(self, path: str) -> tuple[Entry, ...]:
        """Return the entries of the folder *path*, sorted by name, () if it is not a folder; raises UnreadableError."""
        found = self._tree.entries(path)
        self._listed[self._tree.resolve(path).rstrip("/")] = [each.name for each in found if each.kind == "folder"]
        return found

    def read(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of the file *path*, None if it is not a file; raises UnreadableError."""
        self._asked.add(path)
        return self._tree.read(path, limit)

    def origin(self, path: str) -> Origin | None:
        """Return the origin of the file at *path*, None if it is unknown."""
        self._asked.add(path)
        return self._tree.origin(path)

    def digests(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes | UnreadableError]]:
        """Yield each path of *wanted* with the digest of its file by the given algorithm, in any order."""

        def noted() -> Iterator[tuple[str, str]]:
            for path, algorithm in wanted:
                self._asked.add(path)
                yield path, algorithm

        return self._tree.digests(noted())


def _changed(tree: ProcessTree, looked: _Looked) -> bool:
    """Return whether a container has changed anything that was read."""
    tree.look_anew()
    return tree.upper is None or _touched(tree, tree.upper, looked)


def _is_over(at: str, looked: _Looked) -> bool:
    """Return whether a mount *at* a path covers anything that was read, including one of several listed files.

    A mount over a folder that was only listed changes nothing, such as /proc in the root.
    """
    above, _, name = at.rpartition("/")
    return at in looked.places or (above in looked.listed and name not in looked.listed[above])


def _touched(tree: ProcessTree, upper: FolderTree, looked: _Looked) -> bool:
    """Return whether a mount or a change in *upper* is, hides or adds to anything that was read."""
    if any(_is_over(mount.at, looked) for mount in tree.mounts):
        return True
    waiting = [""]
    try:
        while waiting:
            folder = waiting.pop()
            folders_there = looked.listed.get(folder)
            for entry in upper.entries(folder or "/"):
                path = f"{folder}/{entry.name}"
                kind = looked.places.get(path)
                if entry.kind == "folder" and not upper.opaque(path):
                    if kind == "folder":
                        waiting.append(path)
                        continue
                    if kind is None and (folders_there is None or entry.name in folders_there):
                        continue  # nothing below it was read
                if kind is not None or folders_there is not None:
                    return True
    except UnreadableError:
        return True
    return False
