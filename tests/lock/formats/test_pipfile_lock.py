import json

import pytest

from lockml.common.errors import LockError
from lockml.common.references import ArchiveReference, FolderReference, RepositoryReference
from lockml.common.target import Target
from lockml.lock.formats.read import parse_any_lock
from lockml.lock.model import Choice
from lockml.lock.references import source_of
from lockml.lock.select import groups_of, select_packages, with_choice
from tests.made.oracles import TARGETS, differences, read_fixture
from tests.made.targets import make_target

DEV = Choice(groups=frozenset({"dev"}))
NAMES = ("basic", "dev", "extras", "sources", "indexes", "markers", "categories")


@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_selection_is_what_pipenv_requires(name: str, target: Target) -> None:
    lock = read_fixture(f"pipenv/{name}", "Pipfile.lock")
    assert differences(lock, Choice(), target, f"pipenv/{name}", "default") == []


@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("name", ["dev", "categories"])
def test_selection_with_dev_is_what_pipenv_requires(name: str, target: Target) -> None:
    lock = read_fixture(f"pipenv/{name}", "Pipfile.lock")
    assert differences(lock, DEV, target, f"pipenv/{name}", "dev") == []


def test_package_of_two_categories_is_installed_where_either_asks_for_it() -> None:
    """``pipenv sync --dev`` installs both; ``pipenv requirements --dev`` forgets the marker of one of them."""
    one, other = ({"a": {"version": "==1", "markers": marker}} for marker in ("python_version < '3.12'", ""))
    lock = parse_any_lock(lock_of(default=one, develop=other), "Pipfile.lock")
    target = make_target("3.12")
    without, with_dev = (
        {package.name for package in select_packages(with_choice(lock, choice, "lock"), target, "lock")}
        for choice in (Choice(), DEV)
    )
    assert ("a" in without, "a" in with_dev) == (False, True)


def test_categories_are_groups() -> None:
    assert groups_of(read_fixture("pipenv/categories", "Pipfile.lock")) == {"dev", "docs"}


def test_python_that_it_requires_is_kept() -> None:
    assert str(read_fixture("pipenv/basic", "Pipfile.lock").pylock.requires_python) == "==3.11.*"


def test_package_without_a_version_is_not_locked() -> None:
    lock = read_fixture("pipenv/markers", "Pipfile.lock")
    assert "pywin32" not in [package.name for package in lock.pylock.packages]
    assert lock.notes == ("'default' has pywin32 without a version: it is not locked",)


def test_sources_are_kept() -> None:
    lock = read_fixture("pipenv/sources", "Pipfile.lock")
    by_name = {package.name: source_of(package) for package in lock.pylock.packages}
    assert by_name == {
        "acme-git": RepositoryReference(url="https://git.example/acme/repo.git"),
        "acme-tool": ArchiveReference(location="https://files.example/acme_tool-0.3-py3-none-any.whl"),
        "acme-local": ArchiveReference(location="./wheels/acme_local-0.9+local.1-py3-none-any.whl"),
        "member": FolderReference(path="./member", editable=True),
        **dict.fromkeys(("certifi", "idna", "packaging", "tomli")),
    }


def test_index_of_a_package_is_the_source_that_it_names() -> None:
    lock = read_fixture("pipenv/indexes", "Pipfile.lock")
    assert {package.index for package in lock.pylock.packages if package.name.startswith("acme")} == {
        "https://index.example/acme/simple"
    }


def lock_of(*, spec: object = 6, **categories: object) -> bytes:
    return json.dumps({"_meta": {"pipfile-spec": spec, "sources": []}, **categories}).encode()


@pytest.mark.parametrize("spec", [5, 7, "6", True, None])
def test_unknown_spec_is_refused_by_name(spec: object) -> None:
    with pytest.raises(LockError, match=r"Pipfile\.lock: is a Pipfile\.lock of pipfile-spec .*; this lockml knows 6"):
        parse_any_lock(lock_of(spec=spec), "Pipfile.lock")


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"a": {"version": "==one"}}, "Invalid version"),
        ({"a b": {"version": "==1"}}, "name is invalid"),
        ({"a": {}}, "has neither a version nor a source"),
        ({"a": {"version": "==1", "markers": "(" * 3000}}, "parentheses"),
        ({"a": {"version": "==1", "hashes": ["sha256:0"]}}, "is not a hash"),
        ({"a": {"git": "https://git.example/a", "ref": "main"}}, "has no commit"),
        ({"A_b": {"version": "==1"}, "a-b": {"version": "==2"}}, "has 'a-b' twice"),
        ({"a": 1}, "Expected `object`"),
    ],
)
def test_what_cannot_be_read_is_one_error(entry: object, problem: str) -> None:
    with pytest.raises(LockError, match=problem):
        parse_any_lock(lock_of(default=entry), "Pipfile.lock")


def test_categories_that_pin_differently_are_noted_and_default_counts() -> None:
    lock = parse_any_lock(lock_of(default={"a": {"version": "==1"}}, develop={"a": {"version": "==2"}}), "Pipfile.lock")
    assert [str(package.version) for package in lock.pylock.packages] == ["1"]
    assert lock.notes == ("'develop' pins another a than an earlier category, which counts",)
