"""Unwrap commands that start another: ``sudo``, ``env``, ``xargs``, ``conda run``, ``uv run``."""

import posixpath
import re
from typing import Final

from msgspec.structs import replace

from lockml.docker.shell.model import Argument, Command

__all__ = ["is_shell", "program", "script_argument", "unwrapped"]

_SHELLS: Final = frozenset({"sh", "bash", "ash", "dash", "zsh", "ksh"})
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_WITH_VALUES: Final = {  # programs that start another, with their options that take a value
    "sudo": "-u -g -h -p -C -r -t -U -T --user --group --preserve-env-list",
    "env": "-u --unset -C --chdir -S",
    "exec": "-a",
    "command": "",
    "builtin": "",
    "nohup": "",
    "nice": "-n --adjustment",
    "ionice": "-c -n -p",
    "stdbuf": "-i -o -e",
    "setarch": "",
    "retry": "-t -d --times --delay",
    "catchsegv": "",
    "fakeroot": "",
    "xvfb-run": "-s -n -e -f -w",
    "timeout": "-k -s --signal --kill-after",
    "gosu": "",
    "su-exec": "",
    "chroot": "--userspec --groups",
    "xargs": "-n -I -L -P -d -a -E -s --max-args --max-procs --delimiter --arg-file --replace",
}
_POSITIONAL: Final = {"timeout": 1, "gosu": 1, "su-exec": 1, "chroot": 1}
_RUNNERS: Final = frozenset({"conda", "mamba", "micromamba", "uv", "poetry", "pipenv", "pdm", "hatch", "rye", "pixi"})
_RUNNER_OPTIONS: Final = (
    "-n --name -p --prefix --cwd -e --environment --with --with-requirements --with-editable --extra --group --python "
    "--project --directory --index --default-index --env-file --manifest-path --only-group --no-group --package"
)
_RUNNER_VALUES: Final = frozenset(_RUNNER_OPTIONS.split())
_MOST: Final = 10  # nested programs


def program(argument: Argument) -> str:
    """Return the name of the program without its folder."""
    return posixpath.basename(argument.text).removesuffix(".exe")


def is_shell(command: Command) -> bool:
    """Return whether *command* starts a shell."""
    return program(command.words[0]) in _SHELLS


def script_argument(command: Command) -> Argument | None:
    """Return the script that *command* passes to a shell, None if there is none."""
    words = command.words
    name = program(words[0])
    if name == "eval" and len(words) == 2:
        return words[1]
    if name not in _SHELLS and name != "su":
        return None
    for number, word in enumerate(words[1:-1], 1):
        if re.fullmatch(r"-[a-zA-Z]*c", word.text) or (name == "su" and word.text == "--command"):
            behind = [each for each in words[number + 1 :] if not re.fullmatch(r"[-+]\w+|pipefail", each.text)]
            return behind[0] if behind else None
    return None


def unwrapped(command: Command) -> Command:
    """Return the command that *command* finally starts, or itself."""
    for _ in range(_MOST):
        name = program(command.words[0])
        if name in _WITH_VALUES:
            inner = _inside(command, name)
        elif name in _RUNNERS:
            inner = _run(command)
        else:
            break
        if inner is None:
            break
        command = inner
    return command


def _inside(command: Command, name: str) -> Command | None:
    words = list(command.words[1:])
    valued = frozenset(_WITH_VALUES[name].split())
    variables = dict(command.variables)
    positional = _POSITIONAL.get(name, 0)
    while words:
        text = words[0].text
        assigned = _ASSIGNMENT.fullmatch(text) if name in ("env", "sudo") else None
        if assigned is not None:
            variables[assigned[1]] = assigned[2] if words[0].known else None
        elif text.startswith("-") and len(text) > 1:
            if text in valued:
                words.pop(0)
        elif positional:
            positional -= 1
        else:
            break
        if words:
            words.pop(0)
    if not words:
        return None
    if name == "xargs":
        first = words[0]
        words.append(Argument(text="$(xargs)", start=first.start, stop=first.stop, known=False, whole=False))
    return replace(command, words=tuple(words), variables=variables)


def _run(command: Command) -> Command | None:
    """Return what ``conda run`` and the like run, None for another subcommand."""
    words = list(command.words[1:])
    if not words or words[0].text != "run":
        return None
    words.pop(0)
    while words and words[0].text.startswith("-"):
        option = words.pop(0).text
        if option == "--":
            break
        if option in _RUNNER_VALUES and words:
            words.pop(0)
    return replace(command, words=tuple(words)) if words else None
