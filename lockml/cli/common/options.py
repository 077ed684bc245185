"""How options are declared: each has help, shows its default and can be given by a LOCKML_… variable."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from lockml.cli.common.terminal import warn
from lockml.common.errors import InputError
from lockml.common.private_files import cache_fault

__all__ = ["believed_cache", "cache_folder_option", "cache_option", "option", "parse_moment"]

_F = TypeVar("_F", bound=Callable[..., Any])


def option(*names: str, **settings: Any) -> Callable[[_F], _F]:
    """Declare a click option whose variable is LOCKML_ and its long name."""
    long = next(name for name in names if name.startswith("--")).partition("/")[0]
    settings.setdefault("envvar", f"LOCKML_{long.removeprefix('--').replace('-', '_').upper()}")
    settings.setdefault("show_envvar", True)
    return click.option(*names, **settings)


def _cache_folder() -> str:
    return str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lockml")


def believed_cache(folder: Path) -> Path | None:
    """Return *folder*, None with a warning where somebody else could have written what it keeps."""
    fault = cache_fault(folder)
    if fault is None:
        return folder
    warn(f"the cache {folder} is not used: it {fault}; name a folder of your own with --cache-dir")
    return None


cache_folder_option = option(
    "--cache-dir",
    type=click.Path(path_type=Path),
    default=_cache_folder,
    show_default="~/.cache/lockml",
    help="The folder of the cache.",
)
"""The folder, whoever it belongs to."""

cache_option = option(
    "--cache-dir",
    type=click.Path(path_type=Path),
    default=_cache_folder,
    show_default="~/.cache/lockml",
    callback=lambda _, __, folder: believed_cache(folder),
    help="Where fetched pages are kept, for your user alone.",
)
"""The folder, None where it is not believed: then nothing is kept from one run to the next."""


def parse_moment(text: str) -> datetime:
    """Return the moment that *text* names (RFC 3339); a date alone includes that whole day, UTC. Raises InputError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"--exclude-newer {text!r}", "not a date or an age", hint="write 2026-11-01, 2026-11-01T12:00:00Z or 7d"
        ) from error
    if len(text) <= len("2026-11-01"):
        return moment.replace(tzinfo=UTC) + timedelta(days=1)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
