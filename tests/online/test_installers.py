"""What real installers leave, old and new, is in order at level files: no false alarm on a clean install."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lockml.index.http.pip_config import default_index_url
from tests.cli.process import network_variables, run_lockml

pytestmark = pytest.mark.online

# ships compiled modules in .data folders, scripts with another first line, a namespace with a .pth file, entry points
REQUIREMENTS = """\
jupyterlab-widgets==3.0.10
websocket-client==0.57.0
sphinxcontrib-jsmath==1.0.1
ruff==0.4.4
pytest==8.2.0
setuptools==69.5.1
"""
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
VARIABLES = {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **VARIABLES})
    assert done.returncode == 0, f"{command}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installers")
    (folder / "requirements.in").write_text(REQUIREMENTS)
    outcome = run_lockml("compile", "--python", PYTHON, folder=folder, variables=network_variables())
    assert outcome.code == 0, outcome.err
    return folder


def assert_in_order(folder: Path, environment: str) -> None:
    outcome = run_lockml("check", "--path", environment, "--level", "files", "--format", "json", folder=folder)
    report = json.loads(outcome.out)
    assert (outcome.code, report["drifts"]) == (0, []), outcome.out
    (found,) = report["environments"]
    everything = found["levels"]["names"]["total"]
    assert {level: counted["matched"] for level, counted in found["levels"].items()} == dict.fromkeys(
        ("names", "artifacts", "files"), everything
    )
    assert found["coverage"]["files"] == found["coverage"]["accounted"] > 500


@pytest.mark.parametrize("version", ["19.3.1", "22.3.1", "24.0", "26.0"])
def test_install_by_pip_is_in_order(locked: Path, version: str) -> None:
    """Older pips leave the hash of a script as it was in the wheel (pip's issue 10744)."""
    environment = locked / f"pip-{version}"
    run(sys.executable, "-m", "venv", environment)
    pip = (environment / "bin" / "python", "-m", "pip", "install", "-q")
    run(*pip, f"pip=={version}")
    run(*pip, "--require-hashes", "-r", locked / "requirements.txt")
    assert_in_order(locked, environment.name)


@pytest.mark.parametrize("how", ["copy", "symlink", "compiled"])
def test_install_by_uv_is_in_order(locked: Path, how: str) -> None:
    environment = locked / f"uv-{how}"
    uv = Path(sys.executable).parent / "uv"
    run(uv, "venv", "-q", "--python", sys.executable, environment)
    options = ("--compile-bytecode",) if how == "compiled" else ("--link-mode", how)
    index = network_index()
    command = (uv, "pip", "install", "-q", "--python", environment, *options, *index)
    run(*command, "--require-hashes", "-r", locked / "requirements.txt")
    assert_in_order(locked, environment.name)


def network_index() -> tuple[str, ...]:
    """Return the options that lead uv to the index that pip is configured for."""
    return ("--index-url", default_index_url())


def test_environment_of_virtualenv_is_in_order(locked: Path) -> None:
    """It leaves files of its own, and lists others in the RECORD of what it seeds."""
    maker = locked / "maker"
    run(sys.executable, "-m", "venv", maker)
    run(maker / "bin" / "python", "-m", "pip", "install", "-q", "virtualenv==20.24.0")
    environment = locked / "virtualenv"
    run(maker / "bin" / "python", "-m", "virtualenv", "-q", "-p", sys.executable, environment)
    pip = (environment / "bin" / "python", "-m", "pip", "install", "-q")
    run(*pip, "--require-hashes", "-r", locked / "requirements.txt")
    assert_in_order(locked, environment.name)
