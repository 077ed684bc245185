"""What resolving may choose from: a project and bounds in, the releases that suit out, each refusal with its reason."""

from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from datetime import UTC, timedelta
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.references import Reference
from lockml.common.target import Target
from lockml.index.model import MetadataError, Project
from lockml.index.protocol import Index
from lockml.requirements.model import Requirement
from lockml.resolution.candidates.bounds import Bound, bound_of
from lockml.resolution.candidates.release import (
    Refusal,
    Release,
    judge_release,
    judge_source,
    refusal_of_date,
    was_uploaded,
)
from lockml.resolution.model import Policy, Preferences

__all__ = ["Choices"]

_PRERELEASE: Final = Refusal(kind="prerelease", reason="it is a pre-release, and none was asked for (--pre)")


class Choices(Struct):
    """What resolving may choose from, and what it noticed: rejections by project and version, with reasons.

    *direct* are the projects that the user names, *pinned_by_user* those that are named with one version; *overrides*
    replace every requirement on their projects, the empty one drops them; *hashes* are those of the only files allowed;
    *referenced* are the direct references to each project that the user's lines lead to, *own_bounds* the bounds of
    those lines for each extra that they ask for, which releases of the projects *lacking* do not have.
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
    own_bounds: Mapping[tuple[NormalizedName, NormalizedName | None], frozenset[Bound]] = field(default_factory=dict)
    lacking: set[NormalizedName] = field(default_factory=set)
    unknown: set[NormalizedName] = field(default_factory=set)
    rejected: dict[NormalizedName, dict[Version, Refusal]] = field(default_factory=dict)
    refused: dict[Reference, str] = field(default_factory=dict)
    _judged: dict[tuple[NormalizedName, Version | Reference], Release | Refusal] = field(default_factory=dict)
    _stable: dict[NormalizedName, bool] = field(default_factory=dict)  # whether there was a stable release at the date
    _new: dict[NormalizedName, frozenset[int]] = field(default_factory=dict)
    _windows: dict[tuple[NormalizedName, Bound], tuple[int, int]] = field(default_factory=dict)
    _offered: dict[tuple[NormalizedName, frozenset[Bound], bool], "_Lazily"] = field(default_factory=dict)

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

    def _judge(self, project: Project, version: Version) -> Release | Refusal:
        """Return the release if the target can install it, else why it cannot, judged once."""
        key = (project.name, version)
        judged = self._judged.get(key)
        if judged is None:
            hashes = self.hashes.get(project.name, frozenset())
            offered = self._hashed(project, version) if hashes else project
            judged = self._judged[key] = judge_release(offered, version, self.target, self.policy, hashes)
        return judged

    def _hashed(self, project: Project, version: Version) -> Project:
        """Return *project* with nothing but *version*, and the hashes of its files that the index does not name."""
        entries = project.releases[version]
        found = self.index.digests([entry for entry in entries if not entry.hashed and not entry.fault])
        known = tuple(
            replace(entry, hashes={**entry.hashes, "sha256": found[entry.filename][0]})
            if entry.filename in found
            else entry
            for entry in entries
        )
        return replace(project, releases={version: known})

    def _direct(
        self, name: NormalizedName, references: Collection[Reference], bounds: Collection[Bound]
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
        elif all(bound.admits(judged.version) for bound in bounds):
            yield judged

    def admits_prereleases(self, project: Project) -> bool:
        """Say whether pre-releases of *project* may be chosen: asked for, or nothing else is there at the date."""
        if self.policy.prereleases or project.name in self.prerelease_names or project.only_prereleases:
            return True
        if self.policy.exclude_newer is None:
            return False
        if project.name not in self._stable:
            self._stable[project.name] = any(
                was_uploaded(entry, self.policy)
                for version in self._dated(project)
                if not version.is_prerelease
                for entry in project.releases[version]
            )
        return not self._stable[project.name]

    def _dated(self, project: Project) -> Iterator[Version]:
        """Yield the versions of *project* that may have been there at the date."""
        new = self._too_new(project)
        return (version for place, version in enumerate(project.versions) if place not in new)

    def _too_new(self, project: Project) -> Container[int]:
        """Return the places in the versions of *project* that were surely not there at the date."""
        limit = self.policy.exclude_newer
        if limit is None:
            return ()
        new = self._new.get(project.name)
        if new is None:
            moment = (limit + timedelta(microseconds=999_999)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
            new = frozenset(place for place, upload in enumerate(project.uploads) if upload >= moment)
            self._new[project.name] = new
        return new

    def refusals(self, name: NormalizedName) -> Mapping[Version, Refusal]:
        """Return why releases of *name* cannot be chosen; of those that are too new, nothing else is known."""
        found = dict(self.rejected.get(name, {}))
        project = self.index.project(name) if name in self._new else None
        for place in self._new.get(name, ()):
            if project is not None and project.versions[place] not in found:
                found[project.versions[place]] = refusal_of_date(project.uploads[place], self.policy)
        return found

    def releases(
        self, name: NormalizedName, bounds: Iterable[Bound], *, exact: bool, references: Collection[Reference] = ()
    ) -> Iterable[Release]:
        """Return what meets *bounds* and the constraints, the preferred version first, then newest first.

        With *exact*, or with a constraint that is, yanked releases too; with *references*, what those hold.
        """
        constraints = self.constraints.get(name, ())
        constrained = [bound_of(str(constraint.specifier)) for constraint in constraints]
        wanted = {*references, *(each.reference for each in constraints if each.reference is not None)}
        all_bounds = frozenset((*bounds, *constrained))
        if wanted:
            return self._direct(name, wanted, all_bounds)
        exact = exact or any(bound.pins for bound in constrained)
        key = (name, all_bounds, exact)
        offered = self._offered.get(key)
        if offered is None:
            project = self.project(name)
            if project is None:
                return ()
            offered = self._offered[key] = _Lazily(self._of_index(project, all_bounds, exact=exact))
        return offered

    def guesses(self, project: Project, bounds: Collection[Bound]) -> Iterator[Release]:
        """Yield what will be tried of *project* within *bounds*, first first, as far as that is cheap to tell.

        Notes nothing, so that another thread may ask.
        """
        if project.name in self.hashes or project.name in self.referenced:
            return
        constrained = [bound_of(str(constraint.specifier)) for constraint in self.constraints.get(project.name, ())]
        for _, judged in self._sifted(project, (*bounds, *constrained)):
            if isinstance(judged, Release) and judged.yanked is None:
                yield judged

    def _of_index(self, project: Project, bounds: Collection[Bound], *, exact: bool) -> Iterator[Release]:
        """Yield the releases of *project* that meet *bounds*, yanked ones last, and only where *exact*."""
        yanked: list[Release] = []  # only where nothing else does (PEP 592)
        for version, judged in self._sifted(project, bounds):
            if isinstance(judged, Refusal):
                self.reject(project.name, version, judged)
            elif judged.yanked is not None and not exact:
                why = f" ({judged.yanked})" if judged.yanked else ""
                refusal = Refusal(kind="yanked", reason=f"it was yanked{why}, and you do not pin it")
                self.reject(project.name, version, refusal)
            elif judged.yanked is not None:
                yanked.append(judged)
            else:
                yield judged
        yield from yanked

    def _sifted(self, project: Project, bounds: Collection[Bound]) -> Iterator[tuple[Version, Release | Refusal]]:
        """Yield what of *project* is within *bounds*, in the order to try it, with the reason against it if any."""
        admitted = self.admits_prereleases(project)
        for version in self._within(project, bounds):
            if version.is_prerelease and not admitted:
                yield version, _PRERELEASE
            else:
                yield version, self._judge(project, version)

    def _within(self, project: Project, bounds: Collection[Bound]) -> Iterator[Version]:
        """Yield the versions of *project* that *bounds* admit, in the order to try them."""
        start, stop = 0, len(project.releases)
        versions = project.versions
        new = self._too_new(project)
        for bound in bounds:
            key = (project.name, bound)
            window = self._windows.get(key)
            if window is None:
                window = self._windows[key] = bound.window(versions)
            start, stop = max(start, window[0]), min(stop, window[1])
        holed = [bound for bound in bounds if not bound.contiguous]
        preferred = self.preferences.versions.get(project.name)
        if preferred is not None and preferred in project.releases and all(each.admits(preferred) for each in bounds):
            yield preferred
        for place in self._in_order(project.name, start, stop):
            if place in new:
                continue
            version = versions[place]
            if version != preferred and all(bound.admits(version) for bound in holed):
                yield version

    def _in_order(self, name: NormalizedName, start: int, stop: int) -> range:
        """Return the places from *start* to before *stop*, of which the first is the newest, in the order to try."""
        lowest = name in self.preferences.lowest or self.policy.strategy == "lowest"
        lowest |= self.policy.strategy == "lowest-direct" and name in self.direct
        return range(stop - 1, start - 1, -1) if lowest else range(start, stop)


class _Lazily(Iterable[Release]):
    """What *source* yields, asked of it once however often it is iterated over."""

    def __init__(self, source: Iterator[Release]) -> None:
        self._source = source
        self._found: list[Release] = []

    def __iter__(self) -> Iterator[Release]:
        place = 0
        while True:
            if place == len(self._found):
                found = next(self._source, None)
                if found is None:
                    return
                self._found.append(found)
            yield self._found[place]
            place += 1
