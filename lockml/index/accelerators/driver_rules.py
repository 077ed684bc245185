"""What the driver of a host cannot run or is kept from: floors, forward compatibility, gates, no driver at all."""

from collections.abc import Iterator, Sequence

from lockml.index.accelerators.builds import Build, not_excused, running
from lockml.index.accelerators.drivers import (
    Number,
    driver_floor,
    is_data_center,
    number,
    parse_driver,
    required_cuda,
    spoken_cuda,
)
from lockml.index.accelerators.facts import facts
from lockml.index.accelerators.model import Finding, Stack
from lockml.index.accelerators.words import (
    CPU_REMEDY,
    another_build,
    built_for,
    driver_text,
    finding,
    joined,
    library_count,
)

__all__ = ["below_floor", "compat_library", "gate", "no_gpu", "unknown_build"]


def below_floor(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield what needs a newer driver, as nothing of its CUDA major runs on this one.

    The driver of a Jetson says nothing. Above the floor, any minor version runs.
    """
    driver = parse_driver(stack.driver)
    if driver is None or stack.ground.tegra:
        return
    bound = [each for each in running(builds) if number(driver_floor(each.major or 0)) > driver]
    if bound:
        major = max(each.major or 0 for each in bound)
        meant = [each for each in bound if each.major == major]
        what = f"{built_for(meant, major)} and {'need' if len(meant) > 1 else 'needs'}"
        about: Build | str = meant[0]
        other = _older_build(meant[0], driver)
    else:
        major = number(stack.ground.cuda)[0] if stack.ground.cuda else 0
        if running(builds) or not major or number(driver_floor(major)) <= driver:
            return
        what, about, other = f"the image has CUDA {stack.ground.cuda}, which needs", "image", ""
    text = f"{what} driver {driver_floor(major)} or newer, and the driver is {driver_text(stack)}"
    yield _softened(stack, major, about, text, other)


def _softened(stack: Stack, major: int, about: Build | str, text: str, other: str) -> Finding:
    """Return the finding of a floor; a forward-compat libcuda may run it, on the GPUs that it is made for."""
    floor = driver_floor(major)
    gate = required_cuda(stack.ground.requires)
    driver = parse_driver(stack.driver) or ()
    if gate and gate <= spoken_cuda(driver) and gate[0] < major:
        text = f"the image allows drivers of CUDA {gate[0]}.{gate[1]}, but {text}"
    remedy = f"update the driver to {floor}" + (f", or lock {other}" if other else ", or lock builds of an older CUDA")
    gpus = stack.gpus
    if number(stack.ground.compat) >= number(floor) and all(map(is_data_center, gpus)):
        text += f"; the libcuda {stack.ground.compat} of the image only helps data center GPUs"
        return finding("driver-needs-compat", about, text, remedy)
    return finding("driver-floor", about, text, remedy)


def _older_build(build: Build, driver: Number) -> str:
    """Return what to lock instead, of the newest CUDA major that *driver* runs."""
    majors = [int(major) for major, least in facts().floors.drivers.items() if number(least) <= driver]
    return another_build(build, max(majors)) if majors else ""


def gate(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield an image that starts on newer drivers alone, though what is in it runs on this one."""
    driver, asked = parse_driver(stack.driver), required_cuda(stack.ground.requires)
    known = [each.cuda for each in running(builds)]
    if driver is None or not asked or asked <= spoken_cuda(driver) or not known:
        return
    needed = max(known)
    if len(needed) < 2 and needed[0] >= asked[0]:
        return
    if needed >= asked or number(driver_floor(needed[0])) > driver:
        return
    built = ".".join(map(str, needed))
    text = (
        f"the image refuses drivers below CUDA {asked[0]}.{asked[1]} (NVIDIA_REQUIRE_CUDA), though its packages are "
        f"built for CUDA {built}, and the driver is {driver_text(stack)}"
    )
    yield finding("gate", "image", text, f"use a base image of CUDA {built}")


def compat_library(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield a libcuda of the image that the loader takes before the host's."""
    ground, driver = stack.ground, parse_driver(stack.driver)
    del builds
    if not (ground.compat and ground.compat_first) or driver is None:
        return
    own = number(ground.compat)
    gpus = stack.gpus
    if own == driver:
        return
    if own < driver:
        effect = "CUDA fails with error 803 where that is older than the driver"
    elif gpus and all(map(is_data_center, gpus)):
        return
    else:
        effect = "CUDA fails with error 804 on GeForce"
    text = (
        f"the image makes the loader take its own libcuda {ground.compat} (forward compatibility) before that of "
        f"driver {driver_text(stack)}, and {effect}"
    )
    yield finding("compat", "image", text, "remove its compat folder from /etc/ld.so.conf.d and LD_LIBRARY_PATH")


def no_gpu(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield CUDA builds where the user says that there is no GPU."""
    cuda = [each for each in not_excused(stack, builds) if each.kind == "cuda"]
    if stack.declared.driver != "none" or not cuda:
        return
    binaries = [each for each in cuda if each.role == "binary"]
    libraries = [each for each in cuda if each.role == "libraries"]
    torch = next((each for each in binaries if each.part.name == "torch"), None)
    first = torch or (binaries or libraries)[0]
    brings = [library_count(len(libraries))] if libraries and first.role == "binary" else []
    text = f"{joined([f'{first.title} ({first.accelerator})', *brings])} are for a GPU, and there is none"
    if not brings:
        text = f"{first.title} is built for {first.accelerator}, and there is no GPU"
    yield finding("no-gpu", first, text, CPU_REMEDY)


def unknown_build(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield a torch whose build is not known, where the user asks whether a driver runs it."""
    torch = next((each for each in builds if each.part.name == "torch"), None)
    if torch is None or torch.kind or parse_driver(stack.declared.driver) is None:
        return
    text = f"nothing says which CUDA {torch.title} is built for, so driver {stack.driver} is not compared with it"
    yield finding("unknown", torch, text, "check the image, whose torch/version.py says it")
