"""What the tutorial and the guides show is what happens: each file is written, and each command is run, in order."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import uv

from tests.documentation.guides import Command, File, fits, steps, updated
from tests.documentation.stage import DOCS
from tests.made.images import saved, tar_of
from tests.made.indexes import Served
from tests.made.servers import serve
from tests.made.trees import SITE, venv_files
from tests.made.wheels import installed_files, make_wheel

pytestmark = [pytest.mark.loopback, pytest.mark.slow]

UPDATE = os.environ.get("LOCKML_UPDATE_GOLDEN") == "1"
GUIDES = [DOCS / "tutorial.md", *sorted((DOCS / "howto").glob("*.md"))]
_SCIPY_NEEDS = ["numpy<1.28.0,>=1.21.6"]
RUN = [page for page in GUIDES if "<!-- run" in page.read_text()]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve the packages that the guides name, in the versions that the public index has."""
    served = Served()
    for version in ("1.24.4", "1.25.2", "2.4.6"):
        served.wheel("numpy", version)
    served.wheel("scipy", "1.11.4", _SCIPY_NEEDS)
    served.wheel("scipy", "1.17.1", ["numpy<2.7,>=1.26.4"])
    served.wheel("iniconfig", "2.3.1")
    with serve(served) as address:
        yield address


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the programs that the guides start, as this environment has them."""
    folder = tmp_path_factory.mktemp("programs")
    commands = {"lockml": "-m lockml", "pip-compile": "-m piptools compile", "python3": ""}
    for name, words in commands.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        (folder / name).chmod(0o755)
    (folder / "uv").symlink_to(uv.find_uv_bin())
    return folder


def image(path: Path, *wheels: bytes) -> None:
    """Write what `docker save` makes of an image of Debian 12 that has installed *wheels*."""
    files = venv_files()
    for wheel in wheels:
        files |= installed_files(wheel, SITE)
    layer = tar_of({name.lstrip("/"): content for name, content in files.items()})
    path.write_bytes(tar_of(saved({"layer.tar": layer}, tags=[f"{path.stem}:1"])))


def run(line: str, folder: Path, programs: Path, address: str) -> subprocess.CompletedProcess[str]:
    """Run a line as a shell of a user does, whose index is at *address*."""
    variables = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(folder.parent),
        "LANG": "C.UTF-8",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": address,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_DEFAULT_INDEX": address,
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "DOCKER_HOST": f"unix://{folder.parent}/no.sock",
        "NO_COLOR": "1",
    }
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_guide_shows_what_happens(page: Path, address: str, programs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "trainer"
    folder.mkdir()
    numpy, scipy = make_wheel("numpy", "1.25.2"), make_wheel("scipy", "1.11.4", _SCIPY_NEEDS)
    image(folder / "trainer.tar", numpy, scipy)
    image(folder / "base.tar", numpy)
    for step in steps(page.read_text()):
        match step:
            case File(name, text):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text)
            case Command(line, code, output):
                done = run(line, folder, programs, address)
                assert done.returncode == code, f"{line}\n{done.stdout}"
                if UPDATE and not fits(output, done.stdout):
                    _update(page, output, updated(output, done.stdout))
                    continue
                assert fits(output, done.stdout), f"{line}\n{done.stdout}\nis not\n" + "\n".join(output)


def _update(page: Path, old: tuple[str, ...], new: tuple[str, ...]) -> None:
    """Write what is printed now in place of what the *page* shows; look at the difference."""
    page.write_text(page.read_text().replace("\n".join(old), "\n".join(new)))
