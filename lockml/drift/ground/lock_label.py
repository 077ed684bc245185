"""Compare an image's lock label, which says from which pins it was built, with the lock.

The label is only a claim, and bytes decide: if they match the lock, another label is a note; if packages differ too,
it is a drift, as it says why. A matching label proves nothing.
"""

import re
from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace
from packaging.pylock import Package

from lockml.common.target import Target
from lockml.drift.model import Drift, DriftReport, Remark
from lockml.drift.remedies import Remedies
from lockml.inventory.model import LOCK_LABEL, Subject
from lockml.lock.select import selection_digest

__all__ = ["compare_lock_label", "without_lone_label"]

_DIGEST: Final = re.compile("sha256:[0-9a-f]{64}")
_NOTE: Final = "no drift of a package counts: rebuild the image to correct the label"
_OF_PACKAGES: Final = frozenset({"missing", "unexpected", "version", "artifact", "source"})


def compare_lock_label(
    subject: Subject, packages: Iterable[Package], target: Target, drifts: Iterable[Drift], remedies: Remedies
) -> Drift | Remark | None:
    """Return how the label of *subject* differs from the locked *packages*, given the *drifts* found."""
    found = subject.details.get(LOCK_LABEL)
    if found is None:
        return None
    locked = selection_digest(packages, target)
    if found == locked:
        return None
    if _DIGEST.fullmatch(found) is None:
        return Remark(subject=LOCK_LABEL, text=f"is {found!r}, which is not the digest of a lock")
    drift = Drift(
        kind="lock-label",
        name=LOCK_LABEL,
        locked=locked,
        found=found,
        path=None,
        detail="the image's label names another lock, and its packages differ from this one",
        remedy=remedies.lock_label(),
    )
    return drift if any(each.kind in _OF_PACKAGES for each in drifts) else _as_remark(drift)


def without_lone_label(report: DriftReport) -> DriftReport:
    """Return *report* with the label as a note if no drift of a package counts any more."""
    if any(drift.kind in _OF_PACKAGES for drift in report.drifts):
        return report
    notes = tuple(_as_remark(drift) for drift in report.drifts if drift.kind == "lock-label")
    drifts = tuple(drift for drift in report.drifts if drift.kind != "lock-label")
    return replace(report, drifts=drifts, remarks=(*report.remarks, *notes)) if notes else report


def _as_remark(drift: Drift) -> Remark:
    return Remark(subject=drift.name, text=f"names another lock ({drift.found}, not {drift.locked}), and {_NOTE}")
