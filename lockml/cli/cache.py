"""``lockml cache``: show the folder and the size of the cache, and prune it."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from pathlib import Path
from stat import S_ISREG
from typing import Final

import click

from lockml.cli.common.command import Command
from lockml.cli.common.options import cache_folder_option, option
from lockml.cli.common.terminal import note
from lockml.common.durations import parse_duration
from lockml.common.errors import InputError
from lockml.index.cache.store import INDEX_FILE

__all__ = ["command"]

_KINDS: Final = {
    "pages": "index pages",
    "answers": "results of compile",
    "digests": "hashes of image files",
    "trees": "layers and images that were streamed",
    "inventories": "inventories of images",
    "standing": "index status of locks",
}
_INDEX: Final = "index"
_INDEX_FILE: Final = re.compile(r"index-\d+\.sqlite")
_FOLDER: Final = re.compile(rf"({'|'.join(_KINDS)})-\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _CachedFile:
    """A file of the cache: its kind, its size in bytes, and when it was last written or read."""

    kind: str
    path: Path
    size: int
    used: datetime

    def older_than(self, age: timedelta) -> bool:
        """Say whether it was unused for that long."""
        return datetime.now(UTC) - self.used > age


@click.group("cache", short_help="Show and prune the cache.")
def command() -> None:
    """Show and prune the cache: index pages and metadata, and the layers, digests and inventories of images.

    The cache only saves work. You can remove it at any time, even while lockml runs.
    """


@command.command(
    "dir",
    cls=Command,
    examples=(
        ("lockml cache dir", "Print the folder."),
        ("lockml cache dir --cache-dir /srv/cache", "Print the folder with --cache-dir."),
    ),
)
@cache_folder_option
def folder(cache_dir: Path) -> int:
    """Print the cache folder."""
    click.echo(str(cache_dir))
    return 0


@command.command(
    "info",
    cls=Command,
    examples=(
        ("lockml cache info", "Show the size of each kind."),
        ("lockml cache info --format json", "Print it as JSON."),
    ),
)
@option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Output format."
)
@cache_folder_option
def info(form: str, cache_dir: Path) -> int:
    """Show how much the cache holds of each kind."""
    counted: dict[str, tuple[int, int]] = {}
    for cached in _cached_files(cache_dir):
        files, size = counted.get(cached.kind, (0, 0))
        counted[cached.kind] = files + 1, size + cached.size
    if form == "json":
        kinds = {kind: {"files": files, "bytes": size} for kind, (files, size) in sorted(counted.items())}
        table = {"schema": "lockml/cache/1", "folder": str(cache_dir), "kinds": kinds}
        click.echo(json.dumps(table, indent=2))
        return 0
    for kind, (files, size) in sorted(counted.items()):
        label = _KINDS.get(kind, "package metadata")
        click.echo(f"{kind:<12} {files:>6} {'file ' if files == 1 else 'files'} {size / 1e6:>10.1f} MB  {label}")
    if not counted:
        note(f"{cache_dir} is empty")
    return 0


@command.command(
    "prune",
    cls=Command,
    examples=(
        ("lockml cache prune --older-than 7d", "Remove what was not used for a week."),
        ("lockml cache prune --all", "Remove everything."),
    ),
)
@option("--older-than", metavar="AGE", default="30d", show_default=True, help="Remove what was not used for this long.")
@option("--all", "everything", is_flag=True, help="Remove everything.")
@cache_folder_option
def prune(older_than: str, everything: bool, cache_dir: Path) -> int:
    """Remove old entries, and those of earlier versions of lockml."""
    age = parse_duration(older_than)
    if age is None:
        raise InputError(f"--older-than {older_than!r}", "is not a duration", hint="write 30d or 12h")
    cached = [each for each in _cached_files(cache_dir) if everything or _is_old(each, age)]
    _remove(cached, cache_dir)
    size = sum(each.size for each in cached) / 1e6
    note(f"removed {len(cached)} {'file' if len(cached) == 1 else 'files'}, {size:.1f} MB")
    return 0


def _is_old(cached: _CachedFile, age: timedelta) -> bool:
    """Say whether *cached* can go: unused for that long, or in a format that this lockml does not know."""
    if cached.kind == _INDEX:
        return not cached.path.name.startswith(INDEX_FILE)
    return cached.path.parent.name not in _forms() or cached.older_than(age)


@cache
def _forms() -> frozenset[str]:
    """Return the names of the folders that this version of lockml uses."""
    from lockml.audit.runs.lock_status import LOCK_STATUSES
    from lockml.cli.compile.result_cache import ANSWERS
    from lockml.index.cache.pages import PAGES
    from lockml.subjects.digest_cache import DIGESTS
    from lockml.subjects.inventory_cache import INVENTORIES
    from lockml.subjects.oci.layer_cache import LAYERS, TREES

    return frozenset((PAGES, ANSWERS, DIGESTS, LAYERS, TREES, INVENTORIES, LOCK_STATUSES))


def _remove(files: Sequence[_CachedFile], cache_dir: Path) -> None:
    """Remove *files* and old folders, by handles of their folders: no link in *cache_dir* leads elsewhere."""
    for folder, inside in groupby(files, key=lambda each: each.path.parent):
        with suppress(OSError):
            led = 0 if folder == cache_dir else os.O_NOFOLLOW
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | led)
            try:
                for each in inside:
                    with suppress(FileNotFoundError):
                        os.unlink(each.path.name, dir_fd=handle)
            finally:
                os.close(handle)
        if _FOLDER.fullmatch(folder.name) and folder.name not in _forms():
            with suppress(OSError):  # it holds something else
                folder.rmdir()


def _cached_files(folder: Path) -> Iterator[_CachedFile]:
    """Yield the files of lockml in *folder*, and no others."""
    for path in sorted(folder.glob("*")):
        match = _FOLDER.fullmatch(path.name)
        if _INDEX_FILE.match(path.name):
            files, kind = [path], _INDEX
        elif match is not None and path.is_dir() and not path.is_symlink():
            files, kind = sorted(path.iterdir()), match[1]
        else:
            continue
        for file in files:
            with suppress(OSError):
                found = file.lstat()
                if S_ISREG(found.st_mode):
                    used = datetime.fromtimestamp(max(found.st_mtime, found.st_atime), UTC)
                    yield _CachedFile(kind=kind, path=file, size=found.st_size, used=used)
