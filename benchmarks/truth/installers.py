"""Build an environment from a group of wheels with one of many installers.

Each installer that is no pip of the environment itself has a virtual environment of its own below the work folder.
"""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.truth.programs import run
from benchmarks.truth.wheels import GROUPS, Group, archive_options, requirements
from lockml.index.http.pip_config import default_index_url

__all__ = ["CELLS", "INSTALLERS", "TOOLS", "Cell", "Place", "build"]

PIPS = ("21.3", "22.3", "23.0.1", "24.0", "25.0", "26.3")
TOOLS = tuple(f"pip=={version}" for version in PIPS)
_BESIDE = {"pdm": ("hishel<2",)}
_PROJECT = 'name = "truth"\nversion = "1"\nrequires-python = "==3.11.*"\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one environment is built: the *work* folder, the group, its *prefix*, and the Pythons to build it on."""

    work: Path
    group: Group
    prefix: Path
    python: Path
    debian: Path

    @property
    def pins(self) -> str:
        """The file of the group's pins."""
        return str(requirements(self.work, self.group))

    @property
    def sources(self) -> list[str]:
        """The options that name the group's wheels."""
        return archive_options(self.work, self.group)

    @property
    def own_python(self) -> str:
        """The environment's Python."""
        return str(self.prefix / "bin" / "python")

    def tool(self, name: str) -> str:
        """Return the program *name*, installed from the index into an environment of its own."""
        folder = self.work / "tools" / name
        if not (folder / "bin" / name).exists():
            shutil.rmtree(folder, ignore_errors=True)
            run([sys.executable, "-m", "venv", str(folder)])
            run([str(folder / "bin" / "python"), "-m", "pip", "install", "-q", name, *_BESIDE.get(name, ())])
        return str(folder / "bin" / name)

    def dependencies(self) -> str:
        """Return the group's pins as a value of pyproject.toml."""
        return f"dependencies = {json.dumps(list(self.group.pins))}\n"


Build = Callable[[Place], None]


def by_pip(version: str, *options: str, venv: tuple[str, ...] = (), debian: bool = False) -> Build:
    """Return a build by ``python -m venv`` and a pip of *version* inside (empty: the one that is seeded)."""

    def build(place: Place) -> None:
        python = place.debian if debian else place.python
        run([str(python), "-m", "venv", *venv, str(place.prefix)])
        pip = [place.own_python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--find-links"]
        if version:
            run([*pip, str(place.work / "wheelhouse" / "tools"), f"pip=={version}"])
        run([*pip, *place.sources[2:], *options, "-r", place.pins])

    return build


def by_uv(mode: str, *options: str, command: str = "install", venv: tuple[str, ...] = ()) -> Build:
    """Return a build by ``uv venv`` and ``uv pip`` with files linked by *mode*."""

    def build(place: Place) -> None:
        uv, cache = place.tool("uv"), ["--cache-dir", str(place.work / "uv-cache")]
        run([uv, "venv", "-q", *cache, *venv, "--python", str(place.python), str(place.prefix)])
        words = [uv, "pip", command, "-q", *cache, "--python", place.own_python, "--link-mode", mode, *options]
        deps = ["--no-deps"] if command == "install" else []
        files = ["-r", place.pins] if command == "install" else [place.pins]
        run([*words, *deps, *place.sources, *files])

    return build


def by_uv_sync(place: Place) -> None:
    """Build by a project's ``uv sync``."""
    table = f"environments = [\"sys_platform == 'linux'\"]\nfind-links = [{json.dumps(place.sources[2])}]\n"
    project = _project(place, f"[tool.uv]\nno-index = true\n{table}")
    more = {"UV_PROJECT_ENVIRONMENT": str(place.prefix), "UV_CACHE_DIR": str(place.work / "uv-cache")}
    run([place.tool("uv"), "sync", "-q", "--python", str(place.python)], project, more=more)


def by_virtualenv(place: Place) -> None:
    """Build by virtualenv and the pip that it seeds."""
    run([place.tool("virtualenv"), "-q", "-p", str(place.python), str(place.prefix)])
    pip = [place.own_python, "-m", "pip", "install", "-q", "--no-deps"]
    run([*pip, *place.sources, "-r", place.pins])


def by_poetry(place: Place) -> None:
    """Build by ``poetry install``, which asks the index itself."""
    source = f'[[tool.poetry.source]]\nname = "index"\nurl = "{default_index_url()}"\npriority = "primary"\n'
    project = _project(place, f"[tool.poetry]\npackage-mode = false\n{source}")
    more = {"POETRY_VIRTUALENVS_IN_PROJECT": "true", "POETRY_CACHE_DIR": str(place.work / "poetry-cache")}
    poetry = place.tool("poetry")
    run([poetry, "env", "use", str(place.python)], project, more=more)
    run([poetry, "install", "--no-root", "--no-interaction"], project, more=more)
    _link(project / ".venv", place.prefix)


def by_pdm(*configuration: tuple[str, str], seeded: bool = False) -> Build:
    """Return a build by ``pdm install``; *seeded*: over a venv that has pip and setuptools already."""

    def build(place: Place) -> None:
        source = f'[[tool.pdm.source]]\nname = "pypi"\ntype = "find_links"\nurl = "file://{place.sources[2]}"\n'
        project = _project(place, f"[tool.pdm]\ndistribution = false\n{source}")
        more = {"PDM_CACHE_DIR": f"{place.work}/pdm-cache", "PDM_CHECK_UPDATE": "0", "HOME": str(project)}
        pdm = place.tool("pdm")
        for name, value in (("venv.in_project", "true"), *configuration):
            run([pdm, "config", "--local", name, value], project, more=more)
        if seeded:
            run([str(place.python), "-m", "venv", str(project / ".venv")])
            run([pdm, "use", "-q", "-f", str(project / ".venv" / "bin" / "python")], project, more=more)
        else:
            run([pdm, "venv", "create", str(place.python)], project, more=more)
            run([pdm, "use", "-q", "-f", "--venv", "in-project"], project, more=more)
        run([pdm, "lock", "-q", "--platform", "linux"], project, more=more)
        run([pdm, "install", "-q", "--no-self"], project, more=more)
        _link(project / ".venv", place.prefix)

    return build


def by_pipx(place: Place) -> None:
    """Build by ``pipx install`` of the group's first project."""
    home, pin = place.work / "pipx" / place.group.name, place.group.pins[0]
    shutil.rmtree(home, ignore_errors=True)
    more = {"PIPX_HOME": str(home), "PIPX_BIN_DIR": str(home / "bin"), "PIPX_MAN_DIR": str(home / "man")}
    folder = place.work / "wheelhouse" / "tools"
    options = " ".join([*place.sources, "--find-links", str(folder), "--constraint", place.pins])
    words = ["install", "--python", str(place.python), "--backend", "pip", "--pip-args", options, pin]
    run([place.tool("pipx"), *words], more=more)
    _link(home / "venvs" / pin.partition("==")[0], place.prefix)


def by_pex(place: Place) -> None:
    """Build by a pex file's own ``venv`` command."""
    project = _project(place, "")
    words = ["--pip-version", "vendored", "--python", str(place.python), "--pex-root", f"{project}/root"]
    words += [*place.sources, "-r", place.pins, "--include-tools"]
    run([place.tool("pex"), *words, "-o", "truth.pex"], project)
    run([str(place.python), "truth.pex", "venv", str(place.prefix)], project, more={"PEX_TOOLS": "1"})


def _project(place: Place, tables: str) -> Path:
    """Write a pyproject.toml of the group's pins beside the environment, and return its folder."""
    folder = place.prefix.with_name(place.prefix.name + ".project")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(f"[project]\n{_PROJECT}{place.dependencies()}\n{tables}")
    return folder


def _link(environment: Path, prefix: Path) -> None:
    """Let *prefix* be a name of an environment that the installer puts where it wants."""
    prefix.symlink_to(environment)


INSTALLERS: dict[str, Build] = {
    **{f"pip-{version}": by_pip(version) for version in PIPS},
    "pip-seeded": by_pip(""),
    "pip-no-compile": by_pip("26.3", "--no-compile"),
    "pip-copies": by_pip("26.3", venv=("--copies",)),
    "uv-hardlink": by_uv("hardlink"),
    "uv-copy": by_uv("copy"),
    "uv-clone": by_uv("clone"),
    "uv-symlink": by_uv("symlink"),
    "uv-compile": by_uv("hardlink", "--compile-bytecode"),
    "uv-pip-sync": by_uv("hardlink", command="sync"),
    "uv-seed": by_uv("copy", venv=("--seed",)),
    "uv-relocatable": by_uv("copy", venv=("--relocatable",)),
    "uv-sync": by_uv_sync,
    "virtualenv": by_virtualenv,
    "debian": by_pip("", debian=True),
    "debian-pip-26.3": by_pip("26.3", debian=True),
    "poetry": by_poetry,
    "pdm": by_pdm(),
    "pdm-seeded": by_pdm(seeded=True),
    "pdm-symlink": by_pdm(("install.cache", "true"), ("install.cache_method", "symlink")),
    "pdm-hardlink": by_pdm(("install.cache", "true"), ("install.cache_method", "hardlink")),
    "pipx": by_pipx,
    "pex": by_pex,
}


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One square of the matrix: a group and an installer."""

    group: str
    installer: str

    @property
    def name(self) -> str:
        """What --only and the report call it."""
        return f"{self.group}/{self.installer}"


def _cells(text: str) -> list[Cell]:
    return [Cell(*word.split("/")) for word in text.split()]


FIRST = _cells(
    "ancient/pip-26.3 ancient/uv-hardlink modern/debian app/pipx mini/pdm-symlink mini/pex mini/pdm-seeded mini/uv-seed"
    " modern/uv-symlink small/poetry mini/pdm mini/uv-sync modern/uv-compile ancient/uv-copy modern/virtualenv"
    " modern/pip-21.3 ancient/pip-22.3 mini/pip-23.0.1 modern/pip-24.0 ancient/pip-25.0 ancient/debian modern/pip-26.3"
    " mini/pip-copies mini/uv-relocatable mini/pip-no-compile mini/pdm-hardlink mini/uv-clone mini/uv-pip-sync"
    " mini/pip-seeded mini/debian-pip-26.3"
)
_WHOLE = ("ancient", "modern")
_ALONE = ("poetry", "pdm", "pdm-seeded", "pdm-symlink", "pdm-hardlink", "pipx", "pex", "uv-sync")
_OTHERS = [Cell(group, name) for group in _WHOLE for name in INSTALLERS if name not in _ALONE]
CELLS = (*FIRST, *(cell for cell in _OTHERS if cell not in FIRST))
"""The most telling ones first."""


def build(work: Path, cell: Cell, pythons: tuple[Path, Path]) -> Path:
    """Build the environment of *cell* on *pythons* (any, Debian's) if it is not there, and return its prefix."""
    prefix = work / "environments" / cell.group / cell.installer
    done = prefix.with_name(prefix.name + ".built")
    if not done.exists():
        for old in (prefix, prefix.with_name(prefix.name + ".project")):
            old.unlink() if old.is_symlink() else shutil.rmtree(old, ignore_errors=True)
        prefix.parent.mkdir(parents=True, exist_ok=True)
        place = Place(work=work, group=GROUPS[cell.group], prefix=prefix, python=pythons[0], debian=pythons[1])
        INSTALLERS[cell.installer](place)
        done.write_text("")
    return prefix
