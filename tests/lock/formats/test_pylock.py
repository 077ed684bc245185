import dataclasses
import hashlib
import re
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.pylock import Pylock
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.common.digest import ArtifactIdentity
from lockml.common.errors import LockError
from lockml.common.target import Libc, Target, parse_platform, parse_python, parse_target
from lockml.lock.formats.pylock import format_lock, parse_lock
from lockml.lock.select import pinned_versions
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of, signed
from tests.made.targets import make_target


def example() -> MemoryIndex:
    index = MemoryIndex()
    index.add("model", "1.0", ["numpy>=1"], requires_python=">=3.8", upload_time="2024-01-02T03:04:05Z")
    index.add("numpy", "1.26.4", tag="cp311-cp311-manylinux_2_17_x86_64")
    index.add("numpy", "1.26.4", tag="cp311-cp311-manylinux_2_28_x86_64")
    return index


def test_lock_reads_as_it_was_written() -> None:
    lock = lock_of(example(), "model", "numpy<2", index_url="https://user:secret@index.example/simple")
    text = format_lock(lock)
    assert replace(parse_lock(text.encode(), "pylock.toml"), sha256="") == lock
    assert format_lock(parse_lock(text.encode(), "pylock.toml")) == text


LISTED = Target.of(
    parse_python("3.11"),
    parse_platform("linux/amd64"),
    tags=("cp311-cp311-manylinux_2_28_x86_64", "cp311-cp311-manylinux_2_17_x86_64", "py3-none-any"),
)


@pytest.mark.parametrize(
    "target",
    [
        *map(parse_target, ("3.11-linux/s390x-glibc-2.17", "big=3.14t-linux/arm/v7-musl-1.2")),
        *map(parse_target, ("3.14.2t-windows/amd64", "pypy3.10-linux/ppc64le-glibc-2.36", "pypy3.11-macos/arm64-14.0")),
        LISTED,
        replace(LISTED, libc=Libc(family="glibc", major=2, minor=28), name="box"),
    ],
    ids=str,
)
def test_target_reads_as_it_was_written(target: Target) -> None:
    index = MemoryIndex()
    index.add("six", "1.0")
    text = format_lock(lock_of(index, "six", target=target))
    read = parse_lock(text.encode(), "pylock.toml")
    assert read.targets == (target,)
    assert format_lock(read) == text
    assert pinned_versions(read, target) == {"six": Version("1.0")}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('python = "3.11"', 'python = "3.11t"'),
        ('"linux/amd64"', '"linux/sparc"'),
        ('"py3-none 1"', '"py3-none 2"'),
        ('"cp311-cp311 0"', '"cp311-cp311-any 0"'),
        ('"any"', '"any", "win32"'),
        ("tag-platforms", "no-platforms"),
    ],
)
def test_target_that_lockml_never_wrote_is_refused(old: str, new: str) -> None:
    text = format_lock(lock_of(example(), "numpy", target=LISTED))
    assert old in text
    with pytest.raises(LockError, match="has an unknown target"):
        parse_lock(signed(text.replace(old, new, 1)).encode(), "pylock.toml")


@pytest.mark.parametrize(
    "line",
    [
        "bases = 1",
        "bases = ['base']",
        "bases = [{path = 1, packages-sha256 = ''}]",
        "bases = [{path = 'a'}]",
        "bases = [{path = 'a', packages-sha256 = '', relaxed = [1]}]",
        "bases = [{path = 'a', packages-sha256 = '', subset = 'yes'}]",
    ],
)
def test_bases_that_lockml_never_wrote_are_refused(line: str) -> None:
    text = format_lock(lock_of(example(), "model")).replace("[tool.lockml]\n", f"[tool.lockml]\n{line}\n", 1)
    assert line in text
    with pytest.raises(LockError, match=r"pylock\.toml"):
        parse_lock(signed(text).encode(), "pylock.toml")


def test_lock_knows_which_bytes_it_was_read_from() -> None:
    content = format_lock(lock_of(example(), "model")).encode()
    assert parse_lock(content, "pylock.toml").sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("record-sha256 = ", 'record-sha256 = "0" #'),
        ("verified = false", "verified = true"),
        ('version = "1.0"', 'version = "1.0.0"'),
        ("sha256 = ", 'sha256 = "0" #'),
        ("2024-01-02", "2024-01-03"),
        ("lock-sha256 = ", 'lock-sha256 = "0" #'),
        ("lock-sha256 = ", "lock-sha256 = 0 #"),
    ],
)
def test_lock_that_does_not_fit_its_own_digest_is_refused(old: str, new: str) -> None:
    text = format_lock(lock_of(example(), "model"))
    assert old in text
    with pytest.raises(LockError, match="does not match its own digest"):
        parse_lock(text.replace(old, new, 1).encode(), "pylock.toml")


def test_lock_that_is_cut_off_at_any_line_is_refused() -> None:
    """A lock of which only the beginning was written is often TOML, and has nothing of lockml's own."""
    lines = format_lock(lock_of(example(), "model")).splitlines(keepends=True)
    for kept in range(len(lines)):
        with pytest.raises(LockError):
            parse_lock("".join(lines[:kept]).encode(), "pylock.toml")


def test_digest_is_of_what_the_lock_says_not_of_how_it_is_written() -> None:
    text = format_lock(lock_of(example(), "model"))
    again = "# a remark\n" + text.replace("\n", "\r\n").replace("2024-01-02T", "2024-01-02 ")
    assert format_lock(parse_lock(again.encode(), "pylock.toml")) == text


@pytest.mark.parametrize("creator", ["lockml", "other"])
@pytest.mark.parametrize("cut", [r"lock-sha256 = .*\n", r"\[tool\.lockml\][\s\S]*"])
def test_lock_of_lockml_that_lost_its_digest_is_refused_in_one_sentence(cut: str, creator: str) -> None:
    """Cut off, or with tables removed, it would prove less and not say so."""
    text = format_lock(lock_of(example(), "model"))
    cut_off = re.sub(cut, "", text)
    assert cut_off != text
    with pytest.raises(LockError, match="is incomplete or changed: lockml wrote it") as caught:
        parse_lock(cut_off.replace('"lockml"', f'"{creator}"').encode(), "pylock.toml")
    assert "\n" not in str(caught.value)


def test_lock_is_a_standard_one() -> None:
    """PEP 751: another tool's reader takes it."""
    pylock = Pylock.from_dict(tomllib.loads(format_lock(lock_of(example(), "model"))))
    assert [(package.name, str(package.version)) for package in pylock.packages] == [
        ("model", "1.0"),
        ("numpy", "1.26.4"),
    ]
    numpy = pylock.packages[1]
    assert [wheel.filename for wheel in numpy.wheels or ()] == [
        "numpy-1.26.4-cp311-cp311-manylinux_2_28_x86_64.whl",
        "numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.whl",
    ]
    assert all(wheel.hashes["sha256"] for wheel in numpy.wheels or ())
    assert pylock.environments is not None
    assert pylock.environments[0].evaluate(make_target().environment)


def test_credentials_never_get_into_the_lock() -> None:
    index = MemoryIndex()
    index.add("a", "1.0", url="https://user:secret@files.example/a-1.0-py3-none-any.whl")
    assert "secret" not in format_lock(lock_of(index, "a", index_url="https://user:secret@index.example/simple"))


def test_inputs_digest_depends_on_what_is_asked_and_not_on_its_order() -> None:
    one = lock_of(example(), "model", "numpy<2")
    assert one.inputs == lock_of(example(), "numpy<2", "# why", "model").inputs
    assert one.inputs != lock_of(example(), "model", "numpy<3").inputs
    assert one.inputs != lock_of(example(), "model", "numpy<2", target=make_target("3.11.7")).inputs
    assert one.inputs != lock_of(example(), "model", "numpy<2", index_url="https://index.example/").inputs


def test_wheel_without_an_identity_is_kept_with_the_reason() -> None:
    lock = lock_of(example(), "numpy", identities={"numpy-1.26.4-cp311-cp311-manylinux_2_28_x86_64.whl": "no RECORD"})
    again = parse_lock(format_lock(lock).encode(), "pylock.toml")
    (artifact,) = again.artifacts[canonicalize_name("numpy")]
    assert (artifact.identity, artifact.reason) == (None, "no RECORD")


def test_lock_of_another_tool_is_read_without_targets() -> None:
    text = "lock-version = '1.0'\ncreated-by = 'other'\n[[packages]]\nname = 'a'\nversion = '1.0'\n"
    text += (
        "[packages.sdist]\nname = 'a-1.0.tar.gz'\nurl = 'https://files.example/a-1.0.tar.gz'\nhashes = {sha256 = 'x'}\n"
    )
    lock = parse_lock(text.encode(), "pylock.toml")
    assert (lock.targets, lock.inputs) == ((), "")
    assert pinned_versions(lock, make_target()) == {"a": Version("1.0")}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("lock-version", "version", "is not a pylock.toml"),
        ('lock-version = "1.0"', 'lock-version = "2.0"', "is not a pylock.toml"),
        ("schema = 1", "schema = 7", "written by another version of lockml"),
        ('python = "3.11"', 'python = "2.7"', "has an unknown target"),
        ('python = "3.11"', "python = 3.11", "no 'python' of type str"),
        ("verified = false", "verified = 0", "no 'verified' of type bool"),
        ("record-sha256", "record-sha1", "no 'unprovable' of type str"),
        ("schema = 1", "schema = ", "is not TOML"),
    ],
)
def test_lock_is_refused_with_the_place_of_the_fault(old: str, new: str, problem: str) -> None:
    text = format_lock(lock_of(example(), "model"))
    assert old in text
    with pytest.raises(LockError, match=problem) as caught:
        parse_lock(text.replace(old, new).encode(), "dir/pylock.toml")
    assert str(caught.value).startswith("dir/pylock.toml: ")


def test_lock_is_refused_when_it_is_no_text() -> None:
    with pytest.raises(LockError, match="is not UTF-8"):
        parse_lock(b"\xff", "pylock.toml")


_texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
_names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,6}[A-Za-z0-9])?", fullmatch=True)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.dictionaries(_names, st.tuples(_texts, st.lists(_texts, max_size=2)), min_size=1, max_size=4))
def test_writing_and_reading_is_identity(packages: dict[str, tuple[str, list[str]]]) -> None:
    index = MemoryIndex()
    identities: dict[str, ArtifactIdentity | str] = {}
    for name, (text, scripts) in packages.items():
        if canonicalize_name(name) not in index.files:
            filename = f"{canonicalize_name(name).replace('-', '_')}-1.0-py3-none-any.whl"
            index.add(name, "1.0", filename=filename)
            identities[filename] = ArtifactIdentity(digest=text, scripts=tuple(scripts)) if scripts else text
    lock = lock_of(index, *packages, identities=identities)
    text_of_lock = format_lock(lock)
    again = parse_lock(text_of_lock.encode(), "pylock.toml")
    assert replace(again, sha256="") == lock
    assert format_lock(again) == text_of_lock


def test_mode_of_what_is_provided_that_lockml_does_not_know_is_refused() -> None:
    lock = lock_of(example(), "model")
    tables = {**(lock.pylock.tool or {})["lockml"], "provided": {"selection": ["all"], "mode": "other", "packages": []}}
    text = format_lock(replace(lock, pylock=dataclasses.replace(lock.pylock, tool={"lockml": tables})))
    with pytest.raises(LockError, match="has an unknown mode of provided packages: 'other'"):
        parse_lock(text.encode(), "pylock.toml")
