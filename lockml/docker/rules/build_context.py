"""LK601, LK602: a .dockerignore that excludes too much, or too little."""

from collections.abc import Iterator
from typing import Final

from lockml.docker.analysis import Analysis
from lockml.docker.context.copies import Copy
from lockml.docker.dockerfile.source import Source
from lockml.docker.model import Edit, Finding
from lockml.docker.rules.registry import RULES

__all__ = ["find_context"]

_CACHES: Final = (
    (".venv", ".venv", ".venv/bin/python"),
    ("__pycache__", "**/__pycache__", "package/__pycache__/module.pyc"),
)
_HISTORY: Final = (".git", ".git", ".git/HEAD")
_LOCKS: Final = ("pylock.toml", "requirements.txt", "uv.lock", "poetry.lock", "requirements-unhashed.txt")


def find_context(analysis: Analysis) -> Iterator[Finding]:
    """Yield an error for each copied file that is excluded, a warning for what should be."""
    if analysis.context.read is None:
        return
    yield from _hidden(analysis)
    whole = next((copy for copies in analysis.copies for copy in copies if copy.whole_context), None)
    if whole is not None and not any(flag.name == "exclude" for flag in whole.instruction.flags):
        yield from _lacking(analysis, whole)


def _hidden(analysis: Analysis) -> Iterator[Finding]:
    ignores, source, read = analysis.context.ignores, analysis.context.ignore_source, analysis.context.read
    if ignores is None or source is None or read is None:
        return
    named = {path for copies in analysis.copies for copy in copies if copy.of_context for path in copy.sources}
    mounted = {m["source"].lstrip("./") for run in analysis.runs for m in run.mounts if "from" not in m}
    for path in sorted({*named, *mounted}):
        name = path.rpartition("/")[2]
        if not (name in _LOCKS or (name.startswith("requirements") and name.endswith(".txt"))):
            continue
        span = ignores.ignored(path)
        if span is not None:
            yield Finding(
                code="LK601",
                severity=RULES["LK601"].severity,
                message=f"{path} is copied, but this line excludes it from the context",
                source=source,
                start=span[0],
                stop=span[1],
                hint=f"add the line !{path} after it",
            )


def _lacking(analysis: Analysis, copy: Copy) -> Iterator[Finding]:
    ignores, source = analysis.context.ignores, analysis.context.ignore_source
    caches = [(name, line) for name, line, path in _CACHES if ignores is None or not ignores.ignored(path)]
    if caches:
        names = " and ".join(name for name, _ in caches)
        yield _finding(analysis, copy, names, _append(source, [line for _, line in caches]))
    name, _, path = _HISTORY
    if ignores is None or not ignores.ignored(path):
        yield _finding(analysis, copy, name, ())


def _append(source: Source | None, lines: list[str]) -> tuple[Edit, ...]:
    """Return the edit of the existing .dockerignore, () if there is none."""
    if source is None:
        return ()
    text = "".join(f"{line}{source.newline}" for line in lines)
    gap = source.newline if source.text and not source.text.endswith("\n") else ""
    return (Edit(start=len(source.text), stop=len(source.text), text=gap + text),)


def _finding(analysis: Analysis, copy: Copy, names: str, fix: tuple[Edit, ...]) -> Finding:
    source = analysis.context.ignore_source
    line = analysis.source.position(copy.instruction.start).line
    where = ".dockerignore does not exclude it" if source is not None else "no .dockerignore excludes it"
    message = f"line {line} of {analysis.source.name} copies the entire context, including {names}, as {where}"
    instruction = copy.instruction
    start, stop = (0, 0) if source is not None else (instruction.start, instruction.stop)
    return Finding(
        code="LK602",
        severity=RULES["LK602"].severity,
        message=message,
        source=source or analysis.source,
        start=start,
        stop=stop,
        fix=fix,
        hint=f"add {names} to .dockerignore",
    )
