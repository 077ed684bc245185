"""Judges which releases of a project suit a target, one at a time, each rejection with its reason."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace
from packaging.specifiers import InvalidSpecifier
from packaging.utils import InvalidWheelFilename, NormalizedName, parse_wheel_filename
from packaging.version import Version

from lockml.common.settings import setting
from lockml.common.target import Target
from lockml.index.model import CoreMetadata, DirectSource, DistributionFile, FileEntry, Project
from lockml.resolution.candidates.bounds import Bound, parse_bound
from lockml.resolution.candidates.merged_lines import AllowedHashes, meets
from lockml.resolution.candidates.rejections import Rejection
from lockml.resolution.candidates.wheels import describe_wheels
from lockml.resolution.model import Policy, ProjectSelection, ProvidedRelease

__all__ = ["Release", "judge_files", "judge_release", "judge_source", "reject_late_release"]


_LAST: Final = 1 << 30  # of a source archive, after every wheel


class Release(Struct, frozen=True, kw_only=True, eq=False):
    """A release with at least one file that suits the target: wheels best first, else one sdist.

    With a *source* it is what a direct reference holds, which has a file only if that is an archive; what an image has
    *provided* has no file. *unfit* says what
    the wheels are for that do not suit, if an sdist does. Judged once, so equal only to itself.
    """

    name: NormalizedName
    version: Version
    index_url: str
    files: tuple[DistributionFile, ...]
    yanked: str | None = None
    source: DirectSource | None = None
    unfit: str = ""
    provided: ProvidedRelease | None = None

    @property
    def own_metadata(self) -> CoreMetadata | None:
        """Its metadata, if no index is asked for that."""
        if self.provided is not None:
            return self.provided.metadata
        return self.source.metadata if self.source is not None else None


def judge_release(
    project: Project, version: Version, target: Target, policy: Policy, allowed: AllowedHashes = frozenset()
) -> Release | Rejection:
    """Return the release *version* of *project* as *target* can install it, or why it cannot.

    Only files whose hashes *allowed* admits count. Where a wheel suits, the sdist is omitted: a build would
    install other bytes than those that are locked. Yanked files count only where every suitable file is (PEP 592).
    """
    entries = project.releases[version]
    loadable = tuple(entry for entry in entries if target.may_load(entry.filename))
    if len(loadable) < len(entries):  # of what is for elsewhere the reasons count only where nothing else is there
        judged = judge_files(project, version, loadable, target, policy, allowed)
        if isinstance(judged, Release) and judged.files[0].kind == "wheel":
            return judged
        whole = judge_files(project, version, entries, target, policy, allowed)
        refused = isinstance(judged, Rejection) and isinstance(whole, Rejection) and judged.kind == whole.kind == "hash"
        return judged if refused else whole  # the hash of a file for elsewhere does not help
    return judge_files(project, version, entries, target, policy, allowed)


def judge_files(
    project: Project,
    version: Version,
    entries: Sequence[FileEntry],
    target: Target,
    policy: Policy,
    allowed: AllowedHashes,
) -> Release | Rejection:
    """Return the same of *entries*, each of which is judged."""
    suitable: list[tuple[int, DistributionFile]] = []
    rejections: list[Rejection] = []
    judged: tuple[int, DistributionFile] | Rejection | None
    for entry in entries:
        judged = _reject_fault(entry) or _reject_hash(entry, allowed)
        judged = judged or _judge_file(entry, project.name, version, target, policy)
        if isinstance(judged, Rejection):
            rejections.append(judged)
        else:
            suitable.append(judged)
    installable = [item for item in suitable if item[1].entry.yanked is None] or suitable
    wheels = [item for item in installable if item[1].kind == "wheel"]
    unfit = ""
    if not wheels:
        unfit = describe_wheels((rejection.detail for rejection in rejections if rejection.kind == "wheel"), target)
    if not installable:
        return _main_rejection(rejections, unfit)
    ordered = sorted(wheels or installable, key=lambda item: (item[0], _build_sort_key(item[1]), item[1].filename))
    files = tuple(file for _, file in ordered)
    return Release(
        name=project.name,
        version=version,
        index_url=project.index_url,
        files=files if wheels else files[:1],
        yanked=files[0].entry.yanked,
        unfit=unfit,
    )


def judge_source(source: DirectSource, target: Target, policy: Policy) -> Release | Rejection:
    """Return what a direct reference holds as *target* can install it, or the reason why it cannot.

    The user named it, so neither dates nor no-binary and only-binary count.
    """
    lenient = replace(policy, exclude_newer=None, no_binary=ProjectSelection(), only_binary=ProjectSelection())
    name, version, file = source.metadata.name, source.metadata.version, source.file
    if file is not None:
        judged = _judge_file(file.entry, name, version, target, lenient)
        if isinstance(judged, Rejection):
            return replace(judged, detail="") if judged.kind == "wheel" else judged
    files = (file,) if file is not None else ()
    return Release(name=name, version=version, index_url="", files=files, source=source)


def _judge_file(
    entry: FileEntry, name: NormalizedName, version: Version, target: Target, policy: Policy
) -> tuple[int, DistributionFile] | Rejection:
    """Return the file with its rank, 0 being best, or why it does not suit; of a wheel that fits nowhere its name."""
    wheel = entry.filename.endswith(".whl")
    uploaded = _parse_moment(entry.upload_time)
    python = _parse_requires_python(entry)
    rejection = _reject_upload(entry, name, uploaded, policy) or _reject_kind(name, policy, wheel=wheel)
    if python is not None and not python.admits(target.python):
        rejection = rejection or Rejection(kind="python", reason=f"it requires Python {entry.requires_python}")
    if rejection is not None:
        return rejection
    try:
        rank = target.rank_of_wheel(entry.filename) if wheel else _LAST
    except ValueError as error:
        return Rejection(kind="other", reason=f"its file name cannot be read ({error})")
    if rank is None:
        return Rejection(kind="wheel", reason=_describe_misfit(target), detail=entry.filename)
    kind: Literal["wheel", "sdist"] = "wheel" if wheel else "sdist"
    return rank, DistributionFile(entry=entry, project=name, version=version, kind=kind, uploaded=uploaded)


@cache
def _describe_misfit(target: Target) -> str:
    return f"no wheel fits {target}"


def _reject_fault(entry: FileEntry) -> Rejection | None:
    return Rejection(kind="other", reason=f"{entry.filename} cannot be used: {entry.fault}") if entry.fault else None


def _reject_hash(entry: FileEntry, allowed: AllowedHashes) -> Rejection | None:
    if meets(entry.hashes, allowed):
        return None
    has = ", ".join(sorted(f"{kind}:{digest.lower()}" for kind, digest in entry.hashes.items())) or "no hash"
    return Rejection(kind="hash", reason="the inputs allow other hashes only", detail=f"{entry.filename} has {has}")


def _parse_requires_python(entry: FileEntry) -> Bound | None:
    """Return the bound of the page, None for one that cannot be understood: as pip reads it, that does not bound."""
    try:
        return parse_bound(entry.requires_python) if entry.requires_python else None
    except InvalidSpecifier:
        return None


def _reject_upload(
    entry: FileEntry, name: NormalizedName, uploaded: datetime | None, policy: Policy
) -> Rejection | None:
    if policy.exclude_newer is None or _counts(entry, uploaded, policy.exclude_newer):
        return None
    if policy.exempt.covers(name, entry.origin):
        return None
    if uploaded is None:
        option = setting("exclude-newer")
        reason = f"its index does not say when it was uploaded, so {option} excludes it"
        return Rejection(kind="newer", reason=reason, origin=entry.origin)
    return _reject_late(uploaded, policy.exclude_newer)


def reject_late_release(uploaded: str, limit: datetime) -> Rejection:
    """Return why a release whose first file was *uploaded* then (UTC) was not there at *limit*."""
    return _reject_late(datetime.fromisoformat(f"{uploaded}Z"), limit)


def _reject_late(uploaded: datetime, limit: datetime) -> Rejection:
    reason = f"it was uploaded at or after {_format_moment(limit)} ({setting('exclude-newer')})"
    return Rejection(kind="newer", reason=reason, detail=f"on {_format_moment(uploaded)}", uploaded=uploaded)


def _counts(entry: FileEntry, uploaded: datetime | None, limit: datetime) -> bool:
    return uploaded < limit if uploaded is not None else entry.url.startswith("file:")


def _format_moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _reject_kind(name: NormalizedName, policy: Policy, *, wheel: bool) -> Rejection | None:
    if wheel and name in policy.no_binary:
        return Rejection(
            kind="binary", reason=f"{setting('no-binary')} excludes its wheels, and it has no source archive"
        )
    if not wheel and name in policy.only_binary:
        return Rejection(
            kind="binary", reason=f"{setting('only-binary')} excludes its source archive, and no wheel fits"
        )
    return None


def _build_sort_key(file: DistributionFile) -> tuple[int, str]:
    """Order builds of the same wheel from the highest build number down (PEP 427)."""
    if file.kind != "wheel" or file.filename.count("-") == 4:
        return (0, "")
    try:
        build = parse_wheel_filename(file.filename)[2]
    except InvalidWheelFilename:
        return (0, "")
    return (-build[0], build[1]) if build else (0, "")


def _main_rejection(rejections: Sequence[Rejection], unfit: str) -> Rejection:
    """Return the rejection that says most: a Python or a date that excludes comes before a missing wheel."""
    if not rejections:
        return Rejection(kind="other", reason="it has no files")
    first = min(
        rejections, key=lambda rejection: (rejection.kind == "wheel", rejection.kind == "hash", rejection.reason)
    )
    fits_otherwise = [rejection for rejection in rejections if rejection.kind == "wheel"]
    if first.kind == "hash" and fits_otherwise:  # the file that is allowed is for another platform
        first = fits_otherwise[0]
    if first.kind == "binary" and unfit:
        return replace(first, detail=unfit)
    return replace(first, detail=unfit) if first.kind == "wheel" else first


def _parse_moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # at the ends of time another zone is beyond them
        return None
