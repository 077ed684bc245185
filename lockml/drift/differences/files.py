"""Find the files that differ between two environments, by their real bytes, grouped by owner.

Files of equal size are hashed on both sides, a few thousand at a time, so memory does not grow with their number.
Each group keeps a few files as examples, or all of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from msgspec import Struct

from lockml.common.digest import INSTALLER_FILES
from lockml.drift.differences.compiled import CompiledPairs
from lockml.drift.differences.model import FileChange, FileChangeKind, FileCounts, FileGroup
from lockml.drift.differences.ownership import Owner, Owners
from lockml.drift.differences.places import Places
from lockml.drift.differences.walk import Alike, Pair, PairWalk
from lockml.inventory.file_tree import AFTER_START, FileTree, Origin, UnreadableError
from lockml.inventory.model import Problem, PythonEnvironment
from lockml.inventory.origins import Removals, Times, latest_origin

__all__ = ["ComparedFiles", "compare_files"]

_TOGETHER: Final = 4096
_EXAMPLES: Final = 5
_PRIVILEGED: Final = "it runs, or ran, with the rights of its owner (setuid)"


class ComparedFiles(Struct, frozen=True, kw_only=True):
    """The *groups* of files that differ, how many were *compared*, and how many are only *recompiled*.

    *notes* list what was not walked.
    """

    groups: tuple[FileGroup, ...]
    compared: int
    recompiled: int
    notes: tuple[str, ...]
    problems: tuple[Problem, ...]


def compare_files(
    trees: tuple[FileTree, FileTree],
    environments: tuple[PythonEnvironment, PythonEnvironment],
    names: tuple[str, str],
    alike: Alike,
    *,
    full: bool = False,
) -> ComparedFiles:
    """Return the files of two *environments* that differ; *names* are used for the two in problems.

    Files that *alike* knows to be equal are not read. *full* keeps every file.
    """
    places = (Places(trees[0], environments[0]), Places(trees[1], environments[1]))
    walk = PairWalk(trees, places, names, alike)
    owners = tuple(Owners(*each) for each in zip(trees, environments, places, strict=True))
    groups = _Groups(trees, (owners[0], owners[1]), full=full)
    comparison = _Comparison(trees, alike, groups, environments[1].python)
    for pair in walk.pairs():
        comparison.look_at(pair)
    comparison.flush()
    problems = (Problem(path=f"{names[side]}: {path}", reason=reason) for side, path, reason in comparison.unread)
    return ComparedFiles(
        groups=groups.all(),
        compared=comparison.compared,
        recompiled=comparison.recompiled,
        notes=tuple(walk.left_out),
        problems=(*walk.problems, *problems),
    )


class _Comparison:
    """A decision for each pair of files whether they differ."""

    def __init__(self, trees: tuple[FileTree, FileTree], alike: Alike, groups: "_Groups", python: str) -> None:
        self._trees = trees
        self._alike = alike
        self._groups = groups
        self._compiled = CompiledPairs(trees, python)
        self._waiting: list[Pair] = []
        self.compared = 0
        self.recompiled = 0
        self.unread: dict[tuple[int, str, str], None] = {}

    def look_at(self, pair: Pair) -> None:
        """Decide about a *pair*, or keep it until there are enough to hash."""
        one, other = pair.before, pair.after
        self.compared += 1
        if one is None or other is None:
            self._groups.add("added" if one is None else "removed", pair)
        elif pair.detail:
            self._groups.add("changed", pair)
        elif one.real is None or other.real is None:
            if one.real is not other.real:
                self._groups.add("changed", pair._replace(detail="it is not a file, or a link to none"))
        elif one.privileged != other.privileged:
            self._groups.add("changed", pair._replace(detail=_PRIVILEGED))
        elif one.real == other.real and self._alike.file(one.real):
            return
        elif one.size is not None and other.size is not None and one.size != other.size:
            self._differ(pair)
        else:
            self._waiting.append(pair)
            if len(self._waiting) >= _TOGETHER:
                self.flush()

    def flush(self) -> None:
        """Hash the waiting pairs, and decide about them."""
        waiting, self._waiting = self._waiting, []
        digests = [
            self._digests(side, (str(found.real) for pair in waiting if (found := pair.of(side)) is not None))
            for side in (0, 1)
        ]
        for pair in waiting:
            both = [digests[side].get(str(each.real)) for side in (0, 1) if (each := pair.of(side)) is not None]
            if None not in both and both[0] != both[1]:
                self._differ(pair)

    def _digests(self, side: int, paths: Iterable[str]) -> dict[str, bytes]:
        """Return the digests of files; a file that cannot be read has none, and is reported."""
        found: dict[str, bytes] = {}
        wanted = [(path, "sha256") for path in dict.fromkeys(paths)]
        for path, result in self._trees[side].digests(wanted) if wanted else ():
            if isinstance(result, bytes):
                found[path] = result
            else:
                self.unread[side, result.path, result.reason] = None
        return found

    def _differ(self, pair: Pair) -> None:
        if _is_compiled(pair) and self._compiled.same(pair):
            self.recompiled += 1
        else:
            self._groups.add("changed", pair)


class _Counted:
    """The counts of one group of files."""

    def __init__(self) -> None:
        self.counts: dict[tuple[bool, FileChangeKind], int] = {}
        self.origins: dict[str, int] = {}
        self.growth = 0
        self.installers = 0
        self.changes: list[FileChange] = []

    def of(self, *, compiled: bool) -> FileCounts:
        return FileCounts(
            added=self.counts.get((compiled, "added"), 0),
            removed=self.counts.get((compiled, "removed"), 0),
            changed=self.counts.get((compiled, "changed"), 0),
        )


class _Groups:
    """The files that differ, grouped by owner."""

    def __init__(self, trees: tuple[FileTree, FileTree], owners: tuple[Owners, Owners], *, full: bool) -> None:
        self._owners = owners
        self._full = full
        self._origins = _Origins(trees)
        self._groups: dict[Owner, _Counted] = {}

    def add(self, kind: FileChangeKind, pair: Pair) -> None:
        """Count a *pair* that differs."""
        compiled = _is_compiled(pair)
        side = 0 if pair.after is None else 1
        found = pair.of(side)
        path = found.path if found is not None else ""
        group = self._groups.setdefault(self._owners[side].of(path), _Counted())
        count = group.counts[compiled, kind] = group.counts.get((compiled, kind), 0) + 1
        sizes = [each.size or 0 if each is not None else 0 for each in (pair.before, pair.after)]
        group.installers += _is_installers(path)
        group.growth += sizes[1] - sizes[0]
        origin = self._origins.of(pair)
        text = origin.text if origin is not None else ""
        group.origins[text] = group.origins.get(text, 0) + 1
        if self._full or count <= _EXAMPLES:
            group.changes.append(
                FileChange(
                    kind=kind,
                    path=path,
                    before=pair.before.size if pair.before is not None else None,
                    after=pair.after.size if pair.after is not None else None,
                    origin=text or None,
                    time=self._origins.time(pair, origin),
                    detail=pair.detail,
                    compiled=compiled,
                )
            )

    def all(self) -> tuple[FileGroup, ...]:
        """Return the groups: projects by name, then Python, then files that no RECORD lists."""
        return tuple(
            FileGroup(
                owner=owner.name,
                folder=owner.folder,
                files=counted.of(compiled=False),
                compiled=counted.of(compiled=True),
                origins=counted.origins,
                growth=counted.growth,
                installers=counted.installers,
                changes=tuple(sorted(counted.changes, key=_order)),
            )
            for owner, counted in sorted(self._groups.items(), key=lambda each: _rank(each[0]))
        )


def _order(change: FileChange) -> tuple[bool, int, str]:
    """Sort sources before compiled modules, and changed files before added and removed ones."""
    return change.compiled, ("changed", "added", "removed").index(change.kind), change.path


def _rank(owner: Owner) -> tuple[int, str]:
    if owner.name is None:
        return 2, owner.folder
    return int(owner.name == "python"), owner.name


class _Brought(NamedTuple):
    """The cause that made a file differ, on one *side*."""

    text: str
    side: int
    origin: Origin


class _Origins:
    """A search for what made files differ: what added or removed them on the new side, or changed them before."""

    def __init__(self, trees: Sequence[FileTree]) -> None:
        self._trees = trees
        self._removals = [Removals(tree) for tree in trees]
        self._times = [Times(tree) for tree in trees]

    def of(self, pair: Pair) -> _Brought | None:
        """Return what made the files of *pair* differ, None if that is unknown."""
        found = list(self._known(pair))
        late = [each for each in found if each.origin.order >= AFTER_START]
        return next(iter(late or found), None)

    def time(self, pair: Pair, brought: _Brought | None) -> str | None:
        """Return when a file was written, if that was after the start; times in images say little."""
        if brought is None or brought.origin.order < AFTER_START:
            return None
        found = pair.of(brought.side)
        if found is not None:
            return self._times[brought.side].of(found.path)
        other = pair.of(1 - brought.side)
        if other is None:
            return None
        return self._times[brought.side].of(other.path, brought.origin)

    def _known(self, pair: Pair) -> Iterator[_Brought]:
        """Yield what is known about the new side, then about the other."""
        for side in (1, 0):
            try:
                origin = self._of(side, pair)
            except UnreadableError:  # reported when it is read
                continue
            if origin is not None:
                yield _Brought(origin.text if side else f"before: {origin.text}", side, origin)

    def _of(self, side: int, pair: Pair) -> Origin | None:
        """Return what added the file on a side, or removed the one that the other side has."""
        tree, mine, theirs = self._trees[side], pair.of(side), pair.of(1 - side)
        if mine is not None:
            return tree.origin(mine.path) if mine.real == mine.path else latest_origin(tree, mine.path)
        gone = theirs is not None and tree.kind(theirs.path) == "missing"
        return self._removals[side].origin(theirs.path) if theirs is not None and gone else None


def _is_compiled(pair: Pair) -> bool:
    return any(found is not None and found.path.endswith(".pyc") for found in (pair.before, pair.after))


def _is_installers(path: str) -> bool:
    """Return whether the file at *path* is one of an installer's own."""
    folder, _, name = path.rpartition("/")
    return folder.endswith(".dist-info") and name in INSTALLER_FILES
