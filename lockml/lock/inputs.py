"""The inputs of a lock beside its targets, and the digest of everything that decides it."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from msgspec import Struct, field
from packaging.utils import NormalizedName

from lockml.common.target import Target
from lockml.index.built import Built, built_table
from lockml.index.locations import NamedIndexes
from lockml.lock.facts import OLD_NO_PRE, index_facts, policy_table, projects_fact
from lockml.lock.model import BaseImage, BaseLock, MadeWith, ProvidedPackages
from lockml.requirements.model import Requirement, RequirementSet, UnnamedRequirement
from lockml.resolution.model import Policy

__all__ = ["LockInputs", "inputs_digest"]


class LockInputs(Struct, frozen=True, kw_only=True):
    """The inputs beside the targets, and the command that makes the lock again.

    *stated* are SHA-256 digests of the files that decide the metadata of each folder, and of each fetched file;
    *projects* are the user's own that only a build could name; *built* are those that the image builds; *bases* are the
    locks that this one is based on: *asked* includes their requirements and pins.
    """

    asked: RequirementSet
    policy: Policy
    indexes: NamedIndexes = field(default_factory=NamedIndexes)
    stated: Mapping[str, str] = field(default_factory=dict)
    base_image: BaseImage | None = None
    provided: ProvidedPackages = ProvidedPackages()
    projects: tuple[NormalizedName, ...] = ()
    made_with: MadeWith = MadeWith()
    built: tuple[Built, ...] = ()
    bases: tuple[BaseLock, ...] = ()


def inputs_digest(inputs: LockInputs, targets: Sequence[Target]) -> str:
    """Return the SHA-256, hexadecimal, of everything that decides the lock but the index; the order does not count."""
    policy = inputs.policy
    content = {
        "requirements": sorted(map(_with_hashes, inputs.asked.requirements)),
        "unnamed": sorted(map(_as_line, inputs.asked.unnamed)),
        "dynamic": sorted(f"{each.file}[{','.join(each.extras)}]" for each in inputs.asked.dynamic),
        "constraints": sorted(map(_with_hashes, inputs.asked.constraints)),
        "overrides": sorted(map(str, inputs.asked.overrides)),
        **projects_fact(sorted(inputs.asked.projects)),
        **_provided(inputs.provided),
        **index_facts(inputs.indexes.normalized()),
        "stated": dict(inputs.stated),
        "policy": {OLD_NO_PRE if key == "no-pre" else key: str(value) for key, value in policy_table(policy).items()},
        "targets": sorted(f"{target.name}={target}" for target in targets),
    }
    if inputs.built:
        content["built"] = sorted(json.dumps(built_table(each), sort_keys=True) for each in inputs.built)
    if inputs.bases:
        content["bases"] = sorted([each.sha256, each.subset, *sorted(each.relaxed)] for each in inputs.bases)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _provided(provided: ProvidedPackages) -> dict[str, object]:
    if not provided.selection:
        return {}
    packages = sorted(f"{each.name}=={each.version} {each.record}" for each in provided.packages)
    return {"provided": [sorted(provided.selection), provided.mode, packages]}


def _with_hashes(requirement: Requirement) -> str:
    return " ".join([_as_line(requirement), *sorted(requirement.hashes)])


def _as_line(requirement: Requirement | UnnamedRequirement) -> str:
    """Return *requirement* as a line: an editable one is installed in another way."""
    editable = getattr(requirement.reference, "editable", False)
    return f"-e {requirement}" if editable else str(requirement)
