import io
import zipfile
from collections.abc import Callable

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.common.digest import RecordError
from lockml.index.distributions.archive import WheelArchive
from lockml.index.model import MetadataError
from tests.made.wheels import UNHASHED, make_wheel, metadata_text, record_digest

BIG = {f"pkg/module_{number}.py": bytes(number % 251 for number in range(3000)) for number in range(200)}


class Ranges:
    """Reads from *content* and keeps which ranges were asked for."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.asked: list[tuple[int, int]] = []

    def __call__(self, start: int, stop: int) -> bytes:
        self.asked.append((start, stop))
        return self.content[start:stop]


def opened(content: bytes, ranges: Callable[[int, int], bytes] | None = None) -> WheelArchive:
    return WheelArchive(
        ranges or Ranges(content), len(content), project=canonicalize_name("pkg"), version=Version("1.0")
    )


def stored_wheel(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_metadata_and_identity_cost_no_byte_twice_and_little_of_a_large_wheel() -> None:
    filler = {"pkg/big.bin": bytes(range(256)) * 20_000}
    content = stored_wheel(
        {
            **filler,
            "pkg-1.0.dist-info/METADATA": metadata_text("pkg", "1.0").encode(),
            "pkg-1.0.dist-info/RECORD": b"pkg/big.bin,sha256=x,5120000\npkg-1.0.dist-info/METADATA,sha256=y,9\n",
        }
    )
    ranges = Ranges(content)
    archive = opened(content, ranges)
    assert archive.metadata().startswith(b"Metadata-Version")
    assert archive.record_held
    assert archive.identity().digest
    assert len(ranges.asked) == 1
    assert sum(stop - start for start, stop in ranges.asked) < len(content) / 50


def test_identity_names_the_scripts_that_installers_rewrite() -> None:
    files = {"pkg.py": b"", "pkg-1.0.data/scripts/a": b"#!pythonw\n", "pkg-1.0.data/scripts/b": b"#!/bin/sh\n"}
    identity = opened(make_wheel("pkg", "1.0", files=files)).identity()
    assert (identity.scripts, identity.verified) == (("a", "b"), False)
    assert identity.rewritten == {"a": record_digest(b"#!pythonw\n")}


def test_identity_is_refused_when_record_has_no_hashes() -> None:
    with pytest.raises(RecordError, match="has no hash"):
        opened(make_wheel("pkg", "1.0", record=UNHASHED)).identity()


def test_identity_is_refused_when_record_does_not_list_a_file() -> None:
    """Installers add a row of their own for it."""
    with pytest.raises(RecordError, match=r"does not list 'pkg\.py'"):
        opened(make_wheel("pkg", "1.0", record=UNHASHED.replace("pkg.py,,\n", ""))).identity()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"not a zip at all", "not a wheel"),
        (make_wheel("pkg", "1.0")[:-30], "not a wheel"),
        (make_wheel("other", "1.0"), "that of another release"),
        (make_wheel("pkg", "2.0"), "that of another release"),
        (stored_wheel({"a-1.dist-info/METADATA": b"", "b-1.dist-info/METADATA": b""}), "2 dist-info folders"),
        (stored_wheel({"pkg.py": b""}), "0 dist-info folders"),
    ],
)
def test_archive_is_refused_when_it_is_no_wheel_of_the_release(content: bytes, problem: str) -> None:
    with pytest.raises(MetadataError, match=problem):
        opened(content)


def test_metadata_is_refused_when_it_is_not_there_once() -> None:
    with pytest.raises(MetadataError, match="exactly one"):
        opened(stored_wheel({"pkg-1.0.dist-info/RECORD": b""})).metadata()


def test_metadata_is_refused_when_its_bytes_are_damaged() -> None:
    content = make_wheel("pkg", "1.0", files=BIG)
    place = content.index(b"pkg-1.0.dist-info/METADATA") + 30
    damaged = content[:place] + b"\xff" * 20 + content[place + 20 :]
    with pytest.raises(MetadataError, match="cannot be read"):
        opened(damaged).metadata()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_metadata_is_refused_when_not_every_installer_can_unpack_it(method: int) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("pkg-1.0.dist-info/METADATA", metadata_text("pkg", "1.0"))
    with pytest.raises(MetadataError, match=f"METADATA cannot be read .it is compressed by method {method}"):
        opened(out.getvalue()).metadata()


def test_short_answers_of_the_index_are_noticed() -> None:
    content = make_wheel("pkg", "1.0")
    with pytest.raises(MetadataError, match="asked for"):
        opened(content, lambda start, stop: content[start : stop - 1])


def test_wheel_that_follows_another_archive_is_refused() -> None:
    """Readers from the front see the first, those from the end the second."""
    honest, other = make_wheel("pkg", "1.0"), make_wheel("pkg", "1.0", ["evil"])
    for content in (honest + other, b"#!/bin/sh\n" + other):
        with pytest.raises(MetadataError, match="as if it followed another archive"):
            opened(content)
