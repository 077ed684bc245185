"""``lockml compile``: ranged requirements in, a lock and a requirements.txt out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import click

from lockml.cli.files import read_file, write_files
from lockml.cli.inputs import CompileSettings, choose_targets, read_inputs
from lockml.cli.options import cache_option, option
from lockml.cli.outputs import requirement_files
from lockml.cli.terminal import note, warn
from lockml.display import escape
from lockml.errors import InputError, LockError
from lockml.lock.build import LockInputs, inputs_digest
from lockml.lock.freshness import changes_since
from lockml.lock.model import BaseImage, Lock
from lockml.lock.toml import format_lock, parse_lock
from lockml.resolution.model import Strategy
from lockml.target import Target

__all__ = ["command"]


@click.command("compile", short_help="Pin ranged requirements for a target.")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@option(
    "-o",
    "--output",
    default="requirements.txt",
    show_default=True,
    help="The requirements file; - prints it, {target} in its name makes one for each target.",
)
@option("--lock", default="pylock.toml", show_default=True, help="The lock (PEP 751), read and written.")
@option(
    "--base-image",
    metavar="KIND:NAME",
    help="The image of the Dockerfile's FROM, as image:REF or registry:REF: its Python and platform are locked for, "
    "and `lockml check` tells when an image is not built on it.",
)
@option("--python", metavar="VERSION", show_default="this one", help="3.11 holds for every 3.11.x; 3.11.7 is exact.")
@option(
    "--platform",
    metavar="OS/ARCH",
    show_default="this machine's",
    help="linux, macos or windows, / and amd64 or arm64.",
)
@option(
    "--libc",
    metavar="LIBC",
    show_default="this machine's",
    help="glibc-2.36 or musl-1.2, the oldest to run on.",
)
@option(
    "--target",
    multiple=True,
    metavar="[NAME=]TARGET",
    help="All three in one, and several: 3.11-linux/amd64-glibc-2.36, 3.12-macos/arm64-14.0, 3.12-windows/amd64.",
)
@option("--index-url", "-i", metavar="URL", show_default="pip's", help="The package index.")
@option(
    "--extra-index-url",
    multiple=True,
    metavar="URL",
    help="Asked before the index; the first that has a project wins.",
)
@option(
    "--index",
    multiple=True,
    metavar="NAME=URL",
    help="An index with a name, asked before the others; its login may be in LOCKML_INDEX_<NAME>_USERNAME, _PASSWORD.",
)
@option(
    "--index-only",
    multiple=True,
    metavar="NAME=PROJECT,...",
    help="Take these projects, such as torch,nvidia-*, from the index NAME alone, and nothing else from it.",
)
@option("--find-links", "-f", multiple=True, metavar="URL|DIR", help="A page or folder of files, asked before indexes.")
@option("--no-index", is_flag=True, help="Ask no index, only --find-links.")
@option("--constraint", "-c", multiple=True, metavar="FILE", help="Bound versions without asking for projects.")
@option("--override", multiple=True, metavar="FILE", help="Replace what anyone requires of the projects in it.")
@option("--exclude", multiple=True, metavar="NAME", help="Leave this project out, whoever requires it.")
@option("--extra", multiple=True, metavar="NAME", help="An extra of pyproject.toml to lock too.")
@option("--group", multiple=True, metavar="NAME", help="A dependency group of pyproject.toml to lock too.")
@option(
    "--prefer",
    multiple=True,
    metavar="FILE",
    help="Prefer the pins of a uv.lock, poetry.lock, pylock.toml or requirements.txt; those of the lock come first.",
)
@option("--upgrade", "-U", is_flag=True, help="Choose anew instead of keeping the pins that still fit.")
@option(
    "--upgrade-package",
    "-P",
    multiple=True,
    metavar="NAME[BOUND]",
    help="Choose this project anew, such as numpy or numpy<2.",
)
@option("--pre", is_flag=True, help="Let pre-releases in everywhere.")
@option(
    "--exclude-newer",
    metavar="DATE|AGE",
    help="Ignore files uploaded after this day or moment (UTC), or younger than 7d, 2w, 36h.",
)
@option(
    "--resolution",
    type=click.Choice(get_args(Strategy)),
    default="highest",
    show_default=True,
    help="Which release is tried first; lowest-direct: the oldest of what the inputs name.",
)
@option("--no-binary", multiple=True, metavar="NAME", help="Take no wheels of it; :all: of all, :none: undoes.")
@option("--only-binary", multiple=True, metavar="NAME", help="Take no sdists of it; :all: of all, :none: undoes.")
@option(
    "--allow-build",
    multiple=True,
    metavar="NAME|PATH",
    help="Run the build backend of this project to learn what it needs; :all: of any. Without it no code is run.",
)
@option(
    "--cert", type=click.Path(path_type=Path), show_default="pip's, the system's", help="Authorities to trust (PEM)."
)
@option(
    "--client-cert", type=click.Path(path_type=Path), show_default="pip's", help="Certificate and key to show (PEM)."
)
@option(
    "--artifact-identity/--no-artifact-identity",
    default=True,
    show_default=True,
    help="Record what each wheel installs.",
)
@option("--check", is_flag=True, help="Write nothing; exit 1 and say why if the lock is out of date. No network.")
@option("--offline", is_flag=True, help="Use nothing but the cache.")
@cache_option
def command(**options: object) -> int:
    """Pin the requirements of every FILE, with the hashes of all files that suit the targets.

    FILE is a requirements.in, a pyproject.toml, setup.py or setup.cfg, a script (.py, PEP 723), a notebook (.ipynb),
    a conda environment.yml (its pip section) or - for standard input; without one, requirements.in or pyproject.toml
    of this folder is taken. Pins that still fit are kept, unless --upgrade. [tool.lockml.compile] of pyproject.toml,
    or [compile] of lockml.toml, may hold the options.
    """
    settings = CompileSettings(**options)  # type: ignore[arg-type]  # click checked each of them
    settings = replace(settings, files=settings.files or _default_files())
    if Path(settings.lock).resolve() == Path(settings.output).resolve():
        raise InputError(settings.output, "is named both as the lock and as the requirements file")
    base: BaseImage | None = None
    if settings.base_image is not None:
        from lockml.cli.base_image import with_base_image

        settings, base = with_base_image(settings, _existing_lock(settings) if settings.check else None)
    targets, taken = choose_targets(settings)
    if taken:
        note(f"Taken from this machine: {', '.join(taken)} (see --python, --platform, --libc)")
    inputs = replace(read_inputs(settings), base_image=base)
    return _check(settings, inputs, targets) if settings.check else _compile(settings, inputs, targets)


def _default_files() -> tuple[str, ...]:
    for name in ("requirements.in", "pyproject.toml"):
        if Path(name).is_file():
            return (name,)
    raise InputError("no FILE", "neither requirements.in nor pyproject.toml is here", hint="name the file to compile")


def _check(settings: CompileSettings, inputs: LockInputs, targets: Sequence[Target]) -> int:
    lock = parse_lock(read_file(settings.lock, hint="`lockml compile` without --check writes it"), settings.lock)
    changes = list(changes_since(lock, inputs, targets))
    if settings.output != "-" and not changes:
        for name, text in requirement_files(lock, settings.output).items():
            if not Path(name).is_file() or read_file(name) != text.encode():
                changes.append(f"{name} is not what the lock says")
    if not changes:
        note(f"{settings.lock} is up to date")
        return 0
    click.echo(f"{settings.lock} is out of date:")
    for change in changes:
        click.echo(f"  {escape(change)}")
    return 1


def _compile(settings: CompileSettings, inputs: LockInputs, targets: Sequence[Target]) -> int:
    for text in inputs.asked.notes:
        note(text)
    kept = _existing_lock(settings)
    if kept is not None and _answers(kept, settings, inputs, targets):
        files = requirement_files(kept, settings.output)
        changed = write_files(files)
        _tell(kept, (settings.lock, *files), changed)
        return 0
    from lockml.cli.resolve import lock_anew  # what resolves takes longer to load than an unchanged lock to be read

    lock, warnings = lock_anew(settings, inputs, targets, kept)
    files = {settings.lock: format_lock(lock), **requirement_files(lock, settings.output)}
    changed = write_files(files)
    for warning in warnings:
        warn(warning)
    _tell(lock, tuple(files), changed)
    return 0


def _answers(lock: Lock, settings: CompileSettings, inputs: LockInputs, targets: Sequence[Target]) -> bool:
    """Say whether nothing that decides the lock has changed: then it is the answer, whatever the index has by now."""
    if settings.upgrade_package or settings.prefer or lock.targets != tuple(targets):
        return False
    identities = not settings.artifact_identity or any(lock.artifacts.values()) or not lock.pylock.packages
    if not identities or (not settings.artifact_identity and any(lock.artifacts.values())):
        return False
    return lock.inputs == inputs_digest(inputs, targets) and not changes_since(lock, inputs, targets)


def _existing_lock(settings: CompileSettings) -> Lock | None:
    if settings.upgrade or settings.lock == "-" or not Path(settings.lock).exists():
        return None
    try:
        return parse_lock(read_file(settings.lock), settings.lock)
    except LockError as error:
        raise LockError(
            error.subject, error.problem, hint="mend or remove it, or give --upgrade to lock without its pins"
        ) from error


def _tell(lock: Lock, files: Sequence[str], changed: Sequence[str]) -> None:
    count = len(lock.pylock.packages)
    unprovable = [a for artifacts in lock.artifacts.values() for a in artifacts if a.identity is None]
    for artifact in unprovable:
        warn(f"{artifact.wheel} cannot be proven once installed: {artifact.reason}")
    for package in lock.pylock.packages:
        if package.sdist is not None:
            pinned = f"{package.name} {package.version}"
            warn(f"{pinned} has no wheel for every target: pip will build it, and the result cannot be proven")
    unhashed = [package.name for package in lock.pylock.packages if package.vcs or package.directory]
    if unhashed:
        warn(
            f"{', '.join(unhashed)}: from source trees, which pip cannot hash and nobody can prove once installed; "
            "install the file that is named -unhashed second, with --no-deps"
        )
    states = [f"{name} ({'written' if name in changed else 'unchanged'})" for name in files if name != "-"]
    packages = f"{count} {'package' if count == 1 else 'packages'}"
    targets = str(lock.targets[0]) if len(lock.targets) == 1 else f"{len(lock.targets)} targets"
    note(f"Locked {packages} for {targets}{': ' if states else ''}{', '.join(states)}")
