import io
import tarfile

import pytest

from lockml.inventory.file_tree import UnreadableError
from lockml.subjects.oci.layers import LayerTree, stack
from tests.made.oci import METADATA, SITE, packed, read


def layered(*layers: io.BytesIO) -> LayerTree:
    return stack(read(layer) for layer in layers)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_wanted_files_are_kept_from_plain_and_compressed_layers(mode: str) -> None:
    tree = layered(packed((f"./{METADATA}", b"Name: a\n"), ("opt/big.bin", b"x" * 1000), mode=mode))
    assert tree.read(f"/{METADATA}", 100) == b"Name: a\n"
    assert tree.read(f"/{METADATA}", 4) == b"Name"
    assert tree.kind("/opt/big.bin") == "file"
    assert tree.names(f"/{SITE}") == ("a-1.dist-info",)


def test_upper_layer_covers_and_removes() -> None:
    """OCI image specification: whiteouts."""
    below = packed((METADATA, b"old"), (f"{SITE}/b-1.dist-info/METADATA", b"b"), (f"{SITE}/c.egg-info", b"c"))
    above = packed((METADATA, b"new"), (f"{SITE}/.wh.b-1.dist-info", b""), (f"{SITE}/.wh.c.egg-info", b""))
    tree = layered(below, above)
    assert tree.read(f"/{METADATA}", 10) == b"new"
    assert tree.names(f"/{SITE}") == ("a-1.dist-info",)


def test_opaque_folder_hides_what_lower_layers_have_in_it() -> None:
    below = packed((METADATA, b"old"))
    above = packed((f"{SITE}/.wh..wh..opq", b""), (f"{SITE}/b.egg-info", b"b"))
    assert layered(below, above).names(f"/{SITE}") == ("b.egg-info",)


def test_file_over_a_folder_and_folder_over_a_file() -> None:
    tree = layered(packed((f"{SITE}/x/y", b""), ("opt/z", b"")), packed((f"{SITE}/x", b""), ("opt/z/w", b"")))
    assert tree.kind(f"/{SITE}/x") == "file"
    assert tree.kind("/opt/z/w") == "file"


def test_links_are_followed_across_layers() -> None:
    tree = layered(packed(("usr/lib/python3/dist-packages/a.egg-info", b"a")), packed(("lib", "usr/lib")))
    assert tree.read("/lib/python3/dist-packages/a.egg-info", 10) == b"a"
    assert tree.resolve("/lib/python3") == "/usr/lib/python3"


def test_hard_link_has_the_content_of_what_it_names() -> None:
    members = ((METADATA, b"Name: a"), (f"{SITE}/b-1.dist-info/METADATA", METADATA))
    tree = layered(packed(*members, kind=tarfile.LNKTYPE))
    assert tree.read(f"/{SITE}/b-1.dist-info/METADATA", 100) == b"Name: a"


def test_wanted_file_that_is_a_link_to_an_unwanted_one_is_unreadable_and_not_absent() -> None:
    tree = layered(packed(("opt/hidden.txt", b"Name: a"), (METADATA, "/opt/hidden.txt")))
    with pytest.raises(UnreadableError, match="was streamed and not kept"):
        tree.read(f"/{METADATA}", 100)


@pytest.mark.parametrize(
    ("layer", "problem"),
    [
        (packed(("../../etc/passwd", b"x")), "leads outside the archive"),
        (packed(("d/" * 300 + "f", b"x")), "nested deeper"),
        (io.BytesIO(b"no tar" * 200), "damaged"),
        (io.BytesIO(packed((METADATA, b"x" * 5000)).getvalue()[:1000]), "archive is truncated"),
        (io.BytesIO(packed((METADATA, b"x" * 5000), mode="w:gz").getvalue()[:60]), "stream is truncated"),
    ],
)
def test_hostile_and_damaged_layers_are_unreadable(layer: io.BytesIO, problem: str) -> None:
    with pytest.raises(UnreadableError, match=problem):
        read(layer)


def test_device_is_missing() -> None:
    tree = layered(packed((METADATA, "x"), kind=tarfile.CHRTYPE))
    assert tree.kind(f"/{METADATA}") == "missing"
    assert tree.read(f"/{METADATA}", 10) is None


def test_layer_that_occurs_twice_is_not_changed_by_what_lies_between() -> None:
    twice = read(packed((METADATA, b"Name: a"), (f"{SITE}/b.egg-info", b"b")))
    between = read(packed((f"{SITE}/.wh.a-1.dist-info", b"")))
    assert stack([twice, between]).names(f"/{SITE}") == ("b.egg-info",)
    assert stack([twice, between, twice]).names(f"/{SITE}") == ("a-1.dist-info", "b.egg-info")


STEPS = ("layer 1 of 3", "layer 2 of 3 (RUN rm)", "layer 3 of 3 (RUN rm again)")


def numbered(*layers: io.BytesIO) -> LayerTree:
    return stack((read(layer).numbered(number) for number, layer in enumerate(layers, 1)), origins=STEPS)


def removed(tree: LayerTree, folder: str) -> dict[str, str]:
    return {name: origin.text for name, origin in tree.removed(folder).items()}


def test_whiteouts_and_opaque_folders_tell_their_layer() -> None:
    below = packed((METADATA, b""), (f"{SITE}/b.egg-info", b""), (f"{SITE}/pkg/x.py", b""), (f"{SITE}/pkg/y.py", b""))
    above = packed((f"{SITE}/.wh.b.egg-info", b""), (f"{SITE}/pkg/.wh..wh..opq", b""), (f"{SITE}/pkg/y.py", b""))
    tree = numbered(below, above, packed((f"{SITE}/.wh.a-1.dist-info", b""), (f"{SITE}/.wh.never", b"")))
    assert removed(tree, f"/{SITE}") == {"b.egg-info": STEPS[1], "a-1.dist-info": STEPS[2]}
    assert removed(tree, f"/{SITE}/a-1.dist-info") == {"METADATA": STEPS[2]}
    assert removed(tree, f"/{SITE}/pkg") == {"x.py": STEPS[1]}


def test_whiteout_in_the_root_tells_its_layer() -> None:
    tree = numbered(packed(("opt/x", b""), ("y", b"")), packed((".wh.opt", b""), (".wh.y", b"")))
    assert removed(tree, "/") == {"opt": STEPS[1], "y": STEPS[1]}


def test_what_came_back_is_not_removed_and_the_last_removal_counts() -> None:
    add, remove = (METADATA, b""), (f"{SITE}/.wh.a-1.dist-info", b"")
    assert removed(numbered(packed(add), packed(remove), packed(add)), f"/{SITE}") == {}
    back = packed((f"{SITE}/a-1.dist-info/RECORD", b""))
    assert removed(numbered(packed(add), packed(remove), back), f"/{SITE}/a-1.dist-info") == {"METADATA": STEPS[1]}
    both = packed(add, (f"{SITE}/b.egg-info", b""))
    again = packed((f"{SITE}/.wh.b.egg-info", b""), remove)
    assert removed(numbered(both, packed(remove, add), again), f"/{SITE}") == {
        "a-1.dist-info": STEPS[2],
        "b.egg-info": STEPS[2],
    }


def test_file_in_the_place_of_a_folder_removes_what_was_in_it() -> None:
    tree = numbered(packed((METADATA, b"")), packed((f"{SITE}/a-1.dist-info", b"")))
    assert removed(tree, f"/{SITE}/a-1.dist-info") == {"METADATA": STEPS[1]}
    assert removed(tree, f"/{SITE}") == {}


def test_layers_of_which_nothing_tells_what_made_them_tell_no_removal() -> None:
    tree = layered(packed((METADATA, b"")), packed((f"{SITE}/.wh.a-1.dist-info", b"")))
    assert removed(tree, f"/{SITE}") == {}
