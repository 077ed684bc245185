"""Put the drifts of a report together by kind and what brought them, and say how a group is removed or accepted.

One habit, as a folder that is copied, makes thousands of drifts: a person acts on the habit.
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
_MOST_NAMES: Final = 20  # in a rule; more of them are accepted by where they are
_WIDEST: Final = 80  # characters of a list in a rule that is not broken
_MAGIC: Final = re.compile(r"([*?[])")
_BLANK: Final = re.compile(" {3,}")
_UNREADABLE: Final = re.compile("[\ud800-\udfff]")
_NO_CHARACTER: Final = "[!\x01-\ud7ff\ue000-\U0010ffff]"  # the glob of what no TOML can have


class Member(Struct, frozen=True, kw_only=True):
    """What *drifts* of a group are about: a project, or a folder of files that no project has."""

    name: str
    drifts: tuple[Drift, ...]


class DriftGroup(Struct, frozen=True, kw_only=True):
    """The *drifts* of one *kind* that one *origin* brought, those of *members* with the most of them first.

    *of_files* says that they are about files and not about projects, *folder* is where all of these are, "" for none;
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
        """When the first and the last of them were written, by their own times; None where none has one."""
        found = [drift.time for drift in self.drifts if drift.time is not None]
        return (min(found), max(found)) if found else None


def group_drifts(report: DriftReport) -> tuple[DriftGroup, ...]:
    """Return the drifts of *report* in groups, in the order of their kinds and of what was found first."""
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
    """Yield *drifts* apart by whether their bytes are known, where a rule would hold for these bytes alone.

    Otherwise a device beside a module would make the rule accept any module there.
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
    """Return the narrowest rule of the configuration that accepts *group*, but for its reason.

    It is empty where each rule that is short would accept others too, wherever they are.
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
    """Yield *rule* as TOML for pyproject.toml, with a place for its reason; nothing in it needs to be escaped."""
    if not rule:
        yield f"# no short rule accepts these alone; {setting('baseline', 'FILE')} accepts what is in an earlier report"
        return
    yield "[[tool.lockml.ignore]]  # of pyproject.toml; in lockml.toml [[ignore]]"
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
    """Yield the *values* of a list in lines, as many in one as fit."""
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
    """Return the digest of what is there, "" where it is not known."""
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
    """Say whether a drift is about a file that no project has, which is named by itself."""
    return drift.path is not None and drift.name == posixpath.basename(drift.path)


def _common_folder(paths: Iterable[str | None]) -> str:
    folders = {posixpath.dirname(path) for path in paths if path is not None}
    if not folders or not all(folder.startswith("/") for folder in folders):
        return ""
    common = posixpath.commonpath(folders)
    return common if common != "/" else ""


def _folders(paths: Sequence[str]) -> list[str]:
    """Return the deepest folders, not too many, that have all *paths*; none where that is the root alone."""
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
    """Return the glob that fits *text* alone; a byte of no character fits any such byte."""
    return _UNREADABLE.sub(_NO_CHARACTER, _MAGIC.sub(r"[\1]", text))


def _quoted(text: str) -> str:
    return '"' + _BLANK.sub(lambda match: r"\u0020" * len(match[0]), "".join(map(_in_quotes, text))) + '"'


def _in_quotes(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    return letter if letter.isprintable() else f"\\U{ord(letter):08x}"
