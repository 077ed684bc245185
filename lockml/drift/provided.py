"""Compare what the base image brought, and nothing installs again, with what it brought when the lock was made."""

from collections.abc import Mapping, Sequence

from packaging.utils import NormalizedName

from lockml.drift.artifacts import Differs, Unprovable, judge_provided, record_digest
from lockml.drift.model import Drift, DriftKind, Level, Remark
from lockml.drift.projects import Findings
from lockml.drift.remedies import Remedies
from lockml.inventory.model import InstalledDistribution
from lockml.lock.model import ProvidedPackage

__all__ = ["compare_provided"]


def compare_provided(
    provided: Sequence[ProvidedPackage],
    installed: Mapping[NormalizedName, Sequence[InstalledDistribution]],
    level: Level,
    remedies: Remedies,
    findings: Findings,
) -> None:
    """Add to *findings* how what is *installed*, the copies of each project, is not what the base image *provided*."""
    same = 0
    for each in provided:
        used, *hidden = installed.get(each.name) or (None,)
        if used is None:
            findings.drifts.append(_drift("missing", each, None, "it is not there", remedies))
            continue
        verdict = judge_provided(each, used)
        if isinstance(verdict, Differs) and (level != "names" or used.version != each.version):
            kind: DriftKind = "version" if used.version != each.version else "artifact"
            findings.drifts.append(_drift(kind, each, used, verdict.detail, remedies))
            continue
        same += 1
        if isinstance(verdict, Unprovable) and not each.owner:
            findings.unprovable.append(Remark(subject=each.name, version=each.version, text=verdict.reason))
        for copy in hidden:
            if copy is not None:
                text = f"hidden by {each.version} in {used.site_folder}"
                findings.remarks.append(Remark(subject=copy.name, version=copy.version, text=text))
    if same:
        how = "in its version" if level == "names" else "as it had it"
        text = f"{same} of {len(provided)} packages that the base image provides are there, each {how}"
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
        detail=f"{detail}; the base image provides it{brought}, and nothing installs it again",
        remedy=remedies.provided(origin),
        origin=origin,
        record=record_digest(used) if used is not None else None,
        time=used.time if used is not None else None,
    )
