import gzip
import io
import random
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockml.index.distributions.sdist import find_in_front, read_sdist_metadata
from lockml.index.model import DynamicMetadataError, MetadataError
from tests.made.indexes import make_sdist
from tests.made.wheels import metadata_text

TEXT = metadata_text("pkg", "1.0", metadata_version="2.2")
NAME = "pkg-1.0/PKG-INFO"


def read(content: bytes, filename: str = "pkg-1.0.tar.gz") -> bytes:
    return read_sdist_metadata(io.BytesIO(content), filename)


def entry(name: str, content: bytes = b"", **attributes: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, content


def make_tar(*entries: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz", kind: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=kind) as archive:  # type: ignore[call-overload]
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def test_sdist_gives_its_own_pkg_info_and_no_deeper_one() -> None:
    assert read(make_sdist("pkg", "1.0", TEXT)) == TEXT.encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("pkg-1.0/pkg.egg-info/PKG-INFO", "deeper")
        archive.writestr(NAME, TEXT)
    assert read(out.getvalue(), "pkg-1.0.zip") == TEXT.encode()


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize(
    ("mode", "ending"), [("w:gz", ".tar.gz"), ("w:gz", ".tgz"), ("w:bz2", ".tar.bz2"), ("w:xz", ".tar.xz")]
)
def test_sdist_is_read_in_every_form_that_tar_has(kind: int, mode: str, ending: str) -> None:
    content = make_tar(
        entry("pkg-1.0", type=tarfile.DIRTYPE),
        entry("pkg-1.0/" + "/".join(["deep" * 10] * 4), b"x" * 1000, mtime=1.5),
        entry("pkg-1.0/ünïcode", b"y", uname="ü"),
        entry("pkg-1.0/link", type=tarfile.SYMTYPE, linkname="setup.py"),
        entry(f"./{NAME}", TEXT.encode()),
        entry("pkg-1.0/src/PKG-INFO", b"deeper"),
        mode=mode,
        kind=kind,
    )
    assert read(content, f"pkg-1.0{ending}") == TEXT.encode()


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_name_of_an_entry_counts_and_not_the_short_one_of_its_header(kind: int) -> None:
    long = f"{'p' * 120}-1.0/PKG-INFO"
    assert read(make_tar(entry(long, TEXT.encode()), kind=kind)) == TEXT.encode()
    assert find_in_front(make_tar(entry(long, TEXT.encode()), kind=kind), "pkg-1.0.tar.gz") == TEXT.encode()


def test_pkg_info_is_found_in_the_first_bytes_of_an_archive_that_goes_on() -> None:
    noise = random.Random(1).randbytes(1 << 20)
    content = make_tar(entry("pkg-1.0/AUTHORS", b"me"), entry(NAME, TEXT.encode()), entry("pkg-1.0/big", noise))
    assert find_in_front(content[:4096], "pkg-1.0.tar.gz") == TEXT.encode()
    assert find_in_front(content[:40], "pkg-1.0.tar.gz") is None
    late = make_tar(entry("pkg-1.0/big", noise), entry(NAME, TEXT.encode()))
    assert find_in_front(late[:4096], "pkg-1.0.tar.gz") is None
    assert find_in_front(b"<html>a page</html>", "pkg-1.0.tar.gz") is None


def test_sdist_of_several_gzip_files_is_one() -> None:
    """As `cat` makes them, and pigz."""
    plain = make_tar(entry(NAME, TEXT.encode()), entry("pkg-1.0/big", b"z" * 5000), mode="w")
    parts = [gzip.compress(plain[start : start + 700]) for start in range(0, len(plain), 700)]
    assert read(b"".join(parts) + bytes(100)) == TEXT.encode()


def test_sdist_without_blocks_at_its_end_is_read() -> None:
    plain = make_tar(entry(NAME, TEXT.encode()), mode="w").rstrip(b"\0")
    padded = plain + bytes(-len(plain) % 512)
    assert read(gzip.compress(padded)) == TEXT.encode()


@pytest.mark.parametrize(
    "second",
    [
        entry(NAME, b"other"),
        entry(f"./{NAME}", b"other"),
        entry("pkg-1.0//PKG-INFO", b"other"),
        entry("other/PKG-INFO", b"other"),
        entry("PKG-INFO", b"other"),
        entry(NAME, type=tarfile.SYMTYPE, linkname="setup.py"),
        entry(NAME, type=tarfile.LNKTYPE, linkname="pkg-1.0/setup.py"),
    ],
)
def test_sdist_is_refused_when_a_later_entry_takes_the_place_of_its_pkg_info(
    second: tuple[tarfile.TarInfo, bytes],
) -> None:
    with pytest.raises(MetadataError, match=r"PKG-INFO (files differ|is not plainly a file)") as caught:
        read(make_tar(entry(NAME, TEXT.encode()), second))
    assert not isinstance(caught.value, DynamicMetadataError)


def test_sdist_is_read_no_further_than_its_second_pkg_info_that_differs() -> None:
    """So no more than two of them are held, whatever their size."""
    noise = random.Random(5).randbytes(1 << 20)
    content = io.BytesIO(make_tar(entry(NAME, TEXT.encode()), entry(NAME, b"other"), entry("pkg-1.0/big", noise)))
    with pytest.raises(MetadataError, match="PKG-INFO files differ"):
        read_sdist_metadata(content, "pkg-1.0.tar.gz")
    assert content.tell() <= 1 << 17


def test_zip_is_refused_when_it_has_two_pkg_info() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(NAME, TEXT)
        archive.writestr(f"./{NAME}", "other")
    with pytest.raises(MetadataError, match="PKG-INFO files differ"):
        read(out.getvalue(), "pkg-1.0.zip")


def test_pkg_info_that_stands_there_twice_counts_when_both_say_the_same() -> None:
    assert read(make_tar(entry(NAME, TEXT.encode()), entry(NAME, TEXT.encode()))) == TEXT.encode()


def _behind_the_end() -> bytes:
    plain = make_tar(entry(NAME, TEXT.encode()), mode="w")
    return gzip.compress(plain + make_tar(entry(NAME, b"other"), mode="w"))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (_behind_the_end, "behind its end"),
        (lambda: make_tar(entry("pkg-1.0/a/../PKG-INFO", b"x")), "leads out of its folder"),
        (
            lambda: make_tar(entry("pkg-1.0", type=tarfile.SYMTYPE, linkname="/etc")),
            "place of its folder",
        ),
        (lambda: make_tar(entry("a", b"x", type=tarfile.GNUTYPE_SPARSE)), "sparse"),
        (lambda: make_tar(entry("a", b"x", pax_headers={"GNU.sparse.name": "b"})), "sparse"),
    ],
)
def test_archive_that_two_readers_could_read_differently_is_one_to_build(
    make: Callable[[], bytes], problem: str
) -> None:
    """With --allow-build the unpacked files count."""
    with pytest.raises(DynamicMetadataError, match=problem):
        read(make())


def test_sdist_is_refused_when_it_has_none_or_is_damaged() -> None:
    with pytest.raises(DynamicMetadataError, match="no PKG-INFO"):
        read(make_tar())
    good = make_tar(entry(NAME, TEXT.encode()), entry("pkg-1.0/big", random.Random(2).randbytes(5000)))
    plain = bytearray(gzip.decompress(good))
    plain[3] ^= 1
    for content in (b"garbage", b"", good[:-2000], good[:-6] + b"\0" * 6, gzip.compress(plain)):
        with pytest.raises(MetadataError, match="not a source archive") as caught:
            read(content)
        assert not isinstance(caught.value, DynamicMetadataError)


def test_source_archive_that_unpacks_without_end_is_refused_unread() -> None:
    for name in ("pkg-1.0/zeros", NAME):
        info, _ = entry(name, size=3 << 30)
        with pytest.raises(MetadataError, match=r"it unpacks to more than|has 3221225472 bytes"):
            read(gzip.compress(info.tobuf()))


@pytest.mark.slow
def test_source_archive_of_endless_entries_is_refused() -> None:
    empty = entry("pkg-1.0/a")[0].tobuf(tarfile.USTAR_FORMAT)
    with pytest.raises(DynamicMetadataError, match="more than 200000 entries"):
        read(gzip.compress(empty * 200_001, 1))


def test_attributes_of_entries_are_read_to_a_bound() -> None:
    record = b"1000 a=" + b"x" * 992 + b"\n"
    content = record * ((1 << 20) // len(record))
    info, _ = entry("attributes", content, type=tarfile.XHDTYPE)
    each = info.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512)
    with pytest.raises(DynamicMetadataError, match="more than 16777216 bytes of names and attributes"):
        read(gzip.compress(each * 18, 1))


def test_zip_is_refused_unread_when_its_directory_names_one_pkg_info_many_times() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(NAME, TEXT)
        archive.filelist *= 17
    with pytest.raises(MetadataError, match="it has 17 PKG-INFO on top"):
        read(out.getvalue(), "pkg-1.0.zip")


@pytest.mark.slow
def test_front_of_many_gzip_files_takes_time_that_grows_with_its_length() -> None:
    front = gzip.compress(b"") * 19_000
    front += gzip.compress(random.Random(3).randbytes(16 << 20), 1)[: (16 << 20) - len(front)]
    began = time.process_time()
    assert find_in_front(front, "pkg-1.0.tar.gz") is None
    assert time.process_time() - began < 5  # 0.1 where each file costs what it has, 25 where each costs all behind it


def header(name: bytes, kind: bytes = b"0", size: int = 0, link: bytes = b"", magic: bytes = b"ustar\x0000") -> bytes:
    """Return the header of an entry, whatever no writer would write."""
    block = bytearray(512)
    for start, text in ((0, name[:100]), (100, b"0000644\0"), (124, b"%011o\0" % size), (136, b"00000000000\0")):
        block[start : start + len(text)] = text
    block[156:157], block[157 : 157 + len(link)], block[257:265] = kind, link, magic
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def with_content(name: bytes, content: bytes, kind: bytes = b"0", link: bytes = b"") -> bytes:
    return header(name, kind, len(content), link) + content + bytes(-len(content) % 512)


def long_name(name: bytes, kind: bytes) -> bytes:
    """Return what stands before an entry to name it: as GNU does (L), or pax (x)."""
    if kind == b"L":
        return with_content(b"././@LongLink", name + b"\0", b"L")
    length = len(b" path=" + name + b"\n")
    record = b"%d path=%s\n" % (length + len(str(length + 2)), name)
    return with_content(b"pax", record, b"x")


FIRST = with_content(NAME.encode(), TEXT.encode())
OTHER = b"Name: other\n"


@pytest.mark.parametrize(
    "second",
    [
        with_content(b"pkg-1.0/PKG-INFO/", OTHER),
        with_content(b"pkg-1.0/PKG-INFO/", OTHER, b"7"),
        long_name(b"pkg-1.0/PKG-INFO/", b"x") + with_content(b"a", OTHER),
        long_name(b"pkg-1.0/PKG-INFO//", b"L") + with_content(b"a", OTHER),
        long_name(NAME.encode(), b"x") + long_name(b"a", b"x") + long_name(b"b", b"L") + with_content(b"c", OTHER),
        with_content(b"pkg-1.0/old/", with_content(NAME.encode(), OTHER), b"\0"),
        long_name(b"", b"x") + with_content(NAME.encode(), OTHER),
        long_name(NAME.encode() + b"\0x", b"x") + with_content(b"a", OTHER),
        with_content(b"pkg-1.0\\PKG-INFO", OTHER),
        with_content(b"pkg-1.0/pkg-info", OTHER),
        header(b"pkg-1.0/link", b"2", link=b".") + with_content(b"pkg-1.0/link/PKG-INFO", OTHER),
        header(b"pkg-1.0/link", b"2", link=b"PKG-INFO") + with_content(b"pkg-1.0/./link", OTHER),
        header(b"pkg-1.0/hard", b"1", link=NAME.encode()) + with_content(b"pkg-1.0/hard", OTHER),
        header(b"pkg-1.0/hard", b"1", link=NAME.encode()) + with_content(b"pkg-1.0/HARD/", OTHER),
        header(b"a/b/link", b"2", link=b"../../pkg-1.0") + with_content(b"a/b/link/sub/../PKG-INFO", OTHER),
    ],
)
def test_sdist_is_refused_when_an_odd_entry_may_write_its_pkg_info(second: bytes) -> None:
    """Trailing slashes, old directories with content, names named twice, and links that are written through."""
    with pytest.raises(MetadataError):
        read(gzip.compress(FIRST + second))


NAMES = ["pkg-1.0", "pkg-1.0/", "PKG-INFO", NAME, f"{NAME}/", f"./{NAME}", "pkg-1.0/l", "pkg-1.0/l/PKG-INFO"]
names = st.sampled_from([name.encode() for name in (*NAMES, "pkg-1.0/l/", "pkg-1.0/d", "pkg-1.0/d/x", "d/l/PKG-INFO")])
contents = st.sampled_from([TEXT.encode(), OTHER, b"", FIRST, with_content(NAME.encode(), OTHER)])


@st.composite
def odd_entries(draw: st.DrawFn) -> bytes:
    """Return an entry with what may stand before it; its kind, name, link and content are any."""
    before = b"".join(
        long_name(draw(names), draw(st.sampled_from([b"L", b"x"]))) for _ in range(draw(st.sampled_from([0, 0, 1, 2])))
    )
    kind = draw(st.sampled_from([b"0", b"0", b"0", b"\0", b"1", b"2", b"5", b"7", b"Z"]))
    link = draw(st.sampled_from([b".", b"PKG-INFO", NAME.encode(), b"pkg-1.0/l", b"d", b"../pkg-1.0"]))
    content = draw(contents) if kind not in b"12" else b""
    return before + with_content(draw(names), content, kind, link)


def unpacked(plain: bytes, where: Path) -> set[bytes] | None:
    """Return the PKG-INFO on top as Python unpacks it, None where it cannot."""
    try:
        with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
            archive.extractall(where, filter="data")
    except (tarfile.TarError, OSError, KeyError, RecursionError):
        return None
    tops = [where, *(path for path in where.iterdir() if path.is_dir())]
    return {(top / "PKG-INFO").read_bytes() for top in tops if (top / "PKG-INFO").is_file()}


@settings(max_examples=200, deadline=None)
@given(st.lists(odd_entries(), max_size=4), st.integers(0, 4))
def test_pkg_info_that_is_read_is_the_one_that_python_unpacks(entries: list[bytes], place: int) -> None:
    plain = b"".join([*entries[:place], FIRST, *entries[place:]])
    try:
        found = read(gzip.compress(plain, 1))
    except MetadataError:
        return
    with tempfile.TemporaryDirectory() as folder:
        written = unpacked(plain + bytes(1024), Path(folder))
    assert written is None or written == {found}
