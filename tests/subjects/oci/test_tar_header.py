"""Which headers are read: those that writers of layers produce. What readers take differently is refused."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from lockml.inventory.file_tree import UnreadableError
from lockml.subjects.oci.tar import StreamSource, read_members
from tests.made.tars import END, POSIX, header, pax, record, signed

GNU = b"ustar  \0"
OLD = bytes(8)
PTH = b"site-packages/evil.pth"
EVIL = header(PTH, b"import evil\n")
HARMLESS = header(b"tmp/harmless", b"import evil\n")


def names(content: bytes) -> list[tuple[str, str, int]]:
    """Return name, kind and size of every member."""
    return [(each.name, each.kind, each.size) for each in read_members(StreamSource(io.BytesIO(content)))]


def long_name(name: bytes, kind: bytes = b"L", *, end: bytes = b"\0") -> bytes:
    return header(b"././@LongLink", name + end, kind=kind, magic=GNU)


def changed(at: int, value: bytes, *, content: bytes = b"x", kind: bytes = b"0", magic: bytes = POSIX) -> bytes:
    """Return a member with *value* at that place of its header."""
    whole = header(b"a", content, kind=kind, magic=magic)
    block = whole[:at] + value + whole[at + len(value) : 512]
    return signed(block) + whole[512:]


SPARSE = ((b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.name", b"s"))


@pytest.mark.parametrize(
    ("archive", "entry", "why"),
    [
        (pax((b"path", b"")) + EVIL, "PaxHeaders.0/a", "'path' with the value ''"),
        (pax((b"path", b"tmp/harmless")) + pax((b"mtime", b"1")) + EVIL, "tmp/harmless", "more than one extended"),
        (pax((b"path", b"a"), (b"path", b"b")) + EVIL, "PaxHeaders.0/a", "'path' twice"),
        (long_name(PTH) + pax((b"path", b"tmp/harmless")) + HARMLESS, PTH.decode(), "more than one extended"),
        (pax((b"path", b"tmp/harmless")) + long_name(PTH) + HARMLESS, "tmp/harmless", "more than one extended"),
        (long_name(PTH) + long_name(b"b") + HARMLESS, PTH.decode(), "more than one extended"),
        (long_name(b"") + HARMLESS, "archive", "long name"),
        (long_name(b"a\0b") + HARMLESS, "ab", "long name"),
        (long_name(b"a", end=b"") + HARMLESS, "a", "long name"),
        (pax((b"GNU.sparse.name", b"tmp/harmless")) + EVIL, PTH.decode(), "sparse file"),
        (pax(*SPARSE) + EVIL, PTH.decode(), "sparse file"),
        (pax((b"GNU.sparse.map", b"0,1")) + EVIL, PTH.decode(), "sparse file"),
        (pax((b"GNU.dumpdir", b"Ya")) + EVIL, "PaxHeaders.0/a", "GNU.dumpdir"),
        (pax((b"SCHILY.realsize", b"9")) + EVIL, "PaxHeaders.0/a", "SCHILY.realsize"),
        (pax((b"SCHILY.filetype", b"9")) + EVIL, "PaxHeaders.0/a", "SCHILY.filetype"),
        (pax((b"charset", b"x")) + EVIL, "PaxHeaders.0/a", "'charset'"),
        (pax((b"hdrcharset", b"x")) + EVIL, "PaxHeaders.0/a", "'hdrcharset'"),
        (pax((b"", b"x")) + EVIL, "PaxHeaders.0/a", "pax record ''"),
        (pax((b"size", b"010")) + EVIL, "PaxHeaders.0/a", "'size'"),
        (pax((b"size", b"512")) + header(b"d", kind=b"5") + EVIL, "d", "a folder and has 512 bytes"),
        (header(b"x", kind=b"x") + EVIL, "x", "no pax records"),
        (header(b"x", b"012 path=abc\n", kind=b"x") + EVIL, "x", "records are damaged"),
        (header(b"x", record(b"path", b"a") + b"\0", kind=b"x") + EVIL, "x", "records are damaged"),
        (pax((b"path", b"tmp/harmless"), kind=b"g") + EVIL, "PaxHeaders.0/a", "sets the path of every member"),
        (pax((b"size", b"5"), kind=b"g") + EVIL, "PaxHeaders.0/a", "sets the size of every member"),
        (pax((b"mtime", b"5"), kind=b"g") + EVIL, "PaxHeaders.0/a", "sets the mtime of every member"),
        (pax((b"path", b"a")) + pax((b"comment", b"5"), kind=b"g") + EVIL, "a", "more than one extended"),
        (header(b"evil.pth", b"x", magic=GNU, prefix=b"site-packages"), "evil.pth", "followed by more"),
        (header(b"evil.pth", b"x", magic=OLD, prefix=b"site-packages"), "evil.pth", "has the magic"),
        (header(b"", b"x", prefix=b"site-packages"), "site-packages", "name is a prefix only"),
        (changed(257, b"ustar 00"), "a", "has the magic"),
        (changed(508, b"tar\0"), "a", "has the magic"),
        (changed(124, b"\0" + b"0000000001\0"), "a", "its size is"),
        (changed(124, b" \0" + b"0000000001"), "a", "its size is"),
        (changed(124, b" 0000000001\0"), "a", "its size is"),
        (changed(124, b"0000000_001\0"), "a", "its size is"),
        (changed(124, b"-0000000001\0"), "a", "its size is"),
        (changed(124, bytes(12)), "a", "its size is"),
        (changed(124, b"\xff" * 12), "a", "its size is"),
        (changed(124, b"\xc0" + bytes(10) + b"\1"), "a", "its size is"),
        (changed(124, b"\x80\1" + bytes(9) + b"\1"), "a", "its size is"),
        (changed(100, b" 000644\0"), "a", "its mode is"),
        (changed(136, bytes(12)), "a", "its time is"),
        (changed(156, b"7"), "a", "the type b'7'"),
        (changed(156, b"V"), "a", "the type b'V'"),
        (changed(156, b"A"), "a", "the type b'A'"),
        (header(b"l", b"x" * 9, kind=b"2", target=b"t"), "l", "a link and has 9 bytes"),
        (header(b"h", b"x" * 9, kind=b"1", target=b"t"), "h", "a hard link and has 9 bytes"),
        (header(b"p", b"x" * 9, kind=b"6"), "p", "a device or a pipe and has 9 bytes"),
        (changed(329, bytes(8), content=b"", kind=b"3"), "a", "a device without a number"),
        (changed(337, bytes(8), content=b"", kind=b"4"), "a", "a device without a number"),
        (header(b"d", b"x" * 9, kind=b"5"), "d", "a folder and has 9 bytes"),
        (header(b"l", kind=b"2"), "l", "link without a target"),
        (header(b""), "archive", "no name"),
        (header(b"a/"), "a/", "that of a folder"),
        (header(b"a/.", kind=b"\0"), "a/.", "that of a folder"),
        (pax((b"path", b"b")) + header(b"a/", kind=b"\0", magic=OLD), "b", "short name is that of a folder"),
        (header(b"s", kind=b"S"), "s", "without GNU's magic"),
        (changed(482, b"\1", kind=b"S", magic=GNU), "a", "without a size"),
    ],
)
def test_header_that_readers_take_differently_is_refused(archive: bytes, entry: str, why: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        names(archive + END)
    assert caught.value.path == entry
    assert why in caught.value.reason
    assert caught.value.reason.startswith("readers of tar archives interpret it differently: ")


@pytest.mark.parametrize(
    ("archive", "why"),
    [
        (EVIL, "its end is missing"),
        (EVIL + END + EVIL, "data follows"),
        (EVIL + END + b"x", "data follows"),
        (pax((b"path", b"a")) + END, "ends after an extended header"),
        (long_name(b"a") + END, "ends after an extended header"),
    ],
)
def test_end_that_readers_take_differently_is_refused(archive: bytes, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        names(archive)


@pytest.mark.parametrize("padding", [b"", bytes(512), bytes(9000)])
def test_padding_after_the_end_is_nothing(padding: bytes) -> None:
    assert names(EVIL + END + padding) == [(PTH.decode(), "file", 12)]


def numbered(owner: bytes, size: bytes, checksum: bytes, *, magic: bytes = POSIX, device: bytes = b"") -> bytes:
    """Return a header whose numbers are written by those forms."""
    block = bytearray(header(b"a/b", magic=magic)[:512])
    block[100:124] = b"".join(
        (form % number)[:8].ljust(8, b"\0") for form, number in ((owner, 0o644), (owner, 0), (owner, 0))
    )
    block[124:148] = b"".join((size % number)[:12].ljust(12, b"\0") for number in (0, 1))
    if device:
        block[329:345] = (device % 0).ljust(8, b"\0") * 2
    block[148:156] = b" " * 8
    block[148:156] = checksum % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    ("writer", "block"),
    [
        ("Go, Python, GNU tar", numbered(b"%07o", b"%011o", b"%06o\0 ")),
        ("Go before 1.3, Rust", numbered(b"%07o", b"%011o", b"%07o\0")),
        ("GNU tar", numbered(b"%07o", b"%011o", b"%06o\0 ", magic=GNU)),
        ("commons-compress (Jib), libarchive, npm", numbered(b"%06o ", b"%011o ", b"%06o\0 ", device=b"%06o ")),
        ("star", numbered(b"%07o ", b"%011o ", b"%07o ")),
        ("GNU tar, v7", numbered(b"%07o", b"%011o", b"%06o\0 ", magic=OLD)),
    ],
)
def test_numbers_are_read_as_writers_write_them(writer: str, block: bytes) -> None:
    assert names(block + END) == [("a/b", "file", 0)], writer


XATTR = (b"SCHILY.xattr.security.capability", b"\1\0\0\2\0 \n=\0")


@pytest.mark.parametrize(
    ("writer", "archive", "found"),
    [
        ("Go", pax((b"path", b"n" * 200), XATTR) + EVIL, ("n" * 200, "file", 12)),
        ("Go", pax((b"gid", b"4000000"), (b"mtime", b"1.5"), (b"uid", b"4000000")) + EVIL, (PTH.decode(), "file", 12)),
        ("Go", pax((b"path", b"\xff")) + EVIL, ("\udcff", "file", 12)),
        ("Go", pax((b"linkpath", b"t" * 200)) + header(b"l", kind=b"2", target=b"t" * 100), ("l", "link", 0)),
        ("Go on Windows", pax((b"MSWINDOWS.fileattr", b"32"), (b"LIBARCHIVE.creationtime", b"1.5")) + EVIL, None),
        ("apko", pax((b"APK-TOOLS.checksum.SHA1", b"00")) + EVIL, None),
        ("libarchive, C locale", pax((b"hdrcharset", b"BINARY"), (b"path", b"\xff")) + EVIL, ("\udcff", "file", 12)),
        ("libarchive", pax((b"SCHILY.fflags", b"x"), (b"LIBARCHIVE.xattr.user.a", b"eA==")) + EVIL, None),
        ("GNU tar", pax((b"RHT.security.selinux", b"a"), (b"SCHILY.acl.access", b"user::rw-\n")) + EVIL, None),
        ("GNU tar", long_name(b"k" * 150, b"K") + long_name(b"n" * 150) + header(b"n", kind=b"2", target=b"k"),
         ("n" * 150, "link", 0)),
        ("commons-compress", long_name(b"n" * 150) + header(b"n" * 100, b"x"), ("n" * 150, "file", 1)),
        ("GNU tar -S", pax(*SPARSE, (b"GNU.sparse.realsize", b"99")) + header(b"G.0/s", b"x"), ("s", "file", 99)),
        ("GNU tar, v7", header(b"d/", kind=b"\0", magic=OLD), ("d/", "folder", 0)),
        ("git archive", pax((b"comment", b"0" * 40), kind=b"g") + EVIL, None),
        ("GNU tar, reproducible", pax((b"atime", b"0"), kind=b"g") + EVIL, None),
        ("a large owner", changed(108, b"\x80\0\0\0\0\x3d\x09\0", magic=GNU), ("a", "file", 1)),
        ("a large size", changed(124, b"\x80" + bytes(10) + b"\1", magic=GNU), ("a", "file", 1)),
        ("before 1970", changed(136, b"\xff" * 12, magic=GNU), ("a", "file", 1)),
        ("the root", header(b"./", kind=b"5"), ("./", "folder", 0)),
    ],
)  # fmt: skip
def test_what_writers_of_layers_write_is_read(writer: str, archive: bytes, found: tuple[str, str, int] | None) -> None:
    assert names(archive + END) == [found or (PTH.decode(), "file", 12)], writer


@pytest.mark.parametrize("value", [b"-1.5", b"1.999999999999", b"7"])
def test_time_is_rounded_down(value: bytes) -> None:
    found = next(read_members(StreamSource(io.BytesIO(pax((b"mtime", value)) + EVIL + END))))
    assert found.modified == {b"-1.5": -2, b"1.999999999999": 1, b"7": 7}[value]


def files(folder: Path) -> Path:
    """Make files of every kind that a layer may have, with odd names and times."""
    deep = folder / ("d" * 80) / ("e" * 90)
    deep.mkdir(parents=True)
    (deep / ("f" * 60)).write_bytes(b"x")
    (folder / "é").write_bytes(b"x" * 1000)
    (folder / "hard").hardlink_to(folder / "é")
    (folder / "link").symlink_to("n/" * 90)
    with (folder / "sparse").open("wb") as file:
        for at in range(0, 30 << 20, 1 << 20):
            file.seek(at)
            file.write(b"x")
    return folder


OLDER = [(style, "--numeric-owner") for style in ("v7", "ustar")]
LATER = [(style, option) for style in ("oldgnu", "gnu", "posix") for option in ("-S", "--mtime=1960-01-01")]


@pytest.mark.process
@pytest.mark.parametrize(("style", "option"), [*OLDER, *LATER, ("posix", "--xattrs")])
def test_archives_of_gnu_tar_are_read(tmp_path: Path, style: str, option: str) -> None:
    files(tmp_path / "src")
    command = ["tar", f"--format={style}", option, "-cf", str(tmp_path / "a.tar"), "-C", str(tmp_path), "src"]
    subprocess.run(command, check=False, capture_output=True)  # what a style cannot say is left out of the archive
    with tarfile.open(tmp_path / "a.tar") as archive:
        expected = [each.rstrip("/") for each in archive.getnames()]
    assert [name.rstrip("/") for name, _, _ in names((tmp_path / "a.tar").read_bytes())] == expected
    assert len(expected) > 3


@pytest.mark.skipif(
    shutil.which("bsdtar") is None, reason="bsdtar, which the images of Bazel are made with, is not here"
)
@pytest.mark.process
@pytest.mark.parametrize("style", ["ustar", "pax", "paxr", "gnutar", "v7"])
def test_archives_of_libarchive_are_read(tmp_path: Path, style: str) -> None:
    files(tmp_path / "src")
    command = ["bsdtar", "--format", style, "-cf", str(tmp_path / "a.tar"), "-C", str(tmp_path), "src"]
    subprocess.run(command, check=False, capture_output=True)
    assert len(names((tmp_path / "a.tar").read_bytes())) > 3
