"""A process in a container of a changed image tries to have its own clean file taken for the image's."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from lockml.inventory.collect import take_inventory
from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.model import Inventory
from lockml.inventory.proof import Proof
from lockml.subjects.engine.api import Engine, EngineAddress
from lockml.subjects.engine.container import open_container
from lockml.subjects.inventory_cache import ImageMemory
from lockml.subjects.model import ImageFiles, OpenedSubject, ReadOptions
from lockml.subjects.open import with_cached_digests
from lockml.subjects.process import ProcessTree
from tests.engine.conftest import Docker, Trainer

pytestmark = pytest.mark.engine

SITE = "/opt/venv/lib/python3.11/site-packages"
MODULE = f"{SITE}/pylab.py"
SWAP = f"cp -p /srv/clean.py {SITE}/.new && mv {SITE}/.new {MODULE}"
DOCKERFILE = f"FROM trainer\nRUN cp -p {MODULE} /srv/clean.py && sed -i s/pylab/pylob/ {MODULE}\n"
CHANGED, CLEAN = frozenset({MODULE}), frozenset[str]()


@dataclass(frozen=True, slots=True)
class Poisoned:
    """Containers A and B of an image in which pylab.py is changed, and what is kept of it in *cache*."""

    docker: Docker
    folder: Path
    cache: Path

    def swap(self) -> None:
        """Let A put the clean file in the place of the changed one."""
        self.docker.run("exec", "poison-a", "sh", "-ec", SWAP)

    @contextmanager
    def opened(self, name: str) -> Iterator[OpenedSubject]:
        engine = Engine(EngineAddress(url=self.docker.host))
        with open_container(engine, name, ReadOptions(hashed=True, cache=self.cache)) as opened:
            assert isinstance(opened.image, ImageFiles)
            yield opened

    def checked(self) -> list[int]:
        """Check B, A and the image as a user does, with what is kept by now; return the exit codes."""
        arguments = ("--lock", str(self.folder / "pylock.toml"), "--level", "files", "--cache-dir", str(self.cache))
        trainer = Trainer(self.folder, "trainer", self.docker)
        subjects = (("--container", "poison-b"), ("--container", "poison-a"), ("--image", "poisoned"))
        return [trainer.check(*subject, *arguments).code for subject in subjects]


@pytest.fixture
def poisoned(trainer: Trainer, docker: Docker, tmp_path: Path) -> Iterator[Poisoned]:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    docker.run("build", "-q", "-t", "poisoned", str(tmp_path))
    with ExitStack() as stack:
        for name in ("poison-a", "poison-b"):
            stack.enter_context(docker.container("poisoned", name, "sleep", "infinity"))
        yield Poisoned(docker, trainer.folder, tmp_path / "cache")


def modified(inventory: Inventory) -> frozenset[str]:
    """Return the files that are not as their RECORD says, which no lock vouches for here."""
    assert inventory.files is not None
    deviations = inventory.files.deviations
    return frozenset(each.path for each in deviations if each.kind == "modified" and not each.unproven)


class _AtJob:
    """A tree of which the digests are asked for as usual, but for *then*, which is done before or after one path."""

    def __init__(self, tree: FileTree, then: Callable[[], None], *, before: bool) -> None:
        self._tree = tree
        self._then = then
        self._before = before

    def __getattr__(self, name: str) -> object:
        return getattr(self._tree, name)

    def digests(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes | UnreadableError]]:
        def watched() -> Iterator[tuple[str, str]]:
            for path, algorithm in wanted:
                if path == MODULE and self._before:
                    self._then()
                yield path, algorithm  # a small file is hashed before the next is asked for
                if path == MODULE and not self._before:
                    self._then()

        return self._tree.digests(watched())


@pytest.mark.parametrize("before", [True, False], ids=["before-it-is-hashed", "after-it-was-hashed"])
@pytest.mark.parametrize("known", [False, True], ids=["image-unknown", "image-known"])
def test_file_that_is_swapped_during_the_walk_is_never_the_images(
    poisoned: Poisoned, before: bool, known: bool
) -> None:
    if known:
        assert poisoned.checked() == [1, 1, 1]
    with poisoned.opened("poison-a") as opened, with_cached_digests(opened, poisoned.cache) as kept:
        tree: FileTree = _AtJob(kept, poisoned.swap, before=before)  # type: ignore[assignment]
        assert modified(take_inventory(tree, opened.subject, opened.runtime, files=True)) == CLEAN
    assert poisoned.checked() == [1, 0, 1]


def test_file_that_is_swapped_after_it_was_judged_was_judged_as_it_was(poisoned: Poisoned) -> None:
    with poisoned.opened("poison-a") as opened, with_cached_digests(opened, poisoned.cache) as kept:
        inventory = take_inventory(kept, opened.subject, opened.runtime, files=True)
        poisoned.swap()
        assert modified(inventory) == CHANGED
    assert poisoned.checked() == [1, 0, 1]


class _SwappedTree(ProcessTree):
    """A container that changes as often as somebody looks at what it changed."""

    swap: Callable[[], None]

    def look_anew(self) -> None:
        self.swap()
        super().look_anew()


def test_audit_remembers_of_an_image_what_its_layers_have(poisoned: Poisoned) -> None:
    memory = ImageMemory(poisoned.cache)
    with poisoned.opened("poison-a") as opened:
        pid = int(poisoned.docker.run("inspect", "-f", "{{.State.Pid}}", "poison-a"))
        with _SwappedTree(pid) as tree:
            tree.swap = poisoned.swap
            assert opened.image is not None
            image = replace(opened.image, has=tree.of_image, still=tree.still_of_image)
            taken = memory.take(replace(opened, tree=tree, image=image), prefix=None, files=True, proof=Proof())
    assert (modified(taken.inventory), taken.key) == (CLEAN, None)
    with poisoned.opened("poison-b") as opened:
        taken = memory.take(opened, prefix=None, files=True, proof=Proof())
        assert (modified(taken.inventory), taken.key is None) == (CHANGED, False)
        again = ImageMemory(poisoned.cache).take(opened, prefix=None, files=True, proof=Proof())
        assert again == taken
    with poisoned.opened("poison-a") as opened:
        assert modified(memory.take(opened, prefix=None, files=True, proof=Proof()).inventory) == CLEAN


def test_container_whose_layers_the_engine_does_not_name_says_nothing_of_its_image(poisoned: Poisoned) -> None:
    with poisoned.opened("poison-a") as opened:
        tree = opened.tree
        assert isinstance(tree, ProcessTree)
        data = poisoned.docker.run("inspect", "-f", "{{json .GraphDriver.Data}}", "poison-a")
        merged, upper, lower = (
            poisoned.docker.run("inspect", "-f", f"{{{{.GraphDriver.Data.{name}}}}}", "poison-a")
            for name in ("MergedDir", "UpperDir", "LowerDir")
        )
        folders = [upper, *lower.split(":")[1:]]
        assert tree.image_files(merged, folders) is not None, data
        assert tree.image_files(upper, folders) is None
        assert tree.image_files("", folders) is None
        assert tree.image_files(merged, folders[:-1]) is None
        assert tree.image_files(merged, [folders[0], *reversed(folders[1:])]) is None
        assert tree.image_files(merged, [upper, *lower.split(":")]) is None
