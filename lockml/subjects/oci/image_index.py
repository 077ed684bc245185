"""Choose an image from an index, by name and platform: OCI image specification, "Image Index".

Platforms are compared as in containerd, after its normalisation. Two matching images are an error, as engines
disagree about which one to use.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from lockml.inventory.file_tree import UnreadableError

__all__ = ["Descriptor", "Platform", "choose", "fits", "is_image", "names_of", "normalized"]

_NAMES: Final = ("org.opencontainers.image.ref.name", "io.containerd.image.name")
_LAYER: Final = ("application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs.")
_CONFIGS: Final = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
Fetch = Callable[[str], bytes]


class Platform(msgspec.Struct):
    """The platform that an image is built for."""

    architecture: str = ""
    os: str = ""
    variant: str = ""
    os_version: str = msgspec.field(default="", name="os.version")
    os_features: list[str] = msgspec.field(default_factory=list, name="os.features")

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


class Descriptor(msgspec.Struct, rename="camel"):
    """A descriptor of a part in an index or a manifest."""

    digest: str
    media_type: str = ""
    size: int = 0
    platform: Platform | None = None
    annotations: dict[str, str] = {}


class _Looked(msgspec.Struct, rename="camel"):
    """A manifest or an index, as far as it shows whether it describes an image."""

    config: Descriptor | None = None
    layers: list[Descriptor] = []
    manifests: list[Descriptor] | None = None


def normalized(platform: Platform) -> tuple[str, str, str]:
    """Return operating system, architecture and variant as containerd normalises them (`platforms.Normalize`)."""
    system, machine, variant = (part.lower() for part in (platform.os, platform.architecture, platform.variant))
    system = {"macos": "darwin"}.get(system, system)
    machine = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386"}.get(machine, machine)
    if machine in ("armhf", "armel"):
        machine, variant = "arm", "v7" if machine == "armhf" else "v6"
    if machine == "arm":
        variant = {"": "v7", "5": "v5", "6": "v6", "7": "v7", "8": "v8"}.get(variant, variant)
    plain = {"amd64": ("v1",), "arm64": ("8", "v8", "8.0", "v8.0"), "386": (variant,)}.get(machine, ())
    return system, machine, "" if variant in plain else variant


def fits(platform: Platform, wanted: str) -> bool:
    """Return whether *platform* is the *wanted* one, ``linux/amd64`` or ``linux/arm/v7``."""
    system, machine, variant = (*wanted.split("/"), "", "")[:3]
    return normalized(platform) == normalized(Platform(os=system, architecture=machine, variant=variant))


def names_of(descriptor: Descriptor) -> Iterator[str]:
    """Yield the names that an index gives an image."""
    for key in _NAMES:
        if key in descriptor.annotations:
            yield descriptor.annotations[key]


def is_image(descriptor: Descriptor) -> bool:
    """Return whether *descriptor* may be an image by its platform, the only criterion of engines."""
    platform = descriptor.platform
    return platform is None or "unknown" not in (platform.os, platform.architecture)  # BuildKit's attestations


def choose(manifests: Sequence[Descriptor], platforms: Sequence[str], wanted: str | None, fetch: Fetch) -> Descriptor:
    """Return the *wanted* image, or the one for the first of *platforms* that has one.

    *fetch* returns documents by digest. Raises UnreadableError.
    """
    named = [each for each in manifests if wanted is None or _is_called(each, wanted)]
    if wanted is not None and not named:
        raise UnreadableError("index.json", f"it has no image {wanted!r}: it has {_names(manifests) or 'nothing'}")
    images = list({each.digest: each for each in named if is_image(each)}.values())
    if len(images) > 1:
        images = [each for each in images if each.platform is not None or _holds_image(each, fetch)]
    if len(images) == 1 and (images[0].platform is None or wanted is not None):
        return images[0]
    for platform in platforms:
        fitting = [each for each in images if each.platform is not None and fits(each.platform, platform)]
        if len(fitting) > 1:
            raise _several(fitting, f"are for {platform}")
        if fitting:
            return fitting[0]
    if len(images) > 1 and all(each.platform is None for each in images):
        raise _several(images, "name no platform")
    listed = ", ".join(str(each.platform or _name(each)) for each in manifests) or "nothing"
    raise UnreadableError("index.json", f"it has no image for {' or '.join(platforms)}: it has {listed}")


def _is_called(descriptor: Descriptor, wanted: str) -> bool:
    names = (descriptor.digest, *names_of(descriptor))
    return wanted in names or f"docker.io/library/{wanted}" in names or f"docker.io/{wanted}" in names


def _several(images: Sequence[Descriptor], are: str) -> UnreadableError:
    if len({_name(each) for each in images if any(names_of(each))}) == len(images):
        return UnreadableError("index.json", f"it has {len(images)} images; name one: DIR:REF, with {_names(images)}")
    listed = f"{len(images)} of its images {are}, and engines disagree about which one to use"
    return UnreadableError("index.json", f"{listed}; name one: DIR:REF, with {_names(images)}")


def _names(manifests: Sequence[Descriptor]) -> str:
    return ", ".join(_name(each) for each in manifests)


def _name(descriptor: Descriptor) -> str:
    return next(names_of(descriptor), descriptor.digest)


def _holds_image(descriptor: Descriptor, fetch: Fetch) -> bool:
    """Return whether a descriptor without a platform is an image or an index rather than a signature or the like."""
    try:
        found = msgspec.json.decode(fetch(descriptor.digest), type=_Looked)
    except (msgspec.MsgspecError, UnicodeDecodeError, UnreadableError):
        return True  # reading it later reports what is wrong with it
    if found.manifests is not None:
        return True
    config = found.config.media_type if found.config is not None else "none"
    types = [each.media_type for each in found.layers]
    return config in ("", *_CONFIGS) and all(not each or each.startswith(_LAYER) for each in types)
