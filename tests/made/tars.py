"""Tar archives byte by byte: headers as writers write them, and as they should not."""

import struct

__all__ = ["END", "POSIX", "header", "pax", "record", "signed"]

POSIX = b"ustar\00000"
END = bytes(1024)
_HEADER = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x")


def header(
    name: bytes,
    content: bytes = b"",
    *,
    kind: bytes = b"0",
    magic: bytes = POSIX,
    prefix: bytes = b"",
    target: bytes = b"",
) -> bytes:
    """Return a member: its header, and its content padded to blocks."""
    device = b"0000000\0" if magic != bytes(8) else b""
    numbers = (b"0000644\0", b"0000000\0", b"0000000\0", b"%011o\0" % len(content), b"00000000000\0", b"")
    block = _HEADER.pack(name, *numbers, kind, target, magic, b"", b"", device, device, prefix)
    return signed(block) + content + bytes(-len(content) % 512)


def signed(block: bytes) -> bytes:
    """Return the header *block* with the checksum that it should have."""
    blank = block[:148] + b" " * 8 + block[156:]
    return blank[:148] + b"%06o\0 " % sum(blank) + blank[156:]


def record(key: bytes, value: bytes) -> bytes:
    """Return one pax record."""
    body = b" %b=%b\n" % (key, value)
    length = len(body) + 1
    while len(str(length)) + len(body) != length:
        length += 1
    return b"%d%b" % (length, body)


def pax(*records: tuple[bytes, bytes], kind: bytes = b"x") -> bytes:
    """Return an extended header with these *records*."""
    return header(b"PaxHeaders.0/a", b"".join(record(*each) for each in records), kind=kind)
