"""Read a file with one tag a line, and pack such a list for a lock and unpack it.

Tags: PEP 425. Lines may be as `pip debug --verbose` prints them, whose other lines are skipped.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from lockml.common.errors import InputError
from lockml.common.platforms import Libc, Platform
from lockml.common.pythons import Python
from lockml.common.settings import setting

__all__ = ["newest_libc", "newest_macos", "packed_tags", "parse_tag_list", "require_fit", "unpacked_tags"]

# Texts, as most runs need none of them compiled.
_TAG: Final = r"[a-z][a-z0-9_]*-[a-z0-9_]+-[a-z0-9_]+"
_PACKED: Final = r"([a-z][a-z0-9_]*-[a-z0-9_]+) ([0-9]{1,5})"
_PLATFORMS: Final = r"[a-z0-9_]+(?:\.[a-z0-9_]+)*"
_OWN: Final = r"(cp|pp)3([0-9]+)-(?:cp3[0-9]+(t?)|pypy3[0-9]+_pp[0-9]+)-"
_LIBC: Final = r"(?:many(linux)|(musl)linux)_([0-9]{1,2})_([0-9]{1,2})_"
_LEGACY: Final = (("manylinux2014_", 17), ("manylinux2010_", 12), ("manylinux1_", 5))
_MACOS: Final = r"macosx_([0-9]{2})_([0-9]{1,2})_"
_PIP: Final = "Compatible tags:"
_MAX_SIZE: Final = 1 << 20
_MAX_TAGS: Final = 10_000  # an old Python on the newest macOS has 2,000
_MAX_LENGTH: Final = 100
_HINT: Final = "write one tag a line, such as cp311-cp311-manylinux_2_28_x86_64, preferred ones first"


def parse_tag_list(content: bytes, file: str) -> tuple[str, ...]:
    """Return the tags of a *file*, each once; comments and blank lines are skipped.

    Raises InputError with the line for an invalid tag, and for a file with none or too many.
    """
    if len(content) > _MAX_SIZE:
        raise InputError(file, f"has more than {_MAX_SIZE} bytes", hint=_HINT)
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(file, f"is not UTF-8 ({error.reason} at byte {error.start})", hint=_HINT) from error
    first = next((number for number, line in enumerate(lines, 1) if line.startswith(_PIP)), 0)
    tags: dict[str, None] = {}
    for number, line in enumerate(lines[first:], first + 1):
        tag = line.partition("#")[0].strip().lower()
        if not tag:
            continue
        if not re.fullmatch(_TAG, tag) or len(tag) > _MAX_LENGTH:
            raise InputError(f"{file}:{number}", f"{line.strip()[:_MAX_LENGTH]!r} is not a tag", hint=_HINT)
        tags[tag] = None
    if not tags or len(tags) > _MAX_TAGS:
        raise InputError(file, f"has {'more than ' + str(_MAX_TAGS) if tags else 'no'} tags", hint=_HINT)
    return tuple(tags)


def require_fit(tags: Sequence[str], python: Python, platform: Platform, file: str) -> None:
    """Raise InputError if the first of *tags* is clearly for another Python or architecture than the target."""
    own = re.match(_OWN, tags[0])
    if own is not None:
        name, minor, threads = own.groups()
        found = f"{'pypy' if name == 'pp' else ''}3.{minor}{threads or ''}"
        named = str(Python(python.version, False, python.implementation, python.free_threaded))
        if found != named:
            raise InputError(
                file,
                f"is for Python {found}, but the target is {named}",
                hint=f"name it with {setting('python', found)}",
            )
    places = [tag.rpartition("-")[2] for tag in tags]
    known = [place for place in places if place.startswith(("linux_", "manylinux", "musllinux"))]
    if known and not (platform.system == "linux" and any(each.endswith(f"_{platform.machine}") for each in known)):
        raise InputError(
            file,
            f"is for {known[0]}, but the target is {platform}",
            hint=f"name its platform with {setting('platform')}",
        )


def newest_libc(tags: Sequence[str]) -> Libc | None:
    """Return the C library that *tags* are for: the newest that one of them names, None if none does."""
    found: list[tuple[bool, int, int]] = []
    for place in (tag.rpartition("-")[2] for tag in tags):
        match = re.match(_LIBC, place)
        if match is not None:
            found.append((match[1] is not None, int(match[3]), int(match[4])))
        found += [(True, 2, minor) for name, minor in _LEGACY if place.startswith(name)]
    if not found:
        return None
    glibc, major, minor = max(found)
    return Libc(family="glibc" if glibc else "musl", major=major, minor=minor)


def newest_macos(tags: Sequence[str]) -> tuple[int, int] | None:
    """Return the newest macOS that one of *tags* names, None if none does."""
    found = (re.match(_MACOS, tag.rpartition("-")[2]) for tag in tags)
    return max(((int(match[1]), int(match[2])) for match in found if match is not None), default=None)


def packed_tags(tags: Sequence[str]) -> dict[str, list[str]]:
    """Return *tags* in the form of a lock: which interpreter and ABI goes with which list of platforms."""
    lists: dict[str, int] = {}
    packed: list[str] = []
    for first, group in groupby(tags, key=lambda tag: tag.rpartition("-")[0]):
        platforms = ".".join(tag.rpartition("-")[2] for tag in group)
        packed.append(f"{first} {lists.setdefault(platforms, len(lists))}")
    return {"tags": packed, "tag-platforms": list(lists)}


def unpacked_tags(packed: Sequence[str], lists: Sequence[str]) -> tuple[str, ...]:
    """Return the tags that `packed_tags` packed; raises InputError for anything else."""
    if not packed and not lists:
        return ()
    platforms = [each.split(".") for each in lists if re.fullmatch(_PLATFORMS, each)]
    if len(platforms) != len(lists):
        raise InputError("tag-platforms", "is not a list of platforms")
    tags = tuple(dict.fromkeys(_unpacked(packed, platforms)))
    if packed_tags(tags) != {"tags": list(packed), "tag-platforms": list(lists)}:
        raise InputError("tags", "is not a list of tags as lockml writes it")
    return tags


def _unpacked(packed: Sequence[str], platforms: Sequence[Sequence[str]]) -> Iterator[str]:
    count = 0
    for each in packed:
        match = re.fullmatch(_PACKED, each)
        if match is None or int(match[2]) >= len(platforms):
            raise InputError("tags", f"has {each[:_MAX_LENGTH]!r}, which is not a tag")
        count += len(platforms[int(match[2])])
        if count > _MAX_TAGS:
            raise InputError("tags", f"has more than {_MAX_TAGS}")
        yield from (f"{match[1]}-{place}" for place in platforms[int(match[2])])
