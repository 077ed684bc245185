"""Read the body of a compiled module, as CPython 3.8 to 3.14 write it, into a digest of its code.

The format is that of `marshal`, versions 4 and 5 (CPython's Python/marshal.c); nothing is ever loaded. Each value
becomes a token of bytes, and a value with parts becomes the SHA-256 of its parts' tokens, so the work depends only on
the length of the body, not on its references. Two bodies have the same digest exactly if they hold equal code. How
references and strings are packed, the order within a frozenset and the path that was compiled (co_filename, which
each import sets) do not count. Everything else does.
"""

import struct
from collections.abc import Callable
from hashlib import sha256
from itertools import pairwise
from typing import Final

from msgspec import Struct

__all__ = ["MAX_BODY", "MINORS", "Code", "CodeError", "code_digest", "read_code", "word_content"]

MAX_BODY: Final = 16 << 20
MINORS: Final = range(8, 15)
_MAX_VALUES: Final = 1_000_000
_MAX_DEPTH: Final = 200
_INLINE: Final = 64  # longer strings are kept as digests, so a reference to one does not cost its length
_REFERABLE: Final = 0x80
_WORD: Final = struct.Struct("<i")
# The fields of a code object in their order: w is a word, v a value, t a name, - the path, l the table of lines.
_FIELDS_8: Final = "wwwwwwvvvvvv-twl"
_FIELDS_11: Final = "wwwwwvvvvv-ttwlv"
_WORDS: Final = frozenset(b"uUsS")
_CUT: Final = "it is cut short"
_DEEP: Final = "its values are nested too deeply"
_SHORT: Final = [bytes((length,)) for length in range(_INLINE + 1)]


class CodeError(Exception):
    """The body is not one that a CPython compiler writes, or exceeds a bound; *reason* says how.

    Internal: never reaches the user; comparing bytecode turns it into a deviation.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Code(Struct, frozen=True):
    """The code in a compiled module: its *digest*, 32 bytes, and as tokens its *words*, the texts and bytes in it.

    Words are names, attributes and constants, regardless of their use.
    """

    digest: bytes
    words: frozenset[bytes]


def code_digest(body: bytes, minor: int) -> bytes:
    """Return the digest of the code in *body*, what Python 3.*minor* wrote after its header; raises CodeError."""
    return _read(_Reader(body, minor), minor)


def read_code(body: bytes, minor: int, *, lines: bool = True) -> Code:
    """Return the code in *body* as `code_digest` reads it, in twice the time; raises CodeError.

    Without *lines* the tables of line numbers and columns do not count.
    """
    words: set[bytes] = set()
    digest = _read(_Reader(body, minor, lines=lines, words=words), minor)
    return Code(digest, frozenset(words))


def word_content(word: bytes) -> bytes | None:
    """Return the bytes of a word of `Code`, in UTF-8 for a text; None for a long one, kept as a digest."""
    return word[2:] if word[:1] in (b"u", b"s") else None


def _read(reader: "_Reader", minor: int) -> bytes:
    if minor not in MINORS:
        raise CodeError(f"the bytecode format of Python 3.{minor} is not known")
    if len(reader.data) > MAX_BODY:
        raise CodeError(f"it has more than {MAX_BODY >> 20} MiB")
    try:
        token = reader.value(0)
    except (IndexError, struct.error):
        raise CodeError(_CUT) from None
    except RecursionError:
        raise CodeError(_DEEP) from None
    if token[:1] != b"c":
        raise CodeError("it is not a code object")
    if reader.at != len(reader.data):
        raise CodeError("more bytes follow its code")
    return token[1:]


class _Reader:
    """A reader of values from *at*, which numbers those that can be referred to as CPython does: before their parts.

    `None` among *refs* is a value whose parts are still being read.
    """

    __slots__ = ("_values", "at", "data", "fields", "lines", "minor", "refs", "words")

    def __init__(self, data: bytes, minor: int, *, lines: bool = True, words: set[bytes] | None = None) -> None:
        self.at = 0
        self.data = data
        self.minor = minor
        self.fields = _FIELDS_11 if minor >= 11 else _FIELDS_8
        self.lines = lines
        self.refs: list[bytes | None] = []
        self.words = words
        self._values = 0

    def value(self, depth: int) -> bytes:
        """Return the token of the value at `at`, nested *depth* values deep."""
        kind = self.data[self.at]
        self.at += 1
        leaf = _LEAVES.get(kind & 0x7F)
        if leaf is not None:
            token = leaf(self)
            if kind >= _REFERABLE:
                self.refs.append(token)
            return token
        whole = _WHOLES.get(kind & 0x7F)
        if whole is None:
            return self._apart(kind & 0x7F)
        if depth == _MAX_DEPTH:
            raise CodeError(_DEEP)
        if kind < _REFERABLE:
            return whole(self, depth + 1)
        number = len(self.refs)
        self.refs.append(None)
        token = self.refs[number] = whole(self, depth + 1)
        return token

    def _apart(self, kind: int) -> bytes:
        """Return the token of a value that is never numbered."""
        if kind == ord("r"):
            number = self.word()
            token = self.refs[number] if 0 <= number < len(self.refs) else None
            if token is None:
                raise CodeError("it refers to a value that is not complete")
            return token
        if kind in b"NTF.":
            return bytes((kind,))
        raise CodeError(f"it has a value of the kind {chr(kind)!r}")

    def word(self) -> int:
        """Return the word of four bytes at `at`."""
        (number,) = _WORD.unpack_from(self.data, self.at)
        self.at += 4
        return int(number)

    def peek(self) -> int:
        """Return the word of four bytes at `at` without moving on."""
        (number,) = _WORD.unpack_from(self.data, self.at)
        return int(number)

    def take(self, length: int) -> bytes:
        """Return the next *length* bytes."""
        end = self.at + length
        if length < 0 or end > len(self.data):
            raise CodeError(_CUT)
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def parts(self, count: int, depth: int) -> list[bytes]:
        """Return the tokens of the next *count* values."""
        self._values += count
        if count < 0 or count > len(self.data) - self.at:
            raise CodeError(_CUT)
        if self._values > _MAX_VALUES:
            raise CodeError(f"it has more than {_MAX_VALUES} values")
        value = self.value
        found = [value(depth) for _ in range(count)]
        if self.words is not None:
            self.words.update(token for token in found if token[0] in _WORDS)
        return found


def _packed(kind: bytes, content: bytes) -> bytes:
    """Return the token of a string: its *kind* as a small letter with the content, or as a capital with its digest."""
    if len(content) <= _INLINE:
        return kind + _SHORT[len(content)] + content
    return kind.upper() + sha256(content).digest()


def _ascii(content: bytes) -> bytes:
    if not content.isascii():
        raise CodeError("it has an ASCII text with other characters")  # CPython reads Latin-1
    return _packed(b"u", content)


def _short_ascii(reader: _Reader) -> bytes:
    length = reader.data[reader.at]
    reader.at += 1
    return _ascii(reader.take(length))


def _small_tuple(reader: _Reader, depth: int) -> bytes:
    count = reader.data[reader.at]
    reader.at += 1
    return b"(" + sha256(b"".join(reader.parts(count, depth))).digest()


def _tuple(reader: _Reader, depth: int) -> bytes:
    return b"(" + sha256(b"".join(reader.parts(reader.word(), depth))).digest()


def _frozenset(reader: _Reader, depth: int) -> bytes:
    members = sorted(reader.parts(reader.word(), depth))
    if any(one == other for one, other in pairwise(members)):
        raise CodeError("it has a set with a duplicate member")
    return b">" + sha256(b"".join(members)).digest()


def _slice(reader: _Reader, depth: int) -> bytes:
    if reader.minor < 14:
        raise CodeError("it has a slice, which this Python does not write")
    return b":" + sha256(b"".join(reader.parts(3, depth))).digest()


def _code(reader: _Reader, depth: int) -> bytes:
    found: list[bytes] = []
    for field in reader.fields:
        if field == "w":
            found.append(reader.take(4))
            continue
        token = reader.value(depth)
        if field == "t" and reader.words is not None:
            reader.words.add(token)
        if field in "vt" or (field == "l" and reader.lines):
            found.append(token)
        elif token[:1] not in (b"uU" if field == "-" else b"sS"):
            raise CodeError("it has a code object with a field of the wrong kind")
    return b"c" + sha256(b"".join(found)).digest()


# The kinds of values that can be referred to; a number's bytes are compared as they are, and so -0.0 is not 0.0.
_LEAVES: Final[dict[int, Callable[[_Reader], bytes]]] = {
    ord("z"): _short_ascii,
    ord("Z"): _short_ascii,
    ord("a"): lambda reader: _ascii(reader.take(reader.word())),
    ord("A"): lambda reader: _ascii(reader.take(reader.word())),
    ord("u"): lambda reader: _packed(b"u", reader.take(reader.word())),
    ord("t"): lambda reader: _packed(b"u", reader.take(reader.word())),
    ord("s"): lambda reader: _packed(b"s", reader.take(reader.word())),
    ord("i"): lambda reader: b"i" + reader.take(4),
    ord("l"): lambda reader: _packed(b"l", reader.take(2 * abs(reader.peek()) + 4)),
    ord("g"): lambda reader: b"g" + reader.take(8),
    ord("y"): lambda reader: b"y" + reader.take(16),
}
_WHOLES: Final[dict[int, Callable[[_Reader, int], bytes]]] = {
    ord(")"): _small_tuple,
    ord("("): _tuple,
    ord("c"): _code,
    ord(">"): _frozenset,
    ord(":"): _slice,
}
