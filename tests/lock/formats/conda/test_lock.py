"""conda-lock.yml: what lockml takes of it is what conda-lock hands to pip."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockml.common.errors import InputError, LockError
from lockml.lock.formats.read import parse_any_lock
from lockml.lock.model import Choice, Lock
from lockml.lock.select import select_packages, with_choice
from tests.made.foreign_locks import LOCKS, Case, as_yaml, cases, read_foreign, selected
from tests.made.targets import make_target

FOLDERS = sorted((LOCKS / "conda-lock").iterdir())


def entry(name: str = "six", **facts: object) -> dict[str, object]:
    """Return an entry of a conda-lock.yml for pip."""
    version = facts.setdefault("version", "1.0")
    made = {
        "name": name,
        "manager": "pip",
        "platform": "linux-64",
        "dependencies": {},
        "url": f"https://files.example/{name}-{version}-py3-none-any.whl",
        "hash": {"sha256": "a" * 64},
        "category": "main",
        "optional": False,
    }
    return {**made, **facts}


def read(*entries: dict[str, object], version: object = 1) -> Lock:
    """Return the conda-lock.yml of *entries*."""
    document = {"version": version, "metadata": {"platforms": ["linux-64"]}, "package": list(entries)}
    return parse_any_lock(as_yaml(document), "conda-lock.yml")


def names(lock: Lock, choice: Choice = Choice(), platform: str = "linux/amd64") -> list[str]:  # noqa: B008 - frozen
    """Return what is selected of *lock*."""
    chosen = with_choice(lock, choice, "conda-lock.yml")
    target = make_target(platform=platform)
    return sorted(f"{each.name}=={each.version}" for each in select_packages(chosen, target, "conda-lock.yml"))


@pytest.mark.slow
@pytest.mark.parametrize("case", list(cases("conda-lock", "conda-lock.yml")), ids=str)
def test_selection_is_what_conda_lock_hands_to_pip(case: Case) -> None:
    assert selected(case) == sorted(case.pins)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
def test_hashes_are_those_that_conda_lock_hands_to_pip(folder: Path) -> None:
    lock = read_foreign(folder / "conda-lock.yml")
    ours = {
        (package.name, f"sha256:{file.hashes['sha256']}" if file.hashes else "")
        for package in lock.pylock.packages
        for file in (*(package.wheels or ()), *((package.sdist,) if package.sdist else ()))
    }
    oracle = json.loads((folder / "oracle.json").read_text(encoding="utf-8"))
    theirs = {item for each in oracle for item in each["hashes"].items()}
    assert theirs <= ours
    assert {name for name, _ in theirs} == {name for name, _ in ours} or folder.name == "layout2"


def test_what_conda_installs_is_counted_once() -> None:
    conda = [{**entry(name), "manager": "conda", "platform": each} for name in ("a", "b") for each in ("linux-64", "x")]
    lock = read(*conda, {**entry("__cuda"), "manager": "conda"}, entry())
    assert lock.notes == ("2 conda packages are not covered; only those of pip are",)
    assert names(lock) == ["six==1.0"]


def test_python_of_conda_is_the_one_that_the_lock_is_for() -> None:
    python = {**entry("python", version="3.11.9"), "manager": "conda"}
    assert str(read(python, entry()).pylock.requires_python) == "==3.11.*"
    assert read(entry()).pylock.requires_python is None
    both = read(python, {**python, "version": "3.12.1", "platform": "win-64"}, entry())
    assert both.pylock.requires_python is None


def test_platforms_of_the_lock_are_its_environments() -> None:
    (marker,) = read(entry()).pylock.environments or ()
    assert marker.evaluate(make_target().environment)
    assert not marker.evaluate(make_target(platform="linux/arm64").environment)


def test_platform_that_no_marker_tells_is_noted() -> None:
    lock = read(entry(), entry("wasm", platform="emscripten-wasm32"))
    assert lock.notes == ("packages for the platform emscripten-wasm32 are not covered: no marker expresses it",)
    assert names(lock) == ["six==1.0"]


def test_each_platform_has_its_own_file() -> None:
    lock = read(entry(), entry(platform="linux-aarch64", version="2.0"))
    assert names(lock) == ["six==1.0"]
    assert names(lock, platform="linux/arm64") == ["six==2.0"]


def test_category_is_a_group_and_an_extra() -> None:
    lock = read(entry(), entry("docs", category="Docs_1"), entry("tool", category="dev"))
    assert names(lock) == ["six==1.0", "tool==1.0"]
    assert names(lock, Choice(groups=frozenset({"docs-1"}), default_groups=False)) == ["docs==1.0", "six==1.0"]
    assert names(lock, Choice(extras=frozenset({"docs-1"}), default_groups=False)) == ["docs==1.0", "six==1.0"]
    with pytest.raises(InputError, match="has no group 'other'"):
        names(lock, Choice(groups=frozenset({"other"})))


def test_what_its_environment_asks_pip_for_is_kept() -> None:
    environment = b"dependencies: [python, {pip: ['six>=1', -r more.txt]}]\n"
    files = {
        "environment.yml": b"dependencies:\n- python\n- pip:\n  - six>=1 ; python_version > '3'\n",
        "b.yml": environment,
    }
    sources = ["environment.yml", "../up.yml", "gone.yml", "pyproject.toml", "b.yml"]
    document = {"version": 1, "metadata": {"platforms": ["linux-64"], "sources": sources}, "package": [entry()]}
    lock = parse_any_lock(as_yaml(document), "conda-lock.yml", files.get)
    assert [(each.requirement, each.origin) for each in lock.requirements] == [
        ('six>=1 ; python_version > "3"', "environment.yml")
    ]


@pytest.mark.parametrize("version", [0, 3, None, "1.0", "x"])
def test_unknown_version_is_refused_by_name(version: object) -> None:
    with pytest.raises(LockError, match=r"is a conda-lock of version .*; this lockml knows 1 and 2"):
        read(entry(), version=version)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"version": "one"}, "Invalid version"),
        ({"manager": "npm"}, "it has packages of npm"),
        ({"hash": {"sha256": "a" * 40}}, "is not a hash"),
        ({"url": "https://files.example/other-1.0-py3-none-any.whl"}, "is not a file of 'six'"),
        ({"url": "https://files.example/six.whl"}, "Invalid wheel filename"),
        ({"url": "git+https://files.example/six.git@main"}, "has no commit"),
        ({"url": "git+https://[/six.git@main"}, "it is not an address"),
        ({"name": ["six"]}, "Expected `str`"),
        ({"dependencies": ["six"]}, r"Expected `object \| null`"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(LockError, match=rf"conda-lock\.yml: is not a conda-lock that lockml can read: .*{message}"):
        read({**entry(), **wrong})


def test_two_packages_of_one_name_and_platform_are_refused() -> None:
    with pytest.raises(LockError, match="it has two packages 'Six' for linux-64"):
        read(entry(), entry("Six", version="2.0", category="dev"))


@pytest.mark.parametrize(
    "text", ["name: x\ndependencies:\n- python\n", "services:\n  a:\n    image: b\n", "version: 1\r\n", "a: [1]\n"]
)
def test_yaml_that_is_no_lock_is_refused_with_the_kinds_that_are(text: str) -> None:
    with pytest.raises(LockError, match=r"a\.yml: is not a lock that lockml knows") as raised:
        parse_any_lock(text.encode(), "a.yml")
    assert "conda-lock" in (raised.value.hint or "")


def test_aliases_are_refused_with_their_line() -> None:
    with pytest.raises(LockError, match=r"conda-lock\.yml:2: has an alias"):
        parse_any_lock(b"version: &a 1\npackage: [*a]\n", "conda-lock.yml")


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 9),
    st.text(max_size=8),
    st.sampled_from(["main", "dev", "conda", "pip", "linux-64", "osx-arm64", "1.0", "git+https://x@y", "file://h/x"]),
    st.just({"sha256": "b" * 64}),
    st.lists(st.text(max_size=3), max_size=2),
)
KEYS = st.sampled_from([*entry(), "source", "categories", "version"])


@pytest.mark.slow
@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=4), st.sampled_from([1, 2]))
def test_any_values_are_a_lock_or_refused(changes: list[dict[str, object]], version: int) -> None:
    with suppress(LockError):
        names(read(*({**entry(), **change} for change in changes), version=version))


@given(st.lists(st.sampled_from(["version: 1", "package:", "- a", "  b: c", "metadata: {", "}", "&a *a", "\x85"])))
def test_any_text_is_a_lock_or_refused(lines: list[str]) -> None:
    with suppress(LockError):
        parse_any_lock("\n".join(["version: 1", *lines]).encode(), "conda-lock.yml")
