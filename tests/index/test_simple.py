import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.digest import ArtifactIdentity
from lockml.errors import PackageIndexError
from lockml.index.cache import Cache
from lockml.index.http import HttpClient
from lockml.index.kept_pages import PAGES, CachedPage
from lockml.index.locations import IndexLocation
from lockml.index.model import DistributionFile, MetadataError, Project
from lockml.index.simple import SimpleIndex
from lockml.resolution.candidates import Release, judge_release
from lockml.resolution.model import Policy
from tests.index.test_archive import UNHASHED
from tests.made.indexes import INDEX_URL, Served, make_sdist
from tests.made.wheels import make_wheel, metadata_text
from tests.test_target import make_target

PKG = canonicalize_name("pkg")


@contextmanager
def index_of(served: Served, *urls: str, cache: Cache | None = None) -> Iterator[SimpleIndex]:
    client = HttpClient(transport=served.transport, pause=0)
    locations = [IndexLocation(url=url) for url in urls or (INDEX_URL,)]
    with SimpleIndex(locations, client=client, cache=cache or Cache(None)) as index:
        yield index
    client.close()


def only_file(project: Project | None, version: str = "1.0") -> DistributionFile:
    assert project is not None
    release = judge_release(project, Version(version), make_target(), Policy())
    assert isinstance(release, Release)
    return release.files[0]


def test_project_is_none_when_no_index_has_it() -> None:
    with index_of(Served()) as index:
        assert index.project(PKG) is None


def test_first_index_that_has_a_project_is_the_only_one_asked() -> None:
    """So a private name is never taken from a public index."""
    served = Served()
    served.wheel("pkg", "1.0")
    served.answers["/private/pkg/"] = served.answers["/simple/pkg/"]
    with index_of(served, "https://index.example/private", INDEX_URL) as index:
        project = index.project(PKG)
    assert project is not None
    assert project.index_url == "https://index.example/private/"
    assert [path for _, path, _ in served.requests] == ["/private/pkg/"]


def test_kept_page_is_asked_for_again_only_when_stale_and_then_by_its_etag() -> None:
    served = Served()
    served.wheel("pkg", "1.0")
    page = served.answers["/simple/pkg/"]
    conditions: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        conditions.append(request.headers.get("if-none-match"))
        if conditions[-1] == '"one"':
            return httpx.Response(304, headers={"cache-control": "max-age=600"})
        found = page(request)
        found.headers.update({"etag": '"one"', "cache-control": "no-cache"})
        return found

    served.answers["/simple/pkg/"] = answer
    cache = Cache(None)
    for _ in range(3):
        with index_of(served, cache=cache) as index:
            assert index.project(PKG) is not None
    assert conditions == [None, '"one"']


def test_page_that_another_lockml_kept_in_its_own_form_is_fetched_anew() -> None:
    served = Served()
    served.wheel("pkg", "1.0")
    cache = Cache(None)
    other = CachedPage(base="x", etag='"1"', content_type="application/vnd.lockml.page.v0", body=b"?", fresh=True)
    cache.pages.keep(f"{INDEX_URL}pkg/", other, 600)
    with index_of(served, cache=cache) as index:
        assert index.project(PKG) is not None
    assert len(served.requests) == 1


def damage(folder: Path, *versions: str) -> None:
    """Change a byte of what the one page kept in *folder* has of *versions* of pkg."""
    (kept,) = (folder / PAGES).iterdir()
    content = bytearray(kept.read_bytes())
    for version in versions:
        content[content.rindex(f"pkg-{version}".encode())] ^= 1
    kept.write_bytes(content)


def test_release_whose_kept_files_are_damaged_is_fetched_anew(tmp_path: Path) -> None:
    served = Served()
    for version in ("1.0", "2.0", "3.0"):
        served.wheel("pkg", version)
    cache = Cache(tmp_path)
    with index_of(served, cache=cache) as index:
        project = index.project(PKG)
        assert project is not None
        whole = dict(project.releases)
    damage(tmp_path, "2.0", "3.0")
    for _ in range(2):
        with index_of(served, cache=cache) as index:
            found = index.project(PKG)
            assert found is not None
            assert dict(found.releases) == whole
        assert len(served.requests) == 2  # what was fetched anew is kept


def test_damaged_release_offline_leaves_the_others(tmp_path: Path) -> None:
    served = Served()
    for version in ("1.0", "2.0"):
        served.wheel("pkg", version)
    with index_of(served, cache=Cache(tmp_path)) as index:
        assert index.project(PKG) is not None
    damage(tmp_path, "2.0")
    client = HttpClient(transport=served.transport, offline=True)
    for _ in range(2):
        with SimpleIndex([IndexLocation(url=INDEX_URL)], client=client, cache=Cache(tmp_path)) as offline:
            project = offline.project(PKG)
            assert project is not None
            assert project.releases[Version("1.0")]
            with pytest.raises(PackageIndexError, match="--offline"):
                project.releases[Version("2.0")]


@contextmanager
def no_room() -> Iterator[None]:
    """Let nothing be written to any file, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_damaged_release_of_a_cache_that_cannot_be_written_is_fetched(tmp_path: Path) -> None:
    served = Served()
    served.wheel("pkg", "1.0")
    with index_of(served, cache=Cache(tmp_path)) as index:
        assert index.project(PKG) is not None
    damage(tmp_path, "1.0")
    with no_room(), index_of(served, cache=Cache(tmp_path)) as index:
        project = index.project(PKG)
        assert project is not None
        assert project.releases[Version("1.0")]
    assert len(served.requests) == 2


def test_relative_addresses_are_seen_from_where_a_redirect_led() -> None:
    served = Served()
    served.wheel("pkg", "1.0")
    page = served.answers["/simple/pkg/"]
    served.pages["pkg"][0]["url"] = "pkg-1.0-py3-none-any.whl"
    served.answers["/simple/pkg/"] = lambda _: httpx.Response(
        301, headers={"location": "https://mirror.example/deep/pkg/"}
    )
    served.answers["/deep/pkg/"] = page
    cache = Cache(None)
    for _ in range(2):
        with index_of(served, cache=cache) as index:
            file = only_file(index.project(PKG))
        assert file.entry.url == "https://mirror.example/deep/pkg/pkg-1.0-py3-none-any.whl"


def test_metadata_comes_from_the_file_beside_the_wheel_when_advertised() -> None:
    """PEP 658."""
    served = Served()
    content = served.wheel("pkg", "1.0", core_metadata=True)
    served.answers["/files/pkg-1.0-py3-none-any.whl.metadata"] = lambda _: httpx.Response(
        200, text=metadata_text("pkg", "1.0", ["beside"])
    )
    with index_of(served) as index:
        metadata = index.metadata(only_file(index.project(PKG)))
    assert [str(requirement) for requirement in metadata.requires_dist] == ["beside"]
    assert content
    assert not [path for _, path, _ in served.requests if path.endswith(".whl")]


def test_metadata_file_is_refused_when_its_hash_is_not_the_advertised_one() -> None:
    served = Served()
    served.wheel("pkg", "1.0", core_metadata={"sha256": "0" * 64})
    served.answers["/files/pkg-1.0-py3-none-any.whl.metadata"] = lambda _: httpx.Response(200, text="evil")
    with index_of(served) as index, pytest.raises(MetadataError, match="the metadata file beside it has sha256"):
        index.metadata(only_file(index.project(PKG)))


def test_metadata_and_identity_come_from_ranges_of_the_wheel() -> None:
    served = Served()
    served.wheel("pkg", "1.0", ["inside"])
    with index_of(served) as index:
        file = only_file(index.project(PKG))
        assert [str(requirement) for requirement in index.metadata(file).requires_dist] == ["inside"]
        identity = index.identities([file])[file.filename]
    assert isinstance(identity, ArtifactIdentity)
    assert [given for _, path, given in served.requests if path.endswith(".whl")] == [f"bytes=0-{file.entry.size - 1}"]  # type: ignore[operator]


def test_server_without_ranges_is_asked_for_the_whole_wheel_once() -> None:
    served = Served(ranges=False)
    served.wheel("pkg", "1.0", ["inside"])
    with index_of(served) as index:
        file = only_file(index.project(PKG))
        assert index.metadata(file).requires_dist
    assert len([path for _, path, _ in served.requests if path.endswith(".whl")]) == 1


def test_whole_wheel_is_refused_when_its_hash_is_not_the_listed_one() -> None:
    served = Served(ranges=False)
    served.wheel("pkg", "1.0")
    served.pages["pkg"][0]["hashes"] = {"sha256": "0" * 64}
    with index_of(served) as index, pytest.raises(MetadataError, match="it has sha256"):
        index.metadata(only_file(index.project(PKG)))


def test_size_is_asked_for_when_the_page_does_not_tell() -> None:
    served = Served()
    content = served.wheel("pkg", "1.0", ["inside"], size=None)
    with index_of(served) as index:
        assert index.metadata(only_file(index.project(PKG))).requires_dist
    assert ("HEAD", "/files/pkg-1.0-py3-none-any.whl", None) in served.requests
    assert content


def test_static_metadata_of_an_sdist_needs_no_build() -> None:
    """PEP 643."""
    served = Served()
    text = metadata_text("pkg", "1.0", ["inside"], metadata_version="2.2")
    served.file("pkg", "pkg-1.0.tar.gz", make_sdist("pkg", "1.0", text))
    with index_of(served) as index:
        assert index.metadata(only_file(index.project(PKG))).requires_dist


def test_metadata_and_identity_are_kept_for_ever() -> None:
    served = Served()
    served.wheel("pkg", "1.0", ["inside"])
    cache = Cache(None)
    for _ in range(2):
        with index_of(served, cache=cache) as index:
            file = only_file(index.project(PKG))
            index.metadata(file)
            index.identities([file])
    assert len(served.requests) == 2


def test_identity_is_a_reason_when_record_is_no_proof() -> None:
    served = Served()
    served.file("pkg", "pkg-1.0-py3-none-any.whl", make_wheel("pkg", "1.0", record=UNHASHED))
    with index_of(served) as index:
        file = only_file(index.project(PKG))
        assert index.identities([file]) == {file.filename: "its RECORD is no proof: 'pkg.py' has no hash"}


def test_file_that_is_listed_and_not_there_cannot_be_used() -> None:
    served = Served()
    served.wheel("pkg", "1.0")
    del served.answers["/files/pkg-1.0-py3-none-any.whl"]
    with index_of(served) as index, pytest.raises(MetadataError, match="does not have it"):
        index.metadata(only_file(index.project(PKG)))


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, "give a login by netrc, keyring, LOCKML_INDEX_<NAME>_USERNAME and _PASSWORD, or in the index URL"),
        (418, None),
    ],
)
def test_index_that_refuses_is_unreachable(status: int, hint: str | None) -> None:
    served = Served(answers={"/simple/pkg/": lambda _: httpx.Response(status)})
    url = "https://me:secret@index.example/simple/"
    with index_of(served, url) as index, pytest.raises(PackageIndexError) as caught:
        index.project(PKG)
    assert str(caught.value) == f"{INDEX_URL}pkg/: answered with status {status}"
    assert caught.value.hint == hint


def test_page_that_cannot_be_read_is_an_unreachable_index() -> None:
    served = Served(
        answers={"/simple/pkg/": lambda _: httpx.Response(200, text="{", headers={"content-type": "application/json"})}
    )
    with index_of(served) as index, pytest.raises(PackageIndexError, match="is not a page of the simple API"):
        index.project(PKG)
