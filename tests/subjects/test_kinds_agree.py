"""Fifteen drifts in seven kinds of subject, each written as tools write it: what is found is the same in all of them.

The engine tests do so for those that only an engine has.
"""

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from hashlib import sha256
from importlib.util import MAGIC_NUMBER
from pathlib import Path, PurePosixPath

import httpx
import pytest

from lockml.drift.compare import compare
from lockml.drift.proof import proof_of
from lockml.inventory.collect import take_inventory
from lockml.subjects.model import OpenedSubject, ReadOptions
from lockml.subjects.oci.archive import open_archive, open_layout
from lockml.subjects.oci.registry import open_registry
from lockml.subjects.path import open_path
from tests.drift.checks import LIBRARY, debian, row, usual_lock, with_rows
from tests.made.images import blobs_of, configuration, digest, oci_manifest, saved, tar_of
from tests.made.oci import index
from tests.made.trees import ELF_X86_64, SITE
from tests.made.wheels import installed_files, make_wheel

Files = dict[str, bytes]
Found = list[tuple[str, str, str]]
LINKS = {"/opt/venv/bin/python3": "/usr/bin/python3", "/usr/bin/python3": "python3.11"}
NUMPY, MODEL = f"{SITE}/numpy-1.26.4.dist-info", f"{SITE}/model-1.0.dist-info"
EVIL = b"evil()\n"
UNCHECKED = MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)


def installed(name: str, version: str) -> Files:
    return installed_files(make_wheel(name, version, files={f"{name}/__init__.py": b"x = 1\n"}), SITE)


def without(files: Files, part: str) -> Files:
    return {path: content for path, content in files.items() if part not in path}


def mended(files: Files) -> Files:
    """Return *files* with a changed module, and the row of it in RECORD mended."""
    record = files[f"{MODEL}/RECORD"].decode().splitlines(keepends=True)
    kept = [line for line in record if not line.startswith("model/__init__.py,")]
    changed = {**files, f"{SITE}/model/__init__.py": EVIL, f"{MODEL}/RECORD": "".join(kept).encode()}
    return with_rows(changed, "model-1.0", row("model/__init__.py", EVIL))


def adding(path: str, content: bytes = EVIL) -> Callable[[Files], Files]:
    return lambda files: {**files, path: content}


DRIFTS: Mapping[str, tuple[Callable[[Files], Files], Found]] = {
    "none": (lambda files: files, []),
    "version": (
        lambda files: {**without(files, "/numpy"), **installed("numpy", "1.26.3")},
        [("version", "numpy", f"{SITE}/numpy-1.26.3.dist-info")],
    ),
    "extra": (
        lambda files: {**files, **installed("extra", "1.0")},
        [("unexpected", "extra", f"{SITE}/extra-1.0.dist-info")],
    ),
    "removed": (lambda files: without(files, "/numpy"), [("missing", "numpy", "")]),
    "edited": (adding(f"{SITE}/model/__init__.py"), [("modified", "model", f"{SITE}/model/__init__.py")]),
    "deleted": (
        lambda files: without(files, "model/__init__.py"),
        [("removed-file", "model", f"{SITE}/model/__init__.py")],
    ),
    "patched": (adding(f"{SITE}/numpy/core.so", b"machine Code"), [("modified", "numpy", f"{SITE}/numpy/core.so")]),
    "record": (mended, [("artifact", "model", MODEL)]),
    "pth": (adding(f"{SITE}/a.pth", b"import evil\n"), [("unattributed-file", "a.pth", f"{SITE}/a.pth")]),
    "added": (adding(f"{SITE}/numpy/more.py"), [("unattributed-file", "more.py", f"{SITE}/numpy/more.py")]),
    "loose": (adding(f"{SITE}/helper/__init__.py"), [("unattributed-file", "helper", f"{SITE}/helper")]),
    "duplicate": (
        lambda files: {**files, f"{SITE}/model-0.9.dist-info/METADATA": b"Name: model\nVersion: 0.9\n"},
        [("duplicate", "model", f"{SITE}/model-0.9.dist-info")],
    ),
    "script": (adding("/opt/venv/bin/model-cli", b"#!/tmp/evil\n"), [("modified", "model", "/opt/venv/bin/model-cli")]),
    "bytecode": (
        adding(f"{SITE}/model/__pycache__/__init__.cpython-311.pyc", UNCHECKED),
        [("bytecode", "model", f"{SITE}/model/__pycache__/__init__.cpython-311.pyc")],
    ),
    "library": (
        adding(f"{LIBRARY}/json/__init__.py"),
        [("modified", "python", f"{LIBRARY}/json/__init__.py")],
    ),
    "interpreter": (
        adding("/usr/bin/python3.11", ELF_X86_64 + b"evil"),
        [("modified", "python3.11-minimal", "/usr/bin/python3.11")],
    ),
}


@cache
def in_order() -> Files:
    return {path: content for path, content in debian().items() if path not in LINKS}


@cache
def layers_of(name: str) -> tuple[bytes, ...]:
    """Return the layers of an image that is in order, and of the step that makes the drift."""
    before, after = in_order(), DRIFTS[name][0](in_order())
    changed = {path: content for path, content in after.items() if before.get(path) != content}
    folders = {str(folder) for path in after for folder in PurePosixPath(path).parents}
    gone = {topmost_gone(path, folders) for path in before.keys() - after.keys()}
    marks = {f"{path.parent}/.wh.{path.name}": b"" for path in gone}
    return layer_tar(before, LINKS), layer_tar({**changed, **marks})


def topmost_gone(path: str, folders: Collection[str]) -> PurePosixPath:
    """Return *path*, or the topmost folder above it that is none of *folders*: what a step removes as a whole."""
    place = PurePosixPath(path)
    return next((each for each in reversed(place.parents) if str(each) not in folders), place)


def layer_tar(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path[1:])
            member.size, member.mtime = len(content), 1_700_000_000
            archive.addfile(member, io.BytesIO(content))
        for path, target in (links or {}).items():
            member = tarfile.TarInfo(path[1:])
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return out.getvalue()


def as_root(name: str, folder: Path) -> AbstractContextManager[OpenedSubject]:
    """Open the root of a file system."""
    for path, content in DRIFTS[name][0](in_order()).items():
        place = folder / path[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    for path, target in LINKS.items():
        (folder / path[1:]).symlink_to(target)
    return open_path(str(folder))


def as_export(name: str, folder: Path) -> AbstractContextManager[OpenedSubject]:
    """Open what `docker export` writes."""
    (folder / "export.tar").write_bytes(layer_tar(DRIFTS[name][0](in_order()), LINKS))
    return open_archive(str(folder / "export.tar"), ReadOptions(hashed=True))


def as_saved(name: str, folder: Path) -> AbstractContextManager[OpenedSubject]:
    """Open what `docker save` wrote before Docker 25."""
    layers = {f"{number:064x}/layer.tar": each for number, each in enumerate(layers_of(name))}
    (folder / "saved.tar").write_bytes(tar_of(saved(layers)))
    return open_archive(str(folder / "saved.tar"), ReadOptions(hashed=True))


def as_podman_s(name: str, folder: Path) -> AbstractContextManager[OpenedSubject]:
    """Open what `podman save` and skopeo write, compressed as a whole, so that it can be read but once."""
    layers = {f"{sha256(each).hexdigest()}.tar": each for each in layers_of(name)}
    (folder / "saved.tar.gz").write_bytes(gzip.compress(tar_of(saved(layers)), 1))
    return open_archive(str(folder / "saved.tar.gz"), ReadOptions(hashed=True))


def as_layout_archive(name: str, folder: Path) -> AbstractContextManager[OpenedSubject]:
    """Open what BuildKit and `docker save` since Docker 25 write."""
    (folder / "oci.tar").write_bytes(tar_of(layout_of(name)))
    return open_archive(str(folder / "oci.tar"), ReadOptions(hashed=True))


def as_layout(name: str, folder: Path) -> AbstractContextManager[OpenedSubject]:
    for path, content in layout_of(name).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return open_layout(str(folder), ReadOptions(hashed=True))


def layout_of(name: str) -> dict[str, bytes]:
    layers = [gzip.compress(each, 1, mtime=0) for each in layers_of(name)]
    config = configuration(*layers)
    manifest = oci_manifest(config, layers)
    listed = {"index.json": index((manifest, "linux/amd64", None)), "oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}
    return {**listed, **blobs_of(manifest, config, *layers)}


@contextmanager
def as_registry(name: str, _: Path) -> Iterator[OpenedSubject]:
    parts = layout_of(name)
    blobs = {digest(each): each for each in parts.values()}
    named = json.loads(parts["index.json"])["manifests"][0]["digest"]

    def answer(request: httpx.Request) -> httpx.Response:
        reference = request.url.path.rpartition("/")[2]
        content = blobs.get(named if reference == "1" else reference)
        return httpx.Response(404) if content is None else httpx.Response(200, stream=httpx.ByteStream(content))

    with open_registry(
        "registry.example/a:1", ReadOptions(hashed=True), transport=httpx.MockTransport(answer)
    ) as opened:
        yield opened


KINDS = (as_root, as_export, as_saved, as_podman_s, as_layout_archive, as_layout, as_registry)


@pytest.mark.slow
@pytest.mark.parametrize("name", DRIFTS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_drift_is_found_alike(
    name: str,
    kind: Callable[[str, Path], AbstractContextManager[OpenedSubject]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # without a login for a registry
    lock = usual_lock()
    with kind(name, tmp_path) as opened:
        inventory = take_inventory(
            opened.tree,
            opened.subject,
            opened.runtime,
            prefix="/opt/venv",
            files=True,
            proof=proof_of(lock, "pylock.toml"),
        )
    report = compare(lock, inventory, level="files", file="pylock.toml")
    assert [(each.kind, each.name, each.path or "") for each in report.drifts] == DRIFTS[name][1]
    assert report.problems == ()
