"""``lockml compile``: ranged requirements in, a lock and a requirements.txt out."""

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

_ALLOCATIONS: Final = (
    100_000  # between looks for garbage in circles: a short process makes much to keep and little else
)

_RANKS: Final = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP)


@declare(
    "compile",
    short_help="Pin ranged requirements for a target.",
    examples=(
        (
            "lockml compile requirements.in --base-image image:python:3.11-slim",
            "Pin for the image of the Dockerfile's FROM.",
        ),
        ("lockml compile --check", "Is the lock still what the inputs ask for? For CI."),
        ("lockml compile --all --check", "The same of every lock of [[tool.lockml.lock]]."),
    ),
)
@click.argument("files", nargs=-1, metavar="[FILE]...", shell_complete=complete_files)
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
@option(
    "--provided",
    multiple=True,
    metavar="all|NAME,...|none",
    help="What the base image has installed satisfies requirements, is not installed again, and is checked.",
)
@option(
    "--provided-mode",
    type=click.Choice(["keep", "prefer", "override"]),
    show_default="keep",
    help="keep: the image's version is the only one.  prefer: it is the first choice, and may be replaced.  override: "
    "it is taken whatever version is asked for.",
)
@option(
    "--base-constraints/--no-base-constraints",
    default=True,
    show_default=True,
    help="The image's own constraint files bound what is locked, as they do in it.",
)
@option(
    "--python",
    metavar="VERSION",
    show_default="this one",
    help="3.11 holds for every 3.11.x; 3.11.7 is exact; 3.14t is free-threaded; pypy3.10 is PyPy.",
)
@option(
    "--platform",
    metavar="OS/ARCH",
    show_default="this machine's",
    help="linux, macos or windows, / and amd64 or arm64; linux/ and ppc64le, s390x, riscv64, arm/v7 or 386 too.",
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
@option(
    "--tags",
    metavar="FILE",
    help="The tags of the wheels to lock, one a line, the preferred first, as `pip debug --verbose` prints them.",
)
@option("--retarget", is_flag=True, help="Forget the target and the base image of the lock.")
@option("--index-url", "-i", metavar="URL", show_default="pip's", help="The package index.")
@option(
    "--extra-index-url",
    multiple=True,
    metavar="URL",
    help="Asked before the index; the first that has a project wins.",
)
@option(
    "--index",
    "named_index",
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
@option("--no-extra", is_flag=True, help="Lock no extra, whatever the lock or the configuration has.")
@option("--group", multiple=True, metavar="NAME", help="A dependency group of pyproject.toml to lock too.")
@option("--no-group", is_flag=True, help="Lock no group, whatever the lock or the configuration has.")
@option(
    "--on",
    multiple=True,
    metavar="LOCK",
    help="Stand on this lock: all of its pins are in this one, with its files and hashes.",
)
@option("--subset-of", metavar="LOCK", help="Take the part of this lock that the inputs need; nothing is chosen anew.")
@option("--relax", multiple=True, metavar="NAME", help="Let this project of --on move; * stands for anything.")
@option(
    "--all", "all_locks", is_flag=True, help="Compile every lock of [[tool.lockml.lock]], each after what it stands on."
)
@option(
    "--only", multiple=True, metavar="LOCK", help="Of --all, this lock and what it stands on; * stands for anything."
)
@option(
    "--prefer",
    multiple=True,
    metavar="FILE",
    help="Prefer the pins of a requirements.txt, or of any tool's lock; those of the lock come first.",
)
@option("--upgrade", "-U", is_flag=True, help="Choose anew instead of keeping the pins that still fit.")
@option(
    "--upgrade-package",
    "-P",
    multiple=True,
    metavar="NAME[BOUND]",
    help="Choose this project anew, such as numpy or numpy<2.",
)
@option(
    "--pre/--no-pre",
    default=None,
    show_default="where asked for, or nothing else fits",
    help="Let pre-releases in everywhere, or only where your own lines name one.",
)
@option(
    "--exclude-newer",
    metavar="DATE|AGE",
    help="Ignore files uploaded after this day or moment (UTC), or younger than 7d, 2w, 36h; none takes all.",
)
@option(
    "--exclude-newer-except",
    multiple=True,
    metavar="NAME|index:INDEX",
    help="Take all files of this project, such as torch or nvidia-*, or of this index, by its name or address; "
    ":none: forgets those of the lock.",
)
@option(
    "--resolution",
    type=click.Choice(["highest", "lowest", "lowest-direct"]),
    show_default="highest",
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
    "--accept-older",
    multiple=True,
    metavar="NAME",
    help="Take an older series of this project where its newest release has to be built or cannot be read.",
)
@option("--deny", multiple=True, metavar="NAME", help="Fail if this project is locked; * stands for anything.")
@option(
    "--accelerator",
    metavar="NAME",
    help="Lock builds for cpu, cu128, rocm6.4 or another one, of the index with its name (--index cu128=URL) or by "
    "local version; from-image asks --base-image; none forgets that of the lock.",
)
@host_options
@option("--as-is", is_flag=True, help="Lock what the inputs name and nothing else, whatever that requires.")
@option(
    "--cert", type=click.Path(path_type=Path), show_default="pip's, the system's", help="Authorities to trust (PEM)."
)
@option(
    "--client-cert", type=click.Path(path_type=Path), show_default="pip's", help="Certificate and key to show (PEM)."
)
@insecure_host_option
@option(
    "--artifact-identity/--no-artifact-identity",
    default=True,
    show_default=True,
    help="Record what each wheel installs.",
)
@option("--verify", is_flag=True, help="Fetch every wheel whole and hold it against the lock, as `lockml verify` does.")
@option("--check", is_flag=True, help="Write nothing; exit 1 and say why if the lock is out of date. Asks no index.")
@option("--full", is_flag=True, help="Tell all lines of a refusal, and every warning on a line of its own.")
@option("--offline", is_flag=True, help="Use nothing but the cache.")
@cache_option
def command(**options: object) -> int:
    """Pin the requirements of every FILE, with the hashes of all files that suit the targets.

    FILE is a requirements.in, a pyproject.toml, setup.py or setup.cfg, a script (.py, PEP 723), a notebook (.ipynb),
    a conda environment.yml (its pip section), the address of such a file, or - for standard input; without one,
    requirements.in or pyproject.toml of this folder is taken. Pins that still fit are kept, unless --upgrade, and so
    are the target, base image, extras, groups, --resolution and --exclude-newer of the lock, unless an option says
    otherwise. [tool.lockml.compile] of pyproject.toml, or [compile] of lockml.toml, may hold the options, and a
    [[tool.lockml.lock]] for each of several locks, which --all compiles.
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
    """Compile what *options* say, and return the exit code; raises LockmlError, in few lines unless all are wanted."""
    try:
        return compile_files(options)
    except LockmlError as error:
        brief = error if options.output.full else in_brief(error)
        if brief is error:
            raise
        raise brief from error


def _built() -> tuple[ConfiguredBuilt, ...]:
    """Return what the configuration says that the image builds; raises InputError."""
    if configured_table("built")[1] is None:
        return ()
    from lockml.cli.compile.image.built import configured_built  # needs what reads versions and addresses

    return configured_built()


def _suggest_image(output: OutputOptions, base_image: str) -> None:
    """Tell, with a first lock, how to install it in an image on *base_image*, "" for none."""
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
    """Return the options that compile has by its configuration and variables alone, for commands that do as it does."""
    name_variables(command, "compile")
    configured = configured_options(command, "compile")
    names = ["-h", "--help"]  # click keeps the option of help that is made first
    with command.make_context("compile", [], default_map=configured, help_option_names=names) as context:
        return compile_options(context.params)._replace(built=_built())


def compile_files(options: CompileOptions) -> int:
    """Compile what *options* say, and return the exit code; raises LockmlError."""
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
        from lockml.cli.compile.run import run_compile  # takes longer to load than an unchanged result to be found

        return run_compile(options)
    detail("inputs, options and index: as for an earlier result, which is taken from the cache")
    shown = (each for each in known if not output.check or each.kind == "host-target")
    print_notes(shown, full=output.full)
    if output.check:
        note(f"{output.lock} is up to date")
    return 0


def _default_files() -> tuple[str, ...]:
    for name in ("requirements.in", "pyproject.toml"):
        if Path(name).is_file():
            return (name,)
    problem, hint = "neither requirements.in nor pyproject.toml is here", "name the file to compile"
    if Path("requirements.txt").is_file():
        hint = "where requirements.txt is what you ask for, mv requirements.txt requirements.in and compile that"
    file, locks = configured_table("lock")
    if isinstance(locks, list):
        hint = f"`lockml compile --all` compiles the locks that {file} names"
    raise InputError("no FILE", problem, hint=hint)
