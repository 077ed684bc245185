"""``lockml compile --all``: compile or check each lock of the configuration, and print a line for each.

Each lock is written whole or not at all. A lock that fails stops only the locks that are based on it.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import click

from lockml.cli.common.terminal import note, quietly, suggest, tell_error, warn
from lockml.cli.compile.locks.cells import LockCell, lock_cells
from lockml.cli.compile.locks.model import Cell
from lockml.cli.compile.notes import Note, gathered_notes
from lockml.cli.compile.options import CompileOptions, ConfiguredBuilt
from lockml.common.display import escape
from lockml.common.errors import InputError, LockError, LockmlError

__all__ = ["compile_all"]

Compile = Callable[[CompileOptions], int]

_NAMED: Final = 3
_STATE_NOTES: Final = ("result", "change")  # what the line of a lock says already, and what is printed below it


class _Outcome(NamedTuple):
    """What became of a lock: a *state* to count, its *detail*, and the exit *code*."""

    state: str
    detail: str = ""
    code: int = 0

    @property
    def holds(self) -> bool:
        """Whether the locks that need this one can use it."""
        return self.state in ("up to date", "locked", "changed")

    def __str__(self) -> str:
        return self.state + self.detail


def compile_all(
    command: click.Command, context: click.Context, built: tuple[ConfiguredBuilt, ...], compile_one: Compile
) -> int:
    """Compile with *compile_one*, or check, the locks that the options of *command* select; return the worst exit code.

    Raises InputError for faulty tables.
    """
    locks, known = lock_cells(command, context, built, context.params["only"])
    _refuse_linked_files(locks)
    outcomes: dict[str, _Outcome] = {}
    notes: dict[Note, list[str]] = {}
    refusals: dict[tuple[str, str | None], str] = {}
    for lock in locks:
        name = lock.cell.name
        with gathered_notes() as gathered, quietly():
            outcomes[name] = _outcome(lock, outcomes, refusals, compile_one)
        click.echo(f"{name}: {escape(str(outcomes[name]))}")
        for each in gathered:
            if each.kind == "change":
                click.echo(f"  {escape(each.text)}")
            if each.kind not in _STATE_NOTES:
                notes.setdefault(each, []).append(name)
    _print_notes(notes, [lock.cell for lock in locks], outcomes)
    counts = Counter(outcome.state for outcome in outcomes.values())
    count = f"{len(locks)} {'lock' if len(locks) == 1 else 'locks'}"
    note(f"{count}: {', '.join(f'{number} {state}' for state, number in counts.items())}")
    _note_unselected(known, outcomes)
    return max((outcome.code for outcome in outcomes.values()), default=0)


def _outcome(
    lock: LockCell,
    outcomes: Mapping[str, _Outcome],
    refusals: dict[tuple[str, str | None], str],
    compile_one: Compile,
) -> _Outcome:
    """Compile or check *lock*, unless *outcomes* lacks what it needs; print only the first of equal *refusals*."""
    checks = lock.options.output.check
    missing = [name for name in lock.cell.needs if name in outcomes and not outcomes[name].holds]
    there = [name for name in missing if outcomes[name].state == "out of date"]
    if missing and (not checks or len(there) < len(missing)):
        return _Outcome("skipped", f", needs {missing[0]}", 1 if checks else 0)
    if checks and not Path(lock.cell.lock).is_file():
        return _Outcome("not locked", code=1)
    before = b"" if checks else _content(lock.cell.lock)
    try:
        with _made_folders(lock.cell, wanted=not checks):
            code = compile_one(lock.options)
    except LockmlError as error:
        first = refusals.setdefault((str(error), error.hint), lock.cell.name)
        if first == lock.cell.name:
            tell_error(error, f"{first}: ")
        return _Outcome("failed", f" like {first}" if first != lock.cell.name else "", code=error.exit_code)
    if checks:
        if code:
            return _Outcome("out of date", code=code)
        return _Outcome("skipped", f", needs {missing[0]}", 1) if missing else _Outcome("up to date")
    return _Outcome("failed", code=code) if code else _change(lock.cell.lock, before, _content(lock.cell.lock))


def _change(file: str, before: bytes, after: bytes) -> _Outcome:
    """Return what became of the lock *file* with these bytes."""
    if before == after:
        return _Outcome("up to date")
    old, new = _pins(before, file), _pins(after, file)
    if old is None:
        count = len(new or {})
        return _Outcome("locked", f" ({count} {'package' if count == 1 else 'packages'})")
    count = len([name for name in old.keys() | (new or {}).keys() if old.get(name) != (new or {}).get(name)])
    pins = f"{count} {'pins' if count > 1 else 'pin'}" if count else "same pins"
    return _Outcome("changed", f" ({pins})")


def _pins(content: bytes, file: str) -> dict[str, set[str]] | None:
    """Return the versions or sources of each project of a lock; None where *content* is none."""
    from lockml.cli.compile.existing_lock import parse_once  # only for a lock that has changed
    from lockml.lock.references import source_of

    found: dict[str, set[str]] = {}
    try:
        packages = parse_once(content, file).pylock.packages if content.strip() else None
    except LockError:
        return None
    if packages is None:
        return None
    for package in packages:
        commit = package.vcs.commit_id if package.vcs is not None else ""
        found.setdefault(package.name, set()).add(f"{package.version} {source_of(package)} {commit}")
    return found


def _content(path: str) -> bytes:
    with suppress(OSError):
        return Path(path).read_bytes()
    return b""


@contextmanager
def _made_folders(cell: Cell, *, wanted: bool) -> Iterator[None]:
    """Make the folders of the files of *cell* if *wanted*; remove those that stay empty. Raises InputError."""
    folders = {Path(path).parent for path in (cell.lock, cell.output)} if wanted else set()
    missing = {each for folder in folders for each in (folder, *folder.parents) if not each.exists()}
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(str(error.filename), f"cannot be made ({error.strerror})") from error
    try:
        yield
    finally:
        for folder in sorted(missing, key=lambda each: len(each.parts), reverse=True):
            with suppress(OSError):
                folder.rmdir()


def _refuse_linked_files(locks: Sequence[LockCell]) -> None:
    """Raise InputError if links make two files of *locks* the same file."""
    known: dict[object, tuple[str, str]] = {}
    for lock in locks:
        for path in (lock.cell.lock, lock.cell.output):
            real = os.path.realpath(path)
            if real == os.devnull:
                continue
            facts = Path(real).stat() if Path(real).is_file() else None
            key = (facts.st_dev, facts.st_ino) if facts is not None else real
            name, other = known.setdefault(key, (lock.cell.name, path))
            if (name, other) != (lock.cell.name, path):
                problem = f"is the same file as {other!r} of {name!r}, by a link"
                raise InputError(f"{lock.cell.name}: {path!r}", problem, hint="remove the link, or name another file")


def _print_notes(notes: dict[Note, list[str]], cells: Sequence[Cell], outcomes: Mapping[str, _Outcome]) -> None:
    """Print each of *notes* once, with the locks that it is about."""
    for each, names in notes.items():
        if each.kind in ("idle", "idle-in-table") and not _is_idle(each, names, cells, outcomes):
            continue
        every = f"all {len(cells)} locks" if len(names) == len(cells) > 1 else ", ".join(names[:_NAMED])
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED and len(names) < len(cells) else ""
        (note if each.kind in ("input", "host-target") else warn)(f"{every}{more}: {each.text}")


def _is_idle(each: Note, names: Sequence[str], cells: Sequence[Cell], outcomes: Mapping[str, _Outcome]) -> bool:
    """Say whether the option that the note *each* is about has no effect on any lock that it holds for.

    *names* are the locks on which it has none; a lock that failed might have been another.
    """
    tables = {cell.table.name for cell in cells if cell.name in names}
    held = [cell for cell in cells if each.kind == "idle" or cell.table.name in tables]
    return all(cell.name in names and outcomes[cell.name].holds for cell in held)


def _note_unselected(known: Sequence[Cell], outcomes: dict[str, _Outcome]) -> None:
    """Say which locks need a lock that has changed, and are not selected."""
    changed = {name for name, outcome in outcomes.items() if outcome.state in ("changed", "locked")}
    left = [cell.name for cell in known if cell.name not in outcomes and changed.intersection(cell.needs)]
    if left:
        more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
        note(f"Not selected, but based on a lock that changed: {', '.join(left[:_NAMED])}{more}")
        suggest("lockml compile --all")
