"""The base image: its target, the packages that it provides, and the facts that the lock keeps."""

from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from lockml.cli.common.environment_target import EnvironmentTarget, target_of
from lockml.cli.common.options import parse_value
from lockml.cli.common.subject_options import parse_subject
from lockml.cli.common.terminal import progress_line
from lockml.cli.compile.image.constraints import read_constraints
from lockml.cli.compile.image.provided import ImageProvides, provided_of_lock, read_provided, selected
from lockml.cli.compile.image.twice import stock_of
from lockml.cli.compile.options import TargetOptions
from lockml.common.errors import InputError
from lockml.common.target import Target, parse_libc, parse_platform, parse_python
from lockml.drift.ground.accelerators import parts_of
from lockml.index.accelerators.choice import accelerator_of
from lockml.inventory.collect import take_inventory
from lockml.inventory.model import Inventory
from lockml.lock.model import BaseImage, Lock
from lockml.subjects.model import ReadOptions
from lockml.subjects.open import SubjectName, open_subject

__all__ = ["ImageFacts", "read_base_image"]


_FOR_THAT: Final = "and its packages are for that: remove this option, or --provided"


class ImageFacts(NamedTuple):
    """What a base image decides: *options* completed by it, and the facts that the lock keeps.

    *target* is the target of the image.
    """

    options: TargetOptions
    image: BaseImage
    provides: ImageProvides
    notes: tuple[str, ...]


class _Found(NamedTuple):
    image: BaseImage
    target: EnvironmentTarget
    provides: ImageProvides = ImageProvides()
    notes: tuple[str, ...] = ()


def read_base_image(options: TargetOptions, lock: Lock | None) -> ImageFacts:
    """Return what the base image of *options* decides.

    If *lock* was made for that image, nothing is opened, for checks without a network. Raises InputError,
    UnreachableError.
    """
    name = options.base_image or ""
    named = parse_subject(name, usual="image")
    locked = lock.base_image if lock is not None else None
    if lock is not None and lock.targets and locked is not None and locked.reference == named.name:
        found = _Found(locked, _as_environment(lock.targets[0]), _provided_again(options, lock))
    else:
        found = _read(name, named, options)
    own = not options._replace(base_image=None).named
    image = replace(found.image, kind=named.kind, gives_target=own)
    if options.target and found.provides.packages.selection:
        raise InputError(
            "--provided", "works with one target only, that of the image", hint="compile a lock for each image"
        )
    if found.provides.packages.selection:
        _require_own(options, found.target)
    elif options.provided_mode and not options.provided:
        raise InputError("--provided-mode", "needs --provided", hint="add --provided all")
    if not options.target:
        options = options._replace(
            python=options.python or found.target.python,
            platform=options.platform or found.target.platform,
            libc=options.libc or found.target.libc,
        )
    if not options.base_constraints:
        image = replace(image, constraints=())
    return ImageFacts(options, image, found.provides, (*found.notes, *found.provides.notes))


def _require_own(options: TargetOptions, own: EnvironmentTarget) -> None:
    """Raise InputError if *options* name another target than the image's *own*: its packages are for that."""
    if options.python and _load(options.python) != _load(own.python):
        raise InputError(f"--python {options.python}", f"the base image has {own.python}, {_FOR_THAT}")
    if options.platform and str(parse_value("--platform", options.platform, parse_platform)) != str(
        parse_platform(own.platform)
    ):
        raise InputError(f"--platform {options.platform}", f"the base image is for {own.platform}, {_FOR_THAT}")
    if (
        options.libc
        and own.libc
        and parse_value("--libc", options.libc, parse_libc).family != parse_libc(own.libc).family
    ):
        raise InputError(f"--libc {options.libc}", f"the base image has {own.libc}, {_FOR_THAT}")


def _load(text: str) -> tuple[object, ...]:
    """Return the key that Pythons share if they load the same packages."""
    python = parse_value("--python", text, parse_python)
    return python.version.release[:2], python.implementation, python.free_threaded


def _provided_again(options: TargetOptions, lock: Lock) -> ImageProvides:
    """Return what *lock* provides with today's *options*: other options make it another lock."""
    selection = selected(options.provided) if options.provided else lock.provided.selection
    mode = options.provided_mode or lock.provided.mode
    packages = replace(lock.provided, selection=selection, mode=mode)
    return provided_of_lock(packages, mode)  # type: ignore[arg-type]  # one of the modes, or refused as out of date


def _as_environment(target: Target) -> EnvironmentTarget:
    libc = str(target.libc) if target.libc is not None else None
    return EnvironmentTarget(python=target.python_text, platform=str(target.platform), libc=libc)


def _read(name: str, subject: SubjectName, options: TargetOptions) -> _Found:
    """Return the target, packages and constraints of an image."""
    option = f"--base-image {name!r}"
    platform = options.platform
    wanted = str(parse_value("--platform", platform, parse_platform)) if platform else "linux/amd64"
    with (
        progress_line() as progress,
        open_subject(subject, ReadOptions(platforms=(wanted,), progress=progress)) as opened,
    ):
        if not opened.subject.layers:
            raise InputError(
                option, "is not an image", hint="name one: image:REF, registry:REF, archive:FILE or oci:DIR"
            )
        inventory = take_inventory(opened.tree, opened.subject, opened.runtime)
        environment = inventory.environment
        runtime, selection = opened.runtime, selected(options.provided)
        provides = ImageProvides()
        if selection:
            mode = options.provided_mode or "keep"
            provides = read_provided(opened.tree, environment.distributions, selection, mode)
            virtual = environment.prefix if environment.virtual else ""
            provides = replace(provides, packages=replace(provides.packages, virtual=virtual))
        constraints, notes = (
            read_constraints(opened.tree, runtime.environment, environment.prefix, runtime.working_folder, subject.name)
            if options.base_constraints
            else ((), ())
        )
        layers = opened.subject.layers
        cuda = runtime.environment.get("CUDA_VERSION", "")
        provides = replace(provides, stock=stock_of(opened.tree, environment.distributions, cuda))
    image = BaseImage(reference=subject.name, layers=layers, constraints=constraints, **_of_accelerator(inventory))
    return _Found(image, target_of(environment, option), provides, notes)


def _of_accelerator(inventory: Inventory) -> dict[str, Any]:
    """Return the CUDA facts of the image, and the accelerator that it is for."""
    ground = inventory.ground
    accelerator = accelerator_of(ground, parts_of(inventory))
    return {"cuda": ground.cuda, "requires": ground.requires, "accelerator": accelerator}
