"""Direct references opened, and source trees to open."""

from collections.abc import Mapping
from pathlib import Path

from lockml.cli.compile.targets import host_target
from lockml.direct.index import SourceIndex, SourceSettings
from lockml.index.cache.store import Cache
from lockml.index.http.client import HttpClient
from lockml.index.protocol import FileIndex
from lockml.resolution.model import Policy

__all__ = ["STATIC", "make_tree", "with_sources"]

STATIC = """
[project]
name = "lib"
version = "1.5"
dependencies = ["six>=1.10"]
optional-dependencies = { fast = ["speed"] }
"""


def with_sources(
    index: FileIndex,
    client: HttpClient,
    *,
    folder: Path = Path(),
    cache: Cache | None = None,
    policy: Policy | None = None,
    commits: Mapping[tuple[str, ...], str] | None = None,
) -> SourceIndex:
    settings = SourceSettings(folder=folder, policy=policy or Policy(), host=host_target, commits=commits or {})
    return SourceIndex(index, client=client, cache=cache or Cache(None), settings=settings)


def make_tree(folder: Path, pyproject: str = STATIC, **files: str) -> Path:
    """Write a source tree with a *pyproject*, and *files* whose names have ``__`` for a dot."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(pyproject)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder
