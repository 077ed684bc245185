"""Resolutions in, the same with a hash for every file out: what the index has no hash of is downloaded and hashed."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from lockml.index.model import DistributionFile
from lockml.index.protocol import Index
from lockml.resolution.model import Pin, Resolution

__all__ = ["with_hashes"]


def with_hashes(resolutions: Sequence[Resolution], index: Index) -> tuple[Resolution, ...]:
    """Return *resolutions* in which every file has a hash that installers accept; raises PackageIndexError."""
    files = [file for resolution in resolutions for pin in resolution.pins for file in pin.files]
    unhashed = {file.filename: file.entry for file in files if not file.entry.hashed}
    if not unhashed:
        return tuple(resolutions)
    found = index.digests(tuple(unhashed.values()))
    return tuple(
        replace(resolution, pins=tuple(_with_hashes(pin, found) for pin in resolution.pins))
        for resolution in resolutions
    )


def _with_hashes(pin: Pin, found: Mapping[str, tuple[str, int]]) -> Pin:
    return replace(pin, files=tuple(_hashed(file, found) for file in pin.files))


def _hashed(file: DistributionFile, found: Mapping[str, tuple[str, int]]) -> DistributionFile:
    if file.filename not in found or file.entry.hashed:
        return file
    digest, size = found[file.filename]
    return replace(file, entry=replace(file.entry, hashes={**file.entry.hashes, "sha256": digest}, size=size))
