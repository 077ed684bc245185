"""Adopt a lock of another tool: write a lock of lockml with the same pins and files."""

import os
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace
from packaging.pylock import Package, PackageArchive, PackageSdist, PackageWheel

from lockml.cli.adopt.head_command import adopt_words
from lockml.cli.adopt.placement import place_projects, placement_words
from lockml.cli.common.files import lock_folder, relative_location, write_files
from lockml.cli.common.read_lock import names_revision
from lockml.cli.common.terminal import note, progress_line, warn
from lockml.cli.compile.indexes import choose_indexes
from lockml.cli.compile.notes import print_notes
from lockml.cli.compile.options import CompileOptions
from lockml.cli.compile.outputs import outcome_notes, write_outputs
from lockml.cli.compile.resolve import identified_lock, index_options, overlap_warnings, source_settings
from lockml.cli.compile.result_cache import Reads
from lockml.cli.compile.run import lock_inputs
from lockml.cli.compile.targets import ChosenTargets
from lockml.common.errors import InputError
from lockml.direct.index import SourceIndex
from lockml.index.http.pip_config import public_index_url
from lockml.index.locations import NamedIndexes
from lockml.index.open import open_index
from lockml.lock.adoption import adopt_pins
from lockml.lock.build import build_lock
from lockml.lock.formats.pylock import format_lock
from lockml.lock.inputs import LockInputs
from lockml.lock.model import TOOLS, Lock
from lockml.lock.queries.indexes import indexes_of
from lockml.lock.references import index_files, moved
from lockml.lock.select import chosen_names
from lockml.lock.status.freshness import unmet_since
from lockml.requirements.model import Origin, RequirementSet
from lockml.requirements.requirements_txt import parse_requirement
from lockml.resolution.candidates.missing_hashes import add_missing_hashes
from lockml.resolution.model import Resolution

__all__ = ["adopt"]


def adopt(foreign: Lock, file: str, chosen: ChosenTargets, options: CompileOptions, *, requirements: bool) -> int:
    """Write the lock, and with *requirements* the file that installs it, and return 0.

    Raises LockError for pins that the index lacks or has with other files, PackageIndexError.
    """
    folder = lock_folder(options.output.lock)
    options = _with_indexes(_seen_from(foreign, file, Path()), options)
    foreign = _seen_from(foreign, file, folder)
    inputs = _inputs(foreign, file, chosen, options)
    access = index_options(options.locking)
    with progress_line() as progress, open_index(inputs.indexes, folder, access, progress) as opened:
        index = SourceIndex(opened, settings=source_settings(folder, inputs, foreign), progress=progress)
        index.prefetch_projects(sorted(TOOLS))
        found = adopt_pins(foreign, chosen.targets, index, file, inputs.asked.requirements)
        inputs, found = _as_locked(_asked_of(foreign, file, options.output.lock), file, inputs, found)
        resolutions = add_missing_hashes(found, index)
        lock, _ = identified_lock(inputs, resolutions, (None, ()), index, opened, {})
        notes = [text for resolution in resolutions for text in resolution.warnings]
        warnings = list(dict.fromkeys([*notes, *overlap_warnings(resolutions, opened)]))
    if requirements:
        try:
            written = write_outputs(lock, options.output, {file})
        except InputError as error:
            raise InputError(error.subject, error.problem, hint="name another file with -r") from error
        files, changed = tuple(written.files), written.changed
    else:
        files = (options.output.lock,)
        changed = write_files({options.output.lock: format_lock(lock)})
    for text in (*_unhashed(foreign), *warnings):
        warn(text)
    print_notes(outcome_notes(lock, files, changed))
    return 0


def _unhashed(foreign: Lock) -> Iterator[str]:
    """Yield one warning about pins without a hash."""
    names = [
        package.name
        for position, package in enumerate(foreign.pylock.packages)
        if not (package.vcs or package.directory or foreign.hashes.get(position))
        if not all(file.hashes for file in _files_of(package)) or not _files_of(package)
    ]
    if names:
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        yield f"the lock has no hash for {shown}: using the files that the index lists today"


def _files_of(package: Package) -> list[PackageWheel | PackageSdist | PackageArchive]:
    return [*index_files(package), *((package.archive,) if package.archive is not None else ())]


def _home(foreign: Lock, file: str) -> Path:
    """Return the folder that paths in *foreign*, the lock *file*, are relative to; for requirements, this one."""
    if file == "-" or foreign.format == "requirements.txt":
        return Path()
    return Path(file.partition(":")[2] if names_revision(file) else file).parent


def _seen_from(foreign: Lock, file: str, folder: Path) -> Lock:
    """Return *foreign*, the lock *file*, with its paths relative to *folder*."""
    home = _home(foreign, file)

    def move(path: str) -> str:
        if "://" in path or path.startswith(("/", "~")):
            return path
        return relative_location(os.path.join(home, path), folder)  # noqa: PTH118 - a Path would take ".." apart

    return moved(foreign, move)


def _with_indexes(foreign: Lock, options: CompileOptions) -> CompileOptions:
    """Return *options* with the indexes of the lock, unless they name some, and the projects of each.

    Paths of *foreign* are relative to this folder, as those of *options* are.
    """
    named = choose_indexes(options.indexes, RequirementSet(requirements=()), Path(), os.environ)
    indexes = indexes_of(foreign, public_index_url()) if named == NamedIndexes() else named
    placed = place_projects(foreign, indexes, Path(), index_options(options.locking))
    words = placement_words(placed)
    if placed != indexes and words:
        note(f"Found the index of each pin by its hashes: {words}")
    only = [index for index in placed.named if index.only]
    return options._replace(
        indexes=options.indexes._replace(
            index_url=placed.url,
            extra_index_url=placed.extra_urls,
            named_index=tuple(f"{index.name}={index.url}" for index in placed.named),
            index_only=tuple(f"{index.name}={','.join(index.only)}" for index in only),
            find_links=placed.find_links,
        )
    )


def _inputs(foreign: Lock, file: str, chosen: ChosenTargets, options: CompileOptions) -> LockInputs:
    """Return the inputs of the lock: from its own input files if they are beside it, else as the lock records them."""
    origins = sorted({each.origin for each in foreign.requirements})
    paths = [Path(file).parent / origin for origin in origins] if file != "-" and not names_revision(file) else []
    extras, groups = chosen_names(foreign)
    if paths and all(path.is_file() for path in paths):
        files = tuple(map(str, paths))
        named = options.inputs._replace(files=files, extra=tuple(sorted(extras)), group=tuple(sorted(groups)))
        try:
            return lock_inputs(options._replace(inputs=named), chosen, Reads(_no_address))
        except InputError as error:
            note(f"cannot read {', '.join(origins)}, using its requirements as the lock records them: {error}")
    bare = options._replace(inputs=options.inputs._replace(files=(), extra=(), group=()))
    inputs = lock_inputs(bare, chosen, Reads(_no_address))
    words = adopt_words(file, foreign.choice, options, chosen.targets, chosen.base_image)
    made_with = replace(inputs.made_with, command=words)
    return replace(inputs, asked=_asked_of(foreign, file, options.output.lock), made_with=made_with)


def _asked_of(foreign: Lock, file: str, output: str) -> RequirementSet:
    """Return the inputs that *foreign*, the lock *file*, records, relative to the lock *output*."""
    beside = "" if file == "-" or names_revision(file) else os.path.dirname(file)  # noqa: PTH120 - "" for this folder
    folder = lock_folder(output)

    def origin(name: str) -> Origin:
        return Origin(file=relative_location(os.path.join(beside, name), folder))  # noqa: PTH118 - the same

    return RequirementSet(
        requirements=tuple(parse_requirement(each.requirement, origin(each.origin)) for each in foreign.requirements),
        projects=foreign.projects,
    )


def _as_locked(
    asked: RequirementSet, file: str, inputs: LockInputs, found: tuple[Resolution, ...]
) -> tuple[LockInputs, tuple[Resolution, ...]]:
    """Return *inputs* and what was *found* with what the lock *file* *asked* for, if the inputs have changed since.

    Otherwise the new lock would claim to be up to date, and lack what they ask for.
    """
    from_files = inputs.asked.requirements != asked.requirements
    unmet = unmet_since(build_lock(found, {}, inputs), inputs.asked) if from_files else ()
    if not unmet:
        return inputs, found
    more = f" (and {len(unmet) - 1} more)" if len(unmet) > 1 else ""
    warn(f"{file} is older than its inputs: {unmet[0]}{more}; lock again with the tool that made it")
    return replace(inputs, asked=asked), tuple(
        replace(
            each,
            requirements=tuple(one for one in asked.requirements if one.applies_to(each.target.environment)),
        )
        for each in found
    )


def _no_address(url: str) -> bytes:
    raise InputError(url, "is a URL, but the inputs of a lock must be files")
