"""Programs that a shell takes before the scripts of locked projects."""

import pytest

from lockml.inventory.file_tree import Origin
from tests.drift.checks import IMAGE, LATER, STARTED, check, found, start
from tests.drift.subjects import in_order
from tests.made.trees import MemoryTree


@pytest.mark.parametrize(
    ("path", "origin", "search", "right"),
    [
        ("/usr/local/sbin/model-cli", STARTED, "/usr/local/sbin:/opt/venv/bin", False),
        ("/app/tools/run", STARTED, "tools:/opt/venv/bin", False),
        ("/usr/local/sbin/model-cli", LATER, "/usr/local/sbin:/opt/venv/bin", True),
        ("/usr/local/sbin/model-cli", STARTED, "/opt/venv/bin:/usr/local/sbin", True),
        ("/usr/local/sbin/other", STARTED, "/usr/local/sbin:/opt/venv/bin", True),
        ("/usr/local/sbin/model-cli", STARTED, "/usr/local/sbin:/usr/bin", True),
    ],
)
def test_program_that_hides_a_locked_script_is_drift_when_it_came_after_the_start(
    path: str, origin: Origin, search: str, right: bool
) -> None:
    tree = MemoryTree({**in_order(), path: b"#!/bin/sh\n"}, origins={"/": IMAGE, path: origin})
    report = check(tree, start(folder="/app", PATH=search))
    assert (("environment", path) in found(report)) is not right
