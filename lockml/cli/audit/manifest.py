"""``lockml audit manifest``: a fleet file and a system in; the files that schedule audits there out."""

import os
import re
import shutil
import sys
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Final

import click

from lockml import __version__
from lockml.audit.manifest_notes import CONTAINERFILE, INTERVALS, FleetEntry, ManifestSettings
from lockml.audit.manifests import MANIFESTS, SERVED, manifest_files
from lockml.cli.common.command import declare
from lockml.cli.common.completion import complete_folders
from lockml.cli.common.files import write_files
from lockml.cli.common.options import option
from lockml.cli.common.terminal import note, warn
from lockml.cli.init.installation import own_installation
from lockml.common.display import redact
from lockml.common.errors import InputError
from lockml.subjects.open import KINDS

__all__ = ["manifest"]

_MONITORING: Final = files("lockml.audit") / "monitoring"


@declare(
    "manifest",
    short_help="Print what schedules audits elsewhere.",
    examples=(
        ("lockml audit manifest systemd -o units", "Write a timer, what it starts, a file for secrets and a README."),
        ("lockml audit manifest kubernetes --serve", "Print workers, a scheduler and the pages."),
    ),
)
@click.argument("system", type=click.Choice(list(MANIFESTS)))
@option("--fleet", metavar="FILE", default="lockml.toml", show_default=True, help="The fleet file.")
@option("--every", type=click.Choice(list(INTERVALS)), default="1h", show_default=True, help="How often it runs.")
@option(
    "--image",
    metavar="REF",
    default=f"lockml:{__version__}",
    show_default=True,
    help=f"The image of lockml that {CONTAINERFILE} builds, for Kubernetes and Compose.",
)
@option("--serve", is_flag=True, help="A service with its own schedules and pages, in place of a run --every.")
@option(
    "--output",
    "-o",
    metavar="DIR",
    shell_complete=complete_folders,
    help="Where the files are written; without it they are printed.",
)
def manifest(system: str, fleet: str, every: str, image: str, serve: bool, output: str | None) -> int:
    """Print or write the files that schedule audits with SYSTEM, with a README that has the steps to install them.

    They run what you would type, and need no more than lockml. `monitoring` is for Prometheus and Grafana.
    """
    if serve and system not in SERVED:
        raise InputError(f"--serve with {system}", "is not possible", hint=f"use it with {', '.join(sorted(SERVED))}")
    if any(each in "\n\r\0" for each in fleet + image):
        raise InputError(f"{fleet!r}", "has a line break in it")
    settings = ManifestSettings(
        fleet=str(Path(fleet).absolute()),
        given=fleet,
        variables=_variables_of(fleet),
        entries=_entries_of(fleet),
        serve=serve,
        engine=_engine(),
        embedded=_is_embedded(fleet),
        monitoring={name: (_MONITORING / name).read_text("utf-8") for name in ("alerts.yaml", "dashboard.json")},
        lockml=shutil.which("lockml") or str(Path(sys.argv[0]).absolute()),
        every=every,
        image=image,
        installed=own_installation().shell_word("audit"),
    )
    made, missing = manifest_files(system, settings)
    for each in missing:
        warn(each)
    if output is None:
        for name, text in made.items():
            click.echo(f"# ==> {name} <==\n{text}")
        note("-o DIR writes them as files")
        return 0
    try:
        for name in made:
            (Path(output) / name).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(output, f"cannot be a folder ({error.strerror})", hint="name another with -o") from error
    write_files({str(Path(output) / name): text for name, text in made.items()})
    for name in made:
        note(f"{Path(output) / name} is written")
    return 0


def _engine() -> str:
    """Return where the engine is that the audits are to ask; raises InputError."""
    engine = os.environ.get("DOCKER_HOST", "")
    if engine and not (engine.startswith(("unix:///", "tcp://")) and engine.isprintable() and " " not in engine):
        raise InputError(f"DOCKER_HOST {redact(engine)!r}", "is not unix:///PATH or tcp://HOST:PORT")
    return engine


def _is_embedded(fleet: str) -> bool:
    """Say whether a fleet file keeps its runs in a file of its machine; False where there is no such file yet."""
    try:
        store = tomllib.loads(Path(fleet).read_text("utf-8"))["audit"].get("store", "sqlite:")
        return str(store).startswith("sqlite:")
    except (OSError, ValueError, KeyError, AttributeError):
        return False


def _entries_of(fleet: str) -> tuple[FleetEntry, ...]:
    """Return the targets that a fleet file names, () where there is no such file yet."""
    try:
        tables = tomllib.loads(Path(fleet).read_text("utf-8")).get("audit", {}).get("targets", [])
        found = [(table, kind) for table in tables for kind in KINDS if kind in table]
        return tuple(
            FleetEntry(
                name=str(table.get("name", "")), kind=kind, subject=str(table[kind]), lock=str(table.get("lock", ""))
            )
            for table, kind in found
        )
    except (OSError, ValueError, AttributeError, TypeError):
        return ()


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
