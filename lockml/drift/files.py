"""Turn the file deviations of the inventory into drifts, each with its fix."""

import posixpath
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from packaging.pylock import Package
from packaging.utils import NormalizedName

from lockml.common.digest import ArtifactIdentity
from lockml.drift.model import Drift
from lockml.drift.remedies import Remedies, Remedy
from lockml.inventory.model import Deviation, FileSurvey, InstalledScript, Inventory

__all__ = ["changed_sources", "file_drifts", "script_drifts", "setting_drifts"]

_OF_PROJECT: Final = ("modified", "removed-file", "bytecode", "shadowed")
"""The kinds of file drift that show the locked version of the project if no digest is known."""


def changed_sources(inventory: Inventory, name: str) -> tuple[str, ...]:
    """Return the modules of a distribution that its installer did not compile: where its bytes were changed."""
    stale = inventory.files.stale if inventory.files is not None else ()
    return tuple(dict.fromkeys(source for owner, source in stale if owner == name))


def setting_drifts(inventory: Inventory, remedies: Remedies) -> Iterator[Drift]:
    """Yield a drift for each setting, a variable or a file, that changes what Python loads."""
    for each in inventory.deviations:
        yield Drift(
            kind="environment",
            name=each.owner or "",
            locked=None,
            found=each.found,
            path=each.path or None,
            detail=each.detail,
            remedy=_fix_of_setting(each, remedies),
            origin=each.origin,
            record=each.content,
            time=each.time,
        )


def file_drifts(
    inventory: Inventory,
    packages: Mapping[NormalizedName, Package],
    remedies: Remedies,
    reported: Collection[str],
) -> Iterator[Drift]:
    """Yield a drift for each file that differs from what its owner says, or that has no owner.

    Files that nothing proves are skipped for the projects *reported*, which count as drift as a whole.
    """
    installed = {each.name for each in inventory.environment.distributions}
    for deviation in inventory.files.deviations if inventory.files is not None else ():
        if deviation.unproven and deviation.owner in reported:
            continue
        owner = NormalizedName(deviation.owner or "")
        yield Drift(
            kind=deviation.kind,
            name=deviation.owner or posixpath.basename(deviation.path),
            locked=deviation.expected or (_locked(packages.get(owner)) if deviation.kind in _OF_PROJECT else None),
            found=deviation.found,
            path=deviation.path,
            detail=deviation.detail,
            remedy=_fix(deviation, packages.get(owner), remedies, installed=owner in installed),
            origin=deviation.origin,
            time=deviation.time,
        )


def script_drifts(
    survey: FileSurvey,
    proven: Mapping[str, ArtifactIdentity],
    packages: Mapping[NormalizedName, Package],
    remedies: Remedies,
) -> Iterator[Drift]:
    """Yield a drift for each script that is not the one in the *proven* wheel, whatever RECORD says.

    Installers rewrite the first line of scripts and their hash in RECORD, so only the lock knows what the wheel had.
    """
    reported = {each.path for each in survey.deviations}
    for script in survey.scripts:
        name = NormalizedName(script.owner)
        identity = proven.get(name)
        fault = _script_fault(script, identity) if identity is not None and script.path not in reported else None
        if fault is None:
            continue
        yield Drift(
            kind="modified",
            name=name,
            locked=_locked(packages.get(name)),
            found=script.found,
            path=script.path,
            detail=fault,
            remedy=_fix_of_owner(packages.get(name), name, remedies, script.origin),
            origin=script.origin,
            time=script.time,
        )


def _script_fault(script: InstalledScript, identity: ArtifactIdentity) -> str | None:
    """Return why a script that a proven RECORD lists, without an entry point, is not the wheel's."""
    name = posixpath.basename(script.path)
    if name not in identity.scripts:
        return "RECORD lists it, but neither the locked wheel nor its entry points have it"
    stated = identity.rewritten.get(name)
    if stated is None:
        return None  # the identity covers its bytes
    if script.first_line is not None:
        return f"its first line does not start the environment's Python: {script.first_line}"
    if stated.startswith("sha256=") and stated.rstrip("=") not in script.hashes:
        return "below its first line it differs from the wheel's script, and RECORD was changed to match"
    return None


def _locked(package: Package | None) -> str | None:
    return str(package.version) if package is not None and package.version is not None else None


def _fix(deviation: Deviation, package: Package | None, remedies: Remedies, *, installed: bool) -> Remedy:
    if deviation.kind == "shadowed":
        return remedies.rename(deviation.path, deviation.origin)
    if deviation.kind in ("unattributed-file", "bytecode"):
        return remedies.remove_path(deviation.path, deviation.origin)
    name = deviation.owner if installed and deviation.owner else "Python"
    return _fix_of_owner(package, name, remedies, deviation.origin)


def _fix_of_owner(package: Package | None, name: str, remedies: Remedies, origin: str | None) -> Remedy:
    return remedies.install(package, origin) if package is not None else remedies.restore(name, origin)


def _fix_of_setting(deviation: Deviation, remedies: Remedies) -> Remedy:
    if not deviation.path:
        return remedies.unset(deviation.owner or "")
    if deviation.path.endswith("/pyvenv.cfg"):
        return remedies.restore("pyvenv.cfg", deviation.origin)
    return remedies.remove_path(deviation.path, deviation.origin)
