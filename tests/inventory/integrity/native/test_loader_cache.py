"""What glibc's loader reads in /etc/ld.so.cache."""

import pytest

from lockml.inventory.file_tree import UnreadableError
from lockml.inventory.integrity.native.loader_cache import paths_in_cache
from tests.made.loader_caches import loader_cache

PATHS = ("/lib/x86_64-linux-gnu/libm.so.6", "/srv/x/libz.so.1")


@pytest.mark.parametrize(("old", "new"), [(False, True), (True, True), (True, False)])
def test_paths_are_those_of_the_table_that_the_loader_takes(old: bool, new: bool) -> None:
    assert paths_in_cache(loader_cache(*PATHS, old=old, new=new)) == frozenset(PATHS)


@pytest.mark.parametrize(("old", "new"), [(False, True), (True, True), (True, False)])
def test_numbers_are_in_the_byte_order_of_the_processor(old: bool, new: bool) -> None:
    """As on s390x."""
    content = loader_cache(*PATHS, old=old, new=new, order=">")
    assert paths_in_cache(content, big_endian=True) == frozenset(PATHS)
    with pytest.raises(UnreadableError):
        paths_in_cache(content)


def test_new_table_counts_before_the_old_one() -> None:
    both = loader_cache("/a/libx.so", old=True, new=False)[:28]
    assert paths_in_cache(both + bytes(4) + loader_cache(*PATHS)) == frozenset(PATHS)


@pytest.mark.parametrize("content", [b"", b"short", b"ld.so-1.6.0" + bytes(99), bytes(200)])
def test_cache_that_the_loader_does_not_take_names_nothing(content: bytes) -> None:
    assert paths_in_cache(content) == frozenset()


@pytest.mark.parametrize("cut", [1, 30, 60])
@pytest.mark.parametrize("old", [True, False])
def test_cache_that_names_what_is_not_in_it_cannot_be_read(cut: int, old: bool) -> None:
    with pytest.raises(UnreadableError, match="entries that point outside it"):
        paths_in_cache(loader_cache(*PATHS, old=old, new=not old)[:-cut])
