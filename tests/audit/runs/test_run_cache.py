"""What runs of one process share: read once, read again where it changed, and bounded."""

import hashlib
import os
from pathlib import Path

import pytest

from lockml.audit.runs.run_cache import BoundedCache, RunCache
from lockml.common.errors import InputError
from tests.audit.made import write_venv


def test_cache_keeps_what_was_used_last() -> None:
    cache: BoundedCache[str, int] = BoundedCache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert [cache.get(key) for key in "abc"] == [1, None, 3]
    cache.put("a", 4)
    assert [cache.get(key) for key in "abc"] == [4, None, 3], "a new value of a key takes no place"


def test_lock_is_parsed_once_until_its_file_changes(tmp_path: Path) -> None:
    write_venv(tmp_path)
    file, cache = tmp_path / "pylock.toml", RunCache(None)
    read = cache.read_lock(file)
    assert (read.path, read.text) == (file, file.read_text())
    assert read.sha256 == hashlib.sha256(file.read_bytes()).hexdigest() == read.lock.sha256
    assert cache.read_lock(file) is read
    os.utime(file, ns=(0, 0))
    again = cache.read_lock(file)
    assert again is not read
    assert again.sha256 == read.sha256, "what is known under its digest still holds"


def test_lock_is_read_again_where_a_file_beside_it_changes(tmp_path: Path) -> None:
    """The digest of the file has no part of what it includes."""
    file, more, cache = tmp_path / "requirements.txt", tmp_path / "more.txt", RunCache(None)
    file.write_text("six==1.16.0\n-r more.txt\n")
    more.write_text("numpy==1.25.0\n")
    read = cache.read_lock(file)
    assert cache.read_lock(file) is read
    more.write_text("numpy==1.26.0\n# newer\n")
    again = cache.read_lock(file)
    assert [str(each.version) for each in again.lock.pylock.packages] == ["1.16.0", "1.26.0"]
    assert (again.sha256 == read.sha256, again.key == read.key) == (True, False)
    more.unlink()
    with pytest.raises(InputError, match="no such file"):
        cache.read_lock(file)


def test_lock_that_went_away_or_is_none_is_an_input_error(tmp_path: Path) -> None:
    write_venv(tmp_path)
    file, cache = tmp_path / "pylock.toml", RunCache(None)
    cache.read_lock(file)
    file.unlink()
    with pytest.raises(InputError, match="no such file"):
        cache.read_lock(file)
    file.mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        cache.read_lock(file)
    file.rmdir()
    file.write_text("[[")
    with pytest.raises(InputError):
        cache.read_lock(file)
