"""A `Lock` in, who needs what out: chains from the user's own requirements to a package, and the whole tree."""

from collections.abc import Iterator

from msgspec import Struct
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from lockml.lock.model import Asked, Lock
from lockml.lock.references import source_of
from lockml.lock.select import chosen_packages

__all__ = ["Branch", "LockGraph"]


class Branch(Struct, frozen=True, kw_only=True):
    """A package in the tree: how deep it stands, and whether what it needs was already shown further up."""

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

    def __contains__(self, name: NormalizedName) -> bool:
        return name in self._versions

    def version(self, name: NormalizedName) -> str:
        """Return the version of *name*, several of them where targets have different ones."""
        return ", ".join(dict.fromkeys(self._versions[name]))

    def chains(self, name: NormalizedName) -> Iterator[tuple[tuple[NormalizedName, ...], tuple[Asked, ...]]]:
        """Yield a shortest chain to *name* for each of the user's projects that lead to it, with who asks for that."""
        for root in self._roots():
            chain = self._shortest(root, name)
            if chain is not None:
                yield chain, self._asked.get(root, ())

    def tree(self) -> Iterator[Branch]:
        """Yield the whole tree, depth first and by name; a package is opened where it first comes up."""
        shown: set[NormalizedName] = set()
        waiting = [(0, name) for name in reversed(self._roots())]
        while waiting:
            depth, name = waiting.pop()
            before = name in shown and bool(self._needs[name])
            asked = self._asked.get(name, ()) if depth == 0 else ()
            yield Branch(depth=depth, name=name, version=self.version(name), asked=asked, shown_before=before)
            if not before:
                shown.add(name)
                waiting += [(depth + 1, needed) for needed in sorted(self._locked_needs(name), reverse=True)]

    def _roots(self) -> list[NormalizedName]:
        """Return what the user asks for; in a lock that does not tell, what nothing else needs."""
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
