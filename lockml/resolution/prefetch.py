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
from lockml.resolution.candidates.bounds import Bound, bound_of
from lockml.resolution.candidates.finder import Choices
from lockml.resolution.candidates.release import Release
from lockml.resolution.dependencies import needs

__all__ = ["Ahead"]

_MOST_TOGETHER: Final = 16  # releases that are tried next
_MOST_DOOMED: Final = 48  # of a project, which may not be needed itself
_MAX_PROJECTS: Final = 2_000  # so that guesses cannot lead through the whole index
_ANY: Final = bound_of("")


class Ahead:
    """Fetches ahead for one resolving of *choices*; safe to use from several threads."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._lock = Lock()
        self._asked: dict[NormalizedName, _Asked] = {}

    def begin_expected(self) -> None:
        """Fetch at once what is known of an earlier lock: all pages, and the metadata of what was pinned."""
        for name in self._choices.preferences.expected:
            self.begin(name, None, _ANY)

    def begin(self, name: NormalizedName, extra: NormalizedName | None, bound: Bound, *, always: bool = False) -> None:
        """Fetch the page of *name*, and then what the release that *bound* lets in first needs, and so on.

        Such a bound may hold *always*, as the user's own do.
        """
        if name in self._choices.referenced or name in self._choices.policy.excludes:
            return
        with self._lock:
            asked = self._asked.setdefault(name, _Asked())
            if len(self._asked) > _MAX_PROJECTS or not asked.add(extra, bound):
                return
            if always:
                asked.always.append(bound)
        if asked.page is None:
            self._choices.index.prefetch_projects([name], partial(self._arrived, asked))
        else:
            self._arrived(asked, asked.page)

    def follow(self, releases: Iterable[Release], extras: Collection[NormalizedName]) -> None:
        """Fetch the metadata of *releases*, and then what those need for themselves and their *extras*."""
        for release in releases:
            if release.source is None:
                then = partial(self._known, (None, *extras))
                self._choices.index.prefetch_metadata(release.files[:1], then)

    def _arrived(self, asked: "_Asked", project: Project) -> None:
        with self._lock:
            asked.page = project
            unsure, asked.unsure = asked.unsure, []
            extras = tuple(asked.extras)
        self.follow(self._guessed(asked, project), extras)
        for bound, metadata in unsure:
            self._judge(asked, bound, metadata)

    def _guessed(self, asked: "_Asked", project: Project) -> Iterable[Release]:
        """Return what will likely be tried of *project*: more than one where many were in vain."""
        with self._lock:
            bounds, always, doomed = tuple(asked.bounds), tuple(asked.always), frozenset(asked.doomed)
        expected = self._choices.preferences.expected.get(project.name)
        if bounds == (_ANY,) and expected is not None and expected in project.releases:
            bounds = (bound_of(f"=={expected}"),)
        together = min(max(1, 2 * len(doomed)), _MOST_TOGETHER)
        guesses = (each for each in self._choices.guesses(project, bounds) if each.version not in doomed)
        return tuple(islice(guesses, together)) or tuple(islice(self._choices.guesses(project, always or bounds), 1))

    def _known(self, extras: Collection[NormalizedName | None], metadata: CoreMetadata) -> None:
        for needed in metadata.requires_dist:
            if any(needs(needed, self._choices.target, extra) for extra in extras) and not needed.url:
                overrides = self._choices.overrides.get(needed.name)
                texts = [needed.specifier] if overrides is None else [str(each.specifier) for each in overrides]
                for bound in map(bound_of, texts):
                    for extra in (None, *needed.extras):
                        self.begin(needed.name, extra, bound)
                    asked = self._asked.get(needed.name)
                    if asked is not None and asked.always:
                        self._judge(asked, bound, metadata)

    def _judge(self, asked: "_Asked", bound: Bound, metadata: CoreMetadata) -> None:
        """Fetch what will be tried after the release of *metadata*, if that needs *bound* in vain."""
        with self._lock:
            page, always = asked.page, tuple(asked.always)
            if page is None:
                asked.unsure.append((bound, metadata))
                return
        guesses = self._choices.guesses
        if next(guesses(page, (*always, bound)), None) is not None or next(guesses(page, always), None) is None:
            return
        needing = self._asked.get(metadata.name)
        if needing is not None and needing.page is not None and len(needing.doomed) < _MOST_DOOMED:
            with self._lock:
                needing.doomed.add(metadata.version)
            self.follow(self._guessed(needing, needing.page), tuple(needing.extras))


class _Asked:
    """What was asked of one project so far, and its page once it is there.

    Bounds hold *always* where they are the user's own; the *doomed* releases need what those rule out, and of who is
    *unsure* that is not known yet.
    """

    def __init__(self) -> None:
        self.bounds: dict[Bound, None] = {}
        self.always: list[Bound] = []
        self.extras: set[NormalizedName] = set()
        self.doomed: set[Version] = set()
        self.unsure: list[tuple[Bound, CoreMetadata]] = []
        self.page: Project | None = None

    def add(self, extra: NormalizedName | None, bound: Bound) -> bool:
        """Note what is asked, and say whether that is new."""
        known = bound in self.bounds and (extra is None or extra in self.extras)
        self.bounds[bound] = None
        if extra is not None:
            self.extras.add(extra)
        return not known
