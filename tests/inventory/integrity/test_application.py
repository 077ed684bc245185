"""The application's own modules: a limit, and named where they changed after the start."""

import pytest

from lockml.inventory.file_tree import AFTER_START, Origin
from tests.drift.checks import IMAGE, STARTED, check, found, limits, notes, start
from tests.drift.subjects import in_order
from tests.made.trees import MemoryTree

TOLD = "modules of the application changed after the start, and no lock covers them"


@pytest.mark.parametrize(
    "path", ["/app/gunicorn.conf.py", "/app/own/part/deep.py", "/app/fast.cpython-311-x86_64-linux-gnu.so"]
)
@pytest.mark.parametrize("variables", [{}, {"PYTHONPATH": "/app"}])
def test_modules_of_the_working_folder_and_of_pythonpath_are_a_limit(path: str, variables: dict[str, str]) -> None:
    """requests imports simplejson where there is one, whoever wrote it."""
    files = {**in_order(), path: b"", "/app/own/__init__.py": b"", "/app/own/part/__init__.py": b""}
    for origin, late in ((IMAGE, False), (STARTED, True), (Origin(AFTER_START + 1, "mounted", replaces=False), False)):
        report = check(MemoryTree(files, origins={"/": IMAGE, path: origin}), start(folder="/app", **variables))
        assert (found(report), limits(report)["application-code"]) == ([], 1)
        assert (f"/app: 1 {TOLD}: {path.removeprefix('/app/')}" in notes(report)) is late


@pytest.mark.parametrize("path", ["/app/data.txt", "/app/data/x.py"])
def test_folder_without_modules_is_none(path: str) -> None:
    report = check(MemoryTree({**in_order(), path: b""}, origins={"/": IMAGE, path: STARTED}), start(folder="/app"))
    assert ("application-code" in limits(report), TOLD in notes(report)) == (False, False)


def test_folders_of_the_kernel_are_not_looked_into() -> None:
    """They are mounted in every container: what an audit remembers of an image must not hang on them."""
    files = {**in_order(), "/proc/__init__.py": b"", "/proc/x.py": b"", "/own.py": b""}
    tree = MemoryTree(files, origins={"/": IMAGE, "/proc/x.py": STARTED, "/own.py": STARTED})
    assert f"/: 1 {TOLD}: own.py" in notes(check(tree, start(folder="/")))
