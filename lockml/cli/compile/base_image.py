"""The base image that a user names in; what of it the lock keeps, and the target that it is, out."""

from msgspec.structs import replace

from lockml.cli.common.environment_target import EnvironmentTarget, target_of
from lockml.cli.common.options import parse_value
from lockml.cli.common.subject_options import parse_subject
from lockml.cli.compile.options import TargetOptions
from lockml.common.errors import InputError
from lockml.common.target import Target, parse_platform
from lockml.drift.accelerators import parts_of
from lockml.index.accelerators.choice import accelerator_of
from lockml.inventory.collect import take_inventory
from lockml.lock.model import BaseImage, Lock
from lockml.subjects.model import ReadOptions
from lockml.subjects.open import SubjectName, open_subject

__all__ = ["with_base_image"]


def with_base_image(options: TargetOptions, lock: Lock | None) -> tuple[TargetOptions, BaseImage]:
    """Return *options* with what their base image is where they leave it open, and what the lock keeps of the image.

    Where *lock* was made for the image of that name, nothing is opened: that is for checks without a network. Raises
    InputError, UnreachableError.
    """
    name = options.base_image or ""
    named = parse_subject(name, usual="image")
    locked = lock.base_image if lock is not None else None
    if lock is not None and lock.targets and locked is not None and locked.reference == named.name:
        image, found = locked, _as_environment(lock.targets[0])
    else:
        image, found = _read(name, named, options.platform)
    own = not options._replace(base_image=None).named
    image = replace(image, kind=named.kind, gives_target=own)
    if options.target:
        return options, image
    completed = options._replace(
        python=options.python or found.python,
        platform=options.platform or found.platform,
        libc=options.libc or found.libc,
    )
    return completed, image


def _as_environment(target: Target) -> EnvironmentTarget:
    libc = str(target.libc) if target.libc is not None else None
    return EnvironmentTarget(python=target.python_text, platform=str(target.platform), libc=libc)


def _read(name: str, subject: SubjectName, platform: str | None) -> tuple[BaseImage, EnvironmentTarget]:
    """Return the image, and the target that it is."""
    option = f"--base-image {name!r}"
    named = str(parse_value("--platform", platform, parse_platform)) if platform else "linux/amd64"
    with open_subject(subject, ReadOptions(platforms=(named,))) as opened:
        if not opened.subject.layers:
            raise InputError(option, "is no image", hint="name one: image:REF, registry:REF, archive:FILE or oci:DIR")
        inventory = take_inventory(opened.tree, opened.subject, opened.runtime)
        environment, ground = inventory.environment, inventory.ground
        layers = opened.subject.layers
    image = BaseImage(
        reference=subject.name,
        layers=layers,
        accelerator=accelerator_of(ground, parts_of(inventory)),
        cuda=ground.cuda,
        requires=ground.requires,
    )
    return image, target_of(environment, option)
