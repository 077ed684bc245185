"""What the readers of other tools' locks share: hashes, names of files, markers, and one fault for what is wrong."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

from packaging.pylock import PackageVcs

from lockml.common.errors import LockError

__all__ = ["COMMIT", "MAX_PACKAGES", "extras_marker", "faults_of", "file_name", "parse_repository", "split_hash"]

COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
"""The name of a commit of git as a whole."""

MAX_PACKAGES: Final = 100_000
"""More entries than any lock has."""

_NAME: Final = r"""(?:"[^"]*"|'[^']*')"""
_EXTRA: Final = re.compile(rf"\bextra\s*(==|!=)\s*({_NAME})|({_NAME})\s*(==|!=)\s*extra\b")
_LENGTHS: Final = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}


@contextmanager
def faults_of(file: str, kind: str) -> Iterator[None]:
    """Turn what *file* says wrongly, any ValueError, into a LockError that names it and the *kind* of lock it is."""
    try:
        yield
    except ValueError as error:
        raise LockError(file, f"is no {kind} that lockml can read: {error}") from error
    except RecursionError as error:  # of a marker
        raise LockError(file, f"is no {kind} that lockml can read: it is nested too deeply") from error


def split_hash(text: str | None) -> dict[str, str]:
    """Return the hash ``sha256:DIGEST`` by its algorithm, {} for None; raises ValueError."""
    if text is None:
        return {}
    algorithm, _, digest = text.partition(":")
    if re.fullmatch(r"[0-9a-fA-F]+", digest) is None or _LENGTHS.get(algorithm) != len(digest):
        raise ValueError(f"{text!r} is no hash")
    return {algorithm: digest.lower()}


def file_name(location: str) -> str:
    """Return the name of the file at a URL or a path, decoded where it is a URL."""
    return (
        unquote(urlsplit(location).path.rpartition("/")[2]) if "://" in location else re.split(r"[/\\]", location)[-1]
    )


def extras_marker(marker: str) -> str:
    """Return *marker* with each ``extra == 'NAME'`` as PEP 751 asks for it: ``'NAME' in extras``."""

    def as_member(match: re.Match[str]) -> str:
        name, sign = match[2] or match[3], match[1] or match[4]
        return f"{name} {'in' if sign == '==' else 'not in'} extras"

    return _EXTRA.sub(as_member, marker) if "extra" in marker else marker


def parse_repository(url: str) -> PackageVcs:
    """Return the repository of ``URL?rev=REVISION&subdirectory=FOLDER#COMMIT``; raises ValueError without a commit."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if COMMIT.fullmatch(parts.fragment) is None:
        raise ValueError(f"{url!r} names no commit")
    return PackageVcs(
        type="git",
        url=urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")),
        requested_revision=next((query[key][0] for key in ("rev", "tag", "branch") if key in query), None),
        commit_id=parts.fragment,
        subdirectory=query["subdirectory"][0] if "subdirectory" in query else None,
    )
