"""What an image has already: it bounds, comes first or is the answer, and is no pin."""

import pytest

from lockml.common.errors import NoResolutionError
from lockml.index.distributions.metadata import parse_metadata
from lockml.resolution.model import Policy, Preferences, Provided, ProvidedMode, ProvidedRelease, Resolution
from lockml.resolution.multi_target import resolve_targets
from tests.made.indexes import MemoryIndex
from tests.made.targets import make_target
from tests.made.wheels import metadata_text
from tests.resolution.universes import asked_by


def release(name: str, version: str, *requires: str, extra: str = "") -> ProvidedRelease:
    """Return what an image has of a project, brought by a layer; *extra* is one that it offers."""
    text = metadata_text(name, version, requires)
    head, _, body = text.partition("\n\n")
    offered = f"\nProvides-Extra: {extra}" if extra else ""
    return ProvidedRelease(
        metadata=parse_metadata(f"{head}{offered}\n\n{body}".encode()), origin="layer 2 of 3 (RUN pip install)"
    )


def resolved(
    index: MemoryIndex, *lines: str, image: tuple[ProvidedRelease, ...], mode: ProvidedMode = "keep"
) -> Resolution:
    """Return what the *lines* ask for beside what the *image* has."""
    provided = Provided(mode=mode, releases={each.metadata.name: each for each in image})
    (found,) = resolve_targets(
        asked_by(*lines), {make_target(): Preferences()}, index, policy=Policy(provided=provided)
    )
    return found


def pins(found: Resolution) -> dict[str, str]:
    return {pin.name: str(pin.version) for pin in found.pins}


def provided(found: Resolution) -> dict[str, str]:
    return {each.metadata.name: str(each.metadata.version) for each in found.provided}


NVIDIA = release("torch", "2.9.0a0+145a3a7", "numpy>=1.20")


def test_pre_release_with_a_local_version_satisfies_and_is_no_pin() -> None:
    index = MemoryIndex()
    index.add("model", "1.0", requires=["torch>=2.8"])
    index.add("torch", "2.8.0")
    index.add("numpy", "2.1.0")
    found = resolved(index, "model", "torch", image=(NVIDIA, release("numpy", "1.26.4")))
    assert pins(found) == {"model": "1.0"}
    assert provided(found) == {"torch": "2.9.0a0+145a3a7", "numpy": "1.26.4"}
    assert not {"torch", "numpy"} & set(index.asked)


def test_pre_release_of_the_image_opens_the_door_for_no_other() -> None:
    index = MemoryIndex()
    index.add("other", "1.0")
    index.add("other", "2.0a1")
    assert pins(resolved(index, "other", "torch", image=(NVIDIA, release("numpy", "1.26.4")))) == {"other": "1.0"}


def test_what_the_image_lacks_of_a_provided_package_is_installed() -> None:
    index = MemoryIndex()
    index.add("numpy", "2.1.0")
    assert pins(resolved(index, "torch", image=(NVIDIA,))) == {"numpy": "2.1.0"}


def test_markers_and_extras_of_provided_packages_count() -> None:
    index = MemoryIndex()
    index.add("needed", "1.0")
    index.add("optional", "1.0")
    image = release(
        "tool", "1.0", "needed; sys_platform == 'linux'", "windows; sys_platform == 'win32'",
        "optional; extra == 'all'", extra="all",
    )  # fmt: skip
    assert pins(resolved(index, "tool", image=(image,))) == {"needed": "1.0"}
    assert pins(resolved(index, "tool[all]", image=(image,))) == {"needed": "1.0", "optional": "1.0"}


def test_image_may_live_with_packages_that_contradict_each_other() -> None:
    image = (release("old", "1.0", "numpy<1"), release("numpy", "1.26.4"))
    assert pins(resolved(MemoryIndex(), "old", "numpy", image=image)) == {}


def test_project_that_no_index_has_is_found_in_the_image() -> None:
    assert provided(resolved(MemoryIndex(), "nvidia-own", image=(release("nvidia-own", "1.0"),))) == {
        "nvidia-own": "1.0"
    }


def test_conflict_names_the_package_its_version_and_its_layer_and_what_would_end_it() -> None:
    index = MemoryIndex()
    index.add("model", "1.0", requires=["numpy>=2"])
    index.add("numpy", "2.1.0")
    with pytest.raises(NoResolutionError) as caught:
        resolved(index, "model", image=(release("numpy", "1.26.4"),))
    text = caught.value.explanation
    assert "numpy>=2  (needed by model 1.0 <- model (requirements.in:1))" in text
    assert "the base image has numpy 1.26.4 (layer 2 of 3 (RUN pip install))" in text
    assert "--provided-mode prefer" in text
    assert "--provided-mode override" in text


def test_preferred_package_is_replaced_only_on_conflict() -> None:
    index = MemoryIndex()
    index.add("plain", "1.0", requires=["numpy"])
    index.add("model", "1.0", requires=["numpy>=2"])
    index.add("numpy", "2.1.0")
    image = (release("numpy", "1.26.4"),)
    assert pins(resolved(index, "plain", image=image, mode="prefer")) == {"plain": "1.0"}
    found = resolved(index, "plain", "model", image=image, mode="prefer")
    assert pins(found) == {"plain": "1.0", "model": "1.0", "numpy": "2.1.0"}
    assert provided(found) == {}


def test_overriding_package_meets_every_requirement() -> None:
    index = MemoryIndex()
    index.add("model", "1.0", requires=["numpy>=2"])
    index.add("numpy", "2.1.0")
    found = resolved(index, "model", "numpy==3", image=(release("numpy", "1.26.4"),), mode="override")
    assert (pins(found), provided(found)) == ({"model": "1.0"}, {"numpy": "1.26.4"})
