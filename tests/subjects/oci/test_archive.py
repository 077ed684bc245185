import io
import json
from hashlib import sha256
from pathlib import Path

import pytest

from lockml.common.errors import LockmlError, NotFoundError, UnreachableError
from lockml.inventory.file_tree import UnreadableError
from lockml.subjects.model import ReadOptions
from lockml.subjects.oci.archive import open_archive, open_layout, read_stream
from lockml.subjects.oci.layers import LayerTree
from lockml.subjects.oci.tar import StreamSource
from tests.made.oci import METADATA, SITE, digest, index, packed

BELOW = packed((METADATA, b"old"), (f"{SITE}/b.egg-info", b"b")).getvalue()
ABOVE = packed((METADATA, b"new"), mode="w:gz").getvalue()


CONFIG = ("c.json", b'{"config": {"Env": ["PATH=/opt/venv/bin"]}}')


def read_saved_image(stream: io.BytesIO) -> LayerTree:
    return read_stream(StreamSource(stream), ReadOptions())[0]


def manifest(*layers: str) -> tuple[str, bytes]:
    return "manifest.json", json.dumps([{"Config": "c.json", "RepoTags": None, "Layers": layers}]).encode()


def test_layout_of_older_engines_is_read_with_layers_that_are_links() -> None:
    stream = packed(
        ("aa", None),
        ("aa/VERSION", b"1.0"),
        ("aa/layer.tar", BELOW),
        ("bb/layer.tar", ABOVE),
        ("cc/layer.tar", "../aa/layer.tar"),
        CONFIG,
        manifest("aa/layer.tar", "bb/layer.tar"),
    )
    tree = read_saved_image(stream)
    assert tree.read(f"/{METADATA}", 10) == b"new"
    assert tree.names(f"/{SITE}") == ("a-1.dist-info", "b.egg-info")
    again = packed(("aa/layer.tar", BELOW), ("cc/layer.tar", "../aa/layer.tar"), CONFIG, manifest("cc/layer.tar"))
    assert read_saved_image(again).read(f"/{METADATA}", 10) == b"old"


def test_oci_layout_is_read() -> None:
    stream = packed(
        ("blobs/sha256/01", b'{"config": "a document and no layer"}'),
        ("blobs/sha256/02", ABOVE),
        ("index.json", b"{}"),
        CONFIG,
        manifest("blobs/sha256/02"),
        ("oci-layout", b"{}"),
    )
    assert read_saved_image(stream).read(f"/{METADATA}", 10) == b"new"


@pytest.mark.parametrize(
    ("stream", "problem"),
    [
        (packed(("aa/layer.tar", BELOW)), "named but not there"),
        (packed(("aa/layer.tar", BELOW), ("manifest.json", b"{")), "missing or damaged"),
        (packed(CONFIG, manifest("aa/layer.tar")), "named but not there"),
        (packed(("manifest.json", b"[]")), "it has no image"),
        (io.BytesIO(b"garbage" * 1000), "damaged"),
        (packed(("aa/layer.tar", b"garbage" * 1000), manifest("aa/layer.tar")), "damaged"),
    ],
)
def test_damaged_images_are_unreadable(stream: io.BytesIO, problem: str) -> None:
    with pytest.raises(UnreadableError, match=problem):
        read_saved_image(stream)


def layout(folder: Path, layer: bytes = ABOVE) -> Path:
    """Write an OCI layout of one image with one layer."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    manifest_text = json.dumps(
        {"config": {"digest": digest(CONFIG[1])}, "layers": [{"digest": digest(layer)}]}
    ).encode()
    for content in (CONFIG[1], layer, manifest_text):
        (blobs / digest(content).removeprefix("sha256:")).write_bytes(content)
    (folder / "index.json").write_bytes(index((manifest_text, None, "a:1")))
    return folder


@pytest.mark.parametrize("layer", [ABOVE, BELOW])
def test_layout_is_read_and_its_compressed_layers_are_kept(tmp_path: Path, layer: bytes) -> None:
    folder = layout(tmp_path / "layout", layer)
    options = ReadOptions(cache=tmp_path / "cache")
    for name in (str(folder), f"{folder}:a:1"):
        with open_layout(name, options) as opened:
            assert opened.tree.read(f"/{METADATA}", 10) in (b"new", b"old")
    assert len([path for path in (tmp_path / "cache").rglob("*") if path.is_file()]) == (layer is ABOVE)


def test_layer_of_a_layout_that_is_not_what_its_digest_says_is_refused(tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout")
    other = packed((METADATA, b"evil"), mode="w:gz").getvalue()
    (folder / "blobs" / "sha256" / digest(ABOVE).removeprefix("sha256:")).write_bytes(other)
    with pytest.raises(UnreachableError, match="another than its digest says"), open_layout(str(folder), ReadOptions()):
        pass


@pytest.mark.parametrize("packing", ["w", "w:gz"])
def test_archive_file_is_read_where_it_stands(tmp_path: Path, packing: str) -> None:
    members = (("aa/layer.tar", BELOW), ("bb/layer.tar", ABOVE), CONFIG, manifest("aa/layer.tar", "bb/layer.tar"))
    (tmp_path / "a.tar").write_bytes(packed(*members, mode=packing).getvalue())
    with open_archive(str(tmp_path / "a.tar"), ReadOptions(hashed=True)) as opened:
        assert opened.tree.read(f"/{METADATA}", 10) == b"new"
        assert opened.runtime.environment["PATH"] == "/opt/venv/bin"
        found = dict(opened.tree.digests([(f"/{METADATA}", "sha256"), (f"/{SITE}/b.egg-info", "sha256")]))
    assert found == {f"/{METADATA}": sha256(b"new").digest(), f"/{SITE}/b.egg-info": sha256(b"b").digest()}


def test_archive_of_a_root_file_system_is_read(tmp_path: Path) -> None:
    """`docker export` writes one."""
    (tmp_path / "root.tar").write_bytes(BELOW)
    with open_archive(str(tmp_path / "root.tar"), ReadOptions()) as opened:
        assert opened.tree.read(f"/{METADATA}", 10) == b"old"
        assert opened.subject.details == {"is": "root"}


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [("none.tar", None, NotFoundError), ("empty.tar", b"", UnreachableError), ("text.tar", b"text", UnreachableError)],
)
def test_what_is_no_archive_is_told(tmp_path: Path, name: str, content: bytes | None, error: type[LockmlError]) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error), open_archive(str(tmp_path / name), ReadOptions()):
        pass
