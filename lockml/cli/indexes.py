"""The indexes as the options name them in; where projects are to be had, in the order to ask, out."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlsplit

from packaging.utils import canonicalize_name

from lockml.cli.pip_configuration import default_index_url
from lockml.display import redact
from lockml.errors import InputError
from lockml.index.locations import IndexLocation, NamedIndexes

__all__ = ["locations_of", "parse_indexes", "with_login"]


def parse_indexes(
    named: Sequence[str], only: Sequence[str], environment: Mapping[str, str]
) -> tuple[IndexLocation, ...]:
    """Return the indexes of ``--index NAME=URL``, with the projects of ``--index-only NAME=PROJECT,…``.

    A login may stand in the *environment*: LOCKML_INDEX_<NAME>_USERNAME and _PASSWORD. Raises InputError.
    """
    indexes: dict[str, IndexLocation] = {}
    for text in named:
        name, equals, url = text.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
            raise InputError(
                f"--index {redact(text)!r}", "is not NAME=URL", hint="for example pytorch=https://index.example/cu121"
            )
        if name in indexes:
            raise InputError(f"--index {name}", "is given more than once")
        indexes[name] = IndexLocation(url=with_login(url, name, environment), name=name)
    for text in only:
        name, equals, projects = text.partition("=")
        patterns = tuple(_pattern(part) for part in projects.split(",") if part.strip())
        if not equals or not patterns:
            raise InputError(f"--index-only {text!r}", "is not NAME=PROJECT,…", hint="such as pytorch=torch,nvidia-*")
        if name not in indexes:
            known = ", ".join(indexes) or "none"
            raise InputError(f"--index-only {text!r}", f"there is no --index {name}", hint=f"named indexes: {known}")
        indexes[name] = replace(indexes[name], only=(*indexes[name].only, *patterns))
    return tuple(indexes.values())


def locations_of(indexes: NamedIndexes, folder: Path) -> Iterator[IndexLocation]:
    """Yield where projects are to be had, the first to ask first; *folder* is that of the lock."""
    for place in indexes.find_links:
        if place.startswith(("http://", "https://")):
            yield IndexLocation(url=place, flat=True)
        else:
            path = Path(place.removeprefix("file://")).expanduser()
            yield IndexLocation(url=(folder / path).absolute().as_uri(), name=place, flat=True)
    if indexes.no_index:
        return
    yield from indexes.named
    yield from (IndexLocation(url=url) for url in indexes.extra_urls)
    yield IndexLocation(url=indexes.url or default_index_url())


def _pattern(text: str) -> str:
    """Return *text* normalized as project names are, its ``*`` kept."""
    return "*".join(canonicalize_name(part) for part in text.strip().split("*"))


def with_login(url: str, name: str, environment: Mapping[str, str]) -> str:
    """Return *url* with the login that *environment* has for the index *name*."""
    prefix = f"LOCKML_INDEX_{re.sub('[^A-Z0-9]', '_', name.upper())}"
    user, password = environment.get(f"{prefix}_USERNAME"), environment.get(f"{prefix}_PASSWORD")
    if user is None and password is None:
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    login = f"{quote(user or '', safe='')}:{quote(password or '', safe='')}"
    return parts._replace(netloc=f"{login}@{host}").geturl()
