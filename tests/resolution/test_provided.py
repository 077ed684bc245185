"""What an image has already: it bounds, comes first or is the answer, and is no pin."""

from random import Random

import pytest
from packaging.requirements import Requirement

from lockml.common.errors import NoResolutionError
from lockml.index.distributions.metadata import parse_metadata
from lockml.requirements.read import InputFiles, read_input_files
from lockml.resolution.model import Policy, Preferences, Provided, ProvidedMode, ProvidedRelease, Resolution
from lockml.resolution.multi_target import resolve_targets
from tests.made.indexes import MemoryIndex
from tests.made.targets import make_target
from tests.made.wheels import metadata_text
from tests.resolution.universes import BOUNDS, NAMES, Universe, index_of, made_up


def release(name: str, version: str, *requires: str, extra: str = "") -> ProvidedRelease:
    """Return what an image has of a project, brought by a layer; *extra* is one that it offers."""
    text = metadata_text(name, version, requires)
    head, _, body = text.partition("\n\n")
    offered = f"\nProvides-Extra: {extra}" if extra else ""
    return ProvidedRelease(
        metadata=parse_metadata(f"{head}{offered}\n\n{body}".encode()), origin="layer 2 of 3 (RUN pip install)"
    )


def resolved(
    index: MemoryIndex,
    *lines: str,
    image: tuple[ProvidedRelease, ...],
    mode: ProvidedMode = "keep",
    constraint: str = "",
    override: str = "",
) -> Resolution:
    """Return what the *lines* ask for beside what the *image* has."""
    provided = Provided(mode=mode, releases={each.metadata.name: each for each in image})
    files = {"requirements.in": "\n".join(lines).encode(), "limits": constraint.encode(), "instead": override.encode()}
    asked = read_input_files(
        InputFiles(files=("requirements.in",), constraints=("limits",), overrides=("instead",)),
        read=files.__getitem__,
        environment={},
    )
    policy = Policy(provided=provided, max_rounds=2_000)
    (found,) = resolve_targets(asked, {make_target(): Preferences()}, index, policy=policy)
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


def test_constraint_and_override_of_a_user_do_not_count_against_an_overriding_package() -> None:
    for limits in ({"constraint": "numpy>=2"}, {"override": "numpy==2.1.0"}, {"override": "numpy @ file:///n.whl"}):
        index = MemoryIndex(sources={"/n.whl": metadata_text("numpy", "2.1.0")})
        found = resolved(index, "numpy", image=(release("numpy", "1.26.4"),), mode="override", **limits)
        assert provided(found) == {"numpy": "1.26.4"}


def test_direct_reference_on_what_the_image_keeps_is_a_conflict_and_is_followed_where_it_is_preferred() -> None:
    index = MemoryIndex(sources={"https://x.example/n.whl": metadata_text("numpy", "2.1.0")})
    image = (release("numpy", "1.26.4"),)
    with pytest.raises(NoResolutionError, match="--provided-mode prefer"):
        resolved(index, "numpy @ https://x.example/n.whl", image=image)
    assert pins(resolved(index, "numpy @ https://x.example/n.whl", image=image, mode="prefer")) == {"numpy": "2.1.0"}


@pytest.mark.parametrize("mode", ["keep", "prefer", "override"])
def test_users_own_project_by_its_folder_is_locked_although_the_image_has_it(mode: ProvidedMode) -> None:
    index = MemoryIndex(sources={"/own": metadata_text("own", "2.0")})
    found = resolved(index, "own @ file:///own", image=(release("own", "1.0"),), mode=mode)
    assert (pins(found), provided(found)) == ({"own": "2.0"}, {})


def test_extra_that_the_image_lacks_is_told() -> None:
    found = resolved(MemoryIndex(), "tool[gpu]", image=(release("tool", "1.0"),))
    assert found.warnings == ("tool 1.0 of the base image has no extra 'gpu'",)


def test_release_that_an_installer_would_take_for_that_of_the_image_is_not_locked_over_it() -> None:
    index = MemoryIndex()
    index.add("torch", "2.8.0")
    index.add("torch", "2.7.0")
    image = (release("torch", "2.8.0+nv", "missing"),)
    assert pins(resolved(index, "torch", image=image, mode="prefer")) == {"torch": "2.7.0"}


def test_pin_that_breaks_what_the_image_has_and_nobody_asks_for_is_told() -> None:
    index = MemoryIndex()
    index.add("numpy", "2.1.0")
    image = (release("numpy", "1.26.4"), release("torch", "2.9.0", "numpy<2"), release("broken", "1.0", "numpy<1"))
    found = resolved(index, "numpy>=2", image=image, mode="prefer")
    assert found.warnings == ("numpy 2.1.0 is locked, and is not what the base image's torch 2.9.0 (numpy<2) needs",)


Own = dict[str, tuple[str, list[str]]]
"""The version of what an image has of each project, and what that requires."""


def admits(line: str, version: str) -> bool:
    return Requirement(line).specifier.contains(version, prereleases=True)


def there_are(universe: Universe, own: Own, mode: ProvidedMode, waiting: list[tuple[str, bool]]) -> bool:
    """Say whether anything meets the lines *waiting*, each with whether the image itself asks, by trying all."""

    def search(chosen: dict[str, tuple[str, bool]], waiting: list[tuple[str, bool]]) -> bool:
        if not waiting:
            return True
        (line, by_image), *rest = waiting
        name = Requirement(line).name
        own_version, own_needs = own.get(name, ("", []))
        choices = [(own_version, True)] if name in own else []
        if name not in own or mode == "prefer":
            versions = ["0.1", *(version for project, version in universe if project == name)]
            choices += [(each, False) for each in versions if name not in own or not admits(f"x=={each}", own_version)]
        for version, is_own in [chosen[name]] if name in chosen else choices:
            lived_with = by_image and name in own and not admits(line, own_version)
            if admits(line, version) or lived_with or (is_own and mode == "override"):
                needs = own_needs if is_own else universe.get((name, version), [])
                more = [(each, is_own) for each in needs] if name not in chosen else []
                if search({**chosen, name: (version, is_own)}, [*rest, *more]):
                    return True
        return False

    return search({}, waiting)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["keep", "prefer", "override"])
def test_made_up_images_are_resolved_wherever_they_can_be_and_everything_needed_is_there(mode: ProvidedMode) -> None:
    random = Random(22)
    resolutions = 0
    for _ in range(150):
        universe, lines = made_up(random)
        versions = ["1.0", "1.5", "2.0", "2.0a1+nv", "2.0+cu1", "3.0a0+nv", "4.0"]
        own: Own = {
            name: (random.choice(versions), [random.choice(NAMES) + random.choice(BOUNDS) for _ in range(needs)])
            for name, needs in zip(random.sample(NAMES, 3), random.choices([0, 0, 1, 2], k=3), strict=True)
        }
        image = tuple(release(name, version, *needs) for name, (version, needs) in own.items())
        case = (lines, universe, own)
        try:
            found = resolved(index_of(universe), *lines, image=image, mode=mode)
        except NoResolutionError:
            assert not there_are(universe, own, mode, [(line, False) for line in lines]), case
            continue
        resolutions += 1
        again = resolved(index_of(universe, random), *reversed(lines), image=image, mode=mode)
        assert (pins(again), provided(again)) == (pins(found), provided(found)), case
        chosen = {name: universe.get((name, each), []) for name, each in pins(found).items()}
        taken = {name: own[name] for name in provided(found)}
        assert not chosen.keys() & taken.keys(), case
        for name, needs in [*chosen.items(), *((name, needs) for name, (_, needs) in taken.items())]:
            for line in needs:
                needed = Requirement(line).name
                version = pins(found).get(needed) or provided(found)[needed]  # nothing that is needed is left out
                lived_with = name in taken and needed in own and not admits(line, own[needed][0])
                assert admits(line, version) or lived_with or (mode == "override" and needed in taken), (line, case)
    assert resolutions > 30
