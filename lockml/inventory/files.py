"""A `FileTree` and an environment of it in, a survey of every file that its Python can import out.

Each file is held against what owns it: RECORD (PEP 376, PEP 627), the lists of package managers, for the standard
library also the layer that brought it.
"""

import posixpath
from collections.abc import Generator, Iterator, Mapping
from typing import Final

from lockml.inventory.accounts import Accounts
from lockml.inventory.bytecode import parse_compiled_name
from lockml.inventory.compiled import CompiledModules
from lockml.inventory.expectations import record_files
from lockml.inventory.known import is_known
from lockml.inventory.library import Library
from lockml.inventory.model import DeviationKind, FileSurvey, PythonEnvironment
from lockml.inventory.owners import Expected
from lockml.inventory.scripts import Scripts
from lockml.inventory.shadows import find_shadows, startup_files
from lockml.inventory.wanted import MAX_PTH
from lockml.ports import Entry, FileTree, UnreadableError

__all__ = ["survey_files"]

_MAX_DEPTH: Final = 100
_LIBRARIES: Final = frozenset({"site-packages", "dist-packages"})
_LAYER: Final = Expected("python", "layer", None, None, None)
_Job = tuple[str, str]


def _told_of_loose(tree: FileTree, path: str, files: int) -> tuple[DeviationKind, str]:
    """Return what kind of thing nothing owns, and what Python makes of it."""
    name = posixpath.basename(path)
    if files > 1 or tree.kind(path) == "folder":
        counted = "1 file" if files == 1 else f"{files} files"
        return "unattributed-file", f"nothing that is installed accounts for this folder of {counted}"
    if name.endswith(".pyc"):
        return "bytecode", "a compiled module whose source is not there"
    if name.endswith(".pth"):
        lines = (tree.read(path, MAX_PTH) or b"").decode("utf-8", "replace").splitlines()
        runs = next((line.strip() for line in lines if line.startswith(("import ", "import\t"))), None)
        what = f"Python runs this at every start: {runs[:80]}" if runs else "it adds folders to the import path"
        return "unattributed-file", f"nothing that is installed accounts for it; {what}"
    if name.partition(".")[0] in ("sitecustomize", "usercustomize"):
        return "unattributed-file", "nothing that is installed accounts for it; Python runs it at every start"
    return "unattributed-file", "nothing that is installed accounts for it"


class _Found:
    """What was found below a folder: how much has an owner, and what has none, as (path, files)."""

    __slots__ = ("loose", "owned")

    def __init__(self) -> None:
        self.owned = 0
        self.loose: list[tuple[str, int]] = []

    def add(self, other: "_Found", folder: str) -> None:
        """Take in what is below *folder*; where nothing in it has an owner, it counts as one."""
        if other.loose and not other.owned:
            self.loose.append((folder, sum(files for _, files in other.loose)))
        else:
            self.owned += other.owned
            self.loose += other.loose


def survey_files(tree: FileTree, environment: PythonEnvironment, listed: Mapping[str, Expected]) -> FileSurvey:
    """Return how the files of *environment* stand to what owns them, all of them read; what cannot be is told in it.

    *listed* is what package managers say of files (`owners.listed_files`).
    """
    accounts = Accounts(tree)
    try:
        survey = _Survey(tree, environment, accounts, listed)
        for path, result in tree.digests(survey.jobs()):
            survey.judge(path, result)
        survey.settle()
    except UnreadableError as error:
        accounts.problem(error)
    return accounts.survey()


class _Survey:
    """Walks the import path once, and hands out what must be hashed on the way."""

    def __init__(
        self, tree: FileTree, environment: PythonEnvironment, accounts: Accounts, listed: Mapping[str, Expected]
    ) -> None:
        self._tree = tree
        self._environment = environment
        self._accounts = accounts
        records = record_files(tree, environment.distributions)
        self._unseen = dict(records)
        self._expected = {path: (each,) for path, each in listed.items()} | records
        self._waiting: dict[str, list[tuple[str, tuple[Expected, ...], int]]] = {}
        self._compiled = CompiledModules(tree, accounts, environment.python)
        self._library = Library(tree, environment.library, listed)
        self._dist_infos = {tree.resolve(each.folder): each.name for each in environment.distributions}
        self._scripts = Scripts(tree, environment.distributions)
        self._tag = "cpython-" + "".join(environment.python.split(".")[:2])

    def jobs(self) -> Iterator[_Job]:
        """Yield the path of each file that must be hashed, and by which algorithm."""
        environment = self._environment
        for folder in environment.site_folders:
            somebodys = folder in environment.path_folders or folder in environment.linked_folders
            if somebodys:
                self._accounts.application.append(folder)
            if not somebodys or any(each.site_folder == folder for each in environment.distributions):
                yield from self._root(self._tree.resolve(folder), told=not somebodys)
        yield from self._listed_elsewhere()
        if self._library.provable:
            yield from self._root(self._library.folder)
        elif self._library.folder:
            self._accounts.unproven.append((self._library.folder, "nothing tells what the standard library must be"))

    def judge(self, place: str, result: bytes | UnreadableError) -> None:
        """Take in the digest of a file that was handed out."""
        if isinstance(result, UnreadableError):
            self._accounts.problem(result)
            return
        for path, expected, size in self._waiting.pop(place):
            try:
                self._judge_one(path, expected, size, result)
            except UnreadableError as error:
                self._accounts.problem(error)

    def _judge_one(self, path: str, expected: tuple[Expected, ...], size: int, result: bytes) -> None:
        if expected[0].digest == result and "/bin/" not in path:
            self._accounts.account(expected[0].owner, expected[0].basis, size)
            return
        fitting = next((each for each in expected if each.digest == result), None)
        owner = fitting or expected[0]
        script = self._scripts.examine(path, owner)
        if script is not None and script.own is not None:
            self._accounts.scripts.append(script.own)
        if script is not None and script.fault is not None:
            self._accounts.deviate("modified", path, owner.owner, script.fault)
        elif fitting is not None or (script is not None and script.rewritten):
            self._accounts.account(owner.owner, owner.basis, max(size, 0))
        else:
            detail = f"its bytes are not what {owner.basis} says of {owner.owner}"
            name = "python" if self._library.contains(path) else owner.owner
            self._accounts.modify(path, owner._replace(owner=name), detail, f"{owner.algorithm}:{result.hex()}")

    def settle(self) -> None:
        """Tell what can only be told at the end."""
        self._compiled.settle()
        for path, owner in find_shadows(self._tree, self._environment):
            detail = f"Python imports it instead of what {owner.name} installed in {owner.site_folder}"
            self._accounts.deviate("shadowed", path, owner.name, detail)
        for path in startup_files(self._tree, self._environment):
            detail = "Python runs it at every start: it is named on PYTHONPATH, and nothing accounts for it"
            self._accounts.deviate("unattributed-file", path, None, detail)

    def _root(self, folder: str, *, told: bool = True) -> Iterator[_Job]:
        """Walk one folder of the import path; what has no owner in it is *told*, or somebody's own."""
        try:
            found = yield from self._walk(folder, 0)
        except UnreadableError as error:
            self._accounts.problem(error)
            return
        for path, files in found.loose if told else ():
            owner = self._dist_infos.get(path)
            if owner is not None:  # it is judged as what it is, a distribution whose RECORD lists another folder
                self._accounts.account(owner, "metadata", 0)
                continue
            if path.endswith(".pyc") and self._has_source(path):
                continue  # it is the source that is told
            kind, detail = _told_of_loose(self._tree, path, files)
            self._accounts.deviate(kind, path, None, detail, files=files)

    def _has_source(self, path: str) -> bool:
        """Say whether a compiled module has its source beside it."""
        folder, _, name = path.rpartition("/")
        compiled = parse_compiled_name(name)
        source = f"{posixpath.dirname(folder)}/{compiled.module}.py" if compiled is not None else f"{path[:-1]}"
        return self._tree.kind(source) == "file"

    def _walk(self, folder: str, depth: int) -> Generator[_Job, None, _Found]:
        if depth > _MAX_DEPTH:
            raise UnreadableError(folder, f"folders nested deeper than {_MAX_DEPTH}")
        found = _Found()
        entries = self._tree.entries(folder)
        for entry in entries:
            path = f"{folder}/{entry.name}"
            if entry.kind != "folder":
                job = self._look_at(path, entry, found)
                if job is not None:
                    yield job
            elif entry.name == "__pycache__":
                siblings = {each.name: each for each in entries}
                found.add((yield from self._walk_compiled(path, siblings, depth + 1)), path)
            elif folder != self._library.folder or entry.name not in _LIBRARIES:
                found.add((yield from self._walk(path, depth + 1)), path)
        return found

    def _walk_compiled(self, folder: str, siblings: Mapping[str, Entry], depth: int) -> Generator[_Job, None, _Found]:
        found = _Found()
        for entry in self._tree.entries(folder):
            path = f"{folder}/{entry.name}"
            if entry.kind == "folder":
                found.add((yield from self._walk(path, depth + 1)), path)
            elif entry.kind != "file" or not self._look_at_compiled(path, entry, siblings, found):
                job = self._look_at(path, entry, found)
                if job is not None:
                    yield job
        return found

    def _look_at(self, path: str, entry: Entry, found: _Found) -> _Job | None:
        """Account for one file, or return what must be hashed for that."""
        place = self._tree.resolve(path) if entry.kind == "link" else path
        if entry.kind == "other" or (place != path and self._tree.kind(place) != "file"):
            found.loose.append((path, 1))
            return None
        self._unseen.pop(path, None)
        late = self._library.changed_after_start(path)
        expected = self._expected.get(path) or self._expected.get(place)
        if expected is None and self._library.contains(path) and self._library.by_layer(place):
            expected = (_LAYER,)
        if late is not None and (expected is not None or late.replaces):
            self._accounts.deviate("modified", path, "python", "a file of the standard library is not the image's")
        elif expected is not None:
            found.owned += 1
            return self._hold_against(path, place, entry.size if place == path else None, expected)
        elif self._library.contains(path) and self._library.replaced(path):
            self._accounts.deviate("modified", path, "python", "it did not come with the standard library")
        elif is_known(self._tree, path):
            self._accounts.account("installers", "known", entry.size)
        else:
            found.loose.append((path, 1))
            return None
        found.owned += 1
        return None

    def _hold_against(self, path: str, place: str, size: int | None, expected: tuple[Expected, ...]) -> _Job | None:
        """Return what must be hashed of a file that has owners; account for it where they tell no digest."""
        first = expected[0]
        if len(expected) > 1:
            first = next((each for each in expected if each.digest is not None), first)
            expected = (first, *(each for each in expected if each is not first))
        if first.algorithm is None:
            self._accounts.account(first.owner, first.basis, size or 0)
            return None
        if size not in (None, first.size) and not self._may_have(size, path, expected):
            self._accounts.modify(path, first, f"it has {size} bytes instead of {first.size}")
            return None
        waiting = self._waiting.get(place)
        if waiting is not None:
            waiting.append((path, expected, size or 0))
            return None
        self._waiting[place] = [(path, expected, size or 0)]
        return place, first.algorithm

    @staticmethod
    def _may_have(size: int | None, path: str, expected: tuple[Expected, ...]) -> bool:
        """Say whether a file of that *size* may be what an owner says: scripts get another first line."""
        return "/bin/" in path or any(each.size in (None, size) for each in expected)

    def _look_at_compiled(self, path: str, entry: Entry, siblings: Mapping[str, Entry], found: _Found) -> bool:
        """Judge a compiled module by its source; say False for what is none, or has no source with an owner."""
        name = parse_compiled_name(entry.name)
        if name is None:
            return False
        self._unseen.pop(path, None)
        source_path = f"{posixpath.dirname(posixpath.dirname(path))}/{name.module}.py"
        source = siblings.get(f"{name.module}.py")
        if source is None and source_path in self._expected:  # it is told that the source is gone, and is not loaded
            found.owned += 1
            self._accounts.account(self._expected[source_path][0].owner, "stale", entry.size)
            return True
        if source is None:
            return False
        place = self._tree.resolve(source_path) if source.kind == "link" else source_path
        owners = self._expected.get(source_path) or self._expected.get(place)
        if owners is None and self._library.contains(source_path) and self._library.by_layer(place):
            owners = (_LAYER,)
        if owners is None and not is_known(self._tree, source_path):
            found.loose.append((path, 1))
            return True
        found.owned += 1
        owner = owners[0].owner if owners else "installers"
        if source.kind == "link":
            above, _, base = place.rpartition("/")
            source = next((each for each in self._tree.entries(above) if each.name == base), source)
        if name.tag == self._tag and name.rest in ("", ".opt-1", ".opt-2"):
            shipped = any(each.digest is not None for each in self._expected.get(path, ()))
            self._compiled.judge(path, entry, (place, source), owner, shipped=shipped)
        else:  # Python does not look here
            self._accounts.account(owner, "bytecode", entry.size)
        return True

    def _placed(self, path: str, owner: str) -> str:
        """Look at what RECORDs list outside the library folders, and for what is not there."""
        if "/bin/" not in path or self._tree.kind(path) == "file":
            return path
        folders = (each.site_folder for each in self._environment.distributions if each.name == owner)
        moved = (f"{self._tree.resolve(folder)}/bin/{posixpath.basename(path)}" for folder in folders)
        return next((each for each in moved if self._tree.kind(each) == "file"), path)

    def _listed_elsewhere(self) -> Iterator[_Job]:
        """Look at what RECORDs list outside the library folders, scripts and data, and for what is not there."""
        for listed, expected in self._unseen.items():
            try:
                path = self._placed(listed, expected[0].owner)
                if self._tree.kind(path) == "file":
                    job = self._hold_against(path, self._tree.resolve(path), None, expected)
                    if job is not None:
                        yield job
                elif "/__pycache__/" not in path and expected[0].digest is not None:
                    self._accounts.remove(path, expected[0].owner)
            except UnreadableError as error:
                self._accounts.problem(error)
