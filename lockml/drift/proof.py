"""Return what a `Lock` proves about an environment, for the inventory to compare files with."""

from collections.abc import Mapping

from packaging.pylock import Package
from packaging.utils import NormalizedName
from packaging.version import InvalidVersion, Version

from lockml.common.errors import LockError
from lockml.common.target import Target
from lockml.drift.artifacts import Proven, has_record, is_provided
from lockml.drift.ground.platform import serving_target
from lockml.drift.tools import OWN_TOPS, KnownTool, is_tool_file, own_file, starts_python
from lockml.drift.verdicts import Verdicts
from lockml.inventory.bytecode.compiled_modules import CompareCode, compare_nothing
from lockml.inventory.model import InstalledDistribution, PythonEnvironment
from lockml.inventory.proof import Proof
from lockml.lock.model import Lock
from lockml.lock.select import select_packages

__all__ = ["own_projects", "proof_of"]


def own_projects(lock: Lock) -> frozenset[NormalizedName]:
    """Return the user's own projects: those locked from a folder, and the one that the lock is for and does not pin.

    A project that the lock pins, or that every environment has, is never the user's own, even if the lock says so.
    """
    packages = lock.pylock.packages
    unpinned = frozenset(lock.projects) - {package.name for package in packages} - OWN_TOPS.keys()
    return unpinned | {package.name for package in packages if package.directory is not None}


def proof_of(
    lock: Lock,
    file: str,
    *,
    key: str = "",
    compare: CompareCode = compare_nothing,
    salt: bytes = b"",
    verdicts: Verdicts | None = None,
) -> Proof:
    """Return what *lock*, read from *file*, proves; *key* is the SHA-256 of the file, "" if nothing is cached.

    *compare* compares compiled modules, in an order that *salt* decides (`Proof`); *verdicts* of that lock cache the
    judgements.
    """
    projects, unprovable = _projects(lock)

    def tool_file(distribution: InstalledDistribution, path: str, sha256: str | None) -> bool | None:
        if distribution.name not in OWN_TOPS or distribution.name in projects:
            return None
        if not own_file(distribution, path):
            return False
        return not starts_python(path) or (sha256 is not None and is_tool_file(path, sha256))

    return Proof(
        key=key,
        own=own_projects(lock),
        projects=projects,
        unprovable=unprovable,
        provides=lock.provided.selection == ("all",),
        base_layers=lock.base_image.layers if lock.base_image is not None else (),
        proven=_Proven(verdicts or Verdicts(lock), file),
        tool_file=tool_file,
        compare=compare,
        salt=salt,
        python=_python_of(lock),
    )


def _projects(lock: Lock) -> tuple[frozenset[NormalizedName], frozenset[NormalizedName]]:
    """Return what is locked or provided, and of what of that no bytes are known."""
    recorded = {each.name: has_record(each) for each in lock.provided.packages}
    projects = frozenset(package.name for package in lock.pylock.packages) | recorded.keys()
    proven = {name for name in projects if any(each.identity for each in lock.artifacts.get(name, ()))}
    proven |= {each.name for each in lock.recorded}
    return projects, projects - proven - {name for name, known in recorded.items() if known}


def _python_of(lock: Lock) -> str:
    """Return the minor Python version that all targets of *lock* share, "" if they differ."""
    versions = {f"{target.python.major}.{target.python.minor}" for target in lock.targets}
    return versions.pop() if len(versions) == 1 else ""


class _Proven:
    """The distributions of an environment whose RECORD is that of a locked or known wheel."""

    def __init__(self, verdicts: Verdicts, file: str) -> None:
        self._verdicts = verdicts
        self._lock = verdicts.lock
        self._file = file
        self._provided = {each.name: each for each in verdicts.lock.provided.packages}
        self._digests: tuple[PythonEnvironment, frozenset[str]] | None = None

    def __call__(self, environment: PythonEnvironment) -> frozenset[str]:
        if self._digests is not None and self._digests[0] is environment:
            return self._digests[1]
        try:
            target = serving_target(self._lock, environment, self._file)
            packages = {each.name: each for each in select_packages(self._lock, target, self._file)}
        except LockError:
            return frozenset()  # reported by the comparison
        found = frozenset(
            each.folder
            for each in environment.distributions
            if self._is_locked(each, packages, target)
            or (each.name not in packages and is_provided(self._provided, each))
            or self._is_known_tool(each, environment)
        )
        self._digests = (environment, found)
        return found

    def _is_locked(
        self, installed: InstalledDistribution, packages: Mapping[NormalizedName, Package], target: Target
    ) -> bool:
        package = packages.get(installed.name)
        if package is None or package.version is None:
            return False
        try:
            if Version(installed.version) != package.version:
                return False
        except InvalidVersion:
            return False
        return isinstance(self._verdicts.locked(package, target, installed), Proven)

    def _is_known_tool(self, installed: InstalledDistribution, environment: PythonEnvironment) -> bool:
        if self._lock.package(installed.name) is not None or installed.name not in OWN_TOPS:
            return False
        return isinstance(self._verdicts.tool(installed, environment.library), KnownTool)
