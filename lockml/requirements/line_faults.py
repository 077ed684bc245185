"""Lines that are no requirements in; what is wrong with them, in the words of who wrote them, and the remedy out.

A line is often another tool's, or was copied from a page, whose signs look like those of PEP 508 and are not. And a
requirement file may include any file of this machine, by a path or through a link: errors land in the logs of builds,
which others read, so that what is said of a file that is not the user's to show has none of its words.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from lockml.common.errors import RequirementError

__all__ = ["describe_mistakes", "find_hidden", "hide_foreign_lines"]

_PLACE = re.compile(r"(.*):[0-9]+", re.DOTALL)
_LONGEST: Final = 500  # characters of a line that is looked into
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
    """Return what is wrong with *text*, and the line to write if one is found that *is_line*; None where nothing is.

    *options* says whether the file that it is of may have lines of options. Time grows with the length alone.
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
        named.insert(0, f"the option {word} has no place behind a requirement")
    elif options:
        named.insert(0, f"the option {word} stands on a line of its own")
    else:
        named.insert(0, f"the option {word} has no place in this file")
    if line and word not in _OF_FILES:
        named.append(f"write {line}")
    elif line and options:
        lines = re.split(r"\s+(?=-)", behind)
        where = "on the next line" if len(lines) == 1 else "on lines of their own"
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
    """Return what is wrong with *text* where it has a sign that looks like another one or like none, else None."""
    if text.isascii():
        return None
    hidden = "".join(
        sign if not sign.isascii() and _usual(text, place).isascii() else " " for place, sign in enumerate(text)
    )
    return next(_name_signs(hidden), None)


def _of_signs(text: str) -> tuple[list[str], str]:
    """Find signs that look like others, as web pages and word processors have them."""
    if text.isascii():
        return [], text
    named = list(_name_signs(text))
    left = len(named) - _MOST_NAMED
    more = [f"and {left} more such signs"] if left > 0 else []
    return [*named[:_MOST_NAMED], *more], "".join(_usual(text, place) for place in range(len(text))).strip()


def _name_signs(text: str) -> Iterator[str]:
    """Yield what each sign of *text* outside ASCII is called, with its places."""
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
    """Return what the sign at *place* stands for in ASCII, itself where that is nothing."""
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
    """Find what stands around a requirement elsewhere: the command, quotes of a list, the channel of conda."""
    named: list[str] = []
    install = _INSTALL.match(text)
    if install:
        named.append("a command is no requirement, only what it installs is")
        text = text[install.end() :]
    if text.startswith("- "):
        named.append("a line has no dash before it")
        text = text[2:].strip()
    quoted = re.fullmatch(r"([\"'])(.*)\1,?", text)
    if quoted and quoted[1] not in quoted[2]:
        named.append("a requirement has no quotes around it")
        text = quoted[2].strip()
    channel = re.match(rf"[\w.-]+::(?={_NAME})", text)
    if channel:
        named.append(f"{channel[0]} is a channel of conda")
        text = text[channel.end() :]
    return named, text


def _option_behind(text: str) -> int | None:
    """Return where the first option behind a requirement begins."""
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
    """Find operators that are none, and those of conda."""
    named: list[str] = []
    bounds, semicolon, marker = text.partition(";")
    if _ARROW.search(text):
        slips = ", ".join(dict.fromkeys(f"'{slip[0]}'" for slip in _ARROW.finditer(text)))
        named.append(f"{slips} is no operator: the equals sign comes last")
        bounds, marker = (_ARROW.sub(lambda slip: f"{slip[1] or slip[2]}=", part) for part in (bounds, marker))
    for wrong, right in _NO_OPERATORS.items():
        if wrong in bounds or wrong in marker:
            named.append(f"'{wrong}' is no operator, '{right}' is")
            bounds, marker = bounds.replace(wrong, right), marker.replace(wrong, right)
    if _SPLIT_SIGN.search(bounds):
        named.append("an operator has no space within")
        bounds = _SPLIT_SIGN.sub(r"\1=", bounds)
    conda = re.fullmatch(rf"\s*({_NAME})\s*=\s*([\w.*+!-]+)=[\w*.]+\s*", bounds)
    if conda:
        named.append("this is how conda writes a version and a build; versions are compared with ==, not with =")
        bounds = f"{conda[1]}=={conda[2]}"
    if _ALONE.search(bounds) or _ALONE.search(marker):
        named.append("versions are compared with ==, not with =")
        bounds, marker = _ALONE.sub("==", bounds), _ALONE.sub("==", marker)
    return named, f"{bounds}{semicolon}{marker}"


def _of_versions(text: str) -> tuple[list[str], str]:
    """Find carets, tildes, bounds without commas between them, stars that are none, versions without an operator."""
    named: list[str] = []
    bounds, semicolon, marker = text.partition(";")
    caret = re.fullmatch(rf"\s*({_NAME})\s*(?:@\s*)?\^\s*(\d{{1,9}})((?:\.\d{{1,9}})*)\s*", bounds)
    if caret:
        named.append("'^' is Poetry's, and no operator of PEP 440")
        numbers = [int(number) for number in f"{caret[2]}{caret[3]}".split(".")]
        bounds = f"{caret[1]}>={caret[2]}{caret[3]},<{_next_series(numbers)}"
    tilde = re.fullmatch(rf"\s*({_NAME})\s*(?:@\s*)?~\s*(\d{{1,9}})(?:\.(\d{{1,9}}))?((?:\.\d{{1,9}})*)\s*", bounds)
    if tilde:
        named.append("'~' is Poetry's, and no operator of PEP 440")
        above = f"{tilde[2]}.{int(tilde[3]) + 1}" if tilde[3] else f"{int(tilde[2]) + 1}"
        bounds = f"{tilde[1]}>={tilde[2]}{f'.{tilde[3]}' if tilde[3] else ''}{tilde[4]},<{above}"
    joined = re.sub(r"((?:[<>]=?|[=!~]=)\s*[\w.*+!-]*[\w*])\s*(?=[<>!~=])", r"\1,", bounds)
    if joined != bounds:
        named.append("two bounds have a comma between them")
        bounds = joined
    starred = re.sub(r"([=!]=\s*\d+(?:\.\d+)*)\.[xX](?=\s*(?:,|$))", r"\1.*", bounds)
    if starred != bounds:
        named.append("any number is written *, not x")
        bounds = starred
    ordered = _ORDERED_STAR.sub(lambda bound: _without_star(bound[1], bound[2]), bounds)
    if ordered != bounds:
        named.append("'.*' stands behind == and != alone")
        bounds = ordered
    series = _LONE_SERIES.sub(r"~=\1.0", bounds)
    if series != bounds:
        named.append("behind ~= there are two numbers or more")
        bounds = series
    bare = re.fullmatch(rf"\s*({_NAME})(?:\s+|\s*:\s*)v?(\d[\w.*+!]*)\s*", bounds)
    if bare:
        named.append(f"no operator stands before {bare[2]}")
        bounds = f"{bare[1]}=={bare[2]}"
    return named, f"{bounds}{semicolon}{marker}"


_ORDERED_STAR: Final = re.compile(r"([<>]=?|~=)\s*(\d{1,9}(?:\.\d{1,9})*)\.\*(?![\w.*])")
_LONE_SERIES: Final = re.compile(r"~=\s*(\d+)(?![\w.*!+])")


def _without_star(operator: str, version: str) -> str:
    """Return the bound that *operator* with *version* and ``.*`` behind it means."""
    first, _, last = version.rpartition(".")
    following = f"{first}.{int(last) + 1}" if first else str(int(last) + 1)
    return {">": f">={following}", "<=": f"<{following}", "~=": f"=={version}.*"}.get(operator, operator + version)


_OPEN_EXTRAS: Final = re.compile(r"(\s*[A-Za-z0-9][\w.-]*)\[([\w.,\s-]*?)\s*(?=$|[<>=!~;@])")


def _of_open_ends(text: str) -> tuple[list[str], str]:
    """Find a bracket and a quote that nothing closes."""
    named: list[str] = []
    extras = _OPEN_EXTRAS.match(text)
    if extras:
        named.append("the bracket of the extras is not closed")
        text = f"{extras[1]}[{extras[2]}]{text[extras.end() :]}"
    bounds, semicolon, marker = text.partition(";")
    for quote in ("'", '"'):
        if marker.count(quote) == 1:
            named.append("a quote of the marker is not closed")
            marker = f"{marker.rstrip()}{quote}" if not marker.rstrip().endswith(quote) else marker
    return named, f"{bounds}{semicolon}{marker}"


_VARIABLES: Final = (
    *("python_version", "python_full_version", "os_name", "sys_platform", "platform_machine", "platform_system"),
    *("platform_release", "platform_version", "platform_python_implementation"),
    *("implementation_name", "implementation_version", "extra"),
)
_COMPARED: Final = re.compile(r"([A-Za-z_]\w*)(\s*(?:[<>=!~]+|\bnot\s+in\b|\bin\b)\s*)(?:(\w[\w.*-]*)|(?=[\"']))")


def _of_markers(text: str) -> tuple[list[str], str]:
    """Find variables of a marker (PEP 508) that there are not, and numbers without quotes."""
    named: list[str] = []
    bounds, semicolon, marker = text.partition(";")
    if semicolon and not marker.strip():
        return ["no condition stands behind the semicolon"], bounds.strip()

    def mended(compared: re.Match[str]) -> str:
        variable, operator, value = compared.groups()
        if variable not in _VARIABLES:
            import difflib  # noqa: PLC0415 - for a mistake alone

            near = difflib.get_close_matches(variable.lower(), _VARIABLES, n=1, cutoff=0.75)
            meant = "python_version" if variable == "python" else next(iter(near), "")
            named.append(f"{variable!r} is no variable of a marker{f', {meant} is' if meant else ''}")
            variable = meant or variable
        if value is None or value in _VARIABLES:
            return f"{variable}{operator}{value or ''}"
        named.append("a value of a marker stands in quotes")
        return f'{variable}{operator}"{value}"'

    corrected = _COMPARED.sub(mended, marker)
    return list(dict.fromkeys(named)), f"{bounds}{semicolon}{corrected}"


def _of_rest(text: str, is_line: Callable[[str], bool]) -> Iterator[str]:
    """Yield what is wrong with *text* where no other line can be told for it."""
    bounds = text.partition(";")[0]
    parts = re.split(r"\s*[,;]\s*|\s+", text.strip(" ,;"))
    if unset := re.search(r"\$\{([A-Z0-9_]+)\}", text):
        yield f"no variable {unset[1]} is set"
    elif variable := re.search(r"\$\{[A-Za-z0-9_]+\}|\$[A-Za-z_]\w*", text):
        yield f"{variable[0]} is no variable: only ${{NAME}} in capitals is one, as in pip"
    elif text.endswith("\\"):
        yield "a backslash joins lines only as the last sign of its line: spaces stand behind it"
    elif text.startswith(("<<<<<<<", "=======", ">>>>>>>")):
        yield "a conflict of a merge was left in the file"
    elif len(parts) > 1 and all(re.match("[A-Za-z]", part) and is_line(part) for part in parts):
        yield f"a line names one project; write {', '.join(parts[:_MOST_NAMED])} on lines of their own"
    elif "|" in bounds:
        yield "'|' is no operator: a version is to be within all bounds, which have commas between them"
    elif re.match(r"\s*[<>=!~]", text):
        yield f"no project stands before {text.strip()}"
    elif empty := re.search(r"([<>]=?|[=!~]=)\s*(?:,|$)", bounds):
        yield f"no version stands behind {empty[1]}"
    elif word := re.search(r"(?:[<>]=?|[=!~]=)\s*([A-Za-z][\w.-]*)", bounds):
        yield f"{word[1]!r} is no version (PEP 440)"


def _next_series(numbers: list[int]) -> str:
    """Return the first version that a caret keeps out: the first number that is not 0 goes up (Poetry)."""
    place = next((index for index, number in enumerate(numbers) if number), len(numbers) - 1)
    return ".".join(map(str, [*numbers[:place], numbers[place] + 1]))


def hide_foreign_lines(error: RequirementError, is_own: Callable[[str], bool]) -> RequirementError:
    """Return *error* without what it says of lines in files that *is_own* does not hold for."""
    faults = tuple((origin, _shown(origin, problem, is_own)) for origin, problem in error.faults)
    return RequirementError(faults, hint=error.hint)


def _shown(origin: str, problem: str, is_own: Callable[[str], bool]) -> str:
    line = _PLACE.fullmatch(origin)
    if line is None or is_own(line[1]):
        return problem
    return "is not a line of a requirement file; it is not shown, as the file lies outside the project"
