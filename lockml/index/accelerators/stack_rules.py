"""What does not go together in one environment: CUDA majors, libraries, files, names without a library."""

from collections.abc import Iterable, Iterator, Sequence

from packaging.version import Version

from lockml.common.settings import setting
from lockml.index.accelerators.builds import Build, is_stub, not_excused, parsed
from lockml.index.accelerators.drivers import number
from lockml.index.accelerators.facts import SameFiles, facts
from lockml.index.accelerators.model import Finding, Part, Stack
from lockml.index.accelerators.words import another_build, built_for, finding, joined, titles

__all__ = ["cudnn", "leftover_libraries", "missing_libraries", "same_files", "stubs", "two_majors"]


def two_majors(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield binaries for two CUDA majors, or for CUDA and for another accelerator.

    What takes its libraries from the image, which has them, is skipped, as are wheels of one project for several
    majors, which may choose themselves, and xformers, of which `torch_rules` knows more.
    """
    image = number(stack.ground.cuda)[:1]
    counted = [
        each
        for each in builds
        if each.role == "binary"
        and each.kind in ("cuda", "rocm", "xpu")
        and each.part.name != "xformers"
        and not _has_sibling(each.part, stack)
        and not (each.part.name in facts().plain.without_libraries and each.cuda[:1] == image)
    ]
    by_stack: dict[str, list[Build]] = {}
    for each in sorted(counted, key=lambda each: each.part.name != "torch"):
        by_stack.setdefault(f"CUDA {each.major}" if each.major else each.kind, []).append(each)
    if len(by_stack) < 2:
        return
    said = [f"{titles(each)} {'are' if len(each) > 1 else 'is'} built for {name}" for name, each in by_stack.items()]
    first = next(iter(by_stack.values()))[0]
    yield finding("two-majors", first, joined(said), _one_major(stack, by_stack, first))


def _has_sibling(part: Part, stack: Stack) -> bool:
    """Say whether the same project is there for another CUDA major, as nixl-cu12 is beside nixl-cu13."""
    project, _, major = part.name.rpartition("-cu")
    return bool(project) and any(stack.part(f"{project}-cu{other}") for other in (11, 12, 13) if f"{other}" != major)


def _one_major(stack: Stack, by_stack: Iterable[str], first: Build) -> str:
    """Say how to get to one stack: that of the image where it is one of them, else any."""
    wanted = f"CUDA {stack.ground.cuda.partition('.')[0]}" if stack.ground.cuda else ""
    if wanted in by_stack and first.major is not None and wanted != f"CUDA {first.major}":
        other = another_build(first, int(wanted.removeprefix("CUDA ")))
        return f"lock all for {wanted}, as the image is" + (f", such as {other}" if other else "")
    names = [name for name in by_stack if name.startswith("CUDA")]
    return f"lock all of them for {' or '.join(names or list(by_stack))}"


def missing_libraries(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield binaries whose CUDA libraries are there for another major alone: among the packages, else in the image."""
    binaries = [each for each in builds if each.role == "binary" and each.major is not None]
    libraries = {each.major for each in _libraries(stack, builds)}
    image = number(stack.ground.cuda)[0] if stack.ground.cuda else None
    for each in binaries:
        has_none = each.part.name in facts().plain.without_libraries
        beside = libraries if libraries or not has_none else {image} - {None}
        if beside and each.major not in (*beside, image):
            there = " and ".join(f"CUDA {major}" for major in sorted(filter(None, beside)))
            where = "the packages" if libraries else "the image"
            text = f"{built_for([each], each.major or 0)}, and {where} have libraries of {there} only"
            text = text if libraries else text.replace("the image have", "the image has")
            remedy = f"lock a build of {each.part.name} for {there}, or take all for CUDA {each.major}"
            yield finding("libraries-of-another-major", each, text, remedy)
            return


def leftover_libraries(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield libraries of a CUDA major that nothing is built for, beside those of the one that is used."""
    libraries = _libraries(stack, builds)
    used = {each.major for each in builds if each.role == "binary" and each.major is not None}
    majors = {each.major for each in libraries}
    unused = [each for each in libraries if each.major not in used]
    if any(stack.part(name) is not None for name in (*facts().users.projects, *facts().users.at_times)):
        return  # which may use them, whatever it is built for
    if len(majors) > 1 and used and unused and majors & used:
        major = unused[0].major
        text = f"{titles(unused)} {'are' if len(unused) > 1 else 'is'} of CUDA {major}, for which nothing here is built"
        yield finding("leftover-libraries", unused[0], text, f"exclude them with {setting('exclude')}")
    elif len(majors) > 1 and not used:
        said = joined([f"CUDA {major}" for major in sorted(filter(None, majors))])
        yield finding("leftover-libraries", libraries[0], f"the packages have libraries of {said}", "lock those of one")


def _libraries(stack: Stack, builds: Sequence[Build]) -> list[Build]:
    """Return the CUDA libraries that count."""
    return [each for each in not_excused(stack, builds) if each.role == "libraries" and each.major is not None]


def same_files(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield projects that write the same files: which of them counts is a matter of the order."""
    del builds
    excused = {library for project, library in facts().users.excused if stack.part(project) is not None}
    for group in facts().same_files.groups:
        there = [part for part in stack.parts if part.name in group.projects and _is_bound(part, group)]
        if len(there) < 2:
            continue
        refuses = group.majors and not excused.intersection(part.name for part in there)
        names = joined([f"{part.name} {part.version}" for part in there])
        text = f"{names} {'all' if len(there) > 2 else 'both'} write {group.folder}, and the last one installed wins"
        remedy = f"lock one of them{_fixed_in(group)}"
        if group.majors and not refuses:
            remedy = f"install the one of torch's CUDA last, or exclude the other with {setting('exclude')}"
        rule = "shared-files-of-majors" if refuses else "shared-files"
        about = Build(part=there[0], accelerator="", role="other")
        yield finding(rule, about, text, remedy)


def _is_bound(part: Part, group: SameFiles) -> bool:
    version = parsed(part.version)
    return not group.below or version is None or version < Version(group.below)


def _fixed_in(group: SameFiles) -> str:
    return f", or {group.below} and newer" if group.below else ""


def stubs(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield packages behind whose names there is no library."""
    found = [each for each in builds if is_stub(each.part)]
    if found:
        first = found[0].part
        real = first.name.removesuffix("-cu13")
        is_plain = real.removeprefix("nvidia-") in facts().nvidia.stubs
        text = f"{titles(found)} {'are stubs' if len(found) > 1 else 'is a stub'} without any library"
        remedy = f"the library of CUDA 13 is {real}" if is_plain else f"lock one that ends in -cu12: {first.name}-cu12"
        if not is_plain and "-cu1" in first.name:
            remedy = "lock the package of your CUDA major"
        del stack
        yield finding("stub", found[0], text, remedy)


def cudnn(stack: Stack, builds: Sequence[Build]) -> Iterator[Finding]:
    """Yield what is built for another major of cuDNN than the one that is there."""
    there = [each for each in builds if each.part.name.startswith("nvidia-cudnn-cu")]
    majors = {number(each.part.version)[0] for each in there if number(each.part.version)}
    if not majors:
        return
    wanted = [(each, major) for each in builds if (major := _cudnn_of(each)) is not None]
    wrong = [(each, major) for each, major in wanted if major not in majors]
    if wrong:
        each, major = wrong[0]
        others = [f", which {other.title} needs" for other, own in wanted if own in majors]
        text = f"{each.title} is built for cuDNN {major}, and {there[0].title} is locked{''.join(others[:1])}"
        newer = "use torch 2.4 or newer, which has cuDNN 9" if each.part.name == "torch" else f"lock cuDNN {major}"
        yield finding("cudnn", each, text, f"{newer}, or two environments")
    del stack


def _cudnn_of(build: Build) -> int | None:
    """Return the major of cuDNN that *build* needs, None where that is not known."""
    version = parsed(build.part.version)
    if version is None or version.is_prerelease:
        return None
    if build.part.name == "torch":
        if build.kind != "cuda":
            return None
        pins = (row.cudnn for row in facts().torch.releases if number(row.version) == version.release[:2])
        return next((number(pin)[0] for pin in pins if pin), None)
    for name, first, last, major in facts().plain.cudnn:
        low, high = number(first), number(last)
        if (
            name == build.part.name
            and low <= version.release[: len(low)]
            and version.release[: len(high)] <= high
            and build.kind == "cuda"
        ):
            return major
    return None
