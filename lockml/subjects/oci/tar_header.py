"""Read tar headers and their extensions, only in the forms that layer writers produce.

POSIX.1-1988 ustar, POSIX.1-2001 pax, GNU's long names, large numbers and sparse files, and the format before them. Go's
reader (engines), GNU tar and Python's agree about each form that is read here. Any other form is refused, as readers
may interpret it differently: docs/threat-model.md, "Tar archives".
"""

import re
from typing import Final, Literal

from msgspec import Struct

from lockml.inventory.file_tree import UnreadableError

__all__ = [
    "BLOCK",
    "EXTENDING",
    "MAX_EXTENSION",
    "Extensions",
    "Member",
    "MemberKind",
    "is_tar",
    "parse_header",
    "require_one_reading",
    "require_pieces",
]

BLOCK: Final = 512
MAX_EXTENSION: Final = 1 << 20  # bytes of a long name or of pax records, Go's limit too
EXTENDING: Final = b"xgLK"
_MAX_NAME: Final = 1 << 14

MemberKind = Literal["file", "folder", "link", "hardlink", "other"]
_KINDS: Final[dict[bytes, MemberKind]] = {
    b"0": "file",
    b"\0": "file",
    b"S": "file",
    b"1": "hardlink",
    b"2": "link",
    b"5": "folder",
}
_PRIVILEGED: Final = 0o6000  # setuid and setgid


class Member(Struct):
    """One member: its *name* and the *target* of a link as written, *size* in bytes, *modified* in seconds since 1970.

    *sparse* content is stored without its holes, so it differs from the content of the file.
    """

    name: str
    kind: MemberKind
    size: int
    modified: int
    target: str
    sparse: bool = False
    privileged: bool = False


_OCTAL: Final = rb"[0-7]{7}[ \0]|[0-7]{6}[ \0]{2}|[0-7]{8}"
_LARGE: Final = rb"\x80\0{3}.{4}"
_FIELDS: Final = {  # where each number is, and how writers format it
    "mode": (100, 108, _OCTAL),
    "owner": (108, 116, rb"%b|%b" % (_OCTAL, _LARGE)),
    "group": (116, 124, rb"%b|%b" % (_OCTAL, _LARGE)),
    "size": (124, 136, rb"[0-7]{11}[ \0]|[0-7]{12}|\x80\0{3}[\0-\x3f].{7}"),
    "time": (136, 148, rb"[0-7]{11}[ \0]|[0-7]{12}|\x80\0{3}[\0-\x7f].{7}|\xff{4}[\x80-\xff].{7}"),
    "checksum": (148, 156, rb"[0-7]{6}[ \0]{2}|[0-7]{7}[ \0]"),
}
_DEVICE: Final = rb"(?:[ \0]{8}|%b|%b)" % (_OCTAL, _LARGE)
_NUMBERS: Final = b"".join(b"(%b)" % form for _, _, form in _FIELDS.values())
_POSIX: Final = rb"ustar\0(?:00|\0\0|  ).{64}%b{2}(?P<prefix>.{155})\0{12}" % _DEVICE
_GNU: Final = rb"ustar  \0.{64}%b{2}(?P<sparse>.{167})" % _DEVICE
_OLD: Final = rb"\0{72}%b{2}\0{167}" % _DEVICE
_MARKED: Final = b"(?:%b|%b|%b)" % (_POSIX, _GNU, _OLD)
_HEADER: Final = re.compile(rb"(?s)(.{100})%b([\x000-6SxgLK])(.{100})%b" % (_NUMBERS, _MARKED))


def parse_header(block: bytes) -> tuple[bytes, int, Member]:
    """Return the type, the size in the archive and the member that a header *block* describes."""
    match = _HEADER.fullmatch(block)
    if match is None:
        raise _fault(block)
    name, mode, _, _, size_text, time, checksum, kind, target, prefix, sparse = match.groups()
    if int(checksum[:7].rstrip(b"\0 "), 8) != sum(block.translate(None, b"\0")) - sum(checksum) + 256:
        raise UnreadableError("archive", "a header in it is damaged: its checksum is wrong")
    path = name.partition(b"\0")[0]
    if prefix is not None and prefix[0]:
        if not path:
            raise _odd(_text(prefix.partition(b"\0")[0]), "its name is a prefix only")
        path = prefix.partition(b"\0")[0] + b"/" + path
    kind_word, size = _KINDS.get(kind, "other"), _number(size_text)
    member = Member(_text(path), kind_word, size, _number(time), _text(target.partition(b"\0")[0]) if target[0] else "")
    if kind == b"S":
        _require_whole_map(member, sparse)
    elif sparse is not None and sparse != _NOTHING:
        raise _odd(member.name, "it has GNU's magic, followed by more than GNU's headers have")
    elif size and kind in b"123456":
        raise _odd(member.name, f"it is {_ARTICLES[kind_word]} and has {size} bytes")
    if kind in b"34" and not all(block[at : at + 8].strip(b"\0 ") for at in (329, 337)):
        raise _odd(member.name, "it is a device without a number")
    if mode[:4] != b"0000" and kind_word == "file":
        member.privileged = bool(_number(mode) & _PRIVILEGED)
    return kind, size, member


_NOTHING: Final = bytes(167)
_ARTICLES: Final = {"folder": "a folder", "link": "a link", "hardlink": "a hard link", "other": "a device or a pipe"}


class Extensions:
    """The extended headers of the next member: pax records, or GNU's long name and long target."""

    def __init__(self) -> None:
        self._records: dict[bytes, bytes] | None = None
        self._long: dict[bytes, bytes] = {}

    def __bool__(self) -> bool:
        return self._records is not None or bool(self._long)

    def take(self, kind: bytes, content: bytes, name: str) -> None:
        """Add the *content* of an extended header of that *kind* and *name*; raises UnreadableError."""
        if self._records is not None or kind in self._long or (self._long and kind in b"xg"):
            raise _odd(self._named(), "more than one extended header describes it")
        if kind == b"g":
            _require_harmless(_records(content, name), name)
        elif kind == b"x":
            self._records = _records(content, name)
        else:
            text = content.rstrip(b"\0")
            if not text or text == content or b"\0" in text:
                raise _odd(_text(text.replace(b"\0", b"")), "its long name is empty, or not terminated exactly once")
            self._long[kind] = text

    def apply(self, kind: bytes, member: Member, size: int) -> int:
        """Apply the extended headers to *member* and reset them; return its size in the archive.

        Raises UnreadableError.
        """
        records, short = self._records or {}, member.name
        member.name = _text(records.get(b"path", self._long.get(b"L", b""))) or member.name
        member.target = _text(records.get(b"linkpath", self._long.get(b"K", b""))) or member.target
        if kind == b"\0" and short.endswith("/"):
            raise _odd(member.name, "its short name is that of a folder, but it is not a folder")
        size = int(records.get(b"size", size))
        if size and member.kind != "file":
            raise _odd(member.name, f"it is {_ARTICLES[member.kind]} and has {size} bytes")
        if not member.sparse:
            member.size = size
        if b"mtime" in records:
            member.modified = _seconds(records[b"mtime"])
        if any(key.startswith(b"GNU.") for key in records):
            self._make_sparse(member, records)
        self._records, self._long = None, {}
        return size

    def _make_sparse(self, member: Member, records: dict[bytes, bytes]) -> None:
        """Read a sparse file in format 1.0, the only pax format that GNU tar writes by default."""
        kind_word = {key: value for key, value in records.items() if key.startswith(b"GNU.")}
        name, size = kind_word.pop(b"GNU.sparse.name", b""), kind_word.pop(b"GNU.sparse.realsize", b"")
        whole = kind_word == {b"GNU.sparse.major": b"1", b"GNU.sparse.minor": b"0"} and name and _SIZE.fullmatch(size)
        if not whole or b"\0" in name or member.kind != "file" or member.sparse:
            raise _odd(member.name, "it has records of a sparse file that are not in format 1.0")
        member.name, member.size, member.sparse = _text(name), int(size), True

    def _named(self) -> str:
        records = self._records or {}
        return _text(records.get(b"path", self._long.get(b"L", b""))) or "archive"


def require_one_reading(kind: bytes, member: Member, *, extended: bool) -> None:
    """Refuse a *member* whose name, target or type readers interpret differently, and recognise old-style folders.

    *extended* says that it had extended headers.
    """
    if member.kind != "folder" and member.name.endswith(("/", "/.")):
        if kind != b"\0" or extended or member.size or member.name.endswith("."):
            raise _odd(member.name, "its name is that of a folder, but it is not a folder")
        member.kind = "folder"
    if not member.name:
        raise _odd("archive", "a member of it has no name")
    if not member.target and member.kind in ("link", "hardlink"):
        raise _odd(member.name, "it is a link without a target")
    if len(member.name) > _MAX_NAME or len(member.target) > _MAX_NAME:
        raise UnreadableError(f"{member.name[:80]}…", "its name is too long")


def _odd(name: str, why: str) -> UnreadableError:
    return UnreadableError(name or "archive", f"readers of tar archives interpret it differently: {why}")


def _fault(block: bytes) -> UnreadableError:
    """Return what is wrong with a header that no known writer produces."""
    name = _text(block[:100].partition(b"\0")[0])
    if not _is_header(block):
        return UnreadableError(
            "archive", "a header in it is damaged: it is not a tar archive, or its checksum is wrong"
        )
    for field, (start, stop, form) in _FIELDS.items():
        if re.fullmatch(b"(?s)(?:%b)" % form, block[start:stop]) is None:
            return _odd(name, f"its {field} is {block[start:stop]!r}")
    if block[156:157] not in b"\x000123456SxgLK":
        return _odd(name, f"it has the type {block[156:157]!r}")
    return _odd(name, f"its header has the magic {block[257:265]!r}, but not that form")


def _is_header(block: bytes) -> bool:
    stated = block[148:156].strip(b"\0 ")
    octal = re.fullmatch(rb"[0-7]{1,8}", stated) is not None
    return octal and int(stated, 8) == sum(block) - sum(block[148:156]) + 256


def is_tar(head: bytes) -> bool:
    """Return whether content that begins with these 512 bytes looks like a tar archive."""
    return len(head) == BLOCK and (head == bytes(BLOCK) or head[257:262] == b"ustar" or _is_header(head))


def _number(field: bytes) -> int:
    """Return a number as octal digits, or as GNU's binary form."""
    if field[0] & 0x80:
        value = int.from_bytes(field[-8:], "big", signed=True)
        return value if len(field) > 8 else value & 0xFFFFFFFF
    return int(field.rstrip(b"\0 "), 8)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


# POSIX pax, "pax Extended Header Keywords", and vendor keywords that do not affect names and contents.
_TIME: Final = re.compile(rb"-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,18})?")
_SIZE: Final = re.compile(rb"0|[1-9][0-9]{0,17}")
_OWNER: Final = re.compile(rb"0|[1-9][0-9]{0,9}")
_NAME: Final = re.compile(rb"[^\0]+")
_ANY: Final = re.compile(rb"(?s).*")
_VALUES: Final = {
    b"path": _NAME,
    b"linkpath": _NAME,
    b"size": _SIZE,
    b"mtime": _TIME,
    b"atime": _TIME,
    b"ctime": _TIME,
    b"uid": _OWNER,
    b"gid": _OWNER,
    b"uname": re.compile(rb"[^\0]*"),
    b"gname": re.compile(rb"[^\0]*"),
    b"comment": _ANY,
    b"hdrcharset": re.compile(rb"BINARY|ISO-IR 10646 2000 UTF-8"),
}
_GLOBAL: Final = frozenset({b"comment", b"atime", b"ctime"})
_VENDOR: Final = re.compile(
    rb"GNU\.sparse\.[a-z]+|(?:SCHILY\.(?:xattr|acl|fflags|dev|ino|nlink|devmajor|devminor)|LIBARCHIVE\.[a-z]+)(?:\.[^\0]*)?"
    rb"|(?!GNU\.|SCHILY\.|LIBARCHIVE\.|SUN\.)[A-Z][A-Za-z0-9_-]*\.[^\0]+"
)


def _records(content: bytes, name: str) -> dict[bytes, bytes]:
    """Return the pax records of an extended header (POSIX pax, "pax Header Block"), each key once."""
    records: dict[bytes, bytes] = {}
    at = 0
    while at < len(content):
        digits, space, _ = content[at : at + 12].partition(b" ")
        stop = at + (int(digits) if _SIZE.fullmatch(digits) else 0)
        start = at + len(digits) + 1
        key, equals, value = content[start : stop - 1].partition(b"=")
        if not space or not start < stop <= len(content) or not equals or content[stop - 1 : stop] != b"\n":
            raise _odd(name, "its pax records are damaged")
        if key in records:
            raise _odd(name, f"it has the pax record {_shown(key)} twice")
        if (_VALUES.get(key, _ANY).fullmatch(value) if key in _VALUES else _VENDOR.fullmatch(key)) is None:
            raise _odd(name, f"it has the pax record {_shown(key)} with the value {_shown(value)}")
        records[key] = value
        at = stop
    if not records:
        raise _odd(name, "it has no pax records")
    return records


def _shown(content: bytes) -> str:
    text = _text(content)
    return repr(text if len(text) <= 80 else f"{text[:80]}…")


def _seconds(value: bytes) -> int:
    """Return a time in whole seconds, rounded down."""
    whole, _, fraction = value.partition(b".")
    return int(whole) - (value[:1] == b"-" and bool(fraction.strip(b"0")))


def _require_harmless(records: dict[bytes, bytes], name: str) -> None:
    changing = sorted(
        key for key in records if key in _VALUES.keys() - _GLOBAL or key.startswith((b"GNU.", b"SCHILY."))
    )
    if changing:
        raise _odd(name, f"a global header sets the {_text(changing[0])} of every member")


_SPARSE: Final = re.compile(rb"(?s)(?:[0-7]{11}[ \0]|\x80\0{3}[\0-\x3f].{7}){2}")


def _require_whole_map(member: Member, area: bytes | None) -> None:
    """Read GNU's old form of a sparse file: four pieces, whether more follow, and the size of the file."""
    if area is None or area[:41].strip(b"\0"):
        raise _odd(member.name, "it is a sparse file without GNU's magic")
    if not re.fullmatch(b"(?s)(?:%b)" % _FIELDS["size"][2], area[138:150]) or area[150:].strip(b"\0"):
        raise _odd(member.name, "it is a sparse file without a size")
    require_pieces(member, area[41:137], more=area[137])
    member.size, member.sparse = _number(area[138:150]), True


def require_pieces(member: Member, pieces: bytes, *, more: int) -> None:
    """Refuse invalid pieces of a sparse file, and pieces out of order."""
    each = [pieces[at : at + 24] for at in range(0, len(pieces), 24)]
    used = [piece for piece in each if piece.strip(b"\0")]
    if each[: len(used)] != used or not all(map(_SPARSE.fullmatch, used)) or (more and len(used) < len(each)):
        raise _odd(member.name, "the map of a sparse file is not in GNU's format")
