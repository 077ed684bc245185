import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.subjects.digest_cache import KeptTree
from lockml.subjects.model import ImageFiles
from tests.made.trees import MemoryTree

IMAGE = {"/a": b"one", "/b": b"two", "/changed": b"of the image"}
SHOWN = {**IMAGE, "/changed": b"three", "/new": b"four"}


class CountingTree(MemoryTree):
    """Tells what was hashed."""

    hashed: list[str]

    def digests(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes | UnreadableError]]:
        self.hashed = []
        for path, algorithm in wanted:
            self.hashed.append(path)
            yield from super().digests([(path, algorithm)])


def image_of(files: FileTree, name: str = "sha256:1", *, own: Callable[[], set[str]]) -> ImageFiles:
    """Return an image whose subject has its *own* files at these paths."""

    def still(paths: Sequence[str]) -> list[bool]:
        return [path not in own() for path in paths]

    has = own()
    return ImageFiles(id=name, folders=("/layers/1",), files=files, has=lambda path: path not in has, still=still)


def digests(folder: Path, image: str = "sha256:1") -> tuple[list[str], list[str], dict[str, object]]:
    """Return what was hashed of the image and of the subject, and every digest."""
    below, tree = CountingTree(IMAGE), CountingTree(SHOWN)
    kept = KeptTree(tree, image_of(below, image, own=lambda: {"/changed", "/new"}), folder)
    found = dict(kept.digests((path, "sha256") for path in SHOWN))
    kept.keep()
    return below.hashed, tree.hashed, dict(found)


EXPECTED = {path: hashlib.sha256(content).digest() for path, content in SHOWN.items()}
ALL_NEW = (["/a", "/b"], ["/changed", "/new"], EXPECTED)


def test_files_of_an_image_are_hashed_once_and_what_was_changed_every_time(tmp_path: Path) -> None:
    assert digests(tmp_path) == ALL_NEW
    assert digests(tmp_path) == ([], ["/changed", "/new"], EXPECTED)
    assert digests(tmp_path, "sha256:2") == ALL_NEW


def test_damaged_cache_is_hashed_anew(tmp_path: Path) -> None:
    digests(tmp_path)
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    file.write_bytes(b"\xc1 broken")
    assert digests(tmp_path) == ALL_NEW


def test_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert digests(tmp_path / "file") == ALL_NEW


def test_digests_that_were_kept_under_another_name_are_not_taken(tmp_path: Path) -> None:
    digests(tmp_path)
    digests(tmp_path, "sha256:2")
    one, other = sorted((tmp_path / "digests-2").iterdir())
    one.write_bytes(other.read_bytes())
    hashed = [digests(tmp_path)[0], digests(tmp_path, "sha256:2")[0]]
    assert sorted(hashed) == [[], ["/a", "/b"]]


def test_images_of_other_layers_share_nothing() -> None:
    files = MemoryTree(IMAGE)
    keys = {
        ImageFiles(id=name, folders=folders, files=files).key
        for name, folders in (("1", ("/a", "/b")), ("1", ("/b", "/a")), ("1", ("/a",)), ("2", ("/a", "/b")))
    }
    assert len(keys) == 4


class SwappedTree(MemoryTree):
    """A container of a changed image, a process in which swaps the file while it is looked at."""

    def __init__(self) -> None:
        super().__init__({"/six.py": b"changed", "/other.py": b"other"})
        self.own: set[str] = set()

    def swap(self) -> None:
        self._files["/six.py"] = b"clean"
        self.own.add("/six.py")


def asked_of(tree: SwappedTree, image: MemoryTree, folder: Path, swap_at: str) -> dict[str, object]:
    """Return the digests of the container, whose file is swapped once the path *swap_at* is asked for."""

    def wanted() -> Iterator[tuple[str, str]]:
        for path in ("/six.py", "/other.py"):
            if path == swap_at:
                tree.swap()
            yield path, "sha256"

    kept = KeptTree(tree, image_of(image, own=lambda: set(tree.own)), folder)
    found = dict(kept.digests(wanted()))
    kept.keep()
    return dict(found)


CLEAN, EVIL = (hashlib.sha256(content).digest() for content in (b"clean", b"changed"))


def test_file_that_is_swapped_while_it_is_looked_at_says_nothing_of_the_image(tmp_path: Path) -> None:
    """Whether it is swapped before it is asked for or after it was hashed, it is the container's own that is judged."""
    for swap_at in ("/six.py", "/other.py"):
        image = MemoryTree({"/six.py": b"changed", "/other.py": b"other"})
        folder = tmp_path / swap_at.strip("/")
        assert asked_of(SwappedTree(), image, folder, swap_at)["/six.py"] == CLEAN
        assert asked_of(SwappedTree(), image, folder, "")["/six.py"] == EVIL
        itself = KeptTree(image, ImageFiles(id="sha256:1", folders=("/layers/1",), files=image), folder)
        assert dict(itself.digests([("/six.py", "sha256")])) == {"/six.py": EVIL}


def test_file_that_was_swapped_is_not_judged_by_a_digest_that_is_known(tmp_path: Path) -> None:
    image = MemoryTree({"/six.py": b"changed", "/other.py": b"other"})
    assert asked_of(SwappedTree(), image, tmp_path, "")["/six.py"] == EVIL
    assert asked_of(SwappedTree(), image, tmp_path, "/other.py")["/six.py"] == CLEAN


def test_file_that_the_layers_cannot_give_is_hashed_where_the_subject_has_it(tmp_path: Path) -> None:
    image = MemoryTree({"/six.py": b"changed"}, locked=("/six.py",))
    tree = SwappedTree()
    kept = KeptTree(tree, image_of(image, own=set), tmp_path)
    assert dict(kept.digests([("/six.py", "sha256")])) == {"/six.py": EVIL}
    kept.keep()
    assert not (tmp_path / "digests-2").exists()
