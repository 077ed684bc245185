"""The files of releases as a page lists them."""

from urllib.parse import urljoin

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lockml.common.references import encode_url
from lockml.index.pages.releases import ListedFile, read_files

PAGE = "https://host.example/simple/lib/"
_parts = ["https://", "http://", "/", "//", "a", "files.example", "..", ".", "?", "#", "a b", ":", "%2e", ";x", "../"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(_parts), min_size=1, max_size=6).map("".join))
@example("https://files.example/packages/lib-1.0.tar.gz")
@example("/files/lib-1.0.tar.gz")
@example("https:///lib-1.0.tar.gz")
@example("../../files/lib-1.0.tar.gz")
def test_address_of_a_file_is_seen_from_its_page(url: str) -> None:
    (file,) = read_files([ListedFile(filename="lib-1.0.tar.gz", url=url)], PAGE, PAGE)
    assert file.url == encode_url(urljoin(PAGE, url.partition("#")[0])) or not url.partition("#")[0]
