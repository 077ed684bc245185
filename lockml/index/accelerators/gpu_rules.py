"""What is not there for the GPU of a host: kernels for its architecture, or a driver that compiles their PTX."""

from collections.abc import Iterator, Sequence

from lockml.index.accelerators.builds import Build, parsed, running
from lockml.index.accelerators.drivers import architecture_of, driver_of_toolkit, number, parse_driver
from lockml.index.accelerators.facts import facts
from lockml.index.accelerators.model import Finding, Stack
from lockml.index.accelerators.words import built_for, driver_text, finding

__all__ = ["missing_kernels", "ptx"]


def missing_kernels(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield a torch that has nothing for the GPU; that is known only where something says which GPU it is."""
    gpu, rule = _architecture(stack)
    if not gpu:
        return
    torch = next((each for each in builds if each.part.name == "torch"), None)
    kernels = _kernels(torch, stack) if torch is not None else ()
    if torch is not None and kernels:
        if not _runs(gpu, kernels):
            has = f"{kernels[0].rstrip('+')} to {kernels[-1].rstrip('+')}"
            build = "" if "+" in torch.part.version else f" ({torch.accelerator})"
            text = f"{torch.title}{build} has kernels for {has}, and the GPU is {gpu}"
            yield finding(rule, torch, text, _fitting(torch, stack, gpu))
        return
    old = [each for each in running(builds) if each.role == "binary" and each.major == 13]
    if gpu in facts().architectures.old and old:
        text = f"{built_for(old, 13)}, which has nothing for a GPU of {gpu}"
        yield finding(rule, old[0], text, "lock a CUDA 12 build")


def _architecture(stack: Stack) -> tuple[str, str]:
    """Return the architecture of the GPU, "" where it is not known, and the rule that it is held by."""
    declared = stack.declared.gpu
    if declared:
        found = architecture_of(declared)
        return found, "arch-declared" if found == declared or declared.lower().startswith("sm") else "arch-of-model"
    if stack.ground.tegra:
        return facts().architectures.tegra.get(stack.ground.tegra.partition(".")[0], ""), "arch-of-image"
    known = [found for gpu in stack.ground.gpus if (found := architecture_of(gpu))]
    return (min(known, key=number), "arch-of-model") if known else ("", "")


def _kernels(torch: Build, stack: Stack) -> tuple[str, ...]:
    """Return the architectures of *torch*, or of the release next to it that was read; () where none is known."""
    version = parsed(torch.part.version)
    if version is None or len(torch.cuda) < 2 or (version.is_prerelease and version.local):
        return ()
    cuda = f"{torch.cuda[0]}.{torch.cuda[1]}"
    rows = [row for row in facts().kernels.torch if row[:2] == (cuda, stack.machine)]
    own = version.release[:2]

    def distance(row: tuple[str, str, str, str, tuple[str, ...]]) -> int:
        first, last = number(row[2])[:2], number(row[3])[:2]
        return max(first[1] - own[1], own[1] - last[1], 0) if own[0] == 2 else 100

    return min(rows, key=distance)[4] if rows else ()


def _runs(gpu: str, kernels: Sequence[str]) -> bool:
    """Say whether a GPU runs any of *kernels*: of its major up to its minor, or compiled from PTX of an older one."""
    own = number(gpu)
    for each in kernels:
        other = number(each)
        if (each.endswith("+") and other <= own) or (other[0] == own[0] and other <= own):
            return True
    return False


def _fitting(torch: Build, stack: Stack, gpu: str) -> str:
    """Return what to lock for a *gpu*."""
    release = torch.part.version.partition("+")[0]
    own = number(release)[:2]
    later = [each for each in facts().torch.releases if number(each.version) >= own]
    for row in later:
        for accelerator in reversed(row.builds):
            digits = accelerator.removeprefix("cu")
            if digits == accelerator:
                continue
            cuda = f"{digits[:2]}.{digits[2:]}"
            kernels = [each[4] for each in facts().kernels.torch if each[:2] == (cuda, stack.machine)]
            if kernels and _runs(gpu, kernels[0]):
                version = release if number(row.version) == own else row.version
                return f"lock torch {version}+{accelerator}"
    return "lock a build of torch for this GPU"


def ptx(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield where code can only be there as PTX of a newer toolkit than the driver, which does not compile it."""
    driver, (gpu, _) = parse_driver(stack.driver), _architecture(stack)
    binaries = [each for each in running(builds) if each.role == "binary"]
    if driver is None or not gpu or stack.ground.tegra:
        return
    toolkit = max((each.cuda for each in binaries if len(each.cuda) == 2), default=number(stack.ground.cuda)[:2])
    if not toolkit or number(driver_of_toolkit(toolkit)) <= driver:
        return
    torch = next((each for each in binaries if each.part.name == "torch"), None)
    kernels = _kernels(torch, stack) if torch is not None else ()
    exact = [each for each in kernels if not each.endswith("+") and _runs(gpu, [each])]
    only = bool(kernels) and not exact and number(gpu) != number(kernels[-1])
    if not (only or (not kernels and gpu in facts().architectures.old)):
        return
    cuda = f"CUDA {toolkit[0]}.{toolkit[1]}"
    text = f"driver {driver_text(stack)} runs CUDA {toolkit[0]}, but does not compile PTX of {cuda} for a GPU of {gpu}"
    remedy = f"use driver {driver_of_toolkit(toolkit)} or newer, or builds with kernels for {gpu}"
    yield finding("ptx", torch or "driver", text, remedy)
