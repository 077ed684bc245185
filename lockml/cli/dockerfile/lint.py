"""``lockml dockerfile lint``: lint Dockerfiles and Compose files, and fix them."""

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
from msgspec import Struct

from lockml.cli.common.command import declare
from lockml.cli.common.completion import complete_codes, complete_files
from lockml.cli.common.config import configured_table
from lockml.cli.common.files import read_file
from lockml.cli.common.options import option
from lockml.cli.common.terminal import note
from lockml.cli.dockerfile.context import build_context, named_images, write_texts
from lockml.common.display import escape
from lockml.common.errors import InputError
from lockml.docker.dockerfile.source import Source, decode, is_compose
from lockml.docker.fix import fix_dockerfile
from lockml.docker.formats.machine import format_github, format_json, format_sarif
from lockml.docker.formats.text import counts, format_text, without_logins
from lockml.docker.lint import Settings, lint_dockerfile
from lockml.docker.model import SEVERITIES, Finding
from lockml.docker.rules.registry import RULES

__all__ = ["lint", "lint_settings"]

_PATTERNS: Final = (
    *("Dockerfile", "Dockerfile.*", "*.Dockerfile", "*.dockerfile", "Containerfile", "Containerfile.*"),
    *("compose.yaml", "compose.yml", "compose.*.yaml", "docker-compose.yml", "docker-compose.yaml"),
)
_NOT_LINTED: Final = ".dockerignore"
_SETTINGS: Final = ("ignore", "severity")


class _Options(Struct, frozen=True, kw_only=True):
    """The options of a run, as given."""

    lock: str | None
    context: str | None
    fix: bool
    diff: bool
    form: str
    ignore: tuple[str, ...]


class _Linted(Struct, frozen=True, kw_only=True):
    """The result of one file: its *findings*, and (before, after) of a change."""

    findings: tuple[Finding, ...]
    changed: tuple[tuple[Source, Source], ...] = ()
    text: str | None = None


@declare(
    "lint",
    short_help="Lint and fix Dockerfiles and Compose files.",
    examples=(
        ("lockml dockerfile lint", "Lint the Dockerfiles and Compose files of this folder."),
        ("lockml dockerfile lint --fix Dockerfile", "Apply all safe fixes."),
    ),
)
@click.argument("files", nargs=-1, shell_complete=complete_files)
@option("--lock", metavar="FILE", show_default="pylock.toml of the context", help="Lock that the image should install.")
@option("--context", metavar="DIR", show_default="the folder of each file", help="Build context.")
@option("--fix", is_flag=True, help="Apply safe fixes.")
@option("--diff", is_flag=True, help="Show the fixes as a diff; writes nothing without --fix.")
@option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    show_default=True,
    help="Output format.",
)
@option(
    "--ignore",
    multiple=True,
    metavar="CODE",
    shell_complete=complete_codes(sorted(RULES)),
    help="Rule to ignore, such as LK401.",
)
def lint(files: tuple[str, ...], **options: object) -> int:
    """Lint how FILES, Dockerfiles and Compose files, install Python packages; - is standard input.

    By default, lints those in this folder. Rules that need the lock use pylock.toml if it exists. The table
    [dockerfile] of the configuration has `ignore` and `severity`; `# lockml: ignore[LK101] reason` ignores one place.
    Exit codes: 0 no findings or only notes, 1 errors or warnings, 2 wrong usage or input.
    """
    # click has checked each of them
    given = _Options(**options)  # type: ignore[arg-type]
    settings = lint_settings(given.ignore)
    names = files or _default_files()
    if names.count("-") > 1:
        raise InputError("-", "standard input can be read only once")
    linted = [_lint(name, given, settings) for name in names]
    findings = [finding for each in linted for finding in each.findings]
    if given.fix:
        write_texts({after.name: after.text for each in linted for _, after in each.changed if after.name != "-"})
    streamed = next((each.text for each in linted if each.text is not None), None)
    if given.diff:
        sys.stdout.write(_difference([pair for each in linted for pair in each.changed]))
    if given.fix and streamed is not None and not given.diff:
        sys.stdout.buffer.write(streamed.encode("utf-8", "surrogateescape"))
    if (given.diff or streamed is not None) and (given.form == "text"):
        sys.stderr.write(format_text(findings) if given.fix else f"{counts(findings)}\n")
    elif not given.diff:
        sys.stdout.write(_formatted(findings, given.form, names))
    if given.fix:
        changed = len({after.name for each in linted for _, after in each.changed})
        note(f"{changed} file{'s' if changed != 1 else ''} changed")
    return 1 if any(finding.severity != "note" for finding in findings) else 0


def _default_files() -> tuple[str, ...]:
    """Return the files in this folder with names of Dockerfiles and Compose files; raises InputError."""
    found = {path.name for pattern in _PATTERNS for path in Path().glob(pattern) if path.is_file()}
    names = sorted(name for name in found if not name.endswith(_NOT_LINTED))
    if not names:
        raise InputError(
            "lockml dockerfile lint", "no Dockerfile in this folder", hint="name the files, or - for standard input"
        )
    return tuple(names)


def lint_settings(ignored: tuple[str, ...]) -> Settings:
    """Return the settings of the options and the table [dockerfile]; raises InputError for unknown rules."""
    file, table = configured_table("dockerfile")
    table = {} if table is None else table
    if not isinstance(table, dict):
        raise InputError(f"{file}: dockerfile", "is not a table")
    unknown = sorted(table.keys() - set(_SETTINGS))
    if unknown:
        raise InputError(f"{file}: dockerfile", f"has no key {unknown[0]!r}", hint=f"it has {', '.join(_SETTINGS)}")
    codes = table.get("ignore", [])
    severity = table.get("severity", {})
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise InputError(f"{file}: dockerfile.ignore", "is not a list of codes")
    if not isinstance(severity, dict) or not all(value in SEVERITIES for value in severity.values()):
        hint = f'write LK401 = "note"; severities: {", ".join(SEVERITIES)}'
        raise InputError(f"{file}: dockerfile.severity", "is not a table of severities by code", hint=hint)
    for setting, code in [*((file, code) for code in [*codes, *severity]), *(("--ignore", code) for code in ignored)]:
        if code not in RULES:
            raise InputError(f"{setting} {code!r}", "is not a rule", hint=f"rules: {', '.join(RULES)}")
    return Settings(ignore=frozenset((*codes, *ignored)), severity=severity)


def _lint(name: str, options: _Options, settings: Settings) -> _Linted:
    source = decode(read_file(name), name)
    if is_compose(source):
        from lockml.docker.compose import lint_compose  # loads the YAML parser

        return _Linted(findings=lint_compose(source, named_images(), settings))
    context = build_context(name, options.context, options.lock)
    if not (options.fix or options.diff):
        return _Linted(findings=lint_dockerfile(source, context, settings))
    fixed = fix_dockerfile(source, context, settings)
    pairs = [(source, fixed.source)]
    if context.ignore_source is not None and fixed.ignore_source is not None:
        pairs.append((context.ignore_source, fixed.ignore_source))
    findings = fixed.findings if options.fix else lint_dockerfile(source, context, settings)
    return _Linted(
        findings=findings,
        changed=tuple((before, after) for before, after in pairs if before.text != after.text),
        text=fixed.source.text if name == "-" else None,
    )


def _difference(pairs: list[tuple[Source, Source]]) -> str:
    return "".join(f"{escape(line)}\n" for before, after in pairs for line in _diff_lines(before, after))


def _diff_lines(before: Source, after: Source) -> Iterator[str]:
    lines = (before.text.split("\n"), after.text.split("\n"))
    yield from map(without_logins, difflib.unified_diff(*lines, before.name, after.name, lineterm=""))


def _formatted(findings: list[Finding], form: str, names: tuple[str, ...]) -> str:
    if form == "json":
        return format_json(findings, names)
    if form == "sarif":
        return format_sarif(findings)
    if form == "github":
        return format_github(findings)
    return format_text(findings)
