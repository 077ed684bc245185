"""What a hostile subject can write, each as a function of bytes that must raise nothing but what it may."""

import io
from collections.abc import Callable
from contextlib import suppress

from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.common.digest import RecordError, installed_digest, parse_record
from lockml.common.errors import InputError, LockmlError
from lockml.index.distributions.archive import WheelArchive
from lockml.index.model import MetadataError
from lockml.inventory.bytecode.pyc import judge_bytecode
from lockml.inventory.collect import take_inventory
from lockml.inventory.distributions import read_distributions
from lockml.inventory.environment.scripts import entry_points, is_generated, originals
from lockml.inventory.file_tree import UnreadableError
from lockml.inventory.model import PythonEnvironment, Runtime, Subject
from lockml.inventory.owners.system_packages import listed_files
from lockml.inventory.pip_freeze import parse_frozen
from lockml.subjects.model import ReadOptions
from lockml.subjects.oci.archive import read_stream
from lockml.subjects.oci.decompress import inflated
from lockml.subjects.oci.layers import read_layer
from lockml.subjects.oci.manifests import by_index, by_manifest, by_saved_manifest
from lockml.subjects.oci.stream_capture import Passing
from lockml.subjects.oci.tar import StreamSource
from lockml.subjects.tree.mounts import parse_mounts
from tests.made.trees import SITE, MemoryTree, venv_files

__all__ = ["TARGETS"]

_DIST = f"{SITE}/pkg-1.0.dist-info"
_SYSTEM = PythonEnvironment(prefix="/", python="3.11", machine=None, libc=None, site_folders=())


def layer(content: bytes) -> None:
    """Read a layer, compressed or not, and take an inventory of what is in it."""
    with suppress(UnreadableError):
        tree = read_layer(inflated(StreamSource(io.BytesIO(content))), passing=Passing(hashed=True))
        read_distributions(tree, ("/", "/usr/lib/python3/dist-packages"))
        listed_files(tree, _SYSTEM)


def saved(content: bytes) -> None:
    """Read what `docker save` writes."""
    with suppress(UnreadableError):
        read_stream(StreamSource(io.BytesIO(content)), ReadOptions(hashed=True))


def documents(content: bytes) -> None:
    """Read the documents of an image, each kind."""
    for read in (
        lambda: by_index(content, lambda _: content, ("linux/amd64",)),
        lambda: by_manifest(content, lambda _: content),
        lambda: by_saved_manifest(content, lambda _: content),
    ):
        with suppress(UnreadableError):
            read()


def record(content: bytes) -> None:
    """Read a RECORD, and survey the files of whoever wrote it."""
    with suppress(RecordError, UnicodeDecodeError):
        installed_digest(parse_record(content.decode()), dist_info="pkg-1.0.dist-info", site_folder=SITE)
    _survey({f"{_DIST}/RECORD": content, f"{_DIST}/METADATA": b"Name: pkg\nVersion: 1.0\n"})


def metadata(content: bytes) -> None:
    """Read METADATA, direct_url.json, a .pth file and a pyvenv.cfg."""
    for name in (f"{_DIST}/METADATA", f"{_DIST}/direct_url.json", f"{SITE}/a.pth", "/opt/venv/pyvenv.cfg"):
        _survey({f"{_DIST}/METADATA": b"Name: pkg\nVersion: 1.0\n", name: content})


def lists(content: bytes) -> None:
    """Read the lists of package managers."""
    for name in (
        "/var/lib/dpkg/info/python3.md5sums",
        "/var/lib/dpkg/status",
        "/lib/apk/db/installed",
        "/opt/venv/conda-meta/a.json",
        "/etc/passwd",
    ):
        _survey({name: content, "/var/lib/dpkg/info/b.md5sums": b"00  usr/lib/python3.11/os.py\n"})


def wheel(content: bytes) -> None:
    """Read the directory of a zip."""
    with suppress(MetadataError, RecordError):
        archive = WheelArchive(
            lambda start, stop: content[start:stop],
            len(content),
            project=canonicalize_name("pkg"),
            version=Version("1.0"),
        )
        archive.metadata()
        archive.identity()


def compiled(content: bytes) -> None:
    """Judge a compiled module, and a script."""
    judge_bytecode(content, minor=11, size=len(content), modified=0, source=lambda: content)
    judge_bytecode(content, minor=8, size=len(content), modified=0, source=lambda: content)
    list(originals(content, "sha256"))
    for called in entry_points(content).values():
        is_generated(content, called)


def lines(content: bytes) -> None:
    """Read a mountinfo, and a list of pip freeze or inspect."""
    parse_mounts(content.decode("utf-8", "replace"))
    with suppress(InputError):
        parse_frozen(content, "freeze.txt")


def _survey(files: dict[str, bytes]) -> None:
    tree = MemoryTree({**venv_files(), f"{SITE}/pkg.py": b"", **files})
    runtime = Runtime(environment={"PATH": "/opt/venv/bin:/usr/bin"})
    with suppress(LockmlError):
        take_inventory(tree, Subject(kind="path", name="x"), runtime, files=True)


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each for each in (layer, saved, documents, record, metadata, lists, wheel, compiled, lines)
}
