"""The options of ``compile``, as a frozen record; a module of its own, so that little is loaded for it."""

from pathlib import Path
from typing import Literal, NamedTuple

__all__ = ["CompileSettings"]


class CompileSettings(NamedTuple):
    """The options of one run, as given."""

    files: tuple[str, ...]
    output: str
    lock: str
    target: tuple[str, ...]
    base_image: str | None
    python: str | None
    platform: str | None
    libc: str | None
    index_url: str | None
    extra_index_url: tuple[str, ...]
    constraint: tuple[str, ...]
    override: tuple[str, ...]
    exclude: tuple[str, ...]
    extra: tuple[str, ...]
    group: tuple[str, ...]
    prefer: tuple[str, ...]
    upgrade: bool
    upgrade_package: tuple[str, ...]
    pre: bool
    exclude_newer: str | None
    resolution: Literal["highest", "lowest", "lowest-direct"]
    no_binary: tuple[str, ...]
    only_binary: tuple[str, ...]
    allow_build: tuple[str, ...]
    index: tuple[str, ...]  # type: ignore[assignment]  # hides the method of tuples, which nobody needs
    index_only: tuple[str, ...]
    find_links: tuple[str, ...]
    no_index: bool
    cert: Path | None
    client_cert: Path | None
    artifact_identity: bool
    verify: bool
    check: bool
    offline: bool
    cache_dir: Path | None
