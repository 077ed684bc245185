"""Adds the projects that the user's image builds to an index, which is never asked for them."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace
from packaging.utils import NormalizedName, canonicalize_name

from lockml.common.display import redact
from lockml.common.errors import RequirementError
from lockml.common.progress import Progress, silent
from lockml.common.references import ArchiveReference, Reference, parse_pep508
from lockml.common.target import Target
from lockml.direct.index import SourceIndex
from lockml.index.built import Built
from lockml.index.distributions.metadata import parse_metadata
from lockml.index.model import (
    DirectSource,
    DistributionFile,
    DynamicMetadataError,
    Elsewhere,
    FileEntry,
    MetadataError,
    Project,
)
from lockml.index.protocol import ForwardingIndex
from lockml.requirements.model import Origin, Requirement, RequirementSet, normalize_extras
from lockml.resolution.candidates.missing_hashes import add_missing_hashes
from lockml.resolution.model import Policy, Preferences, Resolution
from lockml.resolution.multi_target import resolve_targets

__all__ = ["BuiltIndex", "resolve_builds"]


class BuiltIndex(ForwardingIndex):
    """The *sources*, with the projects of *built*; *recorded* has what a recorded build of each said that it needs.

    No index is asked for such a project: anyone who takes its name there has no part in it.
    """

    def __init__(
        self, sources: SourceIndex, built: Sequence[Built], recorded: Mapping[NormalizedName, Sequence[str]]
    ) -> None:
        super().__init__(sources)
        self._sources = sources
        self._built: dict[Reference, Built] = {each.reference: each for each in built}
        self._names = frozenset(each.name for each in built)
        self._recorded = recorded

    def prefetch_projects(self, names: Iterable[NormalizedName], then: Callable[[Project], None] | None = None) -> None:
        """Begin to fetch the pages of *names* that the image does not build."""
        self._index.prefetch_projects([name for name in names if name not in self._names], then)

    def project(self, name: NormalizedName) -> Project | None:
        """Return the project, or None where no index has it, or where the image builds it."""
        return None if name in self._names else self._index.project(name)

    def elsewhere(self, name: NormalizedName) -> Elsewhere:
        """Return which indexes are asked for an unavailable project; none is for what the image builds."""
        return Elsewhere() if name in self._names else self._index.elsewhere(name)

    def direct(self, reference: Reference) -> DirectSource:
        """Return what *reference* holds; of what is built, what it needs is declared, recorded or in its source."""
        built = self._built.get(reference)
        if built is None:
            return self._sources.direct(reference)
        requires = built.requires if built.requires is not None else self._recorded.get(built.name)
        if requires is not None:
            return _declared(built, requires)
        try:
            source = self._sources.direct(built.reference)
        except DynamicMetadataError as error:
            raise MetadataError(f"{error}, or say what it needs: requires = [...]") from error
        metadata = source.metadata
        found = metadata.version.public if built.version.local else str(metadata.version)
        if found != (built.version.public if built.version.local else str(built.version)):
            raise MetadataError(f"it is version {metadata.version}, and the table says {built.version}")
        return DirectSource(
            reference=reference,
            metadata=replace(metadata, version=built.version),
            file=source.file,
            commit=source.commit,
        )

    @property
    def names(self) -> frozenset[NormalizedName]:
        """What the image builds."""
        return self._names

    def build_requires(self, built: Built) -> tuple[str, ...]:
        """Return what the build of *built* needs: as declared, else as its source states; raises MetadataError."""
        if built.build_requires is not None:
            return built.build_requires
        return self._sources.build_requirements(built.reference)


def resolve_builds(
    built: Sequence[Built],
    index: BuiltIndex,
    preferences: Mapping[Target, Preferences],
    policy: Policy,
    progress: Progress = silent,
) -> tuple[Resolution, ...]:
    """Return what the builds of *built* need together, for each target of *preferences*; () where that is nothing.

    Raises RequirementError for what is no requirement, NoResolutionError, PackageIndexError.
    """
    lines: list[Requirement] = []
    faults: list[tuple[str, str]] = []
    for each in built:
        origin = Origin(file=f"the build of {each.name}")
        try:
            lines += [_build_line(text, origin, index) for text in index.build_requires(each)]
        except MetadataError as error:
            faults.append((str(origin), str(error)))
    if faults:
        raise RequirementError(
            tuple(faults), hint="correct its [[built]] table, or say there what its build needs: build-requires = [...]"
        )
    if not lines:
        return ()
    policy = replace(policy, excludes=frozenset(), as_is=False)
    asked = RequirementSet(requirements=tuple(lines))
    return add_missing_hashes(resolve_targets(asked, preferences, index, policy=policy, progress=progress), index)


def _build_line(text: str, origin: Origin, index: BuiltIndex) -> Requirement:
    try:
        parsed = parse_pep508(text)
    except ValueError as error:
        raise MetadataError(f"{text[:200]!r} is not a requirement (PEP 508)") from error
    name = canonicalize_name(parsed.name)
    if parsed.url is not None:
        raise MetadataError(f"{redact(text)!r} names an address, and builds get what they need from indexes alone")
    if name in index.names:
        raise MetadataError(f"it needs {name}, which the image builds too: build that first, and omit it here")
    return Requirement(
        name=name,
        extras=normalize_extras(parsed.extras),
        specifier=parsed.specifier,
        marker=parsed.marker,
        origin=origin,
    )


def _declared(built: Built, requires: Sequence[str]) -> DirectSource:
    """Return *built* without a look at its source."""
    lines = ["Metadata-Version: 2.2", f"Name: {built.name}", f"Version: {built.version}"]
    text = "".join(f"{line}\n" for line in (*lines, *(f"Requires-Dist: {each}" for each in requires)))
    metadata = parse_metadata(text.encode())
    reference = built.reference
    if not isinstance(reference, ArchiveReference):
        return DirectSource(reference=reference, metadata=metadata, commit=built.source)
    entry = FileEntry(
        filename=reference.filename,
        url=reference.location,
        hashes={"sha256": built.source.removeprefix("sha256:")},
        local=reference.location if reference.local else None,
    )
    file = DistributionFile(entry=entry, project=built.name, version=built.version, kind="sdist", uploaded=None)
    return DirectSource(reference=reference, metadata=metadata, file=file)
