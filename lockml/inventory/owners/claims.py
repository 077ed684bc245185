"""Decide which owner accounts for which file: proven RECORDs first, then package lists, then other RECORDs.

RECORD: PEP 376, PEP 627. Anyone who can write to the subject can write an unproven RECORD, so it only accounts for
files of its own project: neither for packages of proven projects nor for what Python runs at every start.
"""

import posixpath
import re
from collections.abc import Collection, Mapping
from typing import Final

from lockml.common.digest import in_target_folder
from lockml.inventory.file_tree import AFTER_START, FileTree
from lockml.inventory.model import Expected, InstalledDistribution, PythonEnvironment
from lockml.inventory.owners.editable import is_develop_link, is_generated
from lockml.inventory.owners.record_files import expected_of_row
from lockml.inventory.proof import Proof
from lockml.inventory.results import SurveyResults

__all__ = ["Claims"]

_MODULE: Final = re.compile(r"(?P<name>[^./]+)(?:\.py|\.pyc|(?:\.[\w-]+)*\.so)")
_AT_START: Final = frozenset({"sitecustomize", "usercustomize"})
_Paths = dict[str, tuple[Expected, ...]]


class Claims:
    """What owners say about files, by absolute path; *refused* says why a RECORD may not account for a listed file.

    *answerable* are the dist-infos that nothing proves, of projects that may be there all the same.

    *expected* holds of each file only those that may speak for it. *listed* is what package managers say.
    """

    def __init__(
        self,
        tree: FileTree,
        environment: PythonEnvironment,
        listed: Mapping[str, Expected],
        proof: Proof,
        proven: Collection[str],
    ) -> None:
        self._tree = tree
        self._environment = environment
        self._proof = proof
        self._folders = {each.site_folder: tree.resolve(each.site_folder) for each in environment.distributions}
        self._sites = tuple(dict.fromkeys((*map(tree.resolve, environment.site_folders), *self._folders.values())))
        self.refused: dict[str, str] = {}
        self.answerable = frozenset(
            each.folder
            for each in environment.distributions
            if each.folder not in proven and self._must_answer(tree, each)
        )
        self.records: _Paths = {}
        for distribution in environment.distributions:
            if distribution.folder in proven:
                self._add(distribution, self.records, "lock" if distribution.name in proof.projects else "known")
        self._tops = {
            each.name: {row.path.split("/")[0] for row in each.record or ()} | {other.dist_info, "..", "__pycache__"}
            for each in environment.distributions
            for other in environment.distributions
            if each.folder in proven and other.name == each.name and other.folder not in proven
        }
        self._protect()
        others: _Paths = {}
        for distribution in environment.distributions:
            if distribution.folder not in proven and distribution.owner is None:
                self._add(distribution, others, "RECORD")
        spoken = self._may_speak(others, listed)
        self.expected: _Paths = {path: (each,) for path, each in listed.items()} | spoken | self.records
        self.records = spoken | self.records

    def tell_own(self, results: SurveyResults) -> None:
        """Count the lock's own projects, except those in folders that are counted separately."""
        linked = (*self._environment.linked_folders, *self._environment.path_folders)
        for each in self._environment.distributions:
            if each.name in self._proof.own - self._proof.projects and each.site_folder not in linked:
                results.limit("application-code", each.folder)

    def is_develop_link(self, path: str) -> bool:
        """Return whether *path* leads to the working folder of a user's own project; raises UnreadableError."""
        return is_develop_link(self._tree, path, self._environment, self._proof.own)

    def _must_answer(self, tree: FileTree, distribution: InstalledDistribution) -> bool:
        """Return whether changes to an unproven *distribution* since the start are separate drifts.

        An unlocked one that was added after the start is reported as a single drift.
        """
        named = self._proof.projects | self._proof.own
        if distribution.name in named or self._proof.tool_file(distribution, "", None) is not None:
            return True
        folder = tree.resolve(distribution.folder)
        origin = tree.origin(f"{folder}/METADATA") or tree.origin(f"{folder}/PKG-INFO")
        return origin is not None and origin.order < AFTER_START

    def _add(self, distribution: InstalledDistribution, found: _Paths, basis: str) -> None:
        folder = self._folders[distribution.site_folder]
        for row in distribution.record or ():
            if row.path.endswith(".pyc") and "__pycache__/" in row.path:
                continue  # judged by its source, not by RECORD
            path = _absolute(folder, row.path)
            each = expected_of_row(distribution, row, basis)
            found[path] = (*found[path], each) if path in found else (each,)
        for listed in distribution.listed:
            path = posixpath.normpath(posixpath.join(distribution.folder, listed))
            each = Expected(distribution.name, "setup.py", None, None, None, distribution.folder)
            found[path] = (*found.get(path, ()), each)

    def _protect(self) -> None:
        """Collect the modules and packages of proven projects, which no other RECORD may extend or hide."""
        self._modules: set[str] = set()
        self._packages: dict[str, tuple[Expected, ...]] = {}
        busy: set[str] = set()
        for path, expected in self.records.items():
            folder, _, name = path.rpartition("/")
            module = _MODULE.fullmatch(name)
            if module is None:
                continue
            if module["name"] == "__init__":
                self._packages[folder] = expected
            else:
                self._modules.add(f"{folder}/{module['name']}")
                busy.add(folder)
        self._busy = busy

    def _may_speak(self, others: _Paths, listed: Mapping[str, Expected]) -> _Paths:
        """Return the claims of unproven RECORDs that count; proven or listed files need none."""
        by_folder = {each.folder: each for each in self._environment.distributions}
        fair_claims: _Paths = {}
        for path, claims in others.items():
            if path in self.records or path in listed:
                continue
            fair: list[Expected] = []
            for each in claims:
                reason = self._reason_against(path, each, by_folder[each.source], others)
                if reason is None:
                    fair.append(each)
                else:
                    self.refused[path] = reason
            if fair:
                fair_claims[path] = tuple(fair)
        return fair_claims

    def _reason_against(
        self, path: str, claim: Expected, distribution: InstalledDistribution, others: _Paths
    ) -> str | None:
        """Return why an unproven *distribution* may not account for *path*, None if it may."""
        only = f"only the RECORD of {distribution.name} accounts for it, and nothing proves that RECORD"
        tops = self._tops.get(distribution.name)
        if tops is not None and posixpath.relpath(path, posixpath.dirname(claim.source)).split("/")[0] not in tops:
            return f"{only}; the proven copy has nothing of that name"
        library = self._environment.library
        site = max((each for each in self._sites if path.startswith(f"{each}/")), key=len, default=None)
        if site is None:
            inside = path.startswith(
                (f"{self._environment.prefix.rstrip('/')}/", f"{posixpath.dirname(claim.source)}/")
            )
            of_library = library is not None and path.startswith(f"{library}/")
            return None if inside and not of_library else f"{only}; it is outside that project"
        relative = path.removeprefix(f"{site}/")
        of_tool = self._proof.tool_file(distribution, relative, claim.digest.hex() if claim.digest else None)
        if of_tool is not None:
            return None if of_tool else f"{only}; no release has this file"
        if self._runs_at_start(path, relative, distribution):
            return f"{only}; Python runs it at every start"
        return self._intrudes(path, site, claim, others, only)

    def _runs_at_start(self, path: str, relative: str, distribution: InstalledDistribution) -> bool:
        """Return whether Python runs a file of a library folder at every start; locked and built projects may have one.

        An editable project has a .pth, in one of a few forms.
        """
        top, slash, _ = relative.partition("/")
        starts = (not slash and top.endswith(".pth")) or top.partition(".")[0] in _AT_START
        if not starts or distribution.name in self._proof.unprovable:
            return False
        return not (distribution.editable and top.endswith(".pth") and is_generated(self._tree, path))

    def _intrudes(self, path: str, site: str, claim: Expected, others: _Paths, only: str) -> str | None:
        """Return why *path* conflicts with a proven project: it is in its package, or hides its module."""
        module = _MODULE.fullmatch(posixpath.basename(path))
        folder = posixpath.dirname(path)
        if module is not None and self._is_taken(f"{folder}/{module['name']}"):
            return f"{only}; it hides a module of a proven project"
        while folder != site:
            if folder in self._modules:
                return f"{only}; it hides a module of a proven project"
            if folder in self._packages and not self._is_shared(folder, claim, others):
                return f"{only}; it is in a package of a proven project"
            folder = posixpath.dirname(folder)
        return None

    def _is_taken(self, name: str) -> bool:
        return name in self._modules or name in self._packages

    def _is_shared(self, folder: str, claim: Expected, others: _Paths) -> bool:
        """Return whether a package is a namespace of several projects that all ship the same __init__ (PEP 420).

        A package with modules besides __init__ is not one.
        """
        if folder in self._busy:
            return False
        digests = {each.digest for each in self._packages[folder]}
        own = others.get(f"{folder}/__init__.py", ())
        brings = any(each.source == claim.source and each.digest in digests for each in own)
        return brings or len(self._packages[folder]) > 1


def _absolute(folder: str, path: str) -> str:
    """Return the absolute path of a RECORD row in the library *folder*."""
    text = path.replace("\\", "/")
    if text.startswith("../../") and not text.startswith("../../../") and in_target_folder(folder):
        text = text.removeprefix("../../")  # pip moves scripts and data into the target folder
    if text[0] in "./" or "/." in text or "//" in text:
        return posixpath.normpath(posixpath.join(folder, text))
    return f"{folder}/{text}"
