"""Direct references opened, and source trees to open."""

from collections.abc import Mapping
from pathlib import Path

from lockml.cli.compile.targets import host_target
from lockml.direct.index import SourceIndex, SourceSettings
from lockml.index.protocol import ArchiveIndex
from lockml.resolution.model import Policy

__all__ = ["BACKEND", "DYNAMIC", "STATIC", "make_tree", "with_sources"]

STATIC = """
[project]
name = "lib"
version = "1.5"
dependencies = ["six>=1.10"]
optional-dependencies = { fast = ["speed"] }
"""
DYNAMIC = """
[project]
name = "lib"
dynamic = ["version"]
[build-system]
requires = ["backend"]
build-backend = "backend"
"""
BACKEND = b"""
import os

def prepare_metadata_for_build_wheel(folder, settings=None):
    import helper
    name = f"lib-{helper.VERSION}.dist-info"
    os.mkdir(os.path.join(folder, name))
    with open(os.path.join(folder, name, "METADATA"), "w") as file:
        file.write(f"Metadata-Version: 2.1\\nName: lib\\nVersion: {helper.VERSION}\\nRequires-Dist: six\\n")
    return name

def get_requires_for_build_wheel(settings=None):
    return ["helper<2"]
"""


def with_sources(
    index: ArchiveIndex,
    *,
    folder: Path = Path(),
    policy: Policy | None = None,
    commits: Mapping[tuple[str, ...], str] | None = None,
) -> SourceIndex:
    settings = SourceSettings(folder=folder, policy=policy or Policy(), host=host_target, commits=commits or {})
    return SourceIndex(index, settings=settings)


def make_tree(folder: Path, pyproject: str = STATIC, **files: str) -> Path:
    """Write a source tree with a *pyproject*, and *files* whose names have ``__`` for a dot."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(pyproject)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder
