"""Requirement lines for the distributions of an inventory.

A distribution that came from a folder, an archive or a repository is never looked up by name: the index may have a
stranger's project of that name.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote

from msgspec import Struct
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from lockml.common.display import redact
from lockml.common.references import BadReferenceError, encode_url, parse_reference
from lockml.common.target import Target
from lockml.inventory.distributions import Declared
from lockml.inventory.model import DirectUrl, InstalledDistribution
from lockml.lock.model import TOOLS

__all__ = ["InstalledProjects", "LeftOut", "describe_installed"]

_COMMIT: Final = re.compile(r"[0-9a-fA-F]{7,64}")
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")


class LeftOut(Struct, frozen=True, kw_only=True):
    """A distribution without a line; with *unindexed*, no index may be asked for it either."""

    name: NormalizedName
    version: str
    reason: str
    unindexed: bool

    def __str__(self) -> str:
        return f"skipped {self.name} {self.version}: {self.reason}"


class InstalledProjects(Struct, frozen=True, kw_only=True):
    """The *lines* of all projects by name, which of them are *roots*, and which distributions are *left_out*.

    *contradictions* are requirements that the installed versions do not meet. The *tools* are locked only if something
    requires them.
    """

    lines: Mapping[NormalizedName, str]
    roots: tuple[NormalizedName, ...]
    left_out: tuple[LeftOut, ...]
    contradictions: tuple[str, ...]
    tools: Mapping[NormalizedName, str]


def describe_installed(
    distributions: Iterable[InstalledDistribution],
    declared: Mapping[str, Declared],
    target: Target,
    excluded: Collection[NormalizedName] = (),
    unread: Collection[str] = (),
) -> InstalledProjects:
    """Return *distributions* of an environment for *target* as requirements, without those *excluded*.

    *unread* are the files that could not be read.
    """
    first: dict[NormalizedName, InstalledDistribution] = {}
    tools: dict[NormalizedName, str] = {}
    for each in distributions:
        if each.name in TOOLS and each.source is None:
            line = _line(each)
            tools.setdefault(each.name, line if isinstance(line, str) else "")
        elif each.name not in TOOLS and not each.dist_info.startswith("~"):
            first.setdefault(each.name, each)
    lines: dict[NormalizedName, str] = {}
    left_out: list[LeftOut] = []
    for name, each in sorted(first.items()):
        found = _left_out(each, excluded, unread) or _line(each)
        if isinstance(found, str):
            lines[name] = found
        else:
            left_out.append(found)
    declarations = {name: declared.get(first[name].folder, Declared(requested=False)) for name in lines}
    needs = _requirements(declarations, target)
    unlocked = {*excluded, *(name for name, each in first.items() if each.owner is not None)}
    return InstalledProjects(
        lines=lines,
        roots=_roots(declarations, needs),
        left_out=tuple(left_out),
        contradictions=tuple(_contradictions(needs, first, unlocked)),
        tools={name: line for name, line in tools.items() if line},
    )


def _left_out(
    each: InstalledDistribution, excluded: Collection[NormalizedName], unread: Collection[str]
) -> LeftOut | None:
    """Return why *each* has no line, None if it may have one."""
    if each.name in excluded:
        return LeftOut(name=each.name, version=each.version, reason="excluded", unindexed=True)
    if each.owner is not None:
        return LeftOut(name=each.name, version=each.version, reason=f"managed by the {each.owner}", unindexed=False)
    if each.editable:
        return LeftOut(name=each.name, version=each.version, reason="editable install", unindexed=True)
    if f"{each.folder}/direct_url.json" in unread:
        reason = "its direct_url.json does not say where it was installed from"
        return LeftOut(name=each.name, version=each.version, reason=reason, unindexed=True)
    return None


def _line(each: InstalledDistribution) -> str | LeftOut:
    """Return the line for *each*."""
    if each.source is None:
        try:
            return f"{each.name}=={Version(each.version)}"
        except ValueError:  # also for a number with thousands of digits
            reason = "no index can have this version"
            return LeftOut(name=each.name, version=each.version, reason=reason, unindexed=True)
    address = _address(each.source)
    if address is not None:
        return f"{each.name} @ {address}"
    location = redact(each.source.url)
    reason = f"installed from {location}, which lockml cannot reach from here"
    return LeftOut(name=each.name, version=each.version, reason=reason, unindexed=True)


def _address(source: DirectUrl) -> str | None:
    """Return the direct reference to *source* (PEP 440, 610), None if no other machine can get it from there."""
    url = encode_url(redact(source.url).partition("#")[0])
    inside = f"subdirectory={quote(source.subdirectory)}" if source.subdirectory else ""
    if source.vcs or source.commit:
        if source.vcs not in ("", "git") or not _COMMIT.fullmatch(source.commit or ""):
            return None
        address, values = f"git+{url.removeprefix('git+')}@{source.commit}", [inside]
    else:
        sha256 = source.hashes.get("sha256", "")
        address, values = url, [f"sha256={sha256.lower()}" if _SHA256.fullmatch(sha256) else "", inside]
    fragment = "&".join(filter(None, values))
    if not url.removeprefix("git+").startswith(("https://", "http://", "ssh://", "git://")):
        return None
    try:
        parse_reference(f"{address}#{fragment}")
    except BadReferenceError:
        return None
    return f"{address}#{fragment}" if fragment else address


def _requirements(
    declared: Mapping[NormalizedName, Declared], target: Target
) -> dict[NormalizedName, tuple[Requirement, ...]]:
    """Return what each project requires on *target*, including the extras that others ask for."""
    extras: dict[NormalizedName, set[str]] = {name: {""} for name in declared}
    needs: dict[NormalizedName, tuple[Requirement, ...]] = {}
    waiting = list(declared)
    while waiting:
        name = waiting.pop()
        needs[name] = tuple(
            each for each in declared[name].requires if any(_applies(each, target, extra) for extra in extras[name])
        )
        for each in needs[name]:
            asked = extras.get(canonicalize_name(each.name))
            wanted = {canonicalize_name(extra) for extra in each.extras}
            if asked is not None and not wanted <= asked:
                asked |= wanted
                waiting.append(canonicalize_name(each.name))
    return needs


def _applies(requirement: Requirement, target: Target, extra: str) -> bool:
    marker = requirement.marker
    try:
        return marker is None or marker.evaluate({**target.environment, "extra": extra})
    except ValueError:  # it compares what cannot be compared
        return False


def _contradictions(
    needs: Mapping[NormalizedName, Iterable[Requirement]],
    found: Mapping[NormalizedName, InstalledDistribution],
    unlocked: Collection[NormalizedName],
) -> Iterator[str]:
    for name, required in needs.items():
        for each in required:
            text = _contradiction(found[name], each, found)
            if text and canonicalize_name(each.name) not in unlocked:
                yield text


def _contradiction(
    parent: InstalledDistribution, required: Requirement, found: Mapping[NormalizedName, InstalledDistribution]
) -> str:
    """Return how *found* does not meet what *parent* *required*, "" if it does."""
    installed = found.get(canonicalize_name(required.name))
    if installed is None:
        return ""
    try:
        met = required.specifier.contains(Version(installed.version), prereleases=True)
    except ValueError:
        met = False
    if met:
        return ""
    wanted = f"{required.name}{','.join(sorted(map(str, required.specifier)))}"
    return f"{parent.name} {parent.version} requires {wanted}, but {installed.version} is installed"


def _roots(
    declared: Mapping[NormalizedName, Declared], needs: Mapping[NormalizedName, Iterable[Requirement]]
) -> tuple[NormalizedName, ...]:
    """Return what was requested: what is marked so, what nothing else requires, and one project of each circle."""
    required = {canonicalize_name(each.name) for name, many in needs.items() for each in many if each.name != name} - {
        name for name, each in declared.items() if each.requested
    }
    roots = [name for name in declared if name not in required]
    reached = set(_reached(roots, needs))
    for name in sorted(declared):
        if name not in reached:
            roots.append(name)
            reached |= set(_reached([name], needs))
    return tuple(sorted(roots))


def _reached(
    roots: Iterable[NormalizedName], needs: Mapping[NormalizedName, Iterable[Requirement]]
) -> Iterator[NormalizedName]:
    waiting, seen = list(roots), set(roots)
    while waiting:
        name = waiting.pop()
        yield name
        for each in needs.get(name, ()):
            needed = canonicalize_name(each.name)
            if needed not in seen:
                seen.add(needed)
                waiting.append(needed)
