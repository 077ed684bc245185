"""Record what a survey finds: the number of files that are as their owners say, and each one that is not."""

import posixpath
from collections.abc import Callable

from msgspec.structs import replace

from lockml.inventory.file_tree import FileTree, Origin, UnreadableError
from lockml.inventory.model import (
    AccountedFiles,
    Deviation,
    DeviationKind,
    Expected,
    FileSurvey,
    InstalledScript,
    Limit,
    LimitCode,
    Problem,
)
from lockml.inventory.origins import Removals, Times, latest_origin, origin_of

__all__ = ["Limits", "SurveyResults"]

_EXAMPLES = 5
_MISSING = "a file that it installs is missing"


class Limits:
    """Counters of the limits by code, with the first few examples of each."""

    def __init__(self) -> None:
        self._counted: dict[LimitCode, tuple[int, list[str]]] = {}

    def add(self, code: LimitCode, example: str, count: int = 1) -> None:
        """Count an *example* of *count* of its kind."""
        counted, examples = self._counted.get(code, (0, []))
        if len(examples) < _EXAMPLES:
            examples.append(example)
        self._counted[code] = (counted + count, examples)

    def all(self) -> tuple[Limit, ...]:
        """Return what was counted."""
        return tuple(
            Limit(code=code, count=count, examples=tuple(examples)) for code, (count, examples) in self._counted.items()
        )


class SurveyResults:
    """The results of a survey: counts of matching files by owner, and each deviation with its origin."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self._counted: dict[tuple[str, str], tuple[int, int]] = {}
        self._deviations: list[Deviation] = []
        self._problems: dict[Problem, None] = {}
        self._removed: dict[tuple[str, str], int] = {}
        self._limits = Limits()
        self._stale: list[tuple[str, str]] = []
        self._remarks: list[str] = []
        self._application: list[str] = []
        self._unproven: list[tuple[str, str]] = []
        self._scripts: list[InstalledScript] = []
        self._times = Times(tree)

    @property
    def modified(self) -> frozenset[str]:
        """The paths of the files that are not as their owners say."""
        return frozenset(each.path for each in self._deviations if each.kind == "modified")

    def account(self, owner: str, basis: str, size: int) -> None:
        """Count a file of *size* bytes that is as *owner* says, according to *basis*."""
        files, total = self._counted.get((owner, basis), (0, 0))
        self._counted[owner, basis] = files + 1, total + size

    def limit(self, code: LimitCode, example: str, count: int = 1) -> None:
        """Count an *example* of *count* things that the check cannot determine."""
        self._limits.add(code, example, count)

    def remark(self, text: str) -> None:
        """Record a remark that is not a deviation."""
        self._remarks.append(text)

    def add_application(self, folder: str) -> None:
        """Record a *folder*, or an archive, of the user's own code."""
        self._application.append(folder)
        self._limits.add("application-code", folder)

    def mark_unproven(self, folder: str, reason: str) -> None:
        """Record a *folder* whose files nothing can prove."""
        self._unproven.append((folder, reason))

    def mark_stale(self, owner: str, source: str) -> None:
        """Record that a compiled module of *owner* comes from another content of *source*."""
        self._stale.append((owner, source))

    def deviate(
        self,
        kind: DeviationKind,
        path: str,
        owner: str | None,
        detail: str,
        *,
        files: int = 1,
        unproven: bool = False,
    ) -> None:
        """Record a file, or a folder with that many *files*, that deviates."""
        found = origin_of(self._tree, path) if kind == "modified" else latest_origin(self._tree, path)
        origin = found.text if found is not None else None
        self._add(
            Deviation(kind=kind, path=path, owner=owner, detail=detail, files=files, origin=origin, unproven=unproven)
        )

    def modify(self, path: str, expected: Expected, detail: str, found: str | None = None) -> None:
        """Record a file that differs from what its owner says; *found* is its digest as text."""
        origin = origin_of(self._tree, path)
        stated = f"{expected.algorithm}:{expected.digest.hex()}" if expected.digest is not None else None
        self._add(
            Deviation(
                kind="modified",
                path=path,
                owner=expected.owner,
                detail=detail,
                expected=stated,
                found=found,
                origin=origin.text if origin is not None else None,
            )
        )

    def add_script(self, script: InstalledScript) -> None:
        """Record a script that a RECORD lists without an entry point."""
        origin = origin_of(self._tree, script.path)
        text = origin.text if origin is not None else None
        self._scripts.append(replace(script, origin=text, time=self._times.of(script.path)))

    def remove(self, path: str, owner: str) -> None:
        """Record a missing file of an owner; entire folders count as one."""
        lost, above = path, posixpath.dirname(path)
        while above != "/" and self._tree.kind(above) == "missing":
            lost, above = above, posixpath.dirname(above)
        self._removed[lost, owner] = self._removed.get((lost, owner), 0) + 1

    def problem(self, error: UnreadableError) -> None:
        """Record what could not be read."""
        self._problems[Problem(path=error.path, reason=error.reason)] = None

    def attempt(self, step: Callable[[], None]) -> None:
        """Run *step*; record a problem if something cannot be read, which ends the step."""
        try:
            step()
        except UnreadableError as error:
            self.problem(error)

    def survey(self) -> FileSurvey:
        """Return all that was recorded, sorted."""
        removals = Removals(self._tree)
        for (lost, owner), files in self._removed.items():
            origin = removals.origin(lost)
            self._add(
                Deviation(
                    kind="removed-file",
                    path=lost,
                    owner=owner,
                    detail=f"{files} files that it installs are missing" if files > 1 else _MISSING,
                    files=files,
                    origin=origin.text if origin is not None else None,
                ),
                origin,
            )
        return FileSurvey(
            accounted=tuple(
                AccountedFiles(owner=owner, basis=basis, files=files, size=size)
                for (owner, basis), (files, size) in sorted(self._counted.items())
            ),
            deviations=tuple(sorted(self._deviations, key=lambda each: (each.path, each.kind))),
            problems=tuple(self._problems),
            remarks=tuple(self._remarks),
            application=tuple(self._application),
            unproven=tuple(self._unproven),
            scripts=tuple(self._scripts),
            stale=tuple(self._stale),
            limits=self._limits.all(),
        )

    def _add(self, deviation: Deviation, removed_by: Origin | None = None) -> None:
        self._deviations.append(replace(deviation, time=self._times.of(deviation.path, removed_by)))
