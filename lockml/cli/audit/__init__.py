"""``lockml audit``: the commands of an audit."""

import importlib
import shlex
from typing import TYPE_CHECKING, Final

import click

from lockml.cli.common.completion import item
from lockml.cli.common.options import name_variables
from lockml.common.errors import InputError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["command"]

_COMMANDS: Final = {
    "init": ("init", "Write a commented lockml.toml to start with."),
    "run": ("run", "Check every target once: for cron, systemd, Kubernetes and CI."),
    "serve": ("serve", "Check every target on its schedule, and serve the pages."),
    "worker": ("worker", "Do the runs on the queue of this host (Celery)."),
    "beat": ("worker", "Put runs that are due on the queues of workers (Celery)."),
    "history": ("history", "List the runs in the store."),
    "show": ("history", "Show the findings of a run."),
    "export": ("history", "Print all runs or findings, as JSON lines or CSV."),
    "manifest": ("manifest", "Print the files that run audits in systemd, cron, Kubernetes, GitHub or Compose."),
}
_EXTRAS: Final = {"celery": "fleet", "redis": "fleet", "psycopg": "fleet"}


class _Lazy(click.Group):
    """A group that imports a subcommand only when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in _COMMANDS:
            return None
        try:
            module = importlib.import_module(f"lockml.cli.audit.{_COMMANDS[cmd_name][0]}")
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if missing == "lockml":
                raise
            extra = _EXTRAS.get(missing, "audit")
            from lockml.cli.init.installation import own_installation

            hint = shlex.join(["pip", "install", own_installation().requirement(extra)])
            raise InputError(f"lockml audit {cmd_name}", f"needs {missing}", hint=hint) from error
        command: click.Command = getattr(module, cmd_name)
        name_variables(command, "audit", cmd_name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Propose subcommands without loading them and their dependencies."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return [item(name, text) for name, (_, text) in _COMMANDS.items() if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the same
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group("audit", cls=_Lazy, short_help="Check a fleet on a schedule and report changes.")
def command() -> None:
    """Check a fleet of containers and images on a schedule, store and show the findings, and notify of changes.

    The fleet is described in lockml.toml; `lockml audit init` writes one to start with.
    """
