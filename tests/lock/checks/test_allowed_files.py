"""Files that a hash forbids on one target, and that a lock has for another one."""

import hashlib

import pytest

from lockml.common.errors import InputError
from lockml.lock.build import build_lock
from lockml.lock.checks.allowed_files import refuse_files_of_others
from lockml.lock.inputs import LockInputs
from lockml.requirements.requirements_txt import read_requirement_files
from lockml.resolution.model import Policy, Preferences
from lockml.resolution.multi_target import resolve_targets
from tests.made.indexes import MemoryIndex
from tests.made.targets import make_target

TARGETS = (make_target("3.11"), make_target("3.12"))
FIRST, SECOND = "pure-1.0-py3-none-any.whl", "pure-1.0-1-py3-none-any.whl"
OLD, NEW = "native-1.0-cp311-cp311-linux_x86_64.whl", "native-1.0-cp312-cp312-linux_x86_64.whl"


def hashes(*filenames: str) -> str:
    return " ".join(f"--hash=sha256:{hashlib.sha256(name.encode()).hexdigest()}" for name in filenames)


def check(*lines: str) -> None:
    """Lock *lines* for two Pythons, and raise InputError for the one that forbids a file of the other Python."""
    index = MemoryIndex()
    for filename in (FIRST, SECOND, OLD, NEW):
        index.add(filename.partition("-")[0], "1.0", filename=filename)
    content = "\n".join(lines).encode()
    asked = read_requirement_files(("requirements.in",), read=lambda _: content, environment={})
    found = resolve_targets(asked, {each: Preferences() for each in TARGETS}, index, policy=Policy())
    lock = build_lock(found, {}, LockInputs(asked=asked, policy=Policy()))
    refuse_files_of_others(lock, asked, TARGETS)


@pytest.mark.parametrize("other", ["", hashes(SECOND), hashes(FIRST, SECOND)])
def test_hash_of_one_target_refuses_a_file_of_another_that_installs_on_both(other: str) -> None:
    """A lock has one entry for both targets, and installers prefer the wheel with the higher build number."""
    line = f"pure; python_version < '3.12' {hashes(FIRST)}"
    with pytest.raises(InputError, match="do not allow every file that the lock needs for another target") as caught:
        check(line, f"pure; python_version >= '3.12' {other}")
    assert caught.value.subject == "requirements.in:1"


def test_hashes_of_each_target_count_where_the_others_files_do_not_install() -> None:
    native = f"native; python_version < '3.12' {hashes(OLD)}"
    check(native, f"native; python_version >= '3.12' {hashes(NEW)}")
    check(native, "native", f"pure {hashes(FIRST)}", f"pure {hashes(FIRST, SECOND)}")
