"""What was asked in, the same with a project name on every requirement out: what only its source tells is opened.

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
from lockml.resolution.dependencies import reference_of

__all__ = ["with_names"]


def with_names(asked: RequirementSet, index: Index) -> RequirementSet:
    """Return *asked* with every requirement named; raises RequirementError with each that cannot be opened."""
    named: list[Requirement] = []
    faults: list[tuple[str, str]] = []
    projects = list(asked.projects)
    for each in asked.unnamed:
        try:
            named.append(each.named(index.direct(each.reference).metadata.name))
        except MetadataError as error:
            faults.append((str(each.origin), f"{each.reference} cannot be used: {error}"))
        except PackageIndexError as error:
            raise error.at(str(each.origin)) from error
    for project in asked.dynamic:
        try:
            named += _dynamic(project, index)
            projects.append(index.direct(FolderReference(path=project.folder)).metadata.name)
        except MetadataError as error:
            faults.append((project.file, f"its dependencies cannot be told: {error}"))
    if faults:
        raise RequirementError(tuple(faults))
    return replace(asked, requirements=(*asked.requirements, *named), unnamed=(), dynamic=(), projects=tuple(projects))


def _dynamic(project: DynamicProject, index: Index) -> Iterator[Requirement]:
    """Yield what *project* needs by itself and for each of its extras."""
    metadata = index.direct(FolderReference(path=project.folder)).metadata
    unknown = sorted(set(project.extras) - metadata.provides_extra)
    if unknown:
        known = ", ".join(sorted(metadata.provides_extra)) or "none"
        raise InputError(project.file, f"has no extra {unknown[0]!r}", hint=f"its extras: {known}")
    for needed in metadata.requires_dist:
        for extra in ("", *project.extras) if "extra" in needed.marker else ("",):
            yield Requirement(
                name=needed.name,
                extras=needed.extras,
                specifier=SpecifierSet(needed.specifier),
                marker=Marker(needed.marker) if needed.marker else None,
                origin=Origin(file=project.file),
                reference=_reference(needed.url) if needed.url else None,
                extra=extra,
            )


def _reference(url: str) -> Reference:
    reference = reference_of(url)
    if reference is None:
        raise MetadataError(f"it needs {url!r}, which is no reference that lockml knows")
    return reference
