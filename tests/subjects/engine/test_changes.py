from lockml.subjects.engine.api import Change
from lockml.subjects.engine.changes import places_elsewhere, split_changes


def test_only_what_nothing_is_below_is_fetched() -> None:
    paths = ["/opt", "/opt/venv", "/opt/venv/a.py", "/opt/venv/b", "/opt/venv/b/c.py", "/proc", "/proc/x", "/opt2"]
    found, elsewhere = split_changes(Change(path=path, kind=0) for path in paths)
    assert [each.path for each in found] == ["/opt/venv/a.py", "/opt/venv/b/c.py", "/opt2"]
    assert not elsewhere


def test_places_where_programs_keep_their_own_are_fetched_as_a_whole() -> None:
    """A variable may lead there: it is fetched once somebody looks, and not left out."""
    paths = ["/tmp", "/tmp/lib/x.py", "/tmp/lib/y.py", "/var/cache/z", "/tmpx"]
    found, elsewhere = split_changes(Change(path=path, kind=1) for path in paths)
    assert [each.path for each in found] == ["/tmpx"]
    assert places_elsewhere(elsewhere) == ("/tmp", "/var/cache")
