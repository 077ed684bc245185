"""Sentences that several report formats share: plain text without markup, not yet escaped."""

from collections.abc import Iterator, Sequence
from typing import Final

from lockml import __version__
from lockml.common.display import redact
from lockml.common.settings import setting
from lockml.drift.model import Drift, DriftReport, LevelResult
from lockml.inventory.model import LimitCode, Subject
from lockml.report.groups import DriftGroup, advice

__all__ = [
    "LIMITS",
    "base_image",
    "checked",
    "claim",
    "counted",
    "coverage_lines",
    "facts",
    "headline",
    "image_id",
    "limit_lines",
    "moment",
    "named",
    "place",
    "project_of",
    "states",
    "verdict",
    "where_from",
    "written",
]

_CLAIMS: Final = {
    "names": "locked packages are installed at their locked version",
    "files": "locked packages have exactly the files of their wheels",
}
LIMITS: Final[dict[LimitCode, tuple[str, str]]] = {
    "bytecode-body": (
        "compiled module whose code was not compared: its header matches, or numba cached it",
        "compiled modules whose code was not compared: their headers match, or numba cached them",
    ),
    "stdlib-unproven": (
        "standard library file that is in no package list",
        "standard library files that are in no package list",
    ),
    "interpreter-unproven": ("interpreter that is in no package list", "interpreters that are in no package list"),
    "package-lists": (
        "file checked only against the subject's own package lists",
        "files checked only against the subject's own package lists",
    ),
    "native-libraries": ("shared object outside the import path", "shared objects outside the import path"),
    "unlocked-tools": (
        "unlocked tool at a version that this release of lockml does not know",
        "unlocked tools at a version that this release of lockml does not know",
    ),
    "application-code": ("folder of the application's own code", "folders of the application's own code"),
    "other-pythons": (
        f"other Python environment, not checked; check it with {setting('environment')}",
        f"other Python environments, not checked; check them with {setting('environment')}",
    ),
    "process-memory": (
        "running process, whose memory was not read",
        "running processes, whose memory was not read",
    ),
}
"""What each limit counts, for a person: one, and several."""

_GONE: Final = {"modified": "found different bytes", "removed-file": "file missing", "base-image": "layer missing"}
_SAME: Final = {
    "artifact": "with different bytes",
    "source": "from another source",
    "duplicate": "twice",
}
"""What differs although the version is the locked one."""

_BASES: Final = {
    "lock": "by the lock",
    "known": "by known wheels of pip, setuptools and wheel",
    "RECORD": "only by the RECORD of packages that the lock does not prove",
    "dpkg": "by Debian's package lists",
    "apk": "by Alpine's package list",
    "conda": "by conda's package lists",
    "layer": "by the layer that brought Python",
    "base": "by the layers of the locked base image",
    "bytecode": "compiled modules by their sources",
    "numba": "machine code in the cache of numba",
}


def checked(report: DriftReport) -> str:
    """Return what was checked: the Python and its platform, or the target for packages without a Python."""
    environment, target = report.environment, report.target
    if environment.alone or not environment.python:
        what = "packages without a Python" if environment.alone else "a list of packages"
        serves = f"Python {target.python_text} on {target.platform}"
        return f"{environment.prefix}: {what}, compared with the lock's target {serves}"
    platform = f"{environment.machine or 'an unknown processor'}, {environment.libc or 'an unknown C library'}"
    return f"{environment.prefix}: Python {environment.python_text} on {platform}"


def project_of(reports: Sequence[DriftReport]) -> Subject | None:
    """Return the project whose services *reports* are on, None where they are on one subject."""
    if len({report.subject.name for report in reports}) < 2:
        return None
    return Subject(kind="compose", name=reports[0].subject.details.get("project", ""))


def headline(report: DriftReport) -> str:
    """Return the subject, the verdict on it and what to do about it, in one line."""
    return f"{report.subject}: {verdict(report)}"


def verdict(report: DriftReport) -> str:
    """Return the verdict, and what to do about it, in one line."""
    if report.drifts:
        return f"drift from {report.lock}: {advice(report)}"
    if report.problems:
        return "check incomplete: cannot confirm a match"
    if report.exceeded:
        codes = ", ".join(limit.code for limit in report.exceeded)
        return f"check incomplete under {setting('strict')}: {codes}"
    but = f", except for {len(report.accepted)} accepted" if report.accepted else ""
    return f"matches {report.lock}{but}"


def counted(report: DriftReport) -> str:
    """Return the number of drifts of each kind, "" where there are none."""
    count = len(report.drifts)
    kinds = ", ".join(f"{number} {kind}" for kind, number in report.kinds.items())
    return f"{count} {'difference' if count == 1 else 'differences'}: {kinds}" if count else ""


def facts(report: DriftReport) -> Iterator[tuple[str, str]]:
    """Yield the name and value of each fact that identifies a report in an archive."""
    if report.ended:
        yield "when", f"{moment(report.ended)}, by lockml {__version__}"
    if report.lock_sha256:
        yield "lock", f"sha256:{report.lock_sha256}"
    image = image_id(report.subject)
    if image:
        yield "image", image
    yield "base image", base_image(report)


def image_id(subject: Subject) -> str:
    """Return the digest of the image that *subject* is, or is a container of; "" where there is none."""
    return subject.details.get("image-id") or (subject.details.get("id", "") if subject.kind != "container" else "")


def base_image(report: DriftReport) -> str:
    """Return the result of comparing the base image, or why it was not compared."""
    base = report.base_image
    if base.same is None:
        return f"not compared: {base.reason}"
    return f"{base.reference}, as locked" if base.same else f"not the locked {base.reference}"


def moment(time: str) -> str:
    """Return a time, ISO 8601 in UTC, for a person: to the minute."""
    return f"{time[:10]} {time[11:16]} UTC"


def written(group: DriftGroup) -> str:
    """Return when the group's files were written, "" where that is unknown."""
    if group.times is None:
        return ""
    first, last = map(moment, group.times)
    if first == last:
        return f"written {first}"
    return f"written {first.removesuffix(' UTC')} to {last[11:] if first[:10] == last[:10] else last}"


def named(group: DriftGroup) -> str:
    """Return what *group* is about, in a few words: one drift in full, several by their count."""
    drift = group.drifts[0]
    if len(group.drifts) == 1:
        return f"{drift.name}: {states(drift)}" if drift.name else states(drift)
    count, members = len(group.drifts), len(group.members)
    if not group.of_files:
        return f"{count} packages" if members == count else f"{count} in {members} packages"
    unowned = group.members[0].name.endswith("/")
    if members == 1:
        return f"{count} files" if unowned else f"{count} files of {group.members[0].name}"
    return f"{count} files in {members} folders" if unowned else f"{count} files of {members} packages"


def place(group: DriftGroup, drift: Drift) -> str:
    """Return the path of a *drift*, relative to the folder that its *group* shares."""
    path = drift.path or drift.name
    return path.removeprefix(f"{group.folder}/") if group.folder else path


def limit_lines(report: DriftReport) -> Iterator[str]:
    """Yield one sentence for each limit: what a check of this kind of subject cannot determine."""
    for limit in report.limits:
        shown = ", ".join(limit.examples[:2])
        more = ", …" if limit.count > 2 and len(limit.examples) > 1 else ""
        yield f"{limit.code}: {limit.count} {LIMITS[limit.code][limit.count != 1]} ({shown}{more})"


def claim(report: DriftReport, result: LevelResult) -> str:
    """Return how far a level of *report* got.

    A RECORD that matches the lock proves as much as the lock knows about the wheel: all bytes only if it is verified.
    """
    count = f"{result.matched} of {result.total}" if result.matched != result.total else f"{result.total}"
    if result.level == "artifacts":
        recorded = f", {len(report.recorded)} recorded from a build" if report.recorded else ""
        return f"RECORD matches the lock ({count}), {len(report.verified)} of them verified{recorded}"
    return f"{result.matched} of {result.total} {_CLAIMS[result.level]}"


def states(drift: Drift) -> str:
    """Return what was locked and what was found, digests in short."""
    if drift.kind == "environment":
        return f"set to {drift.found}" if drift.found is not None else "present"
    if drift.kind == "modified" and drift.locked is None:
        return f"found {_short(drift.found)}" if drift.found is not None else "changed"
    if drift.kind == "modified" and ":" not in (drift.locked or ""):
        return f"differs from the locked {drift.locked}"
    if drift.kind == "unattributed-file" or (drift.locked is None and drift.kind in ("bytecode", "shadowed")):
        return "not locked"
    locked = f"locked {_short(drift.locked)}" if drift.locked is not None else "not locked"
    if drift.found is None:
        return f"{locked}, {_GONE.get(drift.kind, 'not installed')}"
    same = f" {_SAME[drift.kind]}" if drift.locked == drift.found and drift.kind in _SAME else ""
    return f"{locked}, found {_short(drift.found)}{same}"


def _short(value: str) -> str:
    """Return a digest shortened to what a person compares."""
    algorithm, colon, digest = value.partition(":")
    return f"{algorithm}:{digest[:12]}…" if colon and len(digest) > 12 else value


def coverage_lines(report: DriftReport) -> Iterator[str]:
    """Yield how the files under the import path are accounted for, nothing if they were not checked."""
    survey = report.files
    if survey is None:
        return
    share = 100 * survey.as_owned / survey.total if survey.total else 100.0
    shown = f"{share:.2f}" if share < 99.995 or survey.as_owned == survey.total else "99.99"
    yield f"{survey.as_owned} of {survey.total} files under the import path are accounted for ({shown}%)"
    counts = [f"{report.coverage[basis]} {words}" for basis, words in _BASES.items() if basis in report.coverage]
    if counts:
        yield ", ".join(counts)
    for folder, reason in survey.unproven:
        yield f"{folder}: {reason}"
    for folder in survey.application:
        yield f"{folder}: the application's own code, which no lock can prove"
    yield from survey.remarks


def where_from(drift: Drift) -> str:
    """Return what caused a drift and when it was written, "" where neither is known."""
    time = f"written {moment(drift.time)}" if drift.time is not None else ""
    return ", ".join(filter(None, (redact(drift.origin or ""), time)))
