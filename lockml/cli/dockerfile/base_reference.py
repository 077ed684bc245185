"""The reference for FROM of the base image that a lock or a user names, by digest if one is known."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from msgspec import Struct

from lockml.cli.common.terminal import warn
from lockml.common.errors import InputError, LockmlError, UnreachableError
from lockml.common.target import Target
from lockml.inventory.file_tree import UnreadableError
from lockml.lock.model import BaseImage
from lockml.subjects.oci.registry import Reference, Registry, parse_reference

__all__ = [
    "FoundImage",
    "Lookup",
    "default_base",
    "image_lookups",
    "is_reference",
    "pinned_reference",
    "repository_digest",
]

_KINDS: Final = ("image", "registry")
_DEBIAN: Final = (((2, 36), "bookworm"), ((2, 41), "trixie"))  # the C library of each, the oldest first
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_NAME_IT: Final = "name one with --base-image, such as --base-image python:3.11-slim-bookworm"


class FoundImage(Struct, frozen=True, kw_only=True):
    """An image in a *source*: its *digest* there, None without one, and its *layers*."""

    source: str
    digest: str | None
    layers: tuple[str, ...]


Lookup = Callable[[str], FoundImage]
"""A function that returns the image of a reference; raises LockmlError."""


def default_base(target: Target) -> str:
    """Return the official Python image for *target*; raises InputError if there is none."""
    libc = target.libc
    if libc is None:
        raise InputError(str(target), "is not a target of containers", hint="lock for linux: --platform linux/amd64")
    if target.free_threaded or target.implementation != "cpython":
        raise InputError(target.python_text, "has no official Python image", hint=_NAME_IT)
    if libc.family == "musl":
        return f"python:{target.python_text}-alpine"
    for version, name in _DEBIAN:
        if (libc.major, libc.minor) <= version:
            return f"python:{target.python_text}-slim-{name}"
    raise InputError(str(target), "needs a newer C library than any known base image has", hint=_NAME_IT)


def pinned_reference(named: str, locked: BaseImage | None, lookups: Mapping[str, Lookup]) -> str:
    """Return *named*, ``[image:|registry:]REFERENCE``, with the digest of the first of *lookups*, by its kind.

    Without a digest, it is the tag, with a warning. An image with other layers than the *locked* ones does not count.
    Raises InputError.
    """
    kind, colon, name = named.partition(":")
    text, kinds = (name, (kind,)) if colon and kind in _KINDS else (named, _KINDS)
    if _DIGEST.fullmatch(_parsed(text).version):
        return text
    reasons: list[str] = []
    for each in kinds:
        if each not in lookups:
            reasons.append(f"--offline contacts no {each}")
            continue
        found = _answer(lookups[each], text, reasons)
        if found is not None and (reason := _unusable(found, locked)) is None:
            return f"{text}@{found.digest}"
        reasons += [reason] if found is not None and reason is not None else []
    warn(f"FROM {text} has a tag, which may move, instead of a digest: {'; '.join(reasons)}")
    return text


def image_lookups(platform: str, *, offline: bool) -> dict[str, Lookup]:
    """Return the lookups for an image, by kind: the engine of this machine, and a registry."""
    return {"image": _of_engine, **({} if offline else {"registry": lambda text: _of_registry(text, platform)})}


def is_reference(text: str) -> bool:
    """Say whether *text* is a reference for FROM and Compose: without a scheme, and not an option."""
    try:
        return "://" not in text and not text.startswith("-") and bool(parse_reference(text))
    except InputError:
        return False


def _parsed(text: str) -> Reference:
    if not is_reference(text):
        raise InputError(repr(text), "is not a reference for FROM", hint=_NAME_IT)
    return parse_reference(text)


def _answer(lookup: Lookup, text: str, reasons: list[str]) -> FoundImage | None:
    """Return the image of *lookup*; without one, return None and add why to *reasons*."""
    try:
        return lookup(text)
    except LockmlError as error:
        reasons.append(str(error))
        return None


def _unusable(found: FoundImage, locked: BaseImage | None) -> str | None:
    if locked is not None and found.layers[: len(locked.layers)] != locked.layers:
        return f"{found.source} has another image than that of the lock"
    if found.digest is None or _DIGEST.fullmatch(found.digest) is None:
        return f"{found.source} has no digest of it: it was built there and never pushed"
    return None


def _of_engine(text: str) -> FoundImage:
    from lockml.subjects.open import engine_of_environment

    facts = engine_of_environment().image(text)
    return FoundImage(
        source="the engine", digest=repository_digest(text, facts.repo_digests or ()), layers=facts.layers
    )


def repository_digest(text: str, digests: Iterable[str]) -> str | None:
    """Return the one of *digests*, ``NAME@sha256:…``, in the repository of the reference *text*."""
    wanted = parse_reference(text)
    for each in digests:
        name, _, digest = each.partition("@")
        try:
            found = parse_reference(name)
        except InputError:
            continue
        if (found.registry, found.name) == (wanted.registry, wanted.name):
            return digest
    return None


def _of_registry(text: str, platform: str) -> FoundImage:
    with Registry(parse_reference(text)) as registry:
        try:
            image, digest = registry.image((platform,))
        except UnreadableError as error:
            raise UnreachableError(f"image {text}: {error.path}", error.reason) from error
    return FoundImage(source="the registry", digest=digest, layers=image.diff_ids)
