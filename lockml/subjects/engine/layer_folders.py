"""The folders of layers that an engine names in; those that are its own, on this machine, out.

What an engine says is not believed: a folder counts only where the storage of Docker or Podman lies below the folder
that the engine keeps everything in, ``ROOT/overlay2/ID/diff``, and no link leads elsewhere; and only to a user who sees
what upper layers remove. All others come as a stream.
"""

import os
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from lockml.common.errors import LockmlError
from lockml.subjects.engine.api import Engine
from lockml.subjects.tree.overlay import sees_marks

__all__ = ["is_engine_layer", "own_folders"]

_STORAGE: Final = re.compile(r"/overlay2?/[0-9a-z]{20,64}(?:-init)?/diff")


def own_folders(engine: Engine, folders: Sequence[str]) -> tuple[str, ...]:
    """Return *folders*, () where one of them is not the engine's own or the engine is elsewhere."""
    if not engine.address.local or not folders or not sees_marks():
        return ()
    try:
        root = engine.root()
    except LockmlError:
        return ()
    if not _is_own(root):
        return ()
    return tuple(folders) if all(is_engine_layer(root, folder) for folder in folders) else ()


def _is_own(root: str) -> bool:
    """Return whether *root* is this user's: other users' engines may write other marks (fuse-overlayfs)."""
    try:
        return os.stat(root).st_uid == os.geteuid()  # noqa: PTH116 - a name as the engine says it
    except (OSError, ValueError):
        return False


def is_engine_layer(root: str, folder: str) -> bool:
    """Return whether *folder* is one in which an engine keeps a layer below its *root*, wherever links lead."""
    if not PurePosixPath(root).is_absolute() or len(PurePosixPath(root).parts) < 2:
        return False
    real = os.path.realpath(root)
    storage = _STORAGE.fullmatch(os.path.realpath(folder).removeprefix(real)) is not None
    return storage and os.path.realpath(folder).startswith(f"{real}/")
