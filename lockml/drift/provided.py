"""Compare the packages that the base image provides with those that it provided when the lock was made."""

from collections.abc import Collection, Mapping, Sequence

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from lockml.drift.artifacts import Differs, Unprovable, judge_provided, provided_digest
from lockml.drift.model import Drift, DriftKind, Level, Remark
from lockml.drift.projects import Findings
from lockml.drift.proof import own_projects
from lockml.drift.remedies import Remedies
from lockml.inventory.model import InstalledDistribution
from lockml.lock.model import TOOLS, Lock, ProvidedPackage

__all__ = ["compare_provided", "provided_by_base"]


def provided_by_base(
    lock: Lock,
    packages: Collection[NormalizedName],
    installed: Mapping[NormalizedName, Sequence[InstalledDistribution]],
) -> list[ProvidedPackage]:
    """Return the part of *installed* that must match the base image: what neither *packages* nor the user replace.

    A virtual environment that sees the system's packages has its own setuptools; unless a package needs another
    version, that is one of the tools that every environment has.
    """
    elsewhere = {*packages, *own_projects(lock)}
    return [
        each
        for each in lock.provided.packages
        if each.name not in elsewhere and not _is_tool_of_environment(each, installed.get(each.name, ()), lock)
    ]


def _is_tool_of_environment(provided: ProvidedPackage, copies: Sequence[InstalledDistribution], lock: Lock) -> bool:
    if provided.name not in TOOLS or not copies or not isinstance(judge_provided(provided, copies[0]), Differs):
        return False
    if copies[0].version == provided.version:
        return copies[0].owner is None and bool(provided.owner)
    needed = {name for each in lock.provided.packages for name in each.needs}
    needed |= {needs["name"] for package in lock.pylock.packages for needs in package.dependencies or ()}
    needed |= {canonicalize_name(Requirement(each.requirement).name) for each in lock.requirements}
    return provided.name not in needed


def compare_provided(
    provided: Sequence[ProvidedPackage],
    installed: Mapping[NormalizedName, Sequence[InstalledDistribution]],
    level: Level,
    remedies: Remedies,
    findings: Findings,
) -> None:
    """Add to *findings* how *installed*, the copies of each project, differs from what the base image *provided*."""
    same = 0
    for each in provided:
        used, *hidden = installed.get(each.name) or (None,)
        if used is None:
            findings.drifts.append(_drift("missing", each, None, "it is not installed", remedies))
            continue
        verdict = judge_provided(each, used)
        if isinstance(verdict, Differs) and (level != "names" or used.version != each.version):
            kind: DriftKind = "version" if used.version != each.version else "artifact"
            findings.drifts.append(_drift(kind, each, used, verdict.detail, remedies))
            continue
        same += verdict is None or level == "names"
        if isinstance(verdict, Unprovable) and not each.owner:
            findings.unprovable.append(Remark(subject=each.name, version=each.version, text=verdict.reason))
        for copy in hidden:
            if copy is not None:
                text = f"hidden by {each.version} in {used.site_folder}"
                findings.remarks.append(Remark(subject=copy.name, version=copy.version, text=text))
    if same:
        how = "at its version" if level == "names" else "unchanged"
        text = f"{same} of {len(provided)} packages that the base image provides are installed, {how}"
        findings.remarks.append(Remark(subject="provided", text=text))


def _drift(
    kind: DriftKind, provided: ProvidedPackage, used: InstalledDistribution | None, detail: str, remedies: Remedies
) -> Drift:
    origin = used.origin if used is not None else None
    brought = f" ({provided.origin})" if provided.origin else ""
    return Drift(
        kind=kind,
        name=provided.name,
        locked=provided.version,
        found=used.version if used is not None else None,
        path=used.folder if used is not None else None,
        detail=f"{detail}; the base image provides it{brought}, and nothing reinstalls it",
        remedy=remedies.provided(origin),
        origin=origin,
        record=provided_digest(used) if used is not None else None,
        time=used.time if used is not None else None,
    )
