"""The options of ``compile`` in; what is asked, for which targets and by which policy out."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import TypeVar

from msgspec.structs import replace
from packaging.utils import canonicalize_name

from lockml.cli.common.files import read_file, relative_to_folder
from lockml.cli.common.options import parse_moment
from lockml.cli.compile.host_target import choose_target
from lockml.cli.compile.index_options import parse_indexes
from lockml.cli.compile.result_cache import Reads
from lockml.cli.compile.settings import CompileSettings
from lockml.common.durations import parse_age
from lockml.common.errors import InputError
from lockml.common.references import ArchiveReference, FolderReference
from lockml.common.target import Target, parse_target
from lockml.index.locations import NamedIndexes
from lockml.lock.build import LockInputs
from lockml.requirements.model import Requirement, RequirementSet, UnnamedRequirement
from lockml.requirements.read import InputFiles, read_input_files
from lockml.resolution.model import Policy, parse_selection

__all__ = ["choose_targets", "lock_folder", "read_inputs"]

_R = TypeVar("_R", Requirement, UnnamedRequirement)


def choose_targets(settings: CompileSettings) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    """Return the targets, and which parts of them were taken from this machine; raises InputError."""
    single = {"--python": settings.python, "--platform": settings.platform, "--libc": settings.libc}
    if not settings.target:
        target, taken = choose_target(settings.python, settings.platform, settings.libc)
        return (target,), taken
    beside = [name for name, value in single.items() if value]
    if beside:
        raise InputError(beside[0], "cannot be given beside --target, which says it all")
    targets = tuple(map(parse_target, settings.target))
    for target in targets:
        if len([other for other in targets if (other.name or str(other)) == (target.name or str(target))]) > 1:
            raise InputError(f"--target {target.name or str(target)!r}", "is given more than once")
    return targets, ()


def read_inputs(settings: CompileSettings, reads: Reads) -> LockInputs:
    """Read every file that is named, as *reads* gives them; raises InputError, RequirementError."""
    asked = _read(settings, reads)
    age = parse_age(settings.exclude_newer) if settings.exclude_newer else None
    moment = datetime.now(UTC) - age if age else None
    if settings.exclude_newer and age is None:
        moment = parse_moment(settings.exclude_newer)
    folder = lock_folder(settings.lock)
    return LockInputs(
        asked=asked,
        policy=Policy(
            prereleases=settings.pre or asked.options.prereleases,
            exclude_newer=moment,
            exclude_newer_age=settings.exclude_newer if age else None,
            strategy=settings.resolution,
            no_binary=parse_selection([*asked.options.no_binary, *settings.no_binary]),
            only_binary=parse_selection([*asked.options.only_binary, *settings.only_binary]),
            excludes=frozenset(map(canonicalize_name, settings.exclude)),
            allow_build=parse_selection(name for each in settings.allow_build for name in (each, _tree(each, folder))),
        ),
        indexes=NamedIndexes(
            url=settings.index_url or asked.options.index_url,
            extra_urls=(*settings.extra_index_url, *asked.options.extra_index_urls),
            named=parse_indexes(settings.index, settings.index_only, reads.variables),
            find_links=tuple(_place(place, folder) for place in (*settings.find_links, *asked.options.find_links)),
            no_index=settings.no_index or asked.options.no_index,
        ),
        stated=_stated(asked, folder),
    )


def lock_folder(lock: str) -> Path:
    """Return the folder of the file *lock*, from which the lock sees paths."""
    return Path(lock).parent if lock != "-" else Path()


def _read(settings: CompileSettings, reads: Reads) -> RequirementSet:
    named = InputFiles(
        files=settings.files,
        constraints=settings.constraint,
        overrides=settings.override,
        extras=settings.extra,
        groups=settings.group,
    )
    asked = read_input_files(named, read=reads.read, environment=reads.variables)
    folder = lock_folder(settings.lock)
    return replace(
        asked,
        requirements=tuple(_seen_from(each, folder) for each in asked.requirements),
        constraints=tuple(_moved(each, folder) for each in asked.constraints),
        overrides=tuple(_seen_from(each, folder) for each in asked.overrides),
        unnamed=tuple(_seen_from(each, folder) for each in asked.unnamed),
        dynamic=tuple(
            replace(each, folder=_place(each.folder, folder), file=relative_to_folder(each.file, folder))
            for each in asked.dynamic
        ),
    )


def _seen_from(each: _R, folder: Path) -> _R:
    """Return *each* with its origin and its path as the lock will name them."""
    origin = replace(each.origin, file=relative_to_folder(each.origin.file, folder))
    return replace(_moved(each, folder), origin=origin)


def _moved(each: _R, folder: Path) -> _R:
    match each.reference:
        case ArchiveReference(local=True) as reference:
            return replace(each, reference=replace(reference, location=_place(reference.location, folder)))
        case FolderReference() as reference:
            return replace(each, reference=replace(reference, path=_place(reference.path, folder)))
    return each


def _tree(named: str, folder: Path) -> str:
    """Return the source tree that *named*, a path or a file in it, is for the lock; a project's name stays."""
    path = PurePath(named)
    if path.name in ("setup.py", "setup.cfg", "pyproject.toml"):
        return _place(str(path.parent), folder)
    return _place(named, folder) if "/" in named or named == "." else named


def _place(place: str, folder: Path) -> str:
    """Return *place* as seen from *folder* if it is a relative path; addresses and absolute paths stay."""
    if "://" in place or place.startswith(("/", "~")):
        return place
    return relative_to_folder(place, folder)


def _stated(asked: RequirementSet, folder: Path) -> dict[str, str]:
    """Return the SHA-256 of what decides the metadata of each folder that is asked for, by its path."""
    named = [each.reference for each in (*asked.requirements, *asked.constraints, *asked.overrides)]
    references = [*named, *(each.reference for each in asked.unnamed)]
    paths = {each.path for each in references if isinstance(each, FolderReference)}
    paths |= {project.folder for project in asked.dynamic}
    return {path: _digest_of(folder / Path(path).expanduser()) for path in paths}


def _digest_of(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in ("PKG-INFO", "pyproject.toml", "setup.cfg", "setup.py"):
        path = folder / name
        if path.is_file():
            digest.update(f"{name} {path.stat().st_size}\n".encode() + read_file(str(path)))
    return digest.hexdigest()
