"""What was built for another torch than the one that is there: another release, another ABI, another CUDA."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from lockml.index.accelerators.builds import Build, parsed
from lockml.index.accelerators.drivers import number
from lockml.index.accelerators.facts import facts
from lockml.index.accelerators.model import Finding, Stack
from lockml.index.accelerators.words import finding, with_article

__all__ = ["family", "other_torch", "xformers"]

_TORCH: Final = re.compile(r"(?:torch|pt)(\d)\.?(\d{1,2})(?!\d)")
_ABI: Final = re.compile(r"cxx11abi(true|false)")


def other_torch(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield binaries whose local version names another torch: they fail at import, for want of a symbol."""
    torch = stack.part("torch")
    version = parsed(torch.version) if torch is not None else None
    if torch is None or version is None:
        return
    own_build = version.is_prerelease and version.local is not None  # an image's own, of no release
    for each in builds:
        local = each.part.version.partition("+")[2].lower()
        named = _TORCH.search(local)
        if named is None or each.part.name == "torch":
            continue
        built = f"{named[1]}.{named[2]}"
        if number(built) == version.release[:2] and not own_build and _same_abi(local, version.release[:2]):
            continue
        abi = " with another C++ ABI" if number(built) == version.release[:2] and not own_build else ""
        text = f"{each.title} was built for torch {built}{abi}, and torch is {torch.version}"
        remedy = f"lock a build for {torch.version}, or torch {built}"
        if own_build:
            remedy = "keep the one of the base image, or build it there"
        yield finding("binary-of-another-torch", each, text, remedy)
        return


def _same_abi(local: str, release: tuple[int, ...]) -> bool:
    """Say whether a build fits torch's C++ ABI as far as that is known: the new one since 2.7, the old before 2.6."""
    abi = _ABI.search(local)
    if abi is None or release == (2, 6):
        return True
    return (abi[1] == "true") == (release > (2, 6))


def xformers(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield an xformers that was built for a torch of another accelerator: it is imported, without its kernels."""
    own = next((each for each in builds if each.part.name == "xformers"), None)
    torch = next((each for each in builds if each.part.name == "torch"), None)
    if own is None or torch is None or not own.kind or not torch.kind:
        return
    if own.kind == torch.kind and own.major == torch.major:
        return
    built = own.part.torch or next(
        (f"{of}+{cuda}" for version, of, cuda in facts().xformers.wheels if version == own.part.version),
        own.accelerator,
    )
    text = f"{own.title} was built for torch {built}, and {torch.title} is {with_article(torch.accelerator)}"
    release = torch.part.version.partition("+")[0]
    remedy = f"lock torch {release}+{own.accelerator}, or xformers of the index for {torch.accelerator}"
    yield finding("xformers-of-another-torch", own, text, remedy)
    del stack


def family(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield members of torch's family that name another kind of build, or another CUDA major, than torch."""
    torch = next((each for each in builds if each.part.name == "torch"), None)
    if torch is None or not torch.kind:
        return
    for each in builds:
        if each.part.name not in facts().family.members or each.part.name in ("torch", "xformers") or not each.kind:
            continue
        if each.kind != torch.kind and "cpu" in (each.kind, torch.kind):
            text = (
                f"{each.title} is {with_article(each.accelerator)}, and {torch.title} {with_article(torch.accelerator)}"
            )
            yield finding("mixed-family", each, text, "lock both from one index")
            return
    del stack
