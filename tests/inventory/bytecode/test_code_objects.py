import struct
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockml.inventory.bytecode.code_objects import CodeError, code_digest, read_code, word_content
from tests.made.pythons import body_of, compile_with, other_pythons, sources_of

MINOR = sys.version_info.minor
PYTHONS = {**other_pythons(), MINOR: sys.executable}
SOURCE = '''"""About."""
import os
from a.b import c as d

class Kind(Exception):
    """Kind."""
    names: list[str] = []

    def run(self, first, /, second=(1, 2.5, -0.0, None, True, ...), *rest, third="\\u2026", **more):
        total = 1 << 70
        def inner():
            nonlocal total
            total += first in {"a", "b", b"c", 3j}
            return [total for _ in second if _]
        try:
            with open(os.devnull) as file:
                yield from inner()
        except (ValueError, OSError) as error:
            raise Kind(f"{error!r:>{third}}") from None
'''
PATH = "/some/where/kind.py"
BODY = body_of(SOURCE, path=PATH)
KINDS = "zZaAutsrcigly()>NTF."
DIGEST = code_digest(BODY, MINOR)


def word(number: int) -> bytes:
    return struct.pack("<i", number)


def with_constants(constants: bytes) -> bytes:
    """Return a code object as Python 3.11 to 3.14 write it, of which nothing but its *constants* is there."""
    empty = b"s" + word(0)
    return b"c" + bytes(20) + empty + constants + b")\0)\0" + empty + b"z\0z\0z\0" + word(1) + empty + empty


def digest(constants: bytes, minor: int = 11) -> bytes:
    return code_digest(with_constants(constants), minor)


def found(body: bytes, minor: int = MINOR) -> bytes | None:
    """Return the digest of the code in *body*, None where it is refused with a reason."""
    try:
        return code_digest(body, minor)
    except CodeError as error:
        return None if error.reason else b"no reason"


@pytest.mark.process
@pytest.mark.parametrize("minor", PYTHONS)
def test_digest_is_the_same_whatever_the_path_and_the_order_of_sets(minor: int) -> None:
    program = PYTHONS[minor]
    sources = sources_of(program)
    for level in (0, 2):
        one = compile_with(program, sources, path="/a/b.py", seed="1", optimisation=level)
        other = compile_with(program, sources, path="<c>", seed="2", optimisation=level)
        assert [code_digest(body, minor) for body in one] == [code_digest(body, minor) for body in other]
    assert len({code_digest(body, minor) for body in one}) == len(set(sources)) > 40


@pytest.mark.process
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = True", "x = 1"),
        ("x = 1", "x = 1.0"),
        ("x = 0.0", "x = -0.0"),
        ("x = 0j", "x = -0j"),
        ("x = 'a'", "x = b'a'"),
        ("x = 1, 2", "x = 2, 1"),
        ("x = None", "x = ..."),
        ("x in {1, 2}", "x in (1, 2)"),
        ("x in {1, 2}", "x in {1, 3}"),
        ("x = 1 << 31", "x = 1 << 32"),
        ("x = '" + "a" * 300 + "'", "x = '" + "a" * 299 + "b'"),
        ("a + b", "a - b"),
        ("a.b", "a.c"),
        ("a\nb", "a\n\nb"),
        ("def f(a): pass", "def f(a, /): pass"),
        ("def f(): a", "async def f(): a"),
        ("def f(): pass", "def g(): pass"),
    ],
)
def test_code_that_differs_has_another_digest(one: str, other: str) -> None:
    assert code_digest(body_of(one), MINOR) != code_digest(body_of(other), MINOR)


def test_numbers_that_are_not_numbers_differ_by_their_bits() -> None:
    quiet, loud = bytes.fromhex("000000000000f87f"), bytes.fromhex("010000000000f87f")
    assert digest(b")\1g" + quiet) != digest(b")\1g" + loud)


def test_string_has_one_digest_however_it_is_packed() -> None:
    packed = [
        b"z\2ab",
        b"Z\2ab",
        b"\xdaZ"[:1] + b"\2ab",
        b"a\2\0\0\0ab",
        b"A\2\0\0\0ab",
        b"u\2\0\0\0ab",
        b"t\2\0\0\0ab",
    ]
    assert len({digest(b")\1" + one) for one in packed}) == 1
    assert digest(b")\1s\2\0\0\0ab") != digest(b")\1z\2ab")


def test_reference_has_the_digest_of_what_it_refers_to() -> None:
    assert digest(b")\2\xfa\2abr\0\0\0\0") == digest(b")\2z\2abz\2ab") == digest(b"(\2\0\0\0z\2abz\2ab")


def test_frozenset_has_no_order() -> None:
    assert digest(b")\1>\2\0\0\0z\1az\1b") == digest(b")\1>\2\0\0\0z\1bz\1a")


@pytest.mark.parametrize(
    ("constants", "reason"),
    [
        (b"\xa9\1r\0\0\0\0", "not complete"),
        (b")\1r\7\0\0\0", "not complete"),
        (b")\1r\xff\xff\xff\xff", "not complete"),
        (b")\1z\1\x80", "ASCII text with other"),
        (b")\1>\2\0\0\0z\1az\1a", "duplicate"),
        (b")\1[\0\0\0\0", "of the kind '\\['"),
        (b")\1:NNN", "slice"),
        (b"(\xff\xff\xff\x7f", "cut short"),
        (b"(\xff\xff\xff\xff", "cut short"),
        (b"u\xff\xff\xff\xff", "cut short"),
        (b")\1l\0\0\0\x80", "cut short"),
        (b")\1" * 300, "too deep"),
    ],
)
def test_body_that_no_compiler_writes_is_refused(constants: bytes, reason: str) -> None:
    with pytest.raises(CodeError, match=reason):
        digest(constants)


def test_slice_is_read_since_python_3_14() -> None:
    assert digest(b")\1:i\1\0\0\0NN", 14) != digest(b")\1:Ni\1\0\0\0N", 14)


@pytest.mark.parametrize("body", [b"", b"N", b"code", BODY[:-1], BODY + b"\0", b"r\0\0\0\0"])
def test_what_is_no_whole_code_object_is_refused(body: bytes) -> None:
    with pytest.raises(CodeError):
        code_digest(body, MINOR)


@pytest.mark.parametrize("minor", [7, 15])
def test_python_that_is_not_known_is_refused(minor: int) -> None:
    with pytest.raises(CodeError, match=f"3.{minor}"):
        code_digest(BODY, minor)


def test_values_that_refer_to_each_other_cost_what_their_bytes_do() -> None:
    """Written out, the constants would be 2 ** 3000 strings, or a gigabyte."""
    doubled = b"".join(b"\xa9\2r" + word(number) + b"r" + word(number) for number in range(1, 200))
    halves = b"(" + word(3001) + b"\xe1" + word(200) + b"a" * 200
    chain = b"(" + word(201) + b"\xfa\1a\xa9\1r\0\0\0\0" + doubled
    text = b"(" + word(20_001) + b"\xe1" + word(50_000) + b"a" * 50_000 + b"r\0\0\0\0" * 20_000
    began = time.process_time()
    digest(chain)
    digest(text)
    with pytest.raises(CodeError):
        digest(halves)
    assert time.process_time() - began < 1


def test_too_many_values_are_refused() -> None:
    with pytest.raises(CodeError, match="1000000 values"):
        digest(b"(" + word(1_000_001) + b"N" * 1_000_001)


def test_words_are_names_and_constants_but_neither_code_nor_path() -> None:
    words = {word_content(each) for each in read_code(BODY, MINOR).words}
    assert {b"os", b"devnull", b"Kind", b"About.", b"run", b"first", b"c", "\u2026".encode()} <= words
    assert PATH.encode() not in words
    assert read_code(BODY, MINOR).digest == DIGEST != read_code(BODY, MINOR, lines=False).digest


@pytest.mark.slow
def test_every_change_of_a_byte_is_refused_or_seen() -> None:
    """But in the path, by the mark of what can be referred to, and by which of two letters a string is told."""
    at = BODY.index(PATH.encode())
    letters = {
        (ord(one), ord(other)) for one, other in ("zZ", "Zz", "aA", "Aa", "ut", "tu", *zip(KINDS, KINDS, strict=True))
    }
    paths = set()
    for place, byte in enumerate(BODY):
        for value in {byte ^ bit for bit in (1, 2, 4, 8, 16, 32, 64, 128)} | {0, 255} - {byte}:
            changed = BODY[:place] + bytes((value,)) + BODY[place + 1 :]
            if found(changed) != DIGEST or at <= place < at + len(PATH) or (byte & 0x7F, value & 0x7F) in letters:
                continue
            paths.add(BODY[place - 1 : place + 4])
    assert len(paths) == 1  # the reference to the path, from each function
    assert paths.pop()[:1] == b"r"


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0), st.binary(max_size=9)), max_size=5), st.integers(1, 4))
def test_nothing_but_the_one_error_is_raised(edits: list[tuple[int, bytes]], cut: int) -> None:
    changed = bytearray(BODY)
    for place, put in edits:
        start = place % len(changed)
        changed[start : start + len(put)] = put
    for body in (bytes(changed), bytes(changed[: len(changed) // cut])):
        for minor in (8, MINOR, 14):
            found(body, minor)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read(body: bytes) -> None:
    for content in (body, with_constants(body)):
        found(content, 11)
