"""``lockml outdated``: list the pins of a lock that have newer releases."""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from msgspec.structs import replace

from lockml.cli.common.command import declare
from lockml.cli.common.files import lock_folder
from lockml.cli.common.lock_options import LOCK_HELP, choice_options, take_choice
from lockml.cli.common.options import cache_option, insecure_host_option, option
from lockml.cli.common.read_lock import read_lock
from lockml.cli.common.terminal import note, progress_line
from lockml.cli.compile.options import TargetOptions
from lockml.cli.compile.targets import choose_targets
from lockml.common.display import escape
from lockml.index.http.pip_config import public_index_url
from lockml.index.locations import with_logins
from lockml.index.open import IndexOptions, open_index
from lockml.lock.model import Lock
from lockml.lock.queries.indexes import indexes_of
from lockml.lock.select import chosen_packages
from lockml.lock.status.outdated import Outdated, find_outdated, policy_of

__all__ = ["command"]


@declare(
    "outdated",
    short_help="List pins with newer releases.",
    examples=(
        ("lockml outdated", "List pins with newer releases."),
        ("lockml outdated --exit-code", "Exit 1 if there is one, for a scheduled job."),
    ),
)
@option("--lock", default="pylock.toml", show_default=True, help=LOCK_HELP)
@choice_options
@option("--target", metavar="TARGET", show_default="this machine", help="Target of a lock of another tool.")
@option("--index-url", "-i", metavar="URL", show_default="the lock's, pip's", help="Package index.")
@option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="Output format.",
)
@option("--exit-code", is_flag=True, help="Exit 1 if a package is outdated.")
@insecure_host_option
@option("--offline", is_flag=True, help="Use only the cache; make no network requests.")
@cache_option
def command(lock: str, index_url: str | None, form: str, **given: Any) -> int:
    """List packages of the lock with a newer release that its target can install, and what holds them back.

    The indexes and the policy are those of the lock: files newer than its --exclude-newer do not count. A lock of
    another tool is examined for this machine, or for --target, with its own indexes.

    Exit codes: 0 success, 1 packages are outdated (with --exit-code), 2 wrong usage or input, 4 unreachable.
    """
    locked = read_lock(lock, take_choice(given))
    if locked.format or given["target"]:
        targets = choose_targets(_target_options(given), None).targets
        locked = replace(locked, targets=targets if locked.format else locked.targets)
    indexes = with_logins(indexes_of(locked, public_index_url()), os.environ)
    indexes = replace(indexes, url=index_url) if index_url else indexes
    options = IndexOptions(
        cache_dir=given["cache_dir"], offline=given["offline"], insecure_hosts=given["allow_insecure_host"]
    )
    with progress_line() as progress, open_index(indexes, lock_folder(lock), options, progress) as opened:
        found = find_outdated(locked, opened, policy_of(locked, datetime.now(UTC)))
    if form == "json":
        click.echo(json.dumps({"schema": "lockml/outdated/1", "outdated": list(map(_table, found))}, indent=2))
    elif form == "markdown":
        from lockml.report.difference.outdated import format_markdown

        click.echo(format_markdown(found), nl=False)
    else:
        _tell(found, locked)
    return 1 if found and given["exit_code"] else 0


def _target_options(given: Mapping[str, Any]) -> TargetOptions:
    named = (given["target"],) if given["target"] else ()
    return TargetOptions(base_image=None, python=None, platform=None, libc=None, target=named)


def _tell(found: Sequence[Outdated], lock: Lock) -> None:
    if not found:
        count = len(chosen_packages(lock))
        note(f"All locked packages ({count}) are at the newest release that the target can install")
        return
    rows = [("package", "locked", "newest", "held back by")]
    again = "lock it again" if lock.format else "try compile --upgrade-package"
    bases = " or ".join(base.path for base in lock.bases)
    unknown = (
        f"nothing known: {again}" if not bases else f"perhaps {bases}: upgrade it there if that pins it, else {again}"
    )
    rows += [(each.name, str(each.locked), str(each.newest), "; ".join(each.held_by) or unknown) for each in found]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo(escape("  ".join([*cells, row[3]])))


def _table(each: Outdated) -> dict[str, object]:
    return {
        "name": each.name,
        "locked": str(each.locked),
        "newest": str(each.newest),
        "target": str(each.target),
        "held_by": list(each.held_by),
    }
