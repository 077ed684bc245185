"""The shortest marker (PEP 508) for some of the targets of a lock."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from lockml.common.target import Target

__all__ = ["marker_for", "same_to_markers"]

_PLATFORM = ("sys_platform", "platform_machine")
_IMPLEMENTATION = "implementation_name"


def same_to_markers(one: Target, other: Target) -> bool:
    """Say whether no marker distinguishes the two targets, because only wheels know their difference.

    That is the C library, the oldest macOS, free-threaded CPython, or tags that the user listed.
    """
    return one.marker == other.marker


def marker_for(chosen: Sequence[Target], targets: Sequence[Target]) -> str | None:
    """Return the marker of *chosen* among *targets*, None if it is all of them.

    A target that markers cannot distinguish from a chosen one counts as chosen.
    """
    others = [target for target in targets if not any(same_to_markers(target, one) for one in chosen)]
    if not others:
        return None
    for keys in _key_sets(targets):
        wanted = {_values(target, keys) for target in chosen}
        if not wanted & {_values(target, keys) for target in others}:
            return _disjunction(keys, sorted(wanted))
    return " or ".join(f"({marker})" for marker in sorted({target.marker for target in chosen}))


def _key_sets(targets: Sequence[Target]) -> Iterator[tuple[str, ...]]:
    """Yield sets of marker variables, smaller ones first; the full Python version only if some target is exact."""
    python = ("python_full_version",) if any(target.exact for target in targets) else ("python_version",)
    several = len({target.implementation for target in targets}) > 1
    keys = (*python, *((_IMPLEMENTATION,) if several else ()), *_PLATFORM)
    for count in range(1, len(keys) + 1):
        yield from combinations(keys, count)


def _values(target: Target, keys: Sequence[str]) -> tuple[str, ...]:
    environment: Mapping[str, str] = target.environment
    return tuple(environment[key] for key in keys)


def _disjunction(keys: Sequence[str], alternatives: Sequence[tuple[str, ...]]) -> str:
    terms = [
        " and ".join(f"{key} == '{value}'" for key, value in zip(keys, values, strict=True)) for values in alternatives
    ]
    return " or ".join(f"({term})" if len(keys) > 1 and len(terms) > 1 else term for term in terms)
