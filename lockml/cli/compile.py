"""``lockml compile``: ranged requirements in, a lock and a requirements.txt out."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import click
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from lockml.cli.files import read_file, write_files
from lockml.cli.inputs import CompileSettings, choose_targets, read_inputs
from lockml.cli.options import option
from lockml.cli.pip_configuration import certificates, default_index_url
from lockml.cli.terminal import note, progress_line, warn
from lockml.errors import InputError, LockError
from lockml.index.cache import Cache
from lockml.index.http import HttpClient
from lockml.index.simple import SimpleIndex
from lockml.lock.build import LockInputs, build_lock
from lockml.lock.freshness import changes_since
from lockml.lock.model import Lock
from lockml.lock.select import pinned_versions
from lockml.lock.toml import format_lock, parse_lock
from lockml.progress import Progress
from lockml.requirements.pins import read_pins
from lockml.resolution.alignment import resolve_targets
from lockml.resolution.model import Preferences, Resolution, Strategy
from lockml.target import Target
from lockml.writers.requirements_txt import format_requirements

__all__ = ["command"]


def _cache_folder() -> str:
    return str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lockml")


@click.command("compile", short_help="Pin ranged requirements for a target.")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@option("-o", "--output", default="requirements.txt", show_default=True, help="The requirements file; - prints it.")
@option("--lock", default="pylock.toml", show_default=True, help="The lock (PEP 751), read and written.")
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
@option("--upgrade-package", "-P", multiple=True, metavar="NAME", help="Choose this project anew.")
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
    "--artifact-identity/--no-artifact-identity",
    default=True,
    show_default=True,
    help="Record what each wheel installs.",
)
@option("--check", is_flag=True, help="Write nothing; exit 1 and say why if the lock is out of date. No network.")
@option("--offline", is_flag=True, help="Use nothing but the cache.")
@option(
    "--cache-dir",
    type=click.Path(path_type=Path),
    default=_cache_folder,
    show_default="~/.cache/lockml",
    help="Where fetched pages are kept.",
)
def command(**options: object) -> int:
    """Pin the requirements of every FILE, with the hashes of all files that suit the targets.

    FILE is a requirements.in, a pyproject.toml, a script (.py, PEP 723), a notebook (.ipynb) or - for standard
    input; without one, requirements.in or pyproject.toml of this folder is taken. Pins that still fit are kept,
    unless --upgrade. [tool.lockml.compile] of pyproject.toml, or [compile] of lockml.toml, may hold the options.
    """
    settings = CompileSettings(**options)  # type: ignore[arg-type]  # click checked each of them
    settings = replace(settings, files=settings.files or _default_files())
    if Path(settings.lock).resolve() == Path(settings.output).resolve():
        raise InputError(settings.output, "is named both as the lock and as the requirements file")
    targets, taken = choose_targets(settings)
    if taken:
        note(f"Taken from this machine: {', '.join(taken)} (see --python, --platform, --libc)")
    inputs = read_inputs(settings)
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
        text = format_requirements(lock)
        if not Path(settings.output).is_file() or read_file(settings.output) != text.encode():
            changes.append(f"{settings.output} is not what the lock says")
    if not changes:
        note(f"{settings.lock} is up to date")
        return 0
    click.echo(f"{settings.lock} is out of date:")
    for change in changes:
        click.echo(f"  {change}")
    return 1


def _compile(settings: CompileSettings, inputs: LockInputs, targets: Sequence[Target]) -> int:
    with progress_line() as progress:
        resolutions, lock = _lock(settings, inputs, targets, progress)
    changed = write_files({settings.lock: format_lock(lock), settings.output: format_requirements(lock)})
    for warning in dict.fromkeys(warning for resolution in resolutions for warning in resolution.warnings):
        warn(warning)
    _tell(settings, lock, changed)
    return 0


def _lock(
    settings: CompileSettings, inputs: LockInputs, targets: Sequence[Target], progress: Progress
) -> tuple[tuple[Resolution, ...], Lock]:
    urls = (*inputs.extra_index_urls, inputs.index_url or default_index_url())
    preferences = _preferences(settings, targets)
    cache = Cache(settings.cache_dir)
    client = HttpClient(certificates=certificates(), offline=settings.offline)
    try:
        with SimpleIndex(urls, client=client, cache=cache, progress=progress) as index:
            resolutions = resolve_targets(inputs.asked, preferences, index, policy=inputs.policy, progress=progress)
            pins = [pin for resolution in resolutions for pin in resolution.pins]
            wheels = {file.filename: file for pin in pins for file in pin.files if file.kind == "wheel"}
            identities = index.identities(tuple(wheels.values())) if settings.artifact_identity else {}
            return resolutions, build_lock(resolutions, identities, inputs)
    finally:
        client.close()
        cache.close()


def _preferences(settings: CompileSettings, targets: Sequence[Target]) -> Mapping[Target, Preferences]:
    """Return what to keep for each target: the pins of the lock, then those of the files to prefer, less upgrades."""
    upgraded = {canonicalize_name(name) for name in settings.upgrade_package}
    others: dict[NormalizedName, Version] = {}
    for name in settings.prefer:
        others = {**read_pins(name, read=read_file, environment=os.environ), **others}
    lock = _existing_lock(settings)
    return {
        target: Preferences(
            versions={
                name: version
                for name, version in {**others, **(pinned_versions(lock, target) if lock is not None else {})}.items()
                if name not in upgraded
            }
        )
        for target in targets
    }


def _existing_lock(settings: CompileSettings) -> Lock | None:
    if settings.upgrade or settings.lock == "-" or not Path(settings.lock).exists():
        return None
    try:
        return parse_lock(read_file(settings.lock), settings.lock)
    except LockError as error:
        raise LockError(
            error.subject, error.problem, hint="mend or remove it, or give --upgrade to lock without its pins"
        ) from error


def _tell(settings: CompileSettings, lock: Lock, changed: Sequence[str]) -> None:
    count = len(lock.pylock.packages)
    unprovable = [a for artifacts in lock.artifacts.values() for a in artifacts if a.identity is None]
    for artifact in unprovable:
        warn(f"{artifact.wheel} cannot be proven once installed: {artifact.reason}")
    for package in lock.pylock.packages:
        if package.sdist is not None:
            pinned = f"{package.name} {package.version}"
            warn(f"{pinned} has no wheel for every target: pip will build it, and the result cannot be proven")
    files = (settings.lock, settings.output)
    states = [f"{name} ({'written' if name in changed else 'unchanged'})" for name in files if name != "-"]
    packages = f"{count} {'package' if count == 1 else 'packages'}"
    targets = str(lock.targets[0]) if len(lock.targets) == 1 else f"{len(lock.targets)} targets"
    note(f"Locked {packages} for {targets}{': ' if states else ''}{', '.join(states)}")
