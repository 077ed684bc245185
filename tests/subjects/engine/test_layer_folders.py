from pathlib import Path

import pytest

from lockml.subjects.engine.api import Engine, EngineAddress
from lockml.subjects.engine.layer_folders import is_engine_layer, own_folders

LAYER = "a" * 64


@pytest.mark.parametrize(
    ("root", "folder", "own"),
    [
        ("docker", f"docker/overlay2/{LAYER}/diff", True),
        ("containers", f"containers/overlay/{LAYER}/diff", True),
        ("docker", "docker/overlay2/l/SHORT", True),
        ("docker", "home/me", False),
        ("docker", f"docker/overlay2/{LAYER}/diff/../../../../home/me", False),
        ("docker", "docker/overlay2/l/AWAY", False),
        ("docker", f"other/overlay2/{LAYER}/diff", False),
        ("", "home/me", False),
    ],
)
def test_folder_of_a_layer_is_the_engine_s_own(tmp_path: Path, root: str, folder: str, own: bool) -> None:
    for place in (f"docker/overlay2/{LAYER}/diff", f"containers/overlay/{LAYER}/diff", f"other/overlay2/{LAYER}/diff"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "home/me").mkdir(parents=True)
    (tmp_path / "docker/overlay2/l").mkdir()
    (tmp_path / "docker/overlay2/l/SHORT").symlink_to(f"../{LAYER}/diff")
    (tmp_path / "docker/overlay2/l/AWAY").symlink_to("../../../home/me")
    assert is_engine_layer(str(tmp_path / root), str(tmp_path / folder)) == own


@pytest.mark.parametrize("root", ["", "/", "relative"])
def test_engine_that_keeps_things_nowhere_owns_nothing(root: str) -> None:
    assert not is_engine_layer(root, f"/overlay2/{LAYER}/diff")
    assert not is_engine_layer(root, "/etc")


def test_engine_elsewhere_has_no_folders_here() -> None:
    assert own_folders(Engine(EngineAddress(url="tcp://host:1")), [f"/var/lib/docker/overlay2/{LAYER}/diff"]) == ()
