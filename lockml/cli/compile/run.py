"""The options of ``compile`` in; its files written, from the lock where that is the answer, else from the index."""

from collections.abc import Sequence

from lockml.cli.common.files import lock_folder
from lockml.cli.common.terminal import note
from lockml.cli.compile.existing_lock import check_lock, is_current, read_existing_lock
from lockml.cli.compile.indexes import choose_indexes
from lockml.cli.compile.inputs import folder_digests, read_requirements
from lockml.cli.compile.notes import Note, print_notes
from lockml.cli.compile.options import CompileOptions, LockingOptions
from lockml.cli.compile.outputs import outcome_notes, write_outputs
from lockml.cli.compile.policy import make_policy
from lockml.cli.compile.result_cache import Reads, keep_result
from lockml.cli.compile.targets import choose_targets
from lockml.common.target import Target
from lockml.index.locations import NamedIndexes
from lockml.lock.build import LockInputs
from lockml.lock.checks.denied import refuse_denied
from lockml.lock.model import Lock

__all__ = ["run_compile"]


def run_compile(options: CompileOptions) -> int:
    """Compile, or check, and return the exit code; raises LockmlError."""
    output, folder, reads = options.output, lock_folder(options.output.lock), Reads()
    of_image = output.check and options.target.base_image is not None and not options.policy.upgrade
    chosen = choose_targets(options.target, read_existing_lock(output.lock) if of_image else None)
    asked = read_requirements(options.inputs, folder, reads)
    inputs = LockInputs(
        asked=asked,
        policy=make_policy(options.policy, asked, folder),
        indexes=choose_indexes(options.indexes, asked, folder, reads.variables),
        stated=folder_digests(asked, folder),
        base_image=chosen.base_image,
    )
    notes = list(chosen.notes)
    if output.check:
        print_notes(notes)
        return check_lock(output, inputs, chosen.targets, options.policy.deny)
    notes += [Note("input", text) for text in asked.notes]
    print_notes(notes)
    kept = None if options.policy.upgrade else read_existing_lock(output.lock)
    lock, warnings = _find_lock(options.locking, inputs, chosen.targets, kept)
    refuse_denied(lock, options.policy.deny)
    verified = _verified(lock, options.locking, inputs.indexes) if output.verify else lock
    if verified is None:
        return 1
    written = write_outputs(verified, output)
    print_notes(Note("warning", text) for text in warnings)
    print_notes(outcome_notes(verified, written.files, written.changed))
    if not inputs.stated and chosen.base_image is None:  # a folder's metadata are in files that nobody names
        notes += outcome_notes(verified, written.files, ())
        keep_result(options.indexes.cache_dir, repr(options.decisive), reads, written.files, notes)
    return 0


def _find_lock(
    options: LockingOptions, inputs: LockInputs, targets: Sequence[Target], kept: Lock | None
) -> tuple[Lock, tuple[str, ...]]:
    """Return *kept* where it is the answer, else the lock that the index gives, and what to warn of."""
    same_pins = not options.upgrade_package and not options.prefer
    if kept is not None and same_pins and is_current(kept, inputs, targets, identities=options.artifact_identity):
        return kept, ()
    from lockml.cli.compile.resolve import lock_anew  # takes longer to load than an unchanged lock to be read

    return lock_anew(options, inputs, targets, kept)


def _verified(lock: Lock, options: LockingOptions, indexes: NamedIndexes) -> Lock | None:
    """Return *lock* with its wheels verified, None where it does not hold; raises PackageIndexError."""
    from lockml.cli.compile.verification import print_deviations, verify_lock
    from lockml.index.open import IndexOptions

    access = IndexOptions(
        cache_dir=options.cache_dir,
        offline=options.offline,
        certificates=options.cert,
        client_certificate=options.client_cert,
        insecure_hosts=options.allow_insecure_host,
    )
    found = verify_lock(lock, options.lock, indexes, access)
    for error in found.errors:
        raise error
    if found.deviations:
        print_deviations(options.lock, found)
        return None
    note(f"Verified {found.wheels}")
    return found.lock
