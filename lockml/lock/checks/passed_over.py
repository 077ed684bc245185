"""The newer release that was passed over for a pin, and the reason.

The lock records it, so that requirements.txt shows it as long as the pin stays.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from packaging.pylock import Package
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.lock.model import Lock
from lockml.resolution.model import Resolution

__all__ = ["PinKey", "newer_of", "older_pins", "with_newer"]

PinKey = tuple[NormalizedName, Version]
_KEY: Final = "passed-over"


def older_pins(
    resolutions: Sequence[Resolution], existing: Lock | None, upgraded: Collection[NormalizedName]
) -> Mapping[PinKey, str]:
    """Return by pin of *resolutions* the newer release that was passed over, with the reason, as ``1.3: REASON``.

    For a pin of the *existing* lock that is not *upgraded*, no newer one was looked for: the record of the lock stays.
    """
    pinned = {(pin.name, pin.version) for resolution in resolutions for pin in resolution.pins}
    bounded = {line.name for resolution in resolutions for line in resolution.requirements if line.specifier}
    found: dict[PinKey, str] = {}
    for package in existing.pylock.packages if existing is not None else ():
        said = newer_of(package)
        if said and package.version is not None and package.name not in upgraded and package.name not in bounded:
            found[package.name, package.version] = said
    for resolution in resolutions:
        for each in resolution.passed_over:
            if not each.unfit:
                found[each.name, each.chosen] = f"{each.newer}: {each.reason}"
    return {pin: said for pin, said in found.items() if pin in pinned}


def newer_of(package: Package) -> str:
    """Return the newer release that was passed over for *package*, as ``1.3: REASON``; "" for none."""
    facts = (package.tool or {}).get("lockml", {})
    said = facts.get(_KEY) if isinstance(facts, Mapping) else None
    return said if isinstance(said, str) else ""


def with_newer(package: Package, said: str) -> Package:
    """Return *package* with a record of the newer release that was passed over."""
    tool = dict(package.tool or {})
    return replace(package, tool={**tool, "lockml": {**tool.get("lockml", {}), _KEY: said}})
