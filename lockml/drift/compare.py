"""Compare a `Lock` with an `Inventory`: the only place where the two streams meet."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, get_args

from msgspec.structs import replace
from packaging.pylock import Package
from packaging.utils import NormalizedName

from lockml.common.errors import LockError
from lockml.common.settings import setting
from lockml.common.target import Target
from lockml.drift.artifacts import Proven
from lockml.drift.files import changed_sources, file_drifts, script_drifts, setting_drifts
from lockml.drift.ground.accelerators import accelerator_findings
from lockml.drift.ground.lock_label import compare_lock_label
from lockml.drift.ground.platform import compare_base_image, compare_platform, foreign_ground_drifts, serving_target
from lockml.drift.model import LEVELS, BaseImageResult, Drift, DriftReport, Level, LevelResult, MatchedWheel, Remark
from lockml.drift.projects import Findings, ProjectComparison
from lockml.drift.provided import compare_provided, provided_by_base
from lockml.drift.remedies import Remedies
from lockml.drift.verdicts import Verdicts
from lockml.inventory.model import FileSurvey, InstalledDistribution, Inventory, Limit, LimitCode
from lockml.lock.model import Lock
from lockml.lock.select import select_packages

__all__ = ["best_level", "compare"]

_BASE_IMAGE: Final = "base image"
_LEFTOVER: Final = "~"  # pip renames what it replaces, and leaves it behind if it is interrupted


def best_level(lock: Lock) -> Level:
    """Return the default level for *lock*: the highest, bytes, unless another tool wrote the lock."""
    return "names" if lock.format and not any(lock.artifacts.values()) else "artifacts"


def compare(
    lock: Lock, inventory: Inventory, *, level: Level, file: str, verdicts: Verdicts | None = None
) -> DriftReport:
    """Return how *inventory* differs from *lock*, read from *file*, up to *level*; drifts are sorted by project.

    *verdicts* of that lock hold earlier judgements. Raises LockError if the lock has no such target or proves nothing.
    """
    _require_identities(lock, file, level)
    target = serving_target(lock, inventory.environment, file)
    remedies = _remedies(lock, inventory)
    findings = Findings(problems=list(inventory.problems))
    _compare_ground(lock, inventory, target, remedies, findings)
    findings.remarks += _remarks(lock, inventory, level, file)
    packages = _meant(lock, inventory, target, file)
    _compare_projects(verdicts or Verdicts(lock), inventory, target, level, packages, findings)
    _compare_accelerators(lock, inventory, target, packages, findings)
    if level == "files" and inventory.files is not None:
        _compare_files(inventory, inventory.files, packages, remedies, findings)
    return DriftReport(
        remedies=remedies,
        base_image=_base_image(lock, findings),
        lock=file,
        subject=inventory.subject,
        environment=inventory.environment,
        target=target,
        levels=_levels(level, findings, len(packages)),
        drifts=tuple(findings.drifts),
        remarks=tuple(findings.remarks),
        unprovable=tuple(findings.unprovable),
        problems=tuple(findings.problems),
        others=inventory.others,
        files=inventory.files if level == "files" else None,
        proven=frozenset(findings.proven),
        verified=frozenset(findings.verified),
        recorded=frozenset(findings.recorded),
        lock_sha256=lock.sha256,
        limits=_limits(inventory, findings),
        wheels=dict(_matched_wheels(packages, findings.proven)),
    )


def _matched_wheels(
    packages: Mapping[NormalizedName, Package], proven: Mapping[str, Proven]
) -> Iterator[tuple[str, MatchedWheel]]:
    """Yield, by name, the locked wheel whose RECORD is installed."""
    for name, filename in ((name, each.wheel) for name, each in proven.items()):
        wheels = packages[NormalizedName(name)].wheels or ()
        found = next((each for each in wheels if each.name == filename), None)  # parsing names from URLs is slow
        found = found or next((each for each in wheels if each.filename == filename), None)
        if found is not None:
            yield name, MatchedWheel(filename=filename, hashes=found.hashes, url=found.url)


def _remarks(lock: Lock, inventory: Inventory, level: Level, file: str) -> Iterator[Remark]:
    """Yield the remarks on the environment and on a lock that another tool wrote."""
    if lock.format and level == "names" and inventory.subject.kind != "freeze":
        text = f"only versions and sources are compared: `lockml adopt {file}` makes a lock that proves the bytes too"
        yield Remark(subject=lock.format, text=text)
    yield from (Remark(subject=lock.format, text=text) for text in lock.notes)
    yield from (Remark(subject="environment", text=text) for text in inventory.remarks)


def _meant(lock: Lock, inventory: Inventory, target: Target, file: str) -> dict[NormalizedName, Package]:
    """Return what is locked for *target*, by name; the user's own projects in another tool's lock may be excluded."""
    there = {each.name for each in inventory.environment.distributions}
    return {
        package.name: package
        for package in select_packages(lock, target, file)
        if package.name in there or not (lock.format and package.directory and package.name in lock.projects)
    }


def _compare_projects(
    verdicts: Verdicts,
    inventory: Inventory,
    target: Target,
    level: Level,
    packages: Mapping[NormalizedName, Package],
    findings: Findings,
) -> None:
    installed = _by_name(inventory.environment.distributions, findings)
    projects = ProjectComparison(
        verdicts=verdicts,
        target=target,
        level=level,
        remedies=_remedies(verdicts.lock, inventory),
        findings=findings,
        library=inventory.environment.library,
        answered=inventory.subject.details.get("read-by") == "exec",
        distributions=tuple(copy for copies in installed.values() for copy in copies),
        removed={each.name: each for each in inventory.removed},
    )
    provided = provided_by_base(verdicts.lock, packages, installed)
    compare_provided(provided, installed, level, projects.remedies, findings)
    for name in sorted({*packages, *installed} - {each.name for each in provided}):
        projects.compare(packages.get(name), installed.get(name, ()))
    labelled = compare_lock_label(inventory.subject, packages.values(), target, findings.drifts, projects.remedies)
    if isinstance(labelled, Remark):
        findings.remarks.append(labelled)
    elif labelled is not None:
        findings.drifts.append(labelled)


def _remedies(lock: Lock, inventory: Inventory) -> Remedies:
    built = frozenset(each.name for each in lock.built)
    return Remedies.of(inventory, lock.format, lock.made_with.requirements, built)


def _compare_accelerators(
    lock: Lock,
    inventory: Inventory,
    target: Target,
    packages: Mapping[NormalizedName, Package],
    findings: Findings,
) -> None:
    """Add the mismatches of CUDA and other accelerators."""
    for each in accelerator_findings(lock, inventory, target, tuple(packages.values()), findings.proven):
        if isinstance(each, Remark):
            findings.remarks.append(each)
        else:
            findings.drifts.append(each)


def _limits(inventory: Inventory, findings: Findings) -> tuple[Limit, ...]:
    """Return the limits of the check, in the order of their codes."""
    names = tuple(f"{each.name} {each.version}" for each in findings.unknown)
    tools = (Limit(code="unlocked-tools", count=len(names), examples=names),) if names else ()
    return tuple(sorted((*inventory.limits, *tools), key=lambda limit: get_args(LimitCode).index(limit.code)))


def _compare_ground(lock: Lock, inventory: Inventory, target: Target, remedies: Remedies, findings: Findings) -> None:
    """Compare the ground: the base image, Python, the platform and the settings that change what Python loads."""
    _compare_platforms(lock, inventory, target, remedies, findings)
    findings.drifts += setting_drifts(inventory, remedies)


def _compare_platforms(
    lock: Lock, inventory: Inventory, target: Target, remedies: Remedies, findings: Findings
) -> None:
    based = compare_base_image(lock, inventory.subject, remedies)
    if isinstance(based, str):
        findings.remarks.append(Remark(subject=_BASE_IMAGE, text=based))
    elif based is not None:
        findings.drifts.append(based)
    if inventory.subject.kind == "freeze":
        findings.remarks.append(Remark(subject="platform", text="a list of packages does not include it"))
        return
    if lock.format:
        findings.drifts += foreign_ground_drifts(lock, inventory.environment, target, remedies)
        return
    drifts, problems = compare_platform(target, inventory.environment, remedies)
    findings.drifts += drifts
    findings.problems += problems


def _levels(level: Level, findings: Findings, total: int) -> tuple[LevelResult, ...]:
    reached = LEVELS[: LEVELS.index(level) + 1]
    return tuple(LevelResult(level=each, matched=findings.matched[each], total=total) for each in reached)


def _base_image(lock: Lock, findings: Findings) -> BaseImageResult:
    """Return what `_compare_ground` found about the base image."""
    if lock.base_image is None:
        return BaseImageResult(same=None, reason="the lock names none")
    reference = lock.base_image.reference
    reason = next((each.text for each in findings.remarks if each.subject == _BASE_IMAGE), "")
    if reason:
        return BaseImageResult(same=None, reference=reference, reason=reason)
    return BaseImageResult(same=all(each.kind != "base-image" for each in findings.drifts), reference=reference)


def _compare_files(
    inventory: Inventory,
    survey: FileSurvey,
    packages: Mapping[NormalizedName, Package],
    remedies: Remedies,
    findings: Findings,
) -> None:
    findings.drifts = [_with_unhashed(_with_sources(drift, inventory), survey) for drift in findings.drifts]
    findings.drifts += file_drifts(inventory, packages, remedies, {drift.name for drift in findings.drifts})
    identities = {name: each.identity for name, each in findings.proven.items()}
    changed = list(script_drifts(survey, identities, packages, remedies))
    findings.drifts += changed
    deviating = {*(each.owner for each in survey.deviations), *(each.name for each in changed)}
    findings.matched["files"] = len(findings.proven.keys() - deviating)


def _with_sources(drift: Drift, inventory: Inventory) -> Drift:
    """Add to an artifact drift where its bytes were changed, as far as its compiled modules show it."""
    changed = changed_sources(inventory, drift.name) if drift.kind == "artifact" else ()
    if not changed:
        return drift
    return replace(drift, detail=f"{drift.detail}; its compiled modules show where: {', '.join(changed[:5])}")


def _with_unhashed(drift: Drift, survey: FileSurvey) -> Drift:
    """Bind the drift of a project to its files without a hash as well, since its RECORD does not cover their bytes."""
    contents = survey.contents.get(drift.path or "")
    if contents is None:
        return drift
    return replace(drift, record=f"sha256:{hashlib.sha256(f'{drift.record} {contents}'.encode()).hexdigest()}")


def _require_identities(lock: Lock, file: str, level: Level) -> None:
    if level == "names":
        return
    if any(package.wheels for package in lock.pylock.packages) and not any(lock.artifacts.values()):
        raise LockError(
            file,
            "has no artifact identities, so it cannot prove which bytes are installed",
            hint=f"{_identities_from(lock, file)}, or check with {setting('level', 'names')}",
        )


def _identities_from(lock: Lock, file: str) -> str:
    return f"make a lock that has them with `lockml adopt {file}`" if lock.format else "lock with `lockml compile`"


def _by_name(
    distributions: Sequence[InstalledDistribution], findings: Findings
) -> dict[NormalizedName, list[InstalledDistribution]]:
    """Return the copies of each project in import path order, without the leftovers of pip."""
    copies: dict[NormalizedName, list[InstalledDistribution]] = {}
    for distribution in distributions:
        if distribution.dist_info.startswith(_LEFTOVER):
            text = f"left behind by an interrupted pip: {distribution.folder}"
            findings.remarks.append(Remark(subject=distribution.name, version=distribution.version, text=text))
        else:
            copies.setdefault(distribution.name, []).append(distribution)
    return copies
