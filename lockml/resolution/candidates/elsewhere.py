"""Finds releases that would fit on indexes that are not asked, and the options that use them."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from packaging.version import Version

from lockml.common.errors import NotFoundError
from lockml.common.settings import setting
from lockml.common.target import Target
from lockml.index.model import Project
from lockml.index.protocol import Index
from lockml.requirements.model import Requirement
from lockml.resolution.candidates.release import Release, judge_release
from lockml.resolution.model import Policy

__all__ = ["missing_projects", "newest_fitting"]

_MOST_TOLD: Final = 5
_MOST_JUDGED: Final = 60  # releases within the bounds


def newest_fitting(
    project: Project, admit: Callable[[Version], bool], target: Target, policy: Policy
) -> Version | None:
    """Return the newest stable release of *project* that *admit* lets in and *target* can install, None for none."""
    versions = (version for version in project.versions if policy.prereleases or not version.is_prerelease)
    for version in islice(filter(admit, versions), _MOST_JUDGED):
        judged = judge_release(project, version, target, policy)
        if isinstance(judged, Release) and judged.yanked is None:
            return version
    return None


def missing_projects(missing: Sequence[Requirement], index: Index) -> NotFoundError:
    """Return the error that no index has the projects of *missing*, with who was asked and which other has them."""
    found = [index.elsewhere(line.name) for line in missing[:_MOST_TOLD]]
    others = [
        f"{other.project.index_url} has {other.project.name}, and is not asked for it: {other.words}"
        for elsewhere in found
        for other in elsewhere.others
    ]
    asked = ", ".join(dict.fromkeys(place for elsewhere in found for place in elsewhere.asked))
    general = f"check the spelling and the {setting('index-url')}{f'; asked: {asked}' if asked else ''}"
    subjects = ", ".join(f"{root.name!r} ({root.origin})" for root in missing)
    whose = "no index that is asked for it" if others else "no index"
    return NotFoundError(subjects, f"{whose} has a project with this name", hint="; ".join([*others, general]))
