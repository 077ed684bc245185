"""The options of ``compile`` and what they came to in; the words of the command that does the same again, out.

Logins are left out, as are the options that decide nothing of the lock: the cache, certificates, what is upgraded.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath

from lockml.cli.compile.options import CompileOptions, IndexOptions, InputOptions, OutputOptions, PolicyOptions
from lockml.common.display import redact
from lockml.common.target import Target
from lockml.lock.model import BaseImage

__all__ = ["command_words"]


def command_words(options: CompileOptions, targets: Sequence[Target], base_image: BaseImage | None) -> tuple[str, ...]:
    """Return the command, whatever of it came from variables, the configuration, the lock or this machine."""
    return (
        *("lockml", "compile"),
        *map(_place, options.inputs.files),
        *_output_words(options.output),
        *_target_words(targets, base_image),
        *_index_words(options.indexes),
        *_input_words(options.inputs),
        *_policy_words(options.policy),
    )


def _output_words(options: OutputOptions) -> Iterator[str]:
    if options.output not in ("requirements.txt", "-"):  # a stream is for looking
        yield from ("--output", _place(options.output))
    if options.lock not in ("pylock.toml", "-"):
        yield from ("--lock", _place(options.lock))
    if not options.artifact_identity:
        yield "--no-artifact-identity"


def _target_words(targets: Sequence[Target], base: BaseImage | None) -> Iterator[str]:
    if base is not None:
        yield from ("--base-image", f"{base.kind}:{base.reference}" if base.kind else base.reference)
        if base.gives_target:
            return
    if len(targets) == 1 and not targets[0].name and targets[0].macos is None:
        yield from ("--python", targets[0].python_text, "--platform", str(targets[0].platform))
        if targets[0].libc is not None:
            yield from ("--libc", str(targets[0].libc))
        return
    for target in targets:
        floor = f"-{target.floor_text}" if target.floor_text else ""
        name = f"{target.name}=" if target.name else ""
        yield from ("--target", f"{name}{target.python_text}-{target.platform}{floor}")


def _index_words(options: IndexOptions) -> Iterator[str]:
    if options.index_url:
        yield from ("--index-url", redact(options.index_url))
    yield from _each("--extra-index-url", map(redact, options.extra_index_url))
    yield from _each("--index", map(redact, options.named_index))
    yield from _each("--index-only", options.index_only)
    yield from _each("--find-links", map(_place, options.find_links))
    if options.no_index:
        yield "--no-index"


def _input_words(options: InputOptions) -> Iterator[str]:
    yield from _each("--constraint", map(_place, options.constraint))
    yield from _each("--override", map(_place, options.override))
    yield from _each("--extra", options.extra)
    yield from _each("--group", options.group)


def _policy_words(options: PolicyOptions) -> Iterator[str]:
    yield from _each("--exclude", options.exclude)
    if options.pre:
        yield "--pre"
    if options.exclude_newer:
        yield from ("--exclude-newer", options.exclude_newer)
    if options.resolution not in (None, "highest"):
        yield from ("--resolution", str(options.resolution))
    yield from _each("--no-binary", options.no_binary)
    yield from _each("--only-binary", options.only_binary)
    yield from _each("--allow-build", options.allow_build)


def _each(option: str, values: Iterable[str]) -> Iterator[str]:
    for value in values:
        yield from (option, value)


def _place(name: str) -> str:
    """Return *name* without a login, and as seen from this folder, so that no path of a machine gets into an output."""
    if "://" in name:
        return redact(name)
    if name.startswith("/"):
        return PurePath(os.path.relpath(name)).as_posix()
    return name
