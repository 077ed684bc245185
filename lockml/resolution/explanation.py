"""Why nothing fits: the requirements that conflict in, sentences with file:line and chains out."""

from collections.abc import Iterator, Mapping, Sequence

from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.display import escape
from lockml.references import Reference
from lockml.resolution.choices import Choices
from lockml.resolution.provider import Ask, Candidate, Information

__all__ = ["explain"]

_SHOWN = 5


def explain(
    causes: Sequence[Information], choices: Choices, edges: Mapping[Candidate, tuple[Ask, ...]], roots: Sequence[Ask]
) -> str:
    """Return the text that tells which requirements on which projects cannot hold together, and who asks for them."""
    by_project: dict[NormalizedName, list[Information]] = {}
    for cause in causes:
        by_project.setdefault(cause.requirement.identifier[0], []).append(cause)
    lines = [f"nothing satisfies all requirements for {choices.target}"]
    for name in sorted(by_project):
        asks = [cause for cause in by_project[name] if cause.requirement.impossible is None]
        lines += _asked(name, asks, choices, edges, roots)
        lines += _offered(name, [cause.requirement for cause in asks], choices)
    return escape_lines(lines)


def escape_lines(lines: Sequence[str]) -> str:
    """Join *lines*, each safe to show."""
    return "\n".join(escape(line) for line in lines)


def _asked(
    name: NormalizedName,
    causes: Sequence[Information],
    choices: Choices,
    edges: Mapping[Candidate, tuple[Ask, ...]],
    roots: Sequence[Ask],
) -> Iterator[str]:
    yield f"  {name}: no release satisfies"
    told: list[str] = []
    needing: dict[tuple[str, NormalizedName, str], list[Version]] = {}
    for cause in causes:
        if cause.parent is None:
            told.append(f"    {cause.requirement}  ({cause.requirement.origin})")
        elif cause.parent.release.name != name:
            _, *rest = _chain(cause.parent, edges, roots)
            key = (str(cause.requirement), cause.parent.release.name, "".join(f" <- {link}" for link in rest))
            needing.setdefault(key, []).append(cause.parent.release.version)
    for (requirement, parent, chain), versions in needing.items():
        told.append(f"    {requirement}  (needed by {parent} {_span_of(versions)}{chain})")
    told += [f"    {constraint}  (constraint, {constraint.origin})" for constraint in choices.constraints.get(name, ())]
    yield from sorted(set(told))


def _span_of(versions: Sequence[Version]) -> str:
    """Return the versions in short: ``1.0``, ``1.0 and 2.0``, ``1.0 to 3.0 (7 releases)``."""
    ordered = sorted(set(versions))
    if len(ordered) <= 2:
        return " and ".join(map(str, ordered))
    return f"{ordered[0]} to {ordered[-1]} ({len(ordered)} releases)"


def _chain(candidate: Candidate, edges: Mapping[Candidate, tuple[Ask, ...]], roots: Sequence[Ask]) -> list[str]:
    """Return who needs *candidate*, itself first, the user's own requirement last: a shortest such chain."""
    queue: list[list[Candidate]] = [[candidate]]
    seen = {candidate}
    while queue:
        chain = queue.pop(0)
        for root in roots:
            if _meets(chain[-1], root):
                return [*(str(link) for link in chain), f"{root} ({root.origin})"]
        for parent, asks in edges.items():
            if parent not in seen and any(_meets(chain[-1], ask) for ask in asks):
                seen.add(parent)
                queue.append([*chain, parent])
    return [str(candidate)]


def _meets(candidate: Candidate, ask: Ask) -> bool:
    return ask.identifier == candidate.identifier and ask.specifier.contains(
        candidate.release.version, prereleases=True
    )


def _offered(name: NormalizedName, asks: Sequence[Ask], choices: Choices) -> Iterator[str]:
    """Tell what the index offers: releases within the bounds with the reason against each, else what there is."""
    references = sorted(choices.referenced.get(name, ()), key=str)
    if references:
        yield from (f"    {_held(reference, choices)}" for reference in references)
        return
    if name in choices.unknown:
        yield "    no index has a project of this name"
        return
    rejected = choices.rejected.get(name, {})
    bounds = [ask.specifier for ask in asks] + [c.specifier for c in choices.constraints.get(name, ())]
    within = sorted((v for v in rejected if all(b.contains(v, prereleases=True) for b in bounds)), reverse=True)
    if within:
        yield "    releases within these bounds that cannot be used:"
        yield from (f"      {name} {version}: {rejected[version]}" for version in within[:_SHOWN])
        if len(within) > _SHOWN:
            yield f"      and {len(within) - _SHOWN} more"
        return
    project = choices.index.project(name)
    if project is not None:
        yield f"    the index has {_span(list(project.releases))}"
        skipped = project.skipped if not project.releases else ()
        yield from (f"      {filename} cannot be used: {reason}" for filename, reason in skipped[:_SHOWN])


def _held(reference: Reference, choices: Choices) -> str:
    if reference in choices.refused:
        return f"{reference} cannot be used: {choices.refused[reference]}"
    metadata = choices.index.direct(reference).metadata
    return f"{reference} holds {metadata.name} {metadata.version}"


def _span(versions: Sequence[Version]) -> str:
    stable = [version for version in versions if not version.is_prerelease] or list(versions)
    if not stable:
        return "no releases"
    if len(versions) == 1:
        return f"one release, {versions[0]}"
    return f"{len(versions)} releases, from {min(stable)} to {max(stable)}"
