"""The tool tables of lockml in pylock.toml, a function for each table."""

from collections.abc import Sequence
from dataclasses import replace as replaced
from typing import Final

from msgspec import to_builtins
from msgspec.structs import replace
from packaging.utils import NormalizedName

from lockml.common.digest import ArtifactIdentity
from lockml.common.tag_lists import packed_tags
from lockml.common.target import Target
from lockml.index.locations import IndexLocation, NamedIndexes
from lockml.lock.model import (
    BaseImage,
    BaseLock,
    Lock,
    LockedArtifact,
    LockedTool,
    MadeWith,
    ProvidedPackages,
    RecordedBase,
)
from lockml.resolution.model import Policy

__all__ = [
    "OLD_NO_PRE",
    "artifact_table",
    "base_table",
    "bases_fact",
    "index_facts",
    "made_facts",
    "policy_table",
    "projects_fact",
    "provided_fact",
    "recorded_bases",
    "restated",
    "target_table",
    "tools_fact",
]

_KEYS = ("command", "extras", "groups")


def made_facts(made_with: MadeWith) -> dict[str, object]:
    """Return the table of *made_with*, by its key."""
    values = (made_with.command, made_with.extras, made_with.groups)
    return {key: list(value) for key, value in zip(_KEYS, values, strict=True) if value}


def restated(lock: Lock, made_with: MadeWith) -> Lock:
    """Return *lock* with another command that makes it again."""
    if lock.made_with == made_with:
        return lock
    tool = lock.pylock.tool or {}
    others = {key: value for key, value in tool.get("lockml", {}).items() if key not in _KEYS}
    pylock = replaced(lock.pylock, tool={**tool, "lockml": {**others, **made_facts(made_with)}})
    return replace(lock, pylock=pylock, made_with=made_with)


def projects_fact(projects: Sequence[NormalizedName]) -> dict[str, object]:
    """Return the value for the user's own *projects*, by its key; {} if there are none."""
    return {"projects": list(projects)} if projects else {}


def _download(tool: LockedTool) -> dict[str, str]:
    return {key: value for key, value in (("url", tool.url), ("sha256", tool.sha256)) if value}


def tools_fact(tools: Sequence[LockedTool]) -> dict[str, object]:
    """Return the tables of *tools*, by their key; {} if there are none."""
    tables = [
        {"name": tool.name, "version": tool.version, **_download(tool), **_identity_table(tool.wheel, tool.identity)}
        for tool in tools
    ]
    return {"tools": tables} if tables else {}


def base_table(image: BaseImage) -> dict[str, object]:
    """Return the table of the base *image*."""
    table: dict[str, object] = {"kind": image.kind} if image.kind else {}
    table |= {"reference": image.reference, "layers": list(image.layers)}
    facts = {"cuda": image.cuda, "requires": list(image.requires), "accelerator": image.accelerator}
    table |= {key: value for key, value in facts.items() if value}
    if image.constraints:
        table["constraints"] = [
            {"path": each.path, "sha256": each.sha256, "lines": list(each.lines)} for each in image.constraints
        ]
    return {**table, "gives-target": True} if image.gives_target else table


def recorded_bases(bases: Sequence[BaseLock]) -> tuple[RecordedBase, ...]:
    """Return what a lock records about its *bases*."""
    ordered = sorted(bases, key=lambda each: each.path)
    return tuple(
        RecordedBase(path=each.path, sha256=each.sha256, subset=each.subset, relaxed=tuple(sorted(each.relaxed)))
        for each in ordered
    )


def bases_fact(bases: Sequence[RecordedBase]) -> dict[str, object]:
    """Return the tables of the locks that a lock is based on, by their key; {} if there are none."""
    tables: list[dict[str, object]] = []
    for base in bases:
        table: dict[str, object] = {"path": base.path, "packages-sha256": base.sha256}
        table |= {"subset": True} if base.subset else {}
        tables.append(table | ({"relaxed": list(base.relaxed)} if base.relaxed else {}))
    return {"bases": tables} if tables else {}


def provided_fact(provided: ProvidedPackages) -> dict[str, object]:
    """Return the table of the packages of the base image, by its key; {} if none counts."""
    if not provided.selection:
        return {}
    packages = [{key: value for key, value in to_builtins(each).items() if value} for each in provided.packages]
    table: dict[str, object] = {"selection": list(provided.selection), "mode": provided.mode}
    table |= {"virtual": provided.virtual} if provided.virtual else {}
    return {"provided": {**table, "packages": packages}}


def index_facts(indexes: NamedIndexes) -> dict[str, object]:
    """Return the values for *indexes*, by their keys."""
    safe = indexes.without_logins()
    facts: dict[str, object] = {
        "index-url": safe.url,
        "extra-index-urls": list(safe.extra_urls),
        "indexes": [_index_table(index) for index in safe.named],
        "find-links": list(safe.find_links),
        "no-index": safe.no_index,
    }
    return {key: value for key, value in facts.items() if value}


def _index_table(index: IndexLocation) -> dict[str, object]:
    table: dict[str, object] = {"name": index.name, "url": index.url}
    return {**table, "only": list(index.only)} if index.only else table


def target_table(target: Target) -> dict[str, object]:
    """Return the table of a *target*."""
    table: dict[str, object] = {"name": target.name} if target.name else {}
    table |= {"python": target.python_text, "platform": str(target.platform)}
    if target.floor_text is not None:
        table["macos" if target.macos else "libc"] = target.floor_text
    return table | (packed_tags(target.tags) if target.tags else {})


OLD_NO_PRE: Final = "stable-only"
"""The former key of ``no-pre`` in locks; the digest of inputs still uses it."""


def policy_table(policy: Policy) -> dict[str, object]:
    """Return the policy without its defaults."""
    table: dict[str, object] = {
        "prereleases": policy.prereleases,
        "no-pre": policy.stable_only,
        "exclude-newer": policy.exclude_newer_age or policy.exclude_newer,
        "exclude-newer-except": list(policy.exempt.words),
        "resolution": policy.strategy if policy.strategy != "highest" else None,
        "no-binary": str(policy.no_binary),
        "only-binary": str(policy.only_binary),
        "excludes": sorted(policy.excludes),
        "allow-build": str(policy.allow_build),
        "as-is": policy.as_is,
        "accelerator": policy.accelerator,
    }
    return {key: value for key, value in table.items() if value}


def artifact_table(artifact: LockedArtifact) -> dict[str, object]:
    """Return the table of *artifact*."""
    if artifact.identity is None:
        return {"wheel": artifact.wheel, "unprovable": artifact.reason or "no reason given"}
    return _identity_table(artifact.wheel, artifact.identity)


def _identity_table(wheel: str, identity: ArtifactIdentity) -> dict[str, object]:
    table: dict[str, object] = {"wheel": wheel, "record-sha256": identity.digest}
    if identity.scripts:
        table["scripts"] = list(identity.scripts)
    if identity.rewritten:
        table["rewritten-scripts"] = dict(identity.rewritten)
    table["verified"] = identity.verified
    return table
