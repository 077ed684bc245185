import json

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.index.model import Project
from lockml.index.pages.parse import SERIALIZED, PageError, parse_page, serialize_page

URL = "https://index.example/simple/my-pkg/"
HASH = "a" * 64


def parse(body: bytes, content_type: str = "application/vnd.pypi.simple.v1+json", url: str = URL) -> Project:
    return parse_page(
        body, content_type, url, name=canonicalize_name("my-pkg"), index_url="https://index.example/simple/"
    )


def page(*files: dict[str, object], **more: object) -> bytes:
    return json.dumps({"meta": {"api-version": "1.1"}, "name": "My.Pkg", "files": list(files), **more}).encode()


def listed(filename: str, **more: object) -> dict[str, object]:
    return {"filename": filename, "url": f"../../files/{filename}", "hashes": {"sha256": HASH}, **more}


def test_json_page_gives_releases_newest_first() -> None:
    project = parse(page(*(listed(f"my_pkg-{v}-py3-none-any.whl") for v in ("1.9", "1.10", "1.10rc1"))))
    assert list(project.releases) == [Version("1.10"), Version("1.10rc1"), Version("1.9")]


def test_json_file_keeps_what_pep_691_700_and_714_tell() -> None:
    entry = listed(
        "my_pkg-1.0-py3-none-any.whl",
        **{
            "requires-python": ">=3.8",
            "size": 12,
            "upload-time": "2024-01-02T03:04:05Z",
            "yanked": "broken",
            "core-metadata": {"sha256": HASH},
        },
    )
    (file,) = parse(page(entry)).releases[Version("1.0")]
    assert file.url == "https://index.example/files/my_pkg-1.0-py3-none-any.whl"
    assert (file.requires_python, file.size, file.upload_time) == (">=3.8", 12, "2024-01-02T03:04:05Z")
    assert (file.yanked, file.core_metadata) == ("broken", {"sha256": HASH})


@pytest.mark.parametrize(("yanked", "kept"), [(True, ""), (False, None), ("bad", "bad"), ("", None)])
def test_yanked_is_a_reason_or_a_truth_value(yanked: bool | str, kept: str | None) -> None:
    """PEP 592, PEP 691."""
    (file,) = parse(page(listed("my_pkg-1.0.tar.gz", yanked=yanked))).releases[Version("1.0")]
    assert file.yanked == kept


@pytest.mark.parametrize(
    ("keys", "kept"),
    [
        ({"core-metadata": True}, {}),
        ({"dist-info-metadata": {"sha256": HASH}}, {"sha256": HASH}),
        ({"core-metadata": False, "dist-info-metadata": True}, None),
        ({}, None),
    ],
)
def test_metadata_file_is_advertised_under_either_key(keys: dict[str, object], kept: object) -> None:
    """PEP 714: the newer key wins."""
    (file,) = parse(page(listed("my_pkg-1.0-py3-none-any.whl", **keys))).releases[Version("1.0")]
    assert file.core_metadata == kept


def test_file_that_is_not_listed_as_it_should_be_spoils_no_other() -> None:
    """PEP 691: each file has an address and a mapping of hashes."""
    good, other = listed("my_pkg-1.0-py3-none-any.whl"), listed("my_pkg-1.0.tar.gz")
    project = parse(page(good, {**other, "hashes": "none"}, {"filename": "my_pkg-1.0.zip"}))
    files = {file.filename: file.fault for file in project.releases[Version("1.0")]}
    assert files["my_pkg-1.0-py3-none-any.whl"] == ""
    assert files["my_pkg-1.0.tar.gz"] == files["my_pkg-1.0.zip"] == "the page does not list it as PEP 691 has it"


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"hashes": {"sha256": "short"}}, "its sha256 is not a hexadecimal digest"),
        ({"hashes": {"sha256": "x" * 64}}, "its sha256 is not a hexadecimal digest"),
        ({"url": "file:///etc/my_pkg-1.0.tar.gz"}, "its address is not an http address"),
        ({"url": "https://[::1/my_pkg-1.0.tar.gz"}, "the page does not list it as PEP 691 has it"),
        ({"requires-python": ">=" + "9" * 5000}, "its Requires-Python has a number of 1000 digits or more"),
        ({"url": "https://files.example/a\nb.whl"}, "its address holds control characters"),
    ],
)
def test_file_that_no_installer_could_use_says_why(changed: dict[str, object], fault: str) -> None:
    (file,) = parse(page({**listed("my_pkg-1.0-py3-none-any.whl"), **changed})).releases[Version("1.0")]
    assert file.fault == fault


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("../../files/a.whl", "https://index.example/files/a.whl"),
        ("/files/a.whl", "https://index.example/files/a.whl"),
        ("/files/../a.whl", "https://index.example/a.whl"),
        ("//cdn.example/a.whl", "https://cdn.example/a.whl"),
        ("https://cdn.example/a.whl", "https://cdn.example/a.whl"),
        ("a.whl", "https://index.example/simple/my-pkg/a.whl"),
        ("/a b.whl", "https://index.example/a%20b.whl"),
        ("/a\x85b\u2028c\u2029.whl", "https://index.example/a%C2%85b%E2%80%A8c%E2%80%A9.whl"),
        ("/${SECRET}/a.whl#sha256=x", "https://index.example/$%7BSECRET%7D/a.whl"),
    ],
)
def test_address_is_seen_from_that_of_the_page(url: str, found: str) -> None:
    (file,) = parse(page({**listed("my_pkg-1.0-py3-none-any.whl"), "url": url})).releases[Version("1.0")]
    assert file.url == found


def test_packed_page_is_the_same_page() -> None:
    names = ("my_pkg-1.0-py3-none-any.whl", "my_pkg-1.0.tar.gz", "my-pkg-0.9.zip", "other-1.0.tar.gz")
    body = page(*map(listed, names), **{"project-status": {"status": "archived", "reason": "moved"}})
    serialized = serialize_page(body, "application/json", name=canonicalize_name("my-pkg"))
    plain, found = parse(body), parse(serialized, SERIALIZED)
    assert {**plain.releases} == {**found.releases}
    assert (plain.skipped, plain.status, plain.status_reason) == (found.skipped, found.status, found.status_reason)


def test_project_status_is_kept() -> None:
    """PEP 792."""
    project = parse(page(**{"project-status": {"status": "archived", "reason": "moved"}}))
    assert (project.status, project.status_reason) == ("archived", "moved")


@pytest.mark.parametrize(
    ("filename", "reason"),
    [
        ("other-1.0-py3-none-any.whl", "another project"),
        ("my_pkg-1.0.exe", "neither a wheel nor a source archive"),
        ("my_pkg-1.0-any.whl", "not that of a wheel"),
        ("my_pkg-one.tar.gz", "is invalid"),
        ("../my_pkg-1.0.tar.gz", "not that of a file"),
        ("my_pkg-1.0\n.tar.gz", "not that of a file"),
        ("my_pkg-1.0-1\u202e-py3-none-any.whl", "not that of a file"),
        ("my_pkg-1.0-1\x85-py3-none-any.whl", "not that of a file"),
        (f"my_pkg-{'9' * 5000}.tar.gz", "not that of a file"),
    ],
)
def test_file_is_skipped_with_its_reason(filename: str, reason: str) -> None:
    project = parse(page(listed(filename), listed("my_pkg-2.0.tar.gz")))
    assert list(project.releases) == [Version("2.0")]
    ((name, why),) = project.skipped
    assert name == filename
    assert reason in why


def test_sdist_of_a_name_with_dashes_is_told_from_its_version() -> None:
    assert list(parse(page(listed("my-pkg-1.0.post1.tar.gz"))).releases) == [Version("1.0.post1")]


def test_html_page_gives_the_same_as_json() -> None:
    """PEP 503 with 592, 658 and 714."""
    html = f"""<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.3">
    <meta name="pypi:project-status" content="archived"></head><body>
    <a href="../../files/my_pkg-1.0-py3-none-any.whl#sha256={HASH}" data-requires-python="&gt;=3.8"
       data-yanked="broken" data-core-metadata="sha256={HASH}">my_pkg-1.0-py3-none-any.whl</a><br>
    <a>no address</a></body></html>"""
    project = parse(html.encode(), "text/html; charset=utf-8")
    (file,) = project.releases[Version("1.0")]
    assert file.url == "https://index.example/files/my_pkg-1.0-py3-none-any.whl"
    assert (file.hashes, file.requires_python, file.yanked) == ({"sha256": HASH}, ">=3.8", "broken")
    assert file.core_metadata == {"sha256": HASH}
    assert project.status == "archived"


def test_html_base_is_respected() -> None:
    html = b'<head><base href="https://cdn.example/x/"></head><a href="my_pkg-1.0.tar.gz">my_pkg-1.0.tar.gz</a>'
    (file,) = parse(html, "text/html").releases[Version("1.0")]
    assert file.url == "https://cdn.example/x/my_pkg-1.0.tar.gz"


@pytest.mark.parametrize(
    ("body", "content_type", "problem"),
    [
        (b"{", "application/json", "not a page of the simple API"),
        (b'{"name": "my-pkg", "files": []}', "application/json", "not a page of the simple API"),
        (b'{"meta": {"api-version": "2.0"}, "name": "my-pkg", "files": []}', "application/json", "version '2.0'"),
        (b'{"meta": {"api-version": "1.0"}, "name": "other", "files": []}', "application/json", "describes 'other'"),
        (b'<meta name="pypi:repository-version" content="2.0">', "text/html", "version '2.0'"),
    ],
)
def test_page_is_refused_when_it_is_not_of_this_project_or_api(body: bytes, content_type: str, problem: str) -> None:
    with pytest.raises(PageError, match=problem):
        parse(body, content_type)


def test_upload_that_is_not_known_hides_no_other() -> None:
    moments = {
        "1.0": "2024-01-01T00:00:00.5Z",
        "2.0": "2024-02-01T00:00:00Z",
        "3.0": None,
        "4.0": "2024-01-15T00:00:00",
    }
    files = [listed(f"my_pkg-{version}.zip", **{"upload-time": moment}) for version, moment in moments.items()]
    assert parse(page(*files)).uploads == ["", "", "2024-02-01T00:00:00", "2024-01-01T00:00:00"]
    assert parse(page(*files[:2])).uploads == ["2024-02-01T00:00:00", "2024-01-01T00:00:00"]


def test_upload_that_is_no_moment_is_not_known() -> None:
    files = [listed("my_pkg-1.0.zip", **{"upload-time": "2024-13-01T00:00:00Z"})]
    assert parse(page(*files)).uploads == [""]


@pytest.mark.parametrize("place", ["page", "file"])
def test_page_that_is_nested_without_end_is_read_all_the_same(place: str) -> None:
    file = listed("my_pkg-1.0.zip")
    body = page(file | {"x": "@"}) if place == "file" else page(file, x="@")
    deep = body.replace(b'"@"', b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
    (entry,) = parse(deep).releases[Version("1.0")]
    assert entry.fault == ""
