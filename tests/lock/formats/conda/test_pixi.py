"""pixi.lock: what lockml takes of it is what pixi's own reader finds."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from lockml.common.errors import InputError, LockError
from lockml.lock.formats.read import parse_any_lock
from lockml.lock.model import Choice, Lock
from lockml.lock.queries.graph import LockGraph
from lockml.lock.select import chosen_packages, select_packages, with_choice
from tests.made.foreign_locks import LOCKS, Case, as_yaml, cases, read_foreign, selected
from tests.made.targets import make_target

FOLDERS = sorted((LOCKS / "pixi").iterdir())
URL = "https://files.example/six-1.0-py3-none-any.whl"
CONDA = "https://conda.example/conda-forge/linux-64/{}-1.0-h0_0.conda"


def entry(place: str = URL, **facts: object) -> dict[str, object]:
    """Return an entry of pypi."""
    return {"pypi": place, "name": "six", "version": "1.0", "sha256": "a" * 64, **facts}


def read(*entries: Mapping[str, object], version: object = 6, **environments: Mapping[str, object]) -> Lock:
    """Return the pixi.lock of *entries*; without *environments*, all of pypi are those of the default one."""
    used = [{"pypi": each["pypi"]} for each in entries if "pypi" in each]
    told: dict[str, object] = {
        name.replace("_", "-"): {"packages": packages} for name, packages in environments.items()
    }
    told = told or {"default": {"packages": {"linux-64": used}}}
    document = {"version": version, "environments": told, "packages": list(entries)}
    return parse_any_lock(as_yaml(document), "pixi.lock")


def names(lock: Lock, choice: Choice = Choice(), platform: str = "linux/amd64") -> list[str]:  # noqa: B008 - frozen
    """Return what is selected of *lock*."""
    chosen = with_choice(lock, choice, "pixi.lock")
    target = make_target(platform=platform)
    return sorted(f"{each.name}=={each.version}" for each in select_packages(chosen, target, "pixi.lock"))


@pytest.mark.parametrize("case", list(cases("pixi", "pixi.lock")), ids=str)
def test_selection_is_what_pixi_finds(case: Case) -> None:
    assert selected(case) == sorted(case.pins)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
def test_hashes_are_those_that_pixi_finds(folder: Path) -> None:
    ours: set[tuple[str, str]] = set()
    for package in read_foreign(folder / "pixi.lock").pylock.packages:
        files = (*(package.wheels or ()), *((package.sdist,) if package.sdist else ()))
        archives = (package.archive,) if package.archive else ()
        ours |= {(package.name, file.hashes.get("sha256", "")) for file in (*files, *archives)}
    oracle = json.loads((folder / "oracle.json").read_text(encoding="utf-8"))
    theirs = {item for each in oracle for item in each["hashes"].items()}
    assert {item for item in theirs if item[1]} <= ours
    assert ours <= theirs or folder.name == "environments6"


def test_chosen_environment_stands_in_place_of_the_default_one() -> None:
    lock = read_foreign(LOCKS / "pixi" / "environments6" / "pixi.lock")
    assert names(lock) == ["tool==1.0"]
    assert names(lock, Choice(groups=frozenset({"py-312"}))) == ["tool==2.0"]
    assert names(lock, Choice(groups=frozenset({"py-312"}), default_groups=False)) == ["tool==2.0"]
    assert names(lock, Choice(groups=frozenset({"default"}))) == ["tool==1.0"]
    assert names(lock, Choice(groups=frozenset({"empty"}))) == []
    assert [str(each.version) for each in chosen_packages(with_choice(lock, Choice(), "pixi.lock"))] == ["1.0"]
    gpu = with_choice(lock, Choice(groups=frozenset({"gpu"})), "pixi.lock")
    assert [str(each.version) for each in chosen_packages(gpu)] == ["3.0"]
    assert names(lock, Choice(default_groups=False)) == []
    with pytest.raises(InputError, match="has no group 'other'") as raised:
        names(lock, Choice(groups=frozenset({"other"})))
    assert raised.value.hint == "its groups: default, empty, gpu, py-312"


def test_two_environments_at_once_must_agree() -> None:
    lock = read_foreign(LOCKS / "pixi" / "environments6" / "pixi.lock")
    with pytest.raises(LockError, match="has two packages tool for one environment"):
        names(lock, Choice(groups=frozenset({"py-312", "gpu"})))


def test_lock_without_a_default_environment_takes_the_one_that_is_named() -> None:
    lock = read(entry(), only={"linux-64": [{"pypi": URL}]})
    assert names(lock) == []
    assert names(lock, Choice(groups=frozenset({"only"}))) == ["six==1.0"]


def test_what_conda_installs_is_counted_once() -> None:
    lock = read(
        entry(),
        {"conda": CONDA.format("a")},
        {"conda": CONDA.format("a").replace("linux-64", "osx-64")},
        {"conda": CONDA.format("b-c"), "name": "b-c"},
        {"conda_source": "own[0123] @ ."},
        version=7,
    )
    assert lock.notes == ("3 conda packages are not covered; only those of pip are",)


def test_python_of_conda_is_the_one_that_the_lock_is_for() -> None:
    python = {"conda": CONDA.format("python").replace("1.0", "3.11.9")}
    assert str(read(python, entry()).pylock.requires_python) == "==3.11.*"
    assert read(python, {"conda": CONDA.format("python").replace("1.0", "3.12.1")}).pylock.requires_python is None


def test_platform_that_markers_cannot_tell_from_another_is_noted() -> None:
    lock = read_foreign(LOCKS / "pixi" / "platforms7" / "pixi.lock")
    assert lock.notes == ("packages for the platform gpu-box of default are not covered: no marker expresses it",)


def test_extras_that_environments_ask_for_are_kept_and_followed() -> None:
    lock = read_foreign(LOCKS / "pixi" / "plain5" / "pixi.lock")
    assert lock.extras == {"requests": ("socks",)}
    again = read(
        entry(requires_dist=["idna>=2", "pysocks ; extra == 'socks'", "dev ; extra == 'dev'", "???"]),
        default={"linux-64": [{"pypi": URL, "extras": ["socks"]}]},
    )
    assert again.pylock.packages[0].dependencies == [{"name": "idna"}, {"name": "pysocks"}]


def test_who_needs_what_is_what_packages_require() -> None:
    lock = read_foreign(LOCKS / "pixi" / "plain6" / "pixi.lock")
    graph = LockGraph(with_choice(lock, Choice(groups=frozenset({"test"})), "pixi.lock"))
    assert [chain for chain, _ in graph.chains(canonicalize_name("pluggy"))] == [("pytest", "pluggy")]


def test_index_of_a_package_is_kept() -> None:
    lock = read(entry(index_url="https://index.example/simple"), version=7)
    assert [each.index for each in lock.pylock.packages] == ["https://index.example/simple"]


def test_what_the_manifest_asks_of_pypi_is_kept() -> None:
    document = as_yaml({"version": 6, "environments": {"default": {}}, "packages": []})
    both = {"pixi.toml": b"[pypi-dependencies]\nsix = '*'", "pyproject.toml": b"[tool.pixi.pypi-dependencies]\na = '*'"}
    asked = [(each.requirement, each.origin) for each in parse_any_lock(document, "pixi.lock", both.get).requirements]
    assert asked == [("six", "pixi.toml")]
    other = {"pyproject.toml": both["pyproject.toml"]}
    asked = [(each.requirement, each.origin) for each in parse_any_lock(document, "pixi.lock", other.get).requirements]
    assert asked == [("a", "pyproject.toml")]


def test_wheel_of_a_folder_of_links_is_one_of_an_index() -> None:
    place = "./links/six-1.0-py3-none-any.whl"
    used = {"packages": {"linux-64": [{"pypi": place}]}}
    linked = {"version": 6, "environments": {"default": {**used, "find-links": [{"path": "./links"}]}}}
    (package,) = parse_any_lock(as_yaml({**linked, "packages": [entry(place)]}), "pixi.lock").pylock.packages
    assert [(wheel.name, wheel.path) for wheel in package.wheels or ()] == [
        ("six-1.0-py3-none-any.whl", "links/six-1.0-py3-none-any.whl")
    ]
    (other,) = read(entry(place)).pylock.packages
    assert other.archive is not None


@pytest.mark.parametrize("version", [0, 3, 8, 1000, None, "6.0"])
def test_unknown_version_is_refused_by_name(version: object) -> None:
    with pytest.raises(LockError, match=r"is a pixi\.lock of version .*; this lockml knows 4 to 7"):
        read(entry(), version=version)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"version": "one"}, "Invalid version"),
        ({"name": None}, "has no name"),
        ({"name": "a b"}, "name is invalid"),
        ({"sha256": "a"}, "is not a hash"),
        ({"requires_python": "three"}, "Invalid specifier"),
        ({"pypi": "https://files.example/other-1.0-py3-none-any.whl"}, "is not a file of 'six'"),
        ({"pypi": "git+https://files.example/six.git?rev=main#0123456"}, "has no commit"),
        ({"pypi": "svn+https://files.example/six"}, "svn repositories are not supported"),
        ({"requires_dist": [["six"]]}, "Expected `str`"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(LockError, match=rf"pixi\.lock: is not a pixi\.lock that lockml can read: .*{message}"):
        read({**entry(), **wrong})


def test_environment_that_needs_what_is_not_there_is_refused() -> None:
    with pytest.raises(LockError, match=r"environment 'default' needs '\./gone', which is not one of its packages"):
        read(entry(), default={"linux-64": [{"pypi": "./gone"}]})


def test_two_packages_at_one_place_are_refused() -> None:
    with pytest.raises(LockError, match="it has two packages at"):
        read(entry(), entry(version="2.0"))


def test_two_environments_of_one_name_are_refused() -> None:
    document = {"version": 6, "environments": {"a-b": {}, "A_b": {}}, "packages": []}
    with pytest.raises(LockError, match="it has two environments of one name"):
        parse_any_lock(as_yaml(document), "pixi.lock")


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 9),
    st.text(max_size=8),
    st.sampled_from(["conda", "pypi", URL, "./x", "git+https://x#y", "direct+x", "file://h/x", "linux-64", CONDA]),
    st.lists(st.text(max_size=3), max_size=2),
)
KEYS = st.sampled_from([*entry(), "kind", "url", "path", "conda", "editable", "requires_dist", "requires_python"])
PLATFORMS = st.sampled_from(["linux-64", "osx-arm64", "x", ""])
SELECTORS = st.lists(st.dictionaries(st.sampled_from(["pypi", "conda", "extras"]), VALUES, max_size=2), max_size=2)


@pytest.mark.slow
@given(
    st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=4),
    st.dictionaries(
        st.sampled_from(["default", "a", "b'"]), st.dictionaries(PLATFORMS, SELECTORS, max_size=2), max_size=2
    ),
    st.sampled_from([4, 5, 6, 7]),
)
def test_any_values_are_a_lock_or_refused(
    changes: list[dict[str, object]], environments: dict[str, dict[str, list[object]]], version: int
) -> None:
    with suppress(LockError):
        names(read(*({**entry(), **change} for change in changes), version=version, **environments))
