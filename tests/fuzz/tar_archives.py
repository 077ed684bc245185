"""Make tar archives that are nearly well-formed: what writers write, with odd headers, records, orders and ends."""

import random

from tests.made.tars import header, pax, record

__all__ = ["make_archive"]

_NAMES = (
    *(
        b"a",
        b"tmp/h",
        b"opt/evil.pth",
        b"d/",
        b"./a",
        b"/abs",
        b"a/",
        b"a/.",
        b"",
        b"./",
        b"a\0b",
        b"a//b",
        b"a b",
        b" a",
    ),
    *(b"a\n", b"a\\n", b"-a", b"\xc3\xa9", b"\xff\xfe", b"GNUSparseFile.0/a", b"x" * 99, b"x" * 100, b"l/" + b"y" * 98),
)
_LONG = (b"n" * 150, b"opt/" + b"m" * 300, b"d/" * 60, b"k" * 511, b"k" * 512)
_VALUES = (
    *(b"", b"0", b"1", b"5", b"12", b"512", b"00012", b"+5", b" 5", b"5 ", b"-1", b"1_0", b"1e3", b"0x10", b"9" * 19),
    *(b"9" * 30, b"1.5", b"-1.5", b"1.", b".5", b"1700000000.999999999", b"nan"),
)
_KEYS = (
    *(
        b"path",
        b"linkpath",
        b"size",
        b"mtime",
        b"atime",
        b"uid",
        b"uname",
        b"hdrcharset",
        b"comment",
        b"charset",
        b"Path",
    ),
    *(b"GNU.sparse.name", b"GNU.sparse.size", b"GNU.sparse.realsize", b"GNU.sparse.major", b"GNU.sparse.minor"),
    *(b"GNU.sparse.map", b"SCHILY.xattr.user.a", b"SCHILY.realsize", b"SCHILY.filetype", b"LIBARCHIVE.creationtime"),
    *(b"APK-TOOLS.checksum.SHA1", b"MSWINDOWS.rawsd", b"foo", b""),
)
_NUMBERS8 = (
    *(
        b"0000644\0",
        b"000644 \0",
        b"0000644 ",
        b" 000644\0",
        b"644\0\0\0\0\0",
        b"\0000644\0",
        b"00000644",
        b"0o00644\0",
    ),
    *(b"\x80\0\0\0\0\0\1\xa4", b"\xff" * 8, b"\x81" + bytes(7), bytes(8), b" " * 8, b"00_0644\0", b"0004755\0"),
)
_NUMBERS12 = (
    *(b"00000000005\0", b"00000000005 ", b"000000000005", b" 0000000005\0", b"\0" + b"0000001000\0", b"5" + bytes(11)),
    *(b"          5 ", b"0000000_005\0", b"+0000000005\0", b"-0000000001\0", b"\x80" + bytes(10) + b"\5", b"\xff" * 12),
    *(
        b"\x80" + b"\xff" * 11,
        b"\x80\0\0\0\x3f" + b"\xff" * 7,
        b"\xc0" + bytes(10) + b"\5",
        b"0000000001\0\0",
        bytes(12),
    ),
    *(b"00000001\0 00", b" \0" + b"0000001000", b"00000000009\0"),
)
_FIELDS = ((100, _NUMBERS8), (108, _NUMBERS8), (116, _NUMBERS8), (124, _NUMBERS12), (136, _NUMBERS12), (329, _NUMBERS8))
_MAGICS = (
    b"ustar\00000",
    b"ustar  \0",
    bytes(8),
    b"ustar\0\0\0",
    b"ustar   ",
    b"ustar 00",
    b"USTAR\00000",
    b"ustar\0  ",
)
_KINDS = b"0000000000000125\x00\x00134678SDMVXANxgLKZ\xff"


def make_archive(seed: int) -> bytes:
    """Return an archive, the same for the same *seed*."""
    draw = random.Random(seed)
    oddness = draw.choice((0.0, 0.02, 0.1, 0.3))
    parts = [_part(draw, oddness) for _ in range(draw.randint(1, 5))]
    if draw.random() < oddness:
        parts.insert(draw.randrange(len(parts) + 1), bytes(512))
    end = draw.choice((b"", bytes(512), bytes(1024) + parts[0])) if draw.random() < oddness else bytes(1024)
    content = bytearray(b"".join(parts) + end)
    if draw.random() < oddness / 4:
        content[draw.randrange(len(content))] = draw.randrange(256)
    return bytes(content)


def _part(draw: random.Random, oddness: float) -> bytes:
    extended = b""
    magic = draw.choice(_MAGICS[:3])
    odd = draw.random() < oddness
    for _ in range(draw.choice((0, 0, 1, 1, 2)) if odd else draw.choice((0, 0, 1))):
        extended += _extension(draw, odd=odd, magic=magic)
    return extended + _member(draw, oddness, magic)


def _member(draw: random.Random, oddness: float, magic: bytes) -> bytes:
    kind = bytes([draw.choice(_KINDS)]) if draw.random() < max(oddness, 0.3) else b"0"
    content = (
        draw.randbytes(draw.choice((0, 0, 5, 20, 512, 700))) if kind in b"0\x007" or draw.random() < oddness else b""
    )
    if draw.random() < oddness:  # content that is a header
        content = header(b"opt/evil.pth", b"12345")
    name = draw.choice(_NAMES[:2] if draw.random() > max(oddness, 0.2) else _NAMES)
    target = draw.choice((b"a", b"../x", b"t" * 100, b"")) if kind in b"12" or draw.random() < oddness else b""
    prefix = draw.choice((b"p", b"p" * 155, b"q/r")) if magic[5:6] == b"\0" and draw.random() < 0.2 else b""
    block = bytearray(header(name, content, kind=kind, magic=magic, prefix=prefix, target=target)[:512])
    for at, values in _FIELDS:
        if draw.random() < oddness:
            value = draw.choice(values)
            block[at : at + len(value)] = value
    for _ in range(draw.randint(0, 2) if draw.random() < oddness else 0):
        at = draw.choice(
            (draw.randrange(512), 345 + draw.randrange(155), 500 + draw.randrange(12), 257 + draw.randrange(8))
        )
        block[at] = draw.choice((0, 32, 48, 55, 1, 128, 255))
    if draw.random() < oddness / 2:
        block[257:265] = draw.choice(_MAGICS)
    if draw.random() > oddness / 10:
        _sign(draw, block, odd=draw.random() < oddness)
    return bytes(block) + content + bytes(-len(content) % 512)


def _sign(draw: random.Random, block: bytearray, *, odd: bool) -> None:
    block[148:156] = b" " * 8
    total = sum(block)
    if odd and draw.random() < 0.3:
        total = sum(each - 256 if each > 127 else each for each in block)
    forms = (b"%06o\0 ", b"%07o\0", b"%06o \0", b"%07o ", b" %05o\0 ", b"\0%06o ", b"%08o")
    stated = (draw.choice(forms) if odd else forms[0]) % max(total, 0)
    block[148:156] = stated[:8].ljust(8, b"\0")


def _extension(draw: random.Random, *, odd: bool, magic: bytes) -> bytes:
    if draw.random() < 0.3:
        kind = draw.choice(b"LK")
        text = draw.choice(_LONG + (_NAMES if odd else ()))
        end = draw.choice((b"", b"\0", b"\0\0", b"\0z\0")) if odd else b"\0"
        return header(b"././@LongLink", text + end, kind=bytes([kind]), magic=magic if odd else b"ustar  \0")
    if not odd:
        return pax(*_ordinary(draw))
    records = []
    for _ in range(draw.randint(0, 3)):
        key = draw.choice(_KEYS)
        value = draw.choice(_NAMES + _LONG if key in (b"path", b"linkpath", b"GNU.sparse.name") else _VALUES + _NAMES)
        records.append(record(key, value))
    content = bytearray(b"".join(records))
    if content and draw.random() < 0.2:
        content[draw.randrange(len(content))] = draw.choice(b" =\n\x00059a")
    return header(b"PaxHeaders/x", bytes(content), kind=draw.choice((b"x", b"x", b"x", b"g")))


def _ordinary(draw: random.Random) -> list[tuple[bytes, bytes]]:
    chosen = [
        (b"path", draw.choice(_LONG + _NAMES[:4])),
        (b"mtime", draw.choice((b"1700000000.123456789", b"0", b"-1.5", b"1"))),
        (b"SCHILY.xattr.security.capability", b"\1\0\0\2\n="),
        (b"uid", b"4000000"),
        (b"linkpath", b"far/" * 40 + b"x"),
        (b"uname", "é".encode()),
        (b"hdrcharset", b"BINARY"),
    ]
    return draw.sample(chosen, draw.randint(1, 4))
