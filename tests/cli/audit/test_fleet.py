"""The fleet file, read again when it changes."""

import os
from pathlib import Path

import pytest

from lockml.cli.audit.fleet import FleetFile, FleetOptions
from lockml.common.errors import InputError


def write(file: Path, text: str, second: int) -> None:
    file.write_text(text)
    os.utime(file, (second, second))


def test_fleet_is_read_again_when_its_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "lockml.toml"
    write(path, "[audit]\nprocesses = 1\n", 1)
    file = FleetFile(FleetOptions(fleet=str(path), store=None))
    assert (file.fleet.processes, file.reload()) == (1, None)
    write(path, "[audit]\nprocesses = 2\n", 2)
    changed = file.reload()
    assert changed is not None
    assert (changed.processes, file.reload()) == (2, None)


def test_fault_of_a_fleet_file_stays_until_it_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "lockml.toml"
    write(path, "[audit]\n", 1)
    file = FleetFile(FleetOptions(fleet=str(path), store=None))
    write(path, "[audit]\nevry = 1\n", 2)
    for _ in range(2):
        with pytest.raises(InputError, match="unknown key 'evry'"):
            file.reload()
    path.unlink()
    with pytest.raises(InputError):
        file.reload()
    write(path, "[audit]\n", 3)
    assert file.reload() is not None
    assert file.reload() is None
