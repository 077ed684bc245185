"""Finds what indexes that are not asked for a project list of it, and which options use them.

A project is taken from the first place that has it, and the others are not asked for it: so no one else's project of
this name is used, and no other server learns a private name. What is found here is shown and never used. After a
refusal, for unavailable projects, and to warn of a shadowed release, a place is asked only for names that
are no secret to it (`is_no_secret`), unless the cache has the page.
"""

import re
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future, wait
from contextlib import suppress
from functools import cache
from ipaddress import ip_address
from itertools import chain, count
from typing import Final, Literal
from urllib.parse import urlsplit

from msgspec import Struct
from packaging.utils import NormalizedName

from lockml.common.display import redact
from lockml.common.errors import InputError, PackageIndexError
from lockml.common.settings import setting
from lockml.index.http.pip_config import public_index_url
from lockml.index.locations import IndexLocation
from lockml.index.model import Elsewhere, OtherIndex, Project

__all__ = ["ElsewhereReader", "ReadProject", "ShadowedPage", "Source", "is_no_secret", "taking_words"]

_PATIENCE: Final = 3.0  # seconds for what is only shown
_MOST_ASKED: Final = 3  # other places of one project
_MOST_FOR_WARNINGS: Final = 500  # requests for what is only warned of
_COMMON_LABELS: Final = frozenset({"www", "simple", "download", "packages", "pkgs", "index", "files", "co", "com"})

Source = Literal["server", "cache", "either"]
"""Whom to ask: the server unless the page is fresh, the cache whatever its age, or the server where that has none."""

ReadProject = Callable[[IndexLocation, NormalizedName, Source], Project | None]
"""Return what a place lists of a project; raises PackageIndexError."""


class ShadowedPage(Struct, frozen=True, kw_only=True):
    """What the index at *location* lists of a project that is taken from the *first* one."""

    location: IndexLocation
    first: Project
    later: Project


class ElsewhereReader:
    """Reads of the *places*, the first of which has precedence, by *read* and the threads of *pool*.

    What has not come after *patience* seconds is not shown.
    """

    def __init__(
        self, places: Sequence[IndexLocation], read: ReadProject, pool: Executor, *, patience: float = _PATIENCE
    ) -> None:
        self._patience = patience
        self.places = tuple(places)
        self._read = read
        self._pool = pool

    def after_refusal(self, name: NormalizedName, first: Project | None) -> Elsewhere:
        """Return who is asked for *name*, and what the other places list; *first* is what is taken.

        Each is asked for a name that is no secret to it; the others are named.
        """
        asked, others = self._parted(name, first)
        claiming = next((place for place in asked if place.only), None)
        without = f"{setting('index-only')} {claiming.name} without {name}" if claiming is not None else ""
        if claiming is not None:
            others = [place for place in self.places if not place.only]
        others = others[:_MOST_ASKED]
        known = [place.url for place in others if is_no_secret(claiming or asked[-1], place)]
        source: Source = "server" if claiming is None else "either"
        running = {
            place.url: self._pool.submit(self._read, place, name, source if place.url in known else "cache")
            for place in others
        }
        wait(running.values(), self._patience)
        found = {
            place.url: OtherIndex(
                project=project, words=without if claiming is not None else taking_words(place, self.places, [name])
            )
            for place in others
            if (project := _arrived(running[place.url])) is not None
        }
        unasked = tuple(
            f"{_shown(each)} (to use it: {taking_words(each, self.places, [name])})"
            for each in others
            if claiming is None and each.url not in known and each.url not in found
        )
        return Elsewhere(asked=tuple(map(_shown, asked)), others=tuple(found.values()), unasked=unasked)

    def begin(
        self, firsts: Mapping[NormalizedName, Project], named_by: Mapping[NormalizedName, Collection[str]]
    ) -> Callable[[], Sequence[ShadowedPage]]:
        """Begin to read what later indexes list of projects of which *firsts* are taken; return what awaits that.

        Packages of the indexes *named_by* ask for the project, so that its name is no secret to these. After
        `_MOST_FOR_WARNINGS` requests, only the cache is read.
        """
        requests = count()
        running: list[tuple[IndexLocation, Project, Future[Project | None]]] = []
        for name, first in firsts.items() if len(self.places) > 1 else ():
            asked, others = self._parted(name, first)
            if not first.index_url or any(place.only for place in asked):
                continue
            for later in others:
                known = redact(later.folder) in named_by.get(name, ()) or is_no_secret(asked[-1], later)
                source: Source = "either" if known and next(requests) < _MOST_FOR_WARNINGS else "cache"
                running.append((later, first, self._pool.submit(self._read, later, name, source)))

        def awaited() -> Sequence[ShadowedPage]:
            wait([future for _, _, future in running], self._patience)
            return [
                ShadowedPage(location=later, first=first, later=project)
                for later, first, future in running
                if (project := _arrived(future)) is not None
            ]

        return awaited

    def _parted(self, name: NormalizedName, first: Project | None) -> tuple[list[IndexLocation], list[IndexLocation]]:
        """Return the places that are asked for *name* until one has it, and the indexes behind, which are not."""
        claiming = [place for place in self.places if place.claims(name)]
        places = claiming or [place for place in self.places if not place.only]
        if first is None:
            return places, []
        of_first = [
            place.is_find_links if not first.index_url else redact(place.folder) == first.index_url for place in places
        ]
        number = of_first.index(True) + 1 if True in of_first else len(places)
        return places[:number], [place for place in places[number:] if not place.is_find_links]


def _arrived(running: Future[Project | None]) -> Project | None:
    """Return what has come: what is late or fails is not shown."""
    if not running.done():
        running.cancel()
        return None
    with suppress(PackageIndexError, CancelledError):
        return running.result()
    return None


def is_no_secret(first: IndexLocation, later: IndexLocation) -> bool:
    """Say whether the names of projects that *first* lists may be sent to *later*.

    They may where it is the same server, one of this machine, or if anyone can read *first*.
    """
    own, other = urlsplit(first.url), urlsplit(later.url)
    if later.is_local or _is_of_this_machine(other.hostname or ""):
        return True
    is_public = own.hostname == _public_host() and own.username is None
    return is_public or own.netloc.rpartition("@")[2] == other.netloc.rpartition("@")[2]


@cache
def _public_host() -> str:
    """Return the host of the index that anyone can read, "" where it is not known."""
    with suppress(InputError):
        return urlsplit(public_index_url()).hostname or ""
    return ""


def _is_of_this_machine(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def taking_words(place: IndexLocation, places: Sequence[IndexLocation], names: Sequence[str]) -> str:
    """Return the options that take the projects *names* from *place*, one of *places*, and from nowhere else."""
    used = {each.name for each in places}
    base = place.name or _label(place.url)
    label = next(name for name in chain((base,), (f"{base}-{number}" for number in count(2))) if name not in used)
    given = shlex.quote(f"{label}={redact(place.url)}")
    only = f"{label}={','.join(names)}"
    return f"{setting('index', given)} {setting('index-only', only)}"


def _label(url: str) -> str:
    """Return a name for the index at *url*: the word of its host that distinguishes it."""
    host = urlsplit(url).hostname or ""
    words = [word for word in host.split(".")[:-1] if re.fullmatch("[a-z0-9][a-z0-9-]*", word)]
    distinct = [word for word in words if word not in _COMMON_LABELS and not word.isdigit()]
    return distinct[-1] if distinct else "other"


def _shown(place: IndexLocation) -> str:
    return place.name if place.is_find_links and place.name else redact(place.url)
