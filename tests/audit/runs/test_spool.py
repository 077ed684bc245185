"""Results that wait as files."""

from pathlib import Path

from lockml.audit.runs.spool import Spool
from tests.audit.made import make_result


def test_damaged_file_of_the_spool_is_set_aside(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.put(make_result())
    (tmp_path / "0.run.json").write_text('{"target":')
    assert [result.target for _, result in spool.waiting()] == ["here"]
    assert (tmp_path / "0.run.json.damaged").exists()


def test_what_waits_is_for_this_user_alone(tmp_path: Path) -> None:
    file = Spool(tmp_path / "state" / "spool").put(make_result())
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state" / "spool").stat().st_mode & 0o777 == 0o700
