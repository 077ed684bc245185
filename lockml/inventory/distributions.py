"""The library folders of an environment in, its installed distributions out (PEP 376, 610, 627).

Only a dist-info directly in a library folder counts; what projects bundle deeper down is theirs.
"""

import json
from collections.abc import Iterator

from packaging.utils import InvalidName, canonicalize_name

from lockml.digest import RecordError, RecordRow, parse_record
from lockml.inventory.model import InstalledDistribution, Problem
from lockml.inventory.wanted import MAX_METADATA, MAX_RECORD
from lockml.ports import FileTree, UnreadableError

__all__ = ["read_distributions"]


def read_distributions(
    tree: FileTree, site_folders: tuple[str, ...]
) -> tuple[tuple[InstalledDistribution, ...], tuple[Problem, ...]]:
    """Return what is installed, in the order of the import path and then by name, and what could not be read."""
    found: list[InstalledDistribution] = []
    problems: list[Problem] = []
    for site_folder in site_folders:
        try:
            names = tree.names(site_folder)
        except UnreadableError as error:
            problems.append(Problem(path=error.path, reason=error.reason))
            continue
        for name in names:
            folder = f"{site_folder}/{name}"
            try:
                found.extend(_read_one(tree, folder, site_folder))
            except UnreadableError as error:
                problems.append(Problem(path=error.path, reason=error.reason))
    return tuple(found), tuple(problems)


def _read_one(tree: FileTree, folder: str, site_folder: str) -> Iterator[InstalledDistribution]:
    if folder.endswith(".dist-info"):
        metadata = tree.read(f"{folder}/METADATA", MAX_METADATA)
        if metadata is None:
            raise UnreadableError(folder, "it has no METADATA, so what is installed there cannot be told")
    elif folder.endswith(".egg-info"):
        metadata = tree.read(f"{folder}/PKG-INFO", MAX_METADATA) or tree.read(folder, MAX_METADATA)
        if metadata is None:
            raise UnreadableError(folder, "it has no PKG-INFO, so what is installed there cannot be told")
    else:
        return
    fields = _header_fields(metadata)
    try:
        name = canonicalize_name(fields["name"], validate=True)
        version = fields["version"]
    except (KeyError, InvalidName) as error:
        raise UnreadableError(folder, "its metadata has no usable name and version") from error
    record, no_record = _record(tree, folder)
    source, editable = _source(tree, folder)
    installer = tree.read(f"{folder}/INSTALLER", 1 << 10)
    yield InstalledDistribution(
        name=name,
        version=version,
        folder=folder,
        site_folder=site_folder,
        record=record,
        no_record=no_record,
        installer=installer.decode("utf-8", "replace").strip() if installer else None,
        source=source,
        editable=editable,
    )


def _header_fields(content: bytes) -> dict[str, str]:
    """Return the first value of Name and Version of core metadata, by lower-case name."""
    fields: dict[str, str] = {}
    for line in content.replace(b"\r\n", b"\n").partition(b"\n\n")[0].split(b"\n"):
        key, colon, value = line.partition(b":")
        lowered = key.strip().lower().decode("ascii", "replace")
        if colon and lowered in ("name", "version"):
            fields.setdefault(lowered, value.strip().decode("utf-8", "replace"))
    return fields


def _record(tree: FileTree, folder: str) -> tuple[tuple[RecordRow, ...] | None, str | None]:
    if not folder.endswith(".dist-info"):
        return None, "an egg-info has no RECORD"
    content = tree.read(f"{folder}/RECORD", MAX_RECORD + 1)
    if content is None:
        return None, "it has no RECORD"
    if len(content) > MAX_RECORD:
        raise UnreadableError(f"{folder}/RECORD", f"it has more than {MAX_RECORD} bytes")
    try:
        return parse_record(content.decode("utf-8")), None
    except (RecordError, UnicodeDecodeError) as error:
        return None, f"its RECORD cannot be read: {error}"


def _source(tree: FileTree, folder: str) -> tuple[str | None, bool]:
    content = tree.read(f"{folder}/direct_url.json", MAX_METADATA)
    if content is None:
        return None, False
    try:
        document = json.loads(content)
        url = document["url"]
        editable = bool(document.get("dir_info", {}).get("editable", False))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableError(f"{folder}/direct_url.json", "it is not a direct URL record (PEP 610)") from error
    return str(url), editable
