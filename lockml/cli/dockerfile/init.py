"""``lockml dockerfile init``: write a Dockerfile, a .dockerignore and a compose service for a lock."""

import difflib
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

import click
from msgspec import Struct
from packaging.pylock import Package

from lockml.cli.common.command import declare
from lockml.cli.common.files import read_file, write_files
from lockml.cli.common.options import option
from lockml.cli.common.read_lock import read_lock
from lockml.cli.common.terminal import note, suggest, warn
from lockml.cli.dockerfile.base_reference import default_base, image_lookups, is_reference, pinned_reference
from lockml.common.display import escape
from lockml.common.errors import InputError
from lockml.common.target import Target
from lockml.docker.templates import ImageRecipe, Installer, format_compose, format_dockerfile, format_dockerignore
from lockml.lock.formats.requirements_txt import format_build, format_requirements, format_sources, format_unhashed
from lockml.lock.model import Lock
from lockml.lock.references import wheels_of
from lockml.lock.select import select_packages, selection_digest

__all__ = [
    "COMPOSE_FILES",
    "ImageSettings",
    "chosen_target",
    "compose_file",
    "container_name",
    "image_files",
    "image_name",
    "init",
    "next_commands",
    "requirements_words",
]

_UV_IMAGE: Final = "ghcr.io/astral-sh/uv:0.13.9"
COMPOSE_FILES: Final = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""The names of a compose file, in the order of Compose."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9._+@,=][A-Za-z0-9._+@,=/-]*")
_COMPILE: Final = "`lockml compile` writes both"
_NEIGHBOURS: Final = {"unhashed": format_unhashed, "build": format_build, "sources": format_sources}
"""The files beside the requirements file, by the last word of their names."""


class ImageSettings(Struct, frozen=True, kw_only=True):
    """The options of a run, as given."""

    lock: str = "pylock.toml"
    requirements: str = "requirements.txt"
    target: str | None = None
    base_image: str | None = None
    installer: Installer = "pip"
    uv_image: str = _UV_IMAGE
    cache_mount: bool = False
    multi_stage: bool = False
    compose: bool = False
    name: str | None = None
    command: str = "python"
    output: str = "Dockerfile"
    force: bool = False
    offline: bool = False


@declare(
    "init",
    short_help="Write a Dockerfile and a .dockerignore for the lock.",
    examples=(
        (
            "lockml dockerfile init --base-image registry:python:3.11-slim",
            "Write a Dockerfile that installs pylock.toml.",
        ),
        (
            "lockml dockerfile init --installer uv --multi-stage --compose",
            "Use uv and two stages, and write a compose file.",
        ),
    ),
)
@option("--lock", metavar="FILE", default="pylock.toml", show_default=True, help="Lock file (PEP 751).")
@option(
    "--requirements",
    metavar="FILE",
    default="requirements.txt",
    show_default=True,
    help="Requirements file that `lockml compile` wrote with the lock.",
)
@option("--target", metavar="TARGET", show_default="the only one for linux", help="Target of the image, by name.")
@option(
    "--base-image",
    metavar="[KIND:]REF",
    show_default="that of the lock, else python",
    help="Image for FROM; image:REF gets its digest only from the engine, registry:REF only from the registry.",
)
@option("--installer", type=click.Choice(["pip", "uv"]), default="pip", show_default=True, help="Installer.")
@option("--uv-image", metavar="REF", default=_UV_IMAGE, show_default=True, help="Image to copy uv from.")
@option("--cache-mount", is_flag=True, help="Cache downloads in a cache mount (needs BuildKit).")
@option("--multi-stage", is_flag=True, help="Install in a separate stage, and copy the environment from it.")
@option("--compose", is_flag=True, help="Also write a compose file with a service for the image.")
@option("--name", metavar="NAME", show_default="that of the folder", help="Name of the image in the compose file.")
@option("--command", metavar="WORDS", default="python", show_default=True, help="Command that the container runs.")
@option(
    "-o",
    "--output",
    metavar="FILE",
    default="Dockerfile",
    show_default=True,
    help="Dockerfile to write; - prints only the Dockerfile.",
)
@option("--force", is_flag=True, help="Overwrite existing files.")
@option("--offline", is_flag=True, help="Contact no registry; FROM has a tag if the engine has no digest.")
def init(**options: object) -> int:
    """Write a Dockerfile that installs the lock, and a .dockerignore; with --compose also a compose file.

    The Dockerfile installs the packages with hashes before it copies the code, and runs the code as a user other than
    root. Existing files stay, unless --force; the command prints how they differ. Exit codes: 0 written or unchanged,
    1 an existing file differs and stays, 2 wrong usage or input.
    """
    settings = ImageSettings(**options)  # type: ignore[arg-type]  # click checked each of them
    code, changed = _write(image_files(settings), force=settings.force)
    if settings.output in changed and settings.output != "-":
        suggest(*next_commands(settings))
    return code


def image_files(settings: ImageSettings) -> dict[str, str]:
    """Return the text of each file in *settings*, by its name; raises LockmlError."""
    lock = read_lock(settings.lock)
    target = chosen_target(lock, settings.target, settings.lock)
    recipe = _recipe(lock, target, settings)
    _refuse_other_use(settings.output, (settings.lock, recipe.requirements, *recipe.sources, *_named_files(recipe)))
    files = {settings.output: format_dockerfile(recipe)}
    if settings.output != "-":
        files[".dockerignore"] = format_dockerignore()
        if settings.compose:
            files |= compose_file(target, settings)
    return files


def next_commands(settings: ImageSettings) -> tuple[str, ...]:
    """Return the commands that build the image, start a container from it and check that."""
    image = shlex.quote(image_name(settings.name))
    container = container_name(settings.name)
    file = "" if settings.output == "Dockerfile" else f"-f {shlex.quote(settings.output)} "
    lock = "" if settings.lock == "pylock.toml" else f" --lock {shlex.quote(settings.lock)}"
    stays = "-dit" if settings.command == "python" else "-d"  # Python waits for input, and exits without a terminal
    return (
        f"docker build {file}-t {image} .",
        f"docker run {stays} --name {container} {image}",
        f"lockml check --container {container} --level files{lock}",
    )


def requirements_words(settings: ImageSettings) -> tuple[str, ...]:
    """Return the options for the lock and its requirements file, if they are not the default."""
    usual = ImageSettings()
    files = (("--lock", settings.lock, usual.lock), ("--requirements", settings.requirements, usual.requirements))
    return tuple(word for name, value, default in files if value != default for word in (name, value))


def image_name(name: str | None) -> str:
    """Return the *name* of the image, by default that of this folder; raises InputError."""
    found = name or "-".join(re.findall("[a-z0-9]+", Path.cwd().name.lower())) or "app"
    if not is_reference(found):
        raise InputError(f"--name {found!r}", "is not an image name", hint="write it as team/trainer:1")
    return found


def container_name(name: str | None) -> str:
    """Return the name of a container for the image *name*."""
    last = image_name(name).rpartition("/")[2].partition("@")[0].partition(":")[0]
    return last if len(last) > 1 else f"{last}-1"  # engines refuse names of one character


def _named_files(recipe: ImageRecipe) -> tuple[str, ...]:
    return (*recipe.archives, *filter(None, (recipe.unhashed, recipe.built, recipe.build)))


def _refuse_other_use(output: str, read: Iterable[str]) -> None:
    """Raise InputError if the Dockerfile would overwrite what was *read*, or is another of the files."""
    path = Path(output).resolve()
    for name in (".dockerignore", *COMPOSE_FILES, *read):
        if output != "-" and name and path == Path(name).resolve():
            raise InputError(f"-o {output!r}", f"is {name}, which is not a Dockerfile", hint="name another file")


def chosen_target(lock: Lock, wanted: str | None, file: str) -> Target:
    """Return the target of *lock* for the image; raises InputError."""
    targets = [each for each in lock.targets if each.platform.system == "linux"]
    named = {each.name or str(each): each for each in targets}
    if not targets:
        raise InputError(file, "has no target for linux", hint="run `lockml compile --platform linux/amd64`")
    if wanted is None and len(targets) > 1:
        raise InputError("--target", f"{file} has {len(targets)} for linux", hint=f"name one: {', '.join(named)}")
    if wanted is not None and wanted not in named:
        raise InputError(f"--target {wanted!r}", f"{file} has no such target", hint=f"targets: {', '.join(named)}")
    return named[wanted] if wanted is not None else targets[0]


def _recipe(lock: Lock, target: Target, settings: ImageSettings) -> ImageRecipe:
    """Return the facts for the image; raises InputError."""
    packages = select_packages(lock, target, settings.lock)
    files = dict(_neighbours(lock, target, settings.requirements))
    _require_locked(lock, target, settings.requirements, files)
    names = {package.name for package in packages}
    names |= {each.name for each in lock.provided.packages}
    left = sorted({str(each["name"]) for package in packages for each in package.dependencies or ()} - names)
    if left:
        warn(f"{', '.join(left)}: needed but not locked, so the base image must have it; the install omits --no-deps")
    built = [package for package in packages if lock.is_built(package.name)]
    others = [package for package in packages if package not in built]
    _warn_of_sources(packages, built)
    hashed = [package for package in others if package.vcs is None and package.directory is None]
    return ImageRecipe(
        base=_base(lock, target, settings),
        target=str(target),
        requirements=_in_context(settings.requirements),
        label=selection_digest(packages, target),
        command=_words(settings.command),
        installer=settings.installer,
        uv_image=_uv_image(target, settings),
        sources=tuple(map(_in_context, _local_sources(lock, others))),
        unhashed=_in_context(files["unhashed"]) if "unhashed" in files else None,
        built=_in_context(files["sources"]) if "sources" in files else None,
        archives=tuple(_in_context(each.archive.path) for each in built if each.archive and each.archive.path),
        build=_in_context(files["build"]) if "build" in files else None,
        trees=tuple(_in_context(package.directory.path) for package in packages if package.directory is not None),
        complete=not left,
        wheels_only=all(any(target.rank_of_wheel(w.filename) is not None for w in wheels_of(p)) for p in hashed),
        musl=target.libc is not None and target.libc.family == "musl",
        cache_mount=settings.cache_mount,
        multi_stage=settings.multi_stage,
        provided=bool(lock.provided.packages),
        virtual=lock.provided.virtual,
    )


def _local_sources(lock: Lock, packages: Iterable[Package]) -> Iterator[str]:
    """Yield the files and folders of this machine that pip installs from."""
    yield from (folder for folder in lock.indexes.find_links if "://" not in folder)
    yield from (each.archive.path for each in packages if each.archive is not None and each.archive.path)


def _base(lock: Lock, target: Target, settings: ImageSettings) -> str:
    locked = lock.base_image
    named = settings.base_image or (locked.reference if locked is not None else default_base(target))
    if locked is not None and named.removeprefix("image:").removeprefix("registry:") != locked.reference:
        warn(f"{settings.lock} is for the base image {locked.reference}: `lockml check` will report another one")
        locked = None
    return pinned_reference(named, locked, image_lookups(str(target.platform), offline=settings.offline))


def _uv_image(target: Target, settings: ImageSettings) -> str:
    if settings.installer != "uv":
        return ""
    return pinned_reference(settings.uv_image, None, image_lookups(str(target.platform), offline=settings.offline))


def _warn_of_sources(packages: Iterable[Package], built: Iterable[Package]) -> None:
    """Note what the base image must have for packages without wheels."""
    for package in (each for each in packages if each.vcs is not None):
        warn(f"{package.name} comes from a repository: the base image must have git")
    for package in built:
        warn(f"{package.name} is built in the image: the base image must have the build tools, such as a compiler")


def _neighbours(lock: Lock, target: Target, requirements: str) -> Iterator[tuple[str, str]]:
    """Yield the required files beside *requirements*, each with the last word of its name."""
    path = PurePosixPath(requirements)
    for word, form in _NEIGHBOURS.items():
        if form(lock, target) is not None:
            yield word, str(path.with_name(f"{path.stem}-{word}{path.suffix}"))


def _require_locked(lock: Lock, target: Target, requirements: str, neighbours: Mapping[str, str]) -> None:
    """Raise InputError if a file does not match *lock*, for *target* or for all of its targets."""
    wanted: list[tuple[str, list[str | None]]] = [
        (requirements, [format_requirements(lock), format_requirements(lock, target)])
    ]
    for word, file in neighbours.items():
        wanted.append((file, [_NEIGHBOURS[word](lock, None), _NEIGHBOURS[word](lock, target)]))
    for file, texts in wanted:
        found = read_file(file, hint=f"{_COMPILE}; name it with --requirements").decode("utf-8", "replace")
        if _pins(found) not in [_pins(text) for text in texts if text is not None]:
            raise InputError(file, "does not match the lock", hint=_COMPILE)


def _pins(text: str) -> list[str]:
    """Return the lines of a requirements file without its comments."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _in_context(name: str) -> str:
    """Return the path *name* for COPY, relative to this folder; raises InputError if COPY cannot have it."""
    path = PurePosixPath(name)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    if path.is_absolute() or ".." in path.parts:
        raise InputError(name, "is outside the build context, which is this folder", hint="run init in a folder above")
    if not _PLAIN.fullmatch(str(path)):
        raise InputError(name, "has characters with a special meaning in a Dockerfile", hint="rename it")
    return str(path)


def _words(command: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise InputError(f"--command {command!r}", f"cannot be split into words ({error})") from error
    if not words:
        raise InputError("--command", "is empty", hint="write, for example, --command 'python train.py'")
    return words


def compose_file(target: Target, settings: ImageSettings) -> dict[str, str]:
    """Return the text of a compose file for the image, by the name of the existing one, else by the default."""
    file = next((each for each in COMPOSE_FILES if Path(each).exists()), COMPOSE_FILES[0])
    name, dockerfile = image_name(settings.name), _in_context(settings.output)
    return {file: format_compose(name, str(target.platform), dockerfile=dockerfile, file=file)}


def _write(files: Mapping[str, str], *, force: bool) -> tuple[int, tuple[str, ...]]:
    """Write missing files, or all with *force*; print how the others differ.

    Returns the exit code and the names of changed files.
    """
    existing = {} if force else {name: old for name in files if (old := _other(name, files[name])) is not None}
    written = {name: text for name, text in files.items() if name not in existing}
    changed = write_files(written)
    for name in written:
        if name != "-":
            note(f"{name} ({'written' if name in changed else 'unchanged'})")
    for name, old in existing.items():
        sys.stdout.writelines(_difference(name, old, files[name]))
        note(f"kept {name}: it exists and differs; overwrite it with --force")
    return (1 if existing else 0), changed


def _other(name: str, text: str) -> str | None:
    """Return the content of the file *name* if it is not *text*, None if it is or the file is missing."""
    if name == "-" or not Path(name).exists():
        return None
    found = read_file(name).decode("utf-8", "replace")
    return None if found == text else found


def _difference(name: str, old: str, new: str) -> Iterator[str]:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), name, f"{name} (init)", lineterm="")
    yield from (f"{escape(line)}\n" for line in lines)
