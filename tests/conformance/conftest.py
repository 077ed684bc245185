"""Scenario files of other projects, taken by path: LOCKML_TEST_DATA is the folder that has packse/ and resolvelib/."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def data_folder(name: str) -> Path | None:
    """Return the folder *name* of the test data, None where it is not there."""
    folder = Path(os.environ.get("LOCKML_TEST_DATA") or ROOT.parent / "shared" / "data") / name
    return folder if folder.is_dir() else None


def require_data(name: str) -> Path:
    """Return the folder *name* of the test data; skip without it, or fail where LOCKML_REQUIRE_DATA is set."""
    folder = data_folder(name)
    if folder is None:
        reason = f"LOCKML_TEST_DATA names no folder with {name}/ in it"
        if os.environ.get("LOCKML_REQUIRE_DATA") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
