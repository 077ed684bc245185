"""``lockml check``: compare a subject with a lock."""

import gc
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, get_args

import click
from msgspec import Struct
from msgspec.structs import replace

from lockml.cli.check.formats import FORMATS, format_reports
from lockml.cli.check.policy import ignore_rules, read_baseline
from lockml.cli.common.command import declare
from lockml.cli.common.completion import complete_codes, complete_locks, complete_subjects
from lockml.cli.common.files import read_file
from lockml.cli.common.lock_options import choice_options, take_choice
from lockml.cli.common.options import believed_cache, cache_folder_option, declared_host, host_options, option
from lockml.cli.common.read_lock import read_lock
from lockml.cli.common.subject_options import SubjectOptions, subject_options
from lockml.cli.common.terminal import progress_line
from lockml.common.errors import InputError
from lockml.common.progress import Progress, silent
from lockml.drift.compare import best_level, compare
from lockml.drift.model import LEVELS, DriftReport, Level, Remark
from lockml.drift.policy import accept_baseline, apply_rules, require_verified
from lockml.drift.proof import proof_of
from lockml.drift.verdicts import Verdicts
from lockml.index.accelerators.model import NOTHING_DECLARED, Declared
from lockml.inventory.collect import take_inventory
from lockml.inventory.distributions import with_descriptions
from lockml.inventory.environment.accelerator import with_host
from lockml.inventory.model import LimitCode
from lockml.inventory.pip_freeze import parse_frozen
from lockml.lock.model import Choice, Lock
from lockml.subjects.model import ReadOptions
from lockml.subjects.open import SubjectName, engine_of_environment, open_subject, with_cached_digests
from lockml.subjects.recompile.compare import comparing, new_salt

__all__ = ["CheckSettings", "command", "find_drift"]

_LOCK: Final = "pylock.toml"


class CheckSettings(Struct, frozen=True, kw_only=True):
    """The options of a run, without its subject."""

    lock: tuple[str, ...]
    level: Level | None
    cache_dir: Path
    cache: bool
    bytecode_seconds: float = 2.0
    format: str = "text"
    full: bool = False
    baseline: str | None = None
    exec: str | None = None
    strict: str | None = None
    require_verified: bool = False
    choice: Choice = Choice()
    declared: Declared = NOTHING_DECLARED
    progress: Progress = silent


@declare(
    "check",
    short_help="Compare a container, image or folder with the lock.",
    examples=(
        ("lockml check container:trainer", "Compare a running container with pylock.toml."),
        ("lockml check image:train:7 --lock uv.lock --level files", "Compare every file of an image."),
    ),
)
@click.argument("subject", required=False, metavar="[KIND:NAME]", shell_complete=complete_subjects)
@subject_options
@option(
    "--lock",
    metavar="[PREFIX=|SERVICE=]FILE",
    multiple=True,
    show_default=_LOCK,
    shell_complete=complete_locks,
    help="Lock file; - reads standard input. For several environments, give each lock with a prefix, PREFIX=FILE; "
    "with --compose, each with the name of its service.",
)
@choice_options
@option(
    "--level",
    type=click.Choice(LEVELS),
    show_default="artifacts; names for --freeze and locks of other tools",
    help="names: versions and sources.  artifacts: also that each package is the locked wheel.  "
    "files: also every file that Python can import.",
)
@option("--format", type=click.Choice(FORMATS), default="text", show_default=True, help="Output format.")
@option("--full", is_flag=True, help="List every drift, including large groups and accepted drifts.")
@option(
    "--exec",
    metavar="PYTHON",
    help="Run a small program with this Python (python3) in the container, and trust its output. Only for containers "
    "that cannot be inspected otherwise, and for the levels names and artifacts.",
)
@option(
    "--strict",
    is_flag=False,
    flag_value="all",
    metavar="[CODE,...]",
    shell_complete=complete_codes(get_args(LimitCode)),
    help=f"Exit 4 if the report has this limit, or any limit without a code. Codes: {', '.join(get_args(LimitCode))}.",
)
@option(
    "--require-verified",
    is_flag=True,
    help="Exit 4 if a locked package is not verified: run `lockml verify` first.",
)
@option(
    "--bytecode-seconds",
    type=click.FloatRange(min=0),
    default=2.0,
    show_default=True,
    help="With --level files: how long to compare compiled modules that are newer than their sources with the output "
    "of a Python on this machine.",
)
@host_options
@option("--cache/--no-cache", default=True, show_default=True, help="Cache layers and the hashes of image files.")
@cache_folder_option
@option("--baseline", metavar="FILE", help="Earlier report (--format json): only new drift counts.")
def command(**options: object) -> int:
    """Compare a container, image, process or folder with the lock, and report every difference.

    Name the subject as KIND:NAME, such as container:trainer, image:REF or compose:FILE:SERVICE, or with an option. A
    bare name is a container.

    lockml runs and changes nothing in the subject (except with --exec), and needs no network (except with --registry).
    It reads from the container engine at DOCKER_HOST. To accept a difference, add an [[tool.lockml.ignore]] table
    with a reason to the configuration. Exit codes: 0 no drift, 1 drift, 2 wrong usage or input, 4 unreachable or
    incomplete.
    """
    named = {field: options.pop(field) for field in SubjectOptions.__struct_fields__}
    subject, choice = options.pop("subject"), take_choice(options)
    declared = declared_host(options.pop("driver"), options.pop("gpu"))  # type: ignore[arg-type]
    # click has checked each of them
    asked = SubjectOptions(**named).with_subject(subject)  # type: ignore[arg-type]
    return _run(CheckSettings(**options, choice=choice, declared=declared), asked)  # type: ignore[arg-type]


def _run(settings: CheckSettings, named: SubjectOptions) -> int:
    reports = find_drift(named, settings)
    sys.stdout.write(format_reports(settings.format, reports, full=settings.full))
    codes = [report.exit_code for report in reports]
    return 1 if 1 in codes else max(codes)


def find_drift(named: SubjectOptions, settings: CheckSettings) -> list[DriftReport]:
    """Return a report for each environment, with the drifts that the configuration accepts apart.

    Raises InputError, UnreachableError.
    """
    gc.disable()  # makes no garbage cycles; looking for some among so many small objects takes a tenth of the time
    rules = ignore_rules()
    known = read_baseline(settings.baseline) if settings.baseline is not None else frozenset()
    strict = _strict(settings.strict)
    started = datetime.now(UTC)
    with progress_line() as progress:
        reports = _reports(named, replace(settings, progress=progress))
    ended = datetime.now(UTC)
    today = ended.date()
    reports = [replace(each, strict=strict, started=_stated(started), ended=_stated(ended)) for each in reports]
    if settings.require_verified:
        if any(report.level == "names" for report in reports):
            raise InputError("--require-verified", "needs --level artifacts or files")
        reports = [require_verified(each) for each in reports]
    reports = [accept_baseline(apply_rules(each, rules, today), known, settings.baseline or "") for each in reports]
    return [_without_checked(each, reports) for each in reports]


def _reports(named: SubjectOptions, settings: CheckSettings) -> list[DriftReport]:
    """Return a report for each environment; raises InputError, UnreachableError."""
    subject = named.one
    if subject.kind != "compose":
        return list(_compared(subject, settings, _locks(settings.lock or (_LOCK,), named.environment, settings.choice)))
    from lockml.cli.check.services import select_services
    from lockml.subjects.engine.compose import read_project

    project = read_project((subject.name, *subject.files), subject.project)
    checks, left_out = select_services(engine_of_environment(), project, settings.lock, _LOCK)
    reports = [
        report
        for each in checks
        for report in _compared(each.subject, settings, _locks(each.locks, named.environment, settings.choice))
    ]
    unlocked_services = (Remark(subject=name, text="this service has no lock and was not checked") for name in left_out)
    return [replace(reports[0], remarks=(*unlocked_services, *reports[0].remarks)), *reports[1:]]


def _stated(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S.}{time.microsecond // 1000:03}Z"


def _without_checked(report: DriftReport, reports: Sequence[DriftReport]) -> DriftReport:
    """Return *report* with those of the other environments that have no report of their own."""
    checked = {each.environment.prefix for each in reports if each.subject == report.subject}
    return replace(report, others=tuple(prefix for prefix in report.others if prefix not in checked))


def _strict(given: str | None) -> frozenset[LimitCode]:
    """Return the codes of the limits that are not allowed; raises InputError for an unknown code."""
    if given is None:
        return frozenset()
    codes = get_args(LimitCode)
    named = codes if given in ("all", "") else [each.strip() for each in given.split(",")]
    unknown = [each for each in named if each not in codes]
    if unknown:
        raise InputError(f"--strict {given!r}", f"{unknown[0]!r} is not a limit", hint=f"limits: {', '.join(codes)}")
    return frozenset(named)


def _locks(given: tuple[str, ...], environment: str | None, choice: Choice) -> list[tuple[str | None, str, Lock]]:
    """Return the prefix, the file and the lock of each environment to check; raises InputError."""
    found: list[tuple[str | None, str, Lock]] = []
    for each in given:
        prefix, equals, file = each.partition("=") if each.startswith("/") else ("", "", each)
        if not equals:
            found.append((environment, each, read_lock(each, choice)))
        else:
            found.append((prefix, file, read_lock(file, choice)))
    prefixes = [prefix for prefix, _, _ in found]
    if len(set(prefixes)) != len(prefixes):
        hint = "give each the prefix of its environment: --lock /opt/venv=pylock.toml"
        raise InputError("--lock", "several locks for one environment", hint=hint)
    if len(found) > 1 and environment is not None:
        raise InputError("--environment", "cannot be used with several locks", hint="each lock names its environment")
    return found


def _compared(
    subject: SubjectName, settings: CheckSettings, locks: Sequence[tuple[str | None, str, Lock]]
) -> Iterator[DriftReport]:
    level = settings.level
    if subject.kind == "freeze":
        if level not in (None, "names"):
            raise InputError(
                f"--level {level}", "a list of packages cannot prove bytes", hint="check it with --level names"
            )
        for _, file, lock in locks:
            frozen = replace(parse_frozen(read_file(subject.name), subject.name), declared=settings.declared)
            yield compare(lock, frozen, level="names", file=file)
        return
    if settings.exec is not None:
        yield from _reports_of_program(subject, settings, locks)
        return
    platforms = dict.fromkeys(str(target.platform) for _, _, lock in locks for target in lock.targets)
    files = level == "files"
    cache = believed_cache(settings.cache_dir) if settings.cache else None
    options = ReadOptions(
        platforms=tuple(platforms) or ReadOptions().platforms, hashed=files, cache=cache, progress=settings.progress
    )
    with (
        open_subject(subject, options) as opened,
        with_cached_digests(opened, cache if files else None, settings.progress) as tree,
    ):
        for prefix, file, lock in locks:
            chosen = prefix or opened.prefix
            verdicts = Verdicts(lock)
            code = comparing(settings.bytecode_seconds, cache)
            proof = proof_of(lock, file, compare=code, salt=new_salt(), verdicts=verdicts)
            proof = replace(proof, progress=settings.progress)
            inventory = take_inventory(tree, opened.subject, opened.runtime, prefix=chosen, files=files, proof=proof)
            inventory = replace(with_host(inventory, tree), declared=settings.declared)
            if settings.format == "cyclonedx":
                inventory = with_descriptions(tree, inventory)
            yield compare(lock, inventory, level=level or best_level(lock), file=file, verdicts=verdicts)


def _reports_of_program(
    subject: SubjectName, settings: CheckSettings, locks: Sequence[tuple[str | None, str, Lock]]
) -> Iterator[DriftReport]:
    """Compare the lock with what a program in the container reports."""
    level = settings.level
    if subject.kind != "container":
        raise InputError("--exec", f"needs --container, not --{subject.kind}")
    if level == "files":
        raise InputError("--exec", "cannot prove files: the program that would read them is one of them")
    if len(locks) > 1 or locks[0][0] is not None:
        raise InputError(
            "--exec", "reports on the environment of its own Python", hint="name that: --exec /opt/venv/bin/python3"
        )
    from lockml.subjects.probe import probe_container

    ((_, file, lock),) = locks
    client = engine_of_environment().address.client
    inventory = replace(probe_container(client, subject.name, settings.exec or ""), declared=settings.declared)
    report = compare(lock, inventory, level=level or best_level(lock), file=file)
    text = "a program inside the container reported this: it says what the container wants it to say"
    yield replace(report, remarks=(Remark(subject="--exec", text=text), *report.remarks))
