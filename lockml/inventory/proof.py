"""What a lock proves about an environment, as far as an inventory needs it; the drift stage fills it in."""

from collections.abc import Callable

from msgspec import Struct
from packaging.utils import NormalizedName

from lockml.common.progress import Progress, silent
from lockml.inventory.bytecode.compiled_modules import CompareCode, compare_nothing
from lockml.inventory.model import InstalledDistribution, PythonEnvironment

__all__ = ["Proof"]


def _nothing(_: PythonEnvironment) -> frozenset[str]:
    return frozenset()


def _no_tool(_: InstalledDistribution, __: str, ___: str | None) -> bool | None:
    return None


class Proof(Struct, frozen=True, kw_only=True):
    """What is known in advance about what must be installed; without a lock, nothing.

    *projects* are the locked names, *unprovable* those whose bytes no lock can know, *own* those locked from a folder
    of the user's and the projects that the lock is for, which are in neither of the other two. *proven* returns the
    dist-info folders of an environment whose RECORD is that of a locked or known wheel. *tool_file* returns whether an
    unlocked tool (pip, setuptools, wheel) may have a file at a path relative to the library folder, with its SHA-256 in
    hexadecimal; None for a project that is not a tool. *base_layers* are the digests of the layers of the locked base
    image, lowest first; with *provides*, files of these layers that nothing else accounts for count as locked too.
    *compare* compares compiled modules with their sources, in an order that *salt* decides: unpredictable bytes.
    *python* is the minor version that all targets share, "" if they differ. *progress* is called as the inventory
    proceeds. *key* identifies all of this except *compare*, *salt* and *progress*, for caches.
    """

    key: str = ""
    projects: frozenset[NormalizedName] = frozenset()
    unprovable: frozenset[NormalizedName] = frozenset()
    own: frozenset[NormalizedName] = frozenset()
    base_layers: tuple[str, ...] = ()
    provides: bool = False
    proven: Callable[[PythonEnvironment], frozenset[str]] = _nothing
    tool_file: Callable[[InstalledDistribution, str, str | None], bool | None] = _no_tool
    compare: CompareCode = compare_nothing
    salt: bytes = b""
    python: str = ""
    progress: Progress = silent

    def anchored(self, layers: tuple[str, ...]) -> int:
        """Return how many of an image's *layers*, lowest first, belong to the base image; 0 for another base."""
        count = len(self.base_layers)
        return count if count and layers[:count] == self.base_layers else 0
