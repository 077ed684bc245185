"""Survey every file that an environment's Python can import.

Each file is compared with its owner: RECORD (PEP 376, PEP 627), the lists of package managers and, for the standard
library, the layer that added it.
"""

import posixpath
import re
from collections.abc import Collection, Generator, Iterator, Mapping
from typing import Final

from lockml.common.progress import counted
from lockml.inventory.bytecode.compiled_modules import CompiledModules
from lockml.inventory.bytecode.pyc import CompiledName, module_of_machine_code, parse_compiled_name
from lockml.inventory.file_tree import Entry, FileTree, UnreadableError
from lockml.inventory.integrity.activation import survey_activation
from lockml.inventory.integrity.application import survey_application
from lockml.inventory.integrity.contents import with_contents
from lockml.inventory.integrity.interpreter import hold_program
from lockml.inventory.integrity.judgement import Judgement
from lockml.inventory.integrity.loose import (
    LooseFiles,
    describe_loose,
    has_late_files,
    is_left_behind,
    is_of_layers,
    tell_startup,
)
from lockml.inventory.integrity.native.shared_objects import survey_native
from lockml.inventory.integrity.programs import PRIVILEGED, survey_programs
from lockml.inventory.integrity.shadowing import find_shadows
from lockml.inventory.integrity.stdlib import Library
from lockml.inventory.model import Expected, FileSurvey, PythonEnvironment
from lockml.inventory.owners.claims import Claims
from lockml.inventory.owners.packages import LISTS, PackageLists
from lockml.inventory.owners.well_known import is_well_known
from lockml.inventory.proof import Proof
from lockml.inventory.results import SurveyResults

__all__ = ["survey_files"]

_MAX_DEPTH: Final = 100
_LIBRARIES: Final = frozenset({"site-packages", "dist-packages"})
_LAYER: Final = Expected("python", "layer", None, None, None)
_OPTIMISED: Final = re.compile(r"\.opt-[0-9]+")
_Job = tuple[str, str]


def survey_files(
    tree: FileTree,
    environment: PythonEnvironment,
    listed: Mapping[str, Expected],
    proof: Proof,
    anchored: int = 0,
) -> FileSurvey:
    """Compare the files of *environment* with their owners, *listed* by package managers (`owners.listed_files`).

    *anchored* is how many of the lowest layers are known to belong to the locked base image.
    """
    results = SurveyResults(tree)
    try:
        proven = proof.proven(environment)
        survey = _Survey(tree, environment, results, Claims(tree, environment, listed, proof, proven), listed)
    except UnreadableError as error:
        results.problem(error)
        return results.survey()
    survey.judgement.anchored = anchored
    survey.base_layers = anchored if proof.provides else 0
    survey.compiled = CompiledModules(tree, results, environment, anchored, proof.salt)
    survey.claims.tell_own(results)
    jobs = counted(survey.jobs(), "Hashing files", len(survey.owned), proof.progress)
    results.attempt(lambda: survey.judgement.judge_all(jobs))
    results.attempt(lambda: survey.settle(proof))
    results.attempt(lambda: tell_startup(tree, environment, results))
    results.attempt(lambda: survey_programs(tree, environment, results, survey.owned))
    results.attempt(lambda: survey_activation(tree, environment, results))
    results.attempt(lambda: survey_application(tree, environment, results))
    if not environment.alone:  # a folder on this machine has no loader of its own
        results.attempt(lambda: survey_native(tree, environment, results, survey.packages, anchored))
    survey_of_all = results.survey()
    try:
        return with_contents(tree, survey_of_all, environment.distributions)
    except UnreadableError as error:
        results.problem(error)
        return results.survey()


class _Survey:
    """A single walk over the import path that yields what must be hashed."""

    compiled: CompiledModules
    base_layers = 0

    def __init__(
        self,
        tree: FileTree,
        environment: PythonEnvironment,
        results: SurveyResults,
        claims: Claims,
        listed: Mapping[str, Expected],
    ) -> None:
        self._tree = tree
        self._environment = environment
        self._results = results
        self.claims = claims
        self._unseen = dict(claims.records)
        self._expected = claims.expected
        self._seen_of_library: set[str] = set()
        self.packages = PackageLists(tree, listed)
        self._library = Library(tree, environment.library, listed)
        self.judgement = Judgement(tree, environment, results, self._library, claims.answerable)
        self._dist_infos = {tree.resolve(each.folder): each.name for each in environment.distributions}
        self._has_numba = any(each.name == "numba" for each in environment.distributions)
        tag = "cpython-" + "".join(environment.python.split(".")[:2])
        self._cache_tags = (tag, f"{tag}t") if environment.free_threaded is not False else (tag,)

    @property
    def owned(self) -> Collection[str]:
        """The paths that have an owner."""
        return self._expected.keys()

    def jobs(self) -> Iterator[_Job]:
        """Yield the path and the algorithm of each file to hash."""
        environment = self._environment
        for archive in environment.archives:
            self._results.add_application(archive)
        for folder in environment.site_folders:
            somebodys = folder in environment.path_folders or folder in environment.linked_folders
            if somebodys:
                self._results.add_application(folder)
            if not somebodys or any(each.site_folder == folder for each in environment.distributions):
                yield from self._root(self._tree.resolve(folder), reported=not somebodys)
        yield from self._listed_elsewhere()
        if self._library.provable:
            yield from self._root(self._library.folder)
            self._removed_of_library()
        elif self._library.folder:
            self._results.mark_unproven(self._library.folder, "nothing says what the standard library must contain")
            self._results.limit("stdlib-unproven", self._library.folder)
        yield from hold_program(environment, self._expected, self._library, self.packages, self.judgement)
        for prefix in filter(None, environment.cache_prefixes):
            self._caches(prefix)

    def settle(self, proof: Proof) -> None:
        """Record what is only known at the end."""
        self.compiled.settle(proof.compare)
        for shadow in find_shadows(self._tree, self._environment, proof):
            if shadow.counts:
                self._results.deviate("shadowed", shadow.path, shadow.owner, shadow.detail)
            else:
                self._results.remark(f"{shadow.path}: {shadow.detail}")

    def _root(self, folder: str, *, reported: bool = True) -> Iterator[_Job]:
        """Walk one folder of the import path; files without an owner are *reported*, or else the user's own."""
        found = yield from self._walk(folder, 0)
        for path, files in found.loose if reported else found.inner:
            if is_left_behind(self._tree, path):
                self._results.account("installers", "leftover", 0)
                self._results.remark(f"{path}: left behind by an interrupted pip; nothing can import it")
                continue
            owner = self._dist_infos.get(path)
            if owner is not None:  # judged as a distribution whose RECORD lists another folder
                self._results.account(owner, "metadata", 0)
                continue
            if path not in self.claims.refused and is_of_layers(self._tree, path, self.base_layers):
                self._results.account("base image", "base", 0)
                continue
            if path.endswith(".pyc") and self._has_source(path):
                continue  # its source is reported
            try:
                kind, detail = describe_loose(self._tree, path, files, self.claims.refused.get(path))
            except UnreadableError as error:
                self._results.problem(error)
                continue
            self._results.deviate(kind, path, None, detail, files=files)

    def _has_source(self, path: str) -> bool:
        """Return whether a compiled module has its source next to it."""
        folder, _, name = path.rpartition("/")
        compiled = parse_compiled_name(name)
        source = f"{posixpath.dirname(folder)}/{compiled.module}.py" if compiled is not None else f"{path[:-1]}"
        return self._tree.kind(source) == "file"

    def _walk(self, folder: str, depth: int) -> Generator[_Job, None, LooseFiles]:
        """Walk *folder*; one that cannot be read or is too deep is recorded as a problem."""
        found = LooseFiles()
        if depth > _MAX_DEPTH:
            self._results.problem(UnreadableError(folder, f"folders nested deeper than {_MAX_DEPTH}"))
            return found
        entries = self._entries(folder)
        for entry in entries:
            path = f"{folder}/{entry.name}"
            if entry.kind != "folder":
                yield from self._look_at(path, entry, found)
            elif entry.name == "__pycache__":
                siblings = {each.name: each for each in entries}
                found.join((yield from self._walk_compiled(path, siblings, depth + 1)))
            elif folder != self._library.folder or entry.name not in _LIBRARIES:
                found.add((yield from self._walk(path, depth + 1)), path)
        return found

    def _walk_compiled(
        self, folder: str, siblings: Mapping[str, Entry], depth: int
    ) -> Generator[_Job, None, LooseFiles]:
        found = LooseFiles()
        for entry in self._entries(folder):
            path = f"{folder}/{entry.name}"
            if entry.kind == "folder":
                found.add((yield from self._walk(path, depth + 1)), path)
                continue
            try:
                facts = self._followed(path, entry)
                settled = facts is not None and self._look_at_compiled(path, facts, siblings, found)
            except UnreadableError as error:
                self._results.problem(error)
                continue
            if not settled:
                yield from self._look_at(path, entry, found)
        return found

    def _entries(self, folder: str) -> tuple[Entry, ...]:
        """Return the entries of *folder*; one that cannot be read is recorded as a problem and skipped."""
        try:
            return self._tree.entries(folder)
        except UnreadableError as error:
            self._results.problem(error)
            return ()

    def _followed(self, path: str, entry: Entry) -> Entry | None:
        """Return the facts of a file or of a link's target; None for anything else."""
        if entry.kind != "link":
            return entry if entry.kind == "file" else None
        folder, _, name = self._tree.resolve(path).rpartition("/")
        target = next((each for each in self._tree.entries(folder) if each.name == name and each.kind == "file"), None)
        return target._replace(name=entry.name, kind="link") if target is not None else None

    def _look_at(self, path: str, entry: Entry, found: LooseFiles) -> Iterator[_Job]:
        """Account for a file, or yield what must be hashed to do so."""
        try:
            real_path = self._tree.resolve(path) if entry.kind == "link" else path
            if entry.kind == "other" or (real_path != path and self._tree.kind(real_path) != "file"):
                self._look_at_strange(path, entry, found)
                return
            self._unseen.pop(path, None)
            of_library = self._library.contains(path)
            if of_library:
                self._seen_of_library.add(path)
            if entry.privileged:
                self._results.deviate("modified", path, None, PRIVILEGED)
            expected = self._expected.get(path) or self._expected.get(real_path)
            if expected is None and of_library and self._library.by_layer(real_path):
                expected = (_LAYER,)
            if entry.kind == "link" and expected is None:
                listed = self.packages.target_of_link(path, real_path)
                expected = (listed,) if listed is not None else None
            fault = self._fault(path, real_path, expected, of_library=of_library)
            if fault is not None:
                self._results.deviate("modified", path, "python" if of_library else None, fault)
            elif expected is not None:
                found.owned += 1
                size = entry.size if real_path == path else None
                yield from self.judgement.hold_against(path, real_path, size, expected)
                return
            elif is_well_known(self._tree, path) or self.claims.is_develop_link(path):
                self._results.account("installers", "known", entry.size)
            else:
                found.loose.append((path, 1))
                return
            found.owned += 1
        except UnreadableError as error:
            self._results.problem(error)

    def _look_at_strange(self, path: str, entry: Entry, found: LooseFiles) -> None:
        """Account for what is not a file: a dangling link, a device."""
        real_path = self._tree.resolve(path) if entry.kind == "link" else path
        if real_path != path and self._library.leads_out(path, real_path):
            found.owned += 1
            self._results.account("python", "layer", 0)
            self._results.limit("stdlib-unproven", path)
        elif real_path != path and self.packages.has_link(path) and not has_late_files(self._tree, real_path):
            found.owned += 1
            self._results.account("python", "dpkg", 0)
            self._results.limit("package-lists", path)
        else:
            found.loose.append((path, 1))

    def _fault(
        self, path: str, real_path: str, expected: Collection[Expected] | None, *, of_library: bool
    ) -> str | None:
        """Return why a file is drift regardless of its hash: it changed, or its package changed in part."""
        late = self._library.changed_after_start(path) if of_library else None
        if late is not None and (expected is not None or late.replaces):
            return "a file of the standard library changed since the image was built"
        if expected is None:
            replaced = of_library and self._library.replaced(path)
            return "it did not come with the standard library" if replaced else None
        first = next(iter(expected))
        return self.packages.fault(real_path, first) if first.basis in LISTS else None

    def _look_at_compiled(self, path: str, entry: Entry, siblings: Mapping[str, Entry], found: LooseFiles) -> bool:
        """Judge a compiled module by its source; return False for other files, or if no source has an owner."""
        name = parse_compiled_name(entry.name)
        if name is None:
            return self._look_at_machine_code(path, entry, siblings, found)
        self._unseen.pop(path, None)
        source_path = f"{path.rpartition('/')[0].rpartition('/')[0]}/{name.module}.py"
        source = siblings.get(f"{name.module}.py")
        if source is not None and source.kind == "link" and self._tree.kind(source_path) == "missing":
            source = None
        if source is None:  # a missing owner is reported for the source; nothing is loaded without it
            found.owned += source_path in self._expected
            owners = self._expected.get(source_path)
            self.compiled.leave_out(owners[0].owner if owners else "installers", entry.size)
            return True
        owner = self._owner_of_source(source_path, source)
        if owner is None:
            found.loose.append((path, 1))
            return True
        found.owned += 1
        if "" in self._environment.cache_prefixes:
            self._judge_compiled(path, entry, name, (source_path, source), owner)
        else:
            self.compiled.leave_out(owner, entry.size)
        return True

    def _look_at_machine_code(self, path: str, entry: Entry, siblings: Mapping[str, Entry], found: LooseFiles) -> bool:
        """Account for what numba, if installed, caches of a module with an owner; return False for anything else."""
        module = module_of_machine_code(entry.name) if self._has_numba else None
        source = siblings.get(f"{module}.py") if module is not None else None
        real_path = f"{posixpath.dirname(posixpath.dirname(path))}/{module}.py"
        owner = self._owner_of_source(real_path, source) if source is not None else None
        if owner is not None:
            found.owned += 1
            self.compiled.keep(path, entry.size, owner)
        return owner is not None

    def _owner_of_source(self, path: str, entry: Entry) -> str | None:
        """Return the owner of the source at *path*, None if it has none."""
        real_path = self._tree.resolve(path) if entry.kind == "link" else path
        owners = self._expected.get(path) or self._expected.get(real_path)
        if owners is None and self._library.contains(path) and self._library.by_layer(real_path):
            owners = (_LAYER,)
        if owners is None and not is_well_known(self._tree, path):
            return None
        return owners[0].owner if owners else "installers"

    def _judge_compiled(
        self, path: str, entry: Entry, name: CompiledName, source: tuple[str, Entry], owner: str
    ) -> None:
        source_path, facts = source
        real_path = self._tree.resolve(source_path) if facts.kind == "link" else source_path
        if facts.kind == "link":
            above, _, base = real_path.rpartition("/")
            facts = next((each for each in self._tree.entries(above) if each.name == base), facts)
        level = {"": 0, ".opt-1": 1, ".opt-2": 2}.get(name.rest)
        if name.tag in self._cache_tags and level is not None:
            self.compiled.judge(path, entry, (real_path, facts), owner, level)
        elif name.tag in self._cache_tags and _OPTIMISED.fullmatch(name.rest):
            detail = "Python loads it if started with that -O level, and no package ships such modules"
            self._results.deviate("bytecode", path, owner, detail)
        else:  # Python does not search here
            self._results.account(owner, "bytecode", entry.size)

    def _caches(self, prefix: str) -> None:
        """Judge the compiled modules below PYTHONPYCACHEPREFIX, the only place that Python searches (PEP 3147, 3.8)."""
        waiting = [""]  # Python appends the source's folder as the import path has it, including links
        while waiting:
            below = waiting.pop()
            folder = self._tree.resolve(below or "/").rstrip("/")
            siblings = {each.name: each for each in self._tree.entries(folder or "/")}
            for entry in self._tree.entries(f"{prefix}{below}"):
                name = parse_compiled_name(entry.name)
                source = siblings.get(f"{name.module}.py") if name is not None else None
                if entry.kind == "folder":
                    waiting.append(f"{below}/{entry.name}")
                elif name is not None and source is not None:
                    real_path = f"{folder}/{name.module}.py"
                    owner = self._owner_of_source(real_path, source) or "application"
                    self._judge_compiled(f"{prefix}{below}/{entry.name}", entry, name, (real_path, source), owner)

    def _removed_of_library(self) -> None:
        """Record library files that the image has and the subject lacks: other modules take their place."""
        for path, each in self._expected.items():
            unseen = self._library.contains(path) and path not in self._seen_of_library
            listed = unseen and each[0].basis in LISTS
            if listed and self._tree.kind(path) == "missing" and self._tree.image_content(path, 1) is not None:
                self._results.remove(path, "python")

    def _listed_elsewhere(self) -> Iterator[_Job]:
        """Check what RECORDs list outside the library folders, scripts and data, and what is missing."""
        for path, expected in self._unseen.items():
            try:
                if self._tree.kind(path) == "file":
                    yield from self.judgement.hold_against(path, self._tree.resolve(path), None, expected)
                elif "/__pycache__/" not in path and expected[0].digest is not None:
                    self.judgement.miss(path, expected[0])
            except UnreadableError as error:
                self._results.problem(error)
