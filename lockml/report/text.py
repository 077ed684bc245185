"""A `DriftReport` in, text for a person out: the verdict, each drift with its remedy, then how far the proof goes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from lockml.display import escape, redact
from lockml.drift.model import Drift, DriftReport, Remark
from lockml.inventory.model import FileSurvey

__all__ = ["format_text"]

_COLOURS: Final = {"red": "31;1", "green": "32;1", "yellow": "33;1", "dim": "2"}
_CLAIMS: Final = {
    "names": "locked packages are installed in their locked version",
    "artifacts": "locked packages are proven to be the locked wheels (RECORD)",
    "files": "locked packages have every file as their wheel says",
}
_BASES: Final = {
    "lock": "by the lock",
    "RECORD": "only by the RECORD of what the lock does not prove",
    "dpkg": "by Debian's package lists",
    "apk": "by Alpine's package list",
    "conda": "by conda's package lists",
    "layer": "by the layer that brought Python",
    "bytecode": "compiled modules by their sources",
}
_Paint = Callable[[str, str], str]


def format_text(report: DriftReport, *, colour: bool = False) -> str:
    """Return the report; foreign text in it is escaped, *colour* adds terminal colours."""
    paint: _Paint = _paint if colour else lambda text, _: text
    paragraphs = [
        [_headline(report, paint)],
        *([*_drift_lines(drift, paint)] for drift in report.drifts),
        [*_problem_lines(report, paint)],
        [*_proof_lines(report)],
        [*_closing_lines(report)],
    ]
    return "\n\n".join("\n".join(lines) for lines in paragraphs if lines) + "\n"


def _paint(text: str, colour: str) -> str:
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def _headline(report: DriftReport, paint: _Paint) -> str:
    subject = escape(str(report.subject))
    if report.drifts:
        counted = ", ".join(f"{count} {kind}" for kind, count in report.kinds.items())
        verdict = paint(f"drift from {escape(report.lock)}: {counted}", "red")
    elif report.complete:
        verdict = paint(f"in order, as locked in {escape(report.lock)}", "green")
    else:
        verdict = paint("incomplete, so not known to be in order", "yellow")
    return f"{subject}: {verdict}"


def _drift_lines(drift: Drift, paint: _Paint) -> Iterator[str]:
    yield f"  {paint(drift.kind, 'red')} {escape(drift.name)}: {escape(_states(drift))}"
    yield f"    {escape(redact(drift.detail))}"
    if drift.path is not None:
        since = f" ({escape(drift.origin)})" if drift.origin is not None else ""
        yield f"    {paint('at', 'dim')}  {escape(drift.path)}{since}"
    yield f"    {paint('fix', 'dim')} {escape(drift.fix)}"


def _states(drift: Drift) -> str:
    if drift.kind == "unattributed-file" or (drift.locked is None and drift.kind in ("bytecode", "shadowed")):
        return "not locked"
    locked = f"locked {_short(drift.locked)}" if drift.locked is not None else "not locked"
    gone = "not there" if drift.kind in ("modified", "removed-file") else "not installed"
    return f"{locked}, {f'found {_short(drift.found)}' if drift.found is not None else gone}"


def _short(value: str) -> str:
    """Return a digest with as much of it as a person compares."""
    algorithm, colon, digest = value.partition(":")
    return f"{algorithm}:{digest[:12]}…" if colon and len(digest) > 12 else value


def _coverage_lines(survey: FileSurvey, coverage: Mapping[str, int]) -> Iterator[str]:
    share = 100 * survey.as_owned / survey.total if survey.total else 100.0
    shown = f"{share:.2f}" if share < 99.995 or survey.as_owned == survey.total else "99.99"
    yield f"  coverage  {survey.as_owned} of {survey.total} files under the import path are accounted for ({shown} %)"
    told = [f"{coverage[basis]} {words}" for basis, words in _BASES.items() if basis in coverage]
    if told:
        yield f"    {', '.join(told)}"
    for folder, reason in survey.unproven:
        yield f"    {escape(folder)}: {escape(reason)}"
    for folder in survey.application:
        yield f"    {escape(folder)}: what is there is the application's own, and no lock can prove it"
    for remark in survey.remarks:
        yield f"    {escape(remark)}"


def _problem_lines(report: DriftReport, paint: _Paint) -> Iterator[str]:
    if report.problems:
        yield paint("Could not be told:", "yellow")
    for problem in report.problems:
        yield f"  {escape(problem.path)}: {escape(problem.reason)}"


def _proof_lines(report: DriftReport) -> Iterator[str]:
    environment = report.environment
    platform = f"{environment.machine or 'an unknown processor'}, {environment.libc or 'an unknown C library'}"
    yield f"Checked {escape(environment.prefix)}: Python {escape(environment.python)} on {platform}"
    for result in report.levels:
        yield f"  {result.level:9} {result.matched} of {result.total} {_CLAIMS[result.level]}"
    if report.files is not None:
        yield from _coverage_lines(report.files, report.coverage)
    if report.unprovable:
        yield "Cannot be proven, which is no drift:"
        yield from _remark_lines(report.unprovable)
    if report.told:
        yield "Told, not counted as drift:"
        yield from _remark_lines(report.told)
    if report.others:
        yield f"Other environments there, not checked (see --environment): {escape(', '.join(report.others))}"


def _remark_lines(remarks: Sequence[Remark]) -> Iterator[str]:
    for remark in remarks:
        yield f"  {remark.name} {escape(remark.version)}: {escape(redact(remark.text))}"


def _closing_lines(report: DriftReport) -> Iterator[str]:
    """Say what mends for good: a container that is mended by hand differs from its image."""
    if report.drifts and report.subject.kind == "container":
        yield "For good: build the image from the locked requirements.txt and start the container anew from it."
