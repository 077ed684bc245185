"""Convert a report on a subject and a lock into a `Difference`: the findings of check in the words of diff."""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace
from packaging.version import InvalidVersion, Version

from lockml.drift.differences.model import (
    Difference,
    FileChange,
    FileChangeKind,
    FileCounts,
    FileGroup,
    PackageChange,
    PackageChangeKind,
    SettingChange,
    Side,
)
from lockml.drift.model import Drift, DriftKind, DriftReport
from lockml.inventory.model import Problem

__all__ = ["difference_of", "reversed_difference"]

_SETTINGS: Final = frozenset({"base-image", "python", "platform", "environment", "lock-label", "accelerator"})
_PACKAGES: Final[dict[DriftKind, PackageChangeKind]] = {
    "missing": "removed",
    "unexpected": "added",
    "version": "changed",
    "artifact": "files",
    "source": "source",
    "duplicate": "changed",
    "shadowed": "changed",
}
_PLAIN: Final = frozenset({"missing", "unexpected", "version"})  # their names say enough
_FILES: Final[dict[DriftKind, FileChangeKind]] = {
    "modified": "changed",
    "removed-file": "removed",
    "unattributed-file": "added",
    "bytecode": "changed",
}
_OTHER_WAY: Final[dict[PackageChangeKind, PackageChangeKind]] = {
    "added": "removed",
    "removed": "added",
    "upgraded": "downgraded",
    "downgraded": "upgraded",
}


def difference_of(report: DriftReport) -> Difference:
    """Return how the subject of *report* differs from its lock, according to the drifts that count."""
    subject, environment = report.subject, report.environment
    packages = {each.name: each for each in _packages(report.drifts)}
    groups = tuple(_groups(report.drifts))
    versions = {str(each.name): each.version for each in environment.distributions}
    for group in groups:
        if group.owner in versions and group.owner not in packages:
            version = versions[group.owner]
            packages[group.owner] = PackageChange(
                kind="files", name=group.owner, before=version, after=version, detail="its files differ from the lock"
            )
    exceeded = (
        Problem(path=limit.code, reason="this check cannot determine it, but it is required")
        for limit in report.exceeded
    )
    return Difference(
        before=Side(name=f"lock {report.lock}"),
        after=Side(
            name=str(subject),
            subject=subject,
            prefix=environment.prefix,
            python=environment.python_text,
            layers=len(subject.layers),
        ),
        level=report.level,
        settings=tuple(_settings(report.drifts)),
        packages=tuple(packages[name] for name in sorted(packages)),
        groups=groups,
        accepted=len(report.accepted),
        problems=(*report.problems, *exceeded),
    )


def reversed_difference(difference: Difference) -> Difference:
    """Return *difference* with its two sides exchanged."""
    return replace(
        difference,
        before=difference.after,
        after=difference.before,
        settings=tuple(replace(each, before=each.after, after=each.before) for each in difference.settings),
        packages=tuple(
            replace(each, kind=_OTHER_WAY.get(each.kind, each.kind), before=each.after, after=each.before)
            for each in difference.packages
        ),
        groups=tuple(_reversed_group(each) for each in difference.groups),
    )


def _settings(drifts: Iterable[Drift]) -> Iterator[SettingChange]:
    for each in drifts:
        if each.kind in _SETTINGS:
            yield SettingChange(name=_setting_name(each), before=each.locked, after=each.found, detail=each.detail)


def _setting_name(drift: Drift) -> str:
    match drift.kind:
        case "environment":
            return drift.name
        case "accelerator":
            return f"accelerator of {drift.name}"
        case _:
            return drift.kind


def _packages(drifts: Iterable[Drift]) -> Iterator[PackageChange]:
    for each in drifts:
        if each.kind in _PACKAGES:
            yield PackageChange(
                kind=_direction(each) if each.kind == "version" else _PACKAGES[each.kind],
                name=each.name,
                before=each.locked,
                after=each.found if each.kind != "missing" else None,
                detail=each.detail if each.kind not in _PLAIN else "",
                path=each.path,
                origin=each.origin,
                time=each.time,
            )


def _direction(drift: Drift) -> PackageChangeKind:
    try:
        one, other = Version(drift.locked or ""), Version(drift.found or "")
    except InvalidVersion:
        return "changed"
    return "upgraded" if other > one else "downgraded"


def _groups(drifts: Iterable[Drift]) -> Iterator[FileGroup]:
    found: dict[tuple[int, str], list[tuple[FileChange, str]]] = {}
    for each in drifts:
        if each.kind in _FILES:
            owned = each.kind != "unattributed-file"
            path = each.path or ""
            key = (0, each.name) if owned else (1, path.rpartition("/")[0] or "/")
            change = FileChange(
                kind=_FILES[each.kind],
                path=path,
                origin=each.origin,
                time=each.time,
                detail=each.detail,
                compiled=path.endswith(".pyc"),
            )
            found.setdefault(key, []).append((change, each.origin or ""))
    for (rank, name), changes in sorted(found.items()):
        origins: dict[str, int] = {}
        for _, origin in changes:
            origins[origin] = origins.get(origin, 0) + 1
        yield FileGroup(
            owner=None if rank else name,
            folder=name if rank else "",
            files=_counts(each for each, _ in changes if not each.compiled),
            compiled=_counts(each for each, _ in changes if each.compiled),
            origins=origins,
            growth=0,
            changes=tuple(each for each, _ in changes),
        )


def _counts(changes: Iterable[FileChange]) -> FileCounts:
    kinds = [each.kind for each in changes]
    return FileCounts(added=kinds.count("added"), removed=kinds.count("removed"), changed=kinds.count("changed"))


def _reversed_group(group: FileGroup) -> FileGroup:
    kinds: dict[FileChangeKind, FileChangeKind] = {"added": "removed", "removed": "added"}
    return replace(
        group,
        files=replace(group.files, added=group.files.removed, removed=group.files.added),
        compiled=replace(group.compiled, added=group.compiled.removed, removed=group.compiled.added),
        changes=tuple(
            replace(each, kind=kinds.get(each.kind, each.kind), before=each.after, after=each.before)
            for each in group.changes
        ),
        growth=-group.growth,
    )
