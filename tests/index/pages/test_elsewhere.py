"""What places that are not asked for a project list is told, never taken; none learns a name that is secret to it."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import httpx
import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.index.cache.store import Cache
from lockml.index.http.client import HttpClient
from lockml.index.http.pip_config import public_index_url
from lockml.index.locations import IndexLocation
from lockml.index.model import Project
from lockml.index.pages.elsewhere import ElsewhereReader, is_no_secret, taking_words
from lockml.index.simple import SimpleIndex
from tests.made.indexes import Served

PKG = canonicalize_name("pkg")
PRIVATE, PUBLIC = "https://corp.example/simple", "https://public.example/simple"


def serving(**versions: list[str]) -> Served:
    """Return what serves project pages, by the first label of the host."""
    served = Served()

    def answer(request: httpx.Request) -> httpx.Response:
        listed = versions.get(request.url.host.partition(".")[0])
        served.requests.append((request.method, str(request.url), None))
        if listed is None:
            return httpx.Response(404)
        files = [
            {"filename": f"pkg-{version}-py3-none-any.whl", "url": "/f", "hashes": {"sha256": "0" * 64}}
            for version in listed
        ]
        page = {"meta": {"api-version": "1.1"}, "name": "pkg", "files": files}
        headers = {"content-type": "application/vnd.pypi.simple.v1+json"}
        return httpx.Response(200, content=json.dumps(page).encode(), headers=headers)

    served.answer = answer  # type: ignore[method-assign]
    return served


@contextmanager
def index_of(
    served: Served, *places: IndexLocation, cache: Cache | None = None, offline: bool = False
) -> Iterator[SimpleIndex]:
    client = HttpClient(transport=served.transport, pause=0, offline=offline)
    with SimpleIndex(places, client=client, cache=cache or Cache(None)) as index:
        yield index
    client.close()


def hosts(served: Served) -> list[str]:
    return [httpx.URL(url).host for _, url, _ in served.requests]


def at(url: str, *only: str, name: str = "") -> IndexLocation:
    return IndexLocation(url=url, only=only, name=name)


def test_other_index_is_asked_after_a_refusal_and_told_with_what_takes_from_it() -> None:
    served, other_path = serving(corp=["1.0"]), "https://corp.example/other"
    with index_of(served, at(PRIVATE), at(other_path)) as index:
        found = index.elsewhere(PKG)
        taken = index.project(PKG)
    assert found.asked == (PRIVATE,)
    [other] = found.others
    assert (other.project.index_url, list(other.project.releases)) == (f"{other_path}/", [Version("1.0")])
    assert other.words == f"--index corp={other_path} --index-only corp=pkg"
    assert taken is not None
    assert taken.index_url == f"{PRIVATE}/"


def test_public_index_does_not_learn_a_private_name_after_a_refusal() -> None:
    """Who asks for a release that is not there yet tells nobody of the project, whom a stranger could make there."""
    served = serving(corp=["1.0"], public=["2.0"])
    with index_of(served, at(PRIVATE), at(PUBLIC)) as index:
        found = index.elsewhere(PKG)
    words = f"{PUBLIC} (to use it: --index public={PUBLIC} --index-only public=pkg)"
    assert (found.asked, found.others, found.unasked) == ((PRIVATE,), (), (words,))
    assert hosts(served) == ["corp.example"]


def test_of_many_other_indexes_the_first_are_asked_after_a_refusal() -> None:
    places = [at(f"https://corp.example/{number}") for number in range(6)]
    with index_of(serving(corp=["1.0"]), *places) as index:
        found = index.elsewhere(PKG)
    assert [each.project.index_url for each in found.others] == [f"{place.url}/" for place in places[1:4]]


def test_project_that_nobody_has_was_asked_of_all() -> None:
    with index_of(serving(), at(PRIVATE), at(PUBLIC)) as index:
        found = index.elsewhere(PKG)
    assert (found.asked, found.others) == ((PRIVATE, PUBLIC), ())


def test_claimed_project_that_its_index_lacks_is_told_of_another_that_may_know_its_name() -> None:
    served = serving(public=["1.0"])
    local = "http://127.0.0.1/simple"
    answer = served.answer
    served.answer = lambda request: answer(  # type: ignore[method-assign]
        httpx.Request("GET", str(request.url).replace(local, PUBLIC))
    )
    with index_of(served, at(PRIVATE, "pkg", name="corp"), at(local)) as index:
        [other] = index.elsewhere(PKG).others
    assert other.words == "--index-only corp without pkg"


def test_claimed_project_is_never_asked_of_an_index_that_may_not_know_its_name() -> None:
    """The user says with --index-only that it is to come from there and nowhere else."""
    served = serving(public=["1.0"])
    with index_of(served, at(PRIVATE, "pkg", name="corp"), at(PUBLIC)) as index:
        found = index.elsewhere(PKG)
    assert (found.asked, found.others) == ((PRIVATE,), ())
    assert hosts(served) == ["corp.example"]


def test_index_that_fails_is_no_error() -> None:
    served = serving(corp=["1.0"])
    answer = served.answer
    served.answer = lambda request: (  # type: ignore[method-assign]
        answer(request) if request.url.path.startswith("/simple") else httpx.Response(500)
    )
    with index_of(served, at(PRIVATE), at("https://corp.example/other")) as index:
        assert (index.elsewhere(PKG).others, index.elsewhere(PKG).unasked) == ((), ())


def test_index_of_some_projects_is_never_asked_for_others() -> None:
    served = serving(corp=["1.0"], public=["2.0"])
    with index_of(served, at(PRIVATE), at(PUBLIC, "torch", name="torch")) as index:
        assert index.elsewhere(PKG).others == ()
    assert hosts(served) == ["corp.example"]


def later(index: SimpleIndex, *named_by: str) -> list[str]:
    first = index.project(PKG)
    assert first is not None
    return [page.later.index_url for page in index.others.begin({PKG: first}, {PKG: named_by})()]


def test_public_index_does_not_learn_a_private_name_for_a_warning() -> None:
    served = serving(corp=["1.0"], public=["2.0"])
    with index_of(served, at(PRIVATE), at(PUBLIC)) as index:
        assert later(index) == []
    assert hosts(served) == ["corp.example"]


def test_index_whose_own_packages_name_the_project_is_asked_for_a_warning() -> None:
    served = serving(corp=["1.0"], public=["2.0"])
    with index_of(served, at(PRIVATE), at(PUBLIC)) as index:
        assert later(index, f"{PUBLIC}/") == [f"{PUBLIC}/"]


def test_page_that_the_cache_has_is_read_for_a_warning_and_nobody_asked() -> None:
    cache, served = Cache(None), serving(corp=["1.0"], public=["2.0"])
    with index_of(served, at(PUBLIC), cache=cache) as index:
        assert index.project(PKG) is not None
    del served.requests[:]
    with index_of(served, at(PRIVATE), at(PUBLIC), cache=cache) as index:
        assert later(index) == [f"{PUBLIC}/"]
    assert hosts(served) == ["corp.example"]


def test_one_index_is_asked_nothing_more() -> None:
    served = serving(corp=["1.0"])
    with index_of(served, at(PRIVATE)) as index:
        assert not index.has_others
        assert later(index, f"{PRIVATE}/") == []
    assert hosts(served) == ["corp.example"]


@pytest.mark.parametrize(
    ("first", "other", "told"),
    [
        (PRIVATE, PUBLIC, False),
        (PRIVATE, "https://corp.example/other/", True),
        (PRIVATE, "https://user:secret@corp.example/other/", True),
        (PRIVATE, "http://127.0.0.1:8080/simple", True),
        (PRIVATE, "http://[::1]/simple", True),
        (PRIVATE, "http://localhost/simple", True),
        (PRIVATE, "file:///srv/simple/", True),
        (PRIVATE, "http://127.0.0.1.example/simple", False),
        ("https://corp.example:8443/simple", PRIVATE, False),
        ("http://127.0.0.1:8080/simple", PUBLIC, False),
        ("file:///srv/simple/", PUBLIC, False),
        (public_index_url(), PUBLIC, True),
        (public_index_url().replace("://", "://user:secret@"), PUBLIC, False),
        (public_index_url().replace("/simple", ".example/simple"), PUBLIC, False),
    ],
)
def test_name_is_told_only_to_who_may_know_it(first: str, other: str, told: bool) -> None:
    assert is_no_secret(at(first), at(other)) == told


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://user:secret@public.example/simple", "--index public=https://public.example/simple"),
        (
            "https://download.pytorch.example/whl?x=1&y=2",
            "--index 'pytorch=https://download.pytorch.example/whl?x=1&y=2'",
        ),
        ("http://127.0.0.1:8080/simple", "--index other=http://127.0.0.1:8080/simple"),
    ],
)
def test_words_name_an_index_by_its_host_without_its_login(url: str, words: str) -> None:
    assert taking_words(at(url), [at(url)], ["a", "b"]).startswith(f"{words} --index-only ")


def test_name_that_is_taken_gets_a_number() -> None:
    named = at(PUBLIC, name="public")
    assert taking_words(named, [named, at(PRIVATE, name="public-2")], ["a"]).startswith("--index public-3=")


def test_index_that_says_nothing_is_not_waited_for() -> None:
    silent, places = Event(), [at(PRIVATE), at(PUBLIC)]
    first = Project(name=PKG, index_url=f"{PRIVATE}/", releases={})

    def read(*_: object) -> Project | None:
        silent.wait()
        return first

    pool = ThreadPoolExecutor(2)
    try:
        reader = ElsewhereReader(places, read, pool, patience=0.0)
        assert reader.after_refusal(PKG, first).others == ()
        assert list(reader.begin({PKG: first}, {PKG: [f"{PUBLIC}/"]})()) == []
    finally:
        silent.set()
        pool.shutdown()


def test_requests_for_warnings_are_bounded() -> None:
    sources: list[str] = []
    names = [canonicalize_name(f"pkg-{number}") for number in range(700)]
    firsts = {name: Project(name=name, index_url=f"{PRIVATE}/", releases={}) for name in names}
    with ThreadPoolExecutor(1) as pool:
        reader = ElsewhereReader([at(PRIVATE), at(PUBLIC)], lambda *asked: sources.append(asked[2]), pool, patience=9)
        assert list(reader.begin(firsts, dict.fromkeys(names, (f"{PUBLIC}/",)))()) == []
    assert (sources.count("either"), sources.count("cache")) == (500, 200)
