"""Accept the layer folders that an engine names only if they are its own, on this machine.

The engine's answer is not trusted: a folder only counts at the place of Docker's or Podman's storage below the engine's
data folder, ``ROOT/overlay2/ID/diff``, if no link leads elsewhere, and for a user who can see what upper layers
remove. Anything else is read as a stream.
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
    """Return *folders*, () if one of them is not the engine's own or the engine is remote."""
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
    """Return whether *root* belongs to this user: engines of other users may use other marks (fuse-overlayfs)."""
    try:
        return os.stat(root).st_uid == os.geteuid()  # noqa: PTH116 - a name as the engine says it
    except (OSError, ValueError):
        return False


def is_engine_layer(root: str, folder: str) -> bool:
    """Return whether *folder* is a layer folder of an engine below its *root*, with links resolved."""
    if not PurePosixPath(root).is_absolute() or len(PurePosixPath(root).parts) < 2:
        return False
    real = os.path.realpath(root)
    storage = _STORAGE.fullmatch(os.path.realpath(folder).removeprefix(real)) is not None
    return storage and os.path.realpath(folder).startswith(f"{real}/")
