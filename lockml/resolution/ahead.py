"""What resolving will most likely ask of the index, asked before it does: requirements in, fetches begun.

Resolving takes one project at a time, and waiting for each page and each metadata file in turn would cost a round trip
each. So whatever arrives is looked at by the thread that fetched it: of a page, the metadata of the release that will
likely be tried first; of metadata, the pages of what it needs. A wrong guess costs a request and decides nothing.
"""

from collections.abc import Collection, Iterable
from functools import partial
from threading import Lock
from typing import Final

from packaging.utils import NormalizedName

from lockml.index.model import CoreMetadata, Project
from lockml.resolution.bounds import Bound, bound_of
from lockml.resolution.candidates import Release
from lockml.resolution.choices import Choices
from lockml.resolution.needs import needs

__all__ = ["Ahead"]

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

    def begin(self, name: NormalizedName, extra: NormalizedName | None, bound: Bound) -> None:
        """Fetch the page of *name*, and then what the release that *bound* lets in first needs, and so on."""
        if name in self._choices.referenced or name in self._choices.policy.excludes:
            return
        with self._lock:
            asked = self._asked.setdefault(name, _Asked())
            if len(self._asked) > _MAX_PROJECTS or not asked.add(extra, bound):
                return
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
            bounds, extras = tuple(asked.bounds), tuple(asked.extras)
        expected = self._choices.preferences.expected.get(project.name)
        bounded = bounds != (_ANY,) or expected is None or expected not in project.releases
        release = self._choices.guess(project, bounds if bounded else (bound_of(f"=={expected}"),))
        if release is not None:
            self.follow([release], extras)

    def _known(self, extras: Collection[NormalizedName | None], metadata: CoreMetadata) -> None:
        for needed in metadata.requires_dist:
            if any(needs(needed, self._choices.target, extra) for extra in extras) and not needed.url:
                overrides = self._choices.overrides.get(needed.name)
                bounds = [needed.specifier] if overrides is None else [str(each.specifier) for each in overrides]
                for bound in bounds:
                    for extra in (None, *needed.extras):
                        self.begin(needed.name, extra, bound_of(bound))


class _Asked:
    """What was asked of one project so far, and its page once it is there."""

    def __init__(self) -> None:
        self.bounds: dict[Bound, None] = {}
        self.extras: set[NormalizedName] = set()
        self.page: Project | None = None

    def add(self, extra: NormalizedName | None, bound: Bound) -> bool:
        """Note what is asked, and say whether that is new."""
        known = bound in self.bounds and (extra is None or extra in self.extras)
        self.bounds[bound] = None
        if extra is not None:
            self.extras.add(extra)
        return not known
