"""``lockml audit manifest``: a fleet file and a system in; the files that schedule audits there out."""

import re
import shutil
import sys
import tomllib
from pathlib import Path

import click

from lockml import __version__
from lockml.audit.manifests import INTERVALS, MANIFESTS, ManifestSettings
from lockml.cli.common.command import declare
from lockml.cli.common.completion import complete_folders
from lockml.cli.common.files import write_files
from lockml.cli.common.options import option
from lockml.cli.common.terminal import note
from lockml.cli.init.installation import own_installation
from lockml.common.errors import InputError

__all__ = ["manifest"]


@declare(
    "manifest",
    short_help="Print what schedules audits elsewhere.",
    examples=(
        ("lockml audit manifest systemd", "Print a service and its timer."),
        ("lockml audit manifest kubernetes", "Print a deployment."),
    ),
)
@click.argument("system", type=click.Choice(list(MANIFESTS)))
@option("--fleet", metavar="FILE", default="lockml.toml", show_default=True, help="The fleet file.")
@option("--every", type=click.Choice(list(INTERVALS)), default="1h", show_default=True, help="How often it runs.")
@option(
    "--image",
    metavar="REF",
    default=f"registry.example/lockml:{__version__}",
    show_default=True,
    help="An image that has lockml with its extras, for Kubernetes and Compose.",
)
@option(
    "--output",
    "-o",
    metavar="DIR",
    shell_complete=complete_folders,
    help="Where the files are written; without it they are printed.",
)
def manifest(system: str, fleet: str, every: str, image: str, output: str | None) -> int:
    """Print the files that schedule audits with SYSTEM: they run what you would type, and need no more than lockml."""
    if any(each in "\n\r\0" for each in fleet + image):
        raise InputError(f"{fleet!r}", "has a line break in it")
    settings = ManifestSettings(
        fleet=str(Path(fleet).absolute()),
        given=fleet,
        variables=_variables_of(fleet),
        lockml=shutil.which("lockml") or str(Path(sys.argv[0]).absolute()),
        every=every,
        image=image,
        installed=own_installation().shell_word("audit"),
    )
    files = MANIFESTS[system](settings)
    if output is None:
        for name, text in files.items():
            click.echo(f"# {name}\n{text}{'---' if name != list(files)[-1] and system == 'kubernetes' else ''}")
        return 0
    try:
        for name in files:
            (Path(output) / name).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(output, f"cannot be a folder ({error.strerror})", hint="name another with -o") from error
    write_files({str(Path(output) / name): text for name, text in files.items()})
    for name in files:
        note(f"{Path(output) / name} is written")
    return 0


def _variables_of(fleet: str) -> tuple[str, ...]:
    """Return the variables that the addresses of a fleet file name, () where there is no such file yet."""
    try:
        audit = tomllib.loads(Path(fleet).read_text("utf-8")).get("audit", {})
        rules = audit.get("notify", [])
        addresses = [audit.get("store", ""), audit.get("broker", ""), *(url for rule in rules for url in rule["urls"])]
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return ()
    found = (name for address in addresses for name in re.findall(r"\$\{?([A-Za-z_]\w*)", str(address)))
    return tuple(dict.fromkeys(found))
