"""Of an index's files those count that have the hash of the lock, and what else the index says of them does not."""

import hashlib
from collections.abc import Iterable, Mapping

import pytest
from packaging.pylock import Package, PackageWheel
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.common.target import parse_target
from lockml.index.model import FileEntry
from lockml.lock.checks.locked_files import Hashing, RefusedError, locked_entries
from tests.made.indexes import MemoryIndex

TARGET = parse_target("x=3.11-linux/amd64-glibc-2.36")
LINUX, MACOS = "a-1-cp311-cp311-manylinux_2_28_x86_64.whl", "a-1-cp311-cp311-macosx_11_0_arm64.whl"
GOOD, EVIL = "0" * 64, "e" * 64
GOOD_512, EVIL_512, MD5 = "0" * 128, "e" * 128, "5" * 32


def seen(name: str) -> str:
    """Return the SHA-256 of what the index serves under *name*."""
    return hashlib.sha256(name.encode()).hexdigest()


def found(
    locked: Mapping[str, Mapping[str, str]],
    listed: Iterable[tuple[str, Mapping[str, str]]],
    allowed: Iterable[str] = (),
) -> dict[str, Mapping[str, str]]:
    wheels = [PackageWheel(name=name, url=f"https://x/{name}", hashes=hashes) for name, hashes in locked.items()]
    package = Package(name=canonicalize_name("a"), version=Version("1"), wheels=wheels or None)
    entries = [FileEntry(filename=name, url=f"https://index.example/{name}", hashes=hashes) for name, hashes in listed]
    kept = locked_entries(package, allowed, entries, TARGET, Hashing(MemoryIndex()))
    return {entry.filename: entry.hashes for entry in kept}


@pytest.mark.parametrize(
    ("locked", "listed", "kept"),
    [
        ({"sha512": GOOD_512}, {"sha256": EVIL, "sha512": GOOD_512}, {"sha512": GOOD_512}),
        ({"sha256": GOOD}, {"sha256": GOOD, "sha512": EVIL_512}, {"sha256": GOOD}),
        ({"sha256": GOOD}, {"sha256": GOOD.upper(), "md5": MD5}, {"sha256": GOOD}),
    ],
)
def test_hashes_that_the_lock_does_not_know_are_left_out(
    locked: Mapping[str, str], listed: Mapping[str, str], kept: Mapping[str, str]
) -> None:
    """pip takes a file that has any one of its hashes."""
    assert found({LINUX: locked}, [(LINUX, listed)]) == {LINUX: kept}
    assert found({}, [(LINUX, listed)], [f"{kind}:{digest}" for kind, digest in locked.items()]) == {LINUX: kept}


def test_weak_hash_is_held_against_bytes_and_not_against_the_page() -> None:
    listed = [(LINUX, {"sha256": EVIL, "md5": MD5})]
    assert found({LINUX: {"md5": MD5}}, listed) == {LINUX: {"sha256": seen(LINUX)}}
    assert found({}, listed, [f"md5:{MD5}"]) == {LINUX: {"sha256": seen(LINUX)}}


def test_other_strong_hash_is_refused_though_a_second_one_fits() -> None:
    locked = {"sha256": GOOD, "sha512": GOOD_512}
    with pytest.raises(RefusedError, match="the index has another a-1-cp311"):
        found({LINUX: locked}, [(LINUX, {"sha256": GOOD, "sha512": EVIL_512})])
    with pytest.raises(RefusedError, match="the index has another a-1-cp311"):
        found({}, [(LINUX, {"sha256": EVIL})], [f"sha256:{GOOD}"])


def test_files_whose_names_are_swapped_are_refused() -> None:
    """The wheel of another platform has a hash of the lock too."""
    locked = {LINUX: {"sha256": GOOD}, MACOS: {"sha256": EVIL}}
    with pytest.raises(RefusedError, match="the index has another a-1-cp311-cp311-manylinux"):
        found(locked, [(LINUX, {"sha256": EVIL}), (MACOS, {"sha256": GOOD})])


def test_other_spelling_of_a_name_is_the_same_file() -> None:
    name = "A-1.0-py3-none-any.whl"
    assert found({"a-1-py3-none-any.whl": {"sha256": GOOD}}, [(name, {"sha256": GOOD})]) == {name: {"sha256": GOOD}}


def test_file_of_no_hash_on_the_page_is_downloaded_where_the_target_uses_it() -> None:
    locked = {LINUX: {"sha256": seen(LINUX)}, MACOS: {"sha256": GOOD}}
    assert found(locked, [(LINUX, {}), (MACOS, {})]) == {LINUX: {"sha256": seen(LINUX)}}
    with pytest.raises(RefusedError, match="the index has another"):
        found({LINUX: {"sha256": GOOD}}, [(LINUX, {})])


def test_file_that_the_lock_does_not_name_is_left_out() -> None:
    assert found({LINUX: {"sha256": GOOD}}, [(LINUX, {"sha256": GOOD}), ("a-1-py3-none-any.whl", {})]).keys() == {LINUX}


def test_whatever_the_index_has_is_taken_of_what_the_lock_has_no_hash() -> None:
    assert found({}, [(LINUX, {"sha256": EVIL})]) == {LINUX: {"sha256": EVIL}}


def test_file_is_downloaded_once_for_all_targets() -> None:
    index = MemoryIndex()
    hashing = Hashing(index)
    entry = FileEntry(filename=LINUX, url=f"https://index.example/{LINUX}", hashes={})
    package = Package(name=canonicalize_name("a"), version=Version("1"))
    allowed = [f"sha256:{seen(LINUX)}"]
    for libc in ("2.36", "2.39"):
        target = parse_target(f"x=3.11-linux/amd64-glibc-{libc}")
        (kept,) = locked_entries(package, allowed, [entry], target, hashing)
        assert kept.hashes == {"sha256": seen(LINUX)}
    assert index.asked == [f"digest of {LINUX}"]
