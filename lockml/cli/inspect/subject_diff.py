"""Compare two subjects, or a subject and a lock, that the user names."""

import gc
import os
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct

from lockml.cli.check.command import CheckSettings, find_drift
from lockml.cli.common.files import read_file
from lockml.cli.common.options import believed_cache
from lockml.cli.common.subject_options import SubjectOptions, parse_subject
from lockml.cli.common.terminal import progress_line
from lockml.common.errors import InputError
from lockml.common.progress import Progress, Step
from lockml.drift.differences.compare import Compared, compare_subjects
from lockml.drift.differences.model import Difference
from lockml.drift.differences.of_drift import difference_of, reversed_difference
from lockml.drift.model import Level
from lockml.inventory.collect import take_inventory
from lockml.inventory.model import Runtime
from lockml.inventory.pip_freeze import parse_frozen
from lockml.lock.model import Choice
from lockml.subjects.model import OpenedSubject, ReadOptions
from lockml.subjects.open import KINDS, open_subject, with_cached_digests
from lockml.subjects.shared_layers import SharedLayers

__all__ = ["DiffSettings", "compare_named", "compare_with_lock", "names_subject"]


class DiffSettings(Struct, frozen=True, kw_only=True):
    """The options of a run, without what is compared."""

    level: Level | None
    environment: str | None
    platform: str
    full: bool
    cache: bool
    cache_dir: Path
    choice: Choice = Choice()


def names_subject(text: str) -> bool:
    """Say whether *text* is ``KIND:NAME`` or a folder rather than a lock."""
    if os.path.isfile(text):  # noqa: PTH113 - a Path raises for a long name
        return False
    return (text.partition(":")[0] in KINDS and ":" in text) or ("/" in text and os.path.isdir(text))  # noqa: PTH112


def compare_named(before: str, after: str, settings: DiffSettings) -> Difference:
    """Return how the subject *after* differs from *before*; raises InputError, UnreachableError."""
    gc.disable()  # makes no garbage cycles, as in check
    with ExitStack() as stack:
        level = settings.level or "files"
        progress = stack.enter_context(progress_line())
        found = [_opened(text, settings, level, stack, progress) for text in (before, after)]
        (one, opened), (other, others) = found
        if opened is None or others is None:
            if settings.level in ("artifacts", "files"):
                raise InputError(f"--level {level}", "a list of packages cannot prove bytes", hint="use --level names")
            return compare_subjects(one, other, level="names")
        alike = SharedLayers(opened, others)
        progress(Step(doing="Comparing", subject=f"{before} and {after}"))
        return compare_subjects(one, other, level=level, alike=alike, full=settings.full)


def _opened(
    text: str, settings: DiffSettings, level: Level, stack: ExitStack, progress: Progress
) -> tuple[Compared, OpenedSubject | None]:
    """Return a subject with its inventory; a list of packages has no files and is not opened."""
    named = parse_subject(text, lists=True)
    if named.kind == "freeze":
        inventory = parse_frozen(read_file(named.name), named.name)
        return Compared(inventory=inventory, runtime=Runtime(), tree=None), None
    files = level == "files"
    cache = believed_cache(settings.cache_dir) if settings.cache else None
    options = ReadOptions(platforms=(settings.platform,), hashed=files, cache=cache, progress=progress)
    opened = stack.enter_context(open_subject(named, options))
    tree = stack.enter_context(with_cached_digests(opened, cache if files else None))
    prefix = settings.environment or opened.prefix
    inventory = take_inventory(tree, opened.subject, opened.runtime, prefix=prefix)
    return Compared(inventory=inventory, runtime=opened.runtime, tree=tree), opened


def compare_with_lock(subject: str, lock: str, settings: DiffSettings, *, lock_first: bool) -> Difference:
    """Return how *subject* and the file *lock* differ in a check; raises InputError, UnreachableError, LockError."""
    asked = SubjectOptions(environment=settings.environment).with_subject(subject)
    check = CheckSettings(
        lock=(lock,),
        level=settings.level,
        cache_dir=settings.cache_dir,
        cache=settings.cache,
        choice=settings.choice,
    )
    reports = find_drift(asked, check)
    if len(reports) > 1:
        hint = "name one service: compose:FILE:SERVICE"
        raise InputError(subject, f"has {len(reports)} services, but diff compares one", hint=hint)
    found = difference_of(reports[0])
    return found if lock_first else reversed_difference(found)
