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
from lockml.resolution.bounds import Bound, bound_of
from lockml.resolution.candidates import Release
from lockml.resolution.choices import Choices
from lockml.resolution.needs import needs

__all__ = ["Ahead"]

_MOST_TOGETHER: Final = 16  # releases that are tried next
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
            bounds, extras, doomed = tuple(asked.bounds), tuple(asked.extras), frozenset(asked.doomed)
        expected = self._choices.preferences.expected.get(project.name)
        bounded = bounds != (_ANY,) or expected is None or expected not in project.releases
        guesses = self._choices.guesses(project, bounds if bounded else (bound_of(f"=={expected}"),))
        together = min(max(1, 2 * len(doomed)), _MOST_TOGETHER)  # the more were in vain, the more will be
        self.follow(islice((each for each in guesses if each.version not in doomed), together), extras)

    def _known(self, extras: Collection[NormalizedName | None], metadata: CoreMetadata) -> None:
        for needed in metadata.requires_dist:
            if any(needs(needed, self._choices.target, extra) for extra in extras) and not needed.url:
                overrides = self._choices.overrides.get(needed.name)
                texts = [needed.specifier] if overrides is None else [str(each.specifier) for each in overrides]
                for bound in map(bound_of, texts):
                    for extra in (None, *needed.extras):
                        self.begin(needed.name, extra, bound)
                    if self._is_in_vain(needed.name, bound):
                        self._pass_over(metadata)

    def _is_in_vain(self, name: NormalizedName, bound: Bound) -> bool:
        """Say whether bounds that hold always are known to leave something of *name*, and nothing within *bound*."""
        asked = self._asked.get(name)
        if asked is None or asked.page is None or not asked.always:
            return False
        within, without = (*asked.always, bound), tuple(asked.always)
        guesses = self._choices.guesses
        return next(guesses(asked.page, within), None) is None and next(guesses(asked.page, without), None) is not None

    def _pass_over(self, metadata: CoreMetadata) -> None:
        """Fetch what will be tried after the release of *metadata*."""
        asked = self._asked.get(metadata.name)
        if asked is not None and asked.page is not None:
            with self._lock:
                asked.doomed.add(metadata.version)
            self._arrived(asked, asked.page)


class _Asked:
    """What was asked of one project so far, and its page once it is there."""

    def __init__(self) -> None:
        self.bounds: dict[Bound, None] = {}
        self.always: list[Bound] = []
        self.extras: set[NormalizedName] = set()
        self.doomed: set[Version] = set()
        self.page: Project | None = None

    def add(self, extra: NormalizedName | None, bound: Bound) -> bool:
        """Note what is asked, and say whether that is new."""
        known = bound in self.bounds and (extra is None or extra in self.extras)
        self.bounds[bound] = None
        if extra is not None:
            self.extras.add(extra)
        return not known
