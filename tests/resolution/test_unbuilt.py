import pytest
from packaging.utils import canonicalize_name

from lockml.index.model import CoreMetadata, DistributionFile, DynamicMetadataError, MetadataError
from lockml.resolution.candidates.release import Release as JudgedRelease
from lockml.resolution.candidates.release import judge_release
from lockml.resolution.model import Policy
from lockml.resolution.unbuilt import AssumingIndex, RememberingIndex, TooMuchToReadError, TrialIndex
from tests.made.indexes import MemoryIndex
from tests.made.targets import make_target
from tests.made.wheels import metadata_text

TO_BUILD = "2.1"  # before 2.2, an sdist could not say that no build changes what it needs (PEP 643)


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
    assert len([each for each in asked.asked if "tar.gz" in each]) == 4
    assert said[4:] == ["its archive is not fetched, as 4 newer ones have to be built"] * 5


def test_trial_fetches_no_archive_unless_it_is_small() -> None:
    large, small = index_of("1.0", size=2 << 20), index_of("1.0", size=1 << 10)
    assert "not fetched for a proposal" in str(read(TrialIndex(RememberingIndex(large)), files(large)[0]))
    assert "only after a build" in str(read(TrialIndex(RememberingIndex(small)), files(small)[0]))
    assert [each for each in large.asked if "tar.gz" in each] == []


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
