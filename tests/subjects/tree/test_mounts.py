from collections.abc import Iterator
from hashlib import md5
from pathlib import Path

import pytest

from lockml.inventory.file_tree import UnreadableError
from lockml.subjects.tree.folder import FolderTree
from lockml.subjects.tree.mounts import Mounted, MountedTree, RootMount, parse_mounts
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


@pytest.fixture
def root(tmp_path: Path) -> Iterator[FolderTree]:
    (tmp_path / "root" / "lib").mkdir(parents=True)
    (tmp_path / "root" / "lib" / "a.py").write_text("image")
    (tmp_path / "root" / "lib64").symlink_to("lib")
    with FolderTree(str(tmp_path / "root")) as tree:
        yield tree


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[FolderTree]:
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / "other.py").write_text("mounted, and longer")
    with FolderTree(str(tmp_path / "volume")) as tree:
        yield tree


def refuse(at: str) -> tuple[FolderTree, str]:
    raise UnreadableError(at, "it is elsewhere")


def test_mount_removes_what_it_hides(root: FolderTree, volume: FolderTree) -> None:
    tree = MountedTree(root, [Mounted("/lib", "mounted at /lib", lambda _: (volume, ""))])
    assert tree.names("/lib") == ("other.py",)
    assert {name: origin.text for name, origin in tree.removed("/lib").items()} == {"a.py": "mounted at /lib"}
    assert tree.removed("/") == {}


def test_mount_through_a_link_is_where_the_link_leads(root: FolderTree, volume: FolderTree) -> None:
    """Engines follow links inside the container when they mount."""
    tree = MountedTree(root, [Mounted("/lib64/./a.py", "mounted", lambda _: (volume, "/other.py"))])
    assert tree.read("/lib/a.py", 99) == b"mounted, and longer"
    assert [(entry.name, entry.size) for entry in tree.entries("/lib")] == [("a.py", 19)]
    assert dict(tree.digests([("/lib/a.py", "md5")])) == {"/lib/a.py": md5(b"mounted, and longer").digest()}
    assert tree.removed("/lib64") == {}


def test_mount_makes_the_folders_that_it_needs(root: FolderTree, volume: FolderTree) -> None:
    tree = MountedTree(root, [Mounted("/lib/new/deep", "mounted", lambda _: (volume, ""))])
    assert tree.names("/lib") == ("a.py", "new")
    assert tree.names("/lib/new") == ("deep",)
    assert tree.names("/lib/new/deep") == ("other.py",)


def test_mount_in_a_mount_follows_the_links_of_that(root: FolderTree, volume: FolderTree, tmp_path: Path) -> None:
    (tmp_path / "volume" / "link").symlink_to("/lib")
    inner = Mounted("/data/link/a.py", "mounted", lambda _: (volume, "/other.py"))
    tree = MountedTree(root, [Mounted("/data", "mounted", lambda _: (volume, "")), inner])
    assert tree.read("/lib/a.py", 99) == b"mounted, and longer"


def test_mount_that_cannot_be_read_is_told_to_who_looks_there(root: FolderTree) -> None:
    tree = MountedTree(root, [Mounted("/lib/new", "mounted", refuse), Mounted("/data", "mounted", refuse)])
    assert tree.read("/lib/a.py", 99) == b"image"
    assert tree.names("/") == ("data", "lib", "lib64")
    with pytest.raises(UnreadableError, match="elsewhere"):
        tree.names("/lib64/new")
    ((_, found),) = tree.digests([("/data/x", "md5")])
    assert isinstance(found, UnreadableError)


def test_mount_that_is_nobody_s_keeps_the_origins_of_its_files(root: FolderTree, volume: FolderTree) -> None:
    tree = MountedTree(root, [Mounted("/lib", "", lambda _: (volume, ""))])
    assert tree.origin("/lib/other.py") is None
