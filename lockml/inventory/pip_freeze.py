"""Read the output of ``pip freeze`` or ``pip inspect`` as an `Inventory` of names and versions, without bytes.

pip's requirement lines; pip's installation report ("pip inspect JSON output specification", version 1).
"""

import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from msgspec.structs import replace
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidName, InvalidWheelFilename, NormalizedName, canonicalize_name, parse_wheel_filename

from lockml.common.errors import InputError
from lockml.inventory.distributions import archive_hashes
from lockml.inventory.model import DirectUrl, InstalledDistribution, Inventory, Problem, PythonEnvironment, Subject

__all__ = ["located", "parse_frozen"]

_EDITABLE = re.compile(r"# Editable .*\(([A-Za-z0-9][A-Za-z0-9._-]*)==([^()\s]+)\)")  # what pip writes above a line
_NO_RECORD = "a list of names and versions has no RECORD"


def parse_frozen(content: bytes, name: str) -> Inventory:
    """Return the inventory in the list *content* of the file *name*; raises InputError for anything else.

    The Python is "" and the platform None if the list does not name them.
    """
    subject = Subject(kind="freeze", name=name)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(name, f"is not UTF-8 ({error.reason} at byte {error.start})") from error
    if text.lstrip().startswith("{"):
        return _inspected(text, name, subject)
    found: list[InstalledDistribution] = []
    problems: list[Problem] = []
    before = ""
    for number, line in enumerate(text.splitlines(), 1):
        above, before = before, line.strip()
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        parsed = _frozen_line(stripped) or _editable_line(stripped, above)
        if parsed is None:
            problems.append(Problem(path=f"{name}:{number}", reason=f"not a line of pip freeze: {stripped[:80]!r}"))
        else:
            found.append(parsed)
    if not found:
        raise InputError(name, "lists no packages", hint="write it with `pip freeze --all` or `pip inspect`")
    return Inventory(subject=subject, environment=_environment(name, "", None, found), problems=tuple(problems))


def _frozen_line(line: str) -> InstalledDistribution | None:
    editable = line.startswith(("-e ", "--editable "))
    if editable:
        url = line.partition(" ")[2].strip()
        _, egg, name = url.partition("#egg=")
        source = DirectUrl(url=url, editable=True)
        return _distribution(canonicalize_name(name.partition("&")[0]), "", source) if egg else None
    try:
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name, validate=True)
    except (InvalidRequirement, InvalidName):
        return None
    if requirement.url is not None:
        url, _, fragment = requirement.url.partition("#")
        algorithm, equals, digest = fragment.partition("&")[0].partition("=")
        hashes = {algorithm: digest.lower()} if equals and algorithm in ("sha256", "sha384", "sha512") else {}
        return _distribution(name, _version_of(url), DirectUrl(url=url if hashes else requirement.url, hashes=hashes))
    pins = [each.version for each in requirement.specifier if each.operator in ("==", "===")]
    return _distribution(name, pins[0], None) if len(pins) == 1 else None


def _editable_line(line: str, above: str) -> InstalledDistribution | None:
    """Return the project of a folder, which pip names only in the comment *above*, if at all."""
    named = _EDITABLE.fullmatch(above)
    if named is None or not line.startswith("-e "):
        return None
    source = DirectUrl(url=line.partition(" ")[2].strip(), editable=True)
    return _distribution(canonicalize_name(named[1]), named[2], source)


def located(distribution: InstalledDistribution) -> InstalledDistribution:
    """Return *distribution* with the repository, commit and subdirectory that its URL names."""
    source = distribution.source
    if source is None or source.commit or not source.url.startswith("git+"):
        return distribution
    address, _, fragment = source.url.removeprefix("git+").partition("#")
    head, at, commit = address.rpartition("@")
    inside = dict(part.partition("=")[::2] for part in fragment.split("&"))
    if not at or "/" in commit:
        head, commit = address, ""
    located_source = replace(
        source, url=head, vcs="git", commit=commit or None, subdirectory=unquote(inside.get("subdirectory", ""))
    )
    return replace(distribution, source=located_source)


def _version_of(url: str) -> str:
    """Return the version of the wheel that *url* names, "" for a folder or an archive, which may have any."""
    try:
        return str(parse_wheel_filename(unquote(url).rpartition("/")[2])[1])
    except InvalidWheelFilename:
        return ""


def _distribution(name: NormalizedName, version: str, source: DirectUrl | None) -> InstalledDistribution:
    return InstalledDistribution(
        name=name, version=version, folder="", site_folder="", record=None, no_record=_NO_RECORD, source=source
    )


def _environment(name: str, python: str, machine: str | None, found: list[InstalledDistribution]) -> PythonEnvironment:
    return PythonEnvironment(
        prefix=name, python=python, machine=machine, libc=None, site_folders=("",), distributions=tuple(found)
    )


def _inspected(text: str, name: str, subject: Subject) -> Inventory:
    try:
        document = json.loads(text)
        markers = document["environment"]
        found = list(_inspected_distributions(document["installed"]))
        environment = _environment(name, str(markers["python_full_version"]), str(markers["platform_machine"]), found)
        environment = replace(environment, implementation=str(markers.get("implementation_name", "cpython")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InvalidName) as error:
        raise InputError(name, "is not what `pip inspect` prints") from error
    return Inventory(subject=subject, environment=environment)


def _inspected_distributions(installed: list[Mapping[str, Mapping[str, str]]]) -> Iterator[InstalledDistribution]:
    for each in installed:
        metadata = each["metadata"]
        direct: Mapping[str, object] = each.get("direct_url") or {}
        source = _direct_url(direct) if direct else None
        yield _distribution(canonicalize_name(metadata["name"], validate=True), str(metadata["version"]), source)


def _direct_url(direct: Mapping[str, object]) -> DirectUrl:
    folder, commit, archive = (direct.get(key) or {} for key in ("dir_info", "vcs_info", "archive_info"))
    return DirectUrl(
        url=str(direct["url"]),
        editable=bool(_get(folder, "editable")),
        commit=str(_get(commit, "commit_id")) if _get(commit, "commit_id") else None,
        hashes=archive_hashes(archive) if isinstance(archive, Mapping) else {},
    )


def _get(table: object, key: str) -> object:
    return table.get(key) if isinstance(table, Mapping) else None
