"""Finds the releases of a project within bounds that the search may choose, and records rejections."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain

from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.references import ArchiveReference, Reference
from lockml.index.model import DirectSource, MetadataError, Project
from lockml.resolution.candidates.bounds import Bound, parse_bound
from lockml.resolution.candidates.merged_lines import AllowedHashes, meets
from lockml.resolution.candidates.problem import Problem
from lockml.resolution.candidates.rejections import Rejection, Rejections
from lockml.resolution.candidates.release import Release, judge_source, reject_late_release
from lockml.resolution.candidates.screening import WITHHELD, Screen

__all__ = ["CandidateFinder"]


class CandidateFinder:
    """Finds the releases of *problem* for the search, and notes in *rejections* what cannot be chosen.

    Only the thread that resolves may call its methods; other threads have its *screen*.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.screen = Screen(problem)
        self.rejections = Rejections()
        self._screened: dict[NormalizedName, Project] = {}
        self._sources: dict[tuple[NormalizedName, Reference], Release | Rejection] = {}
        self._provided: dict[NormalizedName, Release] = {}
        self._offered: dict[tuple[NormalizedName, frozenset[Bound], bool], _ReplayedReleases] = {}

    def project(self, name: NormalizedName) -> Project | None:
        """Return the project, noting an unknown one and a quarantined one, which has nothing to choose (PEP 792)."""
        project = self.problem.index.project(name)
        if project is None:
            self.rejections.unknown_projects.add(name)
            return None
        if project.status == "quarantined":
            detail = f" ({project.status_reason})" if project.status_reason else ""
            rejection = Rejection(kind="other", reason=f"the index has quarantined the project{detail}")
            for version in project.releases:
                self.rejections.reject(name, version, rejection)
            return None
        return project

    def releases(
        self, name: NormalizedName, bounds: Iterable[Bound], *, exact: bool, references: Collection[Reference] = ()
    ) -> Iterable[Release]:
        """Return what meets *bounds* and the constraints, the preferred version first, then newest first.

        With *exact*, or with a constraint that is, yanked releases too; with *references*, what those hold.
        """
        constraints = self.problem.constraints.get(name, ())
        constrained = self.screen.constraints(name) if constraints else []
        all_references = {*references, *(line.reference for line in constraints if line.reference is not None)}
        all_bounds = frozenset((*bounds, *constrained))
        exact = exact or any(bound.pins for bound in constrained)
        provided = self.problem.policy.provided
        if all_references and name not in provided.fixed:
            return self._of_references(name, all_references, all_bounds)
        if name not in provided.releases:
            return self._offered_releases(name, all_bounds, exact=exact)
        own = self._provided_release(name)
        met = not all_references and all(bound.admits(own.version) for bound in all_bounds)
        first = (own,) if met or name in provided.unbound else ()
        if name in provided.fixed:
            return first
        offered = self._offered_releases(name, all_bounds, exact=exact)
        return _ReplayedReleases(chain(first, (each for each in offered if not _is_taken_for(own, each))))

    def _offered_releases(
        self, name: NormalizedName, all_bounds: frozenset[Bound], *, exact: bool
    ) -> Iterable[Release]:
        """Return what the index has within the bounds."""
        key = (name, all_bounds, exact)
        offered = self._offered.get(key)
        if offered is None:
            project = self.project(name)
            if project is None:
                return ()
            self._screened[name] = project
            offered = self._offered[key] = _ReplayedReleases(self._of_index(project, all_bounds, exact=exact))
        return offered

    def _provided_release(self, name: NormalizedName) -> Release:
        """Return what the image has of *name*, always the same."""
        release = self._provided.get(name)
        if release is None:
            provided = self.problem.policy.provided.releases[name]
            version = provided.metadata.version
            release = Release(name=name, version=version, index_url="", files=(), provided=provided)
            self._provided[name] = release
        return release

    def rejected_releases(self, name: NormalizedName) -> Mapping[Version, Rejection]:
        """Return why releases of *name* cannot be chosen; of those that are too new, nothing else is known."""
        rejected = dict(self.rejections.of_project(name))
        project, limit = self._screened.get(name), self.problem.policy.exclude_newer
        if project is not None and limit is not None:
            for index in self.screen.too_new(project):
                version = project.versions[index]
                if version not in rejected:
                    rejected[version] = reject_late_release(project.uploads[index], limit)
        return rejected

    def _of_index(self, project: Project, bounds: Collection[Bound], *, exact: bool) -> Iterator[Release]:
        yanked: list[Release] = []  # only where nothing else does (PEP 592)
        for version, judged in self.screen.releases(project, bounds):
            if judged is WITHHELD:
                self.rejections.withheld.add(project.name)
            elif isinstance(judged, Rejection):
                self.rejections.reject(project.name, version, judged)
            elif judged.yanked is not None and not exact:
                detail = f" ({judged.yanked})" if judged.yanked else ""
                rejection = Rejection(kind="yanked", reason=f"it was yanked{detail}, and you do not pin it")
                self.rejections.reject(project.name, version, rejection)
            elif judged.yanked is not None:
                yanked.append(judged)
            else:
                yield judged
        yield from yanked

    def _of_references(
        self, name: NormalizedName, references: Collection[Reference], bounds: Collection[Bound]
    ) -> Iterator[Release]:
        """Yield what the one of *references* holds, if it is *name* and meets *bounds*."""
        if len({reference.source_key for reference in references}) > 1:
            return
        reference = min(references, key=str)
        key = (name, reference)
        judged = self._sources.get(key)
        if judged is None:
            judged = self._sources[key] = self._judge_reference(name, reference)
        if isinstance(judged, Rejection):
            self.rejections.references[reference] = str(judged)
        elif all(bound.admits(judged.version) for bound in bounds):
            yield judged

    def _judge_reference(self, name: NormalizedName, reference: Reference) -> Release | Rejection:
        try:
            source = self.problem.index.direct(reference)
            judged = judge_source(source, self.problem.target, self.problem.policy)
        except MetadataError as error:
            return Rejection(kind="other", reason=str(error))
        if source.metadata.name != name:
            return Rejection(kind="other", reason=f"it holds {source.metadata.name}")
        return _reject_other_bytes(source, self.problem.allowed_hashes.get(name, frozenset())) or judged


def _reject_other_bytes(source: DirectSource, allowed: AllowedHashes) -> Rejection | None:
    """Return why the hashes *allowed* beside its reference do not admit *source*, None where they do.

    Those within the reference itself were compared with the bytes when it was opened.
    """
    within = source.reference.hashes if isinstance(source.reference, ArchiveReference) else frozenset[str]()
    hashes = source.file.entry.hashes if source.file is not None else {}
    if meets(hashes, frozenset(line for line in allowed if line - within)):
        return None
    has = ", ".join(f"{kind}:{digest[:8]}…" for kind, digest in sorted(hashes.items())) or "no hash"
    return Rejection(kind="hash", reason="the inputs allow other hashes only", detail=f"it has {has}")


def _is_taken_for(own: Release, other: Release) -> bool:
    """Say whether an installer that is to install *other* takes *own*, which is there, for it, and keeps it."""
    return parse_bound(f"=={other.version}").admits(own.version)


class _ReplayedReleases(Iterable[Release]):
    """What *source* yields, asked of it once however often it is iterated over."""

    def __init__(self, source: Iterator[Release]) -> None:
        self._source = source
        self._yielded: list[Release] = []

    def __iter__(self) -> Iterator[Release]:
        index = 0
        while True:
            if index == len(self._yielded):
                release = next(self._source, None)
                if release is None:
                    return
                self._yielded.append(release)
            yield self._yielded[index]
            index += 1
