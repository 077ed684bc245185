"""The options that name a subject, for every command that inspects one."""

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from lockml.cli.common.completion import complete_containers, complete_files, complete_folders, complete_images
from lockml.cli.common.options import option
from lockml.common.errors import InputError, LockmlError, NotFoundError, UnreachableError
from lockml.subjects.open import KINDS, SubjectName, engine_of_environment

__all__ = ["SubjectOptions", "parse_subject", "subject_options", "subject_options_of"]

_F = TypeVar("_F", bound=Callable[..., Any])
_PROPOSED = {
    "container": complete_containers,
    "image": complete_images,
    "archive": complete_files,
    "oci": complete_folders,
    "path": complete_folders,
    "compose": complete_files,
    "freeze": complete_files,
}


class SubjectOptions(Struct, frozen=True, kw_only=True):
    """The subject that the user named, and the *environment* in it."""

    container: str | None = None
    image: str | None = None
    registry: str | None = None
    archive: str | None = None
    oci: str | None = None
    path: str | None = None
    pid: str | None = None
    compose: tuple[str, ...] = ()
    freeze: str | None = None
    project: str | None = None
    environment: str | None = None

    @property
    def one(self) -> SubjectName:
        """The named subject; raises InputError for none or several."""
        return self.one_of(KINDS)

    def one_of(self, kinds: Iterable[str]) -> SubjectName:
        """Return the named subject, of the *kinds* that the command has; raises InputError for none or several."""
        given = [(name, value) for name in KINDS if (value := getattr(self, name)) not in (None, ())]
        if len(given) != 1:
            every = [f"--{name}" for name, _ in given] or [f"--{name}" for name in kinds]
            text = f"{', '.join(every[:-1])} and {every[-1]}"
            raise InputError(text, "give exactly one of them", hint="for example: lockml check container:NAME")
        kind, value = given[0]
        first, *more = value if isinstance(value, tuple) else (value,)
        return SubjectName(kind=kind, name=first, project=self.project, files=tuple(more))

    def with_subject(self, text: str | None) -> "SubjectOptions":
        """Return the same with the subject ``KIND:NAME`` of *text*; raises InputError if there is one already."""
        if text is None:
            return self
        given = [name for name in KINDS if getattr(self, name) not in (None, ())]
        if given:
            raise InputError(
                f"{text} and --{given[0]}", "give exactly one of them", hint=f"for example: lockml check {text}"
            )
        subject = parse_subject(text, lists=True)
        return replace(self, **{subject.kind: (subject.name,) if subject.kind == "compose" else subject.name})


def subject_options(command: _F) -> _F:
    """Declare the options that name a subject."""
    return subject_options_of(command, KINDS)


def subject_options_of(command: _F, kinds: Collection[str]) -> _F:
    """Declare the options that name a subject of one of *kinds*."""
    command = option(
        "--environment", metavar="PREFIX", show_default="that of its python command", help="Python environment to use."
    )(command)
    command = option("--project", metavar="NAME", show_default="Compose's default", help="Compose project.")(command)
    for name, (metavar, text) in ((name, KINDS[name]) for name in reversed(KINDS) if name in kinds):
        proposed = _PROPOSED.get(name)
        command = option(f"--{name}", metavar=metavar, help=text, multiple=name == "compose", shell_complete=proposed)(
            command
        )
    return command


def parse_subject(text: str, usual: str = "container", *, lists: bool = False) -> SubjectName:
    """Return the subject ``KIND:NAME``; an existing path needs no kind, and any other name has the *usual* one.

    If there is no such container but such an image, the error says how to name it. With *lists*, a list of packages is
    a subject too (``freeze:FILE``). Raises InputError.
    """
    kind, colon, name = text.partition(":")
    if colon and kind in KINDS and (lists or kind != "freeze"):
        return SubjectName(kind=kind, name=name)
    if "/" in text and Path(text).is_dir():
        return SubjectName(kind="path", name=text)
    if not text or text.startswith("-") or (colon and usual == "container"):  # container names have no colon
        kinds = ", ".join(KINDS)
        meant = f"for an image, write image:{text}" if colon and name and kind else "write container:NAME or image:REF"
        raise InputError(repr(text), "is not KIND:NAME", hint=f"{meant}; KIND is one of {kinds}")
    if usual == "container" and not _is_container(text):
        raise _no_such_container(text)
    return SubjectName(kind=usual, name=text)


def _is_container(name: str) -> bool:
    try:
        engine_of_environment().container(name)
    except NotFoundError:
        return False
    except UnreachableError as error:
        if not Path(name).is_dir():
            raise
        problem = "looks like a container, but no container engine answers"
        raise InputError(repr(name), problem, hint=f"for a folder, write path:{name}") from error
    return True


def _no_such_container(name: str) -> InputError:
    """Return the error that says what else *name* is: an image of the engine, or a folder."""
    try:
        engine_of_environment().image(name)
    except LockmlError:
        hint = f"for a folder, write path:{name}" if Path(name).is_dir() else "`docker ps -a` lists the containers"
        return NotFoundError(f"container {name!r}", "the engine has no such container", hint=hint)
    return NotFoundError(
        f"container {name!r}", "there is no such container, but an image of that name", hint=f"image:{name}"
    )
