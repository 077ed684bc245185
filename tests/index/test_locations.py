"""Where projects are taken from: named indexes, those of some projects only, pages and folders of files."""

import hashlib
from pathlib import Path

import httpx
import pytest
from packaging.utils import canonicalize_name

from lockml.common.errors import PackageIndexError
from lockml.index.cache.store import Cache
from lockml.index.http.client import HttpClient
from lockml.index.locations import IndexLocation, NamedIndexes, normalize_url
from lockml.index.model import Project
from lockml.index.simple import SimpleIndex
from tests.made.indexes import Served
from tests.made.wheels import make_wheel

MAIN = IndexLocation(url="https://index.example/simple/")


def project_of(served: Served, name: str, *locations: IndexLocation) -> Project | None:
    client = HttpClient(transport=served.transport, pause=0)
    with SimpleIndex(locations, client=client, cache=Cache(None)) as index:
        found = index.project(canonicalize_name(name))
    client.close()
    return found


def torch(*only: str) -> IndexLocation:
    return IndexLocation(url="https://index.example/torch", name="torch", only=only)


@pytest.fixture
def served() -> Served:
    served = Served()
    served.wheel("torch", "2.0")
    served.wheel("six", "1.0")
    served.wheel("nvidia-nccl", "1.0")
    for name in ("torch", "six", "nvidia-nccl"):
        served.answers[f"/torch/{name}/"] = served.answers[f"/simple/{name}/"]
    return served


@pytest.mark.parametrize("name", ["torch", "nvidia-nccl"])
def test_project_that_an_index_claims_is_taken_from_there_alone(served: Served, name: str) -> None:
    project = project_of(served, name, torch("torch", "nvidia-*"), MAIN)
    assert project is not None
    assert project.index_url == "https://index.example/torch/"
    del served.answers[f"/torch/{name}/"]
    assert project_of(served, name, torch("torch", "nvidia-*"), MAIN) is None


def test_index_that_claims_some_projects_is_not_asked_for_others(served: Served) -> None:
    project = project_of(served, "six", torch("torch"), MAIN)
    assert project is not None
    assert project.index_url == MAIN.url
    assert [path for _, path, _ in served.requests] == ["/simple/six/"]


def test_folder_of_files_comes_before_the_indexes(served: Served, tmp_path: Path) -> None:
    wheel = make_wheel("six", "0.5")
    (tmp_path / "six-0.5-py3-none-any.whl").write_bytes(wheel)
    (tmp_path / "six-0.4.tar.gz").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no archive")
    folder = IndexLocation(url=tmp_path.as_uri(), name="wheels", is_find_links=True)
    client = HttpClient(transport=served.transport)
    with SimpleIndex([folder, MAIN], client=client, cache=Cache(None)) as index:
        project = index.project(canonicalize_name("six"))
        assert project is not None
        assert list(map(str, project.releases)) == ["0.5", "0.4"]
        ((entry,), _) = project.releases.values()
        assert (entry.local, entry.size) == ("wheels/six-0.5-py3-none-any.whl", len(wheel))
        assert index.digests([entry])[entry.filename] == (hashlib.sha256(wheel).hexdigest(), len(wheel))
        assert index.project(canonicalize_name("torch")) is not None
    assert served.requests == [("GET", "/simple/torch/", None)]


def test_page_of_files_lists_several_projects(served: Served) -> None:
    page = b"""<a href="files/six-2.0-py3-none-any.whl">six</a> <a href="files/six-2.0-py3-none-any.whl"></a>
      <a href="files/my.Lib-1.0.tar.gz#sha256=%s"></a> <a href="file:///etc/six-9.0.tar.gz"></a> <a href="/">up</a>"""
    served.answers["/all.html"] = lambda _: httpx.Response(
        200, content=page % (b"a" * 64), headers={"content-type": "text/html"}
    )
    is_find_links = IndexLocation(url="https://index.example/all.html", is_find_links=True)
    six, lib = project_of(served, "six", is_find_links), project_of(served, "my-lib", is_find_links)
    assert six is not None
    assert lib is not None
    assert list(map(str, six.releases)) == ["2.0"], "a file of this machine is not taken from a page elsewhere"
    ((entry,),) = lib.releases.values()
    assert (entry.url, entry.hashes) == ("https://index.example/files/my.Lib-1.0.tar.gz", {"sha256": "a" * 64})


def test_page_without_archives_has_nothing(served: Served) -> None:
    served.answers["/all.html"] = lambda _: httpx.Response(200, html="<a href='/'>up</a>")
    is_find_links = IndexLocation(url="https://index.example/all.html", is_find_links=True)
    assert project_of(served, "six", is_find_links) is None


@pytest.mark.parametrize("place", ["file:///none/such", "https://index.example/none.html"])
def test_place_that_is_not_there_is_told(served: Served, place: str) -> None:
    with pytest.raises(PackageIndexError) as caught:
        project_of(served, "six", IndexLocation(url=place, name="wheels", is_find_links=True), MAIN)
    assert "find-links" in str(caught.value.hint)


def test_outage_of_one_of_several_indexes_is_no_reason_to_ask_the_next(served: Served) -> None:
    served.answers["/torch/six/"] = lambda _: httpx.Response(503)
    with pytest.raises(PackageIndexError) as caught:
        project_of(served, "six", torch(), MAIN)
    assert str(caught.value) == "https://index.example/torch/six/: no answer (status 503)"
    assert caught.value.hint == "the other indexes are not asked instead: they may have another project of this name"
    assert not any(path.startswith("/simple/") for _, path, _ in served.requests)


@pytest.mark.parametrize(
    "url",
    ["https://Index.example/simple", "HTTPS://index.example:443/simple/", "https://index.example/simple//#x"],
)
def test_addresses_of_one_index_are_equal(url: str) -> None:
    """RFC 3986, 6.2."""
    assert normalize_url(url) == "https://index.example/simple/"
    assert IndexLocation(url=url).page_of(canonicalize_name("six")) == "https://index.example/simple/six/"
    indexes = NamedIndexes(url=url, extra_urls=(url,), named=(IndexLocation(url=url),)).normalized()
    assert {indexes.url, *indexes.extra_urls, indexes.named[0].url} == {"https://index.example/simple/"}


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://me:Pw@INDEX.example:8443/a/B", "https://me:Pw@index.example:8443/a/B/"),
        ("http://[::1]:80/simple", "http://[::1]/simple/"),
        ("http://index.example:443/simple", "http://index.example:443/simple/"),
        ("file:///srv/simple", "file:///srv/simple/"),
        ("http://[::1", "http://[::1/"),
        ("http://x:port/", "http://x:port/"),
    ],
)
def test_what_tells_indexes_apart_stays(url: str, found: str) -> None:
    assert normalize_url(url) == found


def local_index(folder: Path) -> None:
    """Write an index as pip serves it from a folder: a folder of files, one of an index.html, and loose files."""
    for place in ("six", "lib", "wheels"):
        (folder / place).mkdir(parents=True)
    (folder / "six" / "six-1.0+a-py3-none-any.whl").write_bytes(make_wheel("six", "1.0+a"))
    (folder / "wheels" / "lib-2.0-py3-none-any.whl").write_bytes(make_wheel("lib", "2.0"))
    (folder / "lib" / "index.html").write_text('<a href="../wheels/lib-2.0-py3-none-any.whl">lib</a>')
    (folder / "flat-3.0-py3-none-any.whl").write_bytes(make_wheel("flat", "3.0"))


@pytest.mark.parametrize(("name", "version"), [("six", "1.0+a"), ("lib", "2.0"), ("flat", "3.0")])
def test_folder_of_this_machine_is_an_index(served: Served, tmp_path: Path, name: str, version: str) -> None:
    local_index(tmp_path / "my simple")
    location = IndexLocation(url=(tmp_path / "my simple").as_uri())
    project = project_of(served, name, location, MAIN)
    assert project is not None
    assert list(map(str, project.releases)) == [version]
    assert project.index_url == f"{location.url}/"
    ((entry,),) = project.releases.values()
    assert (entry.fault, entry.url.startswith("file:///")) == ("", True)


def test_folder_of_this_machine_is_read_again_each_time(tmp_path: Path) -> None:
    local_index(tmp_path)
    cache = Cache(None)
    for expected in (["2.0"], ["2.1", "2.0"]):
        with SimpleIndex([IndexLocation(url=tmp_path.as_uri())], client=HttpClient(), cache=cache) as index:
            project = index.project(canonicalize_name("lib"))
        assert project is not None
        assert list(map(str, project.releases)) == expected
        with (tmp_path / "lib" / "index.html").open("a") as page:
            page.write('<a href="../wheels/lib-2.1-py3-none-any.whl">')


def test_project_that_a_local_index_does_not_have_is_asked_of_the_next(served: Served, tmp_path: Path) -> None:
    local_index(tmp_path)
    project = project_of(served, "torch", IndexLocation(url=tmp_path.as_uri()), MAIN)
    assert project is not None
    assert project.index_url == MAIN.url


def test_local_index_that_is_not_there_is_told(served: Served) -> None:
    with pytest.raises(PackageIndexError, match="cannot be read as a folder") as caught:
        project_of(served, "six", IndexLocation(url="file:///none/such"), MAIN)
    assert "index-url" in str(caught.value.hint)
