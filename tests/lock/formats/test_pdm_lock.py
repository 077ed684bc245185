import pytest

from lockml.common.errors import LockError
from lockml.common.references import ArchiveReference, FolderReference, RepositoryReference
from lockml.common.target import Target
from lockml.lock.formats.read import parse_any_lock
from lockml.lock.model import Choice
from lockml.lock.references import source_of
from lockml.lock.select import groups_of, select_packages
from tests.made.oracles import LINUX, TARGETS, differences, read_fixture
from tests.made.targets import make_target

MAIN = Choice(default_groups=False)
CLI = Choice(default_groups=False, extras=frozenset({"cli"}))
CASES = [
    ("groups", "default", Choice()),
    ("groups", "prod", MAIN),
    ("groups", "docs", Choice(without_groups=frozenset({"test"}))),
    ("extras", "default", Choice()),
    ("extras", "prod", MAIN),
    ("extras", "cli", CLI),
    ("extras", "two", Choice(default_groups=False, extras=frozenset({"cli", "big-one"}))),
    ("forks", "default", Choice()),
    ("forks", "prod", MAIN),
    ("sources", "default", Choice()),
    ("indexes", "default", Choice()),
    ("targets", "default", Choice()),
    ("targets", "prod", MAIN),
    ("targets", "frames", Choice(extras=frozenset({"frames"}), without_groups=frozenset({"cli"}))),
]


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize(("name", "oracle", "choice"), CASES, ids=[f"{name}-{oracle}" for name, oracle, _ in CASES])
def test_selection_is_what_pdm_exports(name: str, oracle: str, choice: Choice, target: Target) -> None:
    lock = read_fixture(f"pdm/{name}", "pdm.lock")
    assert differences(lock, choice, target, f"pdm/{name}", oracle) == []


@pytest.mark.parametrize("python", LINUX)
@pytest.mark.parametrize(
    ("oracle", "choice"),
    [
        ("default", Choice()),
        ("prod", MAIN),
        ("cli", CLI),
        ("test", Choice(without_groups=frozenset({"cli", "frames"}))),
    ],
)
def test_selection_without_inherited_metadata_is_what_pdm_installs(oracle: str, choice: Choice, python: str) -> None:
    """``pdm install -G`` leaves out optional dependencies that it does not name, but no group for development."""
    oracle = f"{oracle}-{python.replace('.', '')}"
    lock = read_fixture("pdm/bare", "pdm.lock")
    assert differences(lock, choice, LINUX[python], "pdm/bare", oracle) == []


def test_every_locked_group_is_installed_by_default() -> None:
    lock = read_fixture("pdm/extras", "pdm.lock")
    assert groups_of(lock) == {"big-one", "cli", "server"}
    assert {"pandas", "rich", "uvicorn"} <= {each.name for each in select_packages(lock, make_target(), "pdm.lock")}


def test_entries_of_one_package_with_extras_are_one_package() -> None:
    lock = read_fixture("pdm/indexes", "pdm.lock")
    assert len([package for package in lock.pylock.packages if package.name == "acme-models"]) == 1


def test_what_nothing_needs_is_asked_for_where_no_pyproject_lies_beside() -> None:
    lock = read_fixture("pdm/bare", "pdm.lock", alone=True)
    names = {package.name for package in select_packages(lock, make_target(), "pdm.lock")}
    assert {"httpx", "h2", "rich", "pandas", "pytest"} <= names
    assert lock.notes == ("no pyproject.toml beside it: packages that no other package needs count as required",)


def test_sources_are_kept() -> None:
    lock = read_fixture("pdm/sources", "pdm.lock")
    by_name = {package.name: source_of(package) for package in lock.pylock.packages}
    assert by_name == {
        "acme-git": RepositoryReference(url="https://git.example/acme/repo.git", revision="v0.7"),
        "acme-tool": ArchiveReference(location="https://files.example/acme_tool-0.3-py3-none-any.whl"),
        "acme-local": ArchiveReference(location="./wheels/acme_local-0.9+local.1-py3-none-any.whl"),
        "member": FolderReference(path="./member", editable=True),
        **dict.fromkeys(("certifi", "idna", "packaging", "tomli")),
    }


def test_local_version_of_a_wheel_is_that_of_its_name() -> None:
    lock = read_fixture("pdm/sources", "pdm.lock")
    assert {str(package.version) for package in lock.pylock.packages if "local" in package.name} == {"0.9+local.1"}


def test_files_with_urls_have_their_names() -> None:
    lock = read_fixture("pdm/targets", "pdm.lock")
    wheels = [wheel for package in lock.pylock.packages for wheel in package.wheels or ()]
    assert wheels
    assert all((wheel.url or "").endswith(wheel.name or "-") for wheel in wheels)


@pytest.mark.parametrize("version", ["3.1", "4.6", "5.0", "4"])
def test_unknown_lock_version_is_refused_by_name(version: str) -> None:
    content = f'[metadata]\nlock_version = "{version}"\n'.encode()
    with pytest.raises(
        LockError, match=r"pdm\.lock: is a pdm\.lock of lock_version '.*'; this lockml knows 4\.0 to 4\.5"
    ):
        parse_any_lock(content, "pdm.lock")


HEAD = '[metadata]\nlock_version = "4.5.0"\nstrategy = ["inherit_metadata"]\n'


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ('name = "a"\nversion = "one"', "Invalid version"),
        ('name = "-"\nversion = "1"', "name is invalid"),
        (f'name = "a"\nversion = "1"\nmarker = "{"(" * 3000}"', "parentheses"),
        ('name = "a"\nversion = "1"\ndependencies = ["b ="]', "Expected"),
        (f'name = "a"\nversion = "1"\ndependencies = ["b; {"(" * 3000}"]', "parentheses"),
        ('name = "a"\nversion = "1"\nmarker = "\'a\' == \'b\'"', "compares incomparable values"),
        ('name = "a"\ngit = "https://git.example/a"', "has no commit"),
        ('name = "a"\nversion = "1"\nfiles = [{file = "a.whl", hash = "sha256:0"}]', "is not a hash"),
    ],
)
def test_what_cannot_be_read_is_one_error(entry: str, problem: str) -> None:
    with pytest.raises(LockError, match=problem):
        parse_any_lock(f"{HEAD}[[package]]\n{entry}\n".encode(), "pdm.lock")
