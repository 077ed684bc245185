"""A project in memory: a lock, the files of its build context, and what linting makes of a Dockerfile in it."""

from collections.abc import Mapping
from functools import cache

from msgspec.structs import replace

from lockml.docker.analysis import Context
from lockml.docker.context.dockerignore import parse_dockerignore
from lockml.docker.context.lock import LockFacts, lock_facts
from lockml.docker.dockerfile.source import Source
from lockml.docker.fix import Fixed, fix_dockerfile
from lockml.docker.lint import Settings, lint_dockerfile
from lockml.docker.model import Finding
from lockml.lock.formats.requirements_txt import format_requirements
from lockml.lock.model import BaseImage, Lock
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of

__all__ = ["BASE", "EMPTY", "codes", "files", "fixed", "lint", "project", "project_lock", "torch_project"]

BASE = "python:3.11-slim@sha256:5be45dbade29bebd6886af6b438fd7e0b4eb7b611f39ba62b430263f82de36d2"
EMPTY = Context()
"""Nothing is known but the Dockerfile."""

_IGNORED = ".venv\n**/__pycache__\n.git\n"


@cache
def project_lock() -> Lock:
    """Return a lock of scikit-learn and numpy for `BASE`."""
    index = MemoryIndex()
    index.add("numpy", "1.25.0")
    index.add("numpy", "1.26.0")
    index.add("scikit-learn", "1.3.0", ["numpy>=1.17.3"])
    base = BaseImage(reference=BASE, layers=("sha256:" + "0" * 64,))
    return lock_of(index, "scikit-learn", "numpy>=1.24", base_image=base)


def files() -> dict[str, bytes]:
    """Return the context: requirements, their lock, the lock of something else, code."""
    text = format_requirements(project_lock())
    return {
        "requirements.in": b"scikit-learn\nnumpy>=1.24\n",
        "requirements.txt": text.encode(),
        "stale.txt": text.replace("numpy==1.26.0", "numpy==1.25.0").encode(),
        "pinned.txt": b"numpy==1.26.0\nscikit-learn==1.3.0\n",
        "app.py": b"",
    }


def project(
    ignored: str | None = _IGNORED, *, based: bool = True, more: Mapping[str, bytes] | None = None, locked: bool = True
) -> Context:
    """Return the context of a project whose .dockerignore is *ignored*; *based* says that the lock has a base image."""
    lock = project_lock() if based else replace(project_lock(), base_image=None)
    facts: LockFacts | None = lock_facts(lock, "pylock.toml") if locked else None
    there = {**files(), **(more or {})}
    source = Source(name=".dockerignore", text=ignored) if ignored is not None else None
    return Context(
        read=there.get,
        ignores=parse_dockerignore(ignored) if ignored is not None else None,
        ignore_source=source,
        lock=facts,
    )


def torch_project(accelerator: str = "") -> Context:
    """Return the context of a project that locks torch 2.11.0, a CUDA 13 build unless another one was compiled for."""
    index = MemoryIndex()
    index.add("torch", "2.11.0")
    lock = replace(lock_of(index, "torch"), accelerator=accelerator)
    text = format_requirements(lock).encode()
    return replace(project(based=False), read={"requirements.txt": text}.get, lock=lock_facts(lock, "pylock.toml"))


def lint(text: str, context: Context = EMPTY, settings: Settings | None = None) -> tuple[Finding, ...]:
    """Return the findings in a Dockerfile of that *text*."""
    return lint_dockerfile(Source(name="Dockerfile", text=text), context, settings or Settings())


def codes(text: str, context: Context = EMPTY) -> list[str]:
    """Return the codes of the findings but LK401, which any short example has."""
    return [finding.code for finding in lint(text, context) if finding.code != "LK401"]


def fixed(text: str, context: Context = EMPTY) -> Fixed:
    """Return what fixing makes of a Dockerfile of that *text*."""
    return fix_dockerfile(Source(name="Dockerfile", text=text), context, Settings())
