"""``lockml compile``: ranged requirements in, a lock and a requirements.txt out."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import click
from packaging.utils import canonicalize_name

from lockml.cli.files import read_file, relative_to_folder, write_files
from lockml.cli.host import choose_target
from lockml.cli.options import option, parse_moment
from lockml.cli.pip_configuration import certificates, default_index_url
from lockml.cli.terminal import note, progress_line, warn
from lockml.errors import InputError, LockError
from lockml.index.cache import Cache
from lockml.index.http import HttpClient
from lockml.index.simple import SimpleIndex
from lockml.lock.build import LockInputs, build_lock
from lockml.lock.model import Lock
from lockml.lock.toml import format_lock, parse_lock, pinned_versions
from lockml.progress import Progress
from lockml.requirements.file import read_requirement_files
from lockml.requirements.model import Requirement, RequirementSet
from lockml.requirements.pyproject import read_pyproject
from lockml.resolution.model import Policy, Preferences, Resolution
from lockml.resolution.resolver import resolve
from lockml.target import Target
from lockml.writers.requirements_txt import format_requirements

__all__ = ["command"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """The options of one run, as given."""

    files: tuple[str, ...]
    output: str
    lock: str
    python: str | None
    platform: str | None
    libc: str | None
    index_url: str | None
    extra_index_url: tuple[str, ...]
    constraint: tuple[str, ...]
    extra: tuple[str, ...]
    upgrade: bool
    upgrade_package: tuple[str, ...]
    pre: bool
    exclude_newer: str | None
    artifact_identity: bool
    cache_dir: Path


def _cache_folder() -> str:
    return str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lockml")


@click.command("compile", short_help="Pin ranged requirements for a target.")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@option("-o", "--output", default="requirements.txt", show_default=True, help="The requirements file; - prints it.")
@option("--lock", default="pylock.toml", show_default=True, help="The lock (PEP 751), read and written.")
@option("--python", metavar="VERSION", show_default="this one", help="3.11 holds for every 3.11.x; 3.11.7 is exact.")
@option("--platform", metavar="OS/ARCH", show_default="this machine's", help="linux/amd64 or linux/arm64.")
@option("--libc", metavar="LIBC", show_default="this machine's", help="glibc-2.36 or musl-1.2, the oldest to run on.")
@option("--index-url", "-i", metavar="URL", show_default="pip's", help="The package index.")
@option(
    "--extra-index-url", multiple=True, metavar="URL", help="Asked before the index; the first that has a project wins."
)
@option("--constraint", "-c", multiple=True, metavar="FILE", help="Bound versions without asking for projects.")
@option("--extra", multiple=True, metavar="NAME", help="An extra of pyproject.toml to lock too.")
@option("--upgrade", "-U", is_flag=True, help="Choose anew instead of keeping the pins that still fit.")
@option("--upgrade-package", "-P", multiple=True, metavar="NAME", help="Choose this project anew.")
@option("--pre", is_flag=True, help="Let pre-releases in everywhere.")
@option("--exclude-newer", metavar="DATE", help="Ignore files uploaded after this day or moment (UTC).")
@option(
    "--artifact-identity/--no-artifact-identity",
    default=True,
    show_default=True,
    help="Record what each wheel installs.",
)
@option(
    "--cache-dir",
    type=click.Path(path_type=Path),
    default=_cache_folder,
    show_default="~/.cache/lockml",
    help="Where fetched pages are kept.",
)
def command(**options: object) -> int:
    """Pin the requirements of every FILE for one target, with the hashes of all files that suit it.

    FILE is a requirements.in, a pyproject.toml or - for standard input; without one, requirements.in or
    pyproject.toml of this folder is taken. Pins that still fit are kept, unless --upgrade.
    """
    settings = _Settings(**options)  # type: ignore[arg-type]  # click checked each of them
    return _run(replace(settings, files=settings.files or _default_files()))


def _default_files() -> tuple[str, ...]:
    for name in ("requirements.in", "pyproject.toml"):
        if Path(name).is_file():
            return (name,)
    raise InputError("no FILE", "neither requirements.in nor pyproject.toml is here", hint="name the file to compile")


def _run(settings: _Settings) -> int:
    if Path(settings.lock).resolve() == Path(settings.output).resolve():
        raise InputError(settings.output, "is named both as the lock and as the requirements file")
    target, taken = choose_target(settings.python, settings.platform, settings.libc)
    if taken:
        note(f"Taken from this machine: {', '.join(taken)} (see --python, --platform, --libc)")
    inputs = _inputs(settings)
    with progress_line() as progress:
        resolution, lock = _lock(settings, inputs, target, progress)
    texts = {settings.lock: format_lock(lock), settings.output: format_requirements(lock)}
    changed = write_files(texts)
    for warning in resolution.warnings:
        warn(warning)
    _tell(settings, lock, target, changed)
    return 0


def _inputs(settings: _Settings) -> LockInputs:
    asked = _read(settings)
    return LockInputs(
        asked=asked,
        policy=Policy(
            prereleases=settings.pre or asked.options.prereleases,
            exclude_newer=parse_moment(settings.exclude_newer) if settings.exclude_newer else None,
        ),
        index_url=settings.index_url or asked.options.index_url,
        extra_index_urls=(*settings.extra_index_url, *asked.options.extra_index_urls),
    )


def _read(settings: _Settings) -> RequirementSet:
    projects = [name for name in settings.files if name.endswith(".toml")]
    if settings.extra and not projects:
        raise InputError(f"--extra {settings.extra[0]!r}", "only a pyproject.toml has extras")
    plain = tuple(name for name in settings.files if name not in projects)
    asked = read_requirement_files(plain, read=read_file, environment=os.environ, constraints=settings.constraint)
    from_projects = [read_pyproject(read_file(name), name, settings.extra) for name in projects]
    requirements = [*asked.requirements, *(r for project in from_projects for r in project.requirements)]
    folder = Path(settings.lock).parent if settings.lock != "-" else Path()
    return replace(asked, requirements=tuple(_seen_from(requirement, folder) for requirement in requirements))


def _seen_from(requirement: Requirement, folder: Path) -> Requirement:
    """Return *requirement* with its origin as the lock will name it."""
    file = relative_to_folder(requirement.origin.file, folder)
    return replace(requirement, origin=replace(requirement.origin, file=file))


def _lock(settings: _Settings, inputs: LockInputs, target: Target, progress: Progress) -> tuple[Resolution, Lock]:
    urls = (*inputs.extra_index_urls, inputs.index_url or default_index_url())
    cache = Cache(settings.cache_dir)
    client = HttpClient(certificates=certificates())
    try:
        with SimpleIndex(urls, client=client, cache=cache, progress=progress) as index:
            resolution = resolve(
                inputs.asked,
                target,
                index,
                policy=inputs.policy,
                preferences=_preferences(settings),
                progress=progress,
            )
            wheels = [file for pin in resolution.pins for file in pin.files if file.kind == "wheel"]
            identities = index.identities(wheels) if settings.artifact_identity else {}
            return resolution, build_lock(resolution, identities, inputs)
    finally:
        client.close()
        cache.close()


def _preferences(settings: _Settings) -> Preferences:
    if settings.upgrade or settings.lock == "-" or not Path(settings.lock).exists():
        return Preferences()
    upgraded = {canonicalize_name(name) for name in settings.upgrade_package}
    try:
        lock = parse_lock(read_file(settings.lock), settings.lock)
    except LockError as error:
        raise LockError(
            error.subject, error.problem, hint="mend or remove it, or give --upgrade to lock without its pins"
        ) from error
    return Preferences(
        versions={name: version for name, version in pinned_versions(lock).items() if name not in upgraded}
    )


def _tell(settings: _Settings, lock: Lock, target: Target, changed: tuple[str, ...]) -> None:
    count = len(lock.pylock.packages)
    unprovable = [a for artifacts in lock.artifacts.values() for a in artifacts if a.identity is None]
    for artifact in unprovable:
        warn(f"{artifact.wheel} cannot be proven once installed: {artifact.reason}")
    for package in lock.pylock.packages:
        if package.sdist is not None:
            pinned = f"{package.name} {package.version}"
            warn(f"{pinned} has no wheel for {target}: pip will build it, and the result cannot be proven")
    files = (settings.lock, settings.output)
    states = [f"{name} ({'written' if name in changed else 'unchanged'})" for name in files if name != "-"]
    packages = f"{count} {'package' if count == 1 else 'packages'}"
    note(f"Locked {packages} for {target}{': ' if states else ''}{', '.join(states)}")
