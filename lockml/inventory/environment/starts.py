"""Find the Pythons that a subject starts, with their variables and the folders that they search first.

Commands are followed through wrappers (env, exec, sh -c, tini, gosu and the like) and through the first line of a
script. A running process is judged by its own program and command line.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from lockml.inventory.environment.loader_command import behind_loader, is_loader
from lockml.inventory.environment.process_titles import environments_of, import_folders_of
from lockml.inventory.environment.scripts import interpreter_of
from lockml.inventory.environment.shell_words import expand, exports, simple_commands, split_words
from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.model import RunningProcess, Runtime
from lockml.inventory.reading import MAX_SCRIPT

__all__ = ["Start", "find_program", "starts_of"]

_PYTHON: Final = re.compile(r"(?:python|pypy|graalpy)(?:3(?:\.\d+)?t?)?")
_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})
# wrappers that start the command after them, with their options that take a value
_WRAPPERS: Final[Mapping[str, frozenset[str]]] = {
    "env": frozenset({"-u", "--unset", "-C", "--chdir"}),
    "exec": frozenset({"-a"}),
    "tini": frozenset({"-e", "-p"}),
    "docker-init": frozenset({"-e", "-p"}),
    "catatonit": frozenset(),
    "dumb-init": frozenset({"-r", "--rewrite"}),
    "nohup": frozenset(),
    "setsid": frozenset(),
    "nice": frozenset({"-n"}),
    "ionice": frozenset({"-c", "-n"}),
    "stdbuf": frozenset({"-i", "-o", "-e"}),
    "time": frozenset(),
    "command": frozenset(),
    "xvfb-run": frozenset({"-s", "-n"}),
}
_WITH_USER: Final = frozenset({"gosu", "su-exec", "setuidgid", "s6-setuidgid"})  # the first word is not a command
# Python programs that start others, in environments that they choose
_LAUNCHERS: Final = frozenset(
    {
        "supervisord",
        "circusd",
        "honcho",
        "conda",
        "mamba",
        "micromamba",
        "uv",
        "poetry",
        "pipenv",
        "pdm",
        "hatch",
        "rye",
    }
)
_VALUED: Final = "WX"  # options of Python that take a value
_ZIP: Final = b"PK\x03\x04"
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_WAITING: Final = frozenset({"sleep", "coreutils", "busybox"})
_PRELOADS: Final = frozenset({"LD_PRELOAD", "LD_AUDIT"})
_DECIDING: Final = re.compile(
    r"PATH$|HOME$|VIRTUAL_ENV$|PYTHON|LD_"
)  # prefixes of variables that affect what Python loads
_MAX_FOLLOWED: Final = 16


class Start(Struct, frozen=True, kw_only=True):
    """A Python started by the path *program*; *script* is the file or folder that it runs, None if there is none.

    One that *launches* others does not say which environment is meant.
    """

    program: str
    script: str | None
    runtime: Runtime
    launches: bool = False
    whole: bool = False

    @property
    def first_folders(self) -> tuple[tuple[str, str], ...]:
        """The folder that is first on its import path, with the reason; () for the working folder."""
        if self.script is None or self.runtime.environment.get("PYTHONSAFEPATH"):
            return ()
        position = self.script if self.whole else posixpath.dirname(self.script)
        return ((position, "it is in the folder of the started script"),)


def starts_of(tree: FileTree, runtime: Runtime) -> tuple[Start, ...]:
    """Return the Pythons that run or, if nothing runs, that the command starts; () if none is known."""
    if not runtime.processes:
        return tuple(_of_command(tree, runtime, runtime.command, 0))
    found: dict[str, Start] = {}
    configured = tuple(_of_command(tree, runtime, runtime.command, 0))
    for process in runtime.processes:
        for start in (*_of_process(tree, runtime, process, configured), *_beside(tree, runtime, process)):
            variables = sorted((k, v) for k, v in start.runtime.environment.items() if _DECIDING.match(k))
            own = (start.runtime.working_folder, start.runtime.user, variables)
            found.setdefault(repr((start.program, start.script, own)), start)
    return tuple(found.values())


def _of_process(
    tree: FileTree, runtime: Runtime, process: RunningProcess, configured: Sequence[Start]
) -> Iterator[Start]:
    first = process.command[0] if process.command else ""
    own = _as_process(runtime, process)
    if is_loader(process.program):
        yield from _of_command(tree, own, process.command, 0) if process.environment else configured
        return
    if not process.environment or _is_titled(tree, process):
        yield from _of_titled(tree, runtime, process, configured)
        return
    if not any(_PYTHON.match(posixpath.basename(each)) for each in (process.program, first)):
        return
    begun = process.environment.get("PWD") or runtime.working_folder  # it may have changed its folder since then
    named = next(
        (
            found
            for folder in dict.fromkeys((process.working_folder, begun))
            if first and (found := find_program(tree, first, replace(own, working_folder=folder))) is not None
        ),
        None,
    )
    program = named if named is not None and tree.resolve(named) == tree.resolve(process.program) else process.program
    yield _start(tree, program, process.command[1:], own)


def _beside(tree: FileTree, runtime: Runtime, process: RunningProcess) -> Iterator[Start]:
    """Yield what a process that is not a Python would start, if its Python variables differ from the subject's.

    A shell loop that starts a Python now and then shows them in the command that it waits for.
    """
    program = posixpath.basename(process.program)
    waits = program in _WAITING or program in _SHELLS
    own = {name for name in process.environment if name.startswith("PYTHON") or (waits and name in _PRELOADS)}
    if _PYTHON.match(program) or all(process.environment[name] == runtime.environment.get(name) for name in own):
        return
    yield from _meant(tree, _as_process(runtime, process))


def _meant(tree: FileTree, runtime: Runtime) -> Iterator[Start]:
    """Yield the Python that PATH names, which may be started with the variables of *runtime*."""
    found = next(filter(None, (find_program(tree, name, runtime) for name in ("python", "python3"))), None)
    if found is not None:
        yield Start(program=found, script=None, runtime=runtime, launches=True)


def _as_process(runtime: Runtime, process: RunningProcess) -> Runtime:
    """Return the start settings of a *process*."""
    return replace(
        runtime,
        environment=process.environment,
        working_folder=process.working_folder,
        user=process.user or runtime.user,
        command=process.command,
    )


def _is_titled(tree: FileTree, process: RunningProcess) -> bool:
    """Return whether a Python overwrote its command line with a title: neither a path nor a program name."""
    first = process.command[0] if process.command else ""
    if not _PYTHON.match(posixpath.basename(process.program)) or _PYTHON.match(posixpath.basename(first)):
        return False
    return "/" not in first or tree.kind(posixpath.join(process.working_folder, first)) == "missing"


def _of_titled(
    tree: FileTree, runtime: Runtime, process: RunningProcess, configured: Sequence[Start]
) -> Iterator[Start]:
    """Yield what a process with a title runs, from what it has mapped.

    If that shows nothing, it is what is *configured*, if it is the same program, then what PATH has.
    """
    if not _PYTHON.match(posixpath.basename(process.program)):
        return
    alike = [each for each in configured if tree.resolve(each.program) == process.program]
    above = alike[0].runtime if alike else runtime
    variables = dict(process.environment or above.environment)
    named = [*import_folders_of(tree, process), *filter(None, [variables.get("PYTHONPATH")])]
    own = replace(
        above,
        environment=variables | ({"PYTHONPATH": ":".join(dict.fromkeys(named))} if named else {}),
        working_folder=process.working_folder,
        user=process.user or runtime.user,
        command=(),
    )
    mapped = list(environments_of(tree, process))
    if not mapped and alike:
        yield from (replace(each, runtime=own) for each in alike)
        return
    by_path = (find_program(tree, name, own) for name in ("python3", "python"))
    fitting = [each for each in by_path if each is not None and tree.resolve(each) == process.program]
    words = tuple(filter(None, process.command[1:]))  # a title leaves none, another name of the program does
    for program in mapped or fitting[:1] or [process.program]:
        yield _start(tree, program, words, own)


def _of_command(tree: FileTree, runtime: Runtime, command: Sequence[str], depth: int) -> Iterator[Start]:
    words, runtime = _without_wrappers(command, runtime)
    if not words or depth > _MAX_FOLLOWED:
        return
    name = posixpath.basename(words[0])
    if name in _SHELLS:
        yield from _of_commands(tree, runtime, simple_commands(words[1:]), depth)
        return
    program = find_program(tree, words[0], runtime)
    if program is None:
        return
    if _PYTHON.fullmatch(name):
        yield _start(tree, program, words[1:], runtime)
        return
    try:
        content = tree.read(program, MAX_SCRIPT) or b""
    except UnreadableError:
        return
    interpreter = interpreter_of(content, posixpath.dirname(program))
    found = find_program(tree, interpreter, runtime) if interpreter else None
    if found is not None and _PYTHON.fullmatch(posixpath.basename(found)):
        yield Start(program=found, script=program, runtime=runtime, launches=name in _LAUNCHERS)
    elif content.startswith(b"#!"):
        added = exports(content, runtime.environment)
        exported = replace(runtime, environment={**runtime.environment, **added})
        yield from _meant(tree, exported) if added else ()
        yield from _of_command(tree, exported, words[1:], depth + 1)  # most end with: exec "$@"
    else:  # a program that starts the command after its own options
        named = (
            position for position, word in enumerate(words) if position and _PYTHON.fullmatch(posixpath.basename(word))
        )
        position = next(named, None)
        if position is not None:
            yield from _of_command(tree, runtime, words[position:], depth + 1)
        elif any(name.startswith("PYTHON") for name in runtime.environment):
            yield from _meant(tree, runtime)  # a program that embeds Python has its variables


def _of_commands(tree: FileTree, runtime: Runtime, commands: Iterable[list[str]], depth: int) -> Iterator[Start]:
    """Yield what the simple commands of a shell start, in order."""
    for command in commands:
        if command[:1] == ["export"]:
            runtime = _without_wrappers(command[1:], runtime)[1]
        elif command[:1] == ["cd"] and len(command) == 2:
            folder = posixpath.normpath(posixpath.join(runtime.working_folder or "/", command[1]))
            runtime = replace(runtime, working_folder=folder)
        else:
            yield from _of_command(tree, runtime, command, depth + 1)


def _start(tree: FileTree, program: str, words: Sequence[str], runtime: Runtime) -> Start:
    """Return the start of a Python with the arguments *words*."""
    script = _script_of(tree, words, runtime)
    whole = script is not None and (tree.kind(script) == "folder" or tree.read(script, len(_ZIP)) == _ZIP)
    launches = script is not None and posixpath.basename(script) in _LAUNCHERS
    own = _with_options(runtime, words)
    return Start(program=program, script=script, runtime=own, launches=launches, whole=whole)


def _without_wrappers(command: Sequence[str], runtime: Runtime) -> tuple[list[str], Runtime]:
    """Return the command that a wrapper finally starts, and its settings."""
    words, variables = list(command), dict(runtime.environment)
    for _ in range(_MAX_FOLLOWED):
        while words and _ASSIGNMENT.fullmatch(words[0]):
            name, _, value = words.pop(0).partition("=")
            variables[name] = expand(value, variables)
        name = posixpath.basename(words[0]) if words else ""
        if name in _WITH_USER:
            words = words[2:]
        elif name in _WRAPPERS:
            words = _after_options(words[1:], _WRAPPERS[name])
        elif is_loader(name):
            words, more = behind_loader(words[1:])
            variables |= more
        else:
            break
    return words, replace(runtime, environment=variables)


def _after_options(words: list[str], valued: frozenset[str]) -> list[str]:
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option == "--":
            break
        if option in ("-S", "--split-string") and words:
            return [*split_words(words[0]), *words[1:]]
        if option in valued and words:
            words.pop(0)
    return words


def _script_of(tree: FileTree, words: Sequence[str], runtime: Runtime) -> str | None:
    """Return the script that the arguments of Python name, None for -c, -m or no script."""
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("-") or word == "-":
            path = posixpath.normpath(posixpath.join(runtime.working_folder or "/", word))
            return tree.resolve(path) if word != "-" and tree.kind(path) != "missing" else None
        letters = word[1:]
        if letters.startswith("-"):
            continue
        for position, letter in enumerate(letters):
            if letter in "cm":
                return None
            if letter in _VALUED:
                if position == len(letters) - 1 and waiting:
                    waiting.pop(0)
                break
    return None


def _with_options(runtime: Runtime, words: Sequence[str]) -> Runtime:
    """Return *runtime* changed by the options of Python at the start of *words*, which correspond to variables."""
    letters, settings = _options_of(words)
    variables = dict(runtime.environment)
    if letters & set("IE"):
        variables = {name: value for name, value in variables.items() if not name.startswith("PYTHON")}
    if letters & set("Is"):
        variables["PYTHONNOUSERSITE"] = "1"
    if letters & set("IP"):
        variables["PYTHONSAFEPATH"] = "1"
    return replace(runtime, environment={**variables, **settings})


def _options_of(words: Sequence[str]) -> tuple[set[str], dict[str, str]]:
    """Return the option letters before a script, and the variables that correspond to options with values."""
    letters: list[str] = []
    settings: dict[str, str] = {}
    waiting = list(words)
    while waiting and waiting[0].startswith("-") and waiting[0] != "-" and not set("cm") & set(letters):
        word = waiting.pop(0)
        if word.startswith("--"):
            settings |= {word: waiting.pop(0)} if word == "--check-hash-based-pycs" and waiting else {}
            continue
        for position, letter in enumerate(word[1:]):
            letters.append(letter)
            if letter in _VALUED:
                settings.update(_setting(letter, word[position + 2 :] or (waiting.pop(0) if waiting else "")))
            if letter in "cm" or letter in _VALUED:
                break
    if "O" in letters:
        settings["PYTHONOPTIMIZE"] = str(letters.count("O"))
    return set(letters), settings


def _setting(letter: str, value: str) -> dict[str, str]:
    """Return the variable that corresponds to an option with a value."""
    if letter == "W":
        return {"PYTHONWARNINGS": value}
    name, equals, text = value.partition("=")
    return {"PYTHONPYCACHEPREFIX": text} if equals and name == "pycache_prefix" else {}


def find_program(tree: FileTree, name: str, runtime: Runtime) -> str | None:
    """Return the path of a command's program; empty and relative entries of PATH are resolved against the folder.

    None if there is none.
    """
    folder = runtime.working_folder or "/"
    if "/" in name:
        path = posixpath.normpath(posixpath.join(folder, name))
        return path if tree.kind(path) == "file" else None
    for entry in runtime.environment.get("PATH", "").split(":"):
        path = posixpath.normpath(posixpath.join(folder, entry, name))
        if tree.kind(path) == "file":
            return path
    return None
