from lockml.subjects.tree.mounts import RootMount, parse_mounts
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
