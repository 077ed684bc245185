"""Find lines whose hashes allow fewer files than a lock has.

Resolving filters the files of each target, but not those that a base adds, or that only another target may use.
"""

from collections.abc import Iterator, Sequence

from packaging.pylock import Package

from lockml.common.errors import InputError
from lockml.common.target import Target
from lockml.lock.model import Lock
from lockml.lock.references import index_files
from lockml.lock.select import served_packages
from lockml.requirements.model import Requirement, RequirementSet
from lockml.resolution.candidates.merged_lines import AllowedHashes, meets

__all__ = ["allows_files", "refuse_files_of_others", "unmet_hashes"]


def refuse_files_of_others(lock: Lock, asked: RequirementSet, targets: Sequence[Target]) -> None:
    """Raise InputError if *lock* has a file for one of *targets* that a line forbids on another, which installs it.

    A line with a reference has one file, which resolving compared with its hashes.
    """
    lines = unmet_hashes(lock, asked, targets) if len(targets) > 1 else ()
    for line in (line for line in lines if line.reference is None):
        problem = f"{line}: its hashes do not allow every file that the lock needs for another target"
        hint = "allow the same files for all targets, or lock each target in its own file"
        raise InputError(str(line.origin), problem, hint=hint)


def unmet_hashes(lock: Lock, asked: RequirementSet, targets: Sequence[Target]) -> Iterator[Requirement]:
    """Yield the lines of *asked* that do not allow a file of *lock* that one of *targets* may install.

    Overrides replace the requirements on their projects.
    """
    overridden = {line.name for line in asked.overrides}
    lines = [line for line in asked.requirements if line.name not in overridden]
    hashed = [line for line in (*lines, *asked.constraints, *asked.overrides) if line.hashes]
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
