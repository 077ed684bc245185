"""Reads pip's requirement file format, as far as resolving needs it, as a `RequirementSet`.

Requirements are those of PEP 508, and pip's bare URLs, paths and ``-e``. Options: those of `_OPTIONS`.
"""

import posixpath
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import urljoin

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.markers import InvalidMarker, Marker
from packaging.requirements import Requirement as ParsedRequirement
from packaging.utils import canonicalize_name

from lockml.common.display import redact
from lockml.common.errors import InputError, RequirementError
from lockml.common.references import (
    LONGEST_REQUIREMENT,
    ArchiveReference,
    BadReferenceError,
    FolderReference,
    is_reference,
    name_of_reference,
    parse_pep508,
    parse_reference,
)
from lockml.requirements.line_faults import describe_mistakes, find_hidden
from lockml.requirements.logical_lines import decode, logical_lines
from lockml.requirements.model import (
    IndexOptions,
    Origin,
    Requirement,
    RequirementSet,
    UnnamedRequirement,
    normalize_extras,
)

__all__ = [
    "EMPTY",
    "ReadFile",
    "is_url",
    "no_other_file",
    "parse_line",
    "parse_requirement",
    "read_requirement_files",
    "read_requirement_lines",
]

ReadFile = Callable[[str], bytes]
"""Return the content of the file with this name, as the user wrote it; raises InputError where it cannot."""

EMPTY: Final[Mapping[str, str]] = {}
"""An environment without variables."""


def no_other_file(name: str) -> bytes:
    """Read nothing beside the file that is given; raises InputError."""
    raise InputError(name, "no such file")


_OPTIONS: Final = {
    "-r": "requirement",
    "--requirement": "requirement",
    "-c": "constraint",
    "--constraint": "constraint",
    "-i": "index_url",
    "--index-url": "index_url",
    "--extra-index-url": "extra_index_urls",
    "--pre": "prereleases",
    "--no-binary": "no_binary",
    "--only-binary": "only_binary",
    "-f": "find_links",
    "--find-links": "find_links",
    "--no-index": "no_index",
    "-e": "editable",
    "--editable": "editable",
    "--prefer-binary": "nothing",
    "--require-hashes": "nothing",
    "--trusted-host": "ignored",
    "--use-feature": "ignored",
}
_FLAGS: Final = frozenset({"prereleases", "no_index"})
_LISTS: Final = frozenset({"no_binary", "only_binary", "find_links", "extra_index_urls"})
_MAX_SHOWN: Final = 500
_POETRY_BOUND: Final = re.compile(r"\^.*|[<>=!].*|~\s*=?\s*\d[\w.*]*")
_HASH = re.compile(r"\s--hash[= ]((?:sha256|sha384|sha512):[0-9a-fA-F]+)(?=\s|$)")


class _State(Struct):
    """What has been read so far; *unfinished* are the files being read, *done* those that were, to notice circles."""

    read: ReadFile
    environment: Mapping[str, str]
    requirements: list[Requirement] = field(default_factory=list)
    constraints: list[Requirement] = field(default_factory=list)
    index_url: str | None = None
    extra_index_urls: list[str] = field(default_factory=list)
    prereleases: bool = False
    no_binary: list[str] = field(default_factory=list)
    only_binary: list[str] = field(default_factory=list)
    find_links: list[str] = field(default_factory=list)
    no_index: bool = False
    unnamed: list[UnnamedRequirement] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    done: set[tuple[str, bool]] = field(default_factory=set)

    def result(self) -> RequirementSet:
        """Return all that was read."""
        return RequirementSet(
            requirements=tuple(self.requirements),
            constraints=tuple(self.constraints),
            options=IndexOptions(
                index_url=self.index_url,
                extra_index_urls=tuple(self.extra_index_urls),
                prereleases=self.prereleases,
                no_binary=tuple(self.no_binary),
                only_binary=tuple(self.only_binary),
                find_links=tuple(self.find_links),
                no_index=self.no_index,
            ),
            unnamed=tuple(self.unnamed),
            notes=tuple(self.notes),
        )


def read_requirement_files(
    names: tuple[str, ...], *, read: ReadFile, environment: Mapping[str, str], constraints: tuple[str, ...] = ()
) -> RequirementSet:
    """Return all that the files *names* ask for, bounded by the files *constraints*.

    Raises RequirementError with every faulty line of every file, or the InputError of *read* for the first file.
    """
    state = _State(read=read, environment=environment)
    for name in names:
        _read_file(state, name, constraint=False, included_at=None)
    for name in constraints:
        _read_file(state, name, constraint=True, included_at=None)
    if state.faults:
        raise RequirementError(tuple(state.faults))
    return state.result()


def read_requirement_lines(
    lines: Iterable[tuple[int, str]], name: str, *, read: ReadFile, environment: Mapping[str, str]
) -> RequirementSet:
    """Return what *lines* of the file *name*, each with its number, ask for as lines of a requirement file would.

    Raises RequirementError with every faulty line.
    """
    state = _State(read=read, environment=environment)
    state.unfinished.append(name)
    variables = _variables(state, name)
    for number, text in lines:
        for _, line in logical_lines(text, variables):
            _read_line(state, line, Origin(file=name, line=number), constraint=False)
    if state.faults:
        raise RequirementError(tuple(state.faults))
    return state.result()


def _read_file(state: _State, name: str, *, constraint: bool, included_at: Origin | None) -> None:
    if name in state.unfinished or (name, constraint) in state.done:
        return
    state.done.add((name, constraint))
    try:
        text = decode(state.read(name))
    except InputError as error:
        if included_at is None:
            raise
        state.faults.append((str(included_at), f"{error.subject}: {error.problem}"))
        return
    except (UnicodeDecodeError, LookupError) as error:
        state.faults.append((name, f"cannot be read as text ({error}); save it as UTF-8"))
        return
    state.unfinished.append(name)
    for number, line in logical_lines(text, _variables(state, name)):
        _read_line(state, line, Origin(file=redact(name), line=number), constraint=constraint)
    state.unfinished.pop()


def _variables(state: _State, name: str) -> Mapping[str, str]:
    """Return what the file *name* may have filled in: nothing where it is a server's, which would get it."""
    return EMPTY if is_url(name) else state.environment


def _read_line(state: _State, line: str, origin: Origin, *, constraint: bool) -> None:
    try:
        if line.startswith("-"):
            _read_option(state, line, origin, constraint=constraint)
        elif constraint:
            state.constraints.append(_parse_constraint(line, origin))
        else:
            _add_requirement(state, parse_line(line, origin), origin)
    except RequirementError as error:
        state.faults.extend(error.faults)


def _read_option(state: _State, line: str, origin: Origin, *, constraint: bool) -> None:
    option, values = _split_option(line, origin)
    kind = _OPTIONS.get(option)
    if kind is None:
        raise RequirementError(((str(origin), _describe_unknown(line, option)),))
    expected = 0 if kind in _FLAGS or kind == "nothing" else 1
    if len(values) != expected:
        raise RequirementError(((str(origin), f"option {option!r} takes {'one' if expected else 'no'} value"),))
    if kind in _FLAGS:
        setattr(state, kind, True)
    elif kind in _LISTS:
        getattr(state, kind).append(values[0])
    elif kind == "ignored":
        state.notes.append(f"{origin}: {option} has no effect here")
    elif kind == "index_url":
        state.index_url = values[0]
    elif kind == "editable":
        if constraint:
            raise RequirementError(((str(origin), "a constraint cannot be editable; it only bounds versions"),))
        _add_requirement(state, parse_line(_unquoted(values[0]), origin, editable=True), origin)
    elif kind in ("requirement", "constraint"):
        included = _included(state.unfinished[-1], values[0], origin)
        _read_file(state, included, constraint=kind == "constraint", included_at=origin)


def _describe_unknown(line: str, option: str) -> str:
    """Return what is wrong with a *line* whose *option* no requirement file has."""
    is_slip = not line.isascii() or line.startswith("- ")
    mistakes = describe_mistakes(line, _is_line, options=True) if is_slip else None
    if mistakes is not None:
        return f"{line[:_MAX_SHOWN]!r} is not an option: {mistakes}"
    supported = ", ".join(sorted(name for name in _OPTIONS if name.startswith("--")))
    return f"option {option!r} is not supported in a requirement file ({supported} are)"


def is_url(name: str) -> bool:
    """Say whether the file *name* comes from a server."""
    return name.lower().startswith(("http://", "https://"))


def _included(by: str, name: str, origin: Origin) -> str:
    """Return the file that *name* is for the file *by*, at *origin*; raises RequirementError."""
    if is_url(name):
        return name
    if not is_url(by):
        return posixpath.normpath(posixpath.join(posixpath.dirname(by), name))
    if "://" in name or name.startswith("file:"):
        raise RequirementError(((str(origin), f"a file from a server cannot include {name!r}"),))
    return urljoin(by, name)


def _split_option(line: str, origin: Origin) -> tuple[str, list[str]]:
    """Return the option of *line* and its values: ``--name value``, ``--name=value``, ``-rvalue``."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise RequirementError(((str(origin), f"{line!r} cannot be read: {error}"),)) from error
    editable = re.match(r"(?:--editable|-e)(?:[= ]\s*|(?=\S))", line)
    if editable and line[editable.end() :]:  # a marker behind it keeps its quotes
        return "-e", [line[editable.end() :]]
    option, equals, value = words[0].partition("=")
    if re.match(r"-[rcief].", option) and not option.startswith("--"):
        option, value, equals = words[0][:2], words[0][2:], "="
    return option, [value, *words[1:]] if equals else words[1:]


def _unquoted(text: str) -> str:
    """Return the path that *text*, the value of an option, is, with or without quotes around it."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _add_requirement(state: _State, parsed: Requirement | UnnamedRequirement, origin: Origin) -> None:
    match parsed.reference:
        case FolderReference() | ArchiveReference(local=True) as reference if is_url(state.unfinished[-1]):
            raise RequirementError(((str(origin), f"a file from a server cannot name {reference} of this machine"),))
    if isinstance(parsed, Requirement):
        state.requirements.append(parsed)
    else:
        state.unnamed.append(parsed)


def _parse_constraint(line: str, origin: Origin) -> Requirement:
    """Return the constraint of *line*; its extras bound nothing, and a lock's own requirements.txt has some."""
    return replace(parse_requirement(line, origin), extras=())


def parse_requirement(text: str, origin: Origin) -> Requirement:
    """Return the requirement that *text* names (PEP 508); raises RequirementError with a reason and a remedy."""
    parsed = parse_line(text, origin)
    if isinstance(parsed, Requirement):
        return parsed
    raise RequirementError(((str(origin), f"{text!r} does not say which project it is; write NAME @ {parsed}"),))


def parse_line(text: str, origin: Origin, *, editable: bool = False) -> Requirement | UnnamedRequirement:
    """Return what *text* asks for: PEP 508, or a URL, a path or a repository by itself; raises RequirementError."""
    text, hashes = _without_hashes(text, origin)
    if len(text) > LONGEST_REQUIREMENT:
        problem = f"the requirement has {len(text)} characters, which is more than {LONGEST_REQUIREMENT}"
        raise RequirementError(((str(origin), problem),))
    if " --config-setting" in text or " --global-option" in text:
        raise RequirementError(
            ((str(origin), f"{text!r}: build options after a requirement are not supported; remove them"),)
        )
    try:
        if is_reference(text) or (editable and not re.search("[<>=!@]", text.partition(";")[0])):
            return _bare_reference(text, origin, hashes, editable=editable)
        parsed = _parse(text)
        hidden = find_hidden(text) if parsed.url is None else None
        if hidden is not None:
            raise ValueError(hidden)
        reference = parse_reference(parsed.url, editable=editable) if parsed.url else None
    except BadReferenceError as error:
        raise RequirementError(((str(origin), f"{redact(text)!r} cannot be used: {error}"),)) from error
    except ValueError as error:
        shown = text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
        raise RequirementError(
            ((str(origin), f"{shown!r} is not a requirement: {_reason(text, error, origin)}"),)
        ) from error
    if editable and reference is None:
        raise RequirementError(((str(origin), f"-e {text!r} names no folder and no repository"),))
    return Requirement(
        name=canonicalize_name(parsed.name),
        extras=normalize_extras(parsed.extras),
        specifier=parsed.specifier,
        marker=parsed.marker,
        origin=origin,
        hashes=hashes | (reference.hashes if isinstance(reference, ArchiveReference) else frozenset()),
        reference=reference,
    )


def _reason(text: str, error: Exception, origin: Origin) -> str:
    """Return what is wrong with *text*, with the line to write instead if there is one."""
    has_options = not origin.file.endswith((".toml", ".py"))
    return describe_mistakes(text, _is_line, options=has_options) or " ".join(str(error).partition("\n")[0].split())


def _is_line(text: str) -> bool:
    """Say whether *text* may stand in a requirement file."""
    if re.split("[ =]", text, maxsplit=1)[0] in _OPTIONS:
        return True
    try:
        _parse(_HASH.sub("", text))
    except ValueError:
        return False
    return text.isascii()


def _parse(text: str) -> ParsedRequirement:
    """Return what packaging reads in *text*; raises ValueError, also for a bound that it takes for an address."""
    parsed = parse_pep508(text)
    if parsed.url is not None and _POETRY_BOUND.fullmatch(parsed.url):
        raise ValueError(f"{parsed.url!r} is not an address")
    return parsed


def _bare_reference(
    text: str, origin: Origin, hashes: frozenset[str], *, editable: bool
) -> Requirement | UnnamedRequirement:
    behind_url = "://" in text.partition(";")[0]  # a semicolon may be part of a URL, and of no path, as in pip
    semicolons = r"(?<!\s)\s+;|;\s+" if behind_url else ";"
    address, semicolon, condition = re.sub(semicolons, " ; ", text, count=1).partition(" ; ")
    address = address.strip()
    extras = re.search(r"\[([^][]*)\]$", address) if "#" not in address else None
    if extras:
        address = address[: extras.start()].rstrip()
    reference = parse_reference(address, editable=editable)
    try:
        marker = Marker(condition) if semicolon else None
    except InvalidMarker as error:
        raise BadReferenceError(f"its marker {condition.strip()!r} is invalid") from error
    name, of_egg = name_of_reference(address)
    all_extras = {extra.strip() for extra in extras[1].split(",") if extra.strip()} if extras else set(of_egg)
    unnamed = UnnamedRequirement(
        reference=reference,
        extras=normalize_extras(all_extras),
        marker=marker,
        origin=origin,
        hashes=hashes | (reference.hashes if isinstance(reference, ArchiveReference) else frozenset()),
    )
    return unnamed.named(name) if name is not None else unnamed


def _without_hashes(text: str, origin: Origin) -> tuple[str, frozenset[str]]:
    """Return *text* without the ``--hash`` options behind it, and their values in lower case."""
    matches = list(_HASH.finditer(text))
    rest = _HASH.sub("", text)
    if " --hash" in rest:
        raise RequirementError(((str(origin), f"{text!r}: a hash is written --hash=sha256:DIGEST"),))
    if matches and rest[matches[0].start() :].strip():  # pip ignores it, also a marker
        raise RequirementError(((str(origin), f"{text!r}: write the hashes at the end of the line"),))
    return rest, frozenset(match[1].lower() for match in matches)
