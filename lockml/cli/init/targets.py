"""Choose the target for a folder from options and its Dockerfile: a container, not this machine."""

import platform
import sys
from pathlib import Path
from typing import Final, NamedTuple

from lockml.cli.common.files import read_file
from lockml.cli.common.subject_options import parse_subject
from lockml.cli.compile.options import TargetOptions
from lockml.common.errors import InputError, LockmlError
from lockml.common.platforms import parse_platform
from lockml.docker.dockerfile.images import parse_image, python_of
from lockml.docker.dockerfile.parse import parse_dockerfile
from lockml.docker.dockerfile.source import decode
from lockml.docker.dockerfile.stages import build_stages

__all__ = ["ChosenTarget", "choose_target", "dockerfile_base", "target_words"]

_LIBCS: Final = (("buster", "2.28"), ("bullseye", "2.31"), ("bookworm", "2.36"), ("trixie", "2.41"))
_USUAL_LIBC: Final = "glibc-2.36"
_USUAL_PLATFORM: Final = "linux/amd64"
_PYTHON_IMAGE: Final = "docker.io/library/python"
_ALPINE: Final = "alpine"


class ChosenTarget(NamedTuple):
    """The options of ``compile`` that name the target, its image, and the *reason* for both.

    *base* is a reference, ``[image:|registry:]REF``, None if none is known that FROM accepts.
    """

    options: TargetOptions
    base: str | None
    reason: str


def choose_target(options: TargetOptions, origin: str, dockerfile: str) -> ChosenTarget:
    """Return the target of *options* with their *origin*, else the base image of the *dockerfile*, else the default.

    No registry is contacted, because images are large, unless ``registry:REF`` is given.
    """
    if options.base_image is not None and not _names_kind(options.base_image):
        return _of_reference(options.base_image, options, origin)
    if options.base_image is not None or options.target or options.tags:
        return ChosenTarget(options, _from_reference(options.base_image), origin)
    if options.named:
        return ChosenTarget(_completed(options), None, origin)
    reference = dockerfile_base(dockerfile)
    if reference is not None:
        return _of_reference(reference, options, f"FROM in {dockerfile} is {reference}")
    return ChosenTarget(_completed(options), None, "the official image of this Python; see --python and --base-image")


def dockerfile_base(name: str) -> str | None:
    """Return the image of the last stage of the Dockerfile *name*, None if unknown."""
    if not Path(name).is_file():
        return None
    stages = build_stages(parse_dockerfile(decode(read_file(name), name)))
    base = stages[-1].base if stages else None
    while base is not None and base.stage is not None:
        base = stages[base.stage].base
    return base.value if base is not None and base.value not in (None, "scratch") else None


def target_words(options: TargetOptions) -> list[str]:
    """Return *options* as arguments of a command."""
    values = {
        "--base-image": options.base_image,
        "--python": options.python,
        "--platform": options.platform,
        "--libc": options.libc,
        "--tags": options.tags,
    }
    words = [word for name, value in values.items() if value for word in (name, value)]
    return [*words, *(word for each in options.target for word in ("--target", each))]


def _of_reference(reference: str, given: TargetOptions, origin: str) -> ChosenTarget:
    """Return the target of an image: from the engine, else from the name of an official Python image."""
    if _engine_has(reference):
        options = given._replace(base_image=f"image:{reference}")
        return ChosenTarget(options, options.base_image, f"{origin}, read from the engine")
    image = parse_image(reference)
    python = python_of(image)
    if image.repository == _PYTHON_IMAGE and python is not None:
        options = given._replace(base_image=None, python=given.python or python)
        musl = _ALPINE in image.tag
        libc = "musl-1.2" if musl else next((f"glibc-{v}" for name, v in _LIBCS if name in image.tag), _USUAL_LIBC)
        return ChosenTarget(_completed(options, libc), reference, f"{origin}, by its name")
    if given.base_image is not None:  # `compile` reports what is wrong with it
        return ChosenTarget(given._replace(base_image=f"image:{reference}"), reference, origin)
    reason = f"{origin}, which the engine does not have: pull it and run again, or name --python and --libc"
    return ChosenTarget(_completed(given), reference, reason)


def _completed(options: TargetOptions, libc: str = _USUAL_LIBC) -> TargetOptions:
    """Return *options* with defaults: this Python without its patch release, on Linux."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    system = options.platform or _platform()
    return options._replace(
        python=options.python or version,
        platform=system,
        libc=options.libc or (libc if system.startswith("linux/") else None),
    )


def _platform() -> str:
    """Return Linux on the processor of this machine."""
    try:
        return str(parse_platform(f"linux/{platform.machine().lower()}"))
    except InputError:
        return _USUAL_PLATFORM


def _from_reference(base_image: str | None) -> str | None:
    """Return *base_image* if FROM can name it, as it cannot name an archive."""
    return base_image if base_image is not None and base_image.startswith(("image:", "registry:")) else None


def _names_kind(base_image: str) -> bool:
    return bool(parse_subject(base_image, usual="").kind)


def _engine_has(reference: str) -> bool:
    from lockml.subjects.open import engine_of_environment

    try:
        engine_of_environment().image(reference)
    except LockmlError:
        return False
    return True
