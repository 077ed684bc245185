"""The base image that a lock or a user names in; what FROM has for it, by digest where one is known, out."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

from lockml.cli.common.terminal import warn
from lockml.common.errors import InputError, LockmlError
from lockml.common.target import Target
from lockml.lock.model import BaseImage
from lockml.subjects.oci.registry import Reference, parse_reference

__all__ = ["default_base", "pinned_reference"]

_KINDS: Final = ("image", "registry")
_DEBIAN: Final = (((2, 36), "bookworm"), ((2, 41), "trixie"))  # the C library of each, the oldest first
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_NAME_IT: Final = "name one with --base-image, such as --base-image python:3.11-slim-bookworm"


class _Found(Struct, frozen=True):
    """An image that the engine or a registry has: its *digest* there, None where it has none, and its *layers*."""

    place: str
    digest: str | None
    layers: tuple[str, ...]


def default_base(target: Target) -> str:
    """Return the official Python image that *target* runs on; raises InputError where there is none to choose."""
    libc = target.libc
    if libc is None:
        raise InputError(str(target), "is no target of a container", hint="lock for linux: --platform linux/amd64")
    if libc.family == "musl":
        return f"python:{target.python_text}-alpine"
    for version, name in _DEBIAN:
        if (libc.major, libc.minor) <= version:
            return f"python:{target.python_text}-slim-{name}"
    raise InputError(str(target), "needs a newer C library than any base image that lockml knows", hint=_NAME_IT)


def pinned_reference(named: str, platform: str, locked: BaseImage | None, *, offline: bool) -> str:
    """Return *named*, ``[image:|registry:]REFERENCE``, with its digest where the engine or the registry has one.

    Without a kind the engine is asked first. Where nobody has one, it is the tag, with a warning. An image with other
    layers than those that were *locked* for does not count. Raises InputError.
    """
    kind, colon, name = named.partition(":")
    text, kinds = (name, (kind,)) if colon and kind in _KINDS else (named, _KINDS)
    reference = _parsed(text)
    if _DIGEST.fullmatch(reference.version):
        return text
    reasons: list[str] = []
    for found in _looked_up(text, platform, kinds, reasons, offline=offline):
        if locked is not None and found.layers[: len(locked.layers)] != locked.layers:
            reasons.append(f"{found.place} has another image than the one that was locked for")
        elif found.digest is None:
            reasons.append(f"{found.place} has no digest of it, as it was built here and pushed nowhere")
        else:
            return f"{text}@{found.digest}"
    told = "; ".join(reasons) or "--offline asks no registry"
    warn(f"FROM {text} names a tag, which may move, and no digest: {told}")
    return text


def _parsed(text: str) -> Reference:
    try:
        if "://" in text:
            raise InputError(text, "FROM takes no scheme")
        return parse_reference(text)
    except InputError as error:
        raise InputError(f"--base-image {text!r}", "is not a reference that FROM takes", hint=_NAME_IT) from error


def _looked_up(
    text: str, platform: str, kinds: tuple[str, ...], reasons: list[str], *, offline: bool
) -> Iterator[_Found]:
    """Yield what each that is asked has, and add to *reasons* why one has nothing."""
    ask: dict[str, Callable[[], _Found]] = {
        "image": lambda: _of_engine(text),
        "registry": lambda: _of_registry(text, platform),
    }
    for kind in kinds:
        if kind == "registry" and offline:
            continue
        try:
            yield ask[kind]()
        except LockmlError as error:
            reasons.append(str(error))


def _of_engine(text: str) -> _Found:
    from lockml.subjects.open import engine_of_environment

    engine = engine_of_environment()
    facts = engine.image(text)
    wanted = parse_reference(text)
    for each in facts.repo_digests or ():
        name, _, digest = each.partition("@")
        if _DIGEST.fullmatch(digest) and _same_repository(name, wanted):
            return _Found("the engine", digest, facts.layers)
    return _Found("the engine", None, facts.layers)


def _same_repository(name: str, wanted: Reference) -> bool:
    try:
        found = parse_reference(name)
    except InputError:
        return False
    return (found.registry, found.name) == (wanted.registry, wanted.name)


def _of_registry(text: str, platform: str) -> _Found:
    from lockml.common.errors import UnreachableError
    from lockml.inventory.file_tree import UnreadableError
    from lockml.subjects.oci.registry import Registry

    with Registry(parse_reference(text)) as registry:
        try:
            image, digest = registry.image((platform,))
        except UnreadableError as error:
            raise UnreachableError(f"image {text}: {error.path}", error.reason) from error
    return _Found("the registry", digest, image.diff_ids)
