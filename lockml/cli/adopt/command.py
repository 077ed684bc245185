"""``lockml adopt``: turn a lock of another tool into a lock of lockml with the same pins and files."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from lockml.cli.common.command import declare
from lockml.cli.common.completion import complete_files
from lockml.cli.common.files import read_file, refuse_names
from lockml.cli.common.lock_options import choice_options, take_choice
from lockml.cli.common.options import cache_option, insecure_host_option, option
from lockml.cli.common.read_lock import read_lock
from lockml.cli.common.terminal import note
from lockml.cli.compile.command import configured_compile_options
from lockml.cli.compile.notes import Note, print_notes
from lockml.cli.compile.options import CompileOptions, TargetOptions
from lockml.cli.compile.targets import ChosenTargets, choose_targets
from lockml.common.errors import InputError
from lockml.lock.adoption import suitable_targets
from lockml.lock.model import Lock

__all__ = ["command"]

_OWN = b'created-by = "lockml"\n'


@declare(
    "adopt",
    short_help="Turn the lock of another tool into a lock that proves installed bytes.",
    examples=(
        (
            "lockml adopt uv.lock --target 3.12-linux/amd64-glibc-2.36",
            "Adopt the pins of uv.lock for a target.",
        ),
        (
            "lockml adopt poetry.lock --group train -r requirements.txt",
            "Also write the file that the Dockerfile installs.",
        ),
    ),
)
@click.argument("lock", metavar="LOCK", shell_complete=complete_files)
@option("-o", "--output", default="pylock.toml", show_default=True, help="Lock file (PEP 751) to write.")
@option("--requirements", "-r", metavar="FILE", help="Also write the requirements file that the Dockerfile installs.")
@option("--force", is_flag=True, help="Overwrite an output that lockml did not write.")
@choice_options
@option(
    "--base-image",
    metavar="KIND:NAME",
    help="Lock for the Python and platform of this image, the one in the Dockerfile's FROM.",
)
@option("--python", metavar="VERSION", help="Python version: 3.11 covers every 3.11.x, 3.11.7 is exact.")
@option("--platform", metavar="OS/ARCH", help="Platform: linux, macos or windows with /amd64 or /arm64.")
@option("--libc", metavar="LIBC", help="Oldest C library to support, such as glibc-2.36 or musl-1.2.")
@option(
    "--target",
    multiple=True,
    metavar="[NAME=]TARGET",
    show_default="all that the lock has wheels for",
    help="Python, platform and libc in one value, such as 3.11-linux/amd64-glibc-2.36.",
)
@option("--index-url", "-i", metavar="URL", show_default="the lock's", help="Package index, such as a mirror.")
@option("--index", "named_index", multiple=True, metavar="NAME=URL", help="Named index to search before --index-url.")
@option(
    "--index-only",
    multiple=True,
    metavar="NAME=PROJECT,...",
    help="Use the index NAME only for these projects, and no other index for them.",
)
@option(
    "--find-links", "-f", multiple=True, metavar="URL|DIR", help="Page or folder of files to search before indexes."
)
@insecure_host_option
@option("--offline", is_flag=True, help="Use only the cache; make no network requests.")
@cache_option
def command(lock: str, **given: Any) -> int:
    """Write a pylock.toml with the pins and files of LOCK, and the artifact identity of each wheel.

    LOCK is a uv.lock, poetry.lock, pdm.lock, Pipfile.lock, conda-lock.yml, pixi.lock, a requirements.txt or another
    tool's pylock.toml. No version and no file changes: it is an error if the index lacks a file or has other bytes.
    After that, `lockml check` proves installed bytes, and `lockml compile` updates the lock.
    """
    foreign = read_lock(lock, take_choice(given), hint="name the lock to adopt, such as uv.lock or requirements.txt")
    if not foreign.format:
        raise InputError(lock, "is already a lock of lockml", hint="run `lockml compile` to complete it")
    refuse_names(given["requirements"] or os.devnull, given["output"])
    _require_replaceable(given["output"], lock, forced=given["force"])
    options = _compile_options(given)
    chosen = _choose_targets(options.target, foreign, lock)
    print_notes([*chosen.notes, *(Note("input", f"{lock}: {text}") for text in foreign.notes)])
    from lockml.cli.adopt.adoption import adopt  # loads the HTTP client

    return adopt(foreign, lock, chosen, options, requirements=given["requirements"] is not None)


def _require_replaceable(output: str, lock: str, *, forced: bool) -> None:
    """Raise InputError if *output* is the lock to adopt, or a lock that lockml did not write."""
    path = Path(output)
    if output == "-" or not path.is_file() or not path.stat().st_size:
        return
    if lock != "-" and path.resolve() == Path(lock).resolve():
        raise InputError(output, "is the lock to adopt", hint="name another file with -o")
    if not forced and _OWN not in read_file(output):
        raise InputError(
            output, "exists, and lockml did not write it", hint="name another file with -o, or use --force"
        )


def _compile_options(given: Mapping[str, Any]) -> CompileOptions:
    """Return the options of compile from configuration and variables, with those *given*."""
    options = configured_compile_options()
    indexes = options.indexes
    named = given["named_index"] or given["index_only"] or given["find_links"] or given["index_url"]
    return options._replace(
        target=TargetOptions(**{name: given[name] for name in ("base_image", "python", "platform", "libc", "target")}),
        indexes=indexes._replace(
            index_url=given["index_url"] if named else indexes.index_url,
            extra_index_url=() if named else indexes.extra_index_url,
            named_index=given["named_index"] if named else indexes.named_index,
            index_only=given["index_only"] if named else indexes.index_only,
            find_links=given["find_links"] if named else indexes.find_links,
            allow_insecure_host=given["allow_insecure_host"] or indexes.allow_insecure_host,
            offline=given["offline"],
            cache_dir=given["cache_dir"],
        ),
        output=options.output._replace(
            lock=given["output"], output=given["requirements"] or "-", artifact_identity=True, verify=False, check=False
        ),
    )


def _choose_targets(options: TargetOptions, lock: Lock, file: str) -> ChosenTargets:
    """Return the targets that *options* name, else all that *lock* has wheels for, else this machine."""
    if options.named:
        return choose_targets(options, None)
    targets = suitable_targets(lock, file)
    if not targets:
        return choose_targets(options, None)
    count = f"{len(targets)} {'target' if len(targets) == 1 else 'targets'}"
    note(f"Adopting for {count} for which every pin has a wheel (see --target)")
    return ChosenTargets(targets, (), None)
