import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from lockml.inventory.sources.kept import KeptTree
from lockml.inventory.sources.opened import ImageFiles
from lockml.ports import UnreadableError
from tests.made.trees import MemoryTree

FILES = {"/a": b"one", "/b": b"two", "/changed": b"three"}


class CountingTree(MemoryTree):
    """Tells what was hashed."""

    hashed: list[str]

    def digests(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes | UnreadableError]]:
        jobs = list(wanted)
        self.hashed = sorted(path for path, _ in jobs)
        return super().digests(jobs)


def digests(folder: Path, image: str = "sha256:1") -> tuple[list[str], dict[str, object]]:
    """Return what was hashed, and every digest."""
    tree = CountingTree(FILES)
    kept = KeptTree(tree, ImageFiles(id=image, has=lambda path: path != "/changed"), folder)
    found = dict(kept.digests((path, "sha256") for path in FILES))
    kept.keep()
    return tree.hashed, dict(found)


EXPECTED = {path: hashlib.sha256(content).digest() for path, content in FILES.items()}


def test_files_of_an_image_are_hashed_once_and_what_was_changed_every_time(tmp_path: Path) -> None:
    assert digests(tmp_path) == (["/a", "/b", "/changed"], EXPECTED)
    assert digests(tmp_path) == (["/changed"], EXPECTED)
    assert digests(tmp_path, "sha256:2") == (["/a", "/b", "/changed"], EXPECTED)


def test_damaged_cache_is_hashed_anew(tmp_path: Path) -> None:
    digests(tmp_path)
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    file.write_bytes(b"\xc1 broken")
    assert digests(tmp_path) == (["/a", "/b", "/changed"], EXPECTED)


def test_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert digests(tmp_path / "file") == (["/a", "/b", "/changed"], EXPECTED)
