"""What two subjects have of one layer is the very same file, or is not said to be."""

import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from lockml.inventory.model import Runtime, Subject
from lockml.subjects.model import OpenedSubject
from lockml.subjects.oci.layers import LayerTree, read_layer, stack
from lockml.subjects.oci.stream_capture import Passing
from lockml.subjects.oci.tar import StreamSource
from lockml.subjects.shared_layers import SharedLayers
from lockml.subjects.tree.overlay import OverlayTree, layers_of
from tests.made.images import tar_of


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as exits:
        yield exits


def layer(folder: Path, **files: str) -> str:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(folder)


def image(opened: ExitStack, *folders: str, upper: str | None = None) -> OpenedSubject:
    """Return an image of layers, the topmost first."""
    texts = [f"layer {number} of {len(folders)}" for number in range(1, len(folders) + 1)]
    tree = opened.enter_context(OverlayTree(layers_of(upper, folders, texts)))
    return OpenedSubject(subject=Subject(kind="image", name="x"), tree=tree, runtime=Runtime())


def test_folders_and_files_of_one_layer_that_both_have_are_alike(tmp_path: Path, opened: ExitStack) -> None:
    base = layer(tmp_path / "base", lib__a="1", lib__pkg__b="1")
    one = image(opened, layer(tmp_path / "one", lib__top="1"), base)
    two = image(opened, layer(tmp_path / "two", lib__other="1"), layer(tmp_path / "mid", etc__x="1"), base)
    alike = SharedLayers(one, two)
    assert alike.folder("/lib/pkg")
    assert alike.file("/lib/a")
    assert not alike.folder("/lib")
    assert not alike.file("/lib/top")


def test_same_content_in_two_layers_is_not_taken_for_the_same(tmp_path: Path, opened: ExitStack) -> None:
    one = image(opened, layer(tmp_path / "one", lib__a="1"))
    two = image(opened, layer(tmp_path / "two", lib__a="1"))
    alike = SharedLayers(one, two)
    assert not alike.folder("/lib")
    assert not alike.file("/lib/a")


def test_file_that_a_later_layer_or_a_container_replaced_is_not_alike(tmp_path: Path, opened: ExitStack) -> None:
    base = layer(tmp_path / "base", lib__a="1", lib__b="1", lib__pkg__c="1")
    one = image(opened, base)
    two = image(opened, base, upper=layer(tmp_path / "upper", lib__a="2"))
    alike = SharedLayers(one, two)
    assert not alike.file("/lib/a")
    assert alike.file("/lib/b")
    assert not alike.folder("/lib")
    assert alike.folder("/lib/pkg")


def archived(kind: str, digests: Sequence[str], *layers: LayerTree) -> OpenedSubject:
    origins = [f"layer {number} of {len(layers)}" for number in range(1, len(layers) + 1)]
    subject = Subject(kind=kind, name="x", layers=tuple(digests))
    return OpenedSubject(subject=subject, tree=stack(layers, origins=origins), runtime=Runtime())


def read(number: int, **files: bytes) -> LayerTree:
    source = StreamSource(io.BytesIO(tar_of({f"lib/{name}": content for name, content in files.items()})))
    return read_layer(source, passing=Passing(), layer=number)


def test_archives_are_alike_by_the_digests_of_their_layers() -> None:
    one = archived("archive", ("sha256:a", "sha256:b"), read(1, a=b"1"), read(2, b=b"1"))
    two = archived("archive", ("sha256:c", "sha256:a"), read(1, c=b"1"), read(2, a=b"1"))
    alike = SharedLayers(one, two)
    assert alike.file("/lib/a")
    assert not alike.file("/lib/b")
    assert not alike.file("/lib/c")


def test_export_of_a_container_is_alike_to_nothing() -> None:
    """Its files are matched with its image's by their facts, which proves no bytes."""
    one = archived("container", ("sha256:a",), read(1, a=b"1"))
    two = archived("image", ("sha256:a",), read(1, a=b"1"))
    assert not SharedLayers(one, two).file("/lib/a")
