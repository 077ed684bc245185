"""A lock of two wheels and what is installed in order, for tests to disturb."""

from collections.abc import Mapping

from lockml.drift.compare import compare
from lockml.drift.model import DriftReport, Level
from lockml.drift.proof import proof_of
from lockml.inventory.collect import take_inventory
from lockml.inventory.model import Inventory, Runtime, Subject
from lockml.lock.model import Lock
from tests.made.indexes import MemoryIndex
from tests.made.locks import identity_of, lock_of
from tests.made.trees import SITE, MemoryTree, venv_files
from tests.made.wheels import installed_files, make_wheel, wheel_name

MODEL = make_wheel(
    "model",
    "1.0",
    files={
        "model/__init__.py": b"",
        "model-1.0.data/scripts/run": b"#!python\n",
        "model-1.0.dist-info/entry_points.txt": b"[console_scripts]\nmodel-cli = model:main\n",
    },
)
NUMPY = make_wheel("numpy", "1.26.4", files={"numpy/core.so": b"machine code"})
WHEELS = {wheel_name("model", "1.0"): MODEL, wheel_name("numpy", "1.26.4"): NUMPY}


def make_lock(wheels: Mapping[str, bytes] = WHEELS, *, identities: bool = True) -> Lock:
    """Return a lock of the *wheels*, which ask for nothing."""
    index = MemoryIndex()
    for filename in wheels:
        name, version, _ = filename.split("-", 2)
        index.add(name, version, filename=filename)
    known = {filename: identity_of(filename, wheel) for filename, wheel in wheels.items()} if identities else {}
    return lock_of(index, *(filename.split("-")[0] for filename in wheels), identities=known)


def in_order(site: str = SITE) -> dict[str, bytes]:
    """Return the files of an environment that has what is locked, and the pip that it came with."""
    return {
        **venv_files(),
        **installed_files(make_wheel("pip", "99.0", files={"pip/__init__.py": b""}), site),
        **installed_files(MODEL, site, entry_points=("model-cli",)),
        **installed_files(NUMPY, site),
    }


def without(files: Mapping[str, bytes], *parts: str) -> dict[str, bytes]:
    return {path: content for path, content in files.items() if not any(part in path for part in parts)}


def inventory_of(
    files: Mapping[str, bytes],
    *,
    locked: tuple[str, ...] = (),
    kind: str = "container",
    surveyed: bool = False,
    lock: Lock | None = None,
) -> Inventory:
    runtime = Runtime(environment={"PATH": "/opt/venv/bin:/usr/bin"})
    tree = MemoryTree(files, locked=locked)
    proof = proof_of(lock or make_lock(), "pylock.toml")
    return take_inventory(tree, Subject(kind=kind, name="trainer"), runtime, files=surveyed, proof=proof)


def report_on(
    files: Mapping[str, bytes], *, lock: Lock | None = None, level: Level = "artifacts", locked: tuple[str, ...] = ()
) -> DriftReport:
    lock = lock or make_lock()
    inventory = inventory_of(files, locked=locked, surveyed=level == "files", lock=lock)
    return compare(lock, inventory, level=level, file="pylock.toml")
