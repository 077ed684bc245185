"""``lockml compile --all``: the locks of the configuration in; each compiled or checked, and a line for each, out.

A lock is written whole or not at all, and one that fails stops those alone that stand on it.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import click

from lockml.cli.common.terminal import note, quietly, suggest, tell, warn
from lockml.cli.compile.locks.cells import LockCell, lock_cells
from lockml.cli.compile.locks.model import Cell
from lockml.cli.compile.notes import Note, gathered_notes
from lockml.cli.compile.options import CompileOptions, ConfiguredBuilt
from lockml.common.display import escape, redact
from lockml.common.errors import InputError, LockmlError

__all__ = ["compile_all"]

Compile = Callable[[CompileOptions], int]

_PIN: Final = re.compile(rb'^\[\[packages\]\]\nname = "([^"\n]+)"\nversion = "([^"\n]+)"', re.MULTILINE)
_NAMED: Final = 3


class _Outcome(NamedTuple):
    """What became of a lock: a *state* to count, its *detail*, the exit *code*, and whether others may stand on it."""

    state: str
    detail: str = ""
    code: int = 0

    @property
    def holds(self) -> bool:
        """Whether what stands on it has what it stands on."""
        return self.state in ("up to date", "locked", "changed")

    def __str__(self) -> str:
        return f"{self.state} {self.detail}" if self.detail else self.state


def compile_all(
    command: click.Command, context: click.Context, built: tuple[ConfiguredBuilt, ...], compile_one: Compile
) -> int:
    """Compile by *compile_one*, or check, what the options of *command* select; return the worst exit code.

    Raises InputError where the tables cannot be meant.
    """
    locks, known = lock_cells(command, context, built, context.params["only"])
    _refuse_linked_files(locks)
    outcomes: dict[str, _Outcome] = {}
    notes: dict[Note, list[str]] = {}
    refusals: dict[tuple[str, str | None], str] = {}
    for lock in locks:
        name = lock.cell.name
        with gathered_notes() as told, quietly():
            outcomes[name] = _outcome(lock, outcomes, refusals, compile_one)
        click.echo(f"{name}: {escape(str(outcomes[name]))}")
        for each in told:
            if each.kind != "result":
                notes.setdefault(each, []).append(name)
    _tell_notes(notes, len(locks))
    counts = Counter(outcome.state for outcome in outcomes.values())
    count = f"{len(locks)} {'lock' if len(locks) == 1 else 'locks'}"
    states = (f"{number} {'waiting' if state == 'waits' else state}" for state, number in counts.items())
    note(f"{count}: {', '.join(states)}")
    _tell_left_out(known, outcomes)
    return max((outcome.code for outcome in outcomes.values()), default=0)


def _outcome(
    lock: LockCell,
    outcomes: Mapping[str, _Outcome],
    refusals: dict[tuple[str, str | None], str],
    compile_one: Compile,
) -> _Outcome:
    """Compile or check *lock* after what it needs, whose *outcomes* there are; of equal *refusals* tell the first."""
    checks = lock.options.output.check
    waits = [name for name in lock.cell.needs if name in outcomes and not outcomes[name].holds]
    there = [name for name in waits if outcomes[name].state == "out of date"]
    if waits and (not checks or len(there) < len(waits)):
        return _Outcome("waits", f"for {waits[0]}", 1 if checks else 0)
    if checks and not Path(lock.cell.lock).is_file():
        return _Outcome("not locked", code=1)
    before = b"" if checks else _content(lock.cell.lock)
    try:
        with _made_folders(lock.cell, wanted=not checks):
            code = compile_one(lock.options)
    except LockmlError as error:
        first = refusals.setdefault((str(error), error.hint), lock.cell.name)
        if first == lock.cell.name:
            _tell_error(error, first)
        return _Outcome("failed", f"as {first} did" if first != lock.cell.name else "", code=error.exit_code)
    if checks:
        if code:
            return _Outcome("out of date", code=code)
        return _Outcome("waits", f"for {waits[0]}", 1) if waits else _Outcome("up to date")
    return _Outcome("failed", code=code) if code else _change(before, _content(lock.cell.lock))


def _change(before: bytes, after: bytes) -> _Outcome:
    """Return what became of a lock with these bytes."""
    if before == after:
        return _Outcome("up to date")
    old, new = _pins(before), _pins(after)
    if not before:
        return _Outcome("locked", f"({len(new)} {'package' if len(new) == 1 else 'packages'})")
    count = len([name for name in old.keys() | new.keys() if old.get(name) != new.get(name)])
    return _Outcome("changed", f"({count or 'no'} {'pins' if count > 1 else 'pin'})")


def _pins(content: bytes) -> dict[bytes, set[bytes]]:
    found: dict[bytes, set[bytes]] = {}
    for name, version in _PIN.findall(content):
        found.setdefault(name, set()).add(version)
    return found


def _content(path: str) -> bytes:
    with suppress(OSError):
        return Path(path).read_bytes()
    return b""


@contextmanager
def _made_folders(cell: Cell, *, wanted: bool) -> Iterator[None]:
    """Make the folders of the files of *cell* where *wanted*; what stays empty is removed again. Raises InputError."""
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
    """Raise InputError where links make two of the files of *locks* one."""
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


def _tell_error(error: LockmlError, name: str) -> None:
    text = "\n".join(escape(line) for line in redact(f"{name}: {error}").splitlines())
    tell("error:", "red", text)
    if error.hint:
        tell("hint:", "cyan", escape(redact(error.hint)))


def _tell_notes(notes: dict[Note, list[str]], count: int) -> None:
    """Tell each of *notes* once, with the locks that it is of."""
    for each, names in notes.items():
        of = f"all {count} locks" if len(names) == count > 1 else ", ".join(names[:_NAMED])
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED and len(names) < count else ""
        (warn if each.kind == "warning" else note)(f"{of}{more}: {each.text}")


def _tell_left_out(known: Sequence[Cell], outcomes: dict[str, _Outcome]) -> None:
    """Tell which locks, that were not selected, stand on what has changed."""
    changed = {name for name, outcome in outcomes.items() if outcome.state in ("changed", "locked")}
    left = [cell.name for cell in known if cell.name not in outcomes and changed.intersection(cell.needs)]
    if left:
        more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
        note(f"{', '.join(left[:_NAMED])}{more}: on what has changed, and not selected")
        suggest("lockml compile --all")
