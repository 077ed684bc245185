"""Find the projects that differ between two environments, by name, version, source and RECORD."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from packaging.utils import NormalizedName
from packaging.version import InvalidVersion, Version

from lockml.common.digest import INSTALLER_FILES, RecordError, installed_digest
from lockml.common.display import redact
from lockml.drift.differences.model import PackageChange, PackageChangeKind
from lockml.inventory.file_tree import FileTree
from lockml.inventory.model import InstalledDistribution
from lockml.inventory.origins import Removals, Times

__all__ = ["compare_packages"]

_LEFTOVER: Final = "~"  # pip renames what it replaces, and leaves it behind if it is interrupted
_Copies = Sequence[InstalledDistribution]


def compare_packages(
    before: Iterable[InstalledDistribution],
    after: Iterable[InstalledDistribution],
    tree: FileTree | None,
    *,
    artifacts: bool,
) -> Iterator[PackageChange]:
    """Yield the projects that differ, by name; with *artifacts* also those whose RECORD does.

    *tree* has the files of *after*, and knows what removed a project; None if there are none.
    """
    removals = Removals(tree) if tree is not None else None
    times = Times(tree) if tree is not None else None
    one, other = _by_name(before), _by_name(after)
    for name in sorted({*one, *other}):
        old, new = one.get(name, []), other.get(name, [])
        if new:
            yield from _present(name, old, new, artifacts=artifacts)
            continue
        folder = old[0].folder
        gone = tree is not None and bool(folder) and tree.kind(folder) == "missing"
        removed_by = removals.origin(folder) if removals is not None and gone else None
        yield PackageChange(
            kind="removed",
            name=name,
            before=_versions(old),
            after=None,
            path=folder or None,
            origin=removed_by.text if removed_by is not None else None,
            time=times.of(folder, removed_by) if times is not None and removed_by is not None else None,
        )


def _by_name(distributions: Iterable[InstalledDistribution]) -> Mapping[NormalizedName, list[InstalledDistribution]]:
    copies: dict[NormalizedName, list[InstalledDistribution]] = {}
    for each in distributions:
        if not each.dist_info.startswith(_LEFTOVER):
            copies.setdefault(each.name, []).append(each)
    return copies


def _present(name: NormalizedName, old: _Copies, new: _Copies, *, artifacts: bool) -> Iterator[PackageChange]:
    """Yield how a project on the new side differs."""
    kind, detail = _kind(old, new, artifacts=artifacts)
    if kind is None:
        return
    yield PackageChange(
        kind=kind,
        name=name,
        before=_versions(old) if old else None,
        after=_versions(new),
        detail=detail,
        path=new[0].folder or None,
        origin=new[0].origin,
        time=new[0].time,
    )


def _kind(old: _Copies, new: _Copies, *, artifacts: bool) -> tuple[PackageChangeKind | None, str]:
    if not old:
        return "added", ""
    if _versions(old) != _versions(new):
        return _direction(old, new), ""
    source = _source_detail(old[0], new[0])
    if source:
        return "source", source
    detail = _record_detail(old[0], new[0]) if artifacts else ""
    return ("files", detail) if detail else (None, "")


def _versions(copies: _Copies) -> str:
    return ", ".join(each.version for each in copies)


def _direction(old: _Copies, new: _Copies) -> PackageChangeKind:
    if len(old) > 1 or len(new) > 1:
        return "changed"
    try:
        one, other = Version(old[0].version), Version(new[0].version)
    except InvalidVersion:
        return "changed"
    if one == other:  # the same version, written differently
        return "changed"
    return "upgraded" if other > one else "downgraded"


def _source_detail(old: InstalledDistribution, new: InstalledDistribution) -> str:
    """Return how the source of a project differs (PEP 610), "" if it does not."""
    one, other = _source(old), _source(new)
    return f"from {other}, before from {one}" if one != other else ""


def _source(each: InstalledDistribution) -> str:
    if each.owner is not None:
        return f"the {each.owner}"
    if each.source is None:
        return "an index"
    what = "editable, " if each.source.editable else ""
    at = f" at {each.source.commit[:12]}" if each.source.commit else ""
    return f"{what}{redact(each.source.url)}{at}"


def _record_detail(old: InstalledDistribution, new: InstalledDistribution) -> str:
    """Return how the RECORDs of one version differ, "" if they do not, or neither has one."""
    if old.record is None or new.record is None:
        if old.record is None and new.record is None:
            return ""
        return "it has a RECORD now; it had none before" if old.record is None else "it no longer has a RECORD"
    return "" if _identity(old) == _identity(new) else "its RECORD differs"


def _identity(each: InstalledDistribution) -> str | frozenset[tuple[str, str, str]]:
    """Return a key for the rows that no installer writes; for an irregular RECORD, the rows themselves."""
    rows = each.record or ()
    try:
        return installed_digest(rows, dist_info=each.dist_info, site_folder=each.site_folder)
    except RecordError:
        own = {f"{each.dist_info}/{name}" for name in INSTALLER_FILES}
        return frozenset(
            (row.path, row.digest, row.size) for row in rows if row.path not in own and not row.path.endswith(".pyc")
        )
