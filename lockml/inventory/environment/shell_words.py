"""Parse shell scripts: their simple commands, and the variables that they export."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from lockml.inventory.reading import text_lines

__all__ = ["expand", "exports", "simple_commands", "split_words"]

_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_EXPORT: Final = re.compile(
    r"\s*export\s+(?P<name>PYTHON\w+|LD_PRELOAD|LD_AUDIT|LD_LIBRARY_PATH)=(?P<value>[^;&|#]*?);?\s*"
)
_SEPARATORS: Final = frozenset({"&&", "||", ";", "|", "&", "(", ")", "{", "}", "then", "do"})


def simple_commands(words: Sequence[str]) -> Iterator[list[str]]:
    """Yield the simple commands of ``sh -c TEXT NAME …``; for a script that a shell runs, its arguments."""
    for number, word in enumerate(words):
        if word.startswith("-") and word.endswith("c") and number + 1 < len(words):
            parameters = {"$0": words[number + 2 : number + 3], "$@": words[number + 3 :]}
            command: list[str] = []
            for part in split_words(words[number + 1], punctuation=True):
                if part in _SEPARATORS:
                    yield command
                    command = []
                else:
                    command += parameters.get(part, [part])
            yield command
            return
        if not word.startswith("-"):
            yield list(words[number + 1 :])
            return


def exports(script: bytes, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of Python and the loader that a shell script exports, as far as they are plain."""
    found: dict[str, str] = {}
    for line in text_lines(script):
        match = _EXPORT.fullmatch(line)
        values = (
            split_words(match["value"]) if match is not None and not re.search("[`]|[$][(]", match["value"]) else []
        )
        if match is not None and len(values) == 1:
            found[match["name"]] = expand(values[0], {**variables, **found})
    return found


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Return *text* with its plain variables expanded, "" for unset ones."""
    return _VARIABLE.sub(lambda match: variables.get(match[1] or match[2], ""), text)


def split_words(text: str, *, punctuation: bool = False) -> list[str]:
    """Return the words of *text*, with *punctuation* also command separators; [] if a quote is not closed."""
    lexer = shlex.shlex(text.replace("\n", ";"), posix=True, punctuation_chars="();|&" if punctuation else False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:  # an unclosed quote: no shell runs it either
        return []
