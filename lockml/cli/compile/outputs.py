"""The files that ``compile`` writes for a lock, its notes about them, and the command that repeats it."""

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from lockml.cli.common.files import write_files
from lockml.cli.common.overwriting import refuse_overwriting
from lockml.cli.compile.notes import Note
from lockml.cli.compile.options import (
    BaseOptions,
    CompileOptions,
    IndexOptions,
    InputOptions,
    OutputOptions,
    PolicyOptions,
    TargetOptions,
)
from lockml.common.display import redact
from lockml.common.errors import InputError
from lockml.common.target import Target
from lockml.lock.formats.pylock import format_lock
from lockml.lock.formats.requirements_txt import (
    HEADER,
    format_build,
    format_requirements,
    format_sources,
    format_unhashed,
)
from lockml.lock.model import BaseImage, Lock, ProvidedPackages

__all__ = ["Written", "command_words", "outcome_notes", "requirement_files", "write_outputs"]


class Written(NamedTuple):
    """The text of each file by its name, and the names of those that changed."""

    files: dict[str, str]
    changed: tuple[str, ...]


def write_outputs(lock: Lock, options: OutputOptions, read: Collection[str]) -> Written:
    """Write the lock and its requirement files, all or none; raises InputError if one was *read*."""
    files = {options.lock: format_lock(lock), **requirement_files(lock, options.output)}
    refuse_overwriting(files, read, options.lock)
    return Written(files, write_files(files))


def requirement_files(lock: Lock, output: str) -> dict[str, str]:
    """Return the text of each file: *output*, or one for each target if it contains ``{target}``.

    Packages that pip cannot hash go to NAME-unhashed.txt beside it; the sources of packages that the image builds go to
    NAME-sources.txt, and what the builds need to NAME-build.txt. A file that is no longer needed says so. Raises
    InputError for targets that share a name.
    """
    if "{target}" not in output:
        return _files(lock, output, None)
    files: dict[str, str] = {}
    for target in lock.targets:
        named = _files(lock, output.replace("{target}", _label(target, lock)), target)
        if not files.keys().isdisjoint(named):
            raise InputError(f"-o {output!r}", "two targets have the same name", hint="name them: --target NAME=...")
        files |= named
    return files


def _files(lock: Lock, name: str, target: Target | None) -> dict[str, str]:
    text = format_requirements(lock, target)
    neighbours = {
        "unhashed": (format_unhashed(lock, target), "Nothing is locked from a source tree."),
        "build": (format_build(lock, target), "Nothing is built in the image."),
        "sources": (format_sources(lock, target), "Nothing is built in the image."),
    }
    if name == "-":
        return {name: text + "".join(other or "" for other, _ in neighbours.values())}
    path = PurePath(name)
    files = {name: text}
    for word, (other, nothing) in neighbours.items():
        beside = str(path.with_name(f"{path.stem}-{word}{path.suffix}"))
        if other is not None:
            files[beside] = other
        elif Path(beside).is_file() and Path(beside).read_bytes().startswith(HEADER.encode()):
            files[beside] = f"{HEADER}.\n# {nothing}\n"
    return files


def _label(target: Target, lock: Lock) -> str:
    """Return the text for *target* in a file name: its name, else its Python and platform."""
    if target.name:
        return target.name
    floor = f"-{target.floor_text}" if len({str(other) for other in lock.targets}) > 1 and target.floor_text else ""
    architecture = target.platform.architecture.replace("/", "")
    return f"{target.python_text}-{target.platform.system}-{architecture}{floor}"


def outcome_notes(lock: Lock, files: Collection[str], changed: Collection[str]) -> list[Note]:
    """Return the notes about a lock in *files*, some of which *changed*."""
    notes = [Note("warning", text) for text in (*_unprovable(lock), *_unbuilt(lock), *_unhashed(lock), *_built(lock))]
    states = [f"{name} ({'written' if name in changed else 'unchanged'})" for name in files if name != "-"]
    count = len(lock.pylock.packages)
    packages = f"{count} {'package' if count == 1 else 'packages'}"
    if lock.left_to_base:
        packages += f" ({len(lock.left_to_base)} more in the base image)"
    targets = str(lock.targets[0]) if len(lock.targets) == 1 else f"{len(lock.targets)} targets"
    return [*notes, Note("result", f"Locked {packages} for {targets}{': ' if states else ''}{', '.join(states)}")]


def _unprovable(lock: Lock) -> Iterator[str]:
    """Yield which wheels cannot be proven, a line for each reason: a mirror without files gives one for all."""
    wheels: dict[str, list[str]] = {}
    for artifact in (each for artifacts in lock.artifacts.values() for each in artifacts):
        if artifact.identity is None:
            wheels.setdefault(artifact.reason or "no reason given", []).append(artifact.wheel)
    for reason, names in wheels.items():
        named = names[0] if len(names) == 1 else f"{len(names)} wheels ({names[0]} and others)"
        yield f"cannot prove {named} after installation: {reason}"


def _unbuilt(lock: Lock) -> Iterator[str]:
    """Yield which packages pip has to build."""
    for package in lock.pylock.packages:
        if package.sdist is not None:
            pinned = f"{package.name} {package.version}"
            yield f"{pinned} has no wheel for every target: pip builds it, and check cannot prove the result"


def _unhashed(lock: Lock) -> Iterator[str]:
    """Yield one warning about all packages from source trees."""
    packages = [package for package in lock.pylock.packages if package.vcs or package.directory]
    unhashed = [package.name for package in packages if not lock.is_built(package.name)]
    if unhashed:
        yield (
            f"{', '.join(unhashed)}: from source trees, which pip cannot hash and check cannot prove; "
            "install the file named -unhashed second, with --no-deps"
        )


def _built(lock: Lock) -> Iterator[str]:
    """Yield one warning about packages that the image builds and that are not recorded yet."""
    recorded = {each.name for each in lock.recorded}
    unrecorded = [each.name for each in lock.built if each.name not in recorded]
    if unrecorded:
        yield (
            f"{', '.join(unrecorded)}: built in the image, from the file named -sources; check can prove the result "
            f"after you run `lockml record --from image:NAME {' '.join(unrecorded)}`"
        )


def command_words(
    options: CompileOptions,
    targets: Sequence[Target],
    base_image: BaseImage | None,
    provided: ProvidedPackages = ProvidedPackages(),  # noqa: B008 - frozen
) -> tuple[str, ...]:
    """Return the full command, including what came from variables, the configuration, the lock or this machine.

    It has no credentials, and no options that do not affect the lock: the cache, certificates, upgrades.
    """
    return (
        *("lockml", "compile"),
        *map(_without_paths, options.inputs.files),
        *_output_words(options.output),
        *_target_words(targets, base_image, options.target.tags),
        *_provided_words(options.target, provided),
        *_index_words(options.indexes),
        *_input_words(options.inputs),
        *_base_words(options.bases),
        *_policy_words(options.policy),
    )


def _output_words(options: OutputOptions) -> Iterator[str]:
    if options.output not in ("requirements.txt", "-") and not options.output.startswith(
        ("/dev/", "/proc/")
    ):  # a stream is only for viewing
        yield from ("--output", _without_paths(options.output))
    if options.lock not in ("pylock.toml", "-"):
        yield from ("--lock", _without_paths(options.lock))
    if not options.artifact_identity:
        yield "--no-artifact-identity"


def _provided_words(options: TargetOptions, provided: ProvidedPackages) -> Iterator[str]:
    if provided.selection:
        yield from ("--provided", ",".join(provided.selection))
        if provided.mode != "keep":
            yield from ("--provided-mode", provided.mode)
    if not options.base_constraints:
        yield "--no-base-constraints"


def _target_words(targets: Sequence[Target], base: BaseImage | None, tags: str | None) -> Iterator[str]:
    if base is not None:
        yield from ("--base-image", f"{base.kind}:{base.reference}" if base.kind else base.reference)
        if base.gives_target:
            return
    if len(targets) == 1 and not targets[0].name and (targets[0].macos is None or targets[0].tags):
        yield from ("--python", targets[0].python_text, "--platform", str(targets[0].platform))
        if targets[0].libc is not None:
            yield from ("--libc", str(targets[0].libc))
        if targets[0].tags and tags is not None:
            yield from ("--tags", _without_paths(tags))
        return
    for target in targets:
        floor = f"-{target.floor_text}" if target.floor_text else ""
        name = f"{target.name}=" if target.name else ""
        yield from ("--target", f"{name}{target.python_text}-{target.platform}{floor}")


def _index_words(options: IndexOptions) -> Iterator[str]:
    if options.index_url:
        yield from ("--index-url", redact(options.index_url))
    yield from _repeated("--extra-index-url", map(redact, options.extra_index_url))
    yield from _repeated("--index", map(redact, options.named_index))
    yield from _repeated("--index-only", options.index_only)
    yield from _repeated("--find-links", map(redact, options.find_links))  # an absolute one stays as it is in the lock
    if options.no_index:
        yield "--no-index"
    yield from _repeated("--allow-insecure-host", options.allow_insecure_host)


def _input_words(options: InputOptions) -> Iterator[str]:
    yield from _repeated("--constraint", map(_without_paths, options.constraint))
    yield from _repeated("--override", map(_without_paths, options.override))
    yield from _repeated("--extra", options.extra)
    yield from _repeated("--group", options.group)


def _base_words(options: BaseOptions) -> Iterator[str]:
    yield from _repeated("--on", map(_without_paths, options.on))
    if options.subset_of is not None:
        yield from ("--subset-of", _without_paths(options.subset_of))
    yield from _repeated("--relax", options.relax)


def _policy_words(options: PolicyOptions) -> Iterator[str]:
    yield from _repeated("--exclude", options.exclude)
    if options.pre is not None:
        yield "--pre" if options.pre else "--no-pre"
    if options.exclude_newer:
        yield from ("--exclude-newer", options.exclude_newer)
        if options.exclude_newer_except != (":none:",):  # which removes those of a lock
            yield from _repeated("--exclude-newer-except", map(redact, options.exclude_newer_except))
    if options.resolution not in (None, "highest"):
        yield from ("--resolution", str(options.resolution))
    yield from _repeated("--no-binary", options.no_binary)
    yield from _repeated("--only-binary", options.only_binary)
    yield from _repeated("--allow-build", options.allow_build)
    yield from _repeated("--accept-older", options.accept_older)
    yield from _repeated("--deny", options.deny)
    for name in ("accelerator", "driver", "gpu"):
        if getattr(options, name):
            yield from (f"--{name}", getattr(options, name))
    if options.as_is:
        yield "--as-is"


def _repeated(option: str, values: Iterable[str]) -> Iterator[str]:
    for value in values:
        yield from (option, value)


def _without_paths(name: str) -> str:
    """Return *name* without credentials and relative to this folder, so that no path of a machine is written."""
    if "://" in name:
        return redact(name)
    if name.startswith("/"):
        return PurePath(os.path.relpath(name)).as_posix()
    return name
