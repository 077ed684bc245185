"""Layers in folders; whiteouts and opaque folders need root, as the engine that makes them has it."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockml.inventory.file_tree import AFTER_START, Entry
from lockml.subjects.tree.overlay import OverlayTree, layers_of

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="whiteouts are devices, which only root makes")


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[OverlayTree]:
    low, high, upper = (tmp_path / name / "diff" for name in ("low", "high", "upper"))
    files = {
        low: {"lib/a.py": "a", "lib/gone.py": "", "lib/pkg/x.py": "", "lib/kept/y.py": "", "etc/old": ""},
        high: {"lib/a.py": "changed", "lib/pkg/new.py": "", "lib/kept/z.py": ""},
        upper: {"lib/late.py": "late"},
    }
    for folder, contents in files.items():
        for name, text in contents.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    os.mknod(high / "lib" / "gone.py", stat.S_IFCHR, os.makedev(0, 0))
    os.setxattr(high / "lib" / "pkg", "trusted.overlay.opaque", b"y")
    (high / "usr").mkdir()
    (high / "usr" / "lib64").symlink_to("../lib")
    layers = layers_of(str(upper), [str(high), str(low)], ["layer 1 of 2 (ADD)", "layer 2 of 2 (RUN)"])
    with OverlayTree(layers) as opened:
        yield opened


def test_upper_layers_cover_remove_and_hide(tree: OverlayTree) -> None:
    assert tree.names("/lib") == ("a.py", "kept", "late.py", "pkg")
    assert tree.names("/lib/pkg") == ("new.py",)
    assert tree.names("/lib/kept") == ("y.py", "z.py")
    assert tree.read("/lib/a.py", 100) == b"changed"
    assert tree.kind("/lib/gone.py") == "missing"
    assert tree.kind("/lib/pkg/x.py") == "missing"
    assert tree.kind("/etc/old") == "file"


def test_links_lead_across_layers(tree: OverlayTree) -> None:
    assert tree.read("/usr/lib64/late.py", 100) == b"late"
    assert [type(entry) for entry in tree.entries("/usr/lib64/kept")] == [Entry, Entry]


def test_files_tell_their_layer(tree: OverlayTree) -> None:
    told = {name: tree.origin(f"/lib/{name}") for name in ("a.py", "kept/y.py", "late.py", "none.py")}
    assert [(each.order, each.text, each.replaces) if each else None for each in told.values()] == [
        (2, "layer 2 of 2 (RUN)", True),
        (1, "layer 1 of 2 (ADD)", False),
        (AFTER_START, "changed after the container was made", False),
        None,
    ]


def test_digests_are_those_of_the_files_that_show(tree: OverlayTree) -> None:
    found = dict(tree.digests([("/lib/a.py", "md5"), ("/lib/kept/y.py", "md5"), ("/lib/gone.py", "md5")]))
    assert found["/lib/a.py"] == hashlib.md5(b"changed").digest()
    assert found["/lib/kept/y.py"] == hashlib.md5(b"").digest()
    assert not isinstance(found["/lib/gone.py"], bytes)


def test_only_what_shows_from_below_at_its_own_place_is_unchanged(tmp_path: Path) -> None:
    """A folder that was renamed over another shows files of the image that are not its."""
    low, upper = tmp_path / "low" / "diff", tmp_path / "upper" / "diff"
    for name in ("site/pkg/a.py", "site/other/a.py", "site/other/sub/b.py", "site/new/a.py", "site/keep/a.py"):
        (low / name).parent.mkdir(parents=True, exist_ok=True)
        (low / name).write_text(name)
    (upper / "site" / "pkg").mkdir(parents=True)
    (upper / "site" / "pkg" / "a.py").write_text("changed")
    (upper / "site" / "other").mkdir()
    os.setxattr(upper / "site" / "other", "trusted.overlay.redirect", b"/site/pkg")
    (upper / "site" / "new").mkdir()
    os.setxattr(upper / "site" / "new", "trusted.overlay.opaque", b"y")
    with OverlayTree(layers_of(str(upper), [str(low)], [])) as tree:
        told = {
            name: tree.unchanged(f"/site/{name}") for name in ("pkg/a.py", "other/a.py", "other/sub/b.py", "new/a.py")
        }
        assert told == {"pkg/a.py": False, "other/a.py": False, "other/sub/b.py": False, "new/a.py": False}
        assert tree.unchanged("/site/keep/a.py")
        assert tree.unchanged("/site/pkg/b.py")


def test_whiteouts_opaque_folders_and_files_over_folders_tell_their_layer(tree: OverlayTree, tmp_path: Path) -> None:
    upper = tmp_path / "upper" / "diff"
    os.mknod(upper / "lib" / "a.py", stat.S_IFCHR, os.makedev(0, 0))
    os.mknod(upper / "lib" / "never.py", stat.S_IFCHR, os.makedev(0, 0))
    (upper / "lib" / "kept").write_text("a file")
    tree.look_anew()
    assert {name: origin.text for name, origin in tree.removed("/lib").items()} == {
        "gone.py": "layer 2 of 2 (RUN)",
        "a.py": "changed after the container was made",
    }
    assert {name: origin.order for name, origin in tree.removed("/lib/pkg").items()} == {"x.py": 2}
    assert {name: origin.order for name, origin in tree.removed("/lib/kept").items()} == {
        "y.py": AFTER_START,
        "z.py": AFTER_START,
    }
    assert tree.removed("/etc") == tree.removed("/nowhere") == tree.removed("/usr/lib64") == {}


def test_what_came_back_after_its_folder_was_removed_is_not_removed(tmp_path: Path) -> None:
    folders = [tmp_path / name / "diff" for name in ("1", "2", "3")]
    for folder, name in zip(folders, ("lib/pkg/a.py", "lib/other", "lib/pkg/b.py"), strict=True):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("")
    os.mknod(folders[1] / "lib" / "pkg", stat.S_IFCHR, os.makedev(0, 0))
    os.setxattr(folders[2] / "lib" / "pkg", "trusted.overlay.opaque", b"y")
    with OverlayTree(layers_of(None, [str(each) for each in reversed(folders)], [])) as tree:
        assert tree.removed("/lib") == {}
        assert {name: origin.order for name, origin in tree.removed("/lib/pkg").items()} == {"a.py": 2}


def test_snapshot_that_an_engine_prepares_for_a_start_is_no_layer_of_the_image() -> None:
    """Docker's containerd store numbers its snapshots; the one above the image's layers is the engine's own."""
    folders = [f"/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/{n}/fs" for n in (9, 2, 1)]
    told = layers_of(None, folders, ("layer 1 of 2", "layer 2 of 2"))
    assert [each.text for each in told] == ["prepared by the engine for the start", "layer 2 of 2", "layer 1 of 2"]
