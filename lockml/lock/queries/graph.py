"""The dependency graph of a `Lock`: chains from the user's requirements to a package, and the tree."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from lockml.lock.model import Asked, Lock
from lockml.lock.references import source_of
from lockml.lock.select import chosen_packages

__all__ = ["Branch", "LockGraph"]


class Branch(Struct, frozen=True, kw_only=True):
    """A package in the tree: its depth, and whether its dependencies were already shown above."""

    depth: int
    name: NormalizedName
    version: str
    asked: tuple[Asked, ...]
    shown_before: bool


class LockGraph:
    """The packages of a lock and their dependencies; entries of several targets count as one project."""

    def __init__(self, lock: Lock) -> None:
        self._versions: dict[NormalizedName, list[str]] = {}
        self._needs: dict[NormalizedName, set[NormalizedName]] = {}
        for package in chosen_packages(lock):
            version = str(package.version) if package.version is not None else f"({source_of(package) or 'no version'})"
            self._versions.setdefault(package.name, []).append(version)
            needed = {canonicalize_name(dependency["name"]) for dependency in package.dependencies or ()}
            self._needs.setdefault(package.name, set()).update(needed)
        self._asked: dict[NormalizedName, tuple[Asked, ...]] = {}
        for asked in lock.requirements:
            name = canonicalize_name(Requirement(asked.requirement).name)
            self._asked[name] = (*self._asked.get(name, ()), asked)
        self._add_provided(lock)

    def _add_provided(self, lock: Lock) -> None:
        """Add the packages of the base image that something requires."""
        provided = {each.name: each for each in lock.provided.packages if each.name not in self._versions}
        waiting = [*self._asked, *(name for needs in self._needs.values() for name in needs)]
        while waiting:
            each = provided.pop(waiting.pop(), None)
            if each is not None:
                self._versions[each.name] = [f"{each.version} of the base image"]
                self._needs[each.name] = set(each.needs)
                waiting += each.needs

    def __contains__(self, name: NormalizedName) -> bool:
        return name in self._versions

    def version(self, name: NormalizedName) -> str:
        """Return the version of *name*, or several if targets have different ones."""
        return ", ".join(dict.fromkeys(self._versions[name]))

    def chains(self, name: NormalizedName) -> Iterator[tuple[tuple[NormalizedName, ...], tuple[Asked, ...]]]:
        """Yield a shortest chain to *name* from each of the user's projects that lead to it, with its origins."""
        for root in self._roots():
            chain = self._shortest(root, name)
            if chain is not None:
                yield chain, self._asked.get(root, ())

    def tree(self, names: Iterable[NormalizedName] = (), *, depth: int | None = None) -> Iterator[Branch]:
        """Yield the tree, depth first and by name; a package is expanded where it first appears.

        With *names*, only the trees of those; with a *depth*, no deeper than that.
        """
        below = {name: self._locked_needs(name) for name in self._versions}
        for branch in _branches(sorted(names) or self._roots(), below, depth):
            yield self._branch(branch, asked=branch[0] == 0)

    def reverse_tree(self, names: Iterable[NormalizedName] = (), *, depth: int | None = None) -> Iterator[Branch]:
        """Yield likewise what needs each of *names*, or each package, and what needs those."""
        below: dict[NormalizedName, list[NormalizedName]] = {name: [] for name in self._versions}
        for name in self._versions:
            for needed in self._locked_needs(name):
                below[needed].append(name)
        for branch in _branches(sorted(names) or sorted(self._versions), below, depth):
            yield self._branch(branch, asked=True)

    def _branch(self, found: tuple[int, NormalizedName, bool], *, asked: bool) -> Branch:
        depth, name, before = found
        who = self._asked.get(name, ()) if asked else ()
        return Branch(depth=depth, name=name, version=self.version(name), asked=who, shown_before=before)

    def _roots(self) -> list[NormalizedName]:
        """Return the user's requirements; in a lock without them, the packages that nothing else needs."""
        if self._asked:
            return sorted(name for name in self._asked if name in self._versions)
        needed = {name for names in self._needs.values() for name in names}
        return sorted(set(self._versions) - needed) or sorted(self._versions)

    def _locked_needs(self, name: NormalizedName) -> list[NormalizedName]:
        return [needed for needed in self._needs[name] if needed in self._versions]

    def _shortest(self, root: NormalizedName, name: NormalizedName) -> tuple[NormalizedName, ...] | None:
        paths: dict[NormalizedName, tuple[NormalizedName, ...]] = {root: (root,)}
        waiting = [root]
        for here in waiting:
            if here == name:
                return paths[here]
            for needed in sorted(self._locked_needs(here)):
                if needed not in paths:
                    paths[needed] = (*paths[here], needed)
                    waiting.append(needed)
        return None


def _branches(
    roots: Sequence[NormalizedName], below: Mapping[NormalizedName, Iterable[NormalizedName]], most: int | None
) -> Iterator[tuple[int, NormalizedName, bool]]:
    """Yield the depth and the name of each branch, and whether what is *below* it was shown above.

    A branch that was cut off by *most* at a deeper place is expanded again.
    """
    opened: dict[NormalizedName, int] = {}
    waiting = [(0, name) for name in reversed(roots)]
    while waiting:
        depth, name = waiting.pop()
        before = bool(below[name]) and opened.get(name, depth + 1) <= depth
        yield depth, name, before
        if not before and (most is None or depth < most):
            opened[name] = 0 if most is None else depth
            waiting += [(depth + 1, needed) for needed in sorted(below[name], reverse=True)]
