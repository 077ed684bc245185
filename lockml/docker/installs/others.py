"""Parse commands of uv, Poetry, PDM, Pipenv, pipx, conda and setup.py into an `Install`."""

from collections.abc import Sequence
from typing import Final

from lockml.docker.installs.model import Install
from lockml.docker.installs.pip import parse_options, parse_pip
from lockml.docker.shell.model import Argument, Command

__all__ = ["parse_conda", "parse_project_tool", "parse_setup", "parse_uv"]

Words = Sequence[Argument]
_VALUED: Final = (
    "-n --name -p --prefix -c --channel -f --file --solver --repodata-fn --revision --platform --subdir -r "
    "--root-prefix --experimental --relocate-prefix --category --log-level"
)
_CONDA_VALUED: Final = frozenset(_VALUED.split())


def parse_uv(command: Command, words: Words) -> Install | None:
    """Return what ``uv …`` installs: ``uv pip``, ``uv sync``, ``uv add``, ``uv tool install``, ``uv run --with``."""
    position = next((n for n, word in enumerate(words) if not word.text.startswith("-")), None)
    if position is None:
        return None
    verb = words[position]
    rest = (*words[:position], *words[position + 1 :])
    if verb.text == "pip":
        return parse_pip(command, rest, "uv pip")
    options, plain = parse_options(rest)
    if verb.text == "sync":
        frozen = any(option.name in ("--frozen", "--locked") for option in options)
        install = Install(tool="uv sync", command=command, verb=verb, options=options, frozen=frozen)
        return Install(
            tool="uv sync",
            command=command,
            verb=verb,
            options=options,
            frozen=frozen or install.is_set("UV_FROZEN") or install.is_set("UV_LOCKED"),
        )
    if verb.text == "add":
        return Install(tool="uv add", command=command, verb=verb, options=options, named=tuple(plain))
    if verb.text == "tool" and plain and plain[0].text == "install":
        return Install(tool="uv tool", command=command, verb=plain[0], options=options, named=tuple(plain[1:2]))
    return None


def parse_project_tool(command: Command, words: Words, tool: str) -> Install | None:
    """Return what Poetry, PDM, Pipenv or pipx install."""
    plain = [word for word in words if not word.text.startswith("-")]
    if not plain:
        return None
    verb, rest = plain[0], tuple(plain[1:])
    options, _ = parse_options(words)
    flags = {option.name for option in options}
    adds = {"poetry": ("add",), "pdm": ("add",), "pipenv": (), "pipx": ("install", "inject")}[tool]
    named: tuple[Argument, ...] = ()
    frozen = True
    if verb.text in adds:
        named, frozen = rest, False
    elif tool == "pipenv" and verb.text == "install":
        named, frozen = rest, not rest and bool(flags & {"--deploy", "--ignore-pipfile"})
    elif (tool, verb.text) in (("poetry", "update"), ("pdm", "update"), ("pdm", "lock"), ("poetry", "lock")):
        frozen = False
    elif verb.text not in ("install", "sync"):
        return None
    return Install(tool=tool, command=command, verb=verb, options=options, named=named, frozen=frozen)


def parse_conda(command: Command, words: Words, tool: str) -> Install | None:
    """Return what conda, mamba or micromamba install."""
    options_of: dict[str, list[Argument]] = {}
    plain: list[Argument] = []
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        name, equals, _ = word.text.partition("=")
        if not word.text.startswith("-"):
            plain.append(word)
        elif name in _CONDA_VALUED and not equals and position < len(words):
            options_of.setdefault(name, []).append(words[position])
            position += 1
        else:
            options_of.setdefault(name, []).append(word)
    if plain and plain[0].text == "env":
        plain = plain[1:]
    if not plain or plain[0].text not in ("install", "create", "update"):
        return None
    files = (*options_of.get("--file", ()), *options_of.get("-f", ()))
    explicit = bool(files) and all(_is_explicit(word.text) for word in files)
    if not files and not plain[1:] and "--all" not in options_of:
        return None  # an empty environment
    if "--clone" in options_of or "--offline" in options_of:
        return None
    return Install(tool=tool, command=command, verb=plain[0], named=tuple(plain[1:]), frozen=explicit and not plain[1:])


def _is_explicit(name: str) -> bool:
    """Return whether the file *name* is a conda lock by its name: ``conda-linux-64.lock``, ``conda-lock.yml``."""
    return name.endswith(".lock") or "conda-lock" in name or "explicit" in name


def parse_setup(command: Command, words: Words) -> Install | None:
    """Return what ``python setup.py install`` installs: the project, and what it needs."""
    verb = next((word for word in words[1:] if word.text in ("install", "develop")), None)
    if verb is None:
        return None
    project = Argument(text=".", start=verb.start, stop=verb.stop, whole=False)
    return Install(tool="setup.py", command=command, verb=verb, projects=(project,))
