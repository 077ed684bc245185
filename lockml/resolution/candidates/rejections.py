"""Records, while resolving, why releases, direct references and projects cannot be chosen."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct, field
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.references import Reference

__all__ = ["Rejection", "RejectionKind", "Rejections"]

RejectionKind = Literal[
    "python", "wheel", "newer", "binary", "hash", "prerelease", "yanked", "dependency", "build", "address", "other"
]


class Rejection(Struct, frozen=True, kw_only=True):
    """Why a release, or a file, cannot be chosen: *reason* is a phrase that releases may share, *detail* its own.

    *uploaded* is when it was uploaded, for one that is too new; *origin* is the index that does not say when. With the
    *line*, added by the user, it could be chosen.
    """

    kind: RejectionKind
    reason: str
    detail: str = ""
    uploaded: datetime | None = None
    origin: str = ""
    line: str = ""

    def __str__(self) -> str:
        return f"{self.reason}; {self.detail}" if self.detail else self.reason


class Rejections(Struct):
    """What cannot be chosen, with the reason. Only the thread that resolves may write or read it.

    *references* are the direct references that hold nothing usable, *unknown_projects* those that no index has,
    *lacking_extras* the projects of which a release was rejected for an extra that it does not have, *withheld* those
    with a pre-release that is kept for the last resort.
    """

    references: dict[Reference, str] = field(default_factory=dict)
    unknown_projects: set[NormalizedName] = field(default_factory=set)
    lacking_extras: set[NormalizedName] = field(default_factory=set)
    withheld: set[NormalizedName] = field(default_factory=set)
    _releases: dict[NormalizedName, dict[Version, Rejection]] = field(default_factory=dict)

    def reject(self, name: NormalizedName, version: Version, rejection: Rejection) -> None:
        """Note why *version* of *name* cannot be chosen; the last reason counts."""
        self._releases.setdefault(name, {})[version] = rejection

    def of_project(self, name: NormalizedName) -> Mapping[Version, Rejection]:
        """Return the releases of *name* that cannot be chosen."""
        return self._releases.get(name, {})
