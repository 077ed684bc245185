"""Names of files, in order, and which releases they belong to."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.index.pages.file_names import files_by_release, parsed_one_by_one

NAME = canonicalize_name("my-lib")
_projects = st.sampled_from(["my_lib", "My.Lib", "my-lib", "my", "other", ""])
_versions = st.sampled_from(["1.0", "1.0.0", "1", "1.0.post1", "2.0+local", "old", ""])
_tags = st.sampled_from(
    ["-py3-none-any", "-1-py3-none-any", "-cp311-cp311-linux_x86_64", "-py3", "-py3-none-any-a-b", ""]
)
_endings = st.sampled_from([".whl", ".tar.gz", ".zip", ".tgz", ".exe", ".whl.tar.gz", ""])
_names = st.builds(
    lambda project, version, tags, ending: f"{project}-{version}{tags}{ending}", _projects, _versions, _tags, _endings
)


@pytest.mark.slow
@given(st.lists(_names | st.text("my-lib_1.0/\n", max_size=12), max_size=12))
@example(["my_lib-1.0-py3-none-any.whl", "my_lib-1.0.tar.gz", "my-lib-1.0.zip", "my_lib-1.0.0-py3-none-any.whl"])
def test_files_that_begin_alike_are_grouped_as_each_by_itself(filenames: list[str]) -> None:
    assert files_by_release(filenames, NAME) == parsed_one_by_one(filenames, NAME)


def test_name_that_tells_no_release_has_a_reason() -> None:
    filenames = ["my_lib-1.0-py3-none-any.whl", "other-1.0.tar.gz", "my_lib-old.zip", "a/b.whl", "my_lib-1.0.exe"]
    releases, skipped = files_by_release(filenames, NAME)
    assert releases == {Version("1.0"): [0]}
    assert skipped == [
        ("other-1.0.tar.gz", "its name is that of another project"),
        ("my_lib-old.zip", "its version 'old' is invalid (PEP 440)"),
        ("a/b.whl", "its name is not that of a file"),
        ("my_lib-1.0.exe", "it is neither a wheel nor a source archive"),
    ]
