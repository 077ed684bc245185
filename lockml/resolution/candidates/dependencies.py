"""Says whether a dependency of a distribution applies on a target, and where it is to come from."""

from packaging.utils import NormalizedName

from lockml.common.references import BadReferenceError, Reference, parse_reference
from lockml.common.target import Target
from lockml.index.model import Dependency, UnreadDependency

__all__ = ["dependency_applies", "read_reference"]


def read_reference(url: str) -> Reference | None:
    """Return the direct reference that *url* is, None where it is none that lockml knows."""
    try:
        return parse_reference(url)
    except BadReferenceError:
        return None


def dependency_applies(dependency: Dependency | UnreadDependency, target: Target, extra: NormalizedName | None) -> bool:
    """Say whether *dependency* applies on *target*: for the project itself, or only for *extra*."""
    if extra is None:
        return target.meets(dependency.marker)
    return target.meets(dependency.marker, extra) and not target.meets(dependency.marker)
