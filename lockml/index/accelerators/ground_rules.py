"""What is not what was locked for: another accelerator than declared or locked, and another CUDA than the image's."""

from collections.abc import Iterator, Sequence

from lockml.common.settings import setting
from lockml.index.accelerators.builds import Build, build_of, kind_of, not_excused
from lockml.index.accelerators.drivers import driver_floor, number
from lockml.index.accelerators.facts import facts
from lockml.index.accelerators.model import Finding, Stack
from lockml.index.accelerators.words import (
    CPU_REMEDY,
    another_build,
    built_for,
    finding,
    joined,
    library_count,
    titles,
    with_article,
)

__all__ = ["base_major", "cpu_with_cuda", "not_as_declared", "not_as_locked"]


def not_as_locked(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield what was installed for another accelerator than it was locked for."""
    found = {each.part.name: each for each in builds}
    differing: list[tuple[Build, Build]] = []
    for part in stack.locked:
        locked, there = build_of(part, stack), found.get(part.name)
        if there is not None and _differ(locked.accelerator, there.accelerator):
            differing.append((locked, there))
    if differing:
        differing.sort(key=lambda pair: pair[0].part.name != "torch")
        locked, there = differing[0]
        more = f" (and {len(differing) - 1} more)" if len(differing) > 1 else ""
        same = there.part.version == locked.part.version
        other = f"a build for {there.accelerator}" if same else f"{there.part.version} ({there.accelerator})"
        text = f"{locked.title}{more} is locked for {locked.accelerator}, and {other} is installed"
        yield finding("other-accelerator", there, text, "build again from the lock")


def _differ(one: str, other: str) -> bool:
    """Say whether two accelerators are known not to be the same."""
    if not one or not other:
        return False
    if kind_of(one) == "cuda" and kind_of(other) == "cuda":
        return not (one.startswith(other) or other.startswith(one))
    return kind_of(one) != kind_of(other)


def not_as_declared(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield what is for another accelerator than the lock is for."""
    declared = stack.declared.accelerator
    kind = kind_of(declared)
    if kind == "cpu":
        yield from _for_cpu(stack, builds)
    elif kind and stack.system != "macos":
        torch = next((each for each in builds if each.part.name == "torch"), None)
        if torch is None or not _differ(declared, torch.accelerator):
            return
        text = f"the lock is for {declared}, and {torch.title} is {with_article(torch.accelerator)}"
        lacks = torch.kind == "cpu" and "+" not in torch.part.version and not torch.part.built
        about = f"{text} on {stack.system} {stack.machine}" if lacks else text
        rule = "cpu-on-machine" if lacks else "other-accelerator"
        yield finding(
            rule, torch, about, f"compile with {setting('accelerator', declared)} and an index that has that build"
        )


def _for_cpu(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    meant = [each for each in not_excused(stack, builds) if each.kind in ("cuda", "rocm", "xpu")]
    if meant:
        yield finding("cpu-with-cuda", _first(meant), f"the lock is for CPU, and has {_counted(meant)}", CPU_REMEDY)


def cpu_with_cuda(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield CUDA libraries that only a CUDA torch needs, beside a torch that is none and nothing else that is."""
    torch = next((each for each in builds if each.part.name == "torch"), None)
    if torch is None or torch.kind not in ("cpu", "rocm", "xpu"):
        return
    users = facts().users.projects
    if any(each.part.name in users or (each.role == "binary" and each.kind == "cuda") for each in builds):
        return
    libraries = [each for each in not_excused(stack, builds) if each.role == "libraries" and each.kind == "cuda"]
    if any(_library(each) in facts().users.of_torch for each in libraries):
        verb = "are" if len(libraries) > 1 else "is"
        text = f"{torch.title} is {with_article(torch.accelerator)}, and {_counted(libraries)} {verb} for a CUDA torch"
        remedy = (
            CPU_REMEDY
            if torch.kind == "cpu"
            else f"compile with {setting('accelerator', torch.accelerator)}, without them"
        )
        yield finding("cpu-with-cuda", libraries[0], text, remedy)


def _library(build: Build) -> str:
    return build.part.name.removeprefix("nvidia-").rpartition("-cu1")[0] or build.part.name.removeprefix("nvidia-")


def _first(builds: Sequence[Build]) -> Build:
    return next((each for each in builds if each.role == "binary"), builds[0])


def _counted(builds: Sequence[Build]) -> str:
    """Return *builds* in a sentence: what runs by its name, libraries by their number."""
    binaries = [each for each in builds if each.role == "binary"]
    libraries = len(builds) - len(binaries)
    texts = [f"{titles(binaries)} ({binaries[0].accelerator})"] if binaries else []
    texts += [library_count(libraries)] if libraries else []
    return joined(texts)


def base_major(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield an image of another CUDA major than what is in it; torch brings its own CUDA, so that may run."""
    image = number(stack.ground.cuda)[:1]
    binaries = [each for each in builds if each.role == "binary" and each.major is not None]
    binaries.sort(key=lambda each: each.part.name != "torch")
    other = [each for each in binaries if each.cuda[:1] != image]
    if not image or not other or len(other) < len(binaries):
        return
    major = other[0].major or 0
    if major < image[0]:
        effect = f"so that it asks for driver {driver_floor(image[0])} or newer for nothing"
    else:
        effect = f"which needs driver {driver_floor(major)} or newer, though the image does not say so"
    built = built_for(other, major)
    text = f"the image has CUDA {stack.ground.cuda}, and {built}, {effect}"
    if major < image[0]:
        text = f"{built}, and the image has CUDA {stack.ground.cuda}, {effect}"
    wanted = another_build(other[0], image[0])
    remedy = f"use a base image of CUDA {major}" + (
        f", or lock {wanted}" if wanted else ", or lock builds for the image"
    )
    yield finding("base-major", other[0], text, remedy)
