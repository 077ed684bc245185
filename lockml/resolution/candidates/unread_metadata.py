"""Describes the metadata of chosen releases that cannot be read and does not count."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from lockml.index.model import CoreMetadata

__all__ = ["describe_unread"]

_SHOWN: Final = 3


def describe_unread(read: Mapping[str, CoreMetadata]) -> Iterator[str]:
    """Yield a sentence for each release of *read* with something unreadable, one with a count for many of a kind."""
    pythons = {release: each.unread_python for release, each in read.items() if each.unread_python}
    faults = {release: each.unread_dist[0].fault for release, each in read.items() if each.unread_dist}
    if len(pythons) <= _SHOWN:
        for release, text in pythons.items():
            yield f"{release} has the Requires-Python {text!r}, which cannot be read and does not count, as in pip"
    else:
        shown = _some((f"{release} ({text!r})" for release, text in pythons.items()), len(pythons))
        unread = "have a Requires-Python that cannot be read and does not count, as in pip"
        yield f"{len(pythons)} releases {unread}: {shown}"
    if len(faults) <= _SHOWN:
        for release, fault in faults.items():
            yield f"{release} is locked, as nothing needs the part of its metadata that cannot be read: {fault}"
    else:
        shown = _some((f"{release} ({fault})" for release, fault in faults.items()), len(faults))
        unneeded = "nothing needs the part of their metadata that cannot be read"
        yield f"{len(faults)} releases are locked, as {unneeded}: {shown}"


def _some(texts: Iterable[str], count: int) -> str:
    """Return the first few of *texts*, which are *count*, and how many more there are."""
    return f"{', '.join(islice(texts, _SHOWN))} and {count - _SHOWN} more"
