from pathlib import Path

from lockml.subjects.tree.folder import FolderTree
from lockml.subjects.tree.mounts import Mount, MountedTree, RootMount, parse_mounts
from tests.made.trees import MOUNTS


def test_overlay_and_mounts_of_a_process_are_told() -> None:
    root, mounts = parse_mounts(MOUNTS)
    assert root == RootMount("/d/up", ("/l/A", "/l/B"), indexed=False)
    assert [mount.at for mount in mounts] == ["/proc", "/app/code\tx"]
    assert mounts[1].text == "mounted at /app/code\tx (ext4 /dev/vda, /srv/with space)"


def test_root_that_is_no_overlay_has_no_layers() -> None:
    assert parse_mounts("1 0 254:0 / / rw - ext4 /dev/vda rw\n") == (None, ())
    assert parse_mounts("1 0 254:0 / / rw - overlay o rw,lowerdir=/a\n") == (None, ())


def test_colons_in_folders_are_escaped_by_the_kernel() -> None:
    root, _ = parse_mounts("1 0 0:1 / / rw - overlay o rw,lowerdir=/a\\:b:/c,upperdir=/u\n")
    assert root == RootMount("/u", ("/a:b", "/c"))


def test_mount_removes_what_it_hides(tmp_path: Path) -> None:
    (tmp_path / "root" / "lib").mkdir(parents=True)
    (tmp_path / "root" / "lib" / "a.py").write_text("")
    (tmp_path / "volume").mkdir()
    with FolderTree(str(tmp_path / "root")) as root, FolderTree(str(tmp_path / "volume")) as volume:
        tree = MountedTree(root, {"/lib": (volume, "")}, [Mount("/lib", "mounted at /lib")])
        assert tree.names("/lib") == ()
        assert {name: origin.text for name, origin in tree.removed("/lib").items()} == {"a.py": "mounted at /lib"}
        assert tree.removed("/") == {}
