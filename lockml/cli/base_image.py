"""The base image that a user names in; what of it the lock keeps, and the target that it is, out."""

from dataclasses import replace

from lockml.cli.inputs import CompileSettings
from lockml.cli.subjects import open_subject, parse_subject
from lockml.errors import InputError, UnreachableError
from lockml.inventory.sources.opened import ReadOptions
from lockml.inventory.take import take_inventory
from lockml.lock.model import BaseImage, Lock

__all__ = ["with_base_image"]

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def with_base_image(settings: CompileSettings, lock: Lock | None) -> tuple[CompileSettings, BaseImage | None]:
    """Return *settings* with what the base image is where they leave it open, and what the lock keeps of the image.

    Where *lock* was made for the image of that name, nothing is opened: that is for checks without a network. Raises
    InputError, UnreachableError.
    """
    name = settings.base_image
    if name is None:
        return settings, None
    if lock is not None and lock.base_image is not None and lock.base_image.reference == name.partition(":")[2]:
        image, target = lock.base_image, lock.targets[0]
        found = (target.python_text, str(target.platform), str(target.libc) if target.libc is not None else None)
    else:
        image, *found = _read(name, settings.platform)  # type: ignore[assignment]  # three texts
    if settings.target:
        return settings, image
    python, platform, libc = found
    return (
        replace(
            settings,
            python=settings.python or python,
            platform=settings.platform or platform,
            libc=settings.libc or libc,
        ),
        image,
    )


def _read(name: str, platform: str | None) -> tuple[BaseImage, str, str, str]:
    """Return the image and its Python, platform and C library, as options name them."""
    place = f"--base-image {name!r}"
    with open_subject(parse_subject(name), ReadOptions(platforms=(platform or "linux/amd64",))) as opened:
        if not opened.subject.layers:
            raise InputError(place, "is no image", hint="name one: image:REF, registry:REF, archive:FILE or oci:DIR")
        environment = take_inventory(opened.tree, opened.subject, opened.runtime).environment
        layers = opened.subject.layers
    architecture = _ARCHITECTURES.get(environment.machine or "")
    if architecture is None or environment.libc is None:
        raise UnreachableError(place, "its platform cannot be told", hint="name it: --platform and --libc")
    image = BaseImage(reference=name.partition(":")[2], layers=layers)
    return image, environment.python, f"linux/{architecture}", str(environment.libc)
