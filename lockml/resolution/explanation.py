"""Why nothing fits: the requirements that conflict in, sentences with file:line and chains out."""

from collections.abc import Iterator, Mapping, Sequence

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.display import escape
from lockml.common.errors import NoResolutionError
from lockml.common.references import Reference
from lockml.resolution.candidates.finder import Choices
from lockml.resolution.candidates.release import Refusal
from lockml.resolution.provider import Ask, Candidate, Information, LockProvider

__all__ = ["ConflictError", "explain", "span_of"]

_SHOWN = 5
_DEPTH = 4


class ConflictError(NoResolutionError):
    """No pins satisfy the requirements; *refused* are the releases within the bounds that clash, by project."""

    def __init__(self, explanation: str, refused: Mapping[NormalizedName, Mapping[Version, Refusal]]) -> None:
        super().__init__(explanation)
        self.refused = refused


def explain(
    causes: Sequence[Information], choices: Choices, provider: LockProvider, roots: Sequence[Ask]
) -> ConflictError:
    """Return the error that tells which requirements on which projects cannot hold together, and who asks for them."""
    story = _Story(choices, provider, roots)
    by_project: dict[NormalizedName, list[Information]] = {}
    for cause in causes:
        by_project.setdefault(cause.requirement.identifier[0], []).append(cause)
    named = f" (target {choices.target.name})" if choices.target.name else ""
    lines = [f"nothing satisfies all requirements for {choices.target}{named}"]
    for name in sorted(by_project):
        asks = [(cause.requirement, cause.parent) for cause in by_project[name] if cause.requirement.impossible is None]
        lines += story.section(name, asks, depth=0)
    return ConflictError("\n".join(map(escape, lines)), story.refused)


def span_of(name: str, versions: Sequence[Version]) -> str:
    """Return the versions in short: ``1.0``, ``1.0 and 2.0``, ``1.0 to 3.0 (7 releases)``."""
    ordered = sorted(set(versions))
    if len(ordered) <= 2:
        return f"{name} {' and '.join(map(str, ordered))}"
    return f"{name} {ordered[0]} to {ordered[-1]} ({len(ordered)} releases)"


Asked = tuple[Ask, Candidate | None]
"""A requirement, and who has it: None for the user."""


class _Story:
    """Tells of one project after the other; *refused* collects what was within the bounds."""

    def __init__(self, choices: Choices, provider: LockProvider, roots: Sequence[Ask]) -> None:
        self._choices = choices
        self._provider = provider
        self._roots = roots
        self._told: set[NormalizedName] = set()
        self.refused: dict[NormalizedName, Mapping[Version, Refusal]] = {}

    def section(self, name: NormalizedName, asked: Sequence[Asked], *, depth: int) -> Iterator[str]:
        """Yield who asks what of *name*, what there is, and why what is within the bounds cannot be used.

        Further down, at a *depth*, the bounds are those of several releases, of which one would have to be met.
        """
        self._told.add(name)
        asked = self._straight(name, asked) if not depth else asked
        yield f"  {name}: no release satisfies"
        yield from self._asked(name, asked)
        bounds = [ask.specifier for ask, _ in asked if ask.reference is None]
        constraints = [constraint.specifier for constraint in self._choices.constraints.get(name, ())]
        meets = any if depth else all
        within = {
            version: refusal
            for version, refusal in sorted(self._choices.refusals(name).items(), reverse=True)
            if all(bound.contains(version, prereleases=True) for bound in constraints)
            and meets(bound.contains(version, prereleases=True) for bound in bounds)
        }
        if name not in self._choices.referenced and not depth:
            within |= self._circular(name, [*bounds, *constraints], within)
        self.refused[name] = within
        yield from self._offered(name, within)
        if depth < _DEPTH:
            for needed, asks in self._fatal(name, within).items():
                if needed not in self._told:
                    yield from self.section(needed, asks, depth=depth + 1)

    def _asked(self, name: NormalizedName, asked: Sequence[Asked]) -> Iterator[str]:
        own: dict[str, None] = {}
        needing: dict[tuple[str, str], list[tuple[Version, Ask]]] = {}
        for ask, parent in asked:
            if parent is None:
                own[f"    {ask}  ({'override, ' if ask.override else ''}{ask.origin})"] = None
            elif parent.release.name != name:
                _, *rest = self._chain(parent)
                chain = "".join(f" <- {link}" for link in rest)
                place = f"override, {ask.origin}, in place of what is " if ask.override else ""
                label = str(parent).rpartition(" ")[0]
                needing.setdefault((f"{place}needed by {label}", chain), []).append((parent.release.version, ask))
        yield from sorted(own)
        yield from sorted(line for (who, chain), asks in needing.items() for line in _needed(who, chain, asks))
        for constraint in self._choices.constraints.get(name, ()):
            yield f"    {constraint}  (constraint, {constraint.origin})"

    def _straight(self, name: NormalizedName, asked: Sequence[Asked]) -> Sequence[Asked]:
        """Return what of *asked* no release of *name* itself brings about, if that is anything.

        What a release asks of its own project, in the end, is the reason against that release alone.
        """
        straight = [
            (ask, parent)
            for ask, parent in asked
            if parent is None or all(link.release.name != name for link in self._links(parent)[0])
        ]
        return straight or asked

    def _chain(self, candidate: Candidate) -> list[str]:
        """Return who needs *candidate*, itself first, the user's own requirement last: a shortest such chain."""
        links, root = self._links(candidate)
        return [*map(str, links), *([f"{root} ({root.origin})"] if root is not None else [])]

    def _links(self, candidate: Candidate) -> tuple[list[Candidate], Ask | None]:
        """Return a shortest chain of candidates that lead to *candidate*, itself first, and the user's requirement."""
        queue: list[list[Candidate]] = [[candidate]]
        seen = {candidate}
        while queue:
            chain = queue.pop(0)
            for root in self._roots:
                if _meets(chain[-1], root):
                    return chain, root
            for parent, asks in self._provider.edges.items():
                if parent not in seen and any(_meets(chain[-1], ask) for ask in asks):
                    seen.add(parent)
                    queue.append([*chain, parent])
        return [candidate], None

    def _offered(self, name: NormalizedName, within: Mapping[Version, Refusal]) -> Iterator[str]:
        """Tell what there is: releases within the bounds with the reason against them, else what the index has."""
        references = sorted(self._choices.referenced.get(name, ()), key=str)
        if references:
            yield from (f"    {_held(reference, self._choices)}" for reference in references)
        elif name in self._choices.unknown:
            yield "    no index has a project of this name"
        elif within:
            yield "    releases within these bounds that cannot be used:"
            yield from _refusals(name, within)
        else:
            project = self._choices.index.project(name)
            if project is not None:
                yield f"    the index has {_listed(list(project.releases))}"
                skipped = project.skipped if not project.releases else ()
                yield from (f"      {filename} cannot be used: {reason}" for filename, reason in skipped[:_SHOWN])

    def _circular(
        self, name: NormalizedName, bounds: Sequence[SpecifierSet], within: Mapping[Version, Refusal]
    ) -> dict[Version, Refusal]:
        """Return the releases within *bounds* that need, in the end, another version of themselves."""
        found: dict[Version, Refusal] = {}
        for candidate in self._provider.edges:
            version = candidate.release.version
            if candidate.release.name != name or version in within or candidate.extra is not None:
                continue
            path = self._way_back(candidate) if all(b.contains(version, prereleases=True) for b in bounds) else None
            if path is not None:
                *links, asked = path
                found[version] = Refusal(kind="other", reason=f"it needs {', which needs '.join([*links, asked])}")
        return found

    def _way_back(self, candidate: Candidate) -> list[str] | None:
        """Return the chain from what *candidate* needs to an ask that its own version does not meet."""
        queue: list[tuple[Candidate, list[str]]] = [(candidate, [])]
        seen = {candidate}
        while queue:
            here, path = queue.pop(0)
            for ask in self._provider.edges.get(here, ()):
                own = ask.identifier[0] == candidate.release.name
                if own and not ask.specifier.contains(candidate.release.version, prereleases=True):
                    return [*path, str(ask)]
                for other in self._provider.edges:
                    if other not in seen and not own and _meets(other, ask):
                        seen.add(other)
                        queue.append((other, [*path, str(other)]))
        return None

    def _fatal(self, name: NormalizedName, within: Mapping[Version, Refusal]) -> dict[NormalizedName, list[Asked]]:
        """Return what releases of *name* need and nothing satisfies, by project, with those releases."""
        found: dict[NormalizedName, list[Asked]] = {}
        for candidate, ask in self._provider.killing.items():
            version = candidate.release.version
            if candidate.release.name == name and version in within and within[version].kind == "needs":
                found.setdefault(ask.identifier[0], []).append((ask, candidate))
        return found


def _needed(who: str, chain: str, asks: Sequence[tuple[Version, Ask]]) -> Iterator[str]:
    """Yield the lines of what releases of one project need; more than a few that differ only in numbers are one."""
    by_text: dict[str, list[Version]] = {}
    for version, ask in sorted(asks, key=lambda item: item[0], reverse=True):
        by_text.setdefault(str(ask), []).append(version)
    name = who.rpartition(" ")[2]
    before = who.removesuffix(name)
    if len(by_text) > _SHOWN:
        newest = next(iter(by_text))
        versions = [version for many in by_text.values() for version in many]
        yield f"    {newest} or the like  ({before}{span_of(name, versions)}{chain})"
        return
    for text, versions in by_text.items():
        yield f"    {text}  ({before}{span_of(name, versions)}{chain})"


def _refusals(name: NormalizedName, within: Mapping[Version, Refusal]) -> Iterator[str]:
    """Yield the reasons, the newest release first, each once with the releases that it is against."""
    groups: dict[str, dict[Version, Refusal]] = {}
    for version, refusal in within.items():
        groups.setdefault(refusal.reason, {})[version] = refusal
    for reason, refusals in list(groups.items())[:_SHOWN]:
        details = [refusal.detail for refusal in refusals.values()]
        detail = f"; {details[0]}" if details[0] else ""
        if details[0] and len(set(details)) > 1:
            detail = f"; of {max(refusals)}, {details[0]}"
        yield f"      {span_of(name, list(refusals))}: {reason}{detail}"
    left = sum(len(refusals) for refusals in list(groups.values())[_SHOWN:])
    if left:
        yield f"      and {left} more"


def _meets(candidate: Candidate, ask: Ask) -> bool:
    return ask.identifier == candidate.identifier and ask.specifier.contains(
        candidate.release.version, prereleases=True
    )


def _held(reference: Reference, choices: Choices) -> str:
    if reference in choices.refused:
        return f"{reference} cannot be used: {choices.refused[reference]}"
    metadata = choices.index.direct(reference).metadata
    return f"{reference} holds {metadata.name} {metadata.version}"


def _listed(versions: Sequence[Version]) -> str:
    """Return what releases there are: each of a few, else the stable ones from the first to the last."""
    if not versions:
        return "no releases"
    if len(versions) == 1:
        return f"one release, {versions[0]}"
    if len(versions) <= _SHOWN:
        return f"{len(versions)} releases: {', '.join(map(str, sorted(versions)))}"
    stable = [version for version in versions if not version.is_prerelease] or list(versions)
    return f"{len(versions)} releases, from {min(stable)} to {max(stable)}"
