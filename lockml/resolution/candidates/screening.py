"""The releases of one project that bounds admit, in the order to try them, each judged for the target.

The search screens what it chooses from, and the threads that prefetch screen what it will likely choose. Both must get
the same `Release` for a version, as releases are equal only to themselves.
"""

from collections.abc import Collection, Container, Iterator
from datetime import UTC, timedelta
from typing import Final

from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.settings import setting
from lockml.index.accelerators.choice import unfit_build
from lockml.index.model import Project
from lockml.resolution.candidates.bounds import Bound, parse_bound
from lockml.resolution.candidates.problem import Problem
from lockml.resolution.candidates.rejections import Rejection
from lockml.resolution.candidates.release import Release, judge_release

__all__ = ["WITHHELD", "Screen"]

_PRERELEASE: Final = Rejection(kind="prerelease", reason=f"it is a pre-release, which {setting('no-pre')} rejects")
WITHHELD: Final = Rejection(kind="prerelease", reason="it is a pre-release that no line asks for")


class Screen:
    """Screens the releases of *problem*'s projects. Any thread may call every method.

    What other searches of the same index worked out is among the problem's judgements.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._judgements = problem.judgements
        self._judged, self._too_new = self._judgements.by(problem.target, problem.policy)

    def releases(self, project: Project, bounds: Collection[Bound]) -> Iterator[tuple[Version, Release | Rejection]]:
        """Yield what of *project* is within *bounds*, in the order to try it, with the reason against it if any.

        Pre-releases come after all others, unless the policy makes no difference between them.
        """
        unranked = self._problem.policy.prereleases
        later: list[Version] = []
        some_suits = False
        for version in self._within(project, bounds):
            if version.is_prerelease and not unranked and not self._keeps(project.name, version):
                later.append(version)
                continue
            judged = self._unfit(project.name, version) or self._judge(project, version)
            some_suits |= isinstance(judged, Release) and judged.yanked is None
            yield version, judged
        refusal = self._refusal(project.name, bounds, some_suits=some_suits) if later else None
        for version in later:
            yield version, refusal or self._unfit(project.name, version) or self._judge(project, version)

    def _keeps(self, name: NormalizedName, version: Version) -> bool:
        """Say whether *version*, a pre-release, is that of the lock, and may stay."""
        return self._problem.preferences.versions.get(name) == version and not self._refuses_prereleases(name)

    def _refusal(self, name: NormalizedName, bounds: Collection[Bound], *, some_suits: bool) -> Rejection | None:
        """Return why no pre-release of *name* may be chosen; *some_suits*: another release within *bounds* may.

        They are admitted if a line of the user's or any of *bounds* names one, and if nothing else suits (PEP 440).
        """
        if self._refuses_prereleases(name):
            return _PRERELEASE
        named = name in self._problem.prerelease_names or any(bound.specifier.prereleases for bound in bounds)
        return WITHHELD if some_suits and not named and not self._problem.any_prerelease else None

    def _refuses_prereleases(self, name: NormalizedName) -> bool:
        return self._problem.policy.stable_only and name not in self._problem.prerelease_names

    def likely_releases(self, project: Project, bounds: Collection[Bound]) -> Iterator[Release]:
        """Yield what resolving will likely try of *project* within *bounds*, the first first.

        Nothing is yielded if that is not cheap to find out: if hashes or direct references decide.
        """
        if project.name in self._problem.allowed_hashes or project.name in self._problem.references:
            return
        for _, judged in self.releases(project, (*bounds, *self.constraints(project.name))):
            if isinstance(judged, Release) and judged.yanked is None:
                yield judged

    def constraints(self, name: NormalizedName) -> list[Bound]:
        """Return the bounds of the constraints on *name*."""
        return [parse_bound(str(constraint.specifier)) for constraint in self._problem.constraints.get(name, ())]

    def too_new(self, project: Project) -> Collection[int]:
        """Return the indexes in the versions of *project* that were surely not there at the date."""
        policy = self._problem.policy
        limit = policy.exclude_newer
        if limit is None or policy.exempt.covers(project.name, project.index_url):
            return ()
        too_new = self._too_new.get(project.name)
        if too_new is None:
            moment = (limit + timedelta(microseconds=999_999)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
            too_new = frozenset(index for index, upload in enumerate(project.uploads) if upload >= moment)
            too_new = self._judgements.keep(self._too_new, project.name, too_new)
        return too_new

    def _within(self, project: Project, bounds: Collection[Bound]) -> Iterator[Version]:
        """Yield the versions of *project* that *bounds* admit, in the order to try them."""
        start, stop = 0, len(project.releases)
        versions = project.versions
        too_new: Container[int] = self.too_new(project)
        for bound in bounds:
            key = (project.name, bound)
            window = self._judgements.windows.get(key)
            if window is None:
                window = self._judgements.keep(self._judgements.windows, key, bound.window(versions))
            start, stop = max(start, window[0]), min(stop, window[1])
        gapped = [bound for bound in bounds if not bound.contiguous]
        preferred = self._problem.preferences.versions.get(project.name)
        if preferred is not None and preferred in project.releases and all(bound.admits(preferred) for bound in bounds):
            yield preferred
        for index in self._in_order(project.name, start, stop):
            if index in too_new:
                continue
            version = versions[index]
            if version != preferred and all(bound.admits(version) for bound in gapped):
                yield version

    def _in_order(self, name: NormalizedName, start: int, stop: int) -> range:
        """Return the indexes from *start* to before *stop*, of which the first is the newest, in the order to try."""
        oldest_first = self._problem.tries_oldest_first(name)
        return range(stop - 1, start - 1, -1) if oldest_first else range(start, stop)

    def _unfit(self, name: NormalizedName, version: Version) -> Rejection | None:
        """Return why *version* is not for the accelerator that is locked for, None where it may be."""
        accelerator, platform = self._problem.policy.accelerator, self._problem.target.platform
        if not accelerator:
            return None
        reason = unfit_build(str(name), str(version), accelerator, platform.system, platform.machine)
        return Rejection(kind="other", reason=f"{reason} ({setting('accelerator')})") if reason else None

    def _judge(self, project: Project, version: Version) -> Release | Rejection:
        """Return the release if the target can install it, else why it cannot."""
        allowed = self._problem.allowed_hashes.get(project.name, frozenset())
        key = (project.name, version, allowed)
        judged = self._judged.get(key)
        if judged is None:
            hashed = self._with_hashes(project, version) if allowed else project
            judged = judge_release(hashed, version, self._problem.target, self._problem.policy, allowed)
            judged = self._judgements.keep(self._judged, key, judged)
        return judged

    def _with_hashes(self, project: Project, version: Version) -> Project:
        """Return *project* with nothing but *version*, and the hashes of its files that the index does not name."""
        entries = project.releases[version]
        digests = self._problem.index.digests([entry for entry in entries if not entry.hashed and not entry.fault])
        hashed = tuple(
            replace(entry, hashes={**entry.hashes, "sha256": digests[entry.filename][0]})
            if entry.filename in digests
            else entry
            for entry in entries
        )
        return replace(project, releases={version: hashed})
