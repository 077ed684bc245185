"""Group the drifts of a report by kind and cause, and say how to fix or accept each group.

One cause, such as a copied folder, makes thousands of drifts, and a person acts on the cause.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, get_args

from msgspec import Struct

from lockml.common.settings import setting
from lockml.drift.model import Drift, DriftKind, DriftReport

__all__ = ["DriftGroup", "Member", "advice", "group_drifts", "rule_lines", "rule_of"]

_OF_FILES: Final = frozenset({"modified", "removed-file", "unattributed-file", "bytecode", "environment", "shadowed"})
_OF_BYTES: Final = frozenset({"artifact", "modified", "unattributed-file", "bytecode"})
_OTHERS: Final = frozenset({"missing", "version", "artifact"})
_MOST_NAMES: Final = 20  # in a rule; more of them are accepted by their folders
_WIDEST: Final = 80  # characters of a list that stays on one line
_MAGIC: Final = re.compile(r"([*?[])")
_BLANK: Final = re.compile(" {3,}")
_UNREADABLE: Final = re.compile("[\ud800-\udfff]")
_NO_CHARACTER: Final = "[!\x01-\ud7ff\ue000-\U0010ffff]"  # the glob for characters that TOML cannot hold


class Member(Struct, frozen=True, kw_only=True):
    """The project that *drifts* of a group concern, or the folder of files that belong to no project."""

    name: str
    drifts: tuple[Drift, ...]


class DriftGroup(Struct, frozen=True, kw_only=True):
    """The *drifts* of one *kind* and one *origin*, by *members*, largest first.

    *of_files* says that they concern files rather than projects; *folder* is where all of these are, "" for none;
    *fix* removes them all.
    """

    kind: DriftKind
    origin: str | None
    of_files: bool
    drifts: tuple[Drift, ...]
    members: tuple[Member, ...]
    folder: str
    fix: str

    @property
    def times(self) -> tuple[str, str] | None:
        """The earliest and latest modification time of the group's files; None where none is known."""
        found = [drift.time for drift in self.drifts if drift.time is not None]
        return (min(found), max(found)) if found else None


def group_drifts(report: DriftReport) -> tuple[DriftGroup, ...]:
    """Return the drifts of *report* in groups, ordered by kind and then as they were found."""
    found: dict[tuple[DriftKind, str | None, bool], list[Drift]] = {}
    for drift in report.drifts:
        found.setdefault((drift.kind, drift.origin, _is_of_file(drift)), []).append(drift)
    kinds = {kind: number for number, kind in enumerate(get_args(DriftKind))}
    ordered = sorted(found.items(), key=lambda item: kinds[item[0][0]])
    return tuple(
        _group(kind, origin, drifts, report, of_files=of_files)
        for (kind, origin, of_files), found_drifts in ordered
        for drifts in _by_knowledge(kind, found_drifts)
    )


def _by_knowledge(kind: DriftKind, drifts: Sequence[Drift]) -> Iterator[Sequence[Drift]]:
    """Yield the *drifts* whose bytes are known, which a rule can accept for these bytes alone, apart from the others.

    Otherwise a device file next to a module would make the rule accept any module there.
    """
    known = [drift for drift in drifts if _digest(drift)]
    if kind not in _OF_BYTES or len(known) in (0, len(drifts)) or len(drifts) > _MOST_NAMES:
        yield drifts
        return
    yield known
    yield [drift for drift in drifts if not _digest(drift)]


def advice(report: DriftReport) -> str:
    """Return in one sentence what removes all drifts of *report*, "" where there are none."""
    if not report.drifts:
        return ""
    differing = len({drift.name for drift in report.drifts if drift.kind in _OTHERS})
    locked = report.levels[0].total
    labelled = any(drift.kind == "lock-label" for drift in report.drifts)
    other_lock = labelled or (differing > 2 and 2 * differing > locked)
    return report.remedies.advice([drift.remedy for drift in report.drifts], other_lock=other_lock)


def rule_of(group: DriftGroup) -> dict[str, str | list[str]]:
    """Return the narrowest configuration rule that accepts *group*, without its reason.

    It is empty where every short rule would also accept drifts elsewhere.
    """
    rule: dict[str, str | list[str]] = {"kind": group.kind}
    names = list(dict.fromkeys(drift.name for drift in group.drifts if drift.name))
    if names and len(names) <= _MOST_NAMES and not any(map(_is_unowned, group.drifts)):
        rule["name"] = _one_or_all(map(_literal, names))
    if group.of_files and len(group.drifts) <= _MOST_NAMES:
        rule["path"] = _one_or_all(_literal(drift.path or "") for drift in group.drifts)
    elif group.of_files:
        folders = _folders([drift.path or "" for drift in group.drifts])
        if not folders:
            return {}
        rule["path"] = _one_or_all(f"{_literal(folder)}/*" for folder in folders)
    elif len(names) > _MOST_NAMES:
        return {}
    digests = [_digest(drift) for drift in group.drifts]
    if (group.kind in _OF_BYTES or group.kind == "environment") and len(digests) <= _MOST_NAMES and all(digests):
        rule["sha256"] = _one_or_all(digests)
    return rule


def rule_lines(rule: Mapping[str, str | list[str]]) -> Iterator[str]:
    """Yield *rule* as TOML for pyproject.toml, with a placeholder for its reason; its text needs no escapes."""
    if not rule:
        yield f"# no short rule matches only these; {setting('baseline', 'FILE')} accepts those of an earlier report"
        return
    yield "[[tool.lockml.ignore]]  # in pyproject.toml; use [[ignore]] in lockml.toml"
    for key, value in (*rule.items(), ("reason", "…")):
        if isinstance(value, str):
            yield f"{key} = {_quoted(value)}"
            continue
        whole = f"{key} = [{', '.join(map(_quoted, value))}]"
        if len(whole) <= _WIDEST:
            yield whole
            continue
        yield f"{key} = ["
        yield from _packed(map(_quoted, value))
        yield "]"


def _packed(values: Iterable[str]) -> Iterator[str]:
    """Yield the *values* of a list in lines, filling each line."""
    line = " "
    for value in values:
        if len(line) > 1 and len(line) + len(value) + 2 > _WIDEST:
            yield line
            line = " "
        line += f" {value},"
    yield line


def _one_or_all(values: Iterable[str]) -> str | list[str]:
    found = list(dict.fromkeys(values))
    return found[0] if len(found) == 1 else found


def _digest(drift: Drift) -> str:
    """Return the digest of what was found, "" if it is not known."""
    return next((each for each in (drift.found, drift.record) if each is not None and each.startswith("sha256:")), "")


def _group(
    kind: DriftKind, origin: str | None, drifts: Sequence[Drift], report: DriftReport, *, of_files: bool
) -> DriftGroup:
    folder = _common_folder(drift.path for drift in drifts) if of_files else ""
    return DriftGroup(
        kind=kind,
        origin=origin,
        of_files=of_files,
        drifts=tuple(drifts),
        members=_members(drifts, folder),
        folder=folder,
        fix="; ".join(report.remedies.together(drift.remedy for drift in drifts)),
    )


def _is_of_file(drift: Drift) -> bool:
    if drift.path is None or drift.path.endswith((".dist-info", ".egg-info")):
        return False
    return drift.kind in _OF_FILES or _is_unowned(drift)


def _is_unowned(drift: Drift) -> bool:
    """Return whether a drift concerns a file that belongs to no project."""
    return drift.path is not None and drift.name == posixpath.basename(drift.path)


def _common_folder(paths: Iterable[str | None]) -> str:
    folders = {posixpath.dirname(path) for path in paths if path is not None}
    if not folders or not all(folder.startswith("/") for folder in folders):
        return ""
    common = posixpath.commonpath(folders)
    return common if common != "/" else ""


def _folders(paths: Sequence[str]) -> list[str]:
    """Return the few deepest folders that contain all *paths*; none if that is only the root."""
    found = {posixpath.dirname(path) for path in paths}
    if not all(folder.startswith("/") for folder in found):
        return []
    parts = {tuple(folder.strip("/").split("/")) for folder in found}
    for depth in range(max(map(len, parts)), 0, -1):
        cut = sorted({each[:depth] for each in parts})
        kept: list[tuple[str, ...]] = []
        for each in cut:
            if not kept or each[: len(kept[-1])] != kept[-1]:
                kept.append(each)
        if len(kept) <= _MOST_NAMES:
            return [f"/{'/'.join(each)}" for each in kept] if ("",) not in kept else []
    return []


def _members(drifts: Sequence[Drift], folder: str) -> tuple[Member, ...]:
    found: dict[str, list[Drift]] = {}
    for drift in drifts:
        name = drift.name
        if _is_unowned(drift) and drift.path is not None:
            inside = posixpath.dirname(drift.path).removeprefix(folder).strip("/")
            name = f"{inside.split('/')[0]}/" if inside else "./"
        found.setdefault(name, []).append(drift)
    members = [Member(name=name, drifts=tuple(each)) for name, each in found.items()]
    return tuple(sorted(members, key=lambda member: (-len(member.drifts), member.name)))


def _literal(text: str) -> str:
    """Return the glob that matches only *text*; an undecodable byte matches any such byte."""
    return _UNREADABLE.sub(_NO_CHARACTER, _MAGIC.sub(r"[\1]", text))


def _quoted(text: str) -> str:
    return '"' + _BLANK.sub(lambda match: r"\u0020" * len(match[0]), "".join(map(_in_quotes, text))) + '"'


def _in_quotes(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    return letter if letter.isprintable() else f"\\U{ord(letter):08x}"
