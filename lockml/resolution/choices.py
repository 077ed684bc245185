"""What resolving may choose from: a project and bounds in, the releases that suit out, each refusal with its reason."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.index.model import MetadataError, Project
from lockml.ports import Index
from lockml.references import Reference
from lockml.requirements.model import Requirement
from lockml.resolution.candidates import Refusal, Release, judge_release, judge_source, was_uploaded
from lockml.resolution.model import Policy, Preferences
from lockml.target import Target

__all__ = ["Choices", "pins_one"]

_PRERELEASE: Final = Refusal(kind="prerelease", reason="it is a pre-release, and none was asked for (--pre)")


def pins_one(specifier: SpecifierSet) -> bool:
    """Say whether *specifier* names one version."""
    return any(each.operator in ("==", "===") and not each.version.endswith(".*") for each in specifier)


@dataclass
class Choices:
    """What resolving may choose from, and what it noticed: rejections by project and version, with reasons.

    *direct* are the projects that the user names, *pinned_by_user* those that are named with one version; *overrides*
    replace every requirement on their projects, the empty one drops them; *hashes* are those of the only files allowed;
    *referenced* are the direct references to each project that the user's lines lead to.
    """

    index: Index
    target: Target
    policy: Policy
    preferences: Preferences
    constraints: Mapping[NormalizedName, tuple[Requirement, ...]]
    prerelease_names: frozenset[NormalizedName]
    direct: frozenset[NormalizedName]
    overrides: Mapping[NormalizedName, tuple[Requirement, ...]]
    pinned_by_user: frozenset[NormalizedName]
    hashes: Mapping[NormalizedName, frozenset[str]]
    referenced: Mapping[NormalizedName, frozenset[Reference]] = field(default_factory=dict)
    unknown: set[NormalizedName] = field(default_factory=set)
    rejected: dict[NormalizedName, dict[Version, Refusal]] = field(default_factory=dict)
    refused: dict[Reference, str] = field(default_factory=dict)
    _judged: dict[tuple[NormalizedName, Version | Reference], Release | Refusal] = field(default_factory=dict)
    _stable: dict[NormalizedName, bool] = field(default_factory=dict)  # whether there was a stable release at the date
    _meeting: dict[SpecifierSet, dict[Version, bool]] = field(default_factory=dict)  # the search asks the same again

    def project(self, name: NormalizedName) -> Project | None:
        """Return the project, noting an unknown one and a quarantined one, which has nothing to choose (PEP 792)."""
        project = self.index.project(name)
        if project is None:
            self.unknown.add(name)
            return None
        if project.status == "quarantined":
            why = f" ({project.status_reason})" if project.status_reason else ""
            refusal = Refusal(kind="other", reason=f"the index has quarantined the project{why}")
            for version in project.releases:
                self.reject(name, version, refusal)
            return None
        return project

    def reject(self, name: NormalizedName, version: Version, refusal: Refusal) -> None:
        """Note why *version* cannot be chosen."""
        self.rejected.setdefault(name, {})[version] = refusal

    def release(self, project: Project, version: Version) -> Release | None:
        """Return the release if the target can install it, judged once."""
        key = (project.name, version)
        judged = self._judged.get(key)
        if judged is None:
            hashes = self.hashes.get(project.name, frozenset())
            offered = self._hashed(project, version) if hashes else project
            judged = self._judged[key] = judge_release(offered, version, self.target, self.policy, hashes)
        if isinstance(judged, Refusal):
            self.reject(project.name, version, judged)
            return None
        return judged

    def _hashed(self, project: Project, version: Version) -> Project:
        """Return *project* with the hashes of the files of *version* that the index does not name."""
        entries = project.releases[version]
        found = self.index.digests([entry for entry in entries if not entry.hashed])
        known = tuple(
            replace(entry, hashes={**entry.hashes, "sha256": found[entry.filename][0]})
            if entry.filename in found
            else entry
            for entry in entries
        )
        return replace(project, releases={**project.releases, version: known})

    def _direct(
        self, name: NormalizedName, references: Collection[Reference], bounds: Sequence[SpecifierSet]
    ) -> Iterator[Release]:
        """Yield what the one of *references* holds, if it is *name* and meets *bounds*."""
        reference = min(references, key=str)
        if len({each.place for each in references}) > 1:
            return
        key = (name, reference)
        judged = self._judged.get(key)
        if judged is None:
            try:
                source = self.index.direct(reference)
                judged = judge_source(source, self.target, self.policy)
                if source.metadata.name != name:
                    judged = Refusal(kind="other", reason=f"it holds {source.metadata.name}")
            except MetadataError as error:
                judged = Refusal(kind="other", reason=str(error))
            self._judged[key] = judged
        if isinstance(judged, Refusal):
            self.refused[reference] = str(judged)
        elif all(bound.contains(judged.version, prereleases=True) for bound in bounds):
            yield judged

    def admits_prereleases(self, project: Project) -> bool:
        """Say whether pre-releases of *project* may be chosen: asked for, or nothing else is there at the date."""
        if self.policy.prereleases or project.name in self.prerelease_names or project.only_prereleases:
            return True
        if self.policy.exclude_newer is None:
            return False
        if project.name not in self._stable:
            stable = (project.releases[version] for version in project.releases if not version.is_prerelease)
            self._stable[project.name] = any(was_uploaded(each, self.policy) for entries in stable for each in entries)
        return not self._stable[project.name]

    def releases(
        self,
        name: NormalizedName,
        specifiers: Sequence[SpecifierSet],
        *,
        exact: bool,
        references: Collection[Reference] = (),
    ) -> Iterator[Release]:
        """Yield what meets *specifiers* and the constraints, the preferred version first, then newest first.

        With *exact*, or with a constraint that is, yanked releases too; with *references*, what those hold.
        """
        constraints = self.constraints.get(name, ())
        constrained = [constraint.specifier for constraint in constraints]
        wanted = {*references, *(each.reference for each in constraints if each.reference is not None)}
        bounds = [*specifiers, *constrained]
        if wanted:
            yield from self._direct(name, wanted, bounds)
            return
        project = self.project(name)
        if project is not None:
            yield from self._of_index(project, bounds, exact=exact or any(map(pins_one, constrained)))

    def _of_index(self, project: Project, bounds: Sequence[SpecifierSet], *, exact: bool) -> Iterator[Release]:
        """Yield the releases of *project* that meet *bounds*, yanked ones last, and only where *exact*."""
        name = project.name
        admitted = self.admits_prereleases(project)
        yanked: list[Release] = []  # only where nothing else does (PEP 592)
        known = [(bound, self._meeting.setdefault(bound, {})) for bound in bounds]
        for version in self._in_order(project):
            if not all(_meets(version, bound, met) for bound, met in known):
                continue
            if version.is_prerelease and not admitted:
                self.reject(name, version, _PRERELEASE)
                continue
            release = self.release(project, version)
            if release is None:
                continue
            if release.yanked is not None and not exact:
                why = f" ({release.yanked})" if release.yanked else ""
                self.reject(name, version, Refusal(kind="yanked", reason=f"it was yanked{why}, and you do not pin it"))
            elif release.yanked is not None:
                yanked.append(release)
            else:
                yield release
        yield from yanked

    def _in_order(self, project: Project) -> Iterator[Version]:
        preferred = self.preferences.versions.get(project.name)
        if preferred is not None and preferred in project.releases:
            yield preferred
        lowest = project.name in self.preferences.lowest or self.policy.strategy == "lowest"
        lowest |= self.policy.strategy == "lowest-direct" and project.name in self.direct
        versions = reversed(list(project.releases)) if lowest else project.releases
        yield from (version for version in versions if version != preferred)


def _meets(version: Version, bound: SpecifierSet, met: dict[Version, bool]) -> bool:
    """Say whether *version* is within *bound*, as far as *met* knows it already."""
    found = met.get(version)
    if found is None:
        found = met[version] = bound.contains(version, prereleases=True)
    return found
