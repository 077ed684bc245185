"""Explains why nothing fits: which requirements conflict, with file:line and chains."""

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.display import escape
from lockml.common.errors import NoResolutionError
from lockml.common.references import Reference
from lockml.index.model import Project
from lockml.requirements.model import Origin
from lockml.resolution.candidates.finder import CandidateFinder
from lockml.resolution.candidates.rejections import Rejection
from lockml.resolution.provider import Candidate, Identifier, Information, LockProvider, SearchRequirement

__all__ = ["Bounds", "ConflictError", "explain"]

_SHOWN = 5
_DEPTH = 4
_ALIKE = 0.8  # of 1, so that 2.320 is like 2.32.0


class Bounds(Struct, frozen=True, kw_only=True):
    """What is asked of a project: of each of *asked*, one must admit a version, with *one_does* of one of them."""

    asked: Sequence[Sequence[SpecifierSet]]
    constraints: Sequence[SpecifierSet]
    one_does: bool = False

    def admit(self, version: Version) -> bool:
        """Say whether *version* is within them."""
        met = (any(bound.contains(version, prereleases=True) for bound in each) for each in self.asked)
        constrained = all(bound.contains(version, prereleases=True) for bound in self.constraints)
        return constrained and (any(met) if self.one_does else all(met))


class ConflictError(NoResolutionError):
    """No pins satisfy the requirements.

    By project, *rejected* are the releases within the bounds that clash, *bounds* those that are shown; *origins*
    are those of the user's lines that are shown, though perhaps not all that take part in it.
    """

    def __init__(
        self,
        explanation: str,
        rejected: Mapping[NormalizedName, Mapping[Version, Rejection]],
        bounds: Mapping[NormalizedName, Bounds],
        origins: Collection[Origin] = (),
    ) -> None:
        super().__init__(explanation)
        self.rejected = rejected
        self.bounds = bounds
        self.origins = origins


def explain(
    causes: Sequence[Information],
    finder: CandidateFinder,
    provider: LockProvider,
    roots: Sequence[SearchRequirement],
) -> ConflictError:
    """Return the error that says which requirements on which projects cannot hold together, and who has them."""
    builder = _ExplanationBuilder(finder, provider, roots)
    by_project: dict[NormalizedName, list[Dependent]] = {}
    for cause in causes:
        name, dependents = _line(cause, provider, roots)
        by_project.setdefault(name, []).extend(dependents)
    target = finder.problem.target
    label = f" (target {target.name})" if target.name else ""
    lines = [f"nothing satisfies all requirements for {target}{label}"]
    for name in sorted(by_project):
        possible = [each for each in dict.fromkeys(by_project[name]) if each[0].impossible is None]
        lines += builder.section(name, possible, depth=0)
    return ConflictError("\n".join(map(escape, lines)), builder.rejected, builder.bounds, builder.origins)


Dependent = tuple[SearchRequirement, Candidate | None]
"""A requirement, and the candidate that has it: None for the user's own."""


def _line(
    cause: Information, provider: LockProvider, roots: Sequence[SearchRequirement]
) -> tuple[NormalizedName, list[Dependent]]:
    """Return the project at which *cause* is shown, and who requires what of it.

    What cannot be met at all, as an address that no line names, is shown at the project that asks for it.
    """
    requirement, parent = cause.requirement, cause.parent
    if requirement.impossible is None or parent is None or parent.release.name == requirement.identifier[0]:
        return requirement.identifier[0], [(requirement, parent)]
    name = parent.release.name
    asked: list[Dependent] = [(root, None) for root in roots if root.identifier[0] == name]
    for candidate, requirements in provider.dependencies.items():
        asked += [(each, candidate) for each in requirements if each.identifier[0] == name]
    return name, asked


class _ExplanationBuilder:
    """Explains one project after the other; *bounds* are those of each, *rejected* what was within.

    *origins* collects the places of the user's lines that come up.
    """

    def __init__(self, finder: CandidateFinder, provider: LockProvider, roots: Sequence[SearchRequirement]) -> None:
        self._finder = finder
        self._problem = finder.problem
        self._provider = provider
        self._roots = roots
        self._explained: set[NormalizedName] = set()
        self._asking = _index_dependents(provider)
        self._read = _index_candidates(provider)
        self._leading: dict[NormalizedName, set[Identifier]] = {}
        self.origins: set[Origin] = set()
        self.rejected: dict[NormalizedName, Mapping[Version, Rejection]] = {}
        self.bounds: dict[NormalizedName, Bounds] = {}

    def section(self, name: NormalizedName, dependents: Sequence[Dependent], *, depth: int) -> Iterator[str]:
        """Yield who requires what of *name*, what there is, and why what is within the bounds cannot be used.

        Further down, at a *depth*, the bounds are those of several releases, of which one would have to be met.
        """
        self._explained.add(name)
        dependents = dependents if depth else self._without_own(name, dependents)
        yield f"  {name}: no release satisfies"
        yield from self._requirement_lines(name, dependents)
        constraints = [constraint.specifier for constraint in self._problem.constraints.get(name, ())]
        bounds = Bounds(asked=_alternatives(dependents), constraints=constraints, one_does=depth > 0)
        self.bounds[name] = bounds
        within = {
            version: rejection
            for version, rejection in sorted(self._finder.rejected_releases(name).items(), reverse=True)
            if bounds.admit(version)
        }
        if name not in self._problem.references and not depth:
            within |= self._circular(name, bounds, within)
        self.rejected[name] = within
        yield from self._availability_lines(name, within)
        if depth < _DEPTH:
            for required, fatal in self._fatal(name, within).items():
                if required not in self._explained:
                    yield from self.section(required, fatal, depth=depth + 1)

    def _requirement_lines(self, name: NormalizedName, dependents: Sequence[Dependent]) -> Iterator[str]:
        own: dict[str, None] = {}
        by_dependent: dict[tuple[str, str], list[tuple[Version, SearchRequirement]]] = {}
        for requirement, parent in dependents:
            if parent is None:
                kind = "override, " if requirement.override else ""
                self._note_origin(requirement)
                own[f"    {requirement}  ({kind}{requirement.origin})"] = None
            elif parent.release.name != name:
                _, *rest = self._chain(parent)
                chain = "".join(f" <- {link}" for link in rest)
                override = f"override, {requirement.origin}, in place of what is " if requirement.override else ""
                label = str(parent).rpartition(" ")[0]
                key = (f"{override}needed by {label}", chain)
                by_dependent.setdefault(key, []).append((parent.release.version, requirement))
        yield from sorted(own)
        yield from sorted(
            line
            for (label, chain), requirements in by_dependent.items()
            for line in _dependent_lines(label, chain, requirements)
        )
        for constraint in self._problem.constraints.get(name, ()):
            self.origins.add(constraint.origin)
            yield f"    {constraint}  (constraint, {constraint.origin})"

    def _without_own(self, name: NormalizedName, dependents: Sequence[Dependent]) -> Sequence[Dependent]:
        """Return what of *dependents* no release of *name* itself brings about, if that is anything.

        What a release requires of its own project, in the end, is the reason against that release alone.
        """
        others = [
            (requirement, parent)
            for requirement, parent in dependents
            if parent is None or all(link.release.name != name for link in self._shortest_chain(parent)[0])
        ]
        return others or dependents

    def _chain(self, candidate: Candidate) -> list[str]:
        """Return who needs *candidate*, itself first, the user's own requirement last: a shortest such chain."""
        links, root = self._shortest_chain(candidate)
        if root is not None:
            self._note_origin(root)
        return [*map(str, links), *([f"{root} ({root.origin})"] if root is not None else [])]

    def _note_origin(self, requirement: SearchRequirement) -> None:
        if requirement.origin is not None:
            self.origins.add(requirement.origin)

    def _shortest_chain(self, candidate: Candidate) -> tuple[list[Candidate], SearchRequirement | None]:
        """Return a shortest chain of candidates that lead to *candidate*, itself first, and the user's requirement."""
        queue = deque([[candidate]])
        seen = {candidate}
        while queue:
            chain = queue.popleft()
            for root in self._roots:
                if _meets(chain[-1], root):
                    return chain, root
            for requirement, parent in self._asking.get(chain[-1].identifier, ()):
                if parent not in seen and _meets(chain[-1], requirement):
                    seen.add(parent)
                    queue.append([*chain, parent])
        return [candidate], None

    def _availability_lines(self, name: NormalizedName, within: Mapping[Version, Rejection]) -> Iterator[str]:
        """Yield what there is: releases within the bounds with the reason against them, else what the index has."""
        references = sorted(self._problem.references.get(name, ()), key=str)
        provided = self._problem.policy.provided.releases.get(name)
        if provided is not None:
            yield f"    the base image has {provided}"
        if name in self._problem.policy.provided.fixed:
            return
        if references:
            yield from (f"    {_describe_reference(reference, self._finder)}" for reference in references)
        elif name in self._finder.rejections.unknown_projects:
            yield "    no index has a project with this name"
        elif within:
            yield "    releases within these bounds that cannot be used:"
            yield from _rejection_lines(name, within)
        else:
            project = self._problem.index.project(name)
            if project is not None:
                releases = _describe_releases(list(project.releases)) + _describe_near(self.bounds[name], project)
                yield f"    {project.index_url or 'the index'} has {releases}"
                skipped = project.skipped if not project.releases else ()
                yield from (f"      {filename} cannot be used: {reason}" for filename, reason in skipped[:_SHOWN])

    def _circular(
        self, name: NormalizedName, bounds: Bounds, within: Mapping[Version, Rejection]
    ) -> dict[Version, Rejection]:
        """Return the releases within *bounds* that need, in the end, another version of themselves."""
        circular: dict[Version, Rejection] = {}
        for candidate in self._provider.dependencies:
            version = candidate.release.version
            if candidate.release.name != name or version in within or candidate.extra is not None:
                continue
            chain = self._chain_back(candidate) if bounds.admit(version) else None
            if chain is not None:
                circular[version] = Rejection(kind="other", reason=f"it needs {', which needs '.join(chain)}")
        return circular

    def _chain_back(self, candidate: Candidate) -> list[str] | None:
        """Return the chain from what *candidate* needs to a requirement that its own version does not meet."""
        leading = self._leading_to(candidate.release.name)
        queue: deque[tuple[Candidate, tuple[Candidate, ...]]] = deque([(candidate, ())])
        seen = {candidate}
        while queue:
            dependent, chain = queue.popleft()
            for requirement in self._provider.dependencies.get(dependent, ()):
                own = requirement.identifier[0] == candidate.release.name
                if own and not requirement.bound.admits(candidate.release.version):
                    return [*map(str, chain), str(requirement)]
                goes_on = not own and requirement.identifier in leading
                for other in self._read.get(requirement.identifier, ()) if goes_on else ():
                    if other not in seen and _meets(other, requirement):
                        seen.add(other)
                        queue.append((other, (*chain, other)))
        return None

    def _leading_to(self, name: NormalizedName) -> set[Identifier]:
        """Return of what any release that was looked at needs *name* in the end, whatever the bounds."""
        leading = self._leading.get(name)
        if leading is None:
            waiting = [identifier for identifier in self._asking if identifier[0] == name]
            leading = self._leading[name] = set()
            while waiting:
                for _, parent in self._asking.get(waiting.pop(), ()):
                    if parent.identifier not in leading:
                        leading.add(parent.identifier)
                        waiting.append(parent.identifier)
        return leading

    def _fatal(
        self, name: NormalizedName, within: Mapping[Version, Rejection]
    ) -> dict[NormalizedName, list[Dependent]]:
        """Return what releases of *name* need and nothing satisfies, by project, with those releases."""
        by_project: dict[NormalizedName, list[Dependent]] = {}
        for candidate, requirement in self._provider.fatal.items():
            version = candidate.release.version
            if candidate.release.name == name and version in within and within[version].kind == "dependency":
                by_project.setdefault(requirement.identifier[0], []).append((requirement, candidate))
        return by_project


def _index_dependents(provider: LockProvider) -> dict[Identifier, list[tuple[SearchRequirement, Candidate]]]:
    """Return who requires what, by what is required."""
    asking: dict[Identifier, list[tuple[SearchRequirement, Candidate]]] = {}
    for candidate, requirements in provider.dependencies.items():
        for requirement in requirements:
            asking.setdefault(requirement.identifier, []).append((requirement, candidate))
    return asking


def _index_candidates(provider: LockProvider) -> dict[Identifier, list[Candidate]]:
    """Return the candidates that were looked at, by what they are."""
    read: dict[Identifier, list[Candidate]] = {}
    for candidate in provider.dependencies:
        read.setdefault(candidate.identifier, []).append(candidate)
    return read


def _alternatives(dependents: Sequence[Dependent]) -> list[list[SpecifierSet]]:
    """Return the bounds of *dependents*: what each of several releases of a project asks for is an alternative."""
    own = [
        [requirement.specifier] for requirement, parent in dependents if parent is None and not requirement.reference
    ]
    by_project: dict[NormalizedName, dict[Version, SpecifierSet]] = {}
    for requirement, parent in dependents:
        if parent is not None and requirement.reference is None:
            by_release = by_project.setdefault(parent.release.name, {})
            bound = by_release.get(parent.release.version, SpecifierSet())
            by_release[parent.release.version] = bound & requirement.specifier
    return [*own, *(list(by_release.values()) for by_release in by_project.values())]


def _dependent_lines(
    label: str, chain: str, requirements: Sequence[tuple[Version, SearchRequirement]]
) -> Iterator[str]:
    """Yield the lines of what releases of one project need; more than a few that differ only in numbers are one."""
    by_text: dict[str, list[Version]] = {}
    for version, requirement in sorted(requirements, key=lambda item: item[0], reverse=True):
        by_text.setdefault(str(requirement), []).append(version)
    name = label.rpartition(" ")[2]
    before = label.removesuffix(name)
    if len(by_text) > _SHOWN:
        newest = next(iter(by_text))
        all_versions = [version for versions in by_text.values() for version in versions]
        yield f"    {newest} or the like  ({before}{_format_versions(name, all_versions)}{chain})"
        return
    for text, versions in by_text.items():
        yield f"    {text}  ({before}{_format_versions(name, versions)}{chain})"


def _rejection_lines(name: NormalizedName, within: Mapping[Version, Rejection]) -> Iterator[str]:
    """Yield the reasons, the newest release first, each once with the releases that it is against."""
    by_reason: dict[str, dict[Version, Rejection]] = {}
    for version, rejection in within.items():
        by_reason.setdefault(rejection.reason, {})[version] = rejection
    for reason, rejections in list(by_reason.items())[:_SHOWN]:
        details = [rejection.detail for rejection in rejections.values()]
        detail = f"; {details[0]}" if details[0] else ""
        if details[0] and len(set(details)) > 1:
            detail = f"; of {max(rejections)}, {details[0]}"
        yield f"      {_format_versions(name, list(rejections))}: {reason}{detail}"
    left = sum(len(rejections) for rejections in list(by_reason.values())[_SHOWN:])
    if left:
        yield f"      and {left} more"


def _format_versions(name: str, versions: Sequence[Version]) -> str:
    """Return the versions in short: ``1.0``, ``1.0 and 2.0``, ``1.0 to 3.0 (7 releases)``."""
    ordered = sorted(set(versions))
    if len(ordered) <= 2:
        return f"{name} {' and '.join(map(str, ordered))}"
    return f"{name} {ordered[0]} to {ordered[-1]} ({len(ordered)} releases)"


def _meets(candidate: Candidate, requirement: SearchRequirement) -> bool:
    return requirement.identifier == candidate.identifier and requirement.bound.admits(candidate.release.version)


def _describe_reference(reference: Reference, finder: CandidateFinder) -> str:
    rejection = finder.rejections.references.get(reference)
    if rejection is not None:
        return f"{reference} cannot be used: {rejection}"
    metadata = finder.problem.index.direct(reference).metadata
    return f"{reference} holds {metadata.name} {metadata.version}"


def _describe_near(bounds: Bounds, project: Project) -> str:
    """Return which releases are spelt nearly as the one that is pinned and that there is not, "" for none."""
    own = [bound for alternatives in bounds.asked if len(alternatives) == 1 for bound in alternatives]
    pinned = {clause.version for bound in own for clause in bound if clause.operator == "=="}
    texts = {str(version) for version in project.versions}
    if len(pinned) != 1 or "*" in (text := pinned.pop()) or not texts or Version(text) in project.releases:
        return ""
    import difflib  # for a refusal alone

    near = difflib.get_close_matches(text, sorted(texts, key=Version, reverse=True), n=2, cutoff=_ALIKE)
    return f", and no {text}; near it: {' and '.join(near)}" if near else f", and no {text}"


def _describe_releases(versions: Sequence[Version]) -> str:
    """Return what releases there are: each of a few, else the stable ones from the first to the last."""
    if not versions:
        return "no releases"
    if len(versions) == 1:
        return f"one release, {versions[0]}"
    if len(versions) <= _SHOWN:
        return f"{len(versions)} releases: {', '.join(map(str, sorted(versions)))}"
    stable = [version for version in versions if not version.is_prerelease] or list(versions)
    return f"{len(versions)} releases, from {min(stable)} to {max(stable)}"
