"""The machine code in the cache of numba beside modules, and what only looks like it."""

import pytest

from tests.drift.checks import STARTED, check, found, limits, notes
from tests.drift.subjects import in_order
from tests.made.trees import SITE, MemoryTree
from tests.made.wheels import installed_files, make_wheel

MACHINE_CODE = (
    f"{SITE}/model/__pycache__/__init__.run-12.py311.nbi",
    f"{SITE}/model/__pycache__/__init__.Model.fit.locals.step-3.py311.1.nbc",
)


def with_machine_code(*paths: str, numba: bool = True) -> MemoryTree:
    files = {**in_order(), **dict.fromkeys(paths, b"machine code")}
    files |= installed_files(make_wheel("numba", "0.61.0"), SITE) if numba else {}
    return MemoryTree(files, origins=dict.fromkeys(paths, STARTED))


def test_what_numba_keeps_is_a_limit_and_one_note() -> None:
    """It writes the machine code of functions beside their module when they are first called (``cache=True``)."""
    report = check(with_machine_code(*MACHINE_CODE))
    assert found(report) == [("unexpected", f"{SITE}/numba-0.61.0.dist-info")]
    assert limits(report)["bytecode-body"] == limits(check(with_machine_code()))["bytecode-body"] + 2
    assert "2 files that numba caches and loads" in notes(report)


@pytest.mark.parametrize(
    ("path", "numba"),
    [
        (MACHINE_CODE[0], False),
        (f"{SITE}/model/__pycache__/gone.run-12.py311.nbi", True),
        (f"{SITE}/model/__init__.run-12.py311.nbi", True),
        (f"{SITE}/model/__pycache__/__init__.run-12.nbi", True),
    ],
)
def test_what_numba_does_not_load_has_no_owner(path: str, numba: bool) -> None:
    kinds = {place: kind for kind, place in found(check(with_machine_code(path, numba=numba)))}
    assert kinds[path] == "unattributed-file"
