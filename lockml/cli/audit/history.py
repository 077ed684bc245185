"""``lockml audit history``, ``show`` and ``export``: print the runs and findings of a store."""

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click
import msgspec

from lockml.audit.runs.host import utc_now
from lockml.audit.serialize import RunDocument, finding_table
from lockml.audit.store.history import FindingRow, History, RunRow
from lockml.audit.store.store import Store
from lockml.cli.audit.fleet import FleetOptions, fleet_options, open_store
from lockml.cli.common.command import declare
from lockml.cli.common.completion import complete_targets
from lockml.cli.common.options import option
from lockml.cli.common.terminal import note
from lockml.common.display import escape, redact
from lockml.common.errors import NotFoundError

__all__ = ["export", "history", "show"]

_BATCH = 500


@declare(
    "history",
    short_help="List the runs in the store.",
    examples=(
        ("lockml audit history", "List the last runs of all targets."),
        ("lockml audit history trainer", "List those of one target."),
    ),
)
@fleet_options
@option("--target", metavar="NAME", shell_complete=complete_targets, help="Only the runs of this target.")
@option("--limit", type=click.IntRange(1, 10000), default=20, show_default=True, help="The maximum number of runs.")
@option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Output format."
)
def history(fleet: str, store: str | None, target: str | None, limit: int, form: str) -> int:
    """List the last runs, the newest first. Exits 0 even if they found drift."""
    with open_store(FleetOptions(fleet=fleet, store=store), there=True) as opened:
        runs = opened.history.runs(target, limit=limit)
        if target is not None and not runs and opened.targets.one(target) is None:
            names = ", ".join(each.name for each in opened.targets.all()[:20]) or "none"
            raise NotFoundError(f"target {target!r}", "no such target in the store", hint=f"the store has {names}")
    if form == "json":
        click.echo(json.dumps({"schema": "lockml/history/1", "runs": [_run(each) for each in runs]}, indent=2))
        return 0
    if not runs:
        note("no runs yet: `lockml audit run` checks every target")
        return 0
    rows = [("run", "ended (UTC)", "target", "state", "new", "resolved", "findings")]
    rows += [
        (
            str(run.id),
            f"{run.finished:%Y-%m-%d %H:%M:%S}",
            escape(run.target),
            run.state,
            str(run.opened or ""),
            str(run.resolved or ""),
            ", ".join(f"{count} {kind}" for kind, count in run.kinds.items()) or escape(redact(run.error or ""))[:80],
        )
        for run in runs
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[6]]).rstrip())
    return 0


@declare(
    "show",
    short_help="Show the findings of a run.",
    examples=(
        ("lockml audit show 42", "Show the findings of run 42."),
        ("lockml audit show trainer", "Show the findings of the last run of a target."),
    ),
)
@click.argument("run")
@fleet_options
@option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Output format."
)
def show(run: str, fleet: str, store: str | None, form: str) -> int:
    """Show the findings of RUN and all details of its check. Exits 0 even if it found drift.

    RUN is the number of a run, or the name of a target for its last run.
    """
    with open_store(FleetOptions(fleet=fleet, store=store), there=True) as opened:
        found = _run_named(opened.history, run)
        document = opened.history.document(found)
        fingerprints = [each.fingerprint for each in document.findings]
        held = opened.acknowledgements.on(found.target, fingerprints, utc_now())
    if form == "json":
        reasons = {"acknowledged": {key: each.text for key, each in held.items()}}
        table = {"schema": "lockml/run/1", **_run(found), **msgspec.to_builtins(document), **reasons}
        click.echo(json.dumps(table, indent=2))
        return 0
    for line in _lines(found, document, {key: each.text for key, each in held.items()}):
        click.echo(escape(redact(line)))
    return 0


def _run_named(history: History, name: str) -> RunRow:
    """Return the run with this number, or the last run of the target *name*; raises NotFoundError."""
    number = int(name) if name.isascii() and name.isdigit() and len(name) < 19 else None
    found = history.run(number) if number is not None else None
    found = found or history.latest_of(name)
    if found is None:
        problem = "no such run in the store" if number is not None else "no run of such a target in the store"
        raise NotFoundError(f"run {name}", problem, hint="`lockml audit history` lists them")
    return found


def _lines(run: RunRow, document: RunDocument, held: Mapping[str, str]) -> Iterator[str]:
    yield f"run {run.id} of {run.target}: {run.state}"
    yield f"  {run.subject}, at level {run.level}, ended {run.finished:%Y-%m-%d %H:%M:%S} UTC on {run.host}"
    if run.error:
        yield f"  {run.error}"
    for finding in document.findings:
        states = " -> ".join(each for each in (finding.locked, finding.found) if each)
        yield f"  {finding.severity} {finding.kind} {finding.name}{f' {states}' if states else ''}"
        yield f"    {finding.detail}"
        if finding.path:
            yield f"    at  {finding.path}{f' ({finding.origin})' if finding.origin else ''}"
        elif finding.origin:
            yield f"    by  {finding.origin}"
        if finding.fix:
            yield f"    fix {finding.fix}"
        if finding.fingerprint in held:
            yield f"    now {held[finding.fingerprint]}"
    for each in document.accepted:
        yield f"  accepted {each.finding.kind} {each.finding.name}: {each.reason}"
    for unknown in document.unknown:
        yield f"  unknown {', '.join(unknown.kinds)}: {unknown.reason}"


@declare(
    "export",
    short_help="Print all runs or findings.",
    examples=(
        ("lockml audit export > runs.jsonl", "Write all runs, one per line."),
        ("lockml audit export --format csv", "Print them for a spreadsheet."),
    ),
)
@click.argument("what", type=click.Choice(["runs", "findings"]), default="runs")
@fleet_options
@option(
    "--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True, help="Output format."
)
def export(what: str, fleet: str, store: str | None, form: str) -> int:
    """Print every run of the store, or every finding with the times when it opened and was resolved."""
    with open_store(FleetOptions(fleet=fleet, store=store), there=True) as opened:
        rows = _all_runs(opened) if what == "runs" else _all_findings(opened)
        if form == "jsonl":
            for row in rows:
                click.echo(json.dumps(row))
            return 0
        writer = None
        for row in rows:
            flat = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in row.items()}
            if writer is None:
                writer = csv.DictWriter(sys.stdout, list(flat), lineterminator="\n")
                writer.writeheader()
            writer.writerow({key: _cell(value) for key, value in flat.items()})
    return 0


def _cell(value: object) -> object:
    """Return a cell that is neither a formula in a spreadsheet nor a control sequence in a terminal."""
    if not isinstance(value, str):
        return value
    text = escape(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _all_runs(store: Store) -> Iterator[dict[str, Any]]:
    before: int | None = None
    while batch := store.history.runs(limit=_BATCH, before=before):
        yield from map(_run, batch)
        before = batch[-1].id


def _all_findings(store: Store) -> Iterator[dict[str, Any]]:
    before: int | None = None
    while batch := store.history.findings(closed=True, limit=_BATCH, before=before):
        yield from map(_finding, batch)
        before = batch[-1].id


def _run(run: RunRow) -> dict[str, Any]:
    table: dict[str, Any] = msgspec.to_builtins(run)
    return {key: value for key, value in table.items() if key not in ("document", "lock")}


def _finding(row: FindingRow) -> dict[str, Any]:
    table: dict[str, Any] = msgspec.to_builtins(row)
    table.pop("finding")
    return {**table, **finding_table(row.finding)}
