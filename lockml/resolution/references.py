"""Opens every direct reference that the user's lines lead to."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from packaging.utils import NormalizedName

from lockml.common.errors import PackageIndexError, RequirementError
from lockml.common.references import Reference
from lockml.common.target import Target
from lockml.index.model import DirectSource, MetadataError
from lockml.index.protocol import Index
from lockml.requirements.model import Requirement
from lockml.resolution.candidates.dependencies import dependency_applies, read_reference

__all__ = ["open_references"]


def open_references(
    lines: Sequence[Requirement], target: Target, index: Index
) -> Mapping[NormalizedName, frozenset[Reference]]:
    """Return the direct references of *lines*, and those that what they hold needs in turn, by project.

    Raises RequirementError with every line whose reference holds nothing usable, or another project.
    """
    references: dict[NormalizedName, frozenset[Reference]] = {}
    faults: list[tuple[str, str]] = []
    sources: list[DirectSource] = []
    for line in lines:
        if line.reference is None:
            continue
        references[line.name] = references.get(line.name, frozenset()) | {line.reference}
        try:
            source = index.direct(line.reference)
        except MetadataError as error:
            faults.append((str(line.origin), f"{line.reference} cannot be used: {error}"))
            continue
        except PackageIndexError as error:
            raise error.at(str(line.origin)) from error
        if source.metadata.name != line.name:
            faults.append((str(line.origin), f"{line.reference} holds {source.metadata.name}, not {line.name}"))
        sources.append(source)
    if faults:
        raise RequirementError(tuple(faults))
    _follow(sources, references, target, index)
    return references


def _follow(
    sources: list[DirectSource], references: dict[NormalizedName, frozenset[Reference]], target: Target, index: Index
) -> None:
    """Add to *references* what the *sources* need, and what that needs in turn."""
    while sources:
        for name, reference in _required_references(sources.pop(), target):
            if reference not in references.get(name, frozenset()):
                references[name] = references.get(name, frozenset()) | {reference}
                with suppress(MetadataError):  # shown as the reason why nothing can be chosen, if it is needed
                    sources.append(index.direct(reference))


def _required_references(source: DirectSource, target: Target) -> Iterator[tuple[NormalizedName, Reference]]:
    """Yield the direct references in what *source* needs on *target*, with whatever extras."""
    for dependency in source.metadata.requires_dist:
        reference = read_reference(dependency.url) if dependency.url else None
        extras = (None, *source.metadata.provides_extra)
        if reference is not None and any(dependency_applies(dependency, target, extra) for extra in extras):
            yield dependency.name, reference
