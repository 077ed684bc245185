"""This machine's processes, files and errors."""

import os
import tempfile
from pathlib import Path

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from lockml.audit.runs.host import (
    file_exists,
    file_state,
    is_time_limit,
    process_name,
    process_runs,
    require_temporary_folder,
    utc_now,
)
from lockml.common.errors import InputError


def test_time_limit_of_celery_is_known_by_its_class() -> None:
    other = type("SoftTimeLimitExceeded", (Exception,), {})
    assert is_time_limit(SoftTimeLimitExceeded())
    assert not is_time_limit(other())
    assert not is_time_limit(TimeoutError())


def test_machine_without_a_folder_for_temporary_files_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc/none"])
    with pytest.raises(InputError, match="TMPDIR"):
        require_temporary_folder()


def test_process_runs_while_its_number_has_the_same_start() -> None:
    name = process_name("me")
    assert process_runs(name, "me")
    assert not process_runs(f"me {os.getpid()} another", "me")
    assert process_runs(f"other {os.getpid()} another", "me"), "nobody here knows"


def test_state_of_a_file_changes_with_its_content(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("1")
    before = file_state(file)
    assert file_state(file) == before
    file.write_text("12")
    assert file_state(file) != before
    assert (file_exists(file), file_exists(tmp_path)) == (True, False)


def test_clock_is_aware() -> None:
    assert utc_now().utcoffset() is not None
