"""Explains what is wrong with lines that are not requirements, and what to write instead.

Such a line is often that of another tool, or copied from a page whose characters look like those of PEP 508. A
requirement file may also include any file of this machine, by a path or through a link, and errors are logged where
others read them: an error about a file outside the project shows none of its text.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from lockml.common.errors import RequirementError

__all__ = ["describe_mistakes", "find_hidden", "hide_foreign_lines"]

_PLACE = re.compile(r"(.*):[0-9]+", re.DOTALL)
_LONGEST: Final = 500  # characters of a line that is analysed
_MOST_NAMED: Final = 3
_DASHES: Final = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d")
_SIGNS: Final = {
    "\u2264": "<=",
    "\u2265": ">=",
    "\u2260": "!=",
    "\u223c": "~",
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u00b4\u2032", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
}
_NAME: Final = r"[A-Za-z0-9][\w.-]*(?:\[[^][]*\])?"
_INSTALL: Final = re.compile(r"[!%$]?\s*(?:\S*python[\d.]*\s+-m\s+)?(?:uv\s+)?pip[\d.]*\s+install\s+(?=\S)")
_OPTION: Final = re.compile(r"\s(?:--[a-z][a-z-]*|-[a-zA-Z])(?=[ =]|$)")
_OF_FILES: Final = frozenset(
    {
        *("--index-url", "--extra-index-url", "--find-links", "--no-index", "--pre", "--trusted-host"),
        *("--requirement", "--constraint", "--no-binary", "--only-binary", "-i", "-f", "-r", "-c"),
    }
)


def describe_mistakes(text: str, is_line: Callable[[str], bool], *, options: bool) -> str | None:
    """Return what is wrong with *text*, and a line to write for which *is_line* holds, if any; None where nothing is.

    *options* says whether its file may have lines of options. Time grows with the length alone.
    """
    if len(text) > _LONGEST:
        return next(_name_signs(text), None)
    option = _option_behind(text)
    behind = text[option:].strip() if option is not None else ""
    named, line = _corrected(text if option is None else text[:option].rstrip(), is_line)
    if not behind:
        return "; ".join([*named, *([f"write {line}"] if line and named else [])]) or None
    word = re.split("[ =]", behind, maxsplit=1)[0]
    if word not in _OF_FILES:
        named.insert(0, f"the option {word} is not allowed after a requirement")
    elif options:
        named.insert(0, f"the option {word} belongs on its own line")
    else:
        named.insert(0, f"the option {word} is not allowed in this file")
    if line and word not in _OF_FILES:
        named.append(f"write {line}")
    elif line and options:
        lines = re.split(r"\s+(?=-)", behind)
        where = "on the next line" if len(lines) == 1 else "on their own lines"
        named.append(f"write {line} and, {where}, {' and '.join(lines)}")
    elif line:
        named.append(f"write {line}, and give {behind}")
    return "; ".join(named)


def _corrected(text: str, is_line: Callable[[str], bool]) -> tuple[list[str], str]:
    """Return what is wrong with *text*, and the line to write instead, "" where none is found."""
    named: list[str] = []
    if is_line(text):
        return named, text
    corrected = text
    for find in (_of_signs, _of_paste, _of_operators, _of_versions, _of_open_ends, _of_markers):
        found, corrected = find(corrected)
        named += found
        if found and is_line(corrected):
            return named, corrected
    if not named:
        named += _of_rest(text, is_line)
    return named, ""


def find_hidden(text: str) -> str | None:
    """Return what is wrong with *text* if a character of it looks like another one or is invisible, else None."""
    if text.isascii():
        return None
    hidden = "".join(
        sign if not sign.isascii() and _usual(text, place).isascii() else " " for place, sign in enumerate(text)
    )
    return next(_name_signs(hidden), None)


def _of_signs(text: str) -> tuple[list[str], str]:
    """Find characters that look like others, as web pages and word processors write them."""
    if text.isascii():
        return [], text
    named = list(_name_signs(text))
    left = len(named) - _MOST_NAMED
    more = [f"and {left} more such characters"] if left > 0 else []
    return [*named[:_MOST_NAMED], *more], "".join(_usual(text, place) for place in range(len(text))).strip()


def _name_signs(text: str) -> Iterator[str]:
    """Yield the name of each character of *text* outside ASCII, with its places."""
    import unicodedata  # noqa: PLC0415 - a large table that few runs need

    places: dict[str, list[int]] = {}
    for place, sign in enumerate(text, 1):
        if not sign.isascii():
            places.setdefault(sign, []).append(place)
    for sign, found in places.items():
        name = unicodedata.name(sign, "without a name")
        shown = f"character {found[0]} is" if len(found) == 1 else f"characters {found[0]} and {found[1]} are"
        shown = shown if len(found) <= 2 else f"character {found[0]}, with {len(found) - 1} others, is"
        yield f"{shown} {sign!a} (U+{ord(sign):04X} {name})"


def _usual(text: str, place: int) -> str:
    """Return the ASCII for the character at *place*, or the character itself if there is none."""
    import unicodedata  # noqa: PLC0415 - the same

    sign = text[place]
    if sign.isascii():
        return sign
    if sign in _DASHES:
        is_long = (place == 0 or text[place - 1].isspace()) and text[place + 1 : place + 3].isalpha()
        return "--" if is_long else "-"
    if sign in _SIGNS:
        return _SIGNS[sign]
    kind = unicodedata.category(sign)
    if kind in ("Zs", "Zl", "Zp"):
        return " "
    if kind == "Cf":
        return ""
    wide = unicodedata.normalize("NFKC", sign)
    return wide if wide.isascii() and kind[0] in "SPN" else sign


def _of_paste(text: str) -> tuple[list[str], str]:
    """Find what surrounds a requirement elsewhere: a command, quotes of a list, a channel of conda."""
    named: list[str] = []
    install = _INSTALL.match(text)
    if install:
        named.append("remove the command, and keep only what it installs")
        text = text[install.end() :]
    if text.startswith("- "):
        named.append("remove the dash before it")
        text = text[2:].strip()
    quoted = re.fullmatch(r"([\"'])(.*)\1,?", text)
    if quoted and quoted[1] not in quoted[2]:
        named.append("remove the quotes around it")
        text = quoted[2].strip()
    channel = re.match(rf"[\w.-]+::(?={_NAME})", text)
    if channel:
        named.append(f"{channel[0]} is a channel of conda: remove it")
        text = text[channel.end() :]
    return named, text


def _option_behind(text: str) -> int | None:
    """Return where the first option after a requirement begins."""
    before = text
    for dash in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212" if not text.isascii() else "":
        before = before.replace(dash, "-")
    install = _INSTALL.match(before)
    start = next((each.start() for each in _OPTION.finditer(before, install.end() if install else 1)), None)
    return None if start is None or not before[:start].strip() else start


_ARROW: Final = re.compile(r"==?([<>])(?!=)|([<>])==+")
_ALONE: Final = re.compile(r"(?<![<>=!~])=(?![=<>~!])")
_NO_OPERATORS: Final = {"=~": "~=", "~>": "~=", "=!": "!=", "<>": "!="}
_SPLIT_SIGN: Final = re.compile(r"([<>=!~])\s+=(?!=)")


def _of_operators(text: str) -> tuple[list[str], str]:
    """Find invalid operators, and those of conda."""
    named: list[str] = []
    bounds, semicolon, marker = text.partition(";")
    if _ARROW.search(text):
        slips = ", ".join(dict.fromkeys(f"'{slip[0]}'" for slip in _ARROW.finditer(text)))
        named.append(f"{slips} is not an operator: write the equals sign last")
        bounds, marker = (_ARROW.sub(lambda slip: f"{slip[1] or slip[2]}=", part) for part in (bounds, marker))
    for wrong, right in _NO_OPERATORS.items():
        if wrong in bounds or wrong in marker:
            named.append(f"'{wrong}' is not an operator: write '{right}'")
            bounds, marker = bounds.replace(wrong, right), marker.replace(wrong, right)
    if _SPLIT_SIGN.search(bounds):
        named.append("remove the space within the operator")
        bounds = _SPLIT_SIGN.sub(r"\1=", bounds)
    conda = re.fullmatch(rf"\s*({_NAME})\s*=\s*([\w.*+!-]+)=[\w*.]+\s*", bounds)
    if conda:
        named.append("conda writes a version and a build like this; compare versions with ==, not with =")
        bounds = f"{conda[1]}=={conda[2]}"
    if _ALONE.search(bounds) or _ALONE.search(marker):
        named.append("compare versions with ==, not with =")
        bounds, marker = _ALONE.sub("==", bounds), _ALONE.sub("==", marker)
    return named, f"{bounds}{semicolon}{marker}"


def _of_versions(text: str) -> tuple[list[str], str]:
    """Find carets, tildes, bounds without commas between them, invalid stars, versions without an operator."""
    named: list[str] = []
    bounds, semicolon, marker = text.partition(";")
    caret = re.fullmatch(rf"\s*({_NAME})\s*(?:@\s*)?\^\s*(\d{{1,9}})((?:\.\d{{1,9}})*)\s*", bounds)
    if caret:
        named.append("'^' is Poetry's, not an operator of PEP 440")
        numbers = [int(number) for number in f"{caret[2]}{caret[3]}".split(".")]
        bounds = f"{caret[1]}>={caret[2]}{caret[3]},<{_next_series(numbers)}"
    tilde = re.fullmatch(rf"\s*({_NAME})\s*(?:@\s*)?~\s*(\d{{1,9}})(?:\.(\d{{1,9}}))?((?:\.\d{{1,9}})*)\s*", bounds)
    if tilde:
        named.append("'~' is Poetry's, not an operator of PEP 440")
        above = f"{tilde[2]}.{int(tilde[3]) + 1}" if tilde[3] else f"{int(tilde[2]) + 1}"
        bounds = f"{tilde[1]}>={tilde[2]}{f'.{tilde[3]}' if tilde[3] else ''}{tilde[4]},<{above}"
    joined = re.sub(r"((?:[<>]=?|[=!~]=)\s*[\w.*+!-]*[\w*])\s*(?=[<>!~=])", r"\1,", bounds)
    if joined != bounds:
        named.append("separate bounds with a comma")
        bounds = joined
    starred = re.sub(r"([=!]=\s*\d+(?:\.\d+)*)\.[xX](?=\s*(?:,|$))", r"\1.*", bounds)
    if starred != bounds:
        named.append("use * for any number, not x")
        bounds = starred
    ordered = _ORDERED_STAR.sub(lambda bound: _without_star(bound[1], bound[2]), bounds)
    if ordered != bounds:
        named.append("use '.*' only after == and !=")
        bounds = ordered
    series = _LONE_SERIES.sub(r"~=\1.0", bounds)
    if series != bounds:
        named.append("give two numbers or more after ~=")
        bounds = series
    bare = re.fullmatch(rf"\s*({_NAME})(?:\s+|\s*:\s*)v?(\d[\w.*+!]*)\s*", bounds)
    if bare:
        named.append(f"add an operator before {bare[2]}")
        bounds = f"{bare[1]}=={bare[2]}"
    return named, f"{bounds}{semicolon}{marker}"


_ORDERED_STAR: Final = re.compile(r"([<>]=?|~=)\s*(\d{1,9}(?:\.\d{1,9})*)\.\*(?![\w.*])")
_LONE_SERIES: Final = re.compile(r"~=\s*(\d+)(?![\w.*!+])")


def _without_star(operator: str, version: str) -> str:
    """Return the bound that *operator* with *version* and ``.*`` after it means."""
    first, _, last = version.rpartition(".")
    following = f"{first}.{int(last) + 1}" if first else str(int(last) + 1)
    return {">": f">={following}", "<=": f"<{following}", "~=": f"=={version}.*"}.get(operator, operator + version)


_OPEN_EXTRAS: Final = re.compile(r"(\s*[A-Za-z0-9][\w.-]*)\[([\w.,\s-]*?)\s*(?=$|[<>=!~;@])")


def _of_open_ends(text: str) -> tuple[list[str], str]:
    """Find a bracket and a quote that are not closed."""
    named: list[str] = []
    extras = _OPEN_EXTRAS.match(text)
    if extras:
        named.append("close the bracket of the extras")
        text = f"{extras[1]}[{extras[2]}]{text[extras.end() :]}"
    bounds, semicolon, marker = text.partition(";")
    for quote in ("'", '"'):
        if marker.count(quote) == 1:
            named.append("close the quote in the marker")
            marker = f"{marker.rstrip()}{quote}" if not marker.rstrip().endswith(quote) else marker
    return named, f"{bounds}{semicolon}{marker}"


_VARIABLES: Final = (
    *("python_version", "python_full_version", "os_name", "sys_platform", "platform_machine", "platform_system"),
    *("platform_release", "platform_version", "platform_python_implementation"),
    *("implementation_name", "implementation_version", "extra"),
)
_COMPARED: Final = re.compile(r"([A-Za-z_]\w*)(\s*(?:[<>=!~]+|\bnot\s+in\b|\bin\b)\s*)(?:(\w[\w.*-]*)|(?=[\"']))")


def _of_markers(text: str) -> tuple[list[str], str]:
    """Find unknown variables of a marker (PEP 508), and numbers without quotes."""
    named: list[str] = []
    bounds, semicolon, marker = text.partition(";")
    if semicolon and not marker.strip():
        return ["the semicolon has no condition after it"], bounds.strip()

    def corrected_value(compared: re.Match[str]) -> str:
        variable, operator, value = compared.groups()
        if variable not in _VARIABLES:
            import difflib  # noqa: PLC0415 - for a mistake alone

            near = difflib.get_close_matches(variable.lower(), _VARIABLES, n=1, cutoff=0.75)
            meant = "python_version" if variable == "python" else next(iter(near), "")
            named.append(f"{variable!r} is not a variable of a marker{f': write {meant}' if meant else ''}")
            variable = meant or variable
        if value is None or value in _VARIABLES:
            return f"{variable}{operator}{value or ''}"
        named.append("quote the value of a marker")
        return f'{variable}{operator}"{value}"'

    corrected = _COMPARED.sub(corrected_value, marker)
    return list(dict.fromkeys(named)), f"{bounds}{semicolon}{corrected}"


def _of_rest(text: str, is_line: Callable[[str], bool]) -> Iterator[str]:
    """Yield what is wrong with *text* if no other line can be suggested for it."""
    bounds = text.partition(";")[0]
    parts = re.split(r"\s*[,;]\s*|\s+", text.strip(" ,;"))
    if unset := re.search(r"\$\{([A-Z0-9_]+)\}", text):
        yield f"the variable {unset[1]} is not set"
    elif variable := re.search(r"\$\{[A-Za-z0-9_]+\}|\$[A-Za-z_]\w*", text):
        yield f"{variable[0]} is not a variable: as in pip, only ${{NAME}} in capitals is"
    elif text.endswith("\\"):
        yield "remove the spaces after the backslash: it joins lines only at the end of a line"
    elif text.startswith(("<<<<<<<", "=======", ">>>>>>>")):
        yield "this is left from a merge conflict"
    elif len(parts) > 1 and all(re.match("[A-Za-z]", part) and is_line(part) for part in parts):
        yield f"put one project on each line: {', '.join(parts[:_MOST_NAMED])}"
    elif "|" in bounds:
        yield "'|' is not an operator: separate bounds with commas; a version must meet all of them"
    elif re.match(r"\s*[<>=!~]", text):
        yield f"add a project before {text.strip()}"
    elif empty := re.search(r"([<>]=?|[=!~]=)\s*(?:,|$)", bounds):
        yield f"add a version after {empty[1]}"
    elif word := re.search(r"(?:[<>]=?|[=!~]=)\s*([A-Za-z][\w.-]*)", bounds):
        yield f"{word[1]!r} is not a version (PEP 440)"


def _next_series(numbers: list[int]) -> str:
    """Return the first version that a caret excludes: the first number that is not 0 is raised (Poetry)."""
    place = next((index for index, number in enumerate(numbers) if number), len(numbers) - 1)
    return ".".join(map(str, [*numbers[:place], numbers[place] + 1]))


def hide_foreign_lines(error: RequirementError, is_own: Callable[[str], bool]) -> RequirementError:
    """Return *error* without the text of lines in files for which *is_own* does not hold."""
    faults = tuple((origin, _shown(origin, problem, is_own)) for origin, problem in error.faults)
    return RequirementError(faults, hint=error.hint)


def _shown(origin: str, problem: str, is_own: Callable[[str], bool]) -> str:
    line = _PLACE.fullmatch(origin)
    if line is None or is_own(line[1]):
        return problem
    return "is not a line of a requirement file; its text is hidden, as the file is outside the project"
