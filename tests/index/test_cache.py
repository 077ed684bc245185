from pathlib import Path

import pytest

from lockml.index.cache import INDEX_FILE, Cache
from lockml.index.kept_pages import CachedPage

PAGE = CachedPage(base="https://index.example/x/", etag='"1"', content_type="text/html", body=b"body", fresh=True)


def test_page_is_kept_across_processes_until_its_age(tmp_path: Path) -> None:
    first = Cache(tmp_path)
    first.pages.keep("https://index.example/x/", PAGE, 100)
    first.pages.keep("https://index.example/y/", PAGE, -1)
    first.close()
    second = Cache(tmp_path)
    assert second.pages.page("https://index.example/x/") == PAGE
    stale = second.pages.page("https://index.example/y/")
    assert stale is not None
    assert not stale.fresh
    assert second.pages.page("https://index.example/z/") is None
    second.close()


@pytest.mark.parametrize("damage", [b"", b"garbage that is no database", b"SQLite format 3\x00 and then garbage"])
def test_damaged_cache_is_replaced(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / INDEX_FILE).write_bytes(damage * 100)
    cache = Cache(tmp_path)
    cache.keep_fact("key", b"value")
    assert cache.fact("key") == b"value"
    cache.close()
    again = Cache(tmp_path)
    assert again.fact("key") == b"value"
    again.close()


def test_cache_works_in_memory_when_its_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file" / "folder")
    cache.keep_fact("key", b"value")
    assert cache.fact("key") == b"value"
    cache.close()
