import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lockml.inventory.file_tree import AFTER_START
from lockml.subjects.engine.api import Engine, EngineAddress
from lockml.subjects.engine.connection import Answer
from lockml.subjects.engine.export import exported_container
from lockml.subjects.model import ReadOptions
from lockml.subjects.oci.layers import LayerTree, read_layer, stack
from lockml.subjects.oci.nodes import Node
from lockml.subjects.oci.stream_capture import Passing
from lockml.subjects.oci.tar import StreamSource

SITE = "/site-packages"
IMAGE = {"mod.py": b"x = 1\n", "gone/a.py": b"a", "data.bin": b"d" * 99}


def tar_of(files: dict[str, bytes], *, time: int = 5, linked: str | None = None) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"site-packages/{name}")
            member.size, member.mtime = len(content), time
            archive.addfile(member, io.BytesIO(content))
        if linked is not None:
            member = tarfile.TarInfo(f"site-packages/new/{linked}")
            member.type, member.linkname = tarfile.LNKTYPE, f"site-packages/{linked}"
            archive.addfile(member)
    return target.getvalue()


class ExportingEngine(Engine):
    """An engine that exports one container."""

    def __init__(self, content: bytes) -> None:
        super().__init__(EngineAddress(url="tcp://engine:2375"))
        self._content = content

    @contextmanager
    def exported(self, identifier: str) -> Iterator[Answer]:
        assert identifier == "c"
        yield io.BytesIO(self._content)  # type: ignore[misc]  # it is read as one


def image(*, hashed: bool) -> LayerTree:
    source = StreamSource(io.BytesIO(tar_of(IMAGE)))
    return stack([read_layer(source, passing=Passing(hashed=hashed), layer=1)], origins=["layer 1 of 1"])


def container(content: bytes, *, hashed: bool = True) -> LayerTree:
    return exported_container(ExportingEngine(content), "c", image(hashed=hashed), ReadOptions(hashed=hashed))


def orders(tree: LayerTree) -> dict[str, int]:
    found = {name: tree.origin(f"{SITE}/{name}") for name in tree.names(SITE)}
    return {name: origin.order for name, origin in found.items() if origin is not None}


def test_file_of_the_same_size_and_time_is_the_container_s() -> None:
    """Docker tells no change there: it compares sizes and times."""
    tree = container(tar_of({**IMAGE, "mod.py": b"x = 2\n"}))
    assert dict(tree.digests([(f"{SITE}/mod.py", "sha256")])) != dict(
        image(hashed=True).digests([(f"{SITE}/mod.py", "sha256")])
    )
    assert orders(tree) == {"mod.py": AFTER_START, "gone": 1, "data.bin": 1}


def test_what_the_container_removed_and_added_is_told_apart_from_its_image() -> None:
    tree = container(tar_of({"mod.py": IMAGE["mod.py"], "late.py": b""}, time=9))
    assert orders(tree) == {"mod.py": 1, "late.py": AFTER_START}
    assert {name: origin.order for name, origin in tree.removed(SITE).items()} == dict.fromkeys(
        ("gone", "data.bin"), AFTER_START
    )
    assert list(tree.removed(f"{SITE}/gone")) == ["a.py"]


def test_name_of_a_whiteout_is_a_file_in_a_container() -> None:
    """``site`` of older Pythons runs hidden .pth files, and a container is no layer."""
    tree = container(tar_of({**IMAGE, ".wh.evil.pth": b"import os", ".wh.mod.py": b""}))
    assert tree.names(SITE) == (".wh.evil.pth", ".wh.mod.py", "data.bin", "gone", "mod.py")
    assert tree.read(f"{SITE}/.wh.evil.pth", 9) == b"import os"


def test_hard_link_to_a_file_of_the_image_is_new_where_the_image_has_none() -> None:
    tree = container(tar_of(IMAGE, linked="mod.py"))
    assert orders(tree)["mod.py"] == 1
    added = tree.origin(f"{SITE}/new/mod.py")
    assert added is not None
    assert added.order == AFTER_START


@pytest.mark.parametrize(("hashed", "again"), [(True, ["data.bin"]), (False, [])])
def test_content_is_read_from_the_image_only_by_digest(hashed: bool, again: list[str]) -> None:
    asked: list[str] = []

    def reading(tree: LayerTree) -> Callable[[int, str], Node | None]:
        return lambda _, path: asked.append(path.rpartition("/")[2]) or tree.node(path)  # type: ignore[func-returns-value]  # it notes what is asked

    before = image(hashed=hashed)
    before.again = reading(before)
    engine = ExportingEngine(tar_of({**IMAGE, "mod.py": b"x = 2\n", "late.bin": b"l"}))
    tree = exported_container(engine, "c", before, ReadOptions(hashed=hashed))
    for name in ("data.bin", "late.bin"):
        assert tree.again is not None
        tree.again(tree.node(f"{SITE}/{name}").layer, f"{SITE}/{name}")  # type: ignore[union-attr]  # it is there
    assert asked == again
