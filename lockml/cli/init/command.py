"""``lockml init``: a folder in; requirements.in, a lock, Docker files, a CI job and a lockml.toml out.

What is there stays. Each file is written whole, those that need no lock first: they are there too where an index cannot
be reached.
"""

import difflib
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click
from msgspec import Struct

from lockml.cli.common.command import declare
from lockml.cli.common.config import configured_table
from lockml.cli.common.files import read_file, write_files
from lockml.cli.common.options import cache_option, option
from lockml.cli.common.read_lock import read_lock
from lockml.cli.common.terminal import note, suggest
from lockml.cli.compile.command import compile_files, configured_compile_options
from lockml.cli.compile.existing_lock import read_existing_lock
from lockml.cli.compile.options import CompileOptions, IndexOptions, TargetOptions
from lockml.cli.compile.outputs import requirement_files
from lockml.cli.dockerfile.init import (
    COMPOSE_FILES,
    ImageSettings,
    chosen_target,
    compose_file,
    image_files,
    image_name,
    next_commands,
    requirements_words,
)
from lockml.cli.init.installation import own_installation
from lockml.cli.init.sources import Source, find_output, find_source
from lockml.cli.init.targets import ChosenTarget, choose_target, target_words
from lockml.cli.init.templates import format_configuration, format_workflow
from lockml.common.display import escape
from lockml.common.errors import InputError, LockmlError
from lockml.docker.templates import format_dockerignore
from lockml.lock.model import Lock

__all__ = ["command"]

_DOCKERFILE: Final = "Dockerfile"
_IGNORE: Final = ".dockerignore"
_CONFIGURATION: Final = "lockml.toml"
_WORKFLOW: Final = ".github/workflows/lockml.yml"
_OTHER_LOCKS: Final = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")
_SHORT: Final = 20  # lines of a difference that is shown
_OURS: Final = b"# Written by `lockml dockerfile init`"


class _Settings(Struct, frozen=True, kw_only=True):
    """The options of one run, as given."""

    base_image: str | None
    python: str | None
    platform: str | None
    libc: str | None
    name: str | None
    command: str
    ci: bool
    index_url: str | None
    extra_index_url: tuple[str, ...]
    find_links: tuple[str, ...]
    offline: bool
    cache_dir: Path | None


class _Plan(Struct, frozen=True, kw_only=True):
    """What this run goes by: the *options* of compile with what was found here, and the settings of the image.

    *configured* are the options without those, *configures* says that a lockml.toml is to be written.
    """

    source: Source
    options: CompileOptions
    configured: CompileOptions
    configures: bool
    target: ChosenTarget
    image: ImageSettings
    lock: Lock | None

    @property
    def compile_words(self) -> tuple[str, ...]:
        """The words behind ``lockml compile`` that name its files, where they are not the usual ones."""
        output, files = self.options.output.output, self.source.files
        usual = ("pyproject.toml",) if not Path("requirements.in").exists() else ("requirements.in",)
        told = self.configures or output == self.configured.output.output
        return (*(() if files in (usual, ("requirements.in",)) else files), *(() if told else ("--output", output)))

    @property
    def compile_command(self) -> str:
        """The command that makes the lock."""
        words = [*self.compile_words, *target_words(self.target.options)]
        indexes, configured = self.options.indexes, self.configured.indexes
        if indexes.index_url and indexes.index_url != configured.index_url:
            words += ["--index-url", indexes.index_url]
        for name, field in (("--extra-index-url", "extra_index_url"), ("--find-links", "find_links")):
            if getattr(indexes, field) != getattr(configured, field):
                words += [word for value in getattr(indexes, field) for word in (name, value)]
        return shlex.join(["lockml", "compile", *words])


@declare(
    "init",
    short_help="Set up a folder: lock, Dockerfile, compose file, CI job, settings.",
    examples=(
        ("lockml init", "Set up this folder, for its Dockerfile's FROM or the usual image of Python."),
        (
            "lockml init --base-image python:3.11-slim-bookworm --command 'python train.py'",
            "For another image.",
        ),
    ),
)
@option(
    "--base-image",
    metavar="[KIND:]REF",
    show_default="FROM of the Dockerfile",
    help="The image to lock and build for; registry:REF asks a registry.",
)
@option("--python", metavar="VERSION", show_default="this one's 3.N", help="3.11 holds for every 3.11.x.")
@option("--platform", metavar="OS/ARCH", show_default="linux on this processor", help="linux/amd64 or linux/arm64.")
@option("--libc", metavar="LIBC", show_default="glibc-2.36", help="The oldest to run on, as Debian 12 has it.")
@option("--name", metavar="NAME", show_default="the folder's", help="The name of the image.")
@option("--command", metavar="WORDS", default="python", show_default=True, help="What the container runs.")
@option("--ci/--no-ci", default=True, show_default=True, help="Write a job for GitHub Actions.")
@option("--index-url", "-i", metavar="URL", show_default="pip's", help="The package index.")
@option("--extra-index-url", multiple=True, metavar="URL", help="Asked before the index.")
@option("--find-links", "-f", multiple=True, metavar="URL|DIR", help="A page or folder of files, asked before indexes.")
@option("--offline", is_flag=True, help="Use nothing but the cache; FROM has a tag where the engine has no digest.")
@cache_option
def command(**options: Any) -> int:
    """Set up this folder: write what locks it, builds an image and checks that, and print the next command.

    That is requirements.in, the lock, Dockerfile, .dockerignore, a compose file, a CI job and a lockml.toml. Files that
    are there never change, so run it again at any time. What to lock comes from requirements.in, pyproject.toml,
    requirements.txt, which is copied, or environment.yml. Exit codes: 0 all is there, 2 wrong usage or input, 3 no
    resolution, 4 no index could be reached; the files that need no lock are written then too.
    """
    settings = _Settings(**options)
    plan = _plan(settings)
    written = _write_missing(_first_files(plan, settings))
    if plan.source.copied:
        _tell_copied(plan)
    if plan.source.empty:
        suggest(plan.compile_command, _image_command(plan), before=f"write what you need to {plan.source.files[0]}")
        return 0
    written += _lock(plan)
    written += _write_missing(_image_files(plan))
    if not written:
        note("All is there, and nothing was written")
    lint = () if _is_own(_DOCKERFILE) else ("lockml dockerfile lint",)
    suggest(*lint, *next_commands(plan.image))
    return 0


def _plan(settings: _Settings) -> _Plan:
    """Return what is to be done in this folder; raises LockmlError."""
    options = configured = configured_compile_options()
    lock = read_existing_lock(options.output.lock)
    source = find_source(lock, options.output.lock)
    output = find_output(options.output.output, lock is not None)
    given = TargetOptions(settings.base_image, settings.python, settings.platform, settings.libc, ())
    named, origin = (given, "the options say so") if given.named else (options.target, "the configuration says so")
    target = choose_target(named, origin, _DOCKERFILE)
    displaced = options.output.output if output != options.output.output and not source.copied else ""
    image = ImageSettings(
        lock=options.output.lock,
        requirements=output,
        base_image=target.base,
        compose=True,
        name=image_name(settings.name),
        command=settings.command,
        offline=settings.offline,
    )
    return _Plan(
        source=source,
        options=options._replace(
            inputs=options.inputs._replace(files=source.files),
            target=target.options,
            indexes=_indexes(options.indexes, settings),
            policy=options.policy._replace(prefer=(*_pins(displaced), *options.policy.prefer)),
            output=options.output._replace(output=output, check=False),
        ),
        configured=configured,
        configures=not Path(_CONFIGURATION).exists() and configured_table("compile")[0] != "pyproject.toml",
        target=target,
        image=image,
        lock=lock,
    )


def _pins(displaced: str) -> tuple[str, ...]:
    """Return the files here whose pins are kept where they fit: of other tools, and what is *displaced*."""
    return tuple(name for name in (*_OTHER_LOCKS, displaced) if name and Path(name).is_file())


def _indexes(configured: IndexOptions, settings: _Settings) -> IndexOptions:
    return configured._replace(
        index_url=settings.index_url or configured.index_url,
        extra_index_url=settings.extra_index_url or configured.extra_index_url,
        find_links=settings.find_links or configured.find_links,
        offline=settings.offline or configured.offline,
        cache_dir=settings.cache_dir,
    )


def _first_files(plan: _Plan, settings: _Settings) -> dict[str, str]:
    """Return the files that need no lock."""
    files = {plan.source.files[0]: plan.source.written} if plan.source.written is not None else {}
    if plan.configures or Path(_CONFIGURATION).exists():
        files[_CONFIGURATION] = format_configuration(plan.options.output.output)
    else:
        note(f"{_CONFIGURATION} is not needed: pyproject.toml has [tool.lockml]")
    if settings.ci:
        lock = () if plan.image.lock == "pylock.toml" else ("--lock", plan.image.lock)
        files[_WORKFLOW] = format_workflow(own_installation(), plan.compile_words, plan.image.name or "app", lock)
    return {**files, _IGNORE: format_dockerignore()}


def _lock(plan: _Plan) -> tuple[str, ...]:
    """Write the lock and its requirements file where they are not there; return what was written.

    Raises LockmlError, whose hint has the next command too.
    """
    output = plan.options.output
    if plan.lock is not None:
        note(f"{output.lock} stays: it is there")
        return _write_missing(requirement_files(plan.lock, output.output))
    note(f"Locking for {shlex.join(target_words(plan.target.options))}: {plan.target.reason}")
    if plan.options.policy.prefer:
        note(f"Pins of {', '.join(plan.options.policy.prefer)} are kept where they fit")
    try:
        compile_files(plan.options)
    except LockmlError as error:
        then = f"once that is solved, run `{plan.compile_command}`, and `lockml init` for the files that are missing"
        error.hint = f"{error.hint}; {then}" if error.hint else then
        raise
    return (output.lock, output.output)


def _image_files(plan: _Plan) -> Mapping[str, str]:
    """Return the Docker files that are not there yet; where there is a Dockerfile, no image is asked for."""
    if not Path(_DOCKERFILE).exists():
        return {name: text for name, text in image_files(plan.image).items() if name != _IGNORE}
    command = shlex.join(["lockml", "dockerfile", "init", *requirements_words(plan.image)])
    shown = "" if _is_own(_DOCKERFILE) else f", and `{command}` shows how one for this lock differs"
    note(f"{_DOCKERFILE} stays: it is there{shown}")
    target = chosen_target(read_lock(plan.image.lock), None, plan.image.lock)
    return compose_file(target, plan.image)


def _image_command(plan: _Plan) -> str:
    """Return the command that makes the Docker files of a lock that is to come, or looks at the Dockerfile here."""
    if Path(_DOCKERFILE).exists():
        return "lockml dockerfile lint"
    base = () if plan.target.base is None else ("--base-image", plan.target.base)
    return shlex.join(["lockml", "dockerfile", "init", "--compose", *requirements_words(plan.image), *base])


def _is_own(dockerfile: str) -> bool:
    return Path(dockerfile).is_file() and _OURS in read_file(dockerfile)


def _write_missing(files: Mapping[str, str]) -> tuple[str, ...]:
    """Write those of *files* that are not there, all or none, say why the others stay, and return what was written."""
    missing = {name: text for name, text in files.items() if not os.path.lexists(name)}
    for name in missing:
        try:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(name, f"cannot be written ({error.strerror})") from error
    write_files(missing)
    for name, text in files.items():
        if name in missing:
            note(f"{name} (written)")
            continue
        note(f"{name} stays: it is there{'' if _same(name, text) else ', and differs'}")
        for line in _difference(name, text):
            click.echo(escape(line))
    return tuple(missing)


def _same(name: str, text: str) -> bool:
    return Path(name).is_file() and read_file(name) == text.encode()


def _difference(name: str, text: str) -> Iterator[str]:
    """Yield how the file *name* differs from *text*, nothing where that is long."""
    if not Path(name).is_file() or name in (_CONFIGURATION, *COMPOSE_FILES):  # they are of your own making
        return
    found = read_file(name).decode("utf-8", "replace").splitlines()
    lines = list(difflib.unified_diff(found, text.splitlines(), name, f"{name} (init)", n=0, lineterm=""))
    if len(lines) <= _SHORT:
        yield from lines


def _tell_copied(plan: _Plan) -> None:
    copied, output = plan.source.copied, plan.options.output.output
    note(f"{copied} stays, as it holds what you ask for, and {plan.source.files[0]} is its copy: edit that from now on")
    note(f"{output} is what an image installs")
