"""Images and environments as people make them, in which nothing drifts: what `check` must say nothing of."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cli.process import Outcome, network_variables, run_lockml
from tests.engine.conftest import Docker
from tests.made.wheels import make_wheel, record_text

__all__ = [
    "PINS",
    "PROJECT",
    "SERVICE",
    "TITLED",
    "Ordinary",
    "conda_prefix",
    "copy_python",
    "make_pythons",
    "newer_pip",
    "plain_variables",
    "run",
    "two_wheels_with_tests",
]

PINS = "click==8.1.7\njinja2==3.1.4\nmarkupsafe==2.1.5\nptyprocess==0.5.1\nsix==1.17.0\n"
SERVICE = """\
import click, jinja2, markupsafe, six, ptyprocess
import asyncio, csv, decimal, http.client, logging.handlers, sqlite3, unittest.mock, xml.dom.minidom
import time
print("up", flush=True)
time.sleep(600)
"""
PROJECT = f"""\
[project]
name = "my-shop"
version = "1.0"
dependencies = {PINS.split()}
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[tool.setuptools]
packages = ["shop", "shop_tools"]
"""
# writes a title over its arguments and variables, as setproctitle does (proc(5), stat)
TITLED = """\
import click, ctypes, markupsafe._speedups, time
fields = open("/proc/self/stat").read().rpartition(")")[2].split()
first, last = int(fields[45]), int(fields[48])
title = b"gunicorn: master [shop] a=b"
print("up", flush=True)
ctypes.memset(first, 0, last - first)
ctypes.memmove(first, title, min(len(title), last - first))
time.sleep(600)
"""
_SKIPPED = shutil.ignore_patterns(
    "site-packages", "dist-packages", "test", "config-*", "__pycache__", "EXTERNALLY-MANAGED"
)


@dataclass(frozen=True, slots=True)
class Ordinary:
    """A folder with the lock of *PINS*, and the engine that images are built by."""

    docker: Docker
    folder: Path
    base: str

    def build(self, name: str, dockerfile: str, files: Mapping[str, str | bytes] | None = None) -> str:
        """Build and name an image of *files*, requirements.txt and the text of a Dockerfile, in which BASE is ours."""
        context = self.folder / name
        context.mkdir(exist_ok=True)
        shutil.copy(self.folder / "requirements.txt", context)
        (context / "Dockerfile").write_text(f"ARG BASE\n{dockerfile}")
        for path, content in (files or {}).items():
            target = context / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
            target.chmod(0o755)
        proxies = [each for each in os.environ if each.lower() in ("http_proxy", "https_proxy", "no_proxy")]
        words = [word for each in proxies for word in ("--build-arg", f"{each}={os.environ[each]}")]
        image = f"lockml-test/ordinary-{name}"
        base = ["--build-arg", f"BASE={self.base}"]
        self.docker.run("build", "-q", "--network=host", *base, *words, "-t", image, str(context))
        return image

    def check(self, *subject: str, level: str = "files") -> Outcome:
        """Check a subject against the lock, all files unless told otherwise."""
        variables = {"DOCKER_HOST": self.docker.host}
        arguments = ("check", *subject, "--level", level)
        return run_lockml(*arguments, folder=self.folder, variables=variables)


def plain_variables() -> dict[str, str]:
    """Return this process's variables without those that steer Python."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "UV_"))}


def run(*command: str | Path, **variables: str) -> str:
    """Run a program that must not fail, and return what it prints."""
    environment = {**plain_variables(), **network_variables(), **variables}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def copy_python(prefix: Path) -> Path:
    """Copy the Python that runs the tests to *prefix* as one that was built there, and return its program.

    A Debian's is kept from putting packages where Debian wants those that a user installs.
    """
    base, version = Path(sys.base_prefix), f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = prefix / "lib" / version
    shutil.copytree(
        sysconfig.get_path("stdlib"), library, symlinks=False, ignore=_SKIPPED, ignore_dangling_symlinks=True
    )
    (library / "site-packages").mkdir()
    (prefix / "bin").mkdir(parents=True)
    shutil.copy(base / "bin" / version, prefix / "bin" / version)
    for shared in (base / "lib").glob("libpython*.so*"):
        shutil.copy(shared, prefix / "lib", follow_symlinks=False)
    for name in ("python3", "python"):
        (prefix / "bin" / name).symlink_to(version)
    sysconfig_module = library / "sysconfig.py"
    sysconfig_module.write_text(sysconfig_module.read_text().replace("base}/local", "base}"))
    return prefix / "bin" / version


def make_pythons(folder: Path) -> dict[str, Path]:
    """Return a Python where pyenv has its own, and one where uv has those that it manages."""
    version = sys.version.partition(" ")[0]
    places = {
        "pyenv": folder / ".pyenv" / "versions" / version,
        "uv": folder / ".local" / "share" / "uv" / "python" / f"cpython-{version}-linux-x86_64-gnu",
    }
    return {name: copy_python(place) for name, place in places.items()}


def conda_prefix(prefix: Path) -> Path:
    """Make what conda makes of an environment with its python package, and return its program."""
    program = copy_python(prefix)
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta" / "history").write_text("==> 2026-01-01 00:00:00 <==\n")
    paths = [path for path in sorted(prefix.rglob("*")) if path.is_file() and "conda-meta" not in path.parts]
    names = [str(path.relative_to(prefix)) for path in paths]
    entries = [
        {
            "_path": name,
            "path_type": "softlink" if path.is_symlink() else "hardlink",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "size_in_bytes": path.stat().st_size,
        }
        for name, path in zip(names, paths, strict=True)
    ]
    version = sys.version.partition(" ")[0]
    package = {
        "name": "python",
        "version": version,
        "build": "h1_0_cpython",
        "channel": "conda-forge",
        "files": names,
        "paths_data": {"paths": entries, "paths_version": 1},
    }
    (prefix / "conda-meta" / f"python-{version}-h1_0_cpython.json").write_text(json.dumps(package))
    return program


def newer_pip(folder: Path) -> Path:
    """Make a wheel of a pip that is newer than every one there is, out of the newest."""
    run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, "pip")
    (wheel,) = folder.glob("pip-*.whl")
    old = wheel.name.split("-")[1]
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    record = files.pop(f"pip-{old}.dist-info/RECORD")
    assert record
    renamed = {name.replace(f"pip-{old}.", "pip-99.0."): content for name, content in files.items()}
    for name in ("pip/__init__.py", "pip-99.0.dist-info/METADATA"):
        renamed[name] = renamed[name].replace(old.encode(), b"99.0", 1)
    path = "pip-99.0.dist-info/RECORD"
    made = folder / "pip-99.0-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in {**renamed, path: record_text(renamed, path).encode()}.items():
            archive.writestr(name, content)
    return made


def two_wheels_with_tests(folder: Path) -> None:
    """Write wheels of two projects that both have a package `tests`, as many projects do by mistake."""
    folder.mkdir()
    for name in ("first", "second"):
        files = {
            f"{name}/__init__.py": b"",
            "tests/__init__.py": f'"""Tests of {name}."""\n'.encode(),
            f"tests/test_{name}.py": b"",
        }
        (folder / f"{name}-1.0-py3-none-any.whl").write_bytes(make_wheel(name, "1.0", files=files))
