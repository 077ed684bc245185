"""Requirement lines that name a URL, a path or a repository."""

import pytest

from lockml.common.errors import RequirementError
from lockml.common.references import ArchiveReference, FolderReference, RepositoryReference
from lockml.requirements.model import RequirementSet
from lockml.requirements.requirements_txt import read_requirement_files

HASH = "a" * 64


def asked_by(text: str, **variables: str) -> RequirementSet:
    return read_requirement_files(("requirements.in",), read=lambda _: text.encode(), environment=variables)


def test_url_with_a_name_and_a_hash_behind_it() -> None:
    (requirement,) = asked_by(
        f"Lib[Fast] @ https://x.example/lib-1.0-py3-none-any.whl ; python_version > '3' --hash=sha256:{HASH}"
    ).requirements
    assert (requirement.name, requirement.extras) == ("lib", ("fast",))
    assert requirement.hashes == {f"sha256:{HASH}"}
    assert requirement.reference == ArchiveReference(location="https://x.example/lib-1.0-py3-none-any.whl")
    assert str(requirement) == ('lib[fast] @ https://x.example/lib-1.0-py3-none-any.whl ; python_version > "3"')


def test_bare_wheel_is_named_by_its_file() -> None:
    (requirement,) = asked_by("./dist/my_lib-1.0-py3-none-any.whl[fast] ; sys_platform == 'linux'").requirements
    assert (requirement.name, requirement.extras) == ("my-lib", ("fast",))
    assert str(requirement.marker) == 'sys_platform == "linux"'


def test_folder_and_repository_without_a_name_are_left_to_be_opened() -> None:
    asked = asked_by("-e ./lib[fast]\n--editable=.\ngit+https://x.example/${WHAT}.git@v1 ; os_name == 'nt'", WHAT="a")
    folder, here, repository = asked.unnamed
    assert (folder.reference, folder.extras) == (FolderReference(path="lib", editable=True), ("fast",))
    assert here.reference == FolderReference(path=".", editable=True)
    assert repository.reference == RepositoryReference(url="https://x.example/a.git", revision="v1")
    assert str(repository) == 'git+https://x.example/a.git@v1 ; os_name == "nt"'
    assert asked.requirements == ()


def test_options_of_pip_are_read() -> None:
    text = "-f wheels\n--find-links=https://x.example/all.html\n--no-index\n--trusted-host x.example\n"
    asked = asked_by(text)
    options = asked.options
    assert asked.notes == ("requirements.in:4: --trusted-host has no effect here",)
    assert options.find_links == ("wheels", "https://x.example/all.html")
    assert options.no_index


def test_constraint_must_have_a_name() -> None:
    with pytest.raises(RequirementError, match=r"does not say which project it is; write NAME @ \./lib"):
        read_requirement_files((), read=lambda _: b"./lib", environment={}, constraints=("limits.txt",))


def test_login_is_not_told_in_an_error() -> None:
    with pytest.raises(RequirementError) as caught:
        asked_by("lib @ hg+https://me:secret@x.example/a")
    assert "secret" not in str(caught.value)
