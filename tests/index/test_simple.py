import hashlib
import re
import resource
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.common.digest import ArtifactIdentity
from lockml.common.errors import PackageIndexError
from lockml.index.cache.pages import PAGES, CachedPage
from lockml.index.cache.store import Cache
from lockml.index.http.client import HttpClient
from lockml.index.locations import IndexLocation
from lockml.index.model import CoreMetadata, DistributionFile, FileEntry, MetadataError, Project
from lockml.index.simple import SimpleIndex
from lockml.resolution.candidates.release import Release, judge_release
from lockml.resolution.model import Policy
from tests.made.indexes import INDEX_URL, Served, make_sdist
from tests.made.targets import make_target
from tests.made.wheels import UNHASHED, make_wheel, metadata_text

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
            with pytest.raises(PackageIndexError, match="offline is set"):
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
    with index_of(served) as index, pytest.raises(PackageIndexError, match=r"whl\.metadata: has sha256"):
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
    with index_of(served) as index, pytest.raises(PackageIndexError, match="whl: has sha256"):
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


def test_file_that_is_listed_and_not_there_is_an_error_of_the_index() -> None:
    """So that no older release is taken instead."""
    served = Served()
    served.wheel("pkg", "1.0")
    del served.answers["/files/pkg-1.0-py3-none-any.whl"]
    with index_of(served) as index, pytest.raises(PackageIndexError, match="does not have it"):
        index.metadata(only_file(index.project(PKG)))


def test_mirror_with_metadata_and_without_files_has_no_identities() -> None:
    served = Served()
    served.wheel("pkg", "1.0", core_metadata=True)
    served.answers["/files/pkg-1.0-py3-none-any.whl.metadata"] = lambda _: httpx.Response(
        200, text=metadata_text("pkg", "1.0")
    )
    whole = served.answers.pop("/files/pkg-1.0-py3-none-any.whl")
    cache = Cache(None)
    with index_of(served, cache=cache) as index:
        file = only_file(index.project(PKG))
        assert index.metadata(file).name == "pkg"
        assert index.identities([file]) == {file.filename: "the index lists it but does not have it (status 404)"}
    served.answers["/files/pkg-1.0-py3-none-any.whl"] = whole
    with index_of(served, cache=cache) as index:  # that it was not there is not kept
        assert isinstance(index.identities([file])[file.filename], ArtifactIdentity)


Answer = Callable[[httpx.Request, bytes], httpx.Response]


def ranged(request: httpx.Request, content: bytes, span: str, body: bytes | None = None) -> httpx.Response:
    """Answer a range as *span* tells it, with *body* or what was asked for; without a range with all."""
    match = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
    if match is None:
        return httpx.Response(200, content=content)
    start, stop = int(match[1]), int(match[2]) + 1
    told = span.format(start=start, last=stop - 1, size=len(content))
    headers = {"content-range": told} if told else {}
    return httpx.Response(206, content=content[start:stop] if body is None else body, headers=headers)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda q, c: ranged(q, c, "bytes {start}-{last}/{size}", c[:50]), id="too short"),
        pytest.param(lambda q, c: ranged(q, c, "bytes 5-{last}/{size}"), id="elsewhere"),
        pytest.param(lambda q, c: ranged(q, c, ""), id="without Content-Range"),
        pytest.param(lambda q, c: ranged(q, c, "bytes {start}-{last}/7"), id="of another size"),
        pytest.param(lambda q, c: ranged(q, c, "bytes {start}-{last}/{size}", bytes(len(c))), id="other bytes"),
        *(
            pytest.param(
                lambda q, c, status=status: httpx.Response(status) if "range" in q.headers else ranged(q, c, ""),
                id=f"status {status}",
            )
            for status in (416, 403, 400)
        ),
    ],
)
def test_range_that_is_answered_wrongly_leads_to_the_whole_file(answer: Answer) -> None:
    served = Served()
    content = served.wheel("pkg", "1.0", ["inside"])
    served.answers["/files/pkg-1.0-py3-none-any.whl"] = lambda request: answer(request, content)
    with index_of(served) as index:
        file = only_file(index.project(PKG))
        assert [str(each) for each in index.metadata(file).requires_dist] == ["inside"]
        identity = index.identities([file])[file.filename]
    assert isinstance(identity, ArtifactIdentity)
    assert identity.verified  # all its bytes were hashed on the way


def test_ranges_that_are_no_wheel_count_where_the_whole_file_is_none_either() -> None:
    served = Served()
    served.file("pkg", "pkg-1.0-py3-none-any.whl", b"no archive")
    with index_of(served) as index, pytest.raises(MetadataError, match="it is not a wheel"):
        index.metadata(only_file(index.project(PKG)))


@pytest.mark.parametrize(("size", "told"), [(2**70, "where the index names"), (50, "is longer than 50 bytes")])
def test_size_that_the_file_has_not_is_an_error_of_the_index(size: int, told: str) -> None:
    served = Served()
    served.wheel("pkg", "1.0", size=size)
    with index_of(served) as index, pytest.raises(PackageIndexError, match=told):
        index.metadata(only_file(index.project(PKG)))


def test_size_below_zero_is_as_none() -> None:
    served = Served()
    served.wheel("pkg", "1.0", ["inside"], size=-5)
    with index_of(served) as index:
        file = only_file(index.project(PKG))
        assert index.metadata(file).requires_dist
    assert file.entry.size is None


def test_page_in_place_of_an_unhashed_metadata_file_leads_to_the_wheel() -> None:
    served = Served()
    served.wheel("pkg", "1.0", ["inside"], core_metadata=True)
    page = httpx.Response(200, html="<html>Please log in</html>")
    served.answers["/files/pkg-1.0-py3-none-any.whl.metadata"] = lambda _: page
    with index_of(served) as index:
        assert index.metadata(only_file(index.project(PKG))).requires_dist


def test_page_in_place_of_an_unhashed_wheel_is_an_error_of_the_index() -> None:
    served = Served()
    served.wheel("pkg", "1.0", hashes={}, size=None)
    page = httpx.Response(200, html="<html>Please log in</html>")
    served.answers["/files/pkg-1.0-py3-none-any.whl"] = lambda _: page
    with index_of(served) as index, pytest.raises(PackageIndexError, match="answered with a page"):
        index.metadata(only_file(index.project(PKG)))


EVIL = "https://evil.example/simple/"


def both(cache: Cache, *urls: str, evil: Served, honest: Served) -> Mapping[str, tuple[CoreMetadata, object]]:
    """Ask the index at each of *urls* for pkg 1.0, one after the other with the same *cache*."""
    found: dict[str, tuple[CoreMetadata, object]] = {}
    for url in urls:
        with index_of(evil if url == EVIL else honest, url, cache=cache) as index:
            file = only_file(index.project(PKG))
            found[url] = index.metadata(file), index.identities([file])[file.filename]
    return found


@pytest.mark.parametrize("beside", [True, False])
def test_what_an_index_says_of_a_hash_is_not_believed_of_another_index(beside: bool) -> None:
    """A page may claim the hash of any file: by ranges and metadata files nobody sees that it lies."""
    honest, evil = Served(), Served()
    content = honest.wheel("pkg", "1.0", ["six"])
    sha256 = hashlib.sha256(content).hexdigest()
    backdoored = make_wheel("pkg", "1.0", ["backdoor"], files={"pkg/backdoor.py": b"import os"})
    claimed = {"hashes": {"sha256": sha256}, "url": "https://index.example/files/pkg-1.0-py3-none-any.whl"}
    evil.file("pkg", "pkg-1.0-py3-none-any.whl", backdoored, core_metadata=beside or None, **claimed)
    evil.answers["/files/pkg-1.0-py3-none-any.whl.metadata"] = lambda _: httpx.Response(
        200, text=metadata_text("pkg", "1.0", ["backdoor"])
    )
    alone = both(Cache(None), INDEX_URL, evil=evil, honest=honest)[INDEX_URL]
    after = both(Cache(None), EVIL, INDEX_URL, evil=evil, honest=honest)
    assert after[EVIL] != alone
    assert after[INDEX_URL] == alone


def test_claim_of_a_hash_does_not_spoil_another_project_in_the_same_run() -> None:
    """One that may serve foo alone lists the wheel of pkg, address and hash, as one of foo."""
    served = Served()
    content = served.wheel("pkg", "1.0", ["six"])
    entry = {**served.pages["pkg"][0], "filename": "foo-2.0-py3-none-any.whl", "url": "/files/pkg-1.0-py3-none-any.whl"}
    served.file("foo", "foo-2.0-py3-none-any.whl", content)
    served.pages["foo"] = [entry]
    cache = Cache(None)
    for _ in range(2):
        with index_of(served, cache=cache) as index:
            foo = only_file(index.project(canonicalize_name("foo")), "2.0")
            with pytest.raises(MetadataError, match="another release"):
                index.metadata(foo)
            pkg = only_file(index.project(PKG))
            assert [str(each) for each in index.metadata(pkg).requires_dist] == ["six"]
            assert isinstance(index.identities([pkg])[pkg.filename], ArtifactIdentity)


def test_nothing_is_kept_of_a_file_without_a_hash() -> None:
    """It may change under its name."""
    served = Served()
    cache = Cache(None)
    for needed in ("one", "two"):
        served.pages.clear()
        served.wheel("pkg", "1.0", [needed], hashes={})
        with index_of(served, cache=cache) as index:
            metadata = index.metadata(only_file(index.project(PKG)))
        assert [str(each) for each in metadata.requires_dist] == [needed]


def test_metadata_of_another_hash_are_not_those_of_the_file() -> None:
    served = Served()
    cache = Cache(None)
    for needed in ("one", "two"):
        served.pages.clear()
        served.wheel("pkg", "1.0", [needed])
        page = served.answers["/simple/pkg/"]
        served.answers["/simple/pkg/"] = lambda request, page=page: uncached(page(request))  # type: ignore[misc]
        with index_of(served, cache=cache) as index:
            metadata = index.metadata(only_file(index.project(PKG)))
        assert [str(each) for each in metadata.requires_dist] == [needed]


def uncached(answer: httpx.Response) -> httpx.Response:
    answer.headers["cache-control"] = "no-store"
    return answer


def test_wheel_that_had_to_be_hashed_is_verified() -> None:
    served = Served()
    content = served.wheel("pkg", "1.0", ["inside"], hashes={})
    with index_of(served) as index:
        entry = only_file(index.project(PKG)).entry
        assert index.digests([entry]) == {entry.filename: (hashlib.sha256(content).hexdigest(), len(content))}
        hashed = msgspec.structs.replace(entry, hashes={"sha256": hashlib.sha256(content).hexdigest()})
        file = msgspec.structs.replace(only_file(index.project(PKG)), entry=hashed)
        identity = index.identities([file])[file.filename]
    assert isinstance(identity, ArtifactIdentity)
    assert identity.verified


def test_examined_wheels_are_hashed_whole_once() -> None:
    served = Served()
    served.wheel("pkg", "1.0", core_metadata=True)
    cache = Cache(None)
    for _ in range(2):
        with index_of(served, cache=cache) as index:
            file = only_file(index.project(PKG))
            found = index.examined([file])[file.filename]
            assert isinstance(found, ArtifactIdentity)
            assert found.verified
            assert index.identities([file]) == {file.filename: found}
    assert [asked for _, path, asked in served.requests if path.endswith(".whl")] == [None]


def test_every_strong_hash_of_a_wheel_decides_also_where_it_was_examined_with_fewer() -> None:
    """Installers differ in which of them they look at."""
    served = Served()
    content = served.wheel("pkg", "1.0")
    right = {"sha256": hashlib.sha256(content).hexdigest(), "sha512": hashlib.sha512(content).hexdigest()}
    cache = Cache(None)
    for hashes, verified in (
        ({"sha256": right["sha256"]}, True),
        ({**right, "sha512": "0" * 128}, False),
        (right, True),
        ({"sha512": right["sha512"]}, True),
    ):
        served.pages["pkg"][0]["hashes"] = hashes
        for _ in range(2):
            with index_of(served, cache=cache) as index:
                found = index.examined([only_file(index.project(PKG))])
            assert isinstance(found["pkg-1.0-py3-none-any.whl"], ArtifactIdentity) is verified
        cache.pages = Cache(None).pages
    whole = [path for _, path, span in served.requests if path.endswith(".whl") and span is None]
    assert len(whole) == 5, "once each, but twice for what was refused"


def test_examined_wheel_with_another_hash_is_told() -> None:
    served = Served()
    served.wheel("pkg", "1.0", hashes={"sha256": "0" * 64})
    served.wheel("pkg", "2.0")
    with index_of(served) as index:
        project = index.project(PKG)
        files = [only_file(project, version) for version in ("1.0", "2.0")]
        found = index.examined(files)
    assert isinstance(found["pkg-1.0-py3-none-any.whl"], PackageIndexError)
    assert isinstance(found["pkg-2.0-py3-none-any.whl"], ArtifactIdentity)


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


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html", "<html><form action=/login><a href='/forgot'>Forgot your password?</a></form></html>"),
        ("text/html", "<html><div id=root></div><script src=/app.js></script></html>"),
        ("text/html; charset=utf-8", "<a href=https://sso.example/login>Log in</a>"),
        ("text/plain", "please log in"),
        ("application/octet-stream", "x"),
        ("application/json", '{"error": "no licence"}'),
    ],
)
def test_answer_that_is_no_page_of_the_simple_api_is_an_unreachable_index(content_type: str, body: str) -> None:
    answer = httpx.Response(200, text=body, headers={"content-type": content_type})
    served = Served(answers={"/simple/pkg/": lambda _: answer, "/links/": lambda _: answer})
    kind = content_type.partition(";")[0]
    with index_of(served) as index, pytest.raises(PackageIndexError, match=f"not a page of the simple API .{kind}"):
        index.project(PKG)
    links = IndexLocation(url="https://index.example/links/", is_find_links=True)
    client = HttpClient(transport=served.transport, pause=0)
    with (
        SimpleIndex([links], client=client, cache=Cache(None)) as index,
        pytest.raises(PackageIndexError, match=f"not a page of the simple API .{kind}"),
    ):
        index.project(PKG)


def test_page_of_links_that_is_none_is_not_kept() -> None:
    answers = [
        httpx.Response(200, html="<form action=/login></form>"),
        httpx.Response(200, html="<a href=pkg-1.0.zip>pkg-1.0.zip</a>"),
    ]
    served = Served(answers={"/links/": lambda _: answers.pop(0)})
    links, cache = IndexLocation(url="https://index.example/links/", is_find_links=True), Cache(None)
    client = HttpClient(transport=served.transport, pause=0)
    with SimpleIndex([links], client=client, cache=cache) as index, pytest.raises(PackageIndexError):
        index.project(PKG)
    with SimpleIndex([links], client=client, cache=cache) as index:
        assert index.project(PKG) is not None


@pytest.mark.parametrize(
    "body", ["<html><h1>Links for pkg</h1></html>", '<a href="../">..</a> <a href="?C=N">Name</a>']
)
def test_page_without_files_is_a_project_without_releases(body: str) -> None:
    served = Served(answers={"/simple/pkg/": lambda _: httpx.Response(200, html=body)})
    with index_of(served) as index:
        project = index.project(PKG)
    assert project is not None
    assert not project.releases


def test_content_of_a_file_is_read_whole_and_hashed() -> None:
    served = Served()
    content = served.wheel("pkg", "1.0")
    with index_of(served) as index:
        entry = only_file(index.project(PKG)).entry
        assert index.content(entry) == content
        with pytest.raises(PackageIndexError, match="where the index names"):
            index.content(msgspec.structs.replace(entry, hashes={"sha256": "a" * 64}))


def test_what_is_worked_out_is_made_once(tmp_path: Path) -> None:
    made = iter([b"first", b"second"])
    for _ in range(2):
        cache = Cache(tmp_path)
        with SimpleIndex([], client=HttpClient(offline=True), cache=cache) as index:
            assert index.cached("key", lambda: next(made)) == b"first"
        cache.close()


def aged(served: Served, **headers: str) -> None:
    """Let the page of pkg have *headers*, their dashes written as underscores, and an ETag."""
    page = served.answers["/simple/pkg/"]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers.get("if-none-match") == '"one"':
            return httpx.Response(304)
        found = page(request)
        found.headers.update({"etag": '"one"', **{name.replace("_", "-"): value for name, value in headers.items()}})
        return found

    served.answers["/simple/pkg/"] = answer


@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        ({}, 1),
        ({"cache_control": "public, max-age=600"}, 1),
        ({"cache_control": "max-age=86401"}, 1),
        ({"expires": "Fri, 02 Jan 2026 00:00:00 GMT", "date": "Thu, 01 Jan 2026 00:00:00 GMT"}, 1),
        ({"cache_control": "max-age=-5"}, 2),
        ({"cache_control": "max-age=soon"}, 2),
        ({"cache_control": "max-age=999999999"}, 2),
        ({"cache_control": f"max-age={'9' * 5000}"}, 2),
        ({"cache_control": "must-revalidate"}, 2),
        ({"expires": "Thu, 01 Jan 1970 00:00:00 GMT", "date": "Thu, 01 Jan 2026 00:00:00 GMT"}, 2),
        ({"expires": "0"}, 2),
        ({"expires": "Fri, 02 Jan 99999999999 00:00:00 GMT", "date": "Thu, 01 Jan 2026 00:00:00 GMT"}, 2),
    ],
)
def test_page_may_be_kept_for_as_long_as_makes_sense(headers: dict[str, str], asked: int) -> None:
    """RFC 9111, 4.2."""
    served = Served()
    served.wheel("pkg", "1.0")
    aged(served, **headers)
    cache = Cache(None)
    for _ in range(2):
        with index_of(served, cache=cache) as index:
            assert index.project(PKG) is not None
    assert len(served.requests) == asked


def test_page_is_kept_for_a_day_at_most(tmp_path: Path) -> None:
    served = Served()
    served.wheel("pkg", "1.0")
    aged(served, cache_control="max-age=30000000")
    cache = Cache(tmp_path)
    with index_of(served, cache=cache) as index:
        assert index.project(PKG) is not None
    (kept,) = (tmp_path / PAGES).iterdir()
    (until,) = struct.unpack_from("<d", kept.read_bytes(), 8)
    assert until - kept.stat().st_mtime < 24 * 3600 + 1


@pytest.mark.parametrize(("renewed", "asked"), [(True, 2), (False, 1)])
def test_upgrade_asks_for_pages_that_may_be_kept(renewed: bool, asked: int) -> None:
    served = Served()
    served.wheel("pkg", "1.0")
    aged(served, cache_control="max-age=600")
    cache = Cache(None)
    for _ in range(2):
        client = HttpClient(transport=served.transport, pause=0)
        location = IndexLocation(url=INDEX_URL)
        with SimpleIndex([location], client=client, cache=cache, renewed=lambda name: renewed and name == PKG) as index:
            assert index.project(PKG) is not None
    assert len(served.requests) == asked


@pytest.mark.parametrize("etag", ['"\xe9"', '"a b"', "x" * 10 + "\u2028"])
def test_etag_that_no_header_can_carry_is_not_sent(etag: str) -> None:
    served = Served()
    served.wheel("pkg", "1.0")
    page = served.answers["/simple/pkg/"]
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("if-none-match"))
        found = page(request)
        return httpx.Response(
            200,
            content=found.content,
            headers=[(b"content-type", b"application/vnd.pypi.simple.v1+json"), (b"etag", etag.encode())],
        )

    served.answers["/simple/pkg/"] = answer
    cache = Cache(None)
    for _ in range(2):
        client = HttpClient(transport=served.transport, pause=0)
        location = IndexLocation(url=INDEX_URL)
        with SimpleIndex([location], client=client, cache=cache, renewed=lambda _: True) as index:
            assert index.project(PKG) is not None
    assert seen == [None, None]


@pytest.mark.parametrize("changed", ["etag", "last-modified", "content-length", ""])
def test_file_without_a_hash_is_known_again_by_all_that_its_server_says(changed: str) -> None:
    served = Served()
    said = {"etag": '"one"', "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
    content = make_wheel("pkg", "1.0")

    def answer(request: httpx.Request) -> httpx.Response:
        told = {**said, "content-length": str(len(content))}
        return httpx.Response(200, content=content if request.method == "GET" else b"", headers=told)

    served.answers["/files/pkg-1.0-py3-none-any.whl"] = answer
    entry = FileEntry(
        filename="pkg-1.0-py3-none-any.whl", url="https://index.example/files/pkg-1.0-py3-none-any.whl", hashes={}
    )
    cache = Cache(None)
    for _ in range(2):
        with index_of(served, cache=cache) as index:
            index.digests([entry])
        if changed == "content-length":
            content += b" "
        elif changed:
            said[changed] = f"{said[changed]}x"
    assert [method for method, _, _ in served.requests].count("GET") == (2 if changed else 1)
