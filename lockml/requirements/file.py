"""Requirement files in, `RequirementSet` out: pip's requirement file format, as far as resolving needs it.

Requirements: PEP 508. Options: ``-r``, ``-c``, ``--index-url``, ``--extra-index-url``, ``--pre``.
"""

import posixpath
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as ParsedRequirement
from packaging.utils import canonicalize_name

from lockml.errors import InputError, RequirementError
from lockml.requirements.lines import decode, logical_lines
from lockml.requirements.model import IndexOptions, Origin, Requirement, RequirementSet, normalize_extras

__all__ = ["ReadFile", "parse_requirement", "read_requirement_files"]

ReadFile = Callable[[str], bytes]
"""Return the content of the file with this name, as the user wrote it; raises InputError where it cannot."""

_OPTIONS: Final = {
    "-r": "requirement",
    "--requirement": "requirement",
    "-c": "constraint",
    "--constraint": "constraint",
    "-i": "index_url",
    "--index-url": "index_url",
    "--extra-index-url": "extra_index_url",
    "--pre": "pre",
    "--no-binary": "no_binary",
    "--only-binary": "only_binary",
    "--prefer-binary": "nothing",
    "--require-hashes": "nothing",
}
_PATH_LIKE = re.compile(
    r"^(?:\.{1,2}(?:[/\\]|$)|[/\\~]|[A-Za-z]:[/\\]|file:)|\.(?:whl|zip|tar\.(?:gz|bz2|xz))(?:\s|$|\[)"
)
_HASH = re.compile(r"\s--hash[= ]((?:sha256|sha384|sha512):[0-9a-fA-F]+)(?=\s|$)")
_URL_LIKE = re.compile(r"^(?:git|hg|svn|bzr)\+|^https?://")


@dataclass
class _Reading:
    """What has been read so far; files being read are kept to notice circles."""

    read: ReadFile
    environment: Mapping[str, str]
    requirements: list[Requirement] = field(default_factory=list)
    constraints: list[Requirement] = field(default_factory=list)
    index_url: str | None = None
    extra_index_urls: list[str] = field(default_factory=list)
    prereleases: bool = False
    no_binary: list[str] = field(default_factory=list)
    only_binary: list[str] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    done: set[tuple[str, bool]] = field(default_factory=set)


def read_requirement_files(
    names: tuple[str, ...], *, read: ReadFile, environment: Mapping[str, str], constraints: tuple[str, ...] = ()
) -> RequirementSet:
    """Return all that the files *names* ask for, bounded by the files *constraints*.

    Raises RequirementError with every faulty line of every file, or the InputError of *read* for the first file.
    """
    reading = _Reading(read=read, environment=environment)
    for name in names:
        _read_file(reading, name, constraint=False, asked_at=None)
    for name in constraints:
        _read_file(reading, name, constraint=True, asked_at=None)
    if reading.faults:
        raise RequirementError(tuple(reading.faults))
    return RequirementSet(
        requirements=tuple(reading.requirements),
        constraints=tuple(reading.constraints),
        options=IndexOptions(
            index_url=reading.index_url,
            extra_index_urls=tuple(reading.extra_index_urls),
            prereleases=reading.prereleases,
            no_binary=tuple(reading.no_binary),
            only_binary=tuple(reading.only_binary),
        ),
    )


def _read_file(reading: _Reading, name: str, *, constraint: bool, asked_at: Origin | None) -> None:
    if name in reading.open or (name, constraint) in reading.done:
        return
    reading.done.add((name, constraint))
    try:
        text = decode(reading.read(name))
    except InputError as error:
        if asked_at is None:
            raise
        reading.faults.append((str(asked_at), f"{error.subject}: {error.problem}"))
        return
    except (UnicodeDecodeError, LookupError) as error:
        reading.faults.append((name, f"cannot be read as text ({error}); save it as UTF-8"))
        return
    reading.open.append(name)
    for number, line in logical_lines(text, reading.environment):
        origin = Origin(file=name, line=number)
        try:
            if line.startswith("-"):
                _read_option(reading, line, origin, constraint=constraint)
            elif constraint:
                reading.constraints.append(_parse_constraint(line, origin))
            else:
                reading.requirements.append(parse_requirement(line, origin))
        except RequirementError as error:
            reading.faults.extend(error.faults)
    reading.open.pop()


def _read_option(reading: _Reading, line: str, origin: Origin, *, constraint: bool) -> None:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise RequirementError(((str(origin), f"{line!r} cannot be read: {error}"),)) from error
    option, equals, value = words[0].partition("=")
    if re.match(r"-[rci].", option) and not option.startswith("--"):
        option, value, equals = words[0][:2], words[0][2:], "="
    values = [value, *words[1:]] if equals else words[1:]
    kind = _OPTIONS.get(option)
    if kind is None:
        known = ", ".join(sorted(name for name in _OPTIONS if name.startswith("--")))
        raise RequirementError(
            ((str(origin), f"option {option!r} is not supported in a requirement file ({known} are)"),)
        )
    flag = kind in ("pre", "nothing")
    if len(values) != (0 if flag else 1):
        raise RequirementError(((str(origin), f"option {option!r} takes {'no' if flag else 'one'} value"),))
    if flag:
        reading.prereleases |= kind == "pre"
    elif kind in ("no_binary", "only_binary"):
        getattr(reading, kind).append(values[0])
    elif kind == "index_url":
        reading.index_url = values[0]
    elif kind == "extra_index_url":
        reading.extra_index_urls.append(values[0])
    else:
        beside = posixpath.join(posixpath.dirname(origin.file), values[0])
        _read_file(reading, posixpath.normpath(beside), constraint=constraint or kind == "constraint", asked_at=origin)


def _parse_constraint(line: str, origin: Origin) -> Requirement:
    requirement = parse_requirement(line, origin)
    if requirement.extras:
        raise RequirementError(((str(origin), f"constraint {line!r} has extras; a constraint only bounds versions"),))
    return requirement


def parse_requirement(text: str, origin: Origin) -> Requirement:
    """Return the requirement that *text* names (PEP 508); raises RequirementError with a reason and a remedy."""
    text, hashes = _without_hashes(text, origin)
    if " --config-setting" in text or " --global-option" in text:
        raise RequirementError(
            ((str(origin), f"{text!r}: build options behind a requirement are not supported; remove them"),)
        )
    if _URL_LIKE.search(text) or _PATH_LIKE.search(text.partition(";")[0].strip()):
        raise RequirementError(
            ((str(origin), f"{text!r} is a URL or a path; only projects of an index are supported"),)
        )
    try:
        parsed = ParsedRequirement(text)
    except InvalidRequirement as error:
        reason = " ".join(str(error).splitlines()[0].split())
        raise RequirementError(((str(origin), f"{text!r} is not a requirement: {reason}"),)) from error
    if parsed.url:
        raise RequirementError(((str(origin), f"{text!r} names a URL; only projects of an index are supported"),))
    return Requirement(
        name=canonicalize_name(parsed.name),
        extras=normalize_extras(parsed.extras),
        specifier=parsed.specifier,
        marker=parsed.marker,
        origin=origin,
        hashes=hashes,
    )


def _without_hashes(text: str, origin: Origin) -> tuple[str, frozenset[str]]:
    """Return *text* without the ``--hash`` options behind it, and their values in lower case."""
    found = frozenset(match[1].lower() for match in _HASH.finditer(text))
    rest = _HASH.sub("", text)
    if " --hash" in rest:
        raise RequirementError(((str(origin), f"{text!r}: a hash is written --hash=sha256:DIGEST"),))
    return rest, found
