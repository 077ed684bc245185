"""requirements.txt as a lock: what lockml takes of it is what pip takes, and a line that is no pin makes it none."""

import hashlib
import json
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.pylock import Package

from lockml.common.errors import LockError
from lockml.lock.formats.read import parse_any_lock
from lockml.lock.model import Lock
from lockml.lock.queries.graph import LockGraph
from lockml.lock.select import select_packages
from tests.made.foreign_locks import LOCKS, Case, cases, read_foreign, selected
from tests.made.targets import make_target

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ONE, TWO, THREE = (f"sha256:{digit * 64}" for digit in "abc")


def read(text: str | bytes, **beside: str) -> Lock:
    """Return *text* read as the lock requirements.txt, with files *beside* it: ``base`` is base.txt."""
    content = text.encode("utf-8") if isinstance(text, str) else text
    files = {f"{name.replace('__', '/')}.txt": other.encode("utf-8") for name, other in beside.items()}
    return parse_any_lock(content, "requirements.txt", files.get)


def only(lock: Lock) -> Package:
    """Return the one package of *lock*."""
    (package,) = lock.pylock.packages
    return package


@pytest.mark.parametrize("case", list(cases("requirements", "requirements.txt")), ids=str)
def test_selection_is_what_pip_takes(case: Case) -> None:
    assert selected(case) == sorted(case.pins)


@pytest.mark.parametrize("folder", sorted((LOCKS / "requirements").iterdir()), ids=lambda folder: str(folder.name))
def test_hashes_are_those_that_pip_allows(folder: Path) -> None:
    lock = read_foreign(folder / "requirements.txt")
    ours = {
        lock.pylock.packages[at].name: f"{len(many)} of {hashlib.sha256(' '.join(many).encode()).hexdigest()[:16]}"
        for at, many in lock.hashes.items()
    }
    theirs = [each["hashes"] for each in json.loads((folder / "oracle.json").read_text(encoding="utf-8"))]
    assert ours == {name: digest for one in theirs for name, digest in one.items()}


def test_askers_are_what_the_comments_say() -> None:
    lock = read_foreign(LOCKS / "requirements" / "pip-compile" / "requirements.txt")
    assert [(each.requirement, each.origin) for each in lock.requirements] == [
        ("click", "requirements.in"),
        ("requests[socks]>=2.30", "requirements.in"),
    ]
    chain, asked = next(LockGraph(lock).chains(lock.pylock.packages[-1].name))
    assert chain == ("requests", "urllib3")
    assert [each.origin for each in asked] == ["requirements.in"]


def test_pyproject_of_an_asker_is_its_origin() -> None:
    lock = read_foreign(LOCKS / "requirements" / "pip-compile-project" / "requirements.txt")
    assert {each.origin for each in lock.requirements} == {"pyproject.toml"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("six==1.0\nflask>=2\n", r"requirements\.txt:2: 'flask>=2' is not an exact pin"),
        ("flask\n", r"requirements\.txt:1: 'flask' is not an exact pin"),
        ("flask==1.*\n", r"'flask==1\.\*' is not an exact pin"),
        ("flask===one\n", r"'flask===one' is not an exact pin"),
        ("flask==1.0,==2.0\n", r"'flask==1\.0,==2\.0' is not an exact pin"),
        ("flask==1.0,<1\n", r"is not an exact pin"),
        ("foo @ git+https://files.example/foo.git@main\n", "has no commit"),
        ("foo @ git+https://files.example/foo.git\n", "has no commit"),
        ("foo @ git+https://files.example/foo.git@0123456\n", "has no commit"),
        ("flask==1 ; extra == 'x'\n", "cannot test an extra"),
        ("hello world\n", r"requirements\.txt:1: 'hello world' is not a requirement"),
        ("--index-url https://index.example/simple\n", "pins nothing"),
        (f"a==1 --hash={ONE}\na==1 --hash={TWO}\n", r":2: allows other files of a than requirements\.txt:1 does"),
    ],
)
def test_line_that_is_no_pin_is_refused_by_its_number(text: str, message: str) -> None:
    with pytest.raises(LockError, match=message) as raised:
        read(text)
    assert raised.value.hint


def test_pin_among_bounds_counts_where_they_let_it_in() -> None:
    assert str(only(read("flask==1.5,<2\n")).version) == "1.5"


def test_lines_of_one_version_allow_what_all_of_them_do() -> None:
    lock = read(f"a==1 --hash={ONE} --hash={TWO}\na[x]==1 --hash={TWO} --hash={THREE}\n")
    assert lock.hashes == {0: (TWO,)}
    assert lock.extras == {"a": ("x",)}


def test_lines_that_differ_in_markers_alone_are_one_package() -> None:
    lock = read("a==1 ; python_version < '3.8'\na==1 ; sys_platform == 'linux'\n")
    assert [str(each.name) for each in select_packages(lock, make_target(), "requirements.txt")] == ["a"]


def test_two_versions_for_one_target_are_refused() -> None:
    lock = read("a==1\na==2 ; sys_platform == 'linux'\n")
    with pytest.raises(LockError, match=r"two packages a for one environment \(1 and 2\)"):
        select_packages(lock, make_target(), "requirements.txt")


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029", "\x0c", "\x1e"])
def test_lines_end_where_they_end_for_pip(break_: str) -> None:
    assert [str(each.name) for each in read(f"a==1{break_}b==2").pylock.packages] == ["a", "b"]


def test_archive_has_its_hashes_and_no_login() -> None:
    lock = read(f"foo @ https://u:p@files.example/foo-1.0-py3-none-any.whl#{ONE.replace(':', '=')}\n")
    archive = only(lock).archive
    assert archive is not None
    assert (archive.url, archive.hashes) == ("https://files.example/foo-1.0-py3-none-any.whl", {"sha256": "a" * 64})
    assert str(only(lock).version) == "1.0"
    assert lock.hashes == {0: (ONE,)}


def test_archive_that_may_be_one_of_several_has_no_hash_of_its_own() -> None:
    lock = read(f"foo @ https://files.example/foo-1.0.zip --hash={ONE} --hash={TWO}\n")
    assert only(lock).archive is not None
    assert lock.hashes == {0: (ONE, TWO)}


def test_editable_repository_is_told() -> None:
    lock = read(f"-e git+https://u:p@files.example/foo.git@{COMMIT}#egg=foo&subdirectory=lib\n")
    vcs = only(lock).vcs
    assert vcs is not None
    assert (vcs.url, vcs.commit_id, vcs.subdirectory) == ("https://files.example/foo.git", COMMIT, "lib")
    assert only(lock).tool == {"lockml": {"editable": True}}


def test_what_names_no_project_is_a_note() -> None:
    lock = read("a==1\n-e .\n./lib\n")
    assert lock.notes == ("2 lines do not name a project: . (requirements.txt:2), ./lib (requirements.txt:3)",)


def test_indexes_are_kept_without_logins() -> None:
    lock = read("--index-url https://u:p@index.example/simple\n--extra-index-url https://two.example/\na==1\n")
    assert lock.indexes.url == "https://index.example/simple"
    assert lock.indexes.extra_urls == ("https://two.example/",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-r gone.txt\na==1\n", r"requirements\.txt:1: gone\.txt: no such file"),
        ("-r /etc/passwd\n", "is not in the folder of the lock"),
        ("-r ../up.txt\n", "is not in the folder of the lock"),
        ("-r https://files.example/more.txt\n", "is on a server"),
    ],
)
def test_files_are_included_from_the_folder_of_the_lock_alone(text: str, message: str) -> None:
    with pytest.raises(LockError, match=message):
        read(text)


def test_files_that_include_without_end_are_refused() -> None:
    chain = {f"f{number}": f"-r f{number + 1}.txt\n" for number in range(200)}
    with pytest.raises(LockError, match="limit of 100 files"):
        read("-r f0.txt\n", **chain)


def test_lines_of_included_files_are_not_shown() -> None:
    with pytest.raises(LockError, match=r"^link\.txt:1: is not a pin \(not shown") as raised:
        read("-r link.txt\n", link="root:secret:0\n")
    assert "secret" not in str(raised.value)


def test_included_file_in_a_folder_is_seen_from_there() -> None:
    assert len(read("-r sub/a.txt\n", sub__a="-r b.txt\n", sub__b="six==1\n").pylock.packages) == 1


def test_included_files_are_told_with_their_digests() -> None:
    digest = hashlib.sha256(b"six==1\n").hexdigest()
    assert read("-r a.txt\n", a="six==1\n").notes == (f"also read a.txt (sha256:{digest})",)


def test_broken_pylock_stays_one() -> None:
    with pytest.raises(LockError, match="is not TOML"):
        read('lock-version = "1.0"\n[[packages]]\nname = "a\n')


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "a==1" + " " * 3_000_000 + "# via b\n",
        "a==1 ; " + "(" * 20_000 + "\n",
        "a==" + "9" * 6_000 + "\n",
        "a==1 ; python_version < '" + "9" * 6_000 + "'\n",
        "\\\n" * 300_000 + "a==1\n",
        "a==1\n    # via\n" + "    #   b\n" * 200_000,
        "a" + "==1," * 50_000 + "==1\n",
        "./a" + "[" * 100_000 + "\n",
        "a==1" + " --hash" * 100_000 + "\n",
    ],
    ids=lambda text: text[:8].strip(),
)
def test_hostile_text_takes_a_time_that_grows_with_its_size(text: str) -> None:
    began = time.process_time()
    with suppress(LockError):
        select_packages(read(text), make_target(), "requirements.txt")
    assert time.process_time() - began < 5


LINES = st.sampled_from(
    [
        *(
            "a==1",
            "b==2.0+cpu",
            "c===3",
            "-r requirements.txt",
            "-c x.txt",
            "-r x.txt",
            "-e .",
            "--hash",
            "# via",
            "\\",
        ),
        *(
            "    # via a",
            "    #   -r x.in",
            "--index-url",
            "--pre",
            "git+https://x",
            "foo @ ./x",
            ";",
            " ; extra == 'x'",
        ),
        *(f" --hash={ONE}", "[[a]]", "{", "version: 1", "\ufeff", "\x00", "a==1 ; python_version < 'x'", "# coding: x"),
    ]
)


@given(st.lists(st.one_of(LINES, st.text(max_size=12)), max_size=12), st.sampled_from(["\n", "", "\r", "\u2028", " "]))
def test_any_text_is_a_lock_or_refused(lines: list[str], break_: str) -> None:
    with suppress(LockError):
        lock = read(break_.join(lines).encode("utf-8", "replace"), x="c==3\n")
        select_packages(lock, make_target(), "requirements.txt")


@given(st.binary(max_size=60))
def test_any_bytes_are_a_lock_or_refused(content: bytes) -> None:
    with suppress(LockError):
        read(content)
