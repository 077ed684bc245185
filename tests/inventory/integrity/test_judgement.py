"""Files held against what their owners say: one look for several owners, links, algorithms and late changes."""

import hashlib

import pytest

from lockml.inventory.file_tree import Origin
from lockml.lock.model import Lock
from tests.drift.checks import IMAGE, STARTED, check, found, row, with_rows
from tests.drift.subjects import in_order, make_lock, without
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of
from tests.made.trees import SITE, MemoryTree
from tests.made.wheels import installed_files, make_wheel, wheel_name

CODE = b"machine code"


def pair(first: bytes, second: bytes, there: bytes, stated: str = "") -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return an environment with two wheels that share a file, the second with the row *stated*, and the wheels."""
    contents = {"model": first, "other": second}
    wheels = {}
    for name, content in contents.items():
        files = {f"{name}.py": b"", "shared.py": content}
        record = None
        if name == "other" and stated:
            lines = [row(f"{name}.py", b""), f"shared.py,{stated},{len(content)}"]
            text = {f"{name}-1.0.dist-info/{each}": value for each, value in described(name).items()}
            record = (
                "\n".join([*lines, *(row(*each) for each in text.items()), f"{name}-1.0.dist-info/RECORD,,"]) + "\n"
            )
        wheels[wheel_name(name, "1.0")] = make_wheel(name, "1.0", files=files, record=record)
    found_files = without(in_order(), "/model", "numpy", "/bin/run")
    for wheel in wheels.values():
        found_files |= installed_files(wheel, SITE, compiled=False)
    if stated:
        path = f"{SITE}/other-1.0.dist-info/RECORD"
        lines = found_files[path].decode().splitlines()
        shown = [f"shared.py,{stated},{len(second)}" if each.startswith("shared.py,") else each for each in lines]
        found_files[path] = "\r\n".join(shown).encode()
    return {**found_files, f"{SITE}/shared.py": there}, wheels


def described(name: str) -> dict[str, bytes]:
    files = installed_files(make_wheel(name, "1.0"), SITE)
    return {each: files[f"{SITE}/{name}-1.0.dist-info/{each}"] for each in ("METADATA", "WHEEL")}


@pytest.mark.parametrize("there", [b"one\n", b"two\n"])
def test_owners_that_name_different_algorithms_are_both_asked(there: bytes) -> None:
    stated = f"sha512={hashlib.sha512(b'two' + bytes([10])).hexdigest()}"
    files, wheels = pair(b"one\n", b"two\n", there, stated)
    assert found(check(files, lock=make_lock(wheels))) == []


def test_owners_that_name_different_algorithms_may_both_be_wrong() -> None:
    stated = f"sha512={hashlib.sha512(b'two' + bytes([10])).hexdigest()}"
    files, wheels = pair(b"one\n", b"two\n", b"evl\n", stated)
    assert found(check(files, lock=make_lock(wheels))) == [("modified", f"{SITE}/shared.py")]


def test_size_alone_makes_it_modified_when_no_owner_says_it() -> None:
    files, wheels = pair(b"one\n", b"two\n", b"other bytes\n")
    assert found(check(files, lock=make_lock(wheels))) == [("modified", f"{SITE}/shared.py")]


def test_file_that_several_links_lead_to_is_held_against_each_owner() -> None:
    """uv's --link-mode symlink: one file of the cache for what is the same."""
    wheel = make_wheel("model", "1.0", files={"model.py": CODE, "again.py": CODE, "third.py": b"other"})
    lock = make_lock({wheel_name("model", "1.0"): wheel})
    files = {**without(in_order(), "/model", "numpy", "/bin/run"), **installed_files(wheel, SITE, compiled=False)}
    for name in ("model", "again", "third"):
        del files[f"{SITE}/{name}.py"]
    links = {f"{SITE}/{name}.py": "/cache/x" for name in ("model", "again", "third")}
    report = check(MemoryTree({**files, "/cache/x": CODE}, links=links), lock=lock)
    assert found(report) == [("modified", f"{SITE}/third.py")]


@pytest.mark.parametrize("origin", [IMAGE, Origin(2, "layer 2 of 2", replaces=False)])
def test_unproven_project_is_accounted_for_by_its_record_when_the_image_has_it(origin: Origin) -> None:
    tree = MemoryTree({**sdist_files()}, origins={"/": origin})
    assert found(check(tree, lock=sdist_lock())) == []


def test_unproven_project_with_files_of_after_the_start_is_one_drift() -> None:
    """Its RECORD was changed with them, or could have been."""
    files = with_rows({**sdist_files(), f"{SITE}/more.py": b""}, "old-0.1", row("more.py", b""))
    late = dict.fromkeys((f"{SITE}/old.py", f"{SITE}/more.py"), STARTED)
    (drift,) = check(MemoryTree(files, origins={"/": IMAGE, **late}), lock=sdist_lock()).drifts
    assert (drift.kind, drift.name) == ("modified", "old")
    assert drift.detail.startswith("2 of its files changed after the start")


def test_proven_project_that_was_installed_after_the_start_is_in_order() -> None:
    """A mend by pip install: the bytes are those of the lock."""
    tree = MemoryTree(in_order(), origins={"/": IMAGE, f"{SITE}/numpy": STARTED})
    assert found(check(tree)) == []


def sdist_files() -> dict[str, bytes]:
    wheel = make_wheel("old", "0.1", files={"old.py": b"x = 1\n"})
    return {**without(in_order(), "/model", "numpy", "/bin/run", "pip"), **installed_files(wheel, SITE, compiled=False)}


def sdist_lock() -> Lock:
    index = MemoryIndex()
    index.add("old", "0.1", filename="old-0.1.tar.gz", metadata="Metadata-Version: 2.2\nName: old\nVersion: 0.1\n")
    return lock_of(index, "old")
