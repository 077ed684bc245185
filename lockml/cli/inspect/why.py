"""``lockml why``: a lock and a project in; the chains that lead to it out."""

from typing import Any

import click
from packaging.utils import canonicalize_name

from lockml.cli.common.command import declare
from lockml.cli.common.completion import complete_packages
from lockml.cli.common.lock_options import LOCK_HELP, choice_options, take_choice
from lockml.cli.common.options import option
from lockml.cli.common.read_lock import read_lock
from lockml.common.display import escape, redact
from lockml.common.errors import NotFoundError
from lockml.lock.queries.graph import LockGraph

__all__ = ["command"]


@declare(
    "why",
    short_help="Tell who needs a package.",
    examples=(
        ("lockml why urllib3", "Who needs it."),
        ("lockml why numpy --lock uv.lock --extra gpu", "In the lock of another tool."),
    ),
)
@click.argument("name", shell_complete=complete_packages)
@option("--lock", default="pylock.toml", show_default=True, help=LOCK_HELP)
@choice_options
def command(name: str, lock: str, **given: Any) -> int:
    """Tell which of your requirements lead to the package NAME, each by its shortest chain."""
    graph = LockGraph(read_lock(lock, take_choice(given)))
    wanted = canonicalize_name(name)
    if wanted not in graph:
        raise NotFoundError(lock, f"{wanted!r} is not locked", hint="`lockml tree` shows what is")
    click.echo(f"{wanted} {graph.version(wanted)}")
    for chain, asked in graph.chains(wanted):
        links = " <- ".join(f"{link} {graph.version(link)}" for link in reversed(chain))
        origins = ", ".join(f"{each.requirement} ({each.origin})" for each in asked) or "not asked for by anybody known"
        click.echo(escape(redact(f"  {links} <- {origins}")))
    return 0
