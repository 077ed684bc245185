"""The existing lock: read it, take options from it, compare it with today's inputs, and report for ``--check``.

Extras, groups, the strategy and the date are taken from the lock. Options that would run code or contact another server
are not: indexes, ``--find-links``, ``--allow-build`` and ``--pre`` are compared with it, and the user must repeat them
if they are needed.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from msgspec.structs import replace

from lockml.cli.common.files import read_file
from lockml.cli.common.terminal import note
from lockml.cli.compile.notes import Note, print_changes, print_notes
from lockml.cli.compile.options import InputOptions, OutputOptions, PolicyOptions, TargetOptions
from lockml.cli.compile.outputs import requirement_files
from lockml.common.errors import InputError, LockError
from lockml.common.target import Target
from lockml.index.accelerators.model import Declared
from lockml.index.locations import NamedIndexes
from lockml.lock.checks.accelerators import refuse_misfits
from lockml.lock.facts import index_facts
from lockml.lock.formats.pylock import parse_lock
from lockml.lock.inputs import LockInputs, inputs_digest
from lockml.lock.model import Lock
from lockml.lock.status.freshness import changes_since
from lockml.resolution.model import parse_selection

__all__ = [
    "Untold",
    "check_lock",
    "dropped_options",
    "is_current",
    "parse_once",
    "read_existing_lock",
    "untold_options",
    "with_locked_inputs",
    "with_locked_policy",
    "with_locked_tags",
]


_KEPT: Final = 64  # locks, each a few MiB


@lru_cache(maxsize=_KEPT)
def parse_once(content: bytes, file: str) -> Lock:
    """Parse a lock and remember it: with many locks, most are read for themselves and as a base."""
    return parse_lock(content, file)


def read_existing_lock(file: str) -> Lock | None:
    """Return the lock *file*, None if there is none; raises LockError."""
    if file == "-" or not Path(file).is_file():  # a device or a pipe is only written
        return None
    content = read_file(file)
    if not content.strip():  # as mktemp creates it
        return None
    try:
        return parse_once(content, file)
    except LockError as error:
        _refuse_foreign(content, file)
        raise LockError(
            error.subject,
            error.problem,
            hint="fix or remove it, or ignore it with --upgrade and --retarget or a target",
        ) from error


def _refuse_foreign(content: bytes, file: str) -> None:
    """Raise InputError if *file*, which is not a pylock.toml, is a lock of another tool."""
    from lockml.lock.formats.read import parse_any_lock

    try:
        lock = parse_any_lock(content, file)
    except LockError:
        return
    hint = f"name another file with --lock; `lockml adopt {file}` makes a lock with its pins"
    raise InputError(file, f"is a {lock.format}, and compile would overwrite it", hint=hint)


def is_current(lock: Lock, inputs: LockInputs, targets: Sequence[Target], *, identities: bool) -> bool:
    """Say whether *lock* is up to date: nothing that decides it has changed, whatever the index lists today.

    It must have the identities of its artifacts with *identities*, and none without.
    """
    has_identities = any(lock.artifacts.values())
    if lock.targets != tuple(targets) or (has_identities != identities and (has_identities or lock.pylock.packages)):
        return False
    return lock.inputs == inputs_digest(inputs, targets) and not changes_since(lock, inputs, targets)


def check_lock(
    options: OutputOptions,
    inputs: LockInputs,
    targets: Sequence[Target],
    denied: Sequence[str],
    declared: Declared,
    worded: Callable[[str], str] = str,
) -> int:
    """Print whether the lock and its requirement files match *inputs* and *targets*; *worded* words each change.

    Returns the exit code. Raises InputError, LockError, and NoResolutionError for a project that is *denied* or that
    the *declared* host cannot run.
    """
    lock = parse_once(read_file(options.lock, hint="run `lockml compile` without --check to write it"), options.lock)
    if denied:
        from lockml.lock.checks.denied import refuse_denied  # loads the graph of the lock

        refuse_denied(lock, denied)
    print_notes(Note("warning", text) for text in refuse_misfits(lock, declared, options.lock))
    changes = list(changes_since(lock, inputs, targets))
    if options.output != "-" and not changes:
        for name, text in requirement_files(lock, options.output).items():
            if not Path(name).is_file() or read_file(name) != text.encode():
                changes.append(f"{name} does not match the lock")
    if not changes:
        note(f"{options.lock} is up to date")
        return 0
    print_changes(options.lock, map(worded, changes))
    return 1


_STRATEGIES: Final = ("highest", "lowest", "lowest-direct")
_TOLD_WHEN_DROPPED: Final = frozenset(
    {
        *("--base-image", "--constraint", "--override", "--exclude", "--no-binary", "--only-binary", "--allow-build"),
        *("--provided", "--on", "--subset-of", "--relax", "--exclude-newer-except"),
        *("--index-url", "--extra-index-url", "--index", "--index-only", "--find-links"),
    }
)


def with_locked_inputs(options: InputOptions, lock: Lock | None) -> InputOptions:
    """Return *options* with the extras and groups of *lock*, unless they set or refuse some."""
    extras, groups = options.extra, options.group
    if lock is not None and any(name.endswith((".toml", "setup.py", "setup.cfg")) for name in options.files):
        extras, groups = extras or lock.made_with.extras, groups or lock.made_with.groups
    return options._replace(extra=() if options.no_extra else extras, group=() if options.no_group else groups)


def with_locked_policy(options: PolicyOptions, lock: Lock | None) -> PolicyOptions:
    """Return *options* with the resolution, the date and the accelerator of *lock*, unless they set them.

    The exemptions of the lock apply only with its date: an edited lock must not weaken a date that the user gives.
    """
    locked = _policy(lock)
    newer, before = options.exclude_newer, locked.get("exclude-newer")
    if newer is None and before is not None:
        newer = before.isoformat() if isinstance(before, datetime) else str(before)
    locked_exempt = _words(locked.get("exclude-newer-except")) if options.exclude_newer is None else ()
    exempt = options.exclude_newer_except or locked_exempt
    before_for = locked.get("accelerator")
    accelerator = options.accelerator or (before_for if isinstance(before_for, str) else None)
    strategy = next((each for each in _STRATEGIES if each == locked.get("resolution")), "highest")
    return options._replace(
        accelerator=None if accelerator == "none" else accelerator,
        exclude_newer=None if newer == "none" else newer,
        exclude_newer_except=exempt if newer not in (None, "none") else options.exclude_newer_except,
        resolution=options.resolution or strategy,  # type: ignore[arg-type]
    )


def with_locked_tags(options: TargetOptions, lock: Lock | None) -> TargetOptions:
    """Return *options* with the file of tags of *lock*, unless they name a target."""
    if lock is None or options.named or options.retarget:
        return options
    words = iter(lock.made_with.command)
    return options._replace(tags=next((next(words, None) for word in words if word == "--tags"), None))


class Untold(NamedTuple):
    """Options of the lock that the user must repeat: the *options*, as on a command line, and the *inputs* with them.

    The inputs only decide whether the lock is up to date; nothing is fetched or run for them.
    """

    options: tuple[str, ...]
    inputs: LockInputs

    def demand(self, lock: str) -> None:
        """Raise InputError if there are such options: the index has to be contacted."""
        if self.options:
            words = shlex.join(self.options)
            raise InputError(
                lock,
                f"was made with {words}, which lockml never takes from a lock",
                hint=f"repeat it: lockml compile {words}, or set it in [tool.lockml.compile] of pyproject.toml; "
                "to replace it, give another value (--index-url, --no-pre, --allow-build :none:)",
            )


def untold_options(options: PolicyOptions, inputs: LockInputs, lock: Lock | None) -> Untold:
    """Return the options of *lock* that lockml never takes from it and that *inputs* do not set."""
    if lock is None:
        return Untold((), inputs)
    words: list[str] = []
    policy, locked = inputs.policy, _policy(lock)
    indexes = inputs.indexes
    if not index_facts(indexes):
        words += _index_words(lock.indexes)
        indexes = lock.indexes
    if locked.get("prereleases") is True and not policy.prereleases and options.pre is None:
        words.append("--pre")
        policy = replace(policy, prereleases=True)
    allowed = locked.get("allow-build")
    if isinstance(allowed, str) and not options.allow_build:
        words += [word for name in allowed.split(",") for word in ("--allow-build", name)]
        policy = replace(policy, allow_build=parse_selection([allowed]))
    return Untold(tuple(words), replace(inputs, indexes=indexes, policy=policy))


def dropped_options(lock: Lock, command: Sequence[str]) -> tuple[str, ...]:
    """Return a warning if *lock* was made with options that *command* no longer has."""
    words = lock.made_with.command
    before = pairwise(words)
    dropped = ["--no-pre"] if "--no-pre" in words and not {"--no-pre", "--pre"} & set(command) else []
    dropped += [shlex.join(pair) for pair in before if pair[0] in _TOLD_WHEN_DROPPED and pair[0] not in command]
    message = "the lock was made with {}, which you no longer give"
    return (message.format(", ".join(dropped)),) if dropped else ()


def _index_words(indexes: NamedIndexes) -> Iterator[str]:
    if indexes.url:
        yield from ("--index-url", indexes.url)
    for url in indexes.extra_urls:
        yield from ("--extra-index-url", url)
    for index in indexes.named:
        yield from ("--index", f"{index.name}={index.url}")
        if index.only:
            yield from ("--index-only", f"{index.name}={','.join(index.only)}")
    for location in indexes.find_links:
        yield from ("--find-links", location)
    if indexes.no_index:
        yield "--no-index"


def _words(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _policy(lock: Lock | None) -> Mapping[str, object]:
    facts = (lock.pylock.tool or {}).get("lockml", {}) if lock is not None else {}
    policy = facts.get("policy", {})
    return policy if isinstance(policy, Mapping) else {}
