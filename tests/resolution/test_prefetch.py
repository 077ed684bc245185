"""What is asked for ahead: pages and metadata of a whole graph at once where a lock names it, and of guesses."""

import sys
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from random import Random

import httpx
import pytest
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from lockml.common.errors import NoResolutionError, NotFoundError
from lockml.index.cache.store import Cache
from lockml.index.http.client import HttpClient
from lockml.index.locations import IndexLocation
from lockml.index.model import DistributionFile
from lockml.index.simple import SimpleIndex
from lockml.resolution.model import Policy, Preferences, Resolution
from lockml.resolution.resolver import resolve
from lockml.resolution.unbuilt import RememberingIndex, TrialIndex
from tests.made.indexes import INDEX_URL, MemoryIndex, Served
from tests.made.sources import with_sources
from tests.made.targets import make_target
from tests.resolution.universes import asked_by, made_up

CHAIN = ("app", "engine", "frame", "grid", "heap")


def chained() -> Served:
    """Serve projects that each need the next, in an older release than the newest."""
    served = Served()
    for name, needed in zip(CHAIN, [*CHAIN[1:], None], strict=True):
        requires = [f"{needed}<2"] if needed else []
        served.wheel(name, "1.0", requires)
        served.wheel(name, "2.0", requires)
    return served


def resolved(served: Served, line: str, expected: Mapping[NormalizedName, Version], cache: Cache) -> Resolution:
    client = HttpClient(transport=served.transport, pause=0)
    with SimpleIndex([IndexLocation(url=INDEX_URL)], client=client, cache=cache) as simple:
        index = with_sources(simple)
        preferences = Preferences(expected=expected)
        return resolve(asked_by(line), make_target(), index, policy=Policy(), preferences=preferences)


def test_all_that_a_lock_names_is_asked_for_at_once() -> None:
    served = chained()
    together = threading.Barrier(len(CHAIN), timeout=10)
    answers = dict(served.answers)

    def at_once(path: str) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            together.wait()  # passes only if the others are asked for meanwhile
            return answers[path](request)

        served.answers[path] = answer

    for name in CHAIN:
        at_once(f"/simple/{name}/")
    expected = {canonicalize_name(name): Version("1.0") for name in CHAIN}
    resolution = resolved(served, "app<2", expected, Cache(None))
    assert [str(pin.version) for pin in resolution.pins] == ["1.0"] * len(CHAIN)


class Following(MemoryIndex):
    """Keeps in *followed* whether what arrives ahead of need is looked at, for each file that is asked for so."""

    def __init__(self) -> None:
        super().__init__()
        self.followed: list[bool] = []

    def prefetch_metadata(self, files: Iterable[DistributionFile], then: object = None) -> None:
        self.followed += [then is not None for _ in files]


@pytest.mark.parametrize("trial", [False, True])
def test_what_arrives_is_followed_to_what_it_needs_but_in_no_trial(*, trial: bool) -> None:
    index = Following()
    index.add("app", "1.0", requires=["engine"])
    index.add("engine", "1.0")
    remembering = RememberingIndex(index)
    asked = TrialIndex(remembering) if trial else remembering
    resolve(asked_by("app"), make_target(), asked, policy=Policy(), preferences=Preferences())
    assert set(index.followed) == {not trial}


def test_what_was_expected_decides_nothing() -> None:
    expected = {canonicalize_name("app"): Version("1.0"), canonicalize_name("gone"): Version("9.0")}
    resolution = resolved(chained(), "app", expected, Cache(None))
    assert [(str(pin.name), str(pin.version)) for pin in resolution.pins][:2] == [("app", "2.0"), ("engine", "1.0")]


def test_releases_that_need_what_the_user_rules_out_are_passed_over_before_anything_is_resolved() -> None:
    served = Served()
    for version in ("1.0", "2.0"):
        served.wheel("engine", version)
    for version, needed in (("1.0", "engine<2"), ("2.0", "engine>=2"), ("3.0", "engine>=2"), ("4.0", "engine>=2")):
        served.wheel("app", version, [needed])
    served.wheel("other", "1.0")
    reached = threading.Event()
    answers = dict(served.answers)

    def late(request: httpx.Request) -> httpx.Response:
        assert reached.wait(10)  # nothing is resolved before all that the user names is known
        return answers[request.url.path](request)

    def fitting(request: httpx.Request) -> httpx.Response:
        reached.set()
        return answers[request.url.path](request)

    served.answers["/simple/other/"] = late
    (path,) = (path for path in served.answers if path.endswith("app-1.0-py3-none-any.whl"))
    served.answers[path] = fitting
    client = HttpClient(transport=served.transport, pause=0)
    with SimpleIndex([IndexLocation(url=INDEX_URL)], client=client, cache=Cache(None)) as simple:
        asked = asked_by("app", "engine<2", "other")
        index = with_sources(simple)
        resolution = resolve(asked, make_target(), index, policy=Policy(), preferences=Preferences())
    assert [f"{pin.name} {pin.version}" for pin in resolution.pins] == ["app 1.0", "engine 1.0", "other 1.0"]


@pytest.mark.parametrize("line", ["app", "app<2"])
def test_guesses_ask_for_nothing_twice_and_for_little_that_is_not_needed(line: str) -> None:
    served = chained()
    resolved(served, line, {}, Cache(None))
    assert len(served.requests) == len(set(served.requests))
    wheels = {path for _, path, _ in served.requests if path.endswith(".whl")}
    assert len(wheels) == len(CHAIN)


class HastyIndex(MemoryIndex):
    """An index whose threads look at pages and metadata as soon as they are asked for, while resolving goes on."""

    def __init__(self, pool: Executor) -> None:
        super().__init__()
        self.pool = pool
        self.begun: set[str] = set()
        self.following: list[Future[None]] = []

    def prefetch_projects(self, names: Iterable[NormalizedName], then: object = None) -> None:
        for name in names:
            page = self.project(name) if name not in self.begun else None
            self.begun.add(name)
            if page is not None and callable(then):
                self.following.append(self.pool.submit(then, page))

    def prefetch_metadata(self, files: Iterable[DistributionFile], then: object = None) -> None:
        for file in files:
            if file.filename not in self.begun and callable(then):
                self.begun.add(file.filename)
                self.following.append(self.pool.submit(then, self.metadata(file)))


@pytest.mark.slow
def test_resolving_finds_the_same_while_threads_prefetch() -> None:
    """Guesses decide nothing, whenever they come; no thread fails."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(6) as pool:
            for seed in range(120):
                universe, lines = made_up(Random(seed))
                quiet, hasty = MemoryIndex(), HastyIndex(pool)
                for (name, version), requires in universe.items():
                    quiet.add(name, version, requires)
                    hasty.add(name, version, requires)
                assert outcome(hasty, lines) == outcome(quiet, lines)
                assert [error for future in hasty.following if (error := future.exception()) is not None] == []
    finally:
        sys.setswitchinterval(usual)


def outcome(index: MemoryIndex, lines: list[str]) -> list[str]:
    """Return the pins, or the lines of the explanation."""
    try:
        resolution = resolve(
            asked_by(*lines), make_target(), index, policy=Policy(max_rounds=2_000), preferences=Preferences()
        )
    except (NoResolutionError, NotFoundError) as error:
        return str(error).splitlines()
    return [f"{pin.name}=={pin.version}" for pin in resolution.pins]
