"""Read the input files that the options name; paths are as the lock will have them."""

import hashlib
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from msgspec.structs import replace
from packaging.specifiers import SpecifierSet

from lockml.cli.common.files import lies_in_project, read_file, relative_location, relative_to_folder
from lockml.cli.compile.options import ConfiguredBuilt, InputOptions
from lockml.cli.compile.result_cache import Reads
from lockml.common.errors import InputError, LockmlError, RequirementError
from lockml.common.references import ArchiveReference, FolderReference, RepositoryReference
from lockml.index.built import Built
from lockml.index.http.file_urls import expand_home
from lockml.requirements.line_faults import hide_foreign_lines
from lockml.requirements.model import Origin, Requirement, RequirementSet, UnnamedRequirement
from lockml.requirements.read import InputFiles, read_input_files

__all__ = ["BuiltProject", "built_from", "folder_digests", "read_requirements", "seen_from_here", "worded_from_here"]

_SUFFIXES = (".in", ".txt")  # of files outside the project that another one may include
_R = TypeVar("_R", Requirement, UnnamedRequirement)


def read_requirements(options: InputOptions, folder: Path, reads: Reads) -> RequirementSet:
    """Read every named file through *reads*; paths are relative to *folder*, that of the lock.

    Raises InputError, RequirementError.
    """
    named = InputFiles(
        files=options.files,
        constraints=options.constraint,
        overrides=options.override,
        extras=options.extra,
        groups=options.group,
    )
    files = (*options.files, *options.constraint, *options.override)

    def read(name: str) -> bytes:
        _refuse_foreign(name, files)
        return reads.read(name)

    try:
        asked = read_input_files(named, read=read, environment=reads.variables)
    except RequirementError as error:
        raise hide_foreign_lines(error, lambda name: lies_in_project(name, files)) from None
    return replace(
        asked,
        requirements=tuple(_seen_from(each, folder) for each in asked.requirements),
        constraints=tuple(_moved(each, folder) for each in asked.constraints),
        overrides=tuple(_seen_from(each, folder) for each in asked.overrides),
        unnamed=tuple(_seen_from(each, folder) for each in asked.unnamed),
        dynamic=tuple(
            replace(each, folder=relative_location(each.folder, folder), file=relative_to_folder(each.file, folder))
            for each in asked.dynamic
        ),
    )


def _refuse_foreign(name: str, files: Collection[str]) -> None:
    """Raise InputError where *files* include a file that may be a secret: an index is asked for each word in it."""
    if name in files or lies_in_project(name, files) or Path(name).resolve().suffix in _SUFFIXES:
        return
    problem = f"is outside the project, and its name does not end in {' or '.join(_SUFFIXES)}"
    remedy = "name it on the command line, or rename it"
    raise InputError(name, f"{problem}, so its lines may be secrets, which no index may be asked for: {remedy}")


def _seen_from(each: _R, folder: Path) -> _R:
    """Return *each* with its origin and its path as the lock names them."""
    origin = replace(each.origin, file=relative_to_folder(each.origin.file, folder))
    return replace(_moved(each, folder), origin=origin)


def _moved(each: _R, folder: Path) -> _R:
    match each.reference:
        case ArchiveReference(local=True) as reference:
            location = relative_location(reference.location, folder)
            return replace(each, reference=replace(reference, location=location))
        case FolderReference() as reference:
            return replace(each, reference=replace(reference, path=relative_location(reference.path, folder)))
    return each


class BuiltProject(NamedTuple):
    """A project that the image builds, as the lock names it, and the constraint to that source."""

    built: Built
    constraint: Requirement


def built_from(configured: Sequence[ConfiguredBuilt], folder: Path) -> tuple[BuiltProject, ...]:
    """Return the *configured* projects with paths relative to *folder*, that of the lock."""
    found: list[BuiltProject] = []
    for built, file, line in configured:
        constraint = Requirement(
            name=built.name,
            extras=(),
            specifier=SpecifierSet(),
            marker=None,
            origin=Origin(file=file, line=line),
            reference=built.reference,
        )
        constraint = _seen_from(constraint, folder)
        reference = constraint.reference
        if isinstance(reference, ArchiveReference | RepositoryReference):  # the only kind it can be
            found.append(BuiltProject(replace(built, reference=reference), constraint))
    return tuple(found)


def folder_digests(asked: RequirementSet, folder: Path) -> dict[str, str]:
    """Return for each required source tree, by path, the SHA-256 of the files that decide its metadata."""
    named = [each.reference for each in (*asked.requirements, *asked.constraints, *asked.overrides)]
    references = [*named, *(each.reference for each in asked.unnamed)]
    paths = {each.path for each in references if isinstance(each, FolderReference)}
    paths |= {project.folder for project in asked.dynamic}
    return {path: _digest_of(folder / expand_home(path)) for path in paths}


def _digest_of(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in ("PKG-INFO", "pyproject.toml", "setup.cfg", "setup.py"):
        path = folder / name
        if path.is_file():
            digest.update(f"{name} {path.stat().st_size}\n".encode() + read_file(str(path)))
    return digest.hexdigest()


def seen_from_here(text: str, files: Collection[str], folder: Path) -> str:
    """Return *text* with each of *files*, which it names relative to *folder*, named relative to this folder."""
    names = {relative_to_folder(name, folder): name for name in files}
    moved = {there: here for there, here in names.items() if there != here}
    if not moved:
        return text
    alternatives = "|".join(map(re.escape, sorted(moved, key=len, reverse=True)))
    return re.sub(rf"(?<![\w./-])(?:{alternatives})(?![\w/-]|\.\w)", lambda match: moved[match[0]], text)


@contextmanager
def worded_from_here(files: Collection[str], folder: Path) -> Iterator[None]:
    """Let errors name *files* relative to this folder, if the lock is in another *folder*."""
    try:
        yield
    except LockmlError as error:
        for name in ("subject", "problem", "explanation", "brief", "hint"):
            text = getattr(error, name, None)
            if isinstance(text, str):
                setattr(error, name, seen_from_here(text, files, folder))
        if isinstance(error, RequirementError):
            error.faults = tuple((seen_from_here(place, files, folder), problem) for place, problem in error.faults)
        raise
