from collections.abc import Iterable

import pytest
from packaging.utils import canonicalize_name

from lockml.index.model import CoreMetadata, DistributionFile, DynamicMetadataError, MetadataError
from lockml.resolution.candidates.release import Release as JudgedRelease
from lockml.resolution.candidates.release import judge_release
from lockml.resolution.explanation import ConflictError
from lockml.resolution.model import Policy, Preferences
from lockml.resolution.resolver import UnexplainedConflictError, resolve
from lockml.resolution.unbuilt import AssumingIndex, RememberingIndex, TooMuchToReadError, TrialIndex
from tests.made.indexes import MemoryIndex
from tests.made.targets import make_target
from tests.made.wheels import metadata_text
from tests.resolution.universes import asked_by

TO_BUILD = "2.1"  # before 2.2, an sdist could not say that no build changes what it needs (PEP 643)


class Ahead(MemoryIndex):
    """Keeps in *ahead* the files whose metadata were asked for ahead."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead: list[str] = []

    def prefetch_metadata(self, files: Iterable[DistributionFile], then: object = None) -> None:  # noqa: ARG002
        self.ahead += [file.filename for file in files]


def index_of(*versions: str, size: int | None = None) -> MemoryIndex:
    """Return an index whose `a` has to be built, in each of *versions*."""
    index = MemoryIndex()
    for version in versions:
        text = metadata_text("a", version, metadata_version=TO_BUILD)
        index.add("a", version, filename=f"a-{version}.tar.gz", metadata=text, size=size)
    return index


def files(index: MemoryIndex) -> list[DistributionFile]:
    """Return the one file of each release of `a`, the newest first."""
    project = index.project(canonicalize_name("a"))
    assert project is not None
    judged = [judge_release(project, version, make_target(), Policy()) for version in project.versions]
    return [release.files[0] for release in judged if isinstance(release, JudgedRelease)]


def read(index: RememberingIndex | TrialIndex, file: DistributionFile) -> CoreMetadata | str:
    try:
        return index.metadata(file)
    except MetadataError as error:
        return str(error)


def test_metadata_are_asked_for_once() -> None:
    asked = index_of("1.0")
    remembering = RememberingIndex(asked)
    (file,) = files(asked)
    assert not remembering.knows(file)
    for _ in range(2):
        with pytest.raises(DynamicMetadataError):
            remembering.metadata(file)
    assert remembering.knows(file)
    assert [each for each in asked.asked if "tar.gz" in each] == ["a-1.0.tar.gz"]


def test_archives_are_not_fetched_after_some_that_have_to_be_built() -> None:
    asked = index_of(*(f"{number}.0" for number in range(1, 10)))
    remembering = RememberingIndex(asked)
    said = [read(remembering, file) for file in files(asked)]
    assert len([each for each in asked.asked if "tar.gz" in each]) == 3
    assert said[3:] == ["its archive is not fetched, as 3 newer ones have to be built"] * 6


def test_no_other_archive_is_fetched_after_a_large_one_that_has_to_be_built() -> None:
    asked = index_of("1.0", "2.0", "3.0", size=20 << 20)
    remembering = RememberingIndex(asked)
    said = [read(remembering, file) for file in files(asked)]
    assert [each for each in asked.asked if "tar.gz" in each] == ["a-3.0.tar.gz"]
    assert said[1:] == ["its archive is not fetched, as a newer one has to be built"] * 2


@pytest.mark.parametrize(("size", "together"), [(1 << 10, 3), (2 << 20, 1), (None, 1)])
def test_few_archives_are_fetched_ahead(size: int | None, together: int) -> None:
    asked = Ahead()
    for number in range(1, 6):
        text = metadata_text("a", f"{number}.0", metadata_version=TO_BUILD)
        asked.add("a", f"{number}.0", filename=f"a-{number}.0.tar.gz", metadata=text, size=size)
    remembering = RememberingIndex(asked)
    newest_first = files(asked)
    for file in newest_first:
        remembering.prefetch_metadata([file])
    assert asked.ahead == [file.filename for file in newest_first[:together]]
    for file in newest_first[:3]:
        read(remembering, file)
    remembering.prefetch_metadata(newest_first[3:])
    assert len(asked.ahead) == together


@pytest.mark.parametrize("size", [None, (1 << 18) + 1, 2 << 20])
def test_trial_fetches_no_archive_that_is_larger_than_metadata(size: int | None) -> None:
    index, small = index_of("1.0", size=size), index_of("1.0", size=1 << 18)
    trial = TrialIndex(RememberingIndex(index))
    trial.prefetch_metadata(files(index))
    assert "not fetched for a proposal" in str(read(trial, files(index)[0]))
    assert [each for each in index.asked if "tar.gz" in each] == []
    assert "only after a build" in str(read(TrialIndex(RememberingIndex(small)), files(small)[0]))


def test_trial_knows_what_was_read_before() -> None:
    index = index_of("1.0")
    remembering = RememberingIndex(index)
    (file,) = files(index)
    before = read(remembering, file)
    assert read(TrialIndex(remembering), file) == before


def test_what_has_to_be_built_is_assumed_to_need_nothing() -> None:
    index = index_of("1.0")
    (file,) = files(index)
    assuming = AssumingIndex(RememberingIndex(index), unreadable=False)
    assert assuming.metadata(file).requires_dist == ()
    (obstacle,) = assuming.obstacles.values()
    assert (obstacle.release, obstacle.build) == ("a 1.0", True)


@pytest.mark.parametrize("unreadable", [True, False])
def test_what_cannot_be_read_is_assumed_to_need_nothing_where_that_is_asked_for(*, unreadable: bool) -> None:
    index = MemoryIndex()
    index.add("a", "1.0", metadata="broken")
    (file,) = files(index)
    assuming = AssumingIndex(RememberingIndex(index), unreadable=unreadable)
    assert isinstance(read(assuming, file), CoreMetadata) == unreadable


def test_trial_looks_at_no_more_new_releases_than_it_may() -> None:
    index = MemoryIndex()
    for number in range(1, 6):
        index.add("a", f"{number}.0")
    known, *others = files(index)
    remembering = RememberingIndex(index)
    remembering.metadata(known)
    trial = TrialIndex(remembering, most=2)
    for file in (known, *others[:2]):
        trial.metadata(file)
    with pytest.raises(TooMuchToReadError):
        trial.metadata(others[2])
    assert "a-1.0-py3-none-any.whl" not in index.asked


def test_trial_says_why_it_failed_only_when_asked_and_then_the_same() -> None:
    index = RememberingIndex(index_of("1.0"))
    asked = asked_by("a>2")
    with pytest.raises(ConflictError) as told:
        resolve(asked, make_target(), index, policy=Policy(), preferences=Preferences())
    with pytest.raises(UnexplainedConflictError) as untold:
        resolve(asked, make_target(), TrialIndex(index), policy=Policy(), preferences=Preferences())
    assert untold.value.explain().explanation == told.value.explanation
    assert "a>2" in told.value.explanation
