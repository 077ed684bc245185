import gzip
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from lockml.inventory.file_tree import UnreadableError
from lockml.subjects.oci.reread import Reread, read_hashed
from lockml.subjects.oci.stream_capture import Passing
from lockml.subjects.oci.tar import ByteSource, StreamSource
from tests.made.images import digest
from tests.made.oci import packed

LAYER = packed(("opt/a.py", b"x = 1"), ("opt/b", "a.py")).getvalue()


@pytest.mark.parametrize("stored", [LAYER, gzip.compress(LAYER), gzip.compress(LAYER) + bytes(64)])
def test_layer_is_hashed_as_it_is_stored_and_without_its_compression(stored: bytes) -> None:
    found = read_hashed(io.BytesIO(stored), Passing())
    assert (found.digest, found.diff_id, found.size) == (digest(stored), digest(LAYER), len(stored))
    assert found.tree.names("/opt") == ("a.py", "b")


def test_layer_is_read_again_once() -> None:
    opened = []

    @contextmanager
    def source() -> Iterator[ByteSource]:
        opened.append(1)
        yield StreamSource(io.BytesIO(gzip.compress(LAYER)))

    again = Reread()
    again.add(2, source, digest(LAYER))
    assert again(1, "/opt/a.py") is None
    found = [again(2, "/opt/a.py"), again(2, "/opt/none"), again(2, "/opt/a.py")]
    assert [each.read("/opt/a.py", 9) if each else None for each in found] == [b"x = 1", None, b"x = 1"]
    assert opened == [1]


def test_layer_cannot_be_read_again_without_a_folder_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    again = Reread()
    again.add(1, lambda: nullcontext(StreamSource(io.BytesIO(LAYER))), digest(LAYER))
    with pytest.raises(UnreadableError, match="cannot be read again"):
        again(1, "/opt/a.py")


def test_layer_that_is_another_when_it_is_read_again_is_refused() -> None:
    @contextmanager
    def source() -> Iterator[ByteSource]:
        yield StreamSource(io.BytesIO(LAYER.replace(b"x = 1", b"x = 2")))

    again = Reread()
    again.add(1, source, digest(LAYER))
    with pytest.raises(UnreadableError, match="changed since it was first read"):
        again(1, "/opt/a.py")
