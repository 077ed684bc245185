"""``lockml inventory``: a subject in; what is installed in it out."""

import json
import sys

import click

from lockml.cli.common.command import declare
from lockml.cli.common.completion import complete_subjects
from lockml.cli.common.options import option
from lockml.cli.common.subject_options import parse_subject
from lockml.cli.common.terminal import progress_line
from lockml.common.display import escape, redact
from lockml.inventory.collect import take_inventory
from lockml.inventory.model import InstalledDistribution, Inventory
from lockml.inventory.proof import Proof
from lockml.subjects.model import ReadOptions
from lockml.subjects.open import open_subject

__all__ = ["command"]

_SCHEMA = "lockml/inventory/1"


@declare(
    "inventory",
    short_help="Tell what is installed in a container, an image or a folder.",
    examples=(
        ("lockml inventory container:trainer", "What is installed in a running container."),
        ("lockml inventory image:train:7 --format json", "In an image, for a program to read."),
    ),
)
@click.argument("subject", metavar="KIND:NAME", shell_complete=complete_subjects)
@option("--environment", metavar="PREFIX", show_default="that of its python", help="The Python environment in it.")
@option("--platform", metavar="OS/ARCH", default="linux/amd64", show_default=True, help="Which of several images.")
@option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to tell.")
def command(subject: str, environment: str | None, platform: str, form: str) -> int:
    """Tell what is installed, where, by whom and from where; nothing of the subject is run.

    KIND is container, image, registry, archive, oci, compose, path or pid, as the options of `lockml check`.
    Exit codes: 0 told, 2 wrong usage or input, 4 not reachable or incomplete.
    """
    asked = parse_subject(subject)
    with (
        progress_line() as progress,
        open_subject(asked, ReadOptions(platforms=(platform,), progress=progress)) as opened,
    ):
        prefix, proof = environment or opened.prefix, Proof(progress=progress)
        inventory = take_inventory(opened.tree, opened.subject, opened.runtime, prefix=prefix, proof=proof)
    sys.stdout.write(_json(inventory) if form == "json" else _text(inventory))
    return 4 if inventory.problems else 0


def _text(inventory: Inventory) -> str:
    environment = inventory.environment
    platform = f"{environment.machine or 'an unknown processor'}, {environment.libc or 'an unknown C library'}"
    lines = [f"{inventory.subject}: {environment.prefix}, Python {environment.python_text} on {platform}"]
    width = max((len(f"{each.name} {each.version}") for each in environment.distributions), default=0)
    for each in environment.distributions:
        lines.append(f"  {f'{each.name} {each.version}':{width}}  {_source(each)}, {each.site_folder}")
    lines += [f"could not be read: {problem.path}: {problem.reason}" for problem in inventory.problems]
    if inventory.others:
        lines.append(f"other environments: {', '.join(inventory.others)}")
    return "".join(f"{escape(redact(line))}\n" for line in lines)


def _source(each: InstalledDistribution) -> str:
    if each.owner is not None:
        return each.owner
    if each.source is not None:
        return f"{'editable, ' if each.editable else ''}from {each.source.url}"
    return f"by {each.installer or 'an unknown installer'}"


def _json(inventory: Inventory) -> str:
    environment = inventory.environment
    subject = inventory.subject
    document = {
        "schema": _SCHEMA,
        "subject": {"kind": subject.kind, "name": subject.name, "details": dict(subject.details)},
        "complete": not inventory.problems,
        "environment": {
            "prefix": environment.prefix,
            "python": environment.python_text,
            "machine": environment.machine,
            "libc": str(environment.libc) if environment.libc is not None else None,
            "import-path": list(environment.site_folders),
        },
        "distributions": [
            {
                "name": each.name,
                "version": each.version,
                "path": each.folder,
                "installer": each.installer,
                "owner": each.owner,
                "url": redact(each.source.url) if each.source is not None else None,
                "editable": each.editable,
            }
            for each in environment.distributions
        ],
        "others": list(inventory.others),
        "problems": [{"path": problem.path, "reason": problem.reason} for problem in inventory.problems],
    }
    return json.dumps(document, indent=2) + "\n"
