"""What nobody has is told with who was asked, and with who has it and was not asked."""

from packaging.utils import canonicalize_name

from lockml.index.model import OtherIndex
from lockml.resolution.candidates.elsewhere import missing_projects, newest_fitting
from lockml.resolution.model import Policy
from tests.made.indexes import INDEX_URL, MemoryIndex
from tests.made.targets import make_target
from tests.resolution.universes import asked_by

LIB = canonicalize_name("lib")


def test_missing_project_is_told_with_who_was_asked() -> None:
    error = missing_projects(asked_by("lib").requirements, MemoryIndex())
    assert str(error) == "'lib' (requirements.in:1): no index has a project with this name"
    assert error.hint == f"check the spelling and the --index-url; asked: {INDEX_URL}"


def test_index_that_has_it_and_is_not_asked_is_told_with_what_takes_it() -> None:
    index = MemoryIndex()
    index.add("lib", "1.0")
    project = index.project(LIB)
    assert project is not None
    index.others["lib"] = (OtherIndex(project=project, words="--index-only gpu without lib"),)
    error = missing_projects(asked_by("lib").requirements, index)
    assert error.problem == "no index that is asked for it has a project with this name"
    told = f"{INDEX_URL} has lib, and is not asked for it: --index-only gpu without lib; check the spelling"
    assert str(error.hint).startswith(told)


def test_newest_release_that_fits_is_stable_not_yanked_and_has_a_file_for_the_target() -> None:
    index = MemoryIndex()
    index.add("lib", "1.0")
    index.add("lib", "2.0", yanked=True)
    index.add("lib", "3.0", tag="cp38-cp38-win32")
    index.add("lib", "4.0rc1")
    project = index.project(LIB)
    assert project is not None
    found = newest_fitting(project, lambda _: True, make_target(), Policy())
    assert str(found) == "1.0"
    assert newest_fitting(project, lambda version: version.major > 1, make_target(), Policy()) is None
    assert str(newest_fitting(project, lambda _: True, make_target(), Policy(prereleases=True))) == "4.0rc1"
