"""Parse the reference of an image as engines do: ``python`` is ``docker.io/library/python``."""

import re
from typing import Final

from msgspec import Struct

__all__ = ["ImageName", "cuda_of", "parse_image", "python_of"]

_HUB: Final = "docker.io"
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_PYTHON: Final = re.compile(r"(\d+\.\d+)(?:\.\d+)?(?=$|[-a-z])")
_UV_PYTHON: Final = re.compile(r"(?:^|-)python(\d+\.\d+)(?=$|[-.])")
_CUDA: Final = re.compile(r"(\d{1,2}\.\d{1,2}(?:\.\d{1,2})?)(?=$|-)")
_CUDA_OF: Final = re.compile(r"(?:^|[-_.])cuda-?(\d{1,2}\.\d{1,2}(?:\.\d{1,2})?)(?=$|[-_])")
_SHORT_CUDA: Final = re.compile(r"(?:^|[-_.])cu(1\d)(\d)(\d)?(?=$|[-_.])")  # cu128, cu1281


class ImageName(Struct, frozen=True, kw_only=True):
    """An image: *repository* with its registry, *tag* and *digest*, each "" if there is none."""

    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def project(self) -> str:
        """The last part of the repository."""
        return self.repository.rpartition("/")[2]


def parse_image(text: str) -> ImageName:
    """Return the parts of *text*; nothing is refused."""
    text = re.sub(r"^(?:docker|registry|image|https?)[:]//", "", text.strip())
    name, _, digest = text.partition("@")
    head, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    repository = f"{head}{slash}{last}"
    first, slash, _ = repository.partition("/")
    if not slash:
        repository = f"{_HUB}/library/{repository}"
    elif first in (_HUB, "index.docker.io", "registry-1.docker.io"):
        inside = repository[len(first) + 1 :]
        repository = f"{_HUB}/{inside}" if "/" in inside else f"{_HUB}/library/{inside}"
    elif not (set(first) & set(".:") or first == "localhost"):
        repository = f"{_HUB}/{repository}"
    return ImageName(repository=repository, tag=tag, digest=digest if _DIGEST.fullmatch(digest) else "")


def cuda_of(image: ImageName) -> str:
    """Return the CUDA version, ``12.8.1`` or ``12.8``, in the tag of *image*, "" if it names none."""
    if image.project == "cuda":
        match = _CUDA.match(image.tag)
        return match[1] if match else ""
    named = _CUDA_OF.search(image.tag.lower())
    if named:
        return named[1]
    short = _SHORT_CUDA.search(image.tag.lower())
    return ".".join(filter(None, short.groups())) if short else ""


def python_of(image: ImageName) -> str | None:
    """Return the Python, such as ``3.11``, in the tag of a well-known image, None if it names none."""
    if image.project == "python":
        match = _PYTHON.match(image.tag)
        return match[1] if match else None
    if image.project == "uv":
        match = _UV_PYTHON.search(image.tag)
        return match[1] if match else None
    return None
