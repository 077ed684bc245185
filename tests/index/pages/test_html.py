"""Pages of links as they are found: indexes, folders of web servers, pages of wheels."""

import time
from contextlib import suppress

import pytest

from lockml.index.pages.html import read_html
from lockml.index.pages.model import PageError
from lockml.index.pages.releases import ListedFile

HASH = "a" * 64


def files(html: str) -> list[tuple[str, str]]:
    return [(file.filename, file.url) for file in read_html(html.encode())[1]]


def only(html: str) -> ListedFile:
    (file,) = read_html(html.encode())[1]
    return file


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ('<a href="a-2.0-py3-none-any.whl">a-2.0-py3-non..&gt;</a>', "a-2.0-py3-none-any.whl"),
        ('<a href="x/a-2.0.zip"><img src=x> <span>a-2.0.zip</span> (3 kB)</a>', "a-2.0.zip"),
        ('<a href="a-1.0.zip">a-9.0.zip</a>', "a-1.0.zip"),
        ('<a href="cu101/torch-1.6.0%2Bcu101-x.whl">cu101/torch-1.6.0%2Bcu101-x.whl</a>', "torch-1.6.0+cu101-x.whl"),
        ("<A HREF='a-1.0.zip'>Download", "a-1.0.zip"),
        ("<a href=a-1.0.zip?key=/b.whl#frag>", "a-1.0.zip"),
        ('<a href=" a-1.0.zip\n">', "a-1.0.zip"),
        ('<a href="a&#45;1.0.zip">', "a-1.0.zip"),
        ('<a title="<a>" href="a-1.0.zip">', "a-1.0.zip"),
        ('<a href="x%2Fa-1.0.zip">', "x/a-1.0.zip"),
    ],
)
def test_file_is_named_by_the_end_of_its_address(link: str, name: str) -> None:
    assert only(link).filename == name


def test_links_need_no_end() -> None:
    html = '<A HREF="a-1.0.zip">a-1.0.zip\n<A HREF="a-1.1.zip">a-1.1.zip'
    assert [name for name, _ in files(html)] == ["a-1.0.zip", "a-1.1.zip"]


def test_folder_of_a_web_server_lists_its_files() -> None:
    html = """<html><head><title>Index of /w</title></head><body><h1>Index of /w</h1><pre>
    <a href="?C=N;O=D">Name</a> <a href="/">Parent Directory</a>
    <a href="a-2.0-py3-none-any.whl">a-2.0-py3-none-any..&gt;</a> 2024-01-01 10:00 1.2K</pre></body></html>"""
    assert "a-2.0-py3-none-any.whl" in dict(files(html))


def test_attributes_tell_what_the_standards_say() -> None:
    """PEP 503, 592, 658, 714; data-upload-time is what PyTorch's index has."""
    file = only(
        f'<a href="a-1.0.zip#sha256={HASH}&amp;egg=x" data-requires-python="&gt;=3.8" data-yanked'
        ' data-upload-time="2024-01-02T03:04:05Z" data-dist-info-metadata="true">a</a>'
    )
    assert (file.hashes, file.requires_python, file.yanked) == ({"sha256": HASH}, ">=3.8", True)
    assert (file.upload_time, file.core_metadata) == ("2024-01-02T03:04:05Z", True)


@pytest.mark.parametrize(
    "html",
    [
        '<!-- <a href="a-1.0.zip"> -->',
        '<script>"<a href=a-1.0.zip>"</script>',
        '<textarea><a href="a-1.0.zip"></TEXTAREA >',
        '<title><a href="a-1.0.zip">',
        "<a name=x>a-1.0.zip</a>",
        '<a href="">a-1.0.zip</a>',
    ],
)
def test_what_no_browser_shows_as_a_link_is_none(html: str) -> None:
    assert not any(name == "a-1.0.zip" for name, _ in files(f'{html}\n<a href="b-1.0.zip">'))


@pytest.mark.parametrize("end", ["", '"', '" ', '" title="x'])
def test_link_that_does_not_end_is_none(end: str) -> None:
    assert files(f'<a href="a-1.0.zip{end}') == []


def test_link_with_two_addresses_is_of_no_use() -> None:
    """Browsers take the first, pip the last."""
    assert only('<a href="a-1.0.zip" href="a-2.0.zip">').url == ""
    assert only(f'<a href="a-1.0.zip" title="&#{"9" * 5000};">').url == ""


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://cdn.example/x/", "https://cdn.example/x/a.whl"),
        ("https://cdn.example/x/y.html", "https://cdn.example/x/a.whl"),
        ("/files/", "/files/a.whl"),
        ("../files/", "../files/a.whl"),
        ("https://[::1", ""),
    ],
)
def test_base_is_respected(base: str, url: str) -> None:
    assert files(f'<base href="{base}"><base href="/other/"><a href="a.whl">') == [("a.whl", url)]


def test_login_page_is_no_page_of_files() -> None:
    with pytest.raises(PageError, match="perhaps a login page"):
        read_html(b"<form action=/login><a href='/forgot'>Forgot your password?</a></form>")


@pytest.mark.slow
@pytest.mark.parametrize("part", ["<!--", "<![", "<a ", "<a href=", "<a a=", "<a x='", "</", "<", "<script>", "<a b "])
def test_page_of_many_beginnings_takes_no_time_without_end(part: str) -> None:
    began = time.process_time()
    with suppress(PageError):
        read_html(part.encode() * 100_000)
    assert time.process_time() - began < 5
