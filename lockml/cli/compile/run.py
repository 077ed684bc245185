"""Run ``compile``: write its files from the existing lock if that is up to date, else from the index."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from lockml.cli.common.files import lock_folder, read_file
from lockml.cli.common.options import declared_host
from lockml.cli.common.overwriting import is_lock, refuse_overwriting
from lockml.cli.common.terminal import note
from lockml.cli.compile.existing_lock import (
    Untold,
    check_lock,
    dropped_options,
    is_current,
    read_existing_lock,
    untold_options,
    with_locked_inputs,
    with_locked_policy,
    with_locked_tags,
)
from lockml.cli.compile.indexes import choose_indexes, hint_of_accelerator
from lockml.cli.compile.inputs import built_from, folder_digests, read_requirements, seen_from_here, worded_from_here
from lockml.cli.compile.notes import Note, print_notes
from lockml.cli.compile.options import CompileOptions, LockingOptions
from lockml.cli.compile.outputs import command_words, outcome_notes, write_outputs
from lockml.cli.compile.policy import make_policy, newer_text, with_accelerator_of_image
from lockml.cli.compile.result_cache import Reads, keep_result
from lockml.cli.compile.targets import ChosenTargets, choose_targets
from lockml.common.errors import InputError, LockError, NoResolutionError
from lockml.common.settings import setting
from lockml.common.target import Target
from lockml.index.locations import NamedIndexes
from lockml.lock.checks.accelerator_choice import with_accelerator
from lockml.lock.checks.accelerators import refuse_misfits
from lockml.lock.checks.allowed_files import refuse_files_of_others
from lockml.lock.facts import restated
from lockml.lock.formats.built import recorded_of
from lockml.lock.inputs import LockInputs
from lockml.lock.model import BaseLock, Lock, MadeWith, ProvidedPackages, RecordedBuild
from lockml.requirements.model import Origin, Requirement, RequirementSet
from lockml.requirements.python_bound import require_pythons

if TYPE_CHECKING:
    from lockml.index.open import IndexOptions

__all__ = ["lock_inputs", "run_compile"]


def run_compile(options: CompileOptions) -> int:
    """Compile, or check, and return the exit code; raises LockmlError."""
    reads = Reads(partial(_fetch, options=options.locking))
    with worded_from_here(reads.files, lock_folder(options.output.lock)):
        return _run(options, reads)


def _run(options: CompileOptions, reads: Reads) -> int:
    declared, output = declared_host(options.policy.driver, options.policy.gpu), options.output
    from_here = partial(seen_from_here, files=reads.files, folder=lock_folder(output.lock))
    existing = _existing_lock(options)
    opens_image = not output.check or options.policy.upgrade
    chosen = choose_targets(options.target, existing, opens_image=opens_image, read=reads.read_local)
    completed = options._replace(
        inputs=with_locked_inputs(options.inputs, existing),
        policy=with_accelerator_of_image(with_locked_policy(options.policy, existing), chosen.base_image),
        target=with_locked_tags(options.target, existing),
    )
    inputs = lock_inputs(completed, chosen, reads)
    refuse_overwriting((output.output, output.lock), reads.files, output.lock, only_inputs=output.check)
    untold = untold_options(completed.policy, inputs, existing)
    if output.check:
        print_notes(chosen.notes)
        return check_lock(output, untold.inputs, chosen.targets, options.policy.deny, declared, from_here)
    notes = [*chosen.notes, *(Note("input", text) for text in inputs.asked.notes)]
    notes += _idle_notes(options, completed.policy.exclude_newer, inputs.bases)
    print_notes(notes)
    lock, warnings = _find_lock(completed, untold, chosen.targets, existing)
    if options.policy.deny:
        from lockml.lock.checks.denied import refuse_denied  # loads the graph of the lock

        refuse_denied(lock, options.policy.deny)
    misfits = list(_untold(refuse_misfits(lock, declared, output.lock), warnings))
    verified = _verified(lock, options.locking, inputs.indexes) if output.verify else lock
    if verified is None:
        return 1
    written = write_outputs(verified, output, reads.files)
    messages = [*(Note("warning", from_here(text)) for text in (*warnings, *_twice(verified, chosen))), *misfits]
    messages += _idle_upgrades(options.policy.upgrade_package, verified)
    print_notes([*messages, *outcome_notes(verified, written.files, written.changed)], full=output.full)
    if (
        not inputs.stated and options.target.base_image is None and chosen.provides is None
    ):  # their content is not among the files that were read
        notes += [*misfits, *outcome_notes(verified, written.files, ())]
        keep_result(options.indexes.cache_dir, repr(options.decisive), reads, written.files, notes)
    return 0


def _idle_notes(options: CompileOptions, newer: str | None, bases: Sequence[BaseLock]) -> Iterator[Note]:
    """Yield which of *options* have no effect, with the date *newer* that counts and these *bases*."""
    named = options.policy.exclude_newer_except
    if named and named != (":none:",) and newer is None and (options.table or options.policy.exclude_newer is None):
        text = f"{setting('exclude-newer-except')} has no effect without {setting('exclude-newer')}"
        yield Note("idle-in-table", text)
    if options.bases.relax:
        from lockml.cli.compile.locks.base_locks import idle_relaxations

        for each in idle_relaxations(options.bases, bases):
            yield Note("idle-in-table", f"{setting('relax', each)} has no effect: no base has such a project")


def _idle_upgrades(upgrades: Sequence[str], lock: Lock) -> Iterator[Note]:
    """Yield which of *upgrades* name nothing that *lock* has."""
    if not upgrades:
        return
    from lockml.requirements.requirements_txt import parse_requirement

    packages = [*lock.pylock.packages, *(lock.build.pylock.packages if lock.build is not None else ())]
    names = {package.name for package in packages} | {tool.name for tool in lock.tools}
    names |= {each.name for each in lock.provided.packages}
    for each in upgrades:
        name = parse_requirement(each, Origin(file=setting("upgrade-package"))).name
        if name not in names:
            yield Note("idle", f"{setting('upgrade-package', each)} has no effect: {name} is not locked")


def _existing_lock(options: CompileOptions) -> Lock | None:
    """Return the existing lock; ignore an unreadable one if neither pins nor target come from it."""
    try:
        return read_existing_lock(options.output.lock)
    except LockError:
        if not options.policy.upgrade or not (options.target.named or options.target.retarget):
            raise
    lock = options.output.lock
    if not is_lock(read_file(lock)):
        raise InputError(lock, "is not a lock, and would be overwritten", hint="name another file with --lock")
    return None


def _fetch(url: str, options: LockingOptions) -> bytes:
    from lockml.cli.common.remote_files import fetch_file  # loads the HTTP client

    return fetch_file(url, _access(options))


def _access(options: LockingOptions) -> "IndexOptions":
    from lockml.index.open import IndexOptions

    return IndexOptions(
        cache_dir=options.cache_dir,
        offline=options.offline,
        certificates=options.cert,
        client_certificate=options.client_cert,
        insecure_hosts=options.allow_insecure_host,
    )


def lock_inputs(options: CompileOptions, chosen: ChosenTargets, reads: Reads) -> LockInputs:
    """Return the inputs of the lock that *options* name; raises InputError, RequirementError."""
    folder = lock_folder(options.output.lock)
    asked = read_requirements(options.inputs, folder, reads)
    built = built_from(options.built, folder)
    asked = replace(asked, constraints=(*asked.constraints, *(each.constraint for each in built)))
    asked = with_accelerator(asked, options.policy.accelerator or "", chosen.targets)
    require_pythons(asked.pythons, chosen.targets)
    asked = replace(asked, constraints=(*asked.constraints, *_image_constraints(chosen)))
    bases = _bases(options, chosen.targets, reads)
    asked = _on_bases(asked, bases, chosen.targets)
    indexes = choose_indexes(options.indexes, asked, folder, reads.variables, options.policy.accelerator)
    policy = make_policy(options.policy, asked, folder, indexes)
    provided = ProvidedPackages()
    if chosen.provides is not None:
        provided = chosen.provides.packages
        policy = replace(policy, provided=chosen.provides.provided)
    _require_same_image(bases, provided, opened=not options.output.check)
    options = options._replace(policy=options.policy._replace(exclude_newer=newer_text(policy)))
    return LockInputs(
        asked=asked,
        policy=policy,
        indexes=indexes,
        stated={**folder_digests(asked, folder), **reads.fetched},
        base_image=chosen.base_image,
        provided=provided,
        made_with=MadeWith(
            command=command_words(options, chosen.targets, chosen.base_image, provided),
            extras=options.inputs.extra,
            groups=options.inputs.group,
        ),
        built=tuple(each.built for each in built),
        bases=bases,
    )


def _untold(misfits: Sequence[str], warnings: Sequence[str]) -> Iterator[Note]:
    """Yield *misfits* without those that *warnings* cover: releases that write the same files."""
    for text in misfits:
        releases, both, _ = text.partition(" both write ")
        if not (both and any(each.startswith(f"{releases} install different files") for each in warnings)):
            yield Note("warning", text)


def _twice(lock: Lock, chosen: ChosenTargets) -> Iterator[str]:
    if chosen.provides is not None and lock.targets:
        from lockml.cli.compile.image.twice import libraries_twice

        yield from libraries_twice(lock, chosen.provides.stock)


def _bases(options: CompileOptions, targets: Sequence[Target], reads: Reads) -> tuple[BaseLock, ...]:
    if not any(options.bases):
        return ()
    from lockml.cli.compile.locks.base_locks import read_base_locks  # few locks have bases

    return read_base_locks(options.bases, lock_folder(options.output.lock), targets, reads)


def _on_bases(asked: RequirementSet, bases: Sequence[BaseLock], targets: Sequence[Target]) -> RequirementSet:
    if not bases:
        return asked
    from lockml.cli.compile.locks.base_locks import with_bases

    return with_bases(asked, bases, targets)


def _require_same_image(bases: Sequence[BaseLock], provided: ProvidedPackages, *, opened: bool) -> None:
    if bases:
        from lockml.cli.compile.locks.base_locks import require_same_image

        for base in bases:
            require_same_image(base, provided, opened=opened)


def _image_constraints(chosen: ChosenTargets) -> Iterator[Requirement]:
    if chosen.base_image is not None and chosen.base_image.constraints:
        from lockml.cli.compile.image.constraints import constraints_of

        yield from constraints_of(chosen.base_image)


def _find_lock(
    options: CompileOptions, untold: Untold, targets: Sequence[Target], existing: Lock | None
) -> tuple[Lock, tuple[str, ...]]:
    """Return *existing* if it is up to date, else the lock from the index, and warnings."""
    settings, inputs = options.locking, untold.inputs
    same_pins = existing is not None and not options.policy.moves_pins
    if (
        existing is not None
        and same_pins
        and is_current(existing, inputs, targets, identities=settings.artifact_identity)
    ):
        command = existing.made_with.command if untold.options else inputs.made_with.command
        return restated(existing, replace(inputs.made_with, command=command)), ()
    subset = next((base for base in inputs.bases if base.subset), None)
    if subset is not None:
        from lockml.cli.compile.locks.base_locks import part_of_base

        return part_of_base(subset, inputs, targets, identities=settings.artifact_identity), ()
    untold.demand(settings.lock)
    from lockml.cli.compile.resolve import lock_anew  # takes longer to load than to read an unchanged lock

    dropped = dropped_options(existing, inputs.made_with.command) if existing is not None else ()
    recorded = _recorded(inputs, existing)
    before = None if options.policy.upgrade else existing
    try:
        lock, warnings = lock_anew(settings, inputs, targets, before, recorded)
    except NoResolutionError as error:
        error.hint = error.hint or hint_of_accelerator(error.explanation, inputs)
        error.hint = error.hint or _hint_of_bases(error, inputs, options.table)
        raise
    refuse_files_of_others(lock, inputs.asked, targets)
    if inputs.bases:
        from lockml.cli.compile.locks.base_locks import on_bases

        lock = on_bases(lock, inputs, targets, options.table)
    return lock, (*dropped, *warnings)


def _recorded(inputs: LockInputs, existing: Lock | None) -> tuple[RecordedBuild, ...]:
    """Return the recorded builds of *inputs*, from their bases and the existing lock."""
    locks = (*(base.lock for base in inputs.bases), *((existing,) if existing is not None else ()))
    known = [each for lock in locks for each in lock.recorded]
    return recorded_of(inputs.built, [each for number, each in enumerate(known) if each not in known[:number]])


def _hint_of_bases(error: NoResolutionError, inputs: LockInputs, table: str) -> str | None:
    """Return how to allow another version than that of a base, if *error* names one."""
    named = next((base.path for base in inputs.bases if f"(constraint, {base.path}:" in error.explanation), None)
    if named is None:
        return None
    from lockml.cli.compile.locks.base_locks import relaxing

    return f"{relaxing(table)} allows another version than {named} has"


def _verified(lock: Lock, options: LockingOptions, indexes: NamedIndexes) -> Lock | None:
    """Return *lock* with its wheels verified, None if a wheel does not match; raises PackageIndexError."""
    from lockml.cli.verify.verification import print_deviations, verify_lock

    found = verify_lock(lock, options.lock, indexes, _access(options))
    for error in found.errors:
        raise error
    if found.deviations:
        print_deviations(options.lock, found)
        return None
    note(f"Verified {found.wheels}")
    return found.lock
