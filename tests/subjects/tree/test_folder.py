import os
from pathlib import Path

import pytest

from lockml.inventory.file_tree import UnreadableError
from lockml.subjects.tree.folder import FolderTree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("of the host")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "passwd").write_text("of the subject")
    return root


def test_files_and_folders_are_told_apart(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with FolderTree(str(root)) as tree:
        assert [tree.kind(path) for path in ("/", "/etc", "/etc/passwd", "/etc/none", "/pipe", "/etc/passwd/x")] == [
            "folder",
            "folder",
            "file",
            "missing",
            "missing",
            "missing",
        ]
        assert tree.names("/") == ("etc", "pipe")
        assert tree.names("/etc/passwd") == ()
        assert tree.read("/etc/passwd", 6) == b"of the"
        assert tree.read("/etc/none", 6) is None
        assert tree.read("/pipe", 6) is None


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../etc/passwd", "/etc/../../etc/passwd"])
def test_links_stay_inside_the_folder(root: Path, target: str) -> None:
    (root / "etc" / "link").symlink_to(target)
    with FolderTree(str(root)) as tree:
        assert tree.read("/etc/link", 100) == b"of the subject"


def test_files_and_folders_tell_when_they_were_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    os.utime(tmp_path / "folder", (1_800_000_001, 1_800_000_001))
    os.utime(tmp_path / "file", (1_800_000_002, 1_800_000_002))
    with FolderTree(str(tmp_path)) as tree:
        times = {entry.name: entry.modified for entry in tree.entries("/")}
    assert times == {"folder": 1_800_000_001, "file": 1_800_000_002}


def test_path_through_a_missing_folder_is_missing(root: Path) -> None:
    (root / "etc" / "link").symlink_to("/gone/../../secret")
    with FolderTree(str(root)) as tree:
        assert tree.kind("/gone/../etc/passwd") == "missing"
        assert tree.kind("/etc/link") == "missing"


def test_path_of_thousands_of_parts_is_missing(root: Path) -> None:
    (root / "etc" / "evil").symlink_to("a/" * 2000)
    with FolderTree(str(root)) as tree:
        assert tree.kind("/etc/evil") == "missing"
        assert tree.kind("/x" * 5000) == "missing"


def test_link_to_a_file_of_the_host_is_missing(root: Path) -> None:
    (root / "link").symlink_to(root.parent / "secret")
    with FolderTree(str(root)) as tree:
        assert tree.kind("/link") == "missing"
        assert tree.read("/link", 100) is None


def test_folder_that_becomes_a_link_while_it_is_read_leads_nowhere(root: Path) -> None:
    """A subject may swap a folder for a link to the host between two looks."""
    (root / "a").mkdir()
    (root / "a" / "secret").write_text("of the subject")
    with FolderTree(str(root)) as tree:
        assert tree.kind("/a/secret") == "file"
        (root / "a" / "secret").unlink()
        (root / "a").rmdir()
        (root / "a").symlink_to(root.parent)
        try:
            content = tree.read("/a/secret", 100)
        except UnreadableError:
            content = None
    assert content is None


def test_many_folders_cost_few_open_files(root: Path) -> None:
    for number in range(300):
        (root / f"folder-{number}").mkdir()
        (root / f"folder-{number}" / "file").write_text(str(number))
    with FolderTree(str(root)) as tree:
        for number in range(300):
            assert tree.read(f"/folder-{number}/file", 10) == str(number).encode()
        assert len(list(Path("/proc/self/fd").iterdir())) < 150


def test_deep_folders_are_read(root: Path) -> None:
    deep = root.joinpath(*["d"] * 100)
    deep.mkdir(parents=True)
    (deep / "file").write_text("deep")
    with FolderTree(str(root)) as tree:
        assert tree.read("/" + "d/" * 100 + "file", 10) == b"deep"
