"""Adds a hash for every file of resolutions: what the index has no hash of is downloaded and hashed."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from lockml.index.model import DistributionFile
from lockml.index.protocol import Index
from lockml.resolution.model import Pin, Resolution

__all__ = ["add_missing_hashes"]


def add_missing_hashes(resolutions: Sequence[Resolution], index: Index) -> tuple[Resolution, ...]:
    """Return *resolutions* in which every file has a hash that installers accept; raises PackageIndexError."""
    files = [file for resolution in resolutions for pin in resolution.pins for file in pin.files]
    unhashed = {file.filename: file.entry for file in files if not file.entry.hashed}
    if not unhashed:
        return tuple(resolutions)
    digests = index.digests(tuple(unhashed.values()))
    return tuple(
        replace(resolution, pins=tuple(_hash_pin(pin, digests) for pin in resolution.pins))
        for resolution in resolutions
    )


def _hash_pin(pin: Pin, digests: Mapping[str, tuple[str, int]]) -> Pin:
    return replace(pin, files=tuple(_hash_file(file, digests) for file in pin.files))


def _hash_file(file: DistributionFile, digests: Mapping[str, tuple[str, int]]) -> DistributionFile:
    if file.filename not in digests or file.entry.hashed:
        return file
    digest, size = digests[file.filename]
    return replace(file, entry=replace(file.entry, hashes={**file.entry.hashes, "sha256": digest}, size=size))
