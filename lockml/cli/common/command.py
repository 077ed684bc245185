"""The base of every command: option groups, examples, and how much it prints."""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import click
from click.core import ParameterSource

from lockml.cli.common.terminal import Loudness, set_loudness
from lockml.cli.common.values import refuse_empty_arguments

__all__ = ["Command", "declare", "loudness_options", "options_by_group"]

Example = tuple[str, str]
"""A command line, with a description."""

_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "Inputs": (
        *("--constraint", "--override", "--exclude", "--extra", "--no-extra", "--group", "--no-group", "--prefer"),
        *("--on", "--subset-of", "--relax", "--all", "--only"),
        *("--all-extras", "--all-groups", "--no-default-groups", "--input", "--from", "--lock", "--baseline"),
    ),
    "Subject": (
        *("--container", "--image", "--registry", "--archive", "--oci", "--compose", "--project", "--path", "--pid"),
        *("--freeze", "--environment", "--exec"),
    ),
    "Target": (
        "--base-image",
        "--provided",
        "--provided-mode",
        "--base-constraints",
        "--python",
        "--platform",
        "--libc",
        "--target",
        "--tags",
        "--retarget",
        *("--accelerator", "--driver", "--gpu"),
    ),
    "Index": (
        *("--index-url", "--extra-index-url", "--index", "--index-only", "--find-links", "--no-index", "--cert"),
        *("--client-cert", "--allow-insecure-host", "--offline", "--cache-dir", "--cache"),
    ),
    "Policy": (
        *("--upgrade", "--upgrade-package", "--pre", "--exclude-newer", "--exclude-newer-except", "--resolution"),
        *("--no-binary", "--only-binary", "--allow-build", "--accept-older", "--deny", "--as-is", "--level"),
        *("--strict", "--require-verified"),
        "--bytecode-seconds",
    ),
    "Output": (
        "--output",
        "--requirements",
        "--format",
        "--full",
        "--check",
        "--verify",
        "--artifact-identity",
        "--force",
        "--exit-code",
        "--depth",
        "--reverse",
    ),
}


class Command(click.Command):
    """A command whose help shows *examples*, and its options in groups."""

    def __init__(self, *arguments: Any, examples: Sequence[Example] = (), **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.examples = tuple(examples)
        self.params += loudness_options()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; raises InputError for an empty one, and UsageError."""
        try:
            rest = super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # click sets none if an option lacks its value
            raise
        if not ctx.resilient_parsing:
            refuse_empty_arguments(self, ctx)
        return rest

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options in groups, or in one group if there are few."""
        for title, rows in options_by_group(self, ctx).items():
            with formatter.section(title):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, and the epilog that click writes."""
        if self.examples:
            with formatter.section("Examples"):
                for line, text in self.examples:
                    for part in _broken(line, formatter.width - formatter.current_indent):
                        formatter.write(f"{'':{formatter.current_indent}}{part}\n")
                    formatter.indent()
                    formatter.write_text(text)
                    formatter.dedent()
        super().format_epilog(ctx, formatter)


_FEW: Final = 10


def _broken(line: str, width: int) -> list[str]:
    """Return a command in lines that a shell reads as one."""
    parts = textwrap.wrap(line, width - 2, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return [f"{part} \\" for part in parts[:-1]] + parts[-1:]


def declare(name: str, *, examples: Sequence[Example], **settings: Any) -> Callable[[Callable[..., Any]], Command]:
    """Declare the command *name* with *examples* of its use."""
    return click.command(name, cls=Command, examples=examples, **settings)


def options_by_group(command: click.Command, ctx: click.Context) -> dict[str, list[tuple[str, str]]]:
    """Return the names and the help of the options of *command* by group; a few options are one group."""
    params = [
        param for param in command.get_params(ctx) if not isinstance(param, click.Argument)
    ]  # the text describes these
    records = [(param, record) for param in params if (record := param.get_help_record(ctx))]
    return _by_group(records) if len(records) > _FEW else {"Options": [record for _, record in records]}


def _by_group(records: Iterable[tuple[click.Parameter, tuple[str, str]]]) -> dict[str, list[tuple[str, str]]]:
    titles = {name: title for title, names in _GROUPS.items() for name in names}
    found: dict[str, list[tuple[str, str]]] = {title: [] for title in (*_GROUPS, "Other")}
    for param, record in records:
        name = next((each for each in param.opts if each.startswith("--")), "")
        found[titles.get(name, "Other")].append(record)
    return {title: rows for title, rows in found.items() if rows}


def loudness_options() -> list[click.Parameter]:
    """Return the options for how much to print; the last on the command line counts, then variables."""
    quiet = _loudness(Loudness.QUIET, "-q", "Print only results, warnings and errors.")
    return [quiet, _loudness(Loudness.VERBOSE, "-v", "Also print requests, decisions and cache use.")]


def _loudness(loudness: Loudness, short: str, text: str) -> click.Option:
    def choose(context: click.Context, param: click.Parameter, wanted: bool) -> None:
        source = context.get_parameter_source(param.name or "")
        if wanted and source is not None:
            set_loudness(loudness, _RANKS.get(source, 0))

    return click.Option(
        [short, f"--{loudness.value}"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        envvar=f"LOCKML_{loudness.name}",
        show_envvar=True,
        callback=choose,
        help=text,
    )


_RANKS: Final = {ParameterSource.COMMANDLINE: 2, ParameterSource.ENVIRONMENT: 1}
