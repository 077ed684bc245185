import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from lockml.index.cache.pages import CachedPage, PageCache

URL = "https://index.example/x/"


def page(body: bytes = b"body", etag: str | None = '"1"') -> CachedPage:
    return CachedPage(base=URL, etag=etag, content_type="text/html", body=body, fresh=True)


def body_of(found: CachedPage | None) -> bytes | None:
    return bytes(found.body) if found is not None else None


@pytest.mark.parametrize("folder", [None, "pages"])
def test_page_is_fresh_until_its_age_and_again_once_it_is_refreshed(tmp_path: Path, folder: str | None) -> None:
    pages = PageCache(tmp_path / folder if folder else None)
    pages.keep(URL, page(), -1)
    stale = pages.page(URL)
    assert stale is not None
    assert (stale.base, stale.etag, stale.content_type, bytes(stale.body), stale.fresh) == (
        URL,
        '"1"',
        "text/html",
        b"body",
        False,
    )
    pages.refresh(URL, 100)
    fresh = pages.page(URL)
    assert fresh is not None
    assert fresh.fresh
    assert body_of(fresh) == b"body"
    assert pages.page("https://index.example/y/") is None


@pytest.mark.parametrize(
    "damaged",
    [
        lambda content: content[:0],
        lambda content: content[:10],
        lambda content: content[:-1],
        lambda content: b"other" + content,
        lambda content: content[:-2] + b"XX",
    ],
    ids=["empty", "cut-in-its-head", "cut-at-its-end", "not-a-page", "other-bytes"],
)
def test_damaged_page_is_as_good_as_none(tmp_path: Path, damaged: object) -> None:
    pages = PageCache(tmp_path)
    pages.keep(URL, page(), 100)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damaged(file.read_bytes()))  # type: ignore[operator]
    assert pages.page(URL) is None
    pages.keep(URL, page(b"anew"), 100)
    assert body_of(pages.page(URL)) == b"anew"


def test_checksummed_end_of_a_page_is_left_to_who_reads_it(tmp_path: Path) -> None:
    pages = PageCache(tmp_path)
    kept = CachedPage(base=URL, etag=None, content_type="x", body=b"headTAIL", fresh=True, checksummed=4)
    pages.keep(URL, kept, 100)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:-2] + b"xx")
    found = pages.page(URL)
    assert body_of(found) == b"headTAxx"
    assert found is not None
    assert found.checksummed == 4
    file.write_bytes(content[:-5] + b"x" + content[-4:])
    assert pages.page(URL) is None
    file.write_bytes(content[:-1])
    assert pages.page(URL) is None


def test_page_of_another_address_is_not_taken(tmp_path: Path) -> None:
    pages = PageCache(tmp_path)
    pages.keep(URL, page(), 100)
    pages.keep("https://index.example/y/", page(b"y"), 100)
    one, other = sorted(tmp_path.iterdir())
    one.write_bytes(other.read_bytes())
    assert {body_of(pages.page(URL)), body_of(pages.page("https://index.example/y/"))} & {None}


def test_folder_that_cannot_be_made_leaves_pages_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    pages = PageCache(tmp_path / "file" / "pages")
    pages.keep(URL, page(), 100)
    assert body_of(pages.page(URL)) == b"body"


def _write_for_ever(folder: Path, letter: bytes) -> None:
    pages = PageCache(folder)
    while True:
        pages.keep(URL, page(letter * 500_000), 100)
        pages.refresh(URL, 100)


@pytest.mark.slow
def test_processes_that_write_at_once_and_are_killed_leave_a_whole_page(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_for_ever, args=(tmp_path, letter)) for letter in (b"a", b"b", b"c")]
    for writer in writers:
        writer.start()
    pages = PageCache(tmp_path)
    seen: set[bytes] = set()
    deadline = time.monotonic() + 20
    while len(seen) < 2 and time.monotonic() < deadline:
        found = body_of(pages.page(URL))
        if found is not None:
            assert found in (b"a" * 500_000, b"b" * 500_000, b"c" * 500_000)
            seen.add(found[:1])
    for writer in writers:
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
    assert len(seen) >= 2
    assert body_of(pages.page(URL)) is not None
