import gzip
import io
import sys
import zlib

import pytest

from lockml.inventory.file_tree import UnreadableError
from lockml.subjects.oci import decompress as inflate
from lockml.subjects.oci.decompress import inflated
from lockml.subjects.oci.tar import ByteSource, StreamSource

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CONTENT = bytes(range(256)) * 5000


def read_all(source: ByteSource) -> bytes:
    parts = []
    while part := source.read(70_001):
        parts.append(part)
    return b"".join(parts)


def unpacked(content: bytes) -> bytes:
    return read_all(inflated(StreamSource(io.BytesIO(content))))


@pytest.mark.parametrize(
    "content",
    [
        CONTENT,
        gzip.compress(CONTENT),
        gzip.compress(CONTENT[:5000]) + gzip.compress(CONTENT[5000:]),
        gzip.compress(CONTENT) + bytes(512),
        zstd.compress(CONTENT),
        zstd.compress(CONTENT[:5000]) + zstd.compress(CONTENT[5000:]),
        b"\x50\x2a\x4d\x18\x04\0\0\0skip" + zstd.compress(CONTENT),
    ],
    ids=["plain", "gzip", "members", "padded", "zstd", "frames", "skippable"],
)
def test_content_is_the_same_however_it_is_packed(content: bytes) -> None:
    assert unpacked(content) == CONTENT


@pytest.mark.parametrize("packed", [gzip.compress(CONTENT), zstd.compress(CONTENT)], ids=["gzip", "zstd"])
def test_broken_streams_are_refused(packed: bytes) -> None:
    with pytest.raises(UnreadableError, match="stream is truncated"):
        unpacked(packed[:-9])
    broken = bytearray(packed)
    broken[len(broken) // 2] ^= 0xFF
    broken[-3] ^= 0xFF
    with pytest.raises(UnreadableError, match=r"damaged|too early"):
        unpacked(bytes(broken))


@pytest.mark.slow
def test_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflate, "_FREE", 1 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    with pytest.raises(UnreadableError, match="more than 250 times its size"):
        unpacked(bomb)


def test_zlib_serves_where_nothing_faster_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflate, "_GZIP_LIBRARY", zlib)
    assert unpacked(gzip.compress(CONTENT)) == CONTENT
