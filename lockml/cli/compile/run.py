"""The options of ``compile`` in; its files written, from the lock where that is the answer, else from the index."""

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
from lockml.cli.compile.inputs import built_from, folder_digests, read_requirements
from lockml.cli.compile.notes import Note, print_notes
from lockml.cli.compile.options import CompileOptions, LockingOptions
from lockml.cli.compile.outputs import command_words, outcome_notes, write_outputs
from lockml.cli.compile.policy import make_policy, newer_text, with_accelerator_of_image
from lockml.cli.compile.result_cache import Reads, keep_result
from lockml.cli.compile.targets import ChosenTargets, choose_targets
from lockml.common.errors import InputError, LockError, NoResolutionError
from lockml.common.target import Target
from lockml.index.locations import NamedIndexes
from lockml.lock.checks.accelerator_choice import with_accelerator
from lockml.lock.checks.accelerators import refuse_misfits
from lockml.lock.facts import restated
from lockml.lock.formats.built import recorded_of
from lockml.lock.inputs import LockInputs
from lockml.lock.model import Lock, MadeWith, ProvidedPackages
from lockml.requirements.model import Requirement
from lockml.requirements.python_bound import require_pythons

if TYPE_CHECKING:
    from lockml.index.open import IndexOptions

__all__ = ["lock_inputs", "run_compile"]


def run_compile(options: CompileOptions) -> int:
    """Compile, or check, and return the exit code; raises LockmlError."""
    declared = declared_host(options.policy.driver, options.policy.gpu)
    output, reads = options.output, Reads(partial(_fetch, options=options.locking))
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
        return check_lock(output, untold.inputs, chosen.targets, options.policy.deny, declared)
    notes = [*chosen.notes, *(Note("input", text) for text in inputs.asked.notes)]
    print_notes(notes)
    lock, warnings = _find_lock(completed, untold, chosen.targets, existing)
    if options.policy.deny:
        from lockml.lock.checks.denied import refuse_denied  # needs who asks for what

        refuse_denied(lock, options.policy.deny)
    misfits = list(_untold(refuse_misfits(lock, declared, output.lock), warnings))
    verified = _verified(lock, options.locking, inputs.indexes) if output.verify else lock
    if verified is None:
        return 1
    written = write_outputs(verified, output, reads.files)
    print_notes([*(Note("warning", text) for text in (*warnings, *_twice(verified, chosen))), *misfits])
    print_notes(outcome_notes(verified, written.files, written.changed))
    if (
        not inputs.stated and options.target.base_image is None and chosen.provides is None
    ):  # what these have is not among what was read
        notes += [*misfits, *outcome_notes(verified, written.files, ())]
        keep_result(options.indexes.cache_dir, repr(options.decisive), reads, written.files, notes)
    return 0


def _existing_lock(options: CompileOptions) -> Lock | None:
    """Return the lock that is there; one that cannot be read does not count where neither pins nor target are of it."""
    try:
        return read_existing_lock(options.output.lock)
    except LockError:
        if not options.policy.upgrade or not (options.target.named or options.target.retarget):
            raise
    lock = options.output.lock
    if not is_lock(read_file(lock)):
        raise InputError(lock, "is no lock, and would be overwritten", hint="name another file with --lock")
    return None


def _fetch(url: str, options: LockingOptions) -> bytes:
    from lockml.cli.common.remote_files import fetch_file  # loads what asks servers

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
    """Return what *options* ask for; raises InputError, RequirementError."""
    folder = lock_folder(options.output.lock)
    asked = read_requirements(options.inputs, folder, reads)
    built = built_from(options.built, folder)
    asked = replace(asked, constraints=(*asked.constraints, *(each.constraint for each in built)))
    asked = with_accelerator(asked, options.policy.accelerator or "", chosen.targets)
    require_pythons(asked.pythons, chosen.targets)
    asked = replace(asked, constraints=(*asked.constraints, *_image_constraints(chosen)))
    indexes = choose_indexes(options.indexes, asked, folder, reads.variables, options.policy.accelerator)
    policy = make_policy(options.policy, asked, folder, indexes)
    provided = ProvidedPackages()
    if chosen.provides is not None:
        provided = chosen.provides.packages
        policy = replace(policy, provided=chosen.provides.provided)
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
    )


def _untold(misfits: Sequence[str], warnings: Sequence[str]) -> Iterator[Note]:
    """Yield *misfits* but for what *warnings* say of the same releases: that they write the same files."""
    for text in misfits:
        releases, both, _ = text.partition(" both write ")
        if not (both and any(each.startswith(f"{releases} install different files") for each in warnings)):
            yield Note("warning", text)


def _twice(lock: Lock, chosen: ChosenTargets) -> Iterator[str]:
    if chosen.provides is not None and lock.targets:
        from lockml.cli.compile.image.twice import libraries_twice

        yield from libraries_twice(lock, chosen.provides.stock)


def _image_constraints(chosen: ChosenTargets) -> Iterator[Requirement]:
    if chosen.base_image is not None and chosen.base_image.constraints:
        from lockml.cli.compile.image.constraints import constraints_of

        yield from constraints_of(chosen.base_image)


def _find_lock(
    options: CompileOptions, untold: Untold, targets: Sequence[Target], existing: Lock | None
) -> tuple[Lock, tuple[str, ...]]:
    """Return *existing* where it is the answer, else the lock that the index gives, and what to warn of."""
    settings, inputs = options.locking, untold.inputs
    same_pins = existing is not None and not options.policy.moves_pins
    if (
        existing is not None
        and same_pins
        and is_current(existing, inputs, targets, identities=settings.artifact_identity)
    ):
        command = existing.made_with.command if untold.options else inputs.made_with.command
        return restated(existing, replace(inputs.made_with, command=command)), ()
    untold.demand(settings.lock)
    from lockml.cli.compile.resolve import lock_anew  # takes longer to load than an unchanged lock to be read

    dropped = dropped_options(existing, inputs.made_with.command) if existing is not None else ()
    recorded = recorded_of(inputs.built, existing.recorded) if existing is not None else ()
    before = None if options.policy.upgrade else existing
    try:
        lock, warnings = lock_anew(settings, inputs, targets, before, recorded)
    except NoResolutionError as error:
        error.hint = error.hint or hint_of_accelerator(error.explanation, inputs)
        raise
    return lock, (*dropped, *warnings)


def _verified(lock: Lock, options: LockingOptions, indexes: NamedIndexes) -> Lock | None:
    """Return *lock* with its wheels verified, None where it does not hold; raises PackageIndexError."""
    from lockml.cli.compile.verification import print_deviations, verify_lock

    found = verify_lock(lock, options.lock, indexes, _access(options))
    for error in found.errors:
        raise error
    if found.deviations:
        print_deviations(options.lock, found)
        return None
    note(f"Verified {found.wheels}")
    return found.lock
