"""``lockml dockerfile check``: show which step of a Dockerfile brought each drift of its image."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from msgspec import Struct

from lockml.cli.check.command import CheckSettings, find_drift
from lockml.cli.common.command import declare
from lockml.cli.common.completion import complete_files
from lockml.cli.common.files import read_file
from lockml.cli.common.options import cache_folder_option, option
from lockml.cli.common.read_lock import read_lock
from lockml.cli.common.subject_options import SubjectOptions, subject_options_of
from lockml.cli.common.terminal import warn
from lockml.cli.dockerfile.context import build_context
from lockml.cli.dockerfile.lint import lint_settings
from lockml.common.errors import InputError
from lockml.docker.analysis import Analysis, Context
from lockml.docker.dockerfile.parse import parse_dockerfile
from lockml.docker.dockerfile.source import Source, decode
from lockml.docker.history.alignment import Alignment, StepPosition, align, instruction_at
from lockml.docker.history.blame import Blame, Blamer, LayeredDrift
from lockml.docker.lint import find_all, lint_dockerfile
from lockml.docker.model import Finding
from lockml.drift.model import LEVELS, Drift, DriftReport, Level
from lockml.report.dockerfile import BlamedDrift, BlamedReport, BlamedStep, format_blamed_json, format_blamed_text
from lockml.subjects.oci.manifests import layer_of

__all__ = ["check"]

_F = TypeVar("_F", bound=Callable[..., Any])
_KINDS: Final = ("container", "image", "registry", "archive", "oci", "compose")
"""The kinds of subjects that know their history."""


class _Options(Struct, frozen=True, kw_only=True):
    """The options of a run, without its subject."""

    lock: str
    level: Level
    context: str | None
    target: str | None
    form: str
    cache_dir: Path
    cache: bool


def _subject_options(command: _F) -> _F:
    return subject_options_of(command, _KINDS)


@declare(
    "check",
    short_help="Show which step of a Dockerfile brought each drift of an image.",
    examples=(
        ("lockml dockerfile check --image train:7", "Show which step of ./Dockerfile brought each drift."),
        ("lockml dockerfile check docker/Dockerfile --container trainer --format json", "Print it as JSON."),
    ),
)
@click.argument("file", default="Dockerfile", shell_complete=complete_files)
@_subject_options
@option("--lock", metavar="FILE", default="pylock.toml", show_default=True, help="Lock file (PEP 751).")
@option(
    "--level",
    type=click.Choice(LEVELS),
    default="files",
    show_default=True,
    help="How much to compare, as in `lockml check`.",
)
@option("--context", metavar="DIR", show_default="the folder of FILE", help="Build context.")
@option("--target", metavar="STAGE", show_default="the last stage", help="Stage that was built.")
@option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Output format."
)
@option("--cache/--no-cache", default=True, show_default=True, help="Cache layers and the hashes of image files.")
@cache_folder_option
def check(file: str, **options: object) -> int:
    """Check an image that was built from FILE, and show which step brought each drift, and which rule finds it.

    lockml finds the steps in the history of the image, as classic builders, BuildKit, Buildah and kaniko write it. It
    marks drift from the base image, and from changes after the container started. Exit codes: 0 success, 1 drift,
    2 wrong usage or input, 4 unreachable or incomplete.
    """
    named = SubjectOptions(**{field: options.pop(field, None) for field in _fields()})  # type: ignore[arg-type]
    given = _Options(**options)  # type: ignore[arg-type]  # click checked each of them
    named.one_of(_KINDS)
    source = decode(read_file(file), file)
    context = build_context(file, given.context, given.lock)
    analysis = Analysis(parse_dockerfile(source), context)
    stage = _stage(analysis, given.target)
    settings = CheckSettings(lock=(given.lock,), level=given.level, cache_dir=given.cache_dir, cache=given.cache)
    reports = find_drift(named, settings)
    based_on = _layers_of_base(given.lock)
    blamed = [_blamed(report, analysis, (stage, based_on), context) for report in reports]
    sys.stdout.write(format_blamed_json(blamed) if given.form == "json" else format_blamed_text(blamed))
    codes = [report.exit_code for report in reports]
    return 1 if 1 in codes else max(codes)


def _fields() -> Iterator[str]:
    yield from (*_KINDS, "project", "environment")


def _stage(analysis: Analysis, target: str | None) -> int:
    """Return the number of the stage to build; raises InputError."""
    name = analysis.source.name
    if not analysis.stages:
        raise InputError(name, "has no FROM")
    if target is None:
        return len(analysis.stages) - 1
    for stage in analysis.stages:
        if target.lower() == stage.name or target == str(stage.number):
            return stage.number
    names = ", ".join(stage.name or str(stage.number) for stage in analysis.stages)
    raise InputError(f"--target {target!r}", f"{name} has no such stage", hint=f"stages: {names}")


def _layers_of_base(lock: str) -> int:
    base = read_lock(lock).base_image
    return len(base.layers) if base is not None else 0


def _blamed(report: DriftReport, analysis: Analysis, built: tuple[int, int], context: Context) -> BlamedReport:
    """Return *report* with the steps of its drifts; *built* is the stage, and the number of locked base layers."""
    stage, based_on = built
    on_base = not any(each.kind == "base-image" for each in report.drifts)
    alignment = align(analysis, stage, report.subject.history, based_on if on_base else 0)
    _warn_of_another(report, analysis.source, alignment)
    findings = find_all(analysis)
    counted = _counted(analysis.source, context)
    blamer = Blamer(analysis, alignment, stage, findings)
    drifts = (_with_steps(each, blamer.blame(_layered(each)), analysis, counted) for each in report.drifts)
    return BlamedReport(report=report, source=analysis.source, drifts=tuple(drifts))


def _counted(source: Source, context: Context) -> frozenset[tuple[str, int]]:
    """Return (code, offset) of the findings that neither a comment nor the configuration ignores."""
    findings: tuple[Finding, ...] = lint_dockerfile(source, context, lint_settings(()))
    return frozenset((each.code, each.start) for each in findings)


def _warn_of_another(report: DriftReport, source: Source, alignment: Alignment) -> None:
    if not report.subject.history:
        warn(f"{report.subject} does not record its build steps")
    elif not alignment.places and alignment.line:
        warn(f"{report.subject} was not built from {source.name}: its history has none of its steps")


def _layered(drift: Drift) -> LayeredDrift:
    layer = layer_of(drift.origin) if drift.origin is not None else None
    return LayeredDrift(kind=drift.kind, name=drift.name, path=drift.path, origin=drift.origin, layer=layer)


def _with_steps(drift: Drift, blame: Blame, analysis: Analysis, counted: frozenset[tuple[str, int]]) -> BlamedDrift:
    return BlamedDrift(
        drift=drift,
        steps=tuple(_step(analysis, position) for position in blame.places),
        through=tuple(_step(analysis, position) for position in blame.through),
        reason=blame.reason,
        rules=tuple((each.code, (each.code, each.start) not in counted) for each in blame.rules),
    )


def _step(analysis: Analysis, position: StepPosition) -> BlamedStep:
    stage = analysis.stages[position.stage]
    return BlamedStep(stage=stage.name or str(stage.number), instruction=instruction_at(analysis, position))
