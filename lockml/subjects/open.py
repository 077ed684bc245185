"""Open a subject by the kind and name that the user gives. Each kind only imports what it needs."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lockml.common.errors import InputError, UnreachableError
from lockml.common.progress import Progress, silent, tell_fact
from lockml.common.settings import setting
from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.subjects.model import OpenedSubject, ReadOptions

if TYPE_CHECKING:
    from lockml.subjects.engine.api import Engine

__all__ = [
    "KINDS",
    "SubjectName",
    "engine_of_environment",
    "image_layers",
    "open_subject",
    "subjects_of",
    "with_cached_digests",
]

KINDS: Final = {
    "container": ("NAME", "A container of the engine, running or not."),
    "image": ("REF", "An image in the engine."),
    "registry": ("REF", "An image in a registry, read without an engine."),
    "archive": ("FILE[:REF]", "The output of `docker save`, `docker export` or an OCI builder, compressed or not."),
    "oci": ("DIR[:REF]", "An OCI image layout."),
    "compose": (
        "FILE[:SERVICE]",
        "The services of a Compose file or folder; repeat it for several files of one project.",
    ),
    "path": ("DIR", "A virtual environment, a folder of packages (pip --target), or the root of a file system."),
    "freeze": ("FILE", "The output of `pip freeze` or `pip inspect`, for level names; - reads standard input."),
    "pid": ("N", "A process on this machine, in a container of any kind or in none."),
}
"""The kinds of subjects: the name of the option, and what each is."""

_Opened = AbstractContextManager[OpenedSubject]


class SubjectName(Struct, frozen=True, kw_only=True):
    """A subject that the user named: its *kind*, one of `KINDS`, and its *name*.

    For ``compose``, *files* are further files of the *project*; a container of it has its *service*.
    """

    kind: str
    name: str
    project: str | None = None
    files: tuple[str, ...] = ()
    service: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def open_subject(named: SubjectName, options: ReadOptions) -> _Opened:
    """Yield the files of the named subject; raises InputError, UnreachableError."""
    return _OPENERS[named.kind](named, options)


@contextmanager
def with_cached_digests(opened: OpenedSubject, folder: Path | None, progress: Progress = silent) -> Iterator[FileTree]:
    """Yield the files of a subject, with the cached digests of its image in *folder*, None for no cache."""
    if folder is None or opened.image is None:
        yield opened.tree
        return
    from lockml.subjects.digest_cache import KeptTree

    tree = KeptTree(opened.tree, opened.image, folder)
    tell_fact(progress, f"digests of the image's files: {tree.known:,} from the cache")
    yield tree
    tree.keep()


def image_layers(named: SubjectName, platforms: tuple[str, ...]) -> tuple[str, ...]:
    """Return the digests of an image's uncompressed layers, lowest first, in the cheapest way.

    For an image in a registry, only the manifest is fetched. () for anything else. Raises InputError, UnreachableError.
    """
    if named.kind == "image":
        return engine_of_environment().image(named.name).layers
    if named.kind == "registry":
        from lockml.subjects.oci.registry import Registry, parse_reference

        with Registry(parse_reference(named.name)) as registry:
            try:
                return registry.image(platforms)[0].diff_ids
            except UnreadableError as error:
                raise UnreachableError(f"image {named.name}: {error.path}", error.reason) from error
    with open_subject(named, ReadOptions(platforms=platforms)) as opened:
        return opened.subject.layers


def engine_of_environment() -> "Engine":
    """Return the engine that this machine's environment selects."""
    from lockml.subjects.engine.api import Engine, EngineAddress

    return Engine(EngineAddress.from_environment(os.environ))


def subjects_of(named: SubjectName) -> tuple[SubjectName, ...]:
    """Return what to open for *named*: each container of a service, or itself for any other kind.

    Raises InputError, NotFoundError, EngineError.
    """
    if named.kind != "compose":
        return (named,)
    from lockml.subjects.engine.compose import find_containers, read_project

    project = read_project((named.name, *named.files), named.project)
    return tuple(
        SubjectName(kind="container", name=each.container, project=project.name, service=each.service)
        for each in find_containers(engine_of_environment(), project)
    )


def _of_container(named: SubjectName, options: ReadOptions) -> _Opened:
    from lockml.subjects.engine.container import open_container

    service_details = {"service": named.service, "project": named.project or ""} if named.service else {}
    return open_container(engine_of_environment(), named.name, options, service_details)


def _of_compose(named: SubjectName, options: ReadOptions) -> _Opened:
    from lockml.subjects.engine.compose import find_service, read_project

    project = read_project((named.name, *named.files), named.project)
    found = find_service(engine_of_environment(), project)
    name = SubjectName(kind="container", name=found.container, project=project.name, service=found.service)
    return _of_container(name, options)


def _of_image(named: SubjectName, options: ReadOptions) -> _Opened:
    from lockml.subjects.engine.image import open_image

    return open_image(engine_of_environment(), named.name, options)


def _of_registry(named: SubjectName, options: ReadOptions) -> _Opened:
    from lockml.subjects.oci.registry import open_registry

    return open_registry(named.name, options)


def _of_archive(named: SubjectName, options: ReadOptions) -> _Opened:
    from lockml.subjects.oci.archive import open_archive

    return open_archive(named.name, options)


def _of_layout(named: SubjectName, options: ReadOptions) -> _Opened:
    from lockml.subjects.oci.archive import open_layout

    return open_layout(named.name, options)


def _of_path(named: SubjectName, _: ReadOptions) -> _Opened:
    from lockml.subjects.path import open_path

    return open_path(named.name)


def _of_process(named: SubjectName, _: ReadOptions) -> _Opened:
    from lockml.subjects.process import open_process

    if not named.name.isascii() or not named.name.isdigit():
        raise InputError(setting("pid", repr(named.name)), "is not a process number", hint="as `ps` shows it")
    return open_process(int(named.name))


_OPENERS: Final[dict[str, Callable[[SubjectName, ReadOptions], _Opened]]] = {
    "container": _of_container,
    "compose": _of_compose,
    "image": _of_image,
    "registry": _of_registry,
    "archive": _of_archive,
    "oci": _of_layout,
    "path": _of_path,
    "pid": _of_process,
}
