"""Files that tools leave in library folders without listing them anywhere: what they hold is known by its digest.

``_virtualenv.py`` and its .pth are those of virtualenv and uv; README.txt is CPython's own, from ``make install``.
"""

import hashlib
import posixpath
from typing import Final

from lockml.ports import FileTree

__all__ = ["is_known"]

_LIMIT: Final = 1 << 14
_README: Final = (
    b"This directory exists so that 3rd party packages can be installed\n"
    b"here.  Read the source for site.py for more details.\n"
)
_NAMES: Final = frozenset({"_virtualenv.py", "_virtualenv.pth", "README.txt"})
_KNOWN: Final = frozenset(
    {
        hashlib.sha256(_README).hexdigest(),
        hashlib.sha256(b"import _virtualenv").hexdigest(),
        "0278334cdcfab4c746b4416fbd5c2b6e7da937c81e132397d62c361d404ebe0e",
    }
)


def is_known(tree: FileTree, path: str) -> bool:
    """Say whether the file at *path* is one of those; raises UnreadableError."""
    if posixpath.basename(path) not in _NAMES:
        return False
    content = tree.read(path, _LIMIT)
    return content is not None and hashlib.sha256(content).hexdigest() in _KNOWN
