"""Libraries that a lock installs although the base image has them, with their size in MiB."""

from collections.abc import Iterator, Mapping

from msgspec import Struct
from packaging.pylock import Package
from packaging.utils import NormalizedName

from lockml.common.target import Target
from lockml.inventory.file_tree import FileTree
from lockml.inventory.model import InstalledDistribution
from lockml.lock.model import Lock
from lockml.lock.references import wheels_of

__all__ = ["ImageStock", "libraries_twice", "stock_of"]

_CUDA = "nvidia-"
_MIB = 1 << 20
_SMALL = _MIB  # less than this is not worth a warning


class ImageStock(Struct, frozen=True, kw_only=True):
    """The packages of an image: the version of each project, and the CUDA release of its system, "" for none."""

    versions: Mapping[NormalizedName, str] = {}
    cuda: str = ""


def stock_of(tree: FileTree, distributions: tuple[InstalledDistribution, ...], cuda: str) -> ImageStock:
    """Return the packages of an image; *cuda* is the CUDA version in its variables."""
    found: dict[NormalizedName, str] = {}
    for each in distributions:
        found.setdefault(each.name, each.version)
    has_cuda = cuda or ("its own" if tree.kind("/usr/local/cuda") == "folder" else "")
    return ImageStock(versions=found, cuda=has_cuda)


def libraries_twice(lock: Lock, stock: ImageStock) -> Iterator[str]:
    """Yield what *lock* installs in addition to the same library of the image, with the size of its wheel."""
    target = lock.targets[0]
    cuda = [package for package in lock.pylock.packages if package.name.startswith(_CUDA)]
    size = sum(_size(package, target) for package in cuda)
    if stock.cuda and size > _SMALL:
        yield (
            f"{len(cuda)} locked packages install their own CUDA ({size // _MIB} MiB of wheels) although the base "
            f"image has CUDA {stock.cuda}: use its packages (--provided), or a base image without CUDA"
        )
    for package in lock.pylock.packages:
        there, size = stock.versions.get(package.name), _size(package, target)
        if there is not None and size > _SMALL:
            yield (
                f"{package.name} {package.version} ({size // _MIB} MiB) is installed although the base "
                f"has {package.name} {there}, which stays in its layer"
            )


def _size(package: Package, target: Target) -> int:
    """Return the size of the wheel of *package* for *target* in bytes, 0 if unknown."""
    ranked = [
        (rank, wheel.size or 0) for wheel in wheels_of(package) if (rank := _rank(target, wheel.filename)) is not None
    ]
    return min(ranked)[1] if ranked else 0


def _rank(target: Target, filename: str) -> int | None:
    try:
        return target.rank_of_wheel(filename)
    except ValueError:
        return None
