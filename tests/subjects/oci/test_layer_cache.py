from pathlib import Path

import pytest

from lockml.subjects.oci.layer_cache import TreeStore
from lockml.subjects.oci.layers import stack
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
