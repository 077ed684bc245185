"""What resolving will most likely ask of the index, asked before it does: requirements in, fetches begun.

Resolving takes one project at a time, and waiting for each page and each metadata file in turn would cost a round trip
each. So whatever arrives is looked at by the thread that fetched it: of a page, the metadata of the release that will
likely be tried first; of metadata, the pages of what it needs, and where the user's own bounds leave nothing of that,
the metadata of the releases that will be tried next. A wrong guess costs a request and decides nothing.
"""

from collections.abc import Collection, Iterable
from functools import partial
from itertools import islice
from threading import Lock
from typing import Final

from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.index.model import CoreMetadata, Project
from lockml.resolution.candidates.bounds import Bound, parse_bound
from lockml.resolution.candidates.dependencies import dependency_applies
from lockml.resolution.candidates.problem import Problem
from lockml.resolution.candidates.release import Release
from lockml.resolution.candidates.screening import Screen

__all__ = ["Prefetcher"]

_MOST_TOGETHER: Final = 16  # releases that are tried next
_MOST_DOOMED: Final = 48  # of a project, which may not be needed itself
_MAX_PROJECTS: Final = 2_000  # so that guesses cannot lead through the whole index
_ANY: Final = parse_bound("")


class Prefetcher:
    """Fetches ahead what one resolving of *problem* will likely need. Any thread may call every method.

    The states of projects are read and written under one lock, but for their page, which is set once. In a trial, what
    arrives is not followed to what it needs: most trials end before they get there.
    """

    def __init__(self, problem: Problem, screen: Screen) -> None:
        self._problem = problem
        self._screen = screen
        self._follows = not problem.trial
        self._lock = Lock()
        self._states: dict[NormalizedName, _ProjectState] = {}
        self._asked: set[Release] = set()

    def fetch_expected(self) -> None:
        """Fetch at once what is known of an earlier lock: all pages, and the metadata of what was pinned."""
        for name in self._problem.preferences.expected:
            self.fetch_project(name, None, _ANY)

    def fetch_project(
        self, name: NormalizedName, extra: NormalizedName | None, bound: Bound, *, by_user: bool = False
    ) -> None:
        """Fetch the page of *name*, and then what the release that *bound* lets in first needs, and so on.

        A bound that is set *by_user* holds whatever else is chosen.
        """
        policy = self._problem.policy
        if name in self._problem.references or name in policy.excludes or name in policy.provided.fixed:
            return
        with self._lock:
            state = self._states.setdefault(name, _ProjectState())
            if len(self._states) > _MAX_PROJECTS or not state.add(extra, bound):
                return
            if by_user:
                state.user_bounds.append(bound)
        if state.page is None:
            self._problem.index.prefetch_projects([name], partial(self._on_page, state))
        else:
            self._on_page(state, state.page)

    def fetch_metadata(self, releases: Iterable[Release], extras: Collection[NormalizedName]) -> None:
        """Fetch the metadata of *releases*, and then what those need for themselves and their *extras*."""
        for release in releases:
            if release.own_metadata is None and release not in self._asked:
                if release.files[0].kind == "wheel":  # an archive may be wanted later, though it is not yet
                    self._asked.add(release)
                then = partial(self._on_metadata, (None, *extras)) if self._follows else None
                self._problem.index.prefetch_metadata(release.files[:1], then)

    def _on_page(self, state: "_ProjectState", project: Project) -> None:
        with self._lock:
            state.page = project
            undecided, state.undecided = state.undecided, []
            extras = tuple(state.extras)
        self.fetch_metadata(self._likely_releases(state, project), extras)
        for bound, metadata in undecided:
            self._fetch_beyond_doomed(project.name, bound, metadata)

    def _likely_releases(self, state: "_ProjectState", project: Project) -> Iterable[Release]:
        """Return what will likely be tried of *project*: more than one where many are doomed."""
        with self._lock:
            bounds, user_bounds, doomed = tuple(state.bounds), tuple(state.user_bounds), frozenset(state.doomed)
        expected = self._problem.preferences.expected.get(project.name)
        if bounds == (_ANY,) and expected is not None and expected in project.releases:
            bounds = (parse_bound(f"=={expected}"),)
        together = min(max(1, 2 * len(doomed)), _MOST_TOGETHER)
        likely = self._screen.likely_releases
        alive = (release for release in likely(project, bounds) if release.version not in doomed)
        return tuple(islice(alive, together)) or tuple(islice(likely(project, user_bounds or bounds), 1))

    def _on_metadata(self, extras: Collection[NormalizedName | None], metadata: CoreMetadata) -> None:
        target = self._problem.target
        for dependency in metadata.requires_dist if not self._problem.policy.as_is else ():
            if dependency.url or not any(dependency_applies(dependency, target, extra) for extra in extras):
                continue
            overrides = self._problem.overrides.get(dependency.name)
            texts = [dependency.specifier] if overrides is None else [str(line.specifier) for line in overrides]
            for bound in map(parse_bound, texts):
                for extra in (None, *dependency.extras):
                    self.fetch_project(dependency.name, extra, bound)
                self._fetch_beyond_doomed(dependency.name, bound, metadata)

    def _fetch_beyond_doomed(self, name: NormalizedName, bound: Bound, metadata: CoreMetadata) -> None:
        """Fetch what will be tried after the release of *metadata*, if the user rules out the *bound* that it needs."""
        with self._lock:
            state = self._states.get(name)
            if state is None or not state.user_bounds:
                return
            page, user_bounds = state.page, tuple(state.user_bounds)
            if page is None:
                state.undecided.append((bound, metadata))
                return
        likely = self._screen.likely_releases
        if next(likely(page, (*user_bounds, bound)), None) is not None or next(likely(page, user_bounds), None) is None:
            return
        with self._lock:
            dependent = self._states.get(metadata.name)
            if dependent is None or dependent.page is None or len(dependent.doomed) >= _MOST_DOOMED:
                return
            dependent.doomed.add(metadata.version)
            extras = tuple(dependent.extras)
        self.fetch_metadata(self._likely_releases(dependent, dependent.page), extras)


class _ProjectState:
    """What was asked of one project so far, and its page once it is there; guarded by the prefetcher's lock.

    The *doomed* releases need what the user's own bounds rule out, and of who is *undecided* that is not known yet.
    """

    def __init__(self) -> None:
        self.bounds: dict[Bound, None] = {}
        self.user_bounds: list[Bound] = []
        self.extras: set[NormalizedName] = set()
        self.doomed: set[Version] = set()
        self.undecided: list[tuple[Bound, CoreMetadata]] = []
        self.page: Project | None = None

    def add(self, extra: NormalizedName | None, bound: Bound) -> bool:
        """Note what is asked, and say whether that is new."""
        asked_before = bound in self.bounds and (extra is None or extra in self.extras)
        self.bounds[bound] = None
        if extra is not None:
            self.extras.add(extra)
        return not asked_before
