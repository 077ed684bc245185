import os
import tempfile
from pathlib import Path

import pytest

from lockml.index.cache.pages import CachedPage
from lockml.index.cache.store import INDEX_FILE, Cache

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


def plant_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes((tmp_path / "cache" / INDEX_FILE).read_bytes())
    (tmp_path / "cache" / INDEX_FILE).unlink()
    (tmp_path / "cache" / INDEX_FILE).symlink_to(tmp_path / "elsewhere")


def plant_writable(tmp_path: Path) -> None:
    (tmp_path / "cache" / INDEX_FILE).chmod(0o666)


def plant_log(tmp_path: Path) -> None:
    """SQLite takes what stands in the log into the file."""
    (tmp_path / "cache" / f"{INDEX_FILE}-wal").write_bytes(b"")
    (tmp_path / "cache" / f"{INDEX_FILE}-wal").chmod(0o666)


@pytest.mark.parametrize("plant", [plant_link, plant_writable, plant_log])
def test_facts_that_others_could_have_written_are_dropped(tmp_path: Path, plant: object) -> None:
    cache = Cache(tmp_path / "cache")
    cache.keep_fact("key", b"value")
    cache.close()
    plant(tmp_path)  # type: ignore[operator]
    again = Cache(tmp_path / "cache")
    assert again.fact("key") is None
    again.keep_fact("key", b"own")
    again.close()
    file = tmp_path / "cache" / INDEX_FILE
    assert (file.is_symlink(), file.stat().st_mode & 0o777) == (False, 0o600)
    if (tmp_path / "elsewhere").exists():
        assert b"own" not in (tmp_path / "elsewhere").read_bytes()


def test_cache_that_others_can_write_to_is_done_without(tmp_path: Path) -> None:
    """Whoever names a cache closes it, if it is theirs to close; this one was not."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    cache = Cache(tmp_path / "cache")
    cache.keep_fact("key", b"value")
    assert cache.fact("key") == b"value"
    cache.close()
    assert not (tmp_path / "cache" / INDEX_FILE).exists()


@pytest.mark.process
def test_cache_that_cannot_be_written_is_read() -> None:
    """As one that an image brings, or a job of CI mounts; a user who may write anywhere has to become another."""
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base, "cache")
        cache = Cache(folder)
        cache.keep_fact("key", b"value")
        cache.pages.keep("https://index.example/x/", PAGE, 100)
        cache.close()
        places = [Path(base), *(path for path in folder.rglob("*") if path.is_dir()), folder]
        for path in folder.rglob("*"):
            path.chmod(0o500 if path.is_dir() else 0o400)
        folder.chmod(0o500)
        user = os.geteuid() or 65534
        for path in (*places, *folder.rglob("*")):
            os.chown(path, user, -1)
        child = os.fork()
        if child == 0:
            os.setuid(user)
            again = Cache(folder)
            found = again.fact("key"), again.pages.page("https://index.example/x/")
            again.keep_fact("other", b"value")
            again.close()
            os._exit(0 if found == (b"value", PAGE) and not (folder / f"{INDEX_FILE}-wal").exists() else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        for path in places:
            path.chmod(0o700)
