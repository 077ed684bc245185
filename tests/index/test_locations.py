"""Where projects are taken from: named indexes, those of some projects only, pages and folders of files."""

import hashlib
from pathlib import Path

import httpx
import pytest
from packaging.utils import canonicalize_name

from lockml.common.errors import PackageIndexError
from lockml.index.cache.store import Cache
from lockml.index.http.client import HttpClient
from lockml.index.locations import IndexLocation
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
