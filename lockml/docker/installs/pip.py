"""Parse ``pip install`` and ``uv pip install`` into an `Install` (pip's and uv's command lines)."""

import re
from collections.abc import Sequence
from typing import Final

from lockml.common.references import is_reference
from lockml.docker.installs.model import Install, Option
from lockml.docker.shell.model import Argument, Command

__all__ = ["parse_options", "parse_pip"]

_VERBS: Final = frozenset({"install", "wheel", "download", "sync"})
_SHORT: Final = {
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
    "-t": "--target",
    "-i": "--index-url",
    "-f": "--find-links",
    "-U": "--upgrade",
    "-q": "--quiet",
    "-v": "--verbose",
    "-I": "--ignore-installed",
    "-w": "--wheel-dir",
    "-d": "--dest",
    "-C": "--config-settings",
    "-p": "--python",
    "-b": "--build-constraint",
    "-P": "--upgrade-package",
    "-n": "--no-cache",
    "-h": "--help",
    "-V": "--version",
}
_VALUED_WORDS: Final = (
    "--requirement --requirements --constraint --constraints --editable --target --platform --python-version "
    "--abi --implementation --root --prefix --src --upgrade-strategy --config-settings --config-setting "
    "--global-option --build-option --no-binary --only-binary --progress-bar --report --root-user-action "
    "--index-url --pypi-url --extra-index-url --find-links --log --log-file --proxy --retries --timeout "
    "--default-timeout --exists-action --trusted-host --cert --client-cert --cache-dir --python --keyring- "
    "provider --use-feature --use-deprecated --wheel-dir --dest --group --hash --index --default-index "
    "--index-strategy --torch-backend --link-mode --resolution --prerelease --exclude-newer --build-constraint "
    "--build-constraints --override --overrides --excludes --extra --allow-insecure-host --python-platform "
    "--config-file --directory --project --color --upgrade-package --reinstall-package --refresh-package --no- "
    "build-package --no-binary-package --fork-strategy"
)
_VALUED: Final = frozenset(_VALUED_WORDS.split())
_FLAGS_WORDS: Final = (
    "--no-cache-dir --no-cache --no-deps --require-hashes --no-index --upgrade --user --pre --system --quiet "
    "--verbose --no-build-isolation --force-reinstall --ignore-installed --break-system-packages --no-compile "
    "--compile-bytecode --isolated --disable-pip-version-check --no-input --prefer-binary --all-extras --no- "
    "build --reinstall --refresh --no-warn-script-location --no-warn-conflicts --use-pep517 --ignore-requires- "
    "python --dry-run --strict --exact --no-color --debug --require-virtualenv --offline --native-tls --no- "
    "verify-hashes --verify-hashes --no-sources"
)
_FLAGS: Final = frozenset(_FLAGS_WORDS.split())
_LONG: Final = sorted(_VALUED | _FLAGS)
_WHEEL: Final = re.compile(r"(?:\.whl|\.zip|\.tar\.gz|\.tgz|\.tar\.bz2|\.tar\.xz)(?:\[[^]]*\])?$")


def parse_pip(command: Command, words: Sequence[Argument], tool: str) -> Install | None:
    """Return what ``TOOL …`` installs, with *words* after the tool; None for another subcommand."""
    verb_index = _verb(words)
    if verb_index is None:
        return None
    verb = words[verb_index]
    options, rest = parse_options((*words[:verb_index], *words[verb_index + 1 :]))
    files = [option for option in options if option.name in ("--requirement", "--requirements")]
    named: list[Argument] = []
    projects: list[Argument] = []
    archives: list[Argument] = []
    for argument in rest:
        if verb.text == "sync":
            files.append(_as_file(argument))
        elif _is_archive(argument.text):
            archives.append(argument)
        elif _is_project(argument.text):
            projects.append(argument)
        else:
            named.append(argument)
    for option in options:
        if option.name == "--editable" and option.value is not None:
            argument = Argument(
                text=option.value, start=option.start, stop=option.stop, known=option.known, whole=False
            )
            (archives if _is_archive(option.value) else projects).append(argument)
    return Install(
        tool=tool,
        command=command,
        verb=verb,
        options=options,
        named=tuple(named),
        projects=tuple(projects),
        archives=tuple(archives),
        files=tuple(files),
    )


def _verb(words: Sequence[Argument]) -> int | None:
    """Return the index of the subcommand, None if it installs nothing."""
    position = 0
    while position < len(words):
        text = words[position].text
        if not text.startswith("-"):
            return position if text in _VERBS else None
        name = _SHORT.get(text, _full(text))
        position += 2 if name in _VALUED and "=" not in text else 1
    return None


def _as_file(argument: Argument) -> Option:
    return Option(
        name="--requirement",
        value=argument.text,
        start=argument.start,
        stop=argument.stop,
        known=argument.known,
        whole=argument.whole,
    )


def _is_archive(text: str) -> bool:
    return "://" in text or bool(_WHEEL.search(text)) or text.startswith(("git+", "hg+", "svn+", "bzr+"))


def _is_project(text: str) -> bool:
    return is_reference(text) or text in (".", "..") or bool(re.match(r"\.\[|[\w.-]+/", text))


def _full(text: str) -> str:
    """Return the option that *text* abbreviates, as pip accepts every unambiguous prefix."""
    name = text.partition("=")[0]
    if name in _VALUED or name in _FLAGS or not name.startswith("--") or len(name) < 4:
        return name
    fitting = [each for each in _LONG if each.startswith(name)]
    return fitting[0] if len(fitting) == 1 else name


def parse_options(words: Sequence[Argument]) -> tuple[tuple[Option, ...], list[Argument]]:
    """Return the options among *words*, and the rest."""
    options: list[Option] = []
    rest: list[Argument] = []
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        text = word.text
        if text == "--":
            rest += words[position:]
            break
        if not text.startswith("-") or text == "-":
            rest.append(word)
            continue
        if text.startswith("--"):
            name, equals, value = _full(text), "=" in text, text.partition("=")[2]
            if name in _VALUED and not equals and position < len(words):
                options.append(_option(name, words[position], word))
                position += 1
            else:
                options.append(_option(name, word, word, value if equals else None))
            continue
        position += _short_options(word, words[position : position + 1], options)
    return tuple(options), rest


def _short_options(word: Argument, behind: Sequence[Argument], options: list[Option]) -> int:
    """Add the options of a cluster such as ``-qr FILE``; return how many words after it belong to it."""
    text = word.text
    for offset in range(1, len(text)):
        name = _SHORT.get(f"-{text[offset]}", f"-{text[offset]}")
        if name not in _VALUED:
            options.append(_option(name, word, word, None, whole=len(text) == 2))
            continue
        attached = text[offset + 1 :].removeprefix("=")
        if attached:
            options.append(_option(name, word, word, attached, whole=False))
            return 0
        if behind:
            options.append(_option(name, behind[0], word, whole=len(text) == 2))
            return 1
    return 0


def _option(name: str, value: Argument, first: Argument, text: str | None = "", *, whole: bool = True) -> Option:
    return Option(
        name=name,
        value=value.text if text == "" and value is not first else text,
        start=first.start,
        stop=value.stop,
        known=value.known,
        whole=whole and value.whole and first.whole,
    )
