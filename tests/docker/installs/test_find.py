"""Which commands install Python packages, and what."""

import pytest

from lockml.docker.dockerfile.source import MappedText
from lockml.docker.installs.find import find_install
from lockml.docker.installs.model import Install
from lockml.docker.shell.commands import commands_of


def install(text: str, **values: str | None) -> Install | None:
    *_, command = commands_of(MappedText(text=text), values, "/")
    return find_install(command)


@pytest.mark.parametrize(
    "text",
    [
        "pip install a",
        "pip3.11 install a",
        "/opt/venv/bin/pip install a",
        "python -m pip install a",
        "python3.11 -u -W ignore -m pip --no-input install a",
        "sudo -H pip install a",
        "$PIP install a",
        "conda run -n x pip install a",
        "PIP_INDEX_URL=u pip --timeout 9 install --progress-bar off -U a",
    ],
)
def test_pip_has_many_names(text: str) -> None:
    found = install(text)
    assert found is not None
    assert (found.tool, [each.text for each in found.named]) == ("pip", ["a"])


@pytest.mark.parametrize(
    "text",
    ["pip list", "pip uninstall -y a", "pip cache purge", "python app.py install", "uv venv", "conda create -n x",
     "apt-get install python3-pip", "echo pip install a", "pip", "conda clean -a", "poetry config a b"],
)  # fmt: skip
def test_other_commands_install_nothing(text: str) -> None:
    assert install(text) is None


def test_pip_sorts_what_it_is_asked_for() -> None:
    found = install(
        "pip install -qr a.txt --requirement=b.txt 'c>=1' ./d e.whl -e .[f] git+https://g@h https://i/j.whl"
    )
    assert found is not None
    assert [option.value for option in found.files] == ["a.txt", "b.txt"]
    assert [each.text for each in found.named] == ["c>=1"]
    assert [each.text for each in found.projects] == ["./d", ".[f]"]
    assert [each.text for each in found.archives] == ["e.whl", "git+https://g@h", "https://i/j.whl"]


def test_pip_takes_prefixes_of_its_options() -> None:
    found = install("pip install --no-cache a --extra-index u")
    assert found is not None
    assert found.has("--no-cache")
    assert [option.value for option in found.options if option.name == "--extra-index-url"] == ["u"]


@pytest.mark.parametrize(
    ("text", "tool", "frozen"),
    [
        ("uv sync", "uv sync", False),
        ("uv sync --locked", "uv sync", True),
        ("UV_FROZEN=1 uv sync", "uv sync", True),
        ("uv add a", "uv add", False),
        ("poetry install --no-root", "poetry", True),
        ("poetry add a", "poetry", False),
        ("pipenv install --system --deploy", "pipenv", True),
        ("pipenv install", "pipenv", False),
        ("pdm sync", "pdm", True),
        ("conda install a=1", "conda", False),
        ("mamba env create -f environment.yml", "mamba", False),
        ("conda create -n x --file conda-linux-64.lock", "conda", True),
        ("micromamba install -y -f conda-lock.yml", "micromamba", True),
        ("pipx install a", "pipx", False),
        ("python setup.py develop", "setup.py", False),
    ],
)
def test_other_installers_are_known(text: str, tool: str, frozen: bool) -> None:
    found = install(text)
    assert found is not None
    assert (found.tool, found.frozen) == (tool, frozen)


def test_variables_of_pip_are_read() -> None:
    found = install("pip install a", PIP_REQUIRE_HASHES="1", PIP_NO_DEPS="off", PIP_NO_INDEX=None)
    assert found is not None
    assert [found.is_set(name) for name in ("PIP_REQUIRE_HASHES", "PIP_NO_DEPS", "PIP_NO_INDEX", "PIP_PRE")] == [
        True,
        False,
        True,
        False,
    ]
