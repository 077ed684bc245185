"""``lockml audit``: a fleet file in; runs on a schedule, their history, alerts and pages out."""

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
    "init": ("init", "Write a commented lockml.toml to begin with."),
    "run": ("run", "Look at every target once: for cron, systemd, Kubernetes and CI."),
    "serve": ("serve", "Look at every target on its schedule, and show the pages."),
    "worker": ("worker", "Do the runs that a queue has for this host (Celery)."),
    "beat": ("worker", "Put what is due on the queues of workers (Celery)."),
    "history": ("history", "List the runs that the store remembers."),
    "show": ("history", "Show what a run found."),
    "export": ("history", "Print all runs or findings, as JSON lines or CSV."),
    "manifest": ("manifest", "Print what schedules audits elsewhere: systemd, cron, Kubernetes, GitHub, Compose."),
}
_EXTRAS: Final = {"celery": "fleet", "redis": "fleet", "psycopg": "fleet"}


class _Lazy(click.Group):
    """Imports a subcommand only when it runs."""

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
        """Propose subcommands without loading them, and with them what they need."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return [item(name, text) for name, (_, text) in _COMMANDS.items() if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the same
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group("audit", cls=_Lazy, short_help="Look at a fleet on a schedule, remember, show and alert.")
def command() -> None:
    """Look at a fleet of containers and images on a schedule, remember what was found, show it and tell of changes.

    The fleet stands in lockml.toml: `lockml audit init` writes one to begin with.
    """
