"""What is asked for ahead: pages and metadata of a whole graph at once where a lock names it, and of guesses."""

import threading
from collections.abc import Mapping

import httpx
import pytest
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from lockml.index.cache.store import Cache
from lockml.index.http.client import HttpClient
from lockml.index.locations import IndexLocation
from lockml.index.simple import SimpleIndex
from lockml.resolution.model import Policy, Preferences, Resolution
from lockml.resolution.resolver import resolve
from tests.made.indexes import INDEX_URL, Served
from tests.made.sources import with_sources
from tests.made.targets import make_target
from tests.resolution.universes import asked_by

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
