import pytest

from lockml.common.errors import InputError, LockError
from lockml.common.references import ArchiveReference, FolderReference, RepositoryReference
from lockml.common.target import Target
from lockml.lock.formats.read import parse_any_lock
from lockml.lock.model import Choice
from lockml.lock.references import source_of
from lockml.lock.select import select_packages, with_choice
from tests.made.oracles import TARGETS, differences, read_fixture
from tests.made.targets import make_target

ALL = Choice(all_extras=True)
MAIN = Choice(default_groups=False)
WITH_GROUPS = [
    ("groups", "default", Choice()),
    ("groups", "main", MAIN),
    ("groups", "docs", Choice(groups=frozenset({"docs"}))),
    ("extras", "default", Choice()),
    ("extras", "cli", Choice(extras=frozenset({"cli"}))),
    ("extras", "data-frames", Choice(extras=frozenset({"data-frames"}))),
    ("extras", "all", ALL),
    ("nested", "default", Choice()),
    ("nested", "all", Choice(groups=frozenset({"all"}))),
    ("nested", "full", Choice(extras=frozenset({"full"}))),
    ("forks", "default", Choice()),
    ("forks", "main", MAIN),
    ("sources", "default", Choice()),
    ("indexes", "default", Choice()),
    ("indexes", "meta", Choice(extras=frozenset({"meta"}))),
    ("classic", "default", Choice()),
    ("classic", "web", Choice(extras=frozenset({"web"}))),
    ("classic", "all", ALL),
    ("classic", "main", MAIN),
]
FOLLOWED = [
    ("groups-1.8", "default", Choice()),
    ("groups-1.8", "main", MAIN),
    ("groups-1.8", "docs", Choice(groups=frozenset({"docs"}))),
    ("sources-1.8", "default", Choice()),
    ("forks-1.8", "default", Choice()),
    ("forks-1.8", "main", MAIN),
    ("indexes-1.8", "default", Choice()),
    ("indexes-1.8", "meta", Choice(extras=frozenset({"meta"}))),
    ("classic-1.8", "default", Choice()),
    ("classic-1.8", "web", Choice(extras=frozenset({"web"}))),
    ("classic-1.8", "all", ALL),
    ("classic-1.8", "main", MAIN),
    ("indexes-1.1", "default", Choice()),
    ("indexes-1.1", "meta", Choice(extras=frozenset({"meta"}))),
    ("sources-1.1", "default", Choice()),
    ("classic-1.1", "default", Choice()),
    ("classic-1.1", "web", Choice(extras=frozenset({"web"}))),
    ("classic-1.1", "all", ALL),
    ("classic-1.1", "main", MAIN),
]
ASKED_WITH_MARKERS = {
    "classic-1.1": {"typing-extensions"},
    "classic-1.8": {"typing-extensions"},
    "forks-1.8": {"colorama", "ipython", "pywin32", "uvloop"},
}
CASES = [*WITH_GROUPS, *FOLLOWED]


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize(("name", "oracle", "choice"), CASES, ids=[f"{name}-{oracle}" for name, oracle, _ in CASES])
def test_selection_is_what_poetry_exports(name: str, oracle: str, choice: Choice, target: Target) -> None:
    lock = read_fixture(f"poetry/{name}", "poetry.lock")
    assert differences(lock, choice, target, f"poetry/{name}", oracle) == []


def test_group_that_the_lock_lacks_is_refused() -> None:
    with pytest.raises(InputError, match=r"poetry\.lock: has no group 'gpu'"):
        with_choice(read_fixture("poetry/groups", "poetry.lock"), Choice(groups=frozenset({"gpu"})), "poetry.lock")


def test_every_group_is_installed_where_no_pyproject_says_which_are_optional() -> None:
    lock = read_fixture("poetry/groups", "poetry.lock", alone=True)
    names = {package.name for package in select_packages(lock, make_target("3.12"), "poetry.lock")}
    assert {"mkdocs", "pytest"} <= names
    assert any("every group" in note for note in lock.notes)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize(
    ("name", "oracle"), [("classic-1.1", "default"), ("classic-1.8", "default"), ("forks-1.8", "default")]
)
def test_older_lock_alone_is_what_no_other_package_needs(name: str, oracle: str, target: Target) -> None:
    """Without the markers of the project: they are in its pyproject.toml only."""
    lock = read_fixture(f"poetry/{name}", "poetry.lock", alone=True)
    assert any("count as required" in note for note in lock.notes)
    different = {line.partition(":")[0] for line in differences(lock, Choice(), target, f"poetry/{name}", oracle)}
    assert different <= ASKED_WITH_MARKERS[name]


def test_sources_are_kept() -> None:
    lock = read_fixture("poetry/sources", "poetry.lock")
    by_name = {package.name: source_of(package) for package in lock.pylock.packages}
    assert by_name == {
        "acme-git": RepositoryReference(url="https://git.example/acme/repo.git", revision="v0.7"),
        "acme-tool": ArchiveReference(location="https://files.example/acme_tool-0.3-py3-none-any.whl"),
        "acme-local": ArchiveReference(location="wheels/acme_local-0.9+local.1-py3-none-any.whl"),
        "member": FolderReference(path="member", editable=True),
        **dict.fromkeys(("certifi", "idna", "packaging", "tomli")),
    }


def test_index_of_a_package_is_its_source() -> None:
    lock = read_fixture("poetry/indexes", "poetry.lock")
    indexes = {package.name: package.index for package in lock.pylock.packages}
    acme = "https://index.example/acme/simple"
    assert (indexes["acme-core"], indexes["acme-models"], indexes["click"]) == (acme, acme, None)  # type: ignore[index]


def test_requirements_are_those_of_the_pyproject_beside_it() -> None:
    lock = read_fixture("poetry/classic", "poetry.lock")
    asked = [each.requirement for each in lock.requirements]
    assert "requests[socks]<3,>=2.31" in asked
    assert "attrs==23.*" in asked
    assert lock.projects == ("classic",)


@pytest.mark.parametrize("version", ["0.9", "2.2", "3.0", "", "two"])
def test_unknown_lock_version_is_refused_by_name(version: str) -> None:
    content = f'package = []\n[metadata]\nlock-version = "{version}"\n'.encode()
    with pytest.raises(LockError, match=r"is a poetry\.lock of lock-version '.*'; lockml reads 1\.0, 1\.1"):
        parse_any_lock(content, "poetry.lock")


HEAD = '[metadata]\nlock-version = "2.1"\npython-versions = "*"\n'
PACKAGE = '[[package]]\nname = "{}"\nversion = "{}"\noptional = false\npython-versions = "*"\ngroups = ["main"]\n{}\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (PACKAGE.format("a b", "1", ""), "name is invalid"),
        (PACKAGE.format("a", "one", ""), "Invalid version"),
        (PACKAGE.format("a", "1", f'markers = "{"(" * 3000}"'), "parentheses"),
        (PACKAGE.format("a", "1", "markers = \"'a' in extra\""), "compares incomparable values"),
        (PACKAGE.format("a", "1", "markers = \"extras == 'a'\""), "Set-valued marker"),
        (PACKAGE.format("a", "1", "markers = \"no == 'marker'\""), "Expected a marker"),
        (PACKAGE.format("a", "1", 'files = [{file = "a-1-py3-none-any.whl", hash = "sha256:0"}]'), "is not a hash"),
        (PACKAGE.format("a", "1", 'files = [{file = "a.whl"}]'), "Invalid wheel filename"),
        (PACKAGE.format("a", "1", 'source = {type = "git", url = "https://git.example"}'), "has no commit"),
        (PACKAGE.format("a", "1", 'source = {type = "svn", url = "https://git.example"}'), "unknown type"),
        (PACKAGE.format("a", "1", "").replace('["main"]', "[]"), "is in no group"),
        ("package = 1\n", "Expected `array`"),
    ],
)
def test_what_cannot_be_read_is_one_error(text: str, problem: str) -> None:
    with pytest.raises(LockError, match=problem):
        parse_any_lock((text + HEAD).encode(), "poetry.lock")


def test_names_that_are_one_project_are_refused_where_both_are_selected() -> None:
    text = PACKAGE.format("Some_Name", "1", "") + PACKAGE.format("some-name", "2", "") + HEAD
    lock = parse_any_lock(text.encode(), "poetry.lock")
    with pytest.raises(LockError, match="has two packages some-name for one environment"):
        select_packages(lock, make_target(), "poetry.lock")


def test_markers_of_a_package_may_differ_by_group() -> None:
    entry = PACKAGE.format("a", "1", "markers = {main = \"sys_platform == 'win32'\", dev = \"extra == 'x'\"}")
    lock = parse_any_lock((entry.replace('["main"]', '["main", "dev"]') + HEAD + "[extras]\nx = []\n").encode(), "lock")
    with_x = with_choice(lock, Choice(extras=frozenset({"x"})), "lock")
    without_dev = with_choice(lock, Choice(extras=frozenset({"x"}), default_groups=False), "lock")
    here, windows = make_target(), TARGETS[-1]
    assert [len(select_packages(each, here, "lock")) for each in (lock, with_x, without_dev)] == [0, 1, 0]
    assert [len(select_packages(each, windows, "lock")) for each in (lock, with_x, without_dev)] == [1, 1, 1]
