"""Whole checks of trees in memory, and what tests change in them: rows of RECORD, lists of dpkg, how it starts."""

import hashlib
from collections.abc import Mapping
from functools import cache

from lockml.drift.compare import compare
from lockml.drift.model import DriftReport, Level
from lockml.drift.proof import proof_of
from lockml.inventory.bytecode.compiled_modules import CompareCode, compare_nothing
from lockml.inventory.collect import take_inventory
from lockml.inventory.file_tree import AFTER_START, CHANGED, Origin
from lockml.inventory.model import Runtime, Subject
from lockml.lock.model import Lock
from tests.drift.subjects import in_order, make_lock
from tests.made.trees import ELF_X86_64, SITE, MemoryTree
from tests.made.wheels import record_digest

LIBRARY = "/usr/lib/python3.11"
IMAGE = Origin(1, "layer 1 of 2", replaces=False)
LATER = Origin(2, "layer 2 of 2", replaces=True)
STARTED = Origin(AFTER_START, CHANGED, replaces=True)
USUAL = Runtime(environment={"PATH": "/opt/venv/bin:/usr/bin"})


@cache
def usual_lock() -> Lock:
    return make_lock()


def check(
    tree: MemoryTree | Mapping[str, bytes],
    runtime: Runtime = USUAL,
    *,
    lock: Lock | None = None,
    level: Level = "files",
    layers: tuple[str, ...] = (),
    compiled: CompareCode = compare_nothing,
) -> DriftReport:
    """Return the report of a check of *tree*, a container of an image with these *layers*."""
    lock = lock or usual_lock()
    subject = Subject(kind="container", name="trainer", layers=layers)
    proof = proof_of(lock, "pylock.toml", compare=compiled)
    whole = tree if isinstance(tree, MemoryTree) else MemoryTree(tree)
    inventory = take_inventory(whole, subject, runtime, files=level == "files", proof=proof)
    return compare(lock, inventory, level=level, file="pylock.toml")


def start(*command: str, folder: str = "", user: str = "", **variables: str) -> Runtime:
    """Return how a subject starts that has the usual PATH unless *variables* say otherwise."""
    environment = {**USUAL.environment, **variables}
    return Runtime(environment=environment, working_folder=folder, user=user, command=command)


def found(report: DriftReport) -> list[tuple[str, str]]:
    """Return the kind and the path, or the name where there is none, of each drift."""
    return sorted((drift.kind, drift.path or drift.name) for drift in report.drifts)


def notes(report: DriftReport) -> str:
    """Return all that is told and is no drift, a line each."""
    of_files = report.files.remarks if report.files is not None else ()
    return "\n".join((*(f"{each.subject}: {each.text}" for each in (*report.remarks, *report.unprovable)), *of_files))


def limits(report: DriftReport) -> dict[str, int]:
    """Return how often a report has each limit."""
    return {limit.code: limit.count for limit in report.limits}


def with_rows(files: Mapping[str, bytes], dist_info: str, *rows: str, site: str = SITE) -> dict[str, bytes]:
    """Return *files* with more *rows* in the RECORD of *dist_info*."""
    record = f"{site}/{dist_info}.dist-info/RECORD"
    return {**files, record: files[record] + "".join(f"{row}\r\n" for row in rows).encode()}


def row(path: str, content: bytes) -> str:
    """Return the row of RECORD for a file with that *content*."""
    return f"{path},{record_digest(content)},{len(content)}"


def debian(**more: bytes) -> dict[str, bytes]:
    """Return the environment in order on Debian's Python, whose library has these files, and *more* of it."""
    library = {f"{LIBRARY}/os.py": b"import sys\n", f"{LIBRARY}/json/__init__.py": b"\n"}
    library |= {f"{LIBRARY}/{name}.py": content for name, content in more.items()}
    program = {"/usr/bin/python3.11": ELF_X86_64}
    found = {**in_order(), **library, **program}
    found["/var/lib/dpkg/info/libpython3.11-stdlib:amd64.md5sums"] = md5sums(library)
    found["/var/lib/dpkg/info/python3.11-minimal.md5sums"] = md5sums(program)
    return found


def on_debian(
    files: Mapping[str, bytes], *, links: Mapping[str, str] | None = None, origins: Mapping[str, Origin] | None = None
) -> MemoryTree:
    """Return the tree of *files* with the links that a virtual environment on Debian's Python has."""
    without_copy = {path: content for path, content in files.items() if path != "/opt/venv/bin/python3"}
    usual = {"/opt/venv/bin/python3": "/usr/bin/python3", "/usr/bin/python3": "python3.11"}
    return MemoryTree(without_copy, links={**usual, **(links or {})}, origins=origins)


def md5sums(files: Mapping[str, bytes]) -> bytes:
    """Return what dpkg keeps of the sums of *files*."""
    return "".join(f"{hashlib.md5(content).hexdigest()}  {path[1:]}\n" for path, content in files.items()).encode()
