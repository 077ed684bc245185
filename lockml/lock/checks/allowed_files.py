"""Find lines whose hashes allow fewer files than a lock has: entries from a base were not filtered."""

from collections.abc import Iterable, Iterator, Sequence

from packaging.pylock import Package

from lockml.common.target import Target
from lockml.lock.model import Lock
from lockml.lock.references import index_files
from lockml.lock.select import served_packages
from lockml.requirements.model import Requirement
from lockml.resolution.candidates.merged_lines import AllowedHashes, meets

__all__ = ["allows_files", "unmet_hashes"]


def unmet_hashes(lock: Lock, lines: Iterable[Requirement], targets: Sequence[Target]) -> Iterator[Requirement]:
    """Yield those of *lines* that do not allow a file of *lock* that one of *targets* may install."""
    hashed = [line for line in lines if line.hashes]
    for target in targets if hashed else ():
        packages = {package.name: package for package in served_packages(lock, target)}
        for line in hashed:
            package = packages.get(line.name)
            if package is not None and line.applies_to(target.environment) and not allows_files(line, package, target):
                yield line


def allows_files(line: Requirement, package: Package, target: Target) -> bool:
    """Say whether the hashes behind *line*, if any, allow every file of *package* that *target* may install."""
    if not line.hashes:
        return True
    allowed: AllowedHashes = frozenset({line.hashes})
    files = [file.hashes for file in index_files(package) if target.may_load(file.filename)]
    files += [package.archive.hashes] if package.archive is not None else []
    return bool(files) and all(meets(hashes, allowed) for hashes in files)
