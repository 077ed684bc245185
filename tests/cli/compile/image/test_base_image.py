"""What a base image in an archive decides, beside the options and the lock that is there."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from lockml.cli.compile.options import TargetOptions
from lockml.cli.compile.targets import ChosenTargets, choose_targets
from lockml.common.errors import InputError
from lockml.lock.model import BaseImage, Lock, ProvidedPackages
from tests.drift.subjects import in_order, make_lock
from tests.made.images import saved, tar_of

ALL = TargetOptions(base_image=None, python=None, platform=None, libc=None, target=(), provided=("all",))


@pytest.fixture
def archive(tmp_path: Path) -> str:
    """Return the name of an image with numpy and a model in its environment."""
    path = tmp_path / "base.tar"
    layer = tar_of({name.lstrip("/"): content for name, content in in_order().items()})
    path.write_bytes(tar_of(saved({"layer.tar": layer}, tags=["base:1"])))
    return f"archive:{path}"


def lock_for(archive: str, *selection: str, mode: str = "keep") -> Lock:
    image = BaseImage(reference=archive.partition(":")[2], layers=(), kind="archive", gives_target=True)
    return replace(make_lock(), base_image=image, provided=ProvidedPackages(selection=selection, mode=mode))


def provided(chosen: ChosenTargets) -> tuple[list[str], str]:
    assert chosen.provides is not None
    return [each.name for each in chosen.provides.packages.packages], chosen.provides.packages.mode


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"provided": ()}, (["numpy"], "prefer")),
        ({"provided": (), "provided_mode": "override"}, (["numpy"], "override")),
        ({"provided": (), "retarget": True}, ([], "keep")),
        ({"provided": ("none",)}, ([], "keep")),
        ({"provided": ("all",)}, (["model", "numpy"], "keep")),
    ],
)
def test_lock_for_the_same_image_says_what_is_provided_where_nobody_else_does(
    archive: str, given: dict[str, object], found: tuple[list[str], str]
) -> None:
    options = ALL._replace(base_image=archive, **given)  # type: ignore[arg-type]
    assert provided(choose_targets(options, lock_for(archive, "numpy", mode="prefer"))) == found


def test_lock_for_another_image_does_not(archive: str) -> None:
    options = ALL._replace(base_image=archive, provided=())
    assert provided(choose_targets(options, lock_for("archive:other.tar", "numpy"))) == ([], "keep")


@pytest.mark.parametrize(
    "given",
    [
        {"python": "3.12"},
        {"python": "pypy3.11"},
        {"platform": "linux/arm64"},
        {"libc": "musl-1.2"},
        {"target": ("3.11-linux/amd64-glibc-2.36",)},
    ],
)
def test_what_an_image_provides_is_for_its_own_target(archive: str, given: dict[str, object]) -> None:
    options = ALL._replace(base_image=archive, **given)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="image"):
        choose_targets(options, None)


def test_older_floor_and_the_name_of_the_same_python_are_its_own_target(archive: str) -> None:
    options = ALL._replace(base_image=archive, python="3.11", platform="linux/amd64", libc="glibc-2.28")
    assert provided(choose_targets(options, None)) == (["model", "numpy"], "keep")


def test_mode_without_anything_provided_is_refused(archive: str) -> None:
    with pytest.raises(InputError, match="needs --provided"):
        choose_targets(ALL._replace(base_image=archive, provided=(), provided_mode="prefer"), None)
