import msgspec
import pytest

from lockml.subjects.engine.api import Change, ContainerFacts
from lockml.subjects.engine.changes import covers_import_path, leaves


def facts(*mounts: str, **variables: str) -> ContainerFacts:
    document = {
        "Id": "c",
        "Image": "sha256:1",
        "State": {"Running": False, "Pid": 0},
        "Config": {"Env": [f"{name}={value}" for name, value in variables.items()], "WorkingDir": "/srv/job"},
        "Mounts": [{"Destination": each} for each in mounts],
    }
    return msgspec.json.decode(msgspec.json.encode(document), type=ContainerFacts)


@pytest.mark.parametrize("mount", ["/opt/venv", "/opt", "/srv/job/lib", "/code/x", "/usr/lib/python3.11/json"])
def test_mount_over_the_import_path_is_seen(mount: str) -> None:
    assert covers_import_path(facts(mount, PATH="/opt/venv/bin:/usr/bin", PYTHONPATH="/code"))


def test_mount_of_data_is_not_looked_at() -> None:
    assert not covers_import_path(facts("/data", "/srv/models", "/optional", PATH="/opt/venv/bin:/usr/bin"))
    assert not covers_import_path(facts())


def test_only_what_nothing_is_below_is_fetched() -> None:
    paths = [
        "/opt",
        "/opt/venv",
        "/opt/venv/a.py",
        "/opt/venv/b",
        "/opt/venv/b/c.py",
        "/tmp",
        "/tmp/x",
        "/root",
        "/opt2",
    ]
    found = leaves(Change(path=path, kind=0) for path in paths)
    assert [each.path for each in found] == ["/opt/venv/a.py", "/opt/venv/b/c.py", "/root", "/opt2"]
