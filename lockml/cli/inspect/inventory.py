"""``lockml inventory``: list what is installed in a subject."""

import sys
from collections.abc import Callable
from typing import Final

import click

from lockml.cli.common.command import declare
from lockml.cli.common.completion import complete_subjects
from lockml.cli.common.options import option
from lockml.cli.common.subject_options import parse_subject
from lockml.cli.common.terminal import progress_line
from lockml.inventory.collect import take_inventory
from lockml.inventory.distributions import with_descriptions
from lockml.inventory.model import Inventory
from lockml.inventory.proof import Proof
from lockml.report.inventory.json import format_json
from lockml.report.inventory.text import format_text
from lockml.subjects.model import ReadOptions
from lockml.subjects.open import open_subject

__all__ = ["command"]


def _markdown(inventory: Inventory) -> str:
    from lockml.report.inventory.markdown import format_markdown

    return format_markdown(inventory)


def _html(inventory: Inventory) -> str:
    from lockml.report.inventory.html import format_html

    return format_html(inventory)


def _sarif(inventory: Inventory) -> str:
    from lockml.report.inventory.sarif import format_sarif

    return format_sarif(inventory)


def _junit(inventory: Inventory) -> str:
    from lockml.report.inventory.junit import format_junit

    return format_junit(inventory)


def _cyclonedx(inventory: Inventory) -> str:
    from lockml.cli.common.report_time import report_time
    from lockml.report.cyclonedx import format_bill

    return format_bill(inventory, time=report_time())


_FORMATTERS: Final[dict[str, Callable[[Inventory], str]]] = {
    "text": format_text,
    "json": format_json,
    "sarif": _sarif,
    "junit": _junit,
    "markdown": _markdown,
    "html": _html,
    "cyclonedx": _cyclonedx,
}


@declare(
    "inventory",
    short_help="List what is installed in a container, image or folder.",
    examples=(
        ("lockml inventory container:trainer", "List what is installed in a running container."),
        ("lockml inventory image:train:7 --format cyclonedx", "Make a bill of materials of an image."),
    ),
)
@click.argument("subject", metavar="KIND:NAME", shell_complete=complete_subjects)
@option("--environment", metavar="PREFIX", show_default="that of its python command", help="Python environment to use.")
@option(
    "--platform",
    metavar="OS/ARCH",
    default="linux/amd64",
    show_default=True,
    help="Which image of a multi-platform one to use.",
)
@option(
    "--format", "form", type=click.Choice(tuple(_FORMATTERS)), default="text", show_default=True, help="Output format."
)
def command(subject: str, environment: str | None, platform: str, form: str) -> int:
    """List the installed packages with their place, installer and source, without running anything in the subject.

    KIND is container, image, registry, archive, oci, compose, path or pid, like the options of `lockml check`.
    Exit codes: 0 success, 2 wrong usage or input, 4 unreachable or incomplete.
    """
    asked = parse_subject(subject)
    with (
        progress_line() as progress,
        open_subject(asked, ReadOptions(platforms=(platform,), progress=progress)) as opened,
    ):
        prefix, proof = environment or opened.prefix, Proof(progress=progress)
        inventory = take_inventory(opened.tree, opened.subject, opened.runtime, prefix=prefix, proof=proof)
        if form == "cyclonedx":
            inventory = with_descriptions(opened.tree, inventory)
    sys.stdout.write(_FORMATTERS[form](inventory))
    return 4 if inventory.problems else 0
