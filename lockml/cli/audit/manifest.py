"""``lockml audit manifest``: print or write the files that run audits in another system."""

import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

import click

from lockml import __version__
from lockml.audit.manifests.fleet_facts import FleetFacts, parse_facts
from lockml.audit.manifests.settings import CONTAINERFILE, INTERVALS, SECRETS, ManifestSettings
from lockml.audit.manifests.systems import MANIFESTS, SERVED, manifest_files
from lockml.cli.common.command import declare
from lockml.cli.common.completion import complete_folders
from lockml.cli.common.files import read_file, write_files
from lockml.cli.common.options import option
from lockml.cli.common.terminal import note, warn
from lockml.cli.init.installation import own_installation
from lockml.common.display import redact
from lockml.common.errors import InputError
from lockml.common.private_files import write_whole

__all__ = ["manifest"]

_MONITORING: Final = files("lockml.audit") / "monitoring"
_MOST: Final = 16 << 20  # bytes of a fleet file


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """The options of one run, as given."""

    system: str
    fleet: str
    every: str
    image: str
    serve: bool
    output: str | None
    force: bool


@declare(
    "manifest",
    short_help="Print the files that run audits in another system.",
    examples=(
        ("lockml audit manifest systemd -o units", "Write a timer, its service, a file for secrets and the steps."),
        ("lockml audit manifest kubernetes --serve", "Print the workers, a scheduler and the pages."),
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
    help=f"The image of lockml, for Kubernetes and Compose; {CONTAINERFILE} builds it.",
)
@option("--serve", is_flag=True, help="Run a service with its own schedules and pages, instead of a run --every.")
@option(
    "--output",
    "-o",
    metavar="DIR",
    shell_complete=complete_folders,
    help="Write the files to this folder instead of printing them.",
)
@option("--force", is_flag=True, help="Replace files that differ, except those that hold your secrets.")
def manifest(**options: object) -> int:
    """Print or write the files that run audits with SYSTEM, and LOCKML-AUDIT.md with the steps to install them.

    A file that exists and differs is replaced only with --force. A file that holds your secrets is never replaced.
    `monitoring` writes alert rules for Prometheus and a dashboard for Grafana.
    """
    return _manifest(_Settings(**options))  # type: ignore[arg-type] # click checked each of them


def _manifest(given: _Settings) -> int:
    system = given.system
    if given.serve and system not in SERVED:
        problem = "is not possible"
        raise InputError(f"--serve with {system}", problem, hint=f"use it with {', '.join(sorted(SERVED))}")
    settings = ManifestSettings(
        fleet=str(Path(given.fleet).absolute()),
        given=os.path.relpath(given.fleet, given.output or "."),
        facts=_facts_of(given.fleet) if system != "monitoring" else FleetFacts(),
        serve=given.serve,
        engine=_engine(),
        monitoring={name: (_MONITORING / name).read_text("utf-8") for name in ("alerts.yaml", "dashboard.json")},
        lockml=shutil.which("lockml") or str(Path(sys.argv[0]).absolute()),
        every=given.every,
        image=given.image,
        installed=own_installation().shell_word("audit"),
    )
    _refuse_structure(system, settings)
    made, missing = manifest_files(system, settings)
    for each in missing:
        warn(each)
    if given.output is not None:
        _write(Path(given.output), made, force=given.force)
        return 0
    for name, text in made.items():
        click.echo(f"# ==> {name} <==\n{text}")
    note("-o DIR writes them as files")
    return 0


def _facts_of(fleet: str) -> FleetFacts:
    """Return what a fleet file names, nothing if it does not exist yet; raises InputError, FleetError."""
    if not Path(fleet).exists():
        return FleetFacts()
    try:
        return parse_facts(read_file(fleet, limit=_MOST).decode("utf-8"), fleet)
    except UnicodeDecodeError as error:
        raise InputError(fleet, "is not UTF-8") from error


def _refuse_structure(system: str, settings: ManifestSettings) -> None:
    """Raise InputError for a name that a system would read as more than a name.

    Control characters and separators of lines (YAML has five) would begin a line; a backslash continues a line of
    systemd and escapes a character of cron; and GitHub replaces ``${{`` before a shell reads the command.
    """
    locks = (entry.lock for entry in settings.facts.entries)
    for name in (settings.fleet, settings.given, settings.lockml, settings.image, settings.facts.store or "", *locks):
        if not name.isprintable():
            raise InputError(f"{name!r}", "has a line break or a control character in it")
        if "\\" in name:
            raise InputError(f"{name!r}", "has a backslash in it, which systems read differently")
        if system == "github" and "${{" in name:
            raise InputError(f"{name!r}", "has ${{ in it, which GitHub replaces")


def _write(folder: Path, made: Mapping[str, str], *, force: bool) -> None:
    """Write the files to *folder*; raises InputError where one exists and differs, unless *force*."""
    kept = [name for name in made if name in SECRETS and os.path.lexists(folder / name)]
    wanted = {name: text for name, text in made.items() if name not in kept}
    differing = [name for name, text in wanted.items() if not force and _differs(folder / name, text)]
    if differing:
        hint = "move them away, choose another folder with -o, or replace them with --force"
        raise InputError(", ".join(str(folder / name) for name in differing), "exists and differs", hint=hint)
    try:
        for name in wanted:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        for name in SECRETS & wanted.keys():
            write_whole(folder / name, wanted[name].encode("utf-8"))
    except OSError as error:
        problem = f"cannot be written to ({error.strerror})"
        raise InputError(str(folder), problem, hint="name another folder with -o") from error
    write_files({str(folder / name): text for name, text in wanted.items()})
    for name in wanted:
        note(f"{folder / name} is written")
    for name in kept:
        lacking = ", ".join(_lacking(folder / name, made[name]))
        note(f"{folder / name} is kept, as it holds your secrets" + (f"; add {lacking} to it" if lacking else ""))


def _differs(file: Path, text: str) -> bool:
    """Say whether *file* exists and is anything but a regular file with that *text*."""
    if not os.path.lexists(file):
        return False
    try:
        return not file.is_file() or file.read_bytes() != text.encode("utf-8")
    except OSError:
        return True


def _lacking(file: Path, text: str) -> Iterable[str]:
    """Return the variables of *text* that a file of secrets does not name."""
    try:
        there = _variables(file.read_text("utf-8", "replace"))
    except OSError:
        there = []
    empty = "\n".join(line for line in text.splitlines() if "''" in line)
    return [name for name in _variables(empty) if name not in there]


def _variables(text: str) -> list[str]:
    """Return the names that a file of secrets in the format of sh or YAML gives values to."""
    lines = (line.strip().removeprefix("export ") for line in text.splitlines())
    found = (re.match(r"(\w+)(?:=|:\s)", line) for line in lines)
    return [match[1] for match in found if match is not None]


def _engine() -> str:
    """Return the address of the engine that the audits ask; raises InputError."""
    engine = os.environ.get("DOCKER_HOST", "")
    plain = engine.isprintable() and not any(each in engine for each in " '\"\\")
    if engine and not (plain and engine.startswith(("unix:///", "tcp://"))):
        raise InputError(f"DOCKER_HOST {redact(engine)!r}", "is not unix:///PATH or tcp://HOST:PORT")
    return engine
