"""The options that name what is looked at, and the opening of it; shared by every command that looks at one."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from lockml.cli.options import option
from lockml.errors import InputError
from lockml.inventory.sources.opened import OpenedSubject, ReadOptions

if TYPE_CHECKING:
    from lockml.inventory.sources.engine import Engine

__all__ = ["SubjectOptions", "open_subject", "parse_subject", "subject_options"]

_Opened = AbstractContextManager[OpenedSubject]
_F = TypeVar("_F", bound=Callable[..., Any])
_KINDS: Final = {
    "container": ("NAME", "A container of the engine, running or not."),
    "image": ("REF", "An image that the engine has."),
    "registry": ("REF", "An image in a registry, read without an engine."),
    "archive": ("FILE[:REF]", "What `docker save`, `docker export` or an OCI builder wrote, compressed or not."),
    "oci": ("DIR[:REF]", "An OCI image layout."),
    "compose": ("FILE[:SERVICE]", "The container of a compose service."),
    "path": ("DIR", "A virtual environment, or the root of a file system."),
    "freeze": ("FILE", "What `pip freeze` or `pip inspect` printed, for level names; - reads standard input."),
    "pid": ("N", "A process of this machine, in a container of any kind or in none."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectOptions:
    """What the user named: one of them, and the *environment* in it."""

    container: str | None = None
    image: str | None = None
    registry: str | None = None
    archive: str | None = None
    oci: str | None = None
    path: str | None = None
    pid: str | None = None
    compose: str | None = None
    freeze: str | None = None
    project: str | None = None
    environment: str | None = None

    @property
    def one(self) -> tuple[str, str]:
        """The kind that was named and its name; raises InputError for none or several."""
        given = [(name, value) for name in _KINDS if (value := getattr(self, name)) is not None]
        if len(given) != 1:
            every = [f"--{name}" for name, _ in given] or [f"--{name}" for name in _KINDS]
            text = f"{', '.join(every[:-1])} and {every[-1]}"
            raise InputError(text, "give exactly one of them", hint="for example: lockml check --container NAME")
        return given[0]


def subject_options(command: _F) -> _F:
    """Declare the options that name a subject."""
    command = option(
        "--environment", metavar="PREFIX", show_default="that of its python", help="The Python environment in it."
    )(command)
    command = option("--project", metavar="NAME", show_default="as Compose names it", help="The project of --compose.")(
        command
    )
    for name, (metavar, text) in reversed(_KINDS.items()):
        command = option(f"--{name}", metavar=metavar, help=text)(command)
    return command


def parse_subject(text: str) -> SubjectOptions:
    """Return what ``KIND:NAME`` means; a path that is there needs no kind. Raises InputError."""
    kind, colon, name = text.partition(":")
    if colon and kind in _KINDS and kind != "freeze":
        return SubjectOptions(**{kind: name})
    if Path(text).is_dir():
        return SubjectOptions(path=text)
    kinds = ", ".join(each for each in _KINDS if each != "freeze")
    raise InputError(repr(text), "is not KIND:NAME", hint=f"write container:NAME or image:REF; KIND is one of {kinds}")


def open_subject(named: SubjectOptions, options: ReadOptions) -> _Opened:
    """Give the files of what the user named; raises InputError, UnreachableError."""
    kind, value = named.one
    return _OPENERS[kind](value, options, named.project)


# Each imports what it needs only when it is asked for: a check takes less time than all of them take to import.


def _of_container(value: str, options: ReadOptions, _: str | None) -> _Opened:
    from lockml.inventory.sources.container import open_container

    return open_container(_engine(), value, options)


def _of_compose(value: str, options: ReadOptions, project: str | None) -> _Opened:
    from lockml.inventory.sources.compose import find_service
    from lockml.inventory.sources.container import open_container

    engine = _engine()
    return open_container(engine, find_service(engine, value, project), options)


def _of_image(value: str, options: ReadOptions, _: str | None) -> _Opened:
    from lockml.inventory.sources.image import open_image

    return open_image(_engine(), value, options)


def _engine() -> "Engine":
    from lockml.inventory.sources.engine import Engine, EngineAddress

    return Engine(EngineAddress.from_environment(os.environ))


def _of_registry(value: str, options: ReadOptions, _: str | None) -> _Opened:
    from lockml.inventory.sources.registry import open_registry

    return open_registry(value, options)


def _of_archive(value: str, options: ReadOptions, _: str | None) -> _Opened:
    from lockml.inventory.sources.saved import open_archive

    return open_archive(value, options)


def _of_layout(value: str, options: ReadOptions, _: str | None) -> _Opened:
    from lockml.inventory.sources.saved import open_layout

    return open_layout(value, options)


def _of_path(value: str, _: ReadOptions, __: str | None) -> _Opened:
    from lockml.inventory.sources.path import open_path

    return open_path(value)


def _of_process(value: str, _: ReadOptions, __: str | None) -> _Opened:
    from lockml.inventory.sources.process import open_process

    if not value.isascii() or not value.isdigit():
        raise InputError(f"--pid {value!r}", "is not the number of a process")
    return open_process(int(value))


_OPENERS: Final[dict[str, Callable[[str, ReadOptions, str | None], _Opened]]] = {
    "container": _of_container,
    "compose": _of_compose,
    "image": _of_image,
    "registry": _of_registry,
    "archive": _of_archive,
    "oci": _of_layout,
    "path": _of_path,
    "pid": _of_process,
}
