"""Resolve the inputs against the index, for each target, and make the lock."""

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec.structs import replace
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from lockml.cli.common.files import lies_in_project, lock_folder, read_file
from lockml.cli.common.terminal import progress_line
from lockml.cli.compile.options import LockingOptions
from lockml.cli.compile.targets import host_target
from lockml.common.digest import ArtifactIdentity
from lockml.common.display import redact
from lockml.common.errors import InputError, LockError, PackageIndexError, RequirementError
from lockml.common.progress import Progress
from lockml.common.target import Target
from lockml.direct.built import BuiltIndex, resolve_builds
from lockml.direct.index import SourceIndex, SourceSettings
from lockml.direct.names import name_requirements
from lockml.index.built import Built
from lockml.index.http.pip_config import default_index_url
from lockml.index.locations import NamedIndexes
from lockml.index.model import DistributionFile
from lockml.index.open import IndexOptions, open_index
from lockml.index.protocol import Index
from lockml.index.simple import SimpleIndex
from lockml.lock.build import build_lock
from lockml.lock.checks.passed_over import PinKey, older_pins
from lockml.lock.facts import index_facts
from lockml.lock.formats.built import with_built
from lockml.lock.inputs import LockInputs
from lockml.lock.model import TOOLS, BaseLock, Lock, RecordedBuild
from lockml.lock.references import locked_commits
from lockml.lock.select import pinned_versions
from lockml.lock.tools import (
    identities_of,
    locked_tools,
    newest_wheels,
    recorded_tools,
    wheels_of,
    wheels_of_tools,
)
from lockml.requirements.line_faults import hide_foreign_lines
from lockml.requirements.model import Origin, Requirement, RequirementSet
from lockml.requirements.pins import read_pins
from lockml.requirements.requirements_txt import parse_requirement
from lockml.resolution.candidates.missing_hashes import add_missing_hashes
from lockml.resolution.model import Policy, Preferences, Resolution
from lockml.resolution.multi_target import resolve_targets
from lockml.resolution.passed_over import refuse_older_series

__all__ = ["identified_lock", "index_options", "lock_anew", "overlap_warnings", "source_settings"]

_PIN: Final = re.compile(r'^\[\[packages\]\]\nname = "([^"\n]+)"\nversion = "([^"\n]+)"', re.MULTILINE)


def lock_anew(
    settings: LockingOptions,
    inputs: LockInputs,
    targets: Sequence[Target],
    existing: Lock | None,
    recorded: Sequence[RecordedBuild] = (),
) -> tuple[Lock, tuple[str, ...]]:
    """Return the lock, with the pins of *existing* that still fit and the *recorded* builds, and warnings.

    Raises NoResolutionError, InputError, PackageIndexError.
    """
    preferences = _preferences(settings, targets, existing)
    folder = lock_folder(settings.lock)
    with progress_line() as progress, open_index(inputs.indexes, folder, index_options(settings), progress) as opened:
        sources = SourceIndex(opened, settings=source_settings(folder, inputs, existing), progress=progress)
        index = BuiltIndex(sources, inputs.built, {each.name: each.requires for each in recorded})
        if settings.artifact_identity:
            index.prefetch_projects(sorted(TOOLS))
        asked = _asked(settings, inputs, index)
        found = resolve_targets(asked, preferences, index, policy=inputs.policy, progress=progress)
        _refuse_older(found, asked, preferences, settings)
        shadows = _begin_shadows(found, asked, opened, inputs.policy)
        resolutions = add_missing_hashes(found, index)
        upgraded = {upgrade.name for upgrade in _upgrades(settings)}
        older = older_pins(resolutions, existing, upgraded)
        warnings = list(_warnings(resolutions, older))
        inputs = replace(inputs, projects=asked.projects)
        if settings.artifact_identity:
            lock, disputes = identified_lock(inputs, resolutions, (existing, upgraded), index, opened, older)
            warnings += disputes
            warnings += overlap_warnings(resolutions, opened)
        else:
            lock = build_lock(resolutions, {}, inputs, older=older)
        if inputs.built:
            lock = with_built(lock, inputs.built, recorded, None)
            preferences = _build_preferences(lock, existing, upgraded)
            lock, notes = _with_builds(lock, inputs, index, preferences, progress)
            warnings += notes
        warnings += shadows()
        return lock, tuple(dict.fromkeys(warnings))


def _begin_shadows(
    found: Sequence[Resolution], asked: RequirementSet, opened: SimpleIndex, policy: Policy
) -> Callable[[], list[str]]:
    """Start to look for newer releases that the first of several indexes hides; return a function for the warnings."""
    if not opened.has_others:
        return list
    from lockml.resolution.candidates.shadowed import begin_reading, shadow_warnings, shadowed

    reader = opened.others
    awaited = begin_reading(found, opened.project, reader)

    def warnings() -> list[str]:
        pages = awaited()
        hidden = [each for resolution in found for each in shadowed(resolution, asked, pages, opened, policy)]
        return shadow_warnings(hidden, reader.places)

    return warnings


def _refuse_older(
    found: Sequence[Resolution],
    asked: RequirementSet,
    preferences: Mapping[Target, Preferences],
    settings: LockingOptions,
) -> None:
    """Raise NoResolutionError if an older series replaces a release that cannot be used, unless accepted."""
    existing_pins = {target: each.versions for target, each in preferences.items()}
    refuse_older_series(
        found, asked.constraints, existing_pins, frozenset(map(canonicalize_name, settings.accept_older))
    )


def _with_builds(
    lock: Lock, inputs: LockInputs, index: BuiltIndex, preferences: Mapping[Target, Preferences], progress: Progress
) -> tuple[Lock, list[str]]:
    """Return *lock* with the lock of what its builds need, if they need anything, and warnings."""
    found = resolve_builds(lock.built, index, preferences, inputs.policy, progress)
    warnings = list(_build_warnings(lock, inputs.built, found))
    if not found:
        return lock, warnings
    asked = RequirementSet(requirements=())
    made_with, indexes = inputs.made_with, inputs.indexes
    needed = LockInputs(asked=asked, policy=inputs.policy, indexes=indexes, made_with=made_with)
    return with_built(lock, lock.built, lock.recorded, build_lock(found, {}, needed)), warnings


def _build_preferences(
    lock: Lock, existing: Lock | None, upgraded: Collection[NormalizedName]
) -> Mapping[Target, Preferences]:
    """Return the preferred versions for builds: those of *lock*, else of *existing* unless *upgraded*."""
    found: dict[Target, Preferences] = {}
    earlier = existing.build if existing is not None else None
    for target in lock.targets:
        used = pinned_versions(earlier, target) if earlier is not None else {}
        kept = {name: version for name, version in used.items() if name not in upgraded}
        found[target] = Preferences(versions={**kept, **pinned_versions(lock, target)})
    return found


def _build_warnings(lock: Lock, built: Sequence[Built], build: Sequence[Resolution]) -> Iterator[str]:
    """Yield which projects nothing requires, and which are built against another version than they run with."""
    for each in built:
        if lock.package(each.name) is None:
            yield f"{each.name} is in [[built]], but nothing requires it: it is not locked"
    for resolution in build:
        locked = pinned_versions(lock, resolution.target)
        for pin in resolution.pins:
            if locked.get(pin.name, pin.version) != pin.version:
                yield f"builds need {pin.name} {pin.version}, but {locked[pin.name]} is locked to run with"


def overlap_warnings(resolutions: Sequence[Resolution], index: SimpleIndex) -> Iterator[str]:
    """Yield which wheels of a target install files of the same name."""
    from lockml.lock.checks.overlaps import find_overlaps, preferred_wheels  # loads what reads wheels

    for resolution in resolutions:
        wheels = preferred_wheels(resolution)
        yield from map(str, find_overlaps(wheels, index.tops(wheels), index.importable))


def _warnings(resolutions: Sequence[Resolution], older: Mapping[PinKey, str]) -> Iterator[str]:
    """Yield the warnings of each target, and once for each pin which newer release was passed over."""
    unexplained = set(older)
    for resolution in resolutions:
        yield from resolution.warnings
        unexplained -= {(each.name, each.chosen) for each in resolution.passed_over}
    for name, version in sorted(unexplained):
        newer, _, reason = older[name, version].partition(": ")
        yield f"{name} {newer} is passed over for {version}: {reason}"


def index_options(settings: LockingOptions) -> IndexOptions:
    """Return the index options in *settings*."""
    return IndexOptions(
        cache_dir=settings.cache_dir,
        offline=settings.offline,
        certificates=settings.cert,
        client_certificate=settings.client_cert,
        insecure_hosts=settings.allow_insecure_host,
        renew_all=settings.upgrade,
        renewed=frozenset(upgrade.name for upgrade in _upgrades(settings)),
    )


def source_settings(folder: Path, inputs: LockInputs, existing: Lock | None) -> SourceSettings:
    """Return the settings for direct references; the commits are those of *existing*."""
    return SourceSettings(
        folder=folder,
        policy=inputs.policy,
        host=host_target,
        commits=dict(locked_commits(existing)) if existing is not None else {},
        indexes=_distinguishing(inputs.indexes),
    )


def _asked(settings: LockingOptions, inputs: LockInputs, index: Index) -> RequirementSet:
    """Return the requirements with the names of their references and the bounds of --upgrade-package."""
    asked = name_requirements(inputs.asked, index)
    bounds = tuple(upgrade for upgrade in _upgrades(settings) if upgrade.specifier)
    return replace(asked, constraints=(*asked.constraints, *bounds))


def identified_lock(
    inputs: LockInputs,
    resolutions: Sequence[Resolution],
    before: tuple[Lock | None, Collection[NormalizedName]],
    index: Index,
    simple: SimpleIndex,
    older: Mapping[PinKey, str],
) -> tuple[Lock, list[str]]:
    """Return the lock with the identity of each wheel and each unlocked tool, and warnings.

    *before* is the existing lock, and the projects to upgrade.
    """
    existing, upgraded = before
    targets = [resolution.target for resolution in resolutions]
    tools = locked_tools(existing, targets, upgraded)
    wheels = wheels_of(resolutions)
    pinned = {pin.name for resolution in resolutions for pin in resolution.pins}
    brought = newest_wheels(TOOLS - pinned - {tool.name for tool in tools}, targets, index, inputs.policy)
    brought += wheels_of_tools([tool for tool in tools if tool.name not in pinned], index)
    identities = identities_of(wheels, brought, simple)
    disputes = list(_settled(existing, (*wheels, *brought), identities, simple)) if existing is not None else []
    for base in inputs.bases:
        disputes += _confirmed(base, wheels, identities, simple)
    recorded = recorded_tools(tools, brought, identities, pinned)
    return build_lock(resolutions, identities, inputs, recorded, older), disputes


def _settled(
    existing: Lock,
    wheels: Sequence[DistributionFile],
    identities: dict[str, ArtifactIdentity | str],
    index: SimpleIndex,
) -> Iterator[str]:
    """Correct *identities* that differ from those of the lock *existing* for the same bytes, and yield what was wrong.

    The bytes decide: someone may have changed the lock, or the index may lie. Raises PackageIndexError.
    """
    from lockml.lock.verification import disputed_wheels, is_same, locked_identities  # only for artifact identities

    before = locked_identities(existing)
    for name, found in index.examined(disputed_wheels(existing, wheels, identities)).items():
        if isinstance(found, PackageIndexError):
            raise found
        if is_same(before.get(name), found):
            yield f"{name}: the index serves other contents by ranges than as a whole; keeping the identity in the lock"
        else:
            yield f"{name}: the lock had a wrong identity: it was edited, or the index lied; corrected it"
        identities[name] = found


def _confirmed(
    base: BaseLock,
    wheels: Sequence[DistributionFile],
    identities: dict[str, ArtifactIdentity | str],
    index: SimpleIndex,
) -> Iterator[str]:
    """Read the wheels whose identities differ in *base* and *identities* whole, and yield where the index misled.

    What their bytes install goes into *identities*. Raises InputError where *base* is wrong, PackageIndexError.
    """
    from lockml.lock.verification import disputed_wheels, is_same, locked_identities  # only for artifact identities

    before = locked_identities(base.lock)
    for name, found in index.examined(disputed_wheels(base.lock, wheels, identities)).items():
        if isinstance(found, PackageIndexError):
            raise found
        if not is_same(before.get(name), found):
            problem = f"records another identity of {name} than its bytes have: the file was edited, or its index lied"
            raise InputError(base.path, problem, hint=f"lock {base.path} again with `lockml compile`, then this lock")
        yield f"{name}: the index serves other contents by ranges than as a whole; the identity of the whole is locked"
        identities[name] = found


def _distinguishing(indexes: NamedIndexes) -> str:
    """Return a key that identifies *indexes*, without credentials."""
    default = "" if indexes.url or indexes.no_index else redact(default_index_url())
    return repr((index_facts(indexes), default))


def _preferences(
    settings: LockingOptions, targets: Sequence[Target], lock: Lock | None
) -> Mapping[Target, Preferences]:
    """Return the preferred pins for each target: of the lock, then of the files to prefer, without upgrades."""
    upgraded = {requirement.name for requirement in _upgrades(settings)}
    others: dict[NormalizedName, Version] = {}
    for name in settings.prefer:
        try:
            others = {**_pins_to_prefer(name), **others}
        except RequirementError as error:
            raise hide_foreign_lines(error, lambda file: lies_in_project(file, settings.prefer)) from None
    expected = _pins_of(settings)
    return {
        target: Preferences(
            versions={
                name: version
                for name, version in {**others, **(pinned_versions(lock, target) if lock is not None else {})}.items()
                if name not in upgraded
            },
            expected=expected,
        )
        for target in targets
    }


def _pins_to_prefer(name: str) -> Mapping[NormalizedName, Version]:
    """Return the pins of the file *name*; if it pins a project more than once, the newest.

    Raises InputError, RequirementError.
    """
    if name.endswith((".lock", ".yml", ".yaml")):
        from lockml.cli.common.read_lock import read_lock  # loads the parsers of other locks

        with suppress(LockError):
            found: dict[NormalizedName, Version] = {}
            for package in read_lock(name).pylock.packages:
                if package.version is not None:
                    found[package.name] = max(package.version, found.get(package.name, package.version))
            return found
    return read_pins(name, read=read_file, environment=os.environ)


def _pins_of(settings: LockingOptions) -> Mapping[NormalizedName, Version]:
    """Return the pins in the existing lock by a quick look, which only decides what to fetch first."""
    path = Path(settings.lock)
    if settings.lock == "-" or not path.is_file():
        return {}
    found: dict[NormalizedName, Version] = {}
    for name, version in _PIN.findall(path.read_text("utf-8", "replace")):
        with suppress(InvalidVersion):
            found[canonicalize_name(name)] = Version(version)
    return found


def _upgrades(settings: LockingOptions) -> list[Requirement]:
    """Return the packages to upgrade, with bounds if given; raises RequirementError."""
    return [parse_requirement(text, Origin(file="--upgrade-package")) for text in settings.upgrade_package]
