"""Compare a locked project with the installed one.

Versions: PEP 440, including the local version. Direct URLs and editable projects: PEP 610, PEP 660.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, field
from packaging.pylock import Package
from packaging.utils import NormalizedName
from packaging.version import InvalidVersion, Version

from lockml.common.display import redact
from lockml.common.target import Target
from lockml.drift.artifacts import (
    Differs,
    Proven,
    Unprovable,
    Unread,
    Verdict,
    is_provable,
    record_digest,
    told_of,
    unhashed_files,
)
from lockml.drift.model import Drift, DriftKind, Level, Remark
from lockml.drift.origin import foreign_build, foreign_source
from lockml.drift.proof import own_projects
from lockml.drift.remedies import Remedies, Remedy
from lockml.drift.tools import KnownTool, Unknown, foreign_rows, is_tool
from lockml.drift.verdicts import Verdicts
from lockml.inventory.file_tree import CHANGED
from lockml.inventory.model import InstalledDistribution, Problem, RemovedDistribution

__all__ = ["Findings", "ProjectComparison"]


class Findings(Struct):
    """The findings so far; *matched* counts, by level, the locked packages that match.

    *proven* has the wheel and the identity of each whose RECORD is that of a locked wheel, *verified* those whose wheel
    was hashed completely, *recorded* those that are builds of an image; *unknown* are unlocked tools whose bytes
    nothing proves.
    """

    drifts: list[Drift] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    unprovable: list[Remark] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    proven: dict[str, Proven] = field(default_factory=dict)
    verified: set[str] = field(default_factory=set)
    recorded: set[str] = field(default_factory=set)
    unknown: list[InstalledDistribution] = field(default_factory=list)
    matched: dict[Level, int] = field(default_factory=lambda: {"names": 0, "artifacts": 0, "files": 0})


class ProjectComparison(Struct, frozen=True, kw_only=True):
    """A comparison of projects, one by one, up to *level*, that adds what it finds to *findings*.

    *library* is the folder of the standard library, *distributions* are all installed ones, *removed* the former ones;
    *answered* says that a program in the subject supplied all this, so there are no owners.
    """

    verdicts: Verdicts
    target: Target
    level: Level
    remedies: Remedies
    findings: Findings
    library: str | None = None
    distributions: Sequence[InstalledDistribution] = ()
    removed: Mapping[NormalizedName, RemovedDistribution] = field(default_factory=dict)
    answered: bool = False

    def compare(self, package: Package | None, copies: Sequence[InstalledDistribution]) -> None:
        """Compare what is locked with the *copies* that are installed, in the order of the import path.

        At least one of the two is there.
        """
        distinct = self._without_duplicates(package, copies)
        if package is None:
            self._compare_unlocked(distinct)
        elif not distinct:
            self._add_missing(package)
        else:
            self._compare_locked(package, distinct)

    def _without_duplicates(
        self, package: Package | None, copies: Sequence[InstalledDistribution]
    ) -> list[InstalledDistribution]:
        """Return one copy for each library folder: the locked version or the newest; two in one folder are drift."""
        first_copies: dict[str, InstalledDistribution] = {}
        newest = sorted(copies, key=_release, reverse=True) if package is None else copies
        for copy in sorted(newest, key=lambda copy: package is None or not _same_version(package, copy)):
            other = first_copies.setdefault(copy.site_folder, copy)
            built = copy.editable and other.editable and copy.name in own_projects(self.verdicts.lock)
            if other is not copy and not built:  # a working folder may hold the leftovers of several builds
                detail = f"{other.dist_info} is in the same folder: which one Python uses depends on the file system"
                self._add("duplicate", package, copy, detail, self.remedies.remove_folder(copy.folder, copy.origin))
        return sorted(first_copies.values(), key=copies.index)

    def _compare_unlocked(self, copies: Sequence[InstalledDistribution]) -> None:
        used, *hidden = copies
        self._tell_hidden(used, [each for each in hidden if not (used.editable and each.editable)])
        if used.owner is not None:
            self._tell(used, f"not locked; it belongs to the {used.owner}")
        elif is_tool(used.name, {each.name for each in self.distributions}):
            self._judge_tool(used)
        elif used.name in own_projects(self.verdicts.lock):
            self._judge_own(used)
        else:
            elsewhere = self.verdicts.lock.package(used.name) is not None
            others = "target, extra or group" if self.verdicts.lock.format else "target"
            detail = f"locked only for another {others}" if elsewhere else "no locked package requires it"
            local = used.source is not None and used.source.url.startswith("file:") and not used.source.hashes
            remedy = (
                self.remedies.own(used.name, used.origin)
                if local and not elsewhere
                else self.remedies.remove(used.name, used.origin)
            )
            self._add("unexpected", None, used, detail, remedy)

    def _judge_own(self, used: InstalledDistribution) -> None:
        """Judge the user's own project, which the lock is for: it may not list files of locked packages."""
        taken = next((f"{path!r} of {name}" for path, name in self._taken(used)), None)
        if used.origin == CHANGED:
            detail = "the lock is for it, but it was not in the image: it was added after the start"
            self._add("unexpected", None, used, detail, self.remedies.remove(used.name, used.origin))
        elif taken is not None:
            self._add(
                "unexpected", None, used, f"it lists {taken} as its own", self.remedies.remove(used.name, used.origin)
            )
        else:
            source = f", installed from {redact(used.source.url)}" if used.source is not None else ""
            self._tell(used, f"not locked; it is the project that the lock is for{source}")

    def _taken(self, used: InstalledDistribution) -> Iterator[tuple[str, str]]:
        """Yield the files that *used* lists and a locked project in the same folder has with other content."""
        rows = {row.path: row.digest for row in used.record or ()}
        for other in self.distributions:
            if self.verdicts.lock.package(other.name) is not None and other.site_folder == used.site_folder:
                for row in other.record or ():
                    if row.digest and rows.get(row.path, row.digest) != row.digest:
                        yield row.path, other.name

    def _judge_tool(self, used: InstalledDistribution) -> None:
        """Judge a tool that base images and virtual environments include, by its known wheels."""
        if self.level == "names":
            self._tell(used, "not locked; base images and virtual environments include it")
            return
        foreign = foreign_rows(used) if not self.answered else ()
        if foreign:
            names = ", ".join(repr(each) for each in foreign[:3])
            self._add(
                "artifact", None, used, f"it lists files that none of its releases has: {names}", self._again(used)
            )
            return
        match self.verdicts.tool(used, self.library):
            case KnownTool():
                self._tell(used, "not locked; base images and virtual environments include it, and it is a known wheel")
            case Differs(detail) if self.answered:
                self.findings.unknown.append(used)
                self._tell(used, f"not locked, and {detail}; a system package may have installed it")
            case Differs(detail):
                self._add("artifact", None, used, detail, self._again(used))
            case Unknown(reason) | Unread(reason):
                self.findings.unknown.append(used)
                self._tell(used, f"not locked; base images and virtual environments include it, and {reason}")

    def _again(self, used: InstalledDistribution) -> Remedy:
        return self.remedies.restore(used.name, used.origin)

    def _add_missing(self, package: Package) -> None:
        gone = self.removed.get(package.name)
        origin = gone.origin if gone is not None else None
        self.findings.drifts.append(
            Drift(
                kind="missing",
                name=package.name,
                locked=_version(package),
                found=None,
                path=None,
                detail=f"{gone.folder} was removed" if gone is not None else "it is in no library folder",
                remedy=self.remedies.install_missing(package, origin),
                origin=origin,
                time=gone.time if gone is not None else None,
            )
        )

    def _compare_locked(self, package: Package, copies: Sequence[InstalledDistribution]) -> None:
        used, *hidden = copies
        if _same_version(package, used):
            self._tell_hidden(used, hidden, package)
            self._judge(package, used)
            return
        good = next((copy for copy in hidden if _same_version(package, copy)), None)
        if good is not None:
            detail = f"it hides the locked version in {good.site_folder}"
            self._add("shadowed", package, used, detail, self.remedies.remove_folder(used.folder, used.origin))
        else:
            self._add_other(package, used, "version", "another version is installed")

    def _judge(self, package: Package, used: InstalledDistribution) -> None:
        """Compare the source and, if the level asks for it, the bytes of a project at the locked version."""
        verdict = self._verdict(package, used)
        self._tell_unhashed(package, used, verdict)
        built = self.verdicts.lock.is_built(package.name)
        foreign = foreign_build(package, used) if built else foreign_source(package, used)
        if foreign is not None and (used.editable or not isinstance(verdict, Proven | Differs)):
            self._add_other(package, used, "source", foreign)
            if used.editable:
                return
        else:
            self.findings.matched["names"] += 1
        match verdict:
            case Proven(_, identity, recorded):
                self.findings.matched["artifacts"] += 1
                self.findings.verified.update({used.name} if identity.verified else ())
                self.findings.proven[used.name] = verdict
                if recorded is not None:
                    self.findings.recorded.add(used.name)
                    self._tell(used, f"matches the build recorded from {told_of(recorded)}; no index confirms it")
                elif foreign is not None and used.source is not None:
                    self._tell(used, f"installed from {redact(used.source.url)}, but it is the locked wheel")
            case Differs(detail):
                self._add_other(package, used, "artifact", detail)
            case Unread(reason) if used.owner is not None:
                self._add_other(
                    package, used, "artifact", f"it belongs to the {used.owner} and is not the locked wheel: {reason}"
                )
            case Unread(reason):
                self.findings.problems.append(Problem(path=used.folder, reason=reason))
            case Unprovable(reason):
                self.findings.unprovable.append(Remark(subject=used.name, version=used.version, text=reason))

    def _tell_unhashed(self, package: Package, used: InstalledDistribution, verdict: Verdict | None) -> None:
        """Report the files that nothing covers: an identity would refuse them, but this package has none."""
        paths = unhashed_files(used) if verdict is None or isinstance(verdict, Unprovable) else ()
        if paths and not is_provable(self.verdicts.lock, package, self.target):
            shown = ", ".join(map(repr, paths[:3])) + (", …" if len(paths) > 3 else "")
            self._tell(
                used, f"its RECORD has no hash for {len(paths)} of its files, so nothing proves their bytes: {shown}"
            )

    def _verdict(self, package: Package, used: InstalledDistribution) -> Verdict | None:
        """Return what the bytes prove, None if the level does not ask for them."""
        if self.level == "names":
            return None
        return self.verdicts.locked(package, self.target, used)

    def _tell_hidden(
        self, used: InstalledDistribution, hidden: Sequence[InstalledDistribution], package: Package | None = None
    ) -> None:
        """Report the copies that *used* hides; one at the locked version with other bytes is drift."""
        for copy in hidden:
            if package is not None and _same_version(package, copy):
                verdict = self._verdict(package, copy)
                if isinstance(verdict, Differs):
                    self._add_other(package, copy, "artifact", f"{verdict.detail}; hidden by {used.site_folder}")
                    continue
            self._tell(copy, f"hidden by {used.version} in {used.site_folder}")

    def _tell(self, copy: InstalledDistribution, text: str) -> None:
        self.findings.remarks.append(Remark(subject=copy.name, version=copy.version, text=text))

    def _add_other(self, package: Package, used: InstalledDistribution, kind: DriftKind, detail: str) -> None:
        """Add a drift that installing the locked release fixes, with the source of the installed one."""
        if used.source is not None:
            detail += f"; installed from {redact(used.source.url)}"
        elif used.installer is not None and kind != "source":
            detail += f"; installed by {used.installer}"
        self._add(kind, package, used, detail, self.remedies.install(package, used.origin))

    def _add(
        self, kind: DriftKind, package: Package | None, used: InstalledDistribution, detail: str, remedy: Remedy
    ) -> None:
        self.findings.drifts.append(
            Drift(
                kind=kind,
                name=used.name,
                locked=_version(package) if package is not None else None,
                found=used.version,
                path=used.folder,
                detail=detail,
                remedy=remedy,
                origin=used.origin,
                record=record_digest(used),
                time=used.time,
            )
        )


def _version(package: Package) -> str | None:
    return str(package.version) if package.version is not None else None


def _release(installed: InstalledDistribution) -> Version:
    try:
        return Version(installed.version)
    except InvalidVersion:
        return Version("0")


def _same_version(package: Package, installed: InstalledDistribution) -> bool:
    """Compare by PEP 440; a package locked without a version, from a folder or a repository, matches any."""
    if package.version is None or (not installed.version and installed.source is not None):
        return True
    try:
        return Version(installed.version) == package.version
    except InvalidVersion:
        return False
