"""``lockml lock --from``: lock what is installed in a subject, for its Python and platform."""

import hashlib
import re
import shlex
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from packaging.utils import NormalizedName, canonicalize_name

from lockml.cli.common.command import declare
from lockml.cli.common.environment_target import EnvironmentTarget, target_of
from lockml.cli.common.files import read_file, write_files
from lockml.cli.common.options import option, parse_value
from lockml.cli.common.subject_options import parse_subject
from lockml.cli.common.terminal import note, progress_line, warn
from lockml.cli.compile.command import compile_files, configured_compile_options
from lockml.cli.compile.options import CompileOptions, TargetOptions
from lockml.cli.installed import InstalledProjects, describe_installed
from lockml.common.display import escape
from lockml.common.errors import InputError, NoResolutionError
from lockml.common.target import Target, parse_target
from lockml.inventory.collect import take_inventory
from lockml.inventory.distributions import Declared, read_declared
from lockml.inventory.model import InstalledDistribution
from lockml.inventory.proof import Proof
from lockml.lock.formats.pylock import parse_lock
from lockml.lock.formats.requirements_txt import HEADER
from lockml.subjects.model import ReadOptions
from lockml.subjects.open import SubjectName, open_subject

__all__ = ["command"]

_USUAL_PLATFORM: Final = "linux/amd64"
_HEAD: Final = "# Written by `lockml lock --from "
_HEAD_LINE: Final = re.compile(rf"{re.escape(_HEAD)}.*; sha256 ([0-9a-f]{{16}})\.")
_LOCK_HEAD: Final = re.compile(rb'^created-by = "lockml"$', re.MULTILINE)


@declare(
    "lock",
    short_help="Start a lock from an existing image, container or folder.",
    examples=(
        ("lockml lock --from container:trainer", "Lock a running container for its Python and platform."),
        ("lockml lock --from image:train:7 --exclude mypkg", "Lock an image, without your own project."),
        ("lockml lock --from freeze:frozen.txt --python 3.11", "Lock the output of `pip freeze` from another machine."),
    ),
)
@option("--from", "subject", metavar="KIND:NAME", required=True, help="Subject, such as image:train:1 or freeze:FILE.")
@option("--environment", metavar="PREFIX", show_default="that of its python command", help="Python environment to use.")
@option(
    "--input", "source", metavar="FILE", default="requirements.in", show_default=True, help="File to write the pins to."
)
@option("--exclude", multiple=True, metavar="NAME", help="Exclude this project, even if others require it.")
@option("--as-is", is_flag=True, help="Lock exactly what is installed, even if packages contradict each other.")
@option("-o", "--output", default="requirements.txt", show_default=True, help="Requirements file to write.")
@option("--lock", default="pylock.toml", show_default=True, help="Lock file (PEP 751) to write.")
@option("--index-url", "-i", metavar="URL", show_default="pip's", help="Package index.")
@option("--extra-index-url", multiple=True, metavar="URL", help="Index to search before --index-url.")
@option(
    "--allow-build",
    multiple=True,
    metavar="NAME",
    help="Allow running the build backend of this project to find its dependencies.",
)
@option("--python", metavar="VERSION", show_default="this one", help="Python of the list, with freeze: only.")
@option(
    "--platform",
    metavar="OS/ARCH",
    show_default="linux/amd64; this machine's with freeze:",
    help="Which image of a multi-platform one to use, or the platform of a list.",
)
@option("--libc", metavar="LIBC", show_default="this machine's", help="C library of the list, with freeze: only.")
def command(subject: str, source: str, **options: Any) -> int:
    """Write the requested packages of a subject as exact pins, and lock everything that is installed there.

    Packages from a repository or a URL keep that source. Packages from a folder or a file of the subject, editable
    installs and system packages are skipped, and no index is asked for them. A list from `pip freeze` or `pip inspect`
    is locked for this machine, or for --python, --platform and --libc. Later, loosen the pins in the input file to
    ranges and compile it. Run again, the command replaces only files that it wrote itself.
    """
    _require_replaceable(source, options["output"], options["lock"])
    excluded = frozenset(map(canonicalize_name, options["exclude"]))
    asked = parse_subject(subject, lists=True)
    seen = (_listed if asked.kind == "freeze" else _installed)(asked, options)
    found = describe_installed(seen.distributions, seen.declared, seen.target, excluded, seen.unread)
    image_target = _words(seen.target)
    for each in found.left_out:
        warn(str(each))
    _tell_contradictions(found, as_is=options["as_is"])
    names = tuple(found.lines) if options["as_is"] else found.roots
    head = f"{subject}`: the packages in {seen.prefix}"
    write_files({source: _text(head, [found.lines[name] for name in names], found)})
    excludes = list(dict.fromkeys([*sorted(excluded), *(each.name for each in found.left_out if each.unindexed)]))
    note(f"Wrote {len(names)} pins to {source}; from now on: {_next_command(source, image_target, excludes, options)}")
    with tempfile.TemporaryDirectory(prefix="lockml-installed-") as folder:
        pins = Path(folder) / "installed.txt"
        versions = [line for line in (*found.lines.values(), *found.tools.values()) if " @ " not in line]
        pins.write_text("".join(f"{line}\n" for line in versions), "utf-8")
        code = compile_files(
            _compile_options(source, image_target, {**options, "exclude": excludes, "prefer": (str(pins),)})
        )
    if code == 0:
        _tell_differences(found, options["lock"])
    return code


class _Seen(Struct, frozen=True, kw_only=True):
    """The packages of a subject at *prefix*, what their metadata declares, and the files that could not be read."""

    prefix: str
    target: Target
    distributions: tuple[InstalledDistribution, ...]
    declared: Mapping[str, Declared]
    unread: frozenset[str] = frozenset()


def _installed(asked: SubjectName, options: Mapping[str, Any]) -> _Seen:
    """Return what is installed in a subject; raises InputError, UnreachableError."""
    of_list = [name for name in ("python", "libc") if options[name]]
    if of_list:
        raise InputError(f"--{of_list[0]}", "needs freeze:FILE; any other subject has its own", hint="remove it")
    platform = options["platform"] or _USUAL_PLATFORM
    with (
        progress_line() as progress,
        open_subject(asked, ReadOptions(platforms=(platform,), progress=progress)) as opened,
    ):
        prefix, proof = options["environment"] or opened.prefix, Proof(progress=progress)
        inventory = take_inventory(opened.tree, opened.subject, opened.runtime, prefix=prefix, proof=proof)
        distributions = inventory.environment.distributions
        declared = read_declared(opened.tree, distributions)
    found = target_of(inventory.environment, str(inventory.subject))
    return _Seen(
        prefix=inventory.environment.prefix,
        target=parse_value("--from", f"{found.python}-{found.platform}-{found.libc}", parse_target),
        distributions=distributions,
        declared=declared,
        unread=frozenset(problem.path for problem in inventory.problems),
    )


def _listed(asked: SubjectName, options: Mapping[str, Any]) -> _Seen:
    """Return the packages that a list of pip names; raises InputError."""
    from lockml.cli.compile.notes import print_notes
    from lockml.cli.compile.targets import choose_targets
    from lockml.inventory.pip_freeze import located, parse_frozen

    if options["environment"]:
        raise InputError(
            "--environment", "cannot be used with freeze:FILE, which lists one environment", hint="remove it"
        )
    inventory = parse_frozen(read_file(asked.name, hint="write it with `pip freeze`"), asked.name)
    names = Counter(each.name for each in inventory.environment.distributions)
    twice = next((name for name, count in names.items() if count > 1), None)
    if twice is not None:
        raise InputError(asked.name, f"lists {twice} more than once", hint="keep only the line that is installed")
    for problem in inventory.problems:
        warn(f"skipped {problem.path}: {problem.reason}")
    python = options["python"] or inventory.environment.python or None
    named = TargetOptions(base_image=None, python=python, platform=options["platform"], libc=options["libc"], target=())
    chosen = choose_targets(named, None)
    print_notes(chosen.notes)
    return _Seen(
        prefix=asked.name,
        target=chosen.targets[0],
        distributions=tuple(map(located, inventory.environment.distributions)),
        declared={},
    )


def _words(target: Target) -> EnvironmentTarget:
    """Return *target* as options of compile."""
    return EnvironmentTarget(
        python=target.python_text,
        platform=str(target.platform),
        libc=str(target.libc) if target.libc is not None else None,
    )


def _require_replaceable(source: str, output: str, lock: str) -> None:
    """Raise InputError if a file to replace was not written by lockml, or was edited since."""
    for name, own in ((source, _is_own_input), (output, _is_own_output), (lock, _is_own_lock)):
        if name != "-" and Path(name).is_file() and Path(name).stat().st_size:
            problem = own(read_file(name))
            if problem:
                option_name = {source: "--input", output: "-o"}.get(name, "--lock")
                raise InputError(name, f"already exists, and {problem}", hint=f"name another file with {option_name}")


def _is_own_input(content: bytes) -> str:
    """Return why *content* is not what this command wrote, "" if it is."""
    head, _, rest = content.decode("utf-8", "replace").partition("\n")
    match = _HEAD_LINE.fullmatch(head)
    if match is None:
        return "`lockml lock` did not write it"
    return "" if match[1] == _digest(rest) else "it was changed since `lockml lock` wrote it"


def _is_own_output(content: bytes) -> str:
    return "" if content.startswith(HEADER.encode()) else "lockml did not write it"


def _is_own_lock(content: bytes) -> str:
    return "" if _LOCK_HEAD.search(content) else "lockml did not write it"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _text(head: str, lines: Sequence[str], found: InstalledProjects) -> str:
    """Return the input file: a head to recognize it by, the pins, and comments on what was skipped."""
    left_out = [f"# {escape(str(each))}" for each in found.left_out if each.unindexed]
    body = "".join(f"{line}\n" for line in (*lines, *left_out))
    return f"{_HEAD}{escape(head)}; sha256 {_digest(body)}.\n{body}"


def _tell_contradictions(found: InstalledProjects, *, as_is: bool) -> None:
    """Warn of contradictions, or raise NoResolutionError if they are not allowed."""
    if found.contradictions and not as_is:
        lines = ["the installed packages contradict each other", *(f"  {each}" for each in found.contradictions)]
        raise NoResolutionError(
            "\n".join(map(escape, lines)), hint="lock them anyway with --as-is, or exclude projects with --exclude"
        )
    for each in found.contradictions:
        warn(each)


def _next_command(
    source: str, image_target: EnvironmentTarget, excludes: Iterable[str], options: Mapping[str, Any]
) -> str:
    words = ["lockml", "compile", source, "--python", image_target.python, "--platform", image_target.platform]
    words += ["--libc", image_target.libc] if image_target.libc else []
    words += ["--as-is"] if options["as_is"] else []
    words += [word for name in dict.fromkeys(excludes) for word in ("--exclude", name)]
    words += ["-o", options["output"]] if options["output"] != "requirements.txt" else []
    words += ["--lock", options["lock"]] if options["lock"] != "pylock.toml" else []
    return shlex.join(words)


def _compile_options(source: str, target: EnvironmentTarget, given: Mapping[str, Any]) -> CompileOptions:
    """Return the options to compile *source* with: *given*, else those of its configuration and variables."""
    options = configured_compile_options()
    indexes, policy = options.indexes, options.policy
    return CompileOptions(
        inputs=options.inputs._replace(files=(source,)),
        target=TargetOptions(
            base_image=None, python=target.python, platform=target.platform, libc=target.libc, target=()
        ),
        indexes=indexes._replace(
            index_url=given["index_url"] or indexes.index_url,
            extra_index_url=given["extra_index_url"] or indexes.extra_index_url,
        ),
        policy=policy._replace(
            allow_build=given["allow_build"] or policy.allow_build,
            exclude=(*policy.exclude, *given["exclude"]),
            prefer=(*given["prefer"], *policy.prefer),
            upgrade=True,  # what is installed counts, not what an earlier lock had
            as_is=given["as_is"],
        ),
        output=options.output._replace(output=given["output"], lock=given["lock"], check=False),
    )


def _tell_differences(found: InstalledProjects, lock: str) -> None:
    """Warn if the written lock differs from what is installed."""
    if lock == "-":
        return
    locked: dict[NormalizedName, str] = {}
    for package in parse_lock(read_file(lock), lock).pylock.packages:
        locked[package.name] = f"=={package.version}" if package.version is not None else " @ "
    tools = {name: line for name, line in found.tools.items() if name in locked}
    for text in _differences({**found.lines, **tools}, locked, {each.name for each in found.left_out}):
        warn(text)


def _differences(
    lines: Mapping[NormalizedName, str], locked: Mapping[NormalizedName, str], left_out: Collection[NormalizedName]
) -> Iterator[str]:
    for name, line in lines.items():
        if name not in locked:
            yield f"{line} is installed but not locked: no locked package needs it"
        elif " @ " not in line and line != f"{name}{locked[name]}":
            yield f"{line} is installed, but {name}{locked[name]} is locked"
    for name in sorted(locked.keys() - lines.keys()):
        reason = "was skipped above" if name in left_out else "is not installed"
        yield f"{name}{locked[name]} is locked, as something needs it, and {reason}"
