"""Hostile values in requirements.txt and pylock.toml are read as values by pip's own parser and by packaging."""

import tomllib
from pathlib import Path
from unittest.mock import patch
from urllib.parse import unquote

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.pylock import Package, PackageArchive, PackageWheel, Pylock
from packaging.requirements import Requirement
from packaging.version import Version
from pip._internal.req.req_file import ParsedRequirement, parse_requirements

from lockml.common.errors import LockError
from lockml.index.locations import IndexLocation, NamedIndexes
from lockml.lock.formats.pylock import format_lock, parse_lock
from lockml.lock.formats.requirements_txt import format_requirements
from lockml.lock.formats.safe_text import format_toml, safe_line, safe_toml
from lockml.lock.model import Asked, Lock
from tests.made.targets import make_target

HASH = "a" * 64
EVIL = (
    "\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\u202e", "\u061c", "\U000e0041", "\x00", "\x1b",
    "${SECRET}", "${", "}", " ", " #", "#", "\\", "\\\n", "\t", ";", " ; ", '"', "'", "%", "%0a", "é", "--hash=",
    " --index-url=https://evil.example/", "\nbackdoor==1", "\u2028backdoor==1", "@", "\x85-e .",
)  # fmt: skip
UNTIMED = settings(deadline=None)
HOSTILE = st.lists(st.one_of(st.sampled_from(EVIL), st.text(max_size=4)), max_size=6).map("".join)


def lock_with(url: str, *, index_url: str | None = None, origin: str = "requirements.in") -> Lock:
    """Return a lock of one wheel at *url*, of an index that is there for it alone."""
    only = IndexLocation(url="https://only.example/simple/", name="only", only=("torch",))
    wheel = PackageWheel(name="torch-2.0-py3-none-any.whl", url=url, hashes={"sha256": HASH})
    package = Package(name="torch", version=Version("2.0"), index=only.url, wheels=[wheel])  # type: ignore[arg-type]
    return Lock(
        pylock=Pylock(lock_version=Version("1.0"), created_by="hand", packages=[package]),
        targets=(make_target(),),
        requirements=(Asked(requirement="torch", origin=origin),),
        indexes=NamedIndexes(url=index_url, named=(only,)),
    )


def read_by_pip(folder: Path, text: str) -> list[ParsedRequirement]:
    """Return what pip reads in *text*; a variable that it would expand has a value."""
    file = folder / "requirements.txt"
    file.write_bytes(text.encode())
    with patch.dict("os.environ", {"SECRET": "told"}):
        return list(parse_requirements(str(file), None))  # type: ignore[arg-type]  # nothing is fetched


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("read")


@pytest.mark.slow
@UNTIMED
@given(HOSTILE)
def test_url_of_an_index_stays_one_requirement(folder: Path, hostile: str) -> None:
    url = f"https://files.example/{hostile}/torch-2.0-py3-none-any.whl"
    text = format_requirements(lock_with(url))
    (read,) = read_by_pip(folder, text)
    requirement = Requirement(read.requirement)
    assert (requirement.name, read.options) == ("torch", {"hashes": {"sha256": [HASH]}})
    assert requirement.url is not None
    assert "told" not in requirement.url
    assert unquote(requirement.url) == unquote(url.partition("#")[0])


@pytest.mark.slow
@UNTIMED
@given(HOSTILE)
def test_index_url_stays_one_option(folder: Path, hostile: str) -> None:
    url = f"https://index.example/{hostile}/simple"
    text = format_requirements(lock_with("https://files.example/torch-2.0-py3-none-any.whl", index_url=url))
    assert len(text.splitlines()) == len(text.split("\n")) - 1 == 6, text
    assert len(read_by_pip(folder, text)) == 1


@pytest.mark.slow
@UNTIMED
@given(HOSTILE)
def test_name_of_an_input_stays_in_its_comment(folder: Path, hostile: str) -> None:
    lock = lock_with("https://files.example/torch-2.0-py3-none-any.whl", origin=f"req{hostile}")
    text = format_requirements(lock)
    assert [read.requirement.partition(" ")[0] for read in read_by_pip(folder, text)] == ["torch"]
    assert [line for line in text.splitlines() if not line.lstrip().startswith(("#", "torch @", "--hash="))] == []


@UNTIMED
@given(HOSTILE)
def test_path_is_read_as_it_is_or_refused(folder: Path, hostile: str) -> None:
    archive = PackageArchive(path=f"./wheels{hostile}/torch-2.0-py3-none-any.whl", hashes={"sha256": HASH})
    package = Package(name="torch", version=Version("2.0"), archive=archive)  # type: ignore[arg-type]
    lock = Lock(pylock=Pylock(lock_version=Version("1.0"), created_by="hand", packages=[package]), targets=())
    try:
        text = format_requirements(lock)
    except LockError:
        return
    (read,) = read_by_pip(folder, text)
    assert read.options == {"hashes": {"sha256": [HASH]}}
    assert read.requirement.startswith("./wheels")
    assert "told" not in read.requirement


@pytest.mark.parametrize("digest", ["a b", "a\nb", "", f"{HASH} --index-url=https://evil.example/", "${SECRET}"])
def test_hash_that_is_no_hexadecimal_is_refused(digest: str) -> None:
    wheel = PackageWheel(name="a-1-py3-none-any.whl", url="https://files.example/a", hashes={"sha256": digest})
    package = Package(name="a", version=Version("1"), index="https://i.example/", wheels=[wheel])  # type: ignore[arg-type]
    lock = Lock(pylock=Pylock(lock_version=Version("1.0"), created_by="hand", packages=[package]), targets=())
    with pytest.raises(LockError, match="not hexadecimal"):
        format_requirements(lock)


@pytest.mark.parametrize(
    "line",
    [
        "a\u2028b",
        "./a #b",
        "./a ;  #b",
        "./a\u3000#b",
        "./a --index-url=https://evil.example/",
        "./a -r b",
        "a==1 ; os_name == ' #'",
        "./a\\",
        "./${HOME}/a",
        "a==1 ; os_name == '\x85'",
    ],
)
def test_line_that_pip_reads_otherwise_is_refused(line: str) -> None:
    with pytest.raises(LockError, match="cannot be written"):
        safe_line(line, "a")


@UNTIMED
@given(HOSTILE)
def test_lock_shows_no_character_that_hides_or_reorders_and_reads_the_same(hostile: str) -> None:
    lock = lock_with(f"https://files.example/{hostile}/torch-2.0-py3-none-any.whl")
    text = format_lock(lock)
    assert safe_toml(text) == text
    assert not set(text) & set("\x85\u2028\u202e\u061c\U000e0041")
    assert tomllib.loads(text)["packages"][0]["wheels"][0]["url"].partition("/")[2] == lock_url(lock)
    assert parse_lock(text.encode(), "pylock.toml").pylock.packages == lock.pylock.packages


def lock_url(lock: Lock) -> str:
    """Return the address of the one wheel of *lock* behind its first slash."""
    (package,) = lock.pylock.packages
    return str((package.wheels or ())[0].url).partition("/")[2]


VALUES = st.recursive(
    HOSTILE | st.booleans() | st.integers() | st.dates() | st.datetimes() | st.text("ab", min_size=80, max_size=99),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(HOSTILE | st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.slow
@UNTIMED
@given(st.dictionaries(HOSTILE | st.sampled_from("abc"), VALUES, max_size=4))
def test_document_is_written_as_tomli_w_writes_it(document: dict[str, object]) -> None:
    assert format_toml(document) == safe_toml(tomli_w.dumps(document))
