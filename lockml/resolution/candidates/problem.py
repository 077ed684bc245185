"""What is asked of resolving, for one target: the requirements taken apart, the policy, and the index that answers."""

from collections.abc import Mapping

from msgspec import Struct, field
from packaging.utils import NormalizedName

from lockml.common.references import Reference
from lockml.common.target import Target
from lockml.index.protocol import Index
from lockml.requirements.model import Requirement
from lockml.resolution.candidates.bounds import Bound
from lockml.resolution.candidates.judgements import Judgements
from lockml.resolution.candidates.merged_lines import AllowedHashes
from lockml.resolution.model import Policy, Preferences

__all__ = ["Problem"]


class Problem(Struct, frozen=True, kw_only=True):
    """One resolving's question. Nothing changes it, so that any thread may read it.

    *named_by_user* are the projects of the user's lines, *pinned_by_user* those that are named with one version;
    *overrides* replace every requirement on their projects, the empty one drops them; *allowed_hashes* are those of the
    only files that may be chosen; *references* are the direct references to each project that the user's lines lead to,
    *user_bounds* the bounds of those lines for each extra that they ask for: releases without it are rejected.
    With *any_prerelease*, those that no line names are tried too, after all others: the last resort. The *judgements*
    are those of the index, which other problems share. A *trial* only finds out whether there is an answer.
    """

    index: Index
    target: Target
    policy: Policy
    preferences: Preferences
    constraints: Mapping[NormalizedName, tuple[Requirement, ...]]
    prerelease_names: frozenset[NormalizedName]
    named_by_user: frozenset[NormalizedName]
    pinned_by_user: frozenset[NormalizedName]
    overrides: Mapping[NormalizedName, tuple[Requirement, ...]]
    allowed_hashes: Mapping[NormalizedName, AllowedHashes]
    references: Mapping[NormalizedName, frozenset[Reference]] = field(default_factory=dict)
    user_bounds: Mapping[tuple[NormalizedName, NormalizedName | None], frozenset[Bound]] = field(default_factory=dict)
    any_prerelease: bool = False
    judgements: Judgements = field(default_factory=Judgements)
    trial: bool = False

    def tries_oldest_first(self, name: NormalizedName) -> bool:
        """Say whether the oldest release of the project *name* is tried first, not the newest."""
        if name in self.preferences.lowest or self.policy.strategy == "lowest":
            return True
        return self.policy.strategy == "lowest-direct" and name in self.named_by_user
