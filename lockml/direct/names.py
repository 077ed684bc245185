"""Names the project of every requirement, and opens the source where only that says it.

Dynamic dependencies of the user's own project (PEP 621 ``dynamic``, setup.py, setup.cfg) come from its build backend.
"""

from collections.abc import Iterator

from msgspec.structs import replace
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet

from lockml.common.errors import InputError, PackageIndexError, RequirementError
from lockml.common.references import FolderReference, Reference
from lockml.index.model import MetadataError
from lockml.index.protocol import Index
from lockml.requirements.model import DynamicProject, Origin, Requirement, RequirementSet
from lockml.resolution.candidates.dependencies import read_reference

__all__ = ["name_requirements"]


def name_requirements(requirement_set: RequirementSet, index: Index) -> RequirementSet:
    """Return *requirement_set* with every requirement named; raises RequirementError with each that cannot be."""
    named: list[Requirement] = []
    faults: list[tuple[str, str]] = []
    projects = list(requirement_set.projects)
    for unnamed in requirement_set.unnamed:
        try:
            named.append(unnamed.named(index.direct(unnamed.reference).metadata.name))
        except MetadataError as error:
            faults.append((str(unnamed.origin), f"{unnamed.reference} cannot be used: {error}"))
        except PackageIndexError as error:
            raise error.at(str(unnamed.origin)) from error
    for project in requirement_set.dynamic:
        try:
            named += _build_requirements(project, index)
            projects.append(index.direct(FolderReference(path=project.folder)).metadata.name)
        except MetadataError as error:
            faults.append((project.file, f"its dependencies cannot be determined: {error}"))
    if faults:
        raise RequirementError(tuple(faults))
    requirements = (*requirement_set.requirements, *named)
    return replace(requirement_set, requirements=requirements, unnamed=(), dynamic=(), projects=tuple(projects))


def _build_requirements(project: DynamicProject, index: Index) -> Iterator[Requirement]:
    """Yield what *project* needs by itself and for each of its extras."""
    metadata = index.direct(FolderReference(path=project.folder)).metadata
    unknown = sorted(set(project.extras) - metadata.provides_extra)
    if unknown:
        available = ", ".join(sorted(metadata.provides_extra)) or "none"
        raise InputError(project.file, f"has no extra {unknown[0]!r}", hint=f"its extras: {available}")
    for dependency in metadata.requires_dist:
        for extra in ("", *project.extras) if "extra" in dependency.marker else ("",):
            yield Requirement(
                name=dependency.name,
                extras=dependency.extras,
                specifier=SpecifierSet(dependency.specifier),
                marker=Marker(dependency.marker) if dependency.marker else None,
                origin=Origin(file=project.file),
                reference=_reference(dependency.url) if dependency.url else None,
                extra=extra,
            )


def _reference(url: str) -> Reference:
    reference = read_reference(url)
    if reference is None:
        raise MetadataError(f"it needs {url!r}, which is not a reference that lockml knows")
    return reference
