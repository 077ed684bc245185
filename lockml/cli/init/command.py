"""``lockml init``: write requirements.in, a lock, Docker files, a CI job and a lockml.toml for a folder.

Existing files stay. Files that need no lock are written first, so they exist even if no index can be reached.
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
from lockml.cli.common.terminal import note, suggest, warn
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
from lockml.common.display import escape, redact
from lockml.common.errors import InputError, LockmlError
from lockml.docker.templates import format_dockerignore
from lockml.lock.model import Lock

__all__ = ["command"]

_DOCKERFILE: Final = "Dockerfile"
_IGNORE: Final = ".dockerignore"
_CONFIGURATION: Final = "lockml.toml"
_WORKFLOW: Final = ".github/workflows/lockml.yml"
_OTHER_LOCKS: Final = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")
_SHORT: Final = 20  # lines of a diff to show
_OURS: Final = b"# Written by `lockml dockerfile init`"


class _Settings(Struct, frozen=True, kw_only=True):
    """The options of a run, as given."""

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
    """The plan of a run: the *options* of compile with what was found in the folder, and the settings of the image.

    *configured* are the options without those; *configures* says whether to write a lockml.toml.
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
        """The arguments of ``lockml compile`` for files with other names than the default."""
        output, files = self.options.output.output, self.source.files
        usual = ("pyproject.toml",) if not Path("requirements.in").exists() else ("requirements.in",)
        known = self.configures or output == self.configured.output.output
        return (*(() if files in (usual, ("requirements.in",)) else files), *(() if known else ("--output", output)))

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
        ("lockml init", "Set up this folder for FROM of its Dockerfile, or for the official Python image."),
        (
            "lockml init --base-image python:3.11-slim-bookworm --command 'python train.py'",
            "Set it up for another image.",
        ),
    ),
)
@option(
    "--base-image",
    metavar="[KIND:]REF",
    show_default="FROM of the Dockerfile",
    help="Image to lock and build for; registry:REF reads it from the registry.",
)
@option(
    "--python", metavar="VERSION", show_default="3.N of this Python", help="Python version: 3.11 covers every 3.11.x."
)
@option(
    "--platform",
    metavar="OS/ARCH",
    show_default="linux on this processor",
    help="Platform: linux/amd64 or linux/arm64.",
)
@option("--libc", metavar="LIBC", show_default="glibc-2.36", help="Oldest C library to support.")
@option("--name", metavar="NAME", show_default="that of the folder", help="Name of the image to build.")
@option("--command", metavar="WORDS", default="python", show_default=True, help="Command that the container runs.")
@option("--ci/--no-ci", default=True, show_default=True, help="Write a job for GitHub Actions.")
@option("--index-url", "-i", metavar="URL", show_default="pip's", help="Package index.")
@option("--extra-index-url", multiple=True, metavar="URL", help="Index to search before --index-url.")
@option(
    "--find-links", "-f", multiple=True, metavar="URL|DIR", help="Page or folder of files to search before indexes."
)
@option("--offline", is_flag=True, help="Use only the cache; FROM has a tag if the engine has no digest.")
@cache_option
def command(**options: Any) -> int:
    """Set up this folder to lock it, build an image and check that, and print the next command.

    Writes requirements.in, the lock, Dockerfile, .dockerignore, a compose file, a CI job and a lockml.toml. Existing
    files never change, so you can run it again at any time. The requirements come from requirements.in, pyproject.toml,
    requirements.txt, which is copied, or environment.yml. Exit codes: 0 success, 2 wrong usage or input, 3 no
    resolution, 4 no index could be reached; even then, the files that need no lock are written.
    """
    settings = _Settings(**options)
    plan = _plan(settings)
    written = _write_missing(_first_files(plan, settings))
    if plan.source.copied:
        _tell_copied(plan)
    if plan.source.empty:
        suggest(plan.compile_command, _image_command(plan), before=f"write your requirements to {plan.source.files[0]}")
        return 0
    written += _lock(plan)
    written += _write_missing(_image_files(plan))
    if not written:
        note("All files exist, nothing was written")
    lint = () if _is_own(_DOCKERFILE) else ("lockml dockerfile lint",)
    suggest(*lint, *next_commands(plan.image))
    return 0


def _plan(settings: _Settings) -> _Plan:
    """Return the plan for this folder; raises LockmlError."""
    options = configured = configured_compile_options()
    lock = read_existing_lock(options.output.lock)
    source = find_source(lock, options.output.lock)
    output = find_output(options.output.output, lock is not None)
    given = TargetOptions(settings.base_image, settings.python, settings.platform, settings.libc, ())
    named, origin = (given, "from the options") if given.named else (options.target, "from the configuration")
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
    """Return the files in this folder whose pins to prefer: locks of other tools, and *displaced* ones."""
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
        note(f"{_CONFIGURATION} not needed: pyproject.toml has [tool.lockml]")
    if settings.ci:
        lock = () if plan.image.lock == "pylock.toml" else ("--lock", plan.image.lock)
        files[_WORKFLOW] = format_workflow(own_installation(), plan.compile_words, plan.image.name or "app", lock)
    return {**files, _IGNORE: format_dockerignore()}


def _lock(plan: _Plan) -> tuple[str, ...]:
    """Write the lock and its requirements file unless they exist; return what was written.

    Raises LockmlError, whose hint includes the next command.
    """
    output = plan.options.output
    if plan.lock is not None:
        note(f"kept {output.lock}: it exists")
        return _write_missing(requirement_files(plan.lock, output.output))
    note(f"Locking for {shlex.join(target_words(plan.target.options))}: {plan.target.reason}")
    if plan.options.policy.prefer:
        note(f"Keeping pins of {', '.join(plan.options.policy.prefer)} that fit")
    try:
        compile_files(plan.options)
    except LockmlError as error:
        then = f"when that is fixed, run `{plan.compile_command}`, then `lockml init` for the missing files"
        error.hint = f"{error.hint}; {then}" if error.hint else then
        raise
    return (output.lock, output.output)


def _image_files(plan: _Plan) -> Mapping[str, str]:
    """Return the missing Docker files; if there is a Dockerfile, no image is looked up."""
    if not Path(_DOCKERFILE).exists():
        return {name: text for name, text in image_files(plan.image).items() if name != _IGNORE}
    command = shlex.join(["lockml", "dockerfile", "init", *requirements_words(plan.image)])
    shown = "" if _is_own(_DOCKERFILE) else f"; `{command}` shows how one for this lock differs"
    note(f"kept {_DOCKERFILE}: it exists{shown}")
    target = chosen_target(read_lock(plan.image.lock), None, plan.image.lock)
    return compose_file(target, plan.image)


def _image_command(plan: _Plan) -> str:
    """Return the command that makes the Docker files for a later lock, or that lints the existing Dockerfile."""
    if Path(_DOCKERFILE).exists():
        return "lockml dockerfile lint"
    base = () if plan.target.base is None else ("--base-image", plan.target.base)
    return shlex.join(["lockml", "dockerfile", "init", "--compose", *requirements_words(plan.image), *base])


def _is_own(dockerfile: str) -> bool:
    return Path(dockerfile).is_file() and _OURS in read_file(dockerfile)


def _write_missing(files: Mapping[str, str]) -> tuple[str, ...]:
    """Write the missing *files*, all or none, say why the others stay, and return what was written."""
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
        note(f"kept {name}: it exists{'' if _same(name, text) else ' and differs'}")
        for line in _difference(name, text):
            click.echo(escape(redact(line)))
    return tuple(missing)


def _same(name: str, text: str) -> bool:
    return Path(name).is_file() and read_file(name) == text.encode()


def _difference(name: str, text: str) -> Iterator[str]:
    """Yield the diff of the file *name* and *text*, nothing if it is long."""
    if not Path(name).is_file() or name in (_CONFIGURATION, *COMPOSE_FILES):  # they are your own
        return
    found = read_file(name).decode("utf-8", "replace").splitlines()
    lines = list(difflib.unified_diff(found, text.splitlines(), name, f"{name} (init)", n=0, lineterm=""))
    if len(lines) <= _SHORT:
        yield from lines


def _tell_copied(plan: _Plan) -> None:
    copied, output = plan.source.copied, plan.options.output.output
    note(f"{copied} has your requirements, so it stays; edit its copy {plan.source.files[0]} from now on")
    note(f"{output} is the file that an image installs")
    text = plan.source.written or ""
    if redact(text) != text:
        warn(f"{copied} and its copy contain credentials in a URL, as will images that copy this folder: use netrc")
