"""Interpolate variables in text as Compose does.

Compose specification, "Interpolation": ``$NAME``, ``${NAME}``, and in braces ``:-``, ``-``, ``:+``, ``+``, ``:?`` and
``?`` with what follows, which may have variables itself; ``$$`` is a dollar sign.
"""

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["interpolate", "parse_dotenv"]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR: Final = re.compile(r":?[-+?]")
_LINE: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*[=:]\s*(.*)")
_MAX_DEPTH: Final = 20


def interpolate(text: str, variables: Mapping[str, str], depth: int = 0) -> str:
    """Return *text* with its variables filled in, unset ones as nothing; raises ValueError."""
    if depth > _MAX_DEPTH:
        raise ValueError("it has variables nested too deeply")
    parts: list[str] = []
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        parts.append(text[at:dollar])
        if text.startswith("$$", dollar):
            parts.append("$")
            at = dollar + 2
        elif text.startswith("${", dollar):
            end = _closing(text, dollar + 2)
            parts.append(_filled(text[dollar + 2 : end], variables, depth))
            at = end + 1
        else:
            name = _NAME.match(text, dollar + 1)
            if name is None:
                raise ValueError("it has a $ that does not start a variable; write $$ for a literal $")
            parts.append(variables.get(name[0], ""))
            at = name.end()
    return "".join([*parts, text[at:]])


def _closing(text: str, at: int) -> int:
    """Return where the brace that opens before *at* closes."""
    open_braces = 1
    for position in range(at, len(text)):
        if text.startswith("${", position):
            open_braces += 1
        elif text[position] == "}":
            open_braces -= 1
            if not open_braces:
                return position
    raise ValueError("it has an unclosed ${")


def _filled(inside: str, variables: Mapping[str, str], depth: int) -> str:
    name = _NAME.match(inside)
    rest = inside[name.end() :] if name is not None else ""
    operator = _OPERATOR.match(rest)
    if name is None or (rest and operator is None):
        raise ValueError(f"${{{inside}}} is not a variable")
    value = variables.get(name[0])
    if operator is None:
        return value or ""
    present = bool(value) if operator[0].startswith(":") else value is not None
    word = rest[operator.end() :]
    match operator[0][-1]:
        case "-":
            return value or "" if present else interpolate(word, variables, depth + 1)
        case "+":
            return interpolate(word, variables, depth + 1) if present else ""
    if not present:
        raise ValueError(f"the variable {name[0]} is not set")
    return value or ""


def parse_dotenv(content: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a ``.env`` file; values without single quotes may use *variables* and earlier ones.

    Lines that set no variable are skipped, as they decide nothing here.
    """
    found: dict[str, str] = {}
    for line in content.splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is None or line.lstrip().startswith("#"):
            continue
        name, value = match[1], match[2].strip()
        if value[:1] == "'" and "'" in value[1:]:
            found[name] = value[1 : value.index("'", 1)]
            continue
        quoted = value[:1] == '"' and '"' in value[1:]
        bare = value[1 : value.index('"', 1)] if quoted else re.split(r"\s+#", value, maxsplit=1)[0]
        try:
            found[name] = interpolate(bare, {**found, **variables})
        except ValueError:
            found[name] = bare
    return found
