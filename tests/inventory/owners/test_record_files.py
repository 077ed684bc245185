"""One row of RECORD, and what it says of its file."""

import base64
import hashlib

import pytest
from packaging.utils import NormalizedName

from lockml.common.digest import RecordRow
from lockml.inventory.model import InstalledDistribution
from lockml.inventory.owners.record_files import expected_of_row, is_empty_digest
from tests.made.trees import SITE

OWNER = InstalledDistribution(
    name=NormalizedName("model"),
    version="1",
    folder=f"{SITE}/model-1.dist-info",
    site_folder=SITE,
    record=(),
)
SHA256 = hashlib.sha256(b"x").digest()


def stated(digest: str, size: str = "1") -> tuple[str | None, bytes | None, int | None]:
    expected = expected_of_row(OWNER, RecordRow("model.py", digest, size), "RECORD")
    return expected.algorithm, expected.digest, expected.size


def encoded(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode()


@pytest.mark.parametrize("algorithm", sorted(hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}))
def test_digest_of_every_algorithm_of_hashlib_is_read(algorithm: str) -> None:
    digest = hashlib.new(algorithm, b"x").digest()
    assert stated(f"{algorithm}={encoded(digest).rstrip('=')}") == (algorithm, digest, 1)


@pytest.mark.parametrize(
    "text",
    [
        encoded(SHA256),
        encoded(SHA256).rstrip("="),
        SHA256.hex(),
        SHA256.hex().upper(),
        f"{SHA256.hex()}==",
    ],
)
def test_digest_is_read_in_each_spelling(text: str) -> None:
    """PEP 376 has base64 without padding; wheels of 2016 have hexadecimal digits."""
    assert stated(f"sha256={text}") == ("sha256", SHA256, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "a" * 64 + "b",
        "a" * 63,
        "!" * 43,
        "Ä" * 43,
        encoded(SHA256)[:20],
        encoded(SHA256) + "AAAA",
        encoded(hashlib.sha512(b"x").digest()),
        f" {encoded(SHA256)}",
        encoded(SHA256).replace("_", "/").replace("-", "+") + "\n",
    ],
)
def test_what_is_no_digest_fits_nothing(text: str) -> None:
    assert stated(f"sha256={text}") == ("sha256", b"", 1)


@pytest.mark.parametrize("algorithm", ["sha257", "SHA256", "shake_128", "shake_256", "none", "sha256 "])
def test_algorithm_that_nobody_has_fits_nothing(algorithm: str) -> None:
    assert stated(f"{algorithm}={encoded(SHA256)}") == ("sha256", b"", 1)


def test_row_without_a_hash_says_no_more_than_that_there_is_a_file() -> None:
    assert stated("", "") == (None, None, None)


@pytest.mark.parametrize("size", ["", "x", "-1", "1.0", "0x1", "²", "9" * 20, " 1"])
def test_size_that_is_none_does_not_count(size: str) -> None:
    assert stated(f"sha256={encoded(SHA256)}", size) == ("sha256", SHA256, None)


@pytest.mark.parametrize(
    ("digest", "empty"),
    [
        ("sha256=", True),
        ("md5=", True),
        ("blake2b=", True),
        ("sha256==", False),
        ("", False),
        ("=", False),
        ("sha257=", False),
        ("shake_128=", False),
        ("sha256=abc", False),
    ],
)
def test_empty_digest_names_an_algorithm_and_nothing_more(digest: str, empty: bool) -> None:
    """PDM, where it installs from its cache."""
    assert is_empty_digest(RecordRow("x", digest, "")) is empty
