from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from lockml.inventory.file_tree import UnreadableError
from lockml.subjects.engine.api import ContainerFacts, Engine, EngineAddress, VolumeFacts
from lockml.subjects.engine.mounts import local_mounts, remote_mounts

DOCKER, PODMAN = "unix:///run/docker.sock", "unix:///run/podman/podman.sock"


class VolumeEngine(Engine):
    """An engine whose volumes are all alike."""

    def __init__(self, url: str = DOCKER, **options: str) -> None:
        super().__init__(EngineAddress(url=url))
        self._options = options

    def is_podman(self) -> bool:
        return "podman" in self.address.url

    def volume(self, name: str) -> VolumeFacts:
        assert name == "data"
        return VolumeFacts(driver="local", options=self._options or None)


def facts(*mounts: dict[str, str], tmpfs: dict[str, str] | None = None, status: str = "exited") -> ContainerFacts:
    document = {
        "Id": "0" * 64,
        "Image": "sha256:1",
        "State": {"Running": status == "running", "Pid": 0, "Status": status},
        "Config": {},
        "Mounts": list(mounts),
        "HostConfig": {"Tmpfs": tmpfs},
    }
    return msgspec.json.decode(msgspec.json.encode(document), type=ContainerFacts)


def volume(source: Path) -> dict[str, str]:
    return {"Type": "volume", "Name": "data", "Source": str(source), "Destination": "/opt/venv", "Driver": "local"}


def test_mount_that_lies_in_another_comes_after_it() -> None:
    bind = {"Type": "bind", "Source": "/x", "Destination": "/opt/venv/lib"}
    found = facts(bind, tmpfs={"/opt": "", "/a/b/c/d": ""})
    assert [each.destination for each in found.all_mounts] == ["/opt", "/opt/venv/lib", "/a/b/c/d"]


def test_volume_and_file_are_read_where_they_lie(tmp_path: Path) -> None:
    (tmp_path / "six.py").write_text("x")
    bind = {"Type": "bind", "Source": str(tmp_path / "six.py"), "Destination": "/lib/six.py"}
    with ExitStack() as stack:
        folder, file = local_mounts(VolumeEngine(), facts(volume(tmp_path), bind), stack)
        tree, inside = folder.open("/opt/venv")
        assert (tree.names(inside or "/"), folder.text) == (("six.py",), "mounted at /opt/venv (volume data)")
        tree, inside = file.open("/lib/six.py")
        assert (tree.read(inside, 9), file.text) == (b"x", f"mounted at /lib/six.py (bind {tmp_path / 'six.py'})")


def test_volume_of_another_machine_is_never_taken_for_its_empty_folder(tmp_path: Path) -> None:
    """Docker mounts a volume with a device (NFS, say) when a container starts; before, its folder is empty."""
    engine = VolumeEngine(type="nfs", device=":/share", o="addr=host")
    with ExitStack() as stack, pytest.raises(UnreadableError, match="start the container"):
        next(local_mounts(engine, facts(volume(tmp_path)), stack)).open("/opt/venv")


def test_tmpfs_is_empty_at_a_start() -> None:
    with ExitStack() as stack:
        (mount,) = local_mounts(VolumeEngine(), facts(tmpfs={"/opt/venv": "size=1m"}), stack)
    tree, _ = mount.open("/opt/venv")
    assert tree.names("/") == ()


@pytest.mark.parametrize(("url", "options"), [(DOCKER, "rw,tmpcopyup"), (PODMAN, "rw,size=1m")])
def test_tmpfs_that_starts_as_the_image_is_left_out(url: str, options: str) -> None:
    with ExitStack() as stack:
        assert not list(local_mounts(VolumeEngine(url), facts(tmpfs={"/opt": options}), stack))


def test_volume_that_podman_fills_at_the_first_start_is_the_image_s(tmp_path: Path) -> None:
    with ExitStack() as stack:
        assert not list(local_mounts(VolumeEngine(PODMAN), facts(volume(tmp_path), status="created"), stack))
        assert list(local_mounts(VolumeEngine(PODMAN), facts(volume(tmp_path)), stack))
        assert list(local_mounts(VolumeEngine(DOCKER), facts(volume(tmp_path), status="created"), stack))


def test_running_tmpfs_of_an_engine_elsewhere_is_incomplete() -> None:
    """The engine would give what lies below it, which no process sees."""
    (mount,) = remote_mounts(VolumeEngine("tcp://host:1"), facts(tmpfs={"/opt": ""}, status="running"), hashed=True)
    with pytest.raises(UnreadableError, match="tmpfs"):
        mount.open("/opt")
