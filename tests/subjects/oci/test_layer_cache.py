import os
import time
from pathlib import Path

import pytest

from lockml.subjects.oci.layer_cache import HashedLayers, TreeStore
from lockml.subjects.oci.layers import stack
from lockml.subjects.tree.hashing import OpenFile
from tests.made.oci import METADATA, SITE, packed, read

BELOW = packed((METADATA, b"Name: a\n"), (f"{SITE}/b.egg-info", b"b"), ("lib", "usr/lib"), ("opt/big", b"x" * 300_000))
ABOVE = packed((f"{SITE}/.wh.b.egg-info", b""), (f"{SITE}/sub/.wh..wh..opq", b""), (f"{SITE}/sub/\udcff.py", b""))


def test_tree_is_the_same_when_it_comes_back(tmp_path: Path) -> None:
    store = TreeStore(tmp_path)
    for digest, layer in (("sha256:1", BELOW), ("sha256:2", ABOVE)):
        layer.seek(0)
        store.put(digest, read(layer, hashed=True), hashed=True)
    trees = [store.get(digest, hashed=True) for digest in ("sha256:1", "sha256:2")]
    tree = stack(tree for tree in trees if tree is not None)
    assert tree.names(f"/{SITE}") == ("a-1.dist-info", "sub")
    assert tree.names(f"/{SITE}/sub") == ("\udcff.py",)
    assert tree.read(f"/{METADATA}", 100) == b"Name: a\n"
    assert tree.resolve("/lib/x") == "/usr/lib/x"
    BELOW.seek(0)
    fresh = read(BELOW, hashed=True)
    wanted = [("/opt/big", "sha256"), (f"/{METADATA}", "sha256")]
    assert dict(tree.digests(wanted)) == dict(fresh.digests(wanted))


def test_tree_without_digests_does_not_serve_who_asks_for_them(tmp_path: Path) -> None:
    store = TreeStore(tmp_path)
    BELOW.seek(0)
    store.put("sha256:1", read(BELOW), hashed=False)
    assert store.get("sha256:1", hashed=True) is None
    assert store.get("sha256:1", hashed=False) is not None
    assert store.get("sha256:2", hashed=False) is None


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x93\xa4file\x00\x00", b"\x92\xa5wrong\x00"])
def test_damaged_tree_is_none(tmp_path: Path, content: bytes) -> None:
    store = TreeStore(tmp_path)
    BELOW.seek(0)
    store.put("sha256:1", read(BELOW), hashed=False)
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    file.write_bytes(content)
    assert store.get("sha256:1", hashed=False) is None


def test_store_of_nowhere_keeps_nothing() -> None:
    store = TreeStore(None)
    BELOW.seek(0)
    store.put("sha256:1", read(BELOW), hashed=False)
    assert store.get("sha256:1", hashed=False) is None


def test_tree_that_was_kept_under_another_name_is_not_taken(tmp_path: Path) -> None:
    store = TreeStore(tmp_path)
    for digest, layer in (("sha256:1", BELOW), ("sha256:2", ABOVE)):
        layer.seek(0)
        store.put(digest, read(layer), hashed=False)
    one, other = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    one.write_bytes(other.read_bytes())
    assert sorted(store.get(digest, hashed=False) is None for digest in ("sha256:1", "sha256:2")) == [False, True]


def test_what_layers_removed_comes_back(tmp_path: Path) -> None:
    BELOW.seek(0)
    ABOVE.seek(0)
    tree = stack([read(BELOW).numbered(1), read(ABOVE).numbered(2)])
    TreeStore(tmp_path).put("sha256:3", tree, hashed=False)
    kept = TreeStore(tmp_path).get("sha256:3", hashed=False)
    assert kept is not None
    kept.origins = ("layer 1 of 2", "layer 2 of 2 (RUN)")
    assert {name: origin.text for name, origin in kept.removed(f"/{SITE}").items()} == {
        "b.egg-info": "layer 2 of 2 (RUN)"
    }


def placed(file: Path, *, age: float) -> tuple[dict[str, tuple[OpenFile, str]], int]:
    """Return a layer that is all of *file*, which changed *age* seconds ago as far as it tells, and its handle."""
    handle = os.open(file, os.O_RDONLY)
    time.sleep(max(0.0, age - (time.time() - file.stat().st_ctime)))
    return {"a": (OpenFile(handle, 0, file.stat().st_size, owned=False), "sha256:1")}, handle


@pytest.mark.slow
def test_layer_that_was_hashed_is_known_until_its_file_changes(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"x")
    layers, handle = placed(tmp_path / "a.tar", age=2.1)
    store = HashedLayers(tmp_path / "cache")
    assert store.unknown(layers) == layers
    store.keep(layers)
    assert store.unknown(layers) == {}
    assert store.unknown({"a": (layers["a"][0], "sha256:2")}) != {}
    before = (tmp_path / "a.tar").stat()
    (tmp_path / "a.tar").write_bytes(b"y")
    os.utime(tmp_path / "a.tar", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.unknown(layers) == layers
    store.keep(layers)  # it has just changed
    assert store.unknown(layers) == layers
    os.close(handle)


def test_layer_is_hashed_each_time_without_a_cache(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"x")
    layers, handle = placed(tmp_path / "a.tar", age=0)
    HashedLayers(None).keep(layers)
    assert HashedLayers(None).unknown(layers) == layers
    os.close(handle)
