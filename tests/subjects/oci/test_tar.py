import io
import tarfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockml.inventory.file_tree import UnreadableError
from lockml.subjects.oci.tar import FileSource, Member, StreamSource, read_members


def members(content: bytes) -> list[tuple[Member, bytes]]:
    """Return every member with its content."""
    source = StreamSource(io.BytesIO(content))
    return [(member, source.read(member.size) if member.kind == "file" else b"") for member in read_members(source)]


def packed(*infos: tuple[tarfile.TarInfo, bytes], style: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=style) as archive:
        for info, content in infos:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def named(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", modified: float = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mtime = kind, target, modified
    return info


def blocks(content: bytes) -> list[bytes]:
    return [content[at : at + 512] for at in range(0, len(content), 512)]


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=300)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            names.filter(lambda name: name.strip("/") and not name.rstrip("/").endswith("/.")), st.binary(max_size=1500)
        ),
        max_size=6,
    ),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
def test_archive_is_read_as_the_standard_library_reads_it(files: list[tuple[str, bytes]], style: int) -> None:
    content = packed(*((named(name.rstrip("/") or "x"), data) for name, data in files), style=style)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        expected = [(each.name, archive.extractfile(each).read()) for each in archive]  # type: ignore[union-attr]
    assert [(member.name.rstrip("/"), data) for member, data in members(content)] == expected


@pytest.mark.parametrize("style", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_kinds_targets_and_times_are_told(style: int) -> None:
    content = packed(
        (named("folder", tarfile.DIRTYPE), b""),
        (named("link", tarfile.SYMTYPE, "../target"), b""),
        (named("hard", tarfile.LNKTYPE, "file"), b""),
        (named("device", tarfile.CHRTYPE), b""),
        (named("file", modified=1234567890), b"content"),
        style=style,
    )
    told = [(member.name.rstrip("/"), member.kind, member.target) for member, _ in members(content)]
    assert told == [
        ("folder", "folder", ""),
        ("link", "link", "../target"),
        ("hard", "hardlink", "file"),
        ("device", "other", ""),
        ("file", "file", ""),
    ]
    assert members(content)[-1][0].modified == 1234567890


def test_file_and_stream_give_the_same(tmp_path: object) -> None:
    content = packed((named("a"), b"x" * 700), (named("b"), b"y"))
    with open(f"{tmp_path}/a.tar", "w+b") as file:  # noqa: PTH123 - its handle is wanted
        file.write(content)
        file.flush()
        source = FileSource(file.fileno(), 0, len(content))
        found = [(member.name, source.read(member.size)) for member in read_members(source)]
    assert found == [("a", b"x" * 700), ("b", b"y")]


def test_content_that_nobody_reads_is_left_out() -> None:
    content = packed((named("a"), b"x" * 70_000), (named("b"), b"y"))
    source = StreamSource(io.BytesIO(content))
    assert [member.name for member in read_members(source)] == ["a", "b"]


ORDINARY = packed((named("a"), b"x" * 700), (named("b"), b"y"))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it is empty"),
        (ORDINARY[:100], "truncated inside a header"),
        (ORDINARY[:1000], "truncated inside a file"),
        (b"\1" * 512, "is not a tar archive"),
        (ORDINARY.replace(b"a", b"b", 1), "checksum is wrong"),
        (ORDINARY[:1536] + bytes(512) + ORDINARY[1536:], "data follows its end marker"),
    ],
)
def test_damaged_archive_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(UnreadableError, match=problem):
        members(content)


def with_checksum(block: bytearray) -> bytes:
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


@pytest.mark.parametrize(
    ("at", "value", "problem"),
    [
        (124, b"\xff" * 12, "its size is"),
        (124, b"9" * 11 + b"\0", "its size is"),
        (124, b"\x80" + b"\x7f" * 11, "its size is"),
        (124, b"\x80\0\0\0\x3f" + b"\x7f" * 7, "truncated inside a file"),
        (0, b"name/", "that of a folder, but it is not a folder"),
    ],
)
def test_header_that_lies_is_refused(at: int, value: bytes, problem: str) -> None:
    """CVE-2025-8194: a negative size sent another reader back for ever."""
    header = bytearray(blocks(packed((named("a"), b"x" * 700)))[0])
    header[at : at + len(value)] = value
    with pytest.raises(UnreadableError, match=problem):
        members(with_checksum(header) + bytes(1024))


def record(text: str) -> bytes:
    length = len(text) + 3 if len(text) < 7 else len(text) + 4
    return f"{length} {text}\n".encode()


def pax(records: bytes, kind: bytes = b"x") -> bytes:
    header = bytearray(blocks(packed((named("header"), records)))[0])
    header[156:157] = kind
    return with_checksum(header) + records + bytes(-len(records) % 512)


@pytest.mark.parametrize(
    ("extended", "problem"),
    [
        (pax(b"99 path=b\n"), "pax records are damaged"),
        (pax(b"999 path=b\n"), "pax records are damaged"),
        (pax(b"x path=b\n"), "pax records are damaged"),
        (pax(record("size=-1")), "'size' with the value"),
        (pax(record("size=1e400")), "'size' with the value"),
        (pax(record("mtime=inf")), "'mtime' with the value"),
        (pax(record("path=a\0b")), "'path' with the value"),
        (pax(record("path=b"), kind=b"g"), "sets the path of every member"),
        (pax(b"x" * (2 << 20)), "bytes"),
    ],
)
def test_extended_header_that_lies_is_refused(extended: bytes, problem: str) -> None:
    with pytest.raises(UnreadableError, match=problem):
        members(extended + ORDINARY)


def test_global_header_of_a_commit_is_harmless() -> None:
    """`git archive` writes one."""
    records = record("comment=0123456")
    assert [member.name for member, _ in members(pax(records, kind=b"g") + ORDINARY)] == ["a", "b"]


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=3000), st.lists(st.tuples(st.integers(0, 2047), st.integers(0, 255)), max_size=8))
def test_no_bytes_break_the_reader(extra: bytes, changes: list[tuple[int, int]]) -> None:
    content = bytearray(ORDINARY)
    for at, value in changes:
        content[at] = value
    for each in (bytes(content), extra, bytes(content[:2048]) + extra):
        with suppress(UnreadableError):
            members(each)
