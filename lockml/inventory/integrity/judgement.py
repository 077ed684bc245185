"""Hash files and compare them with what their owners say."""

import posixpath
from collections.abc import Collection, Iterator

from lockml.inventory.environment.scripts import Scripts
from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.integrity.stdlib import Library
from lockml.inventory.model import Expected, PythonEnvironment
from lockml.inventory.owners.packages import LISTS
from lockml.inventory.results import SurveyResults

__all__ = ["Judgement"]

_Job = tuple[str, str]
_Waiting = tuple[str, tuple[Expected, ...], int, Expected | None]  # the last one is the known owner


class Judgement:
    """A comparison of files with what their owners say; *anchored* layers belong to the locked base image.

    No file of the *answerable* distributions, which nothing proves, may be newer than the image.
    """

    def __init__(
        self,
        tree: FileTree,
        environment: PythonEnvironment,
        results: SurveyResults,
        library: Library,
        answerable: Collection[str],
    ) -> None:
        self.anchored = 0
        self._answerable = answerable
        self._late: dict[Expected, list[str]] = {}
        self.tree = tree
        self.results = results
        self._library = library
        self._waiting: dict[str, list[_Waiting]] = {}
        self._absent: dict[tuple[str, str], list[str]] = {}
        self._with_scripts: set[str] = set()
        self._shared: dict[tuple[str, str], list[str]] = {}
        self._again: list[tuple[_Job, _Waiting]] = []
        self._scripts = Scripts(tree, environment)

    def judge_all(self, jobs: Iterator[_Job]) -> None:
        """Hash the files that *jobs* yields, and those that need a second hash."""
        for real_path, result in self.tree.digests(jobs):
            self._judge(real_path, result)
        while self._again:
            again, self._again = self._again, []
            for (real_path, algorithm), waiting in again:
                for _, result in self.tree.digests([(real_path, algorithm)]):
                    self._waiting[real_path] = [waiting]
                    self._judge(real_path, result)
        for (names, whose), paths in self._shared.items():
            of = f"{paths[0]}: {names} have different files here; this one belongs to {whose}"
            if len(paths) > 1:
                more = f"{paths[0]} and {len(paths) - 1} more"
                of = f"{more}: {names} have different files here; these belong to {whose}"
            self.results.remark(of)
        self._tell_absent()
        for owner, paths in self._late.items():
            detail = f"{len(paths)} of its files changed after the start, and only its own RECORD accounts for them"
            self.results.deviate("modified", paths[0], owner.owner, detail, files=len(paths), unproven=True)

    def hold_against(
        self, path: str, real_path: str, size: int | None, expected: tuple[Expected, ...]
    ) -> Iterator[_Job]:
        """Yield what to hash for a file that has owners; account for it if they have no digest.

        Several owners may disagree about it: it must match one of them.
        """
        hashed = tuple(each for each in expected if each.digest is not None)
        if not hashed:
            self._account_unhashed(path, real_path, size, expected[0])
            return
        if size is not None and "/bin/" not in path and all(each.size not in (None, size) for each in hashed):
            self.results.modify(path, hashed[0], f"it has {size} bytes instead of {hashed[0].size}")
            return
        waiting = self._waiting.get(real_path)
        if waiting is not None:
            waiting.append((path, hashed, size or 0, None))
            return
        self._waiting[real_path] = [(path, hashed, size or 0, None)]
        yield real_path, hashed[0].algorithm or "sha256"

    def miss(self, path: str, owner: Expected) -> None:
        """Record a missing file; raises UnreadableError.

        Images that only copy library folders have no entry point scripts, which no wheel contains.
        """
        gone = self.tree.image_content(path, 1) is not None  # since the start
        if not gone and "/bin/" in path and self._scripts.is_of_installer(path, owner):
            self._absent.setdefault((owner.source, owner.owner), []).append(path)
        else:
            self.results.remove(path, owner.owner)

    def _tell_absent(self) -> None:
        """Report missing scripts: a project without any was copied without its scripts."""
        names: list[str] = []
        for (source, owner), paths in self._absent.items():
            if source in self._with_scripts:
                for path in paths:
                    self.results.remove(path, owner)
            else:
                names += map(posixpath.basename, paths)
        if names:
            shown = ", ".join(sorted(names)[:3]) + (", …" if len(names) > 3 else "")
            scripts = "entry point script is" if len(names) == 1 else "entry point scripts are"
            self.results.remark(f"{len(names)} {scripts} missing, although installers generate them: {shown}")

    def _account_unhashed(self, path: str, real_path: str, size: int | None, owner: Expected) -> None:
        """Account for a file about which its owner only says that it exists."""
        if "/bin/" not in path or not self._settled_as_script(path, owner, None):
            self._account(path, real_path, owner, size or 0)

    def _judge(self, real_path: str, result: bytes | UnreadableError) -> None:
        """Process the digest of a file that was yielded."""
        waiting = self._waiting.pop(real_path)
        if isinstance(result, UnreadableError):
            self.results.problem(result)
            return
        algorithm = waiting[0][1][0].algorithm
        for each in waiting:
            if each[1][0].algorithm != algorithm:
                self._again.append(((real_path, each[1][0].algorithm or "sha256"), each))
                continue
            try:
                self._judge_one(real_path, each, result)
            except UnreadableError as error:
                self.results.problem(error)

    def _judge_one(self, real_path: str, waiting: _Waiting, result: bytes) -> None:
        path, expected, size, known = waiting
        algorithm = expected[0].algorithm
        same = [each for each in expected if each.algorithm == algorithm]
        others = tuple(each for each in expected if each.algorithm != algorithm)
        fitting = next((each for each in same if each.digest == result), None)
        owner = fitting or expected[0]
        whose = known or fitting
        if known is None and "/bin/" in path and self._settled_as_script(path, owner, fitting):
            return
        if whose is not None:
            if known is None:
                self._account(path, real_path, whose, size)
            if {each.digest for each in same} != {result}:
                self._share(path, (*expected, whose), whose)
            elif others:  # another owner's digest by another algorithm may match
                self._again.append(((real_path, others[0].algorithm or "sha256"), (path, others, size, whose)))
            return
        if others:
            self._again.append(((real_path, others[0].algorithm or "sha256"), (path, others, size, None)))
            return
        basis = "the lock" if owner.basis == "lock" else owner.basis
        detail = f"its content is not what {basis} says about {owner.owner}"
        name = "python" if self._library.contains(path) else owner.owner
        self.results.modify(path, owner._replace(owner=name), detail, f"{owner.algorithm}:{result.hex()}")

    def _share(self, path: str, expected: Collection[Expected], whose: Expected) -> None:
        """Record a file about which owners disagree; two of one project are named by their folders."""
        names = sorted({each.owner for each in expected})
        if len(names) == 1:
            folders = sorted({posixpath.basename(each.source) for each in expected})
            self._shared.setdefault((", ".join(folders), posixpath.basename(whose.source)), []).append(path)
        else:
            self._shared.setdefault((", ".join(names), whose.owner), []).append(path)

    def _settled_as_script(self, path: str, owner: Expected, fitting: Expected | None) -> bool:
        """Judge a file in ``bin``, and return whether that is complete."""
        script = self._scripts.examine(path, owner)
        if script is None:
            return False
        self._with_scripts.add(owner.source)
        if script.own is not None:
            self.results.add_script(script.own)
        if script.fault is not None:
            self.results.deviate("modified", path, owner.owner, script.fault)
            return True
        if script.remark is not None:
            self.results.remark(script.remark)
        if script.own is None or (script.rewritten and fitting is None):  # regardless of its hash in RECORD
            self.results.account(owner.owner, owner.basis, 0)
            return True
        return False

    def _account(self, path: str, real_path: str, owner: Expected, size: int) -> None:
        """Count a file that is as *owner* says, by its basis."""
        if owner.source in self._answerable:
            origin = self.tree.origin(real_path)
            if origin is not None and origin.late:
                self._late.setdefault(Expected(owner.owner, "", None, None, None, owner.source), []).append(path)
                return
        self.results.account(owner.owner, owner.basis, size)
        if owner.basis not in LISTS and owner.basis != "layer":
            return
        origin = self.tree.origin(real_path)
        if origin is not None and 0 < origin.order <= self.anchored:
            return
        self.results.limit("package-lists" if owner.basis in LISTS else "stdlib-unproven", path)
