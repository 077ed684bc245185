"""``lockml compile``: make a lock and a requirements.txt from ranged requirements."""

import gc
import os
import shlex
from functools import partial
from pathlib import Path
from typing import Final

import click
from click.core import ParameterSource

from lockml.cli.common.command import declare
from lockml.cli.common.completion import complete_files
from lockml.cli.common.config import configured_options, configured_table
from lockml.cli.common.files import refuse_names
from lockml.cli.common.options import cache_option, host_options, insecure_host_option, name_variables, option
from lockml.cli.common.terminal import detail, note, suggest
from lockml.cli.compile.notes import in_brief, print_notes
from lockml.cli.compile.options import CompileOptions, ConfiguredBuilt, OutputOptions, compile_options, of_one_kind
from lockml.cli.compile.result_cache import cached_result
from lockml.common.errors import InputError, LockmlError

__all__ = ["command", "compile_files", "configured_compile_options"]

_ALLOCATIONS: Final = 100_000  # between runs of the garbage collector: a short process keeps most of what it makes

_RANKS: Final = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP)


@declare(
    "compile",
    short_help="Pin requirements for a target.",
    examples=(
        (
            "lockml compile requirements.in --base-image image:python:3.11-slim",
            "Pin for the image in the Dockerfile's FROM.",
        ),
        ("lockml compile --check", "Check in CI that the lock is up to date."),
        ("lockml compile --all --check", "Check every lock in [[tool.lockml.lock]]."),
    ),
)
@click.argument("files", nargs=-1, metavar="[FILE]...", shell_complete=complete_files)
@option(
    "-o",
    "--output",
    default="requirements.txt",
    show_default=True,
    help="Requirements file to write; - prints it, {target} in the name writes one for each target.",
)
@option("--lock", default="pylock.toml", show_default=True, help="Lock file (PEP 751) to read and write.")
@option(
    "--base-image",
    metavar="KIND:NAME",
    help="Lock for the Python and platform of this image, the one in the Dockerfile's FROM: image:REF or registry:REF, "
    "and `lockml check` reports when an image is not built on it.",
)
@option(
    "--provided",
    multiple=True,
    metavar="all|NAME,...|none",
    help="Use packages that the base image has installed instead of installing them again. They are checked too.",
)
@option(
    "--provided-mode",
    type=click.Choice(["keep", "prefer", "override"]),
    show_default="keep",
    help="keep: allow only the image's version.  prefer: try it first, but allow another.  override: use it even if a "
    "requirement excludes it.",
)
@option(
    "--base-constraints/--no-base-constraints",
    default=True,
    show_default=True,
    help="Apply the image's own constraint files, as pip does in the image.",
)
@option(
    "--python",
    metavar="VERSION",
    show_default="this Python",
    help="Python version: 3.11 covers every 3.11.x, 3.11.7 is exact, 3.14t is free-threaded, pypy3.10 is PyPy.",
)
@option(
    "--platform",
    metavar="OS/ARCH",
    show_default="this machine's",
    help="Platform: linux, macos or windows with /amd64 or /arm64; linux also with /ppc64le, /s390x, /riscv64, /arm/v7 "
    "or /386.",
)
@option(
    "--libc",
    metavar="LIBC",
    show_default="this machine's",
    help="Oldest C library to support, such as glibc-2.36 or musl-1.2.",
)
@option(
    "--target",
    multiple=True,
    metavar="[NAME=]TARGET",
    help="Python, platform and libc in one value, such as 3.11-linux/amd64-glibc-2.36, 3.12-macos/arm64-14.0 or "
    "3.12-windows/amd64.",
)
@option(
    "--tags",
    metavar="FILE",
    help="File of wheel tags to lock for, one per line, preferred first, as `pip debug --verbose` prints them.",
)
@option("--retarget", is_flag=True, help="Ignore the target and the base image recorded in the lock.")
@option("--index-url", "-i", metavar="URL", show_default="pip's", help="Package index.")
@option(
    "--extra-index-url",
    multiple=True,
    metavar="URL",
    help="Index to search before --index-url. The first index that has a project is used for it.",
)
@option(
    "--index",
    "named_index",
    multiple=True,
    metavar="NAME=URL",
    help="Named index to search before the others. Credentials: LOCKML_INDEX_<NAME>_USERNAME and _PASSWORD.",
)
@option(
    "--index-only",
    multiple=True,
    metavar="NAME=PROJECT,...",
    help="Use the index NAME only for these projects, such as torch,nvidia-*, and no other index for them.",
)
@option(
    "--find-links", "-f", multiple=True, metavar="URL|DIR", help="Page or folder of files to search before indexes."
)
@option("--no-index", is_flag=True, help="Use no index, only --find-links.")
@option(
    "--constraint",
    "-c",
    multiple=True,
    metavar="FILE",
    help="Constraints file: limit versions without requiring the projects.",
)
@option(
    "--override", multiple=True, metavar="FILE", help="File of requirements that replace all others for their projects."
)
@option("--exclude", multiple=True, metavar="NAME", help="Exclude this project, even if others require it.")
@option("--extra", multiple=True, metavar="NAME", help="Include this extra of pyproject.toml.")
@option("--no-extra", is_flag=True, help="Include no extra, even if the lock or the configuration names one.")
@option("--group", multiple=True, metavar="NAME", help="Include this dependency group of pyproject.toml.")
@option("--no-group", is_flag=True, help="Include no group, even if the lock or the configuration names one.")
@option(
    "--on",
    multiple=True,
    metavar="LOCK",
    help="Base this lock on LOCK: include all of its pins, files and hashes.",
)
@option("--subset-of", metavar="LOCK", help="Lock only the part of LOCK that the inputs need; versions stay.")
@option(
    "--relax",
    multiple=True,
    metavar="NAME",
    help="Allow another version of this project than the --on lock has; * matches any text.",
)
@option("--all", "all_locks", is_flag=True, help="Compile every lock in [[tool.lockml.lock]], bases first.")
@option(
    "--only",
    multiple=True,
    metavar="LOCK",
    help="With --all: compile only this lock and its bases; * matches any text.",
)
@option(
    "--prefer",
    multiple=True,
    metavar="FILE",
    help="Prefer the pins of this requirements.txt or lock of another tool. Pins of the existing lock come first.",
)
@option("--upgrade", "-U", is_flag=True, help="Upgrade all packages instead of keeping pins that still fit.")
@option(
    "--upgrade-package",
    "-P",
    multiple=True,
    metavar="NAME[BOUND]",
    help="Upgrade this package, such as numpy or numpy<2.",
)
@option(
    "--pre/--no-pre",
    default=None,
    show_default="if a requirement names one, or nothing else fits",
    help="Allow pre-releases everywhere, or only where your requirements name one.",
)
@option(
    "--exclude-newer",
    metavar="DATE|AGE",
    help="Ignore files uploaded after this date or time (UTC), or younger than 7d, 2w or 36h; none disables it.",
)
@option(
    "--exclude-newer-except",
    multiple=True,
    metavar="NAME|index:INDEX",
    help="Exempt this project, such as torch or nvidia-*, or this index, by name or URL, from --exclude-newer; :none: "
    "removes the exceptions in the lock.",
)
@option(
    "--resolution",
    type=click.Choice(["highest", "lowest", "lowest-direct"]),
    show_default="highest",
    help="Which release to try first; lowest-direct: the lowest for direct requirements, the highest for all others.",
)
@option(
    "--no-binary",
    multiple=True,
    metavar="NAME",
    help="Do not use wheels of this package; :all: for every package, :none: to reset.",
)
@option(
    "--only-binary",
    multiple=True,
    metavar="NAME",
    help="Do not use sdists of this package; :all: for every package, :none: to reset.",
)
@option(
    "--allow-build",
    multiple=True,
    metavar="NAME|PATH",
    help="Allow running the build backend of this project to find its dependencies; :all: for every project. "
    "Without it, no package code runs.",
)
@option(
    "--accept-older",
    multiple=True,
    metavar="NAME",
    help="Accept an older series of this project if its newest release must be built or cannot be read.",
)
@option("--deny", multiple=True, metavar="NAME", help="Fail if this project would be locked; * matches any text.")
@option(
    "--accelerator",
    metavar="NAME",
    help="Lock builds for cpu, cu128, rocm6.4 or another accelerator, from the index of that name (--index cu128=URL) "
    "or by local version; from-image uses that of --base-image, none removes that of the lock.",
)
@host_options
@option("--as-is", is_flag=True, help="Lock only the packages that the inputs name, without their dependencies.")
@option(
    "--cert",
    type=click.Path(path_type=Path),
    show_default="pip's, the system's",
    help="CA certificates to trust (PEM).",
)
@option(
    "--client-cert", type=click.Path(path_type=Path), show_default="pip's", help="Client certificate and key (PEM)."
)
@insecure_host_option
@option(
    "--artifact-identity/--no-artifact-identity",
    default=True,
    show_default=True,
    help="Record the artifact identity of each wheel: what it installs.",
)
@option("--verify", is_flag=True, help="Download every wheel and compare it with the lock, as `lockml verify` does.")
@option(
    "--check", is_flag=True, help="Write nothing; if the lock is out of date, print why and exit 1. Contacts no index."
)
@option("--full", is_flag=True, help="Show errors in full, and each warning on its own line.")
@option("--offline", is_flag=True, help="Use only the cache; make no network requests.")
@cache_option
def command(**options: object) -> int:
    """Pin the requirements in every FILE, with the hashes of all files that fit the targets.

    FILE is a requirements.in, a pyproject.toml, setup.py or setup.cfg, a script (.py, PEP 723), a notebook (.ipynb),
    a conda environment.yml (its pip section), the URL of such a file, or - for standard input. Default:
    requirements.in, else pyproject.toml, in this folder.

    Without --upgrade, lockml keeps pins that still fit. It also keeps the target, base image, extras, groups,
    --resolution and --exclude-newer of the lock unless you give another value. Set options permanently in
    [tool.lockml.compile] of pyproject.toml or [compile] of lockml.toml. For several locks, write a
    [[tool.lockml.lock]] table for each and use --all.
    """
    context = click.get_current_context()
    given = compile_options(of_one_kind(options, partial(_rank, context)))._replace(built=_built())
    if any(given.selection):
        from lockml.cli.compile.locks.all_locks import compile_all

        return compile_all(command, context, given.built, _compile_in_brief)
    first = not Path(given.output.lock).exists()
    code = _compile_in_brief(given)
    if first and code == 0 and {given.output.lock, given.output.output}.isdisjoint(("-", os.devnull)):
        _suggest_image(given.output, given.target.base_image or "")
    return code


def _compile_in_brief(options: CompileOptions) -> int:
    """Compile with *options* and return the exit code; raises LockmlError, shortened unless *options* forbid it."""
    try:
        return compile_files(options)
    except LockmlError as error:
        brief = error if options.output.full else in_brief(error)
        if brief is error:
            raise
        raise brief from error


def _built() -> tuple[ConfiguredBuilt, ...]:
    """Return the wheels that the image builds, as configured; raises InputError."""
    if configured_table("built")[1] is None:
        return ()
    from lockml.cli.compile.image.built import configured_built  # loads parsers of versions and URLs

    return configured_built()


def _suggest_image(output: OutputOptions, base_image: str) -> None:
    """Suggest, after the first lock, how to install it in an image based on *base_image*, "" for none."""
    names = (("--lock", output.lock, "pylock.toml"), ("--requirements", output.output, "requirements.txt"))
    words = [word for name, value, usual in names if value != usual for word in (name, value)]
    words += ["--base-image", base_image] if base_image.startswith(("image:", "registry:")) else []
    if "{target}" not in output.output and not Path("Dockerfile").exists():
        suggest(shlex.join(["lockml", "dockerfile", "init", "--compose", *words]))
    elif Path("Dockerfile").exists():
        suggest("lockml dockerfile lint")


def _rank(context: click.Context, name: str) -> int:
    source = context.get_parameter_source(name)
    return _RANKS.index(source) if source in _RANKS else len(_RANKS)


def configured_compile_options() -> CompileOptions:
    """Return the options of compile that the configuration and variables give, for other commands."""
    name_variables(command, "compile")
    configured = configured_options(command, "compile")
    names = ["-h", "--help"]  # click keeps the help option that is made first
    with command.make_context("compile", [], default_map=configured, help_option_names=names) as context:
        return compile_options(context.params)._replace(built=_built())


def compile_files(options: CompileOptions) -> int:
    """Compile with *options* and return the exit code; raises LockmlError."""
    inputs, output = options.inputs, options.output
    inputs = inputs._replace(files=inputs.files or _default_files())
    refuse_names(output.output, output.lock)
    if output.verify and not output.artifact_identity:
        raise InputError("--verify", "has nothing to verify with --no-artifact-identity")
    options = options._replace(inputs=inputs, output=output._replace(verify=output.verify and not output.check))
    known = None
    if not options.policy.moves_pins and options.target.base_image is None:
        known = cached_result(options.indexes.cache_dir, repr(options.decisive))
    if known is None:
        gc.set_threshold(_ALLOCATIONS)
        from lockml.cli.compile.run import run_compile  # takes longer to load than to find an unchanged result

        return run_compile(options)
    detail("inputs, options and index are unchanged: using the earlier result from the cache")
    shown = (each for each in known if not output.check or each.kind == "host-target")
    print_notes(shown, full=output.full)
    if output.check:
        note(f"{output.lock} is up to date")
    return 0


def _default_files() -> tuple[str, ...]:
    for name in ("requirements.in", "pyproject.toml"):
        if Path(name).is_file():
            return (name,)
    problem, hint = "no requirements.in or pyproject.toml in this folder", "name the file to compile"
    if Path("requirements.txt").is_file():
        hint = "if you edit requirements.txt by hand, run mv requirements.txt requirements.in and compile that"
    file, locks = configured_table("lock")
    if isinstance(locks, list):
        hint = f"`lockml compile --all` compiles the locks in {file}"
    raise InputError("no FILE", problem, hint=hint)
