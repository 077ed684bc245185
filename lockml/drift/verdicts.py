"""Judge installed distributions by a lock, each one once, as digests take time."""

from packaging.pylock import Package

from lockml.common.target import Target
from lockml.drift.artifacts import Verdict, judge_artifact, judge_built, locked_artifacts, recorded_builds
from lockml.drift.tools import ToolVerdict, judge_tool
from lockml.inventory.model import InstalledDistribution
from lockml.lock.model import Lock

__all__ = ["Verdicts"]


class Verdicts:
    """The verdicts on distributions by a *lock*, cached for each.

    The file survey and the comparison both ask: give them the same object, and nothing is judged twice.
    """

    def __init__(self, lock: Lock) -> None:
        self.lock = lock
        self._locked: dict[str, tuple[InstalledDistribution, Package, Target, Verdict]] = {}
        self._tools: dict[str, tuple[InstalledDistribution, str | None, ToolVerdict]] = {}

    def locked(self, package: Package, target: Target, installed: InstalledDistribution) -> Verdict:
        """Return whether *installed* has the RECORD of a wheel of *package* that *target* can load."""
        known = self._locked.get(installed.folder)
        if known is not None and known[0] is installed and known[1] is package and known[2] == target:
            return known[3]
        verdict = self._judged(package, target, installed)
        self._locked[installed.folder] = installed, package, target, verdict
        return verdict

    def _judged(self, package: Package, target: Target, installed: InstalledDistribution) -> Verdict:
        if self.lock.is_built(package.name):
            recorded = any(each.name == package.name for each in self.lock.recorded)
            builds = recorded_builds(self.lock, package, target)
            return judge_built(package, builds, installed, recorded=recorded)
        return judge_artifact(package, locked_artifacts(self.lock, package, target), installed)

    def tool(self, installed: InstalledDistribution, library: str | None) -> ToolVerdict:
        """Return whether *installed*, an unlocked tool for the Python of *library*, is a known wheel."""
        known = self._tools.get(installed.folder)
        if known is not None and known[0] is installed and known[1] == library:
            return known[2]
        verdict = judge_tool(installed, library=library, recorded=self.lock.tools)
        self._tools[installed.folder] = installed, library, verdict
        return verdict
