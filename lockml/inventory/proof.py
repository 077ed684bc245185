"""What a lock proves of an environment, as far as an inventory asks; the drift stage fills it in."""

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
    """What is known beforehand of what must be installed; without a lock, nothing is.

    *projects* are the names that are locked, *unprovable* those of them whose bytes no lock can know, *own* those that
    are locked from a folder of the user's, and the projects that the lock is for, which are in none of the two.
    *proven* returns the dist-info folders of an environment whose RECORD is that of a locked or a known wheel.
    *tool_file* says whether an unlocked tool (pip, setuptools, wheel) may have a file at a path seen from the library
    folder, with its SHA-256 in hexadecimal; None for what is no tool. *base_layers* are the digests of the layers of
    the locked base image, the lowest first; with *provides*, what they have and nothing else accounts for is as
    locked too. *compare* compares compiled modules with their sources, in an order that *salt* decides, bytes that
    nobody can foresee. *python* is the minor version that all targets have, "" where they
    differ. *progress* hears how far a look is. *key* names all this but *compare*, *salt* and *progress* among other
    proofs, for what is kept.
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
        """Return how many of an image's *layers*, the lowest first, are those of the base image; 0 for another base."""
        count = len(self.base_layers)
        return count if count and layers[:count] == self.base_layers else 0
