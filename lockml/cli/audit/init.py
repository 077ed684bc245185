"""``lockml audit init``: nothing in; a commented fleet file to begin with out."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Final

from lockml.cli.common.command import declare
from lockml.cli.common.files import read_file, write_files
from lockml.cli.common.options import option
from lockml.cli.common.terminal import note
from lockml.common.errors import InputError

__all__ = ["init"]

_TEMPLATE: Final = Path(__file__).with_name("fleet.toml")


_TABLE: Final = re.compile(r"^\[{1,2}[a-z.]+\]{1,2}$")


@declare(
    "init",
    short_help="Write a commented lockml.toml to begin with.",
    examples=(
        ("lockml audit init", "Write a commented lockml.toml."),
        ("lockml audit init --append", "Add what is missing to a lockml.toml that is there."),
        ("lockml audit init --fleet fleet.toml", "Under another name."),
    ),
)
@option("--fleet", metavar="FILE", default="lockml.toml", show_default=True, help="The file to write; - prints it.")
@option("--append", is_flag=True, help="Add what is missing to a file that is there.")
@option("--force", is_flag=True, help="Write over a file that is there.")
def init(fleet: str, append: bool, force: bool) -> int:
    """Write a commented fleet file: what is audited, when, against which lock, and who is told."""
    text = _TEMPLATE.read_text("utf-8")
    if append:
        return _append(fleet, text)
    if fleet != "-" and Path(fleet).exists() and not force:
        hint = f"add what is missing with `{shlex.join(['lockml', 'audit', 'init', '--append', '--fleet', fleet])}`"
        raise InputError(fleet, "is there already", hint=f"{hint}, or write over it with --force")
    write_files({fleet: text})
    if fleet != "-":
        note(f"{fleet} is written: name your targets in it, then try `lockml audit run`")
    return 0


def _append(fleet: str, template: str) -> int:
    """Add the parts of *template* whose tables the file *fleet* does not have."""
    content = read_file(fleet, hint="`lockml audit init` writes one")
    try:
        text = content.decode("utf-8")
        there = tomllib.loads(text).get("audit", {})
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(fleet, f"is not TOML: {error}", hint="correct it first") from error
    new = "\n\n".join(part for part in _parts(template) if not _has(there, text, part))
    joined = f"{text.rstrip()}\n\n{new}\n".lstrip() if new else text
    try:
        tomllib.loads(joined)
    except tomllib.TOMLDecodeError as error:  # [audit] as an inline table, which nothing can be added to
        hint = "write [audit] as a table of its own, or copy what you need from `lockml audit init --fleet -`"
        raise InputError(fleet, f"cannot be added to: {error}", hint=hint) from error
    if not new:
        note(f"{fleet} has every table already")
        return 0
    write_files({fleet: joined})
    note(f"{fleet} has what was missing: name your targets in it, then try `lockml audit run`")
    return 0


def _parts(template: str) -> list[str]:
    """Return the paragraphs of the template but its head, which speaks of a whole file."""
    return template.strip().split("\n\n")[1:]


def _has(audit: object, text: str, part: str) -> bool:
    """Say whether the table *audit* of *text* has the table that *part* begins, or *text* its commented example."""
    found = next((line for line in part.splitlines() if _TABLE.match(line.removeprefix("# "))), "")
    name = found.removeprefix("# ").strip("[]")
    if not isinstance(audit, dict) or found in text.splitlines():
        return True
    if name == "audit":
        return bool(audit)
    return name.split(".")[1] in audit or (name == "audit.targets.ignore" and "targets" in audit)
