import io
import json

import pytest

from lockml.inventory.sources.layers import LayerTree
from lockml.inventory.sources.opened import ReadOptions
from lockml.inventory.sources.saved import read_stream
from lockml.inventory.sources.tar import StreamSource
from lockml.ports import UnreadableError
from tests.inventory.sources.test_layers import METADATA, SITE, packed

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
