"""The user's lines in; every direct reference that they lead to, each opened, out."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from packaging.utils import NormalizedName

from lockml.common.errors import PackageIndexError, RequirementError
from lockml.common.references import Reference
from lockml.common.target import Target
from lockml.index.model import DirectSource, MetadataError
from lockml.index.protocol import Index
from lockml.requirements.model import Requirement
from lockml.resolution.dependencies import needs, reference_of

__all__ = ["open_references"]


def open_references(
    lines: Sequence[Requirement], target: Target, index: Index
) -> Mapping[NormalizedName, frozenset[Reference]]:
    """Return the direct references of *lines*, and those that what they hold needs in turn, by project.

    Raises RequirementError with every line whose reference holds nothing usable, or another project.
    """
    found: dict[NormalizedName, frozenset[Reference]] = {}
    faults: list[tuple[str, str]] = []
    waiting: list[DirectSource] = []
    for line in lines:
        if line.reference is None:
            continue
        found[line.name] = found.get(line.name, frozenset()) | {line.reference}
        try:
            source = index.direct(line.reference)
        except MetadataError as error:
            faults.append((str(line.origin), f"{line.reference} cannot be used: {error}"))
            continue
        except PackageIndexError as error:
            raise error.at(str(line.origin)) from error
        if source.metadata.name != line.name:
            faults.append((str(line.origin), f"{line.reference} holds {source.metadata.name}, not {line.name}"))
        waiting.append(source)
    if faults:
        raise RequirementError(tuple(faults))
    _follow(waiting, found, target, index)
    return found


def _follow(
    waiting: list[DirectSource], found: dict[NormalizedName, frozenset[Reference]], target: Target, index: Index
) -> None:
    """Add to *found* what those *waiting* need, and what that needs in turn."""
    while waiting:
        for name, reference in _needed(waiting.pop(), target):
            if reference not in found.get(name, frozenset()):
                found[name] = found.get(name, frozenset()) | {reference}
                with suppress(MetadataError):  # told as the reason why nothing can be chosen, if it is needed
                    waiting.append(index.direct(reference))


def _needed(source: DirectSource, target: Target) -> Iterator[tuple[NormalizedName, Reference]]:
    """Yield the direct references in what *source* needs on *target*, with whatever extras."""
    for requirement in source.metadata.requires_dist:
        reference = reference_of(requirement.url) if requirement.url else None
        extras = (None, *source.metadata.provides_extra)
        if reference is not None and any(needs(requirement, target, extra) for extra in extras):
            yield requirement.name, reference
