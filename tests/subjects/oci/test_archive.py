import gzip
import io
import json
import os
import threading
from collections.abc import Mapping
from hashlib import sha256, sha512
from pathlib import Path

import pytest

from lockml.common.errors import LockmlError, NotFoundError, UnreachableError
from lockml.inventory.file_tree import UnreadableError
from lockml.subjects.model import ReadOptions
from lockml.subjects.oci.archive import open_archive, open_layout, read_stream
from lockml.subjects.oci.layers import LayerTree
from lockml.subjects.oci.tar import StreamSource
from tests.made.images import blobs_of, configuration, digest, oci_manifest, saved, tar_of
from tests.made.oci import METADATA, SITE, index, packed

BELOW = packed((METADATA, b"old"), (f"{SITE}/b.egg-info", b"b")).getvalue()
ABOVE = packed((METADATA, b"new"), mode="w:gz").getvalue()


CONFIG = ("c.json", configuration(ABOVE))


def read_saved_image(stream: io.BytesIO) -> LayerTree:
    return read_stream(StreamSource(stream), ReadOptions())[0]


def manifest(*layers: str) -> tuple[str, bytes]:
    return "manifest.json", json.dumps([{"Config": "c.json", "RepoTags": None, "Layers": layers}]).encode()


def test_layout_of_older_engines_is_read_with_layers_that_are_links() -> None:
    stream = packed(
        ("aa", None),
        ("aa/VERSION", b"1.0"),
        ("aa/layer.tar", BELOW),
        ("bb/layer.tar", ABOVE),
        ("cc/layer.tar", "../aa/layer.tar"),
        ("c.json", configuration(BELOW, ABOVE)),
        manifest("aa/layer.tar", "bb/layer.tar"),
    )
    tree = read_saved_image(stream)
    assert tree.read(f"/{METADATA}", 10) == b"new"
    assert tree.names(f"/{SITE}") == ("a-1.dist-info", "b.egg-info")
    config = ("c.json", configuration(BELOW))
    again = packed(("aa/layer.tar", BELOW), ("cc/layer.tar", "../aa/layer.tar"), config, manifest("cc/layer.tar"))
    assert read_saved_image(again).read(f"/{METADATA}", 10) == b"old"


def test_oci_layout_is_read() -> None:
    place = f"blobs/sha256/{sha256(ABOVE).hexdigest()}"
    stream = packed(
        ("blobs/sha256/01", b'{"config": "a document and no layer"}'),
        (place, ABOVE),
        ("index.json", b'{"manifests": null}'),
        CONFIG,
        manifest(place),
        ("oci-layout", b"{}"),
    )
    assert read_saved_image(stream).read(f"/{METADATA}", 10) == b"new"


@pytest.mark.parametrize(
    ("stream", "problem"),
    [
        (packed(("aa/layer.tar", BELOW)), "named but missing"),
        (packed(("aa/layer.tar", BELOW), ("manifest.json", b"{")), "missing or damaged"),
        (packed(CONFIG, manifest("aa/layer.tar")), "named but missing"),
        (packed(("manifest.json", b"[]")), "it has no image"),
        (io.BytesIO(b"garbage" * 1000), "damaged"),
        (packed(("aa/layer.tar", b"garbage" * 1000), CONFIG, manifest("aa/layer.tar")), "damaged"),
    ],
)
def test_damaged_images_are_unreadable(stream: io.BytesIO, problem: str) -> None:
    with pytest.raises(UnreadableError, match=problem):
        read_saved_image(stream)


def layout(folder: Path, layer: bytes = ABOVE) -> Path:
    """Write an OCI layout of one image with one layer."""
    config = configuration(layer)
    text = oci_manifest(config, [layer])
    return write(folder, {**blobs_of(config, layer, text), "index.json": index((text, None, "a:1"))})


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("layer", [ABOVE, BELOW])
def test_layout_is_read_and_its_compressed_layers_are_kept(tmp_path: Path, layer: bytes) -> None:
    folder = layout(tmp_path / "layout", layer)
    options = ReadOptions(cache=tmp_path / "cache")
    for name in (str(folder), f"{folder}:a:1"):
        with open_layout(name, options) as opened:
            assert opened.tree.read(f"/{METADATA}", 10) in (b"new", b"old")
    assert len([path for path in (tmp_path / "cache").rglob("*") if path.is_file()]) == (layer is ABOVE)


def test_layer_of_a_layout_that_is_not_what_its_digest_says_is_refused(tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout")
    other = packed((METADATA, b"evil"), mode="w:gz").getvalue()
    (folder / "blobs" / "sha256" / digest(ABOVE).removeprefix("sha256:")).write_bytes(other)
    with pytest.raises(UnreachableError, match="does not match its digest"), open_layout(str(folder), ReadOptions()):
        pass


@pytest.mark.parametrize("packing", ["w", "w:gz"])
def test_archive_file_is_read_where_it_stands(tmp_path: Path, packing: str) -> None:
    config = ("c.json", configuration(BELOW, ABOVE))
    members = (("aa/layer.tar", BELOW), ("bb/layer.tar", ABOVE), config, manifest("aa/layer.tar", "bb/layer.tar"))
    (tmp_path / "a.tar").write_bytes(packed(*members, mode=packing).getvalue())
    with open_archive(str(tmp_path / "a.tar"), ReadOptions(hashed=True)) as opened:
        assert opened.tree.read(f"/{METADATA}", 10) == b"new"
        assert opened.runtime.environment["PATH"] == "/opt/venv/bin"
        found = dict(opened.tree.digests([(f"/{METADATA}", "sha256"), (f"/{SITE}/b.egg-info", "sha256")]))
    assert found == {f"/{METADATA}": sha256(b"new").digest(), f"/{SITE}/b.egg-info": sha256(b"b").digest()}


def test_archive_of_a_root_file_system_is_read(tmp_path: Path) -> None:
    """`docker export` writes one."""
    (tmp_path / "root.tar").write_bytes(BELOW)
    with open_archive(str(tmp_path / "root.tar"), ReadOptions()) as opened:
        assert opened.tree.read(f"/{METADATA}", 10) == b"old"
        assert opened.subject.details == {"is": "root"}


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [("none.tar", None, NotFoundError), ("empty.tar", b"", UnreachableError), ("text.tar", b"text", UnreachableError)],
)
def test_what_is_no_archive_is_told(tmp_path: Path, name: str, content: bytes | None, error: type[LockmlError]) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error), open_archive(str(tmp_path / name), ReadOptions()):
        pass


HEX = sha256(BELOW).hexdigest()
ZIPPED = gzip.compress(BELOW)
WRITERS = {
    "Docker before 25": saved({"aa/layer.tar": BELOW}),
    "Docker": saved({f"blobs/sha256/{HEX}": BELOW}, config=f"blobs/sha256/{sha256(configuration(BELOW)).hexdigest()}"),
    "podman, skopeo": saved({f"{HEX}.tar": BELOW}, config=f"{sha256(configuration(BELOW)).hexdigest()}.json"),
    "crane, ko": saved({f"{'a' * 64}.tar.gz": ZIPPED}, config=digest(configuration(BELOW))),
    "kaniko": saved({digest(ZIPPED): ZIPPED}, config=digest(configuration(BELOW))),
    "Jib": saved({f"{'b' * 64}.tar.gz": ZIPPED}, config="config.json", tags=["a:1"]),
}


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("writer", WRITERS)
def test_archives_of_all_writers_are_read(tmp_path: Path, writer: str, mode: str) -> None:
    (tmp_path / "a.tar").write_bytes(tar_of(WRITERS[writer], mode))
    with open_archive(str(tmp_path / "a.tar"), ReadOptions(hashed=True)) as opened:
        assert opened.tree.read(f"/{METADATA}", 10) == b"old"
        assert opened.tree.origin(f"/{METADATA}") is not None
        assert opened.subject.layers == (digest(BELOW),)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize(
    ("members", "problem"),
    [
        (WRITERS["Docker"] | {f"blobs/sha256/{HEX}": ABOVE}, "does not match its"),
        (WRITERS["podman, skopeo"] | {f"{HEX}.tar": ABOVE}, "does not match its image's configuration"),
        (
            WRITERS["Docker"] | blobs_of(b"x") | {"index.json": index((oci_manifest(b"x", []), None, "a"))},
            "it is named but missing",
        ),
        (WRITERS["Docker"] | {"etc/passwd": b""}, "folders of a root file system"),
        (saved({f"{HEX}.tar": BELOW}, config=f"{'c' * 64}.json"), "does not match its digest"),
    ],
)
def test_parts_that_are_not_what_they_should_be_are_refused(
    tmp_path: Path, members: dict[str, bytes], problem: str, mode: str
) -> None:
    (tmp_path / "a.tar").write_bytes(tar_of(members, mode))
    with pytest.raises(UnreachableError, match=problem), open_archive(str(tmp_path / "a.tar"), ReadOptions()):
        pass


def test_layers_that_the_configuration_does_not_count_are_refused() -> None:
    members = saved({"a.tar": BELOW}) | {"c.json": configuration(BELOW, BELOW)}
    with pytest.raises(UnreadableError, match="it has 1 layers, but its configuration names 2"):
        read_saved_image(io.BytesIO(tar_of(members)))


@pytest.mark.parametrize(("layer", "agree"), [(BELOW, True), (ABOVE, False)])
def test_manifest_and_index_of_an_archive_must_lead_to_one_image(layer: bytes, *, agree: bool) -> None:
    """Docker before 25 reads manifest.json, podman index.json."""
    config = configuration(layer)
    text = oci_manifest(config, [layer])
    members = saved({f"blobs/sha256/{HEX}": BELOW}) | blobs_of(config, text, layer)
    stream = io.BytesIO(tar_of(members | {"index.json": index((text, "linux/amd64", None))}))
    if agree:
        assert read_saved_image(stream).read(f"/{METADATA}", 10) == b"old"
        return
    with pytest.raises(UnreadableError, match=r"manifest.json and its index.json name different images"):
        read_saved_image(stream)


def test_part_that_an_archive_has_twice_is_refused(tmp_path: Path) -> None:
    one, other = (tar_of(saved({"a.tar": layer})) for layer in (BELOW, ABOVE))
    (tmp_path / "a.tar").write_bytes(one[: one.rindex(b"]") // 512 * 512 + 512] + other)
    with pytest.raises(UnreachableError, match="has it twice"), open_archive(str(tmp_path / "a.tar"), ReadOptions()):
        pass


SOURCE = packed(("opt/hidden.py", b"x = 1\n"), ("opt/big.py", b"y" * 300_000)).getvalue()


@pytest.mark.parametrize("hashed", [True, False])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_what_was_not_kept_of_a_compressed_layer_is_read_again(tmp_path: Path, mode: str, *, hashed: bool) -> None:
    """The source of a compiled module with a hash (PEP 552), as SOURCE_DATE_EPOCH makes them."""
    members = saved({"a.tar.gz": gzip.compress(SOURCE), "b.tar": BELOW})
    (tmp_path / "a.tar").write_bytes(tar_of(members, mode))
    with open_archive(str(tmp_path / "a.tar"), ReadOptions(hashed=hashed)) as opened:
        assert opened.tree.read("/opt/hidden.py", 100) == b"x = 1\n"
        assert opened.tree.read("/opt/big.py", 1 << 20) == b"y" * 300_000
        found = dict(opened.tree.digests([("/opt/hidden.py", "sha512"), ("/opt/big.py", "sha256")]))
    assert found == {"/opt/hidden.py": sha512(b"x = 1\n").digest(), "/opt/big.py": sha256(b"y" * 300_000).digest()}


def test_what_was_not_kept_of_a_compressed_root_and_of_a_layout_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "root.tar.gz").write_bytes(gzip.compress(SOURCE))
    with open_archive(str(tmp_path / "root.tar.gz"), ReadOptions()) as opened:
        assert opened.tree.read("/opt/hidden.py", 100) == b"x = 1\n"
    folder = layout(tmp_path / "layout", gzip.compress(SOURCE))
    for _ in range(2):  # the second time its layer is kept
        with open_layout(str(folder), ReadOptions(cache=tmp_path / "cache")) as opened:
            assert opened.tree.read("/opt/hidden.py", 100) == b"x = 1\n"


def test_archive_that_changes_between_two_reads_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.tar"
    file.write_bytes(tar_of(saved({"a.tar.gz": gzip.compress(SOURCE, 0)})))
    with open_archive(str(file), ReadOptions()) as opened:
        file.write_bytes(file.read_bytes().replace(b"x = 1", b"x = 2"))
        with pytest.raises(UnreadableError, match=r"changed since it was first read|damaged"):
            opened.tree.read("/opt/hidden.py", 100)


def test_pipe_is_read_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    content = tar_of(saved({"a.tar": SOURCE}))
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(content,))
    writer.start()
    with open_archive(str(tmp_path / "pipe"), ReadOptions()) as opened:
        assert opened.tree.kind("/opt/hidden.py") == "file"
        with pytest.raises(UnreadableError, match="a pipe, which cannot be read twice: save the archive to a file"):
            opened.tree.read("/opt/hidden.py", 100)
    writer.join()


@pytest.mark.parametrize(("extra", "read"), [("stargz.index.json", True), ("other.json", False)])
def test_lazily_mounted_layer_is_bound_by_its_blob_alone(tmp_path: Path, extra: str, *, read: bool) -> None:
    """eStargz: engines mount it by its table and do not unpack it."""
    layer = packed((METADATA, b"new"), (extra, b"{}"), mode="w:gz").getvalue()
    config = configuration(ABOVE)
    text = oci_manifest(config, [layer])
    files = {**blobs_of(config, layer, text), "index.json": index((text, None, "a:1"))}
    folder = write(tmp_path / "layout", files)
    if read:
        with open_layout(str(folder), ReadOptions()) as opened:
            assert opened.tree.read(f"/{METADATA}", 10) == b"new"
        return
    with pytest.raises(UnreachableError, match="does not match its image"), open_layout(str(folder), ReadOptions()):
        pass


@pytest.mark.parametrize("name", ["site-packages/.wh.evil.pth", "opt/.wh..wh..opq"])
def test_root_file_system_with_the_name_of_a_whiteout_is_refused(tmp_path: Path, name: str) -> None:
    """A container has it as a file, and who imports the archive as an image removes what it names."""
    (tmp_path / "root.tar").write_bytes(packed(("usr/bin/python3", b""), (name, b"import os")).getvalue())
    with (
        pytest.raises(UnreachableError, match="has a whiteout name"),
        open_archive(str(tmp_path / "root.tar"), ReadOptions()),
    ):
        pass
