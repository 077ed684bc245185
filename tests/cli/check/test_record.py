"""``lockml record``: what an image built, put into the lock that then proves it."""

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.process import TARGET, Outcome, run_lockml
from tests.made.indexes import make_sdist
from tests.made.trees import venv_files
from tests.made.wheels import installed_files, make_wheel, metadata_text

pytestmark = pytest.mark.process

SITE = "/lib/python3.11/site-packages"


def build(stamp: int, version: str = "0.1") -> bytes:
    return make_wheel("apex", version, ["six"], files={"apex/__init__.py": b"built = %d\n" % stamp})


def put(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        place = folder / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def environment(folder: Path, wheel: bytes, *, direct_url: str | None = None) -> str:
    """Put an environment with *wheel* into *folder*, and return how it is named."""
    files = venv_files(prefix="")
    put(folder, {**files, **installed_files(wheel, SITE, direct_url=direct_url)})
    return f"path:{folder}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a lock of a project that an image builds."""
    sdist = make_sdist("apex", "0.1", metadata_text("apex", "0.1"), files={"setup.py": b""})
    (tmp_path / "apex.tar.gz").write_bytes(sdist)
    (tmp_path / "requirements.in").write_text("apex\n")
    digest = hashlib.sha256(sdist).hexdigest()
    keys = {"name": "apex", "version": "0.1", "source": "./apex.tar.gz", "sha256": digest}
    text = "[[built]]\n" + "".join(f'{key} = "{value}"\n' for key, value in keys.items())
    (tmp_path / "lockml.toml").write_text(f"{text}requires = []\nbuild-requires = []\n")
    outcome = run_lockml("compile", *TARGET, "--no-index", folder=tmp_path)
    assert outcome.code == 0, outcome.err
    return tmp_path


def record(folder: Path, subject: str, *arguments: str) -> Outcome:
    return run_lockml("record", "--from", subject, *(arguments or ("apex",)), folder=folder)


def check(folder: Path, subject: str) -> Outcome:
    return run_lockml("check", subject, "--level", "files", folder=folder)


def tables(folder: Path) -> list[dict[str, object]]:
    found = tomllib.loads((folder / "pylock.toml").read_text())["tool"]["lockml"].get("recorded", [])
    assert isinstance(found, list)
    return found


def test_recorded_build_is_in_order_and_another_one_is_not(folder: Path) -> None:
    mine, other = environment(folder / "mine", build(1)), environment(folder / "other", build(2))
    assert "lockml record --from SUBJECT apex" in check(folder, mine).out
    outcome = record(folder, mine)
    assert (outcome.code, outcome.out) == (0, ""), outcome.err
    digest = str(tables(folder)[0]["record-sha256"])
    assert outcome.err.splitlines() == [
        "warning: apex: the subject does not record the source that it was built from",
        "warning: apex: the build needs six, which is not locked",
        f"Recorded apex 0.1 from path {folder}/mine: 7 files, record-sha256 {digest[:12]}…",
        f"pylock.toml (written); now: lockml check {mine} --level files",
    ]
    assert str(folder) not in (folder / "pylock.toml").read_text()
    assert (tables(folder)[0]["from"], tables(folder)[0]["requires"]) == ("path mine", ["six"])
    assert (check(folder, mine).code, check(folder, other).code) == (0, 1)


def test_builds_stand_side_by_side_unless_they_are_replaced(folder: Path) -> None:
    mine, other = environment(folder / "mine", build(1)), environment(folder / "other", build(2))
    record(folder, mine)
    first = (folder / "pylock.toml").read_bytes()
    again = record(folder, mine)
    assert (again.code, (folder / "pylock.toml").read_bytes()) == (0, first)
    assert "pylock.toml (unchanged, already recorded)" in again.err
    assert "2 builds of it are recorded" in record(folder, other).err
    assert (check(folder, mine).code, check(folder, other).code) == (0, 0)
    assert record(folder, other, "apex", "--replace").code == 0
    assert (len(tables(folder)), check(folder, mine).code) == (1, 1)


def test_recorded_builds_stay_when_the_lock_is_made_again(folder: Path) -> None:
    mine = environment(folder / "mine", build(1))
    record(folder, mine)
    before = tables(folder)
    assert run_lockml("compile", *TARGET, "--no-index", "--upgrade", folder=folder).code == 0
    assert tables(folder) == before
    assert run_lockml("compile", "--check", *TARGET, "--no-index", folder=folder).code == 0


def tampered(folder: Path) -> str:
    subject = environment(folder, build(1))
    put(folder, {f"{SITE}/apex/__init__.py": b"evil = 1\n"})
    return subject


def of_commit(folder: Path) -> str:
    told = '{"url": "https://x.example/apex", "vcs_info": {"vcs": "git", "commit_id": "%s"}}' % ("d" * 40)
    return environment(folder, build(1), direct_url=told)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (tampered, "apex: {}/lib/python3.11/site-packages/apex/__init__.py does not match its RECORD"),
        (of_commit, "apex: locked from an archive, installed from commit dddddddddddd"),
        (lambda folder: environment(folder, build(1, "0.2")), "apex: version 0.2 is installed, but 0.1 is locked"),
        (lambda folder: environment(folder, make_wheel("six", "1")), "apex: {} does not have it"),
    ],
    ids=["tampered", "source", "version", "missing"],
)
def test_builder_that_has_it_otherwise_is_refused_and_nothing_is_written(folder: Path, make: object, told: str) -> None:
    assert callable(make)
    before = (folder / "pylock.toml").read_bytes()
    outcome = record(folder, make(folder / "builder"))
    assert (outcome.code, outcome.out.splitlines()[1:]) == (1, [f"  {told.format(folder / 'builder')}"])
    assert (folder / "pylock.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "told", "hint"),
    [
        (("six",), "six: pylock.toml does not build it in an image and does not pin it", "apex"),
        (("apex", "--lock", "other.toml"), "other.toml: no such file", "lockml compile"),
        ((), "Missing argument 'NAME...'", ""),
    ],
)
def test_name_or_lock_that_there_is_not_is_wrong_input(
    folder: Path, arguments: tuple[str, ...], told: str, hint: str
) -> None:
    subject = environment(folder / "mine", build(1))
    outcome = run_lockml("record", "--from", subject, *arguments, folder=folder)
    assert outcome.code == 2
    assert told in outcome.err
    assert hint in outcome.err


def test_environment_of_another_target_is_refused(folder: Path) -> None:
    wheel = make_wheel("apex", "0.1", files={"apex.so": b"code"})
    subject = environment(folder / "mine", wheel)
    place = folder / "mine" / SITE.lstrip("/") / "apex-0.1.dist-info"
    text = b"Wheel-Version: 1.0\nTag: cp312-cp312-linux_aarch64\n"
    row = hashlib.sha256(text).hexdigest()
    rows = (place / "RECORD").read_text().splitlines()
    kept = [line for line in rows if not line.startswith("apex-0.1.dist-info/WHEEL")]
    (place / "RECORD").write_text("\n".join([*kept, f"apex-0.1.dist-info/WHEEL,sha256={row},{len(text)}"]) + "\n")
    (place / "WHEEL").write_bytes(text)
    outcome = record(folder, subject)
    assert outcome.code == 1
    assert "apex-0.1-cp312-cp312-linux_aarch64.whl does not install on CPython 3.11" in outcome.out
