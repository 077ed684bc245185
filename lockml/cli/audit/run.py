"""``lockml audit run``: check every target once."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from lockml.audit.config.model import AuditTarget
from lockml.audit.delivery import check_addresses
from lockml.audit.log import Log
from lockml.audit.model import RunResult
from lockml.audit.runs.auditor import Auditor
from lockml.audit.store.runs import Recorded
from lockml.audit.store.store import Store
from lockml.cli.audit.fleet import (
    FleetOptions,
    fleet_options,
    host_context,
    host_options,
    open_store,
    parse_labels,
    processes_option,
    read_fleet,
)
from lockml.cli.audit.results import FORMATTERS, Done, summary
from lockml.cli.common.command import declare
from lockml.cli.common.completion import complete_targets
from lockml.cli.common.options import option
from lockml.cli.common.terminal import note, progress_line, warn
from lockml.common.errors import InputError, StoreError
from lockml.common.progress import Step

__all__ = ["run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """The options of one run, as given."""

    fleet: str
    store: str | None
    target: tuple[str, ...]
    label: tuple[str, ...]
    processes: int | None
    form: str
    host: str
    cache_dir: Path | None
    state_dir: Path


@declare(
    "run",
    short_help="Check every target once.",
    examples=(
        ("lockml audit run", "Check every target once."),
        ("lockml audit run --target trainer", "Check one of them."),
    ),
)
@fleet_options
@option(
    "--target",
    metavar="NAME",
    multiple=True,
    shell_complete=complete_targets,
    help="Only targets with this name, which may be a glob.",
)
@option("--label", metavar="KEY=VALUE", multiple=True, help="Only targets with this label.")
@processes_option
@option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Output format."
)
@host_options
def run(**options: object) -> int:
    """Check every target of this host once, now, whatever its schedule, and store the findings.

    Prints findings that are new or resolved since the last run, and sends notifications as the fleet file says. Exit
    codes: 0 all in order, 1 drift, 2 wrong usage or input, 4 a target or the store could not be reached.
    """
    return _run(_Settings(**options))  # type: ignore[arg-type] # click checked each of them


def _run(settings: _Settings) -> int:
    options = FleetOptions(fleet=settings.fleet, store=settings.store)
    fleet = read_fleet(options)
    check_addresses(fleet.notify)
    with open_store(options, fleet) as opened:
        context = host_context(settings.host, settings.cache_dir, settings.state_dir, opened)
        auditor = Auditor(fleet, opened, context, Log())
        chosen = _chosen(auditor, settings.target, settings.label)
        count = settings.processes or fleet.processes or len(os.sched_getaffinity(0))
        with suppress(StoreError):
            auditor.flush_spool()  # waiting results are older than those of this run
        done = _do(auditor, chosen, count)
        stored = _finish(auditor)
        waiting = _waiting(opened) if stored else ""
    sys.stdout.write(FORMATTERS[settings.form](done))
    if settings.form == "text":
        sys.stdout.write(waiting)
    elif sys.stderr.isatty():  # cron mails standard error
        note(summary(done))
    codes = {result.exit_code for result, _ in done}
    codes |= {0} if stored and auditor.undiscovered is None else {4}
    return 1 if 1 in codes else max(codes)


def _chosen(auditor: Auditor, patterns: tuple[str, ...], labels: tuple[str, ...]) -> tuple[AuditTarget, ...]:
    every = auditor.host_targets(auditor.now())
    chosen = tuple(each for each in every if each.fits(patterns, parse_labels(labels)))
    if auditor.undiscovered is not None:
        warn(f"{auditor.undiscovered}: containers of the discovery rules were not checked")
    if not chosen and not patterns and not labels and auditor.fleet.discovery:
        note("no running container matches a discovery rule")
    elif not chosen:
        names = ", ".join(each.name for each in every[:20]) or "none"
        raise InputError("the fleet", "no target of this host matches", hint=f"it has {names}")
    return chosen


def _do(auditor: Auditor, targets: Sequence[AuditTarget], processes: int) -> list[Done]:
    done: list[Done] = []
    tick = auditor.now()
    with progress_line() as progress:

        def show(result: RunResult, recorded: Recorded | None) -> None:
            done.append((result, recorded))
            progress(Step(doing="Checked", subject=result.target, done=len(done), total=len(targets)))

        auditor.run_all(targets, tick, processes, show)
    return sorted(done, key=lambda pair: pair[0].target)


def _waiting(store: Store) -> str:
    """Return the line about messages that are not sent yet, "" if there are none."""
    count, due = store.outbox.waiting()
    if not count or due is None:
        return ""
    messages = "message waits" if count == 1 else "messages wait"
    return f"{count} {messages} until {due:%Y-%m-%d %H:%M} UTC or later; the next run sends them\n"


def _finish(auditor: Auditor) -> bool:
    """Store spooled results, send messages that are due, and say whether the store has everything."""
    try:
        auditor.flush_spool()
        for failure in auditor.deliver(paced=False):
            warn(f"{failure}; the next run tries again")
        auditor.prune()
    except StoreError as error:
        warn(f"{error}: the results wait in {auditor.spool.folder}; the next run stores them")
        for lost in auditor.recorder.lost:
            warn(lost)
        return False
    return auditor.spool.is_empty()
