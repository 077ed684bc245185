"""Builds the metadata of a source tree with its build backend, and records what built them (PEP 517, 518).

The backend runs in a separate environment that holds only the build requirements. These are resolved by the policy of
the lock, from wheels only, and checked by their hashes.
"""

import os
import platform
import subprocess
import sys
import tempfile
import venv
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import build
import pyproject_hooks
from msgspec import Struct
from packaging.utils import canonicalize_name

from lockml.common.display import redact
from lockml.common.errors import InputError, NoResolutionError, NotFoundError
from lockml.common.references import parse_pep508
from lockml.common.target import Target
from lockml.index.model import Build, DistributionFile, MetadataError
from lockml.index.protocol import Index
from lockml.requirements.model import Origin, Requirement, RequirementSet, normalize_extras
from lockml.resolution.candidates.missing_hashes import add_missing_hashes
from lockml.resolution.model import Policy, Preferences
from lockml.resolution.resolver import resolve

__all__ = ["Builder"]

_PATIENCE: Final = 1800  # seconds that a build may take
_MAX_METADATA: Final = 8 << 20


class Builder(Struct, frozen=True, kw_only=True):
    """Builds with the Python that runs lockml; *fetch* returns the content of a file of the *index*."""

    index: Index
    policy: Policy
    host: Callable[[], Target]
    fetch: Callable[[DistributionFile], bytes]

    def metadata(self, folder: Path) -> tuple[bytes, Build]:
        """Return the METADATA of the project in *folder* and how they were made; raises MetadataError."""
        with tempfile.TemporaryDirectory(prefix="lockml-build-") as scratch, warnings.catch_warnings():
            environment = _Environment(Path(scratch) / "environment")
            try:
                warnings.simplefilter("ignore")  # of the project's own pyproject.toml, for its author
                project = build.ProjectBuilder(
                    folder, python_executable=str(environment.python), runner=environment.run
                )
                pinned = self._install(environment, project.build_system_requires, {})
                pinned = self._install(environment, project.get_requires_for_build("wheel"), pinned)
                produced = Path(project.metadata_path(Path(scratch) / "metadata"))
                content = (produced / "METADATA").read_bytes()
            except (build.BuildException, build.BuildBackendException, pyproject_hooks.HookMissing) as error:
                raise MetadataError(f"its build failed: {_reason(error)}") from error
            except OSError as error:
                raise MetadataError(f"its build made no metadata ({error.strerror})") from error
        if len(content) > _MAX_METADATA:
            raise MetadataError(f"its build made metadata of {len(content)} bytes")
        requirements = tuple(f"{name} {' '.join(hashes)}" for name, hashes in sorted(pinned.items()))
        return content, Build(python=platform.python_version(), requirements=requirements)

    def _install(
        self, environment: "_Environment", wanted: set[str], before: Mapping[str, tuple[str, ...]]
    ) -> dict[str, tuple[str, ...]]:
        """Install *wanted* beside the pins *before*; return all pins with the hashes that they allow."""
        if not wanted:
            return dict(before)
        lines = tuple(_requirement(text) for text in sorted({*wanted, *(pin for pin in before)}))
        try:
            resolution = resolve(
                RequirementSet(requirements=lines),
                self.host(),
                self.index,
                policy=self.policy,
                preferences=Preferences(),
            )
        except (NoResolutionError, NotFoundError, InputError) as error:
            raise MetadataError(f"its build requirements cannot be met: {error}") from error
        pinned: dict[str, tuple[str, ...]] = {}
        files: list[DistributionFile] = []
        (resolution,) = add_missing_hashes([resolution], self.index)
        for pin in resolution.pins:
            text = f"{pin.name}=={pin.version}"
            pinned[text] = (f"--hash=sha256:{pin.files[0].sha256}",)
            if text not in before:
                files.append(pin.files[0])
        environment.install([(file.filename, self.fetch(file)) for file in files])
        return pinned


class _Environment:
    """An environment for one build, empty at first."""

    def __init__(self, folder: Path) -> None:
        venv.EnvBuilder(symlinks=os.name != "nt", with_pip=False).create(folder)
        self.folder = folder
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def install(self, wheels: Sequence[tuple[str, bytes]]) -> None:
        """Install *wheels*, of which each is a file name and its content."""
        if not wheels:
            return
        store = self.folder / "wheels"
        store.mkdir(exist_ok=True)
        for name, content in wheels:
            (store / name).write_bytes(content)
        options = ("--no-index", "--no-deps", "--no-compile", "--no-input", "--disable-pip-version-check", "--quiet")
        command = [sys.executable, "-m", "pip", "--isolated", "--python", str(self.python), "install", *options]
        done = subprocess.run(  # noqa: S603 - no shell, file names checked as those of wheels
            [*command, *(str(store / name) for name, _ in wheels)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise MetadataError(f"its build requirements cannot be installed: {_last_line(done.stderr)}")

    def run(self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None) -> None:
        """Run a hook of the backend; raises CalledProcessError with what it said."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}
        path = f"{self.python.parent}{os.pathsep}{inherited.get('PATH', os.defpath)}"
        variables = {**inherited, "PATH": path, "PYTHONNOUSERSITE": "1", **(extra_environ or {})}
        subprocess.run(  # noqa: S603 - the user allowed this project's code to run
            cmd, cwd=cwd, env=variables, capture_output=True, timeout=_PATIENCE, check=True
        )


def _requirement(text: str) -> Requirement:
    try:
        parsed = parse_pep508(text)
    except ValueError as error:
        raise MetadataError(f"its build requirement {text[:200]!r} is not a requirement") from error
    if parsed.url:
        raise MetadataError(f"its build requirement {redact(text)!r} is a URL, which is not supported")
    return Requirement(
        name=canonicalize_name(parsed.name),
        extras=normalize_extras(parsed.extras),
        specifier=parsed.specifier,
        marker=parsed.marker,
        origin=Origin(file="build-system.requires"),
    )


def _reason(error: Exception) -> str:
    """Return the last thing that the backend said."""
    cause: BaseException | None = error.exception if isinstance(error, build.BuildBackendException) else error
    if isinstance(cause, subprocess.CalledProcessError) and (cause.stderr or cause.stdout):
        return _last_line((cause.stderr or cause.stdout).decode("utf-8", "replace"))
    return redact(_last_line(str(error))) or type(error).__name__


def _last_line(text: str) -> str:
    said = [line.strip() for line in redact(text).splitlines() if line.strip()]
    return said[-1] if said else "no reason given"
