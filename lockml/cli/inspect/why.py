"""``lockml why``: show the requirements that lead to a package."""

from typing import Any

import click

from lockml.cli.common.command import declare
from lockml.cli.common.completion import complete_packages
from lockml.cli.common.lock_options import LOCK_HELP, choice_options, take_choice
from lockml.cli.common.options import option
from lockml.cli.common.read_lock import read_lock
from lockml.cli.inspect.locked_names import parse_names
from lockml.common.display import escape, redact
from lockml.lock.queries.graph import LockGraph

__all__ = ["command"]


@declare(
    "why",
    short_help="Show which requirements lead to a package.",
    examples=(
        ("lockml why urllib3 certifi", "Show what needs these packages."),
        ("lockml why numpy --lock uv.lock --extra gpu", "Use the lock of another tool."),
    ),
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_packages)
@option("--lock", default="pylock.toml", show_default=True, help=LOCK_HELP)
@choice_options
def command(names: tuple[str, ...], lock: str, **given: Any) -> int:
    """Show the shortest chains from your requirements to each package NAME."""
    graph = LockGraph(read_lock(lock, take_choice(given)))
    for name in parse_names(names, graph, lock):
        click.echo(escape(f"{name} {graph.version(name)}"))
        for chain, asked in graph.chains(name):
            links = " <- ".join(f"{link} {graph.version(link)}" for link in reversed(chain))
            origins = ", ".join(f"{each.requirement} ({each.origin})" for each in asked)
            click.echo(escape(redact(f"  {links} <- {origins or 'no known requirement'}")))
    return 0
