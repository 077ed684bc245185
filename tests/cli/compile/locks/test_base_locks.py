"""A lock on another one, a part of one, and one that is let go of in places."""

import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import structs
from packaging.utils import canonicalize_name

from lockml.cli.compile.locks.base_locks import require_same_image
from lockml.common.errors import InputError
from lockml.lock.build import build_lock
from lockml.lock.formats.pylock import format_lock
from lockml.lock.inputs import LockInputs
from lockml.lock.model import BaseLock, ProvidedPackage, ProvidedPackages
from lockml.requirements.requirements_txt import read_requirement_files
from lockml.resolution.model import Policy, Preferences
from lockml.resolution.resolver import resolve
from tests.cli.process import TARGET, Outcome, run_lockml
from tests.made.indexes import MemoryIndex, Served
from tests.made.locks import lock_of, signed
from tests.made.targets import make_target
from tests.made.wheels import make_wheel

pytestmark = pytest.mark.loopback

BASE = ("--on", "base/pylock.toml")


def compiled(folder: Path, url: str, asked: str, *arguments: str, name: str = "") -> Outcome:
    place = folder / name
    place.mkdir(exist_ok=True)
    (place / "requirements.in").write_text(asked)
    named = (f"{name}/" if name else "") + "requirements.in"
    outputs = ("--lock", f"{name}/pylock.toml", "-o", f"{name}/requirements.txt") if name else ()
    return run_lockml("compile", named, *outputs, *arguments, *TARGET, "--index-url", url, folder=folder)


def packages(folder: Path) -> dict[str, dict[str, Any]]:
    found = tomllib.loads((folder / "pylock.toml").read_text())["packages"]
    return {package["name"]: package for package in found}


def based(folder: Path, url: str, asked: str = "model\nnumpy<1.26\n") -> None:
    assert compiled(folder, url, asked, name="base").code == 0


def test_pins_and_entries_of_the_base_are_taken_though_the_index_has_newer_and_other_files(
    tmp_path: Path, url: str, served: Served
) -> None:
    based(tmp_path, url)
    served.wheel("model", "1.1", ["numpy>=1.20"])
    served.file("numpy", "numpy-1.25.0-1-py3-none-any.whl", served.wheel("other", "1.0"))
    outcome = compiled(tmp_path, url, "six\nnumpy>=1.21\n", *BASE, "--cache-dir", "fresh")
    assert outcome.code == 0, outcome.err
    mine, theirs = packages(tmp_path), packages(tmp_path / "base")
    assert {name: package["version"] for name, package in mine.items()} == {
        "model": "1.0",
        "numpy": "1.25.0",
        "six": "1.16.0",
    }
    assert {name: mine[name] for name in theirs} == theirs
    facts = tomllib.loads((tmp_path / "pylock.toml").read_text())["tool"]["lockml"]
    assert [base["path"] for base in facts["bases"]] == ["base/pylock.toml"]
    assert "--on base/pylock.toml" in (tmp_path / "requirements.txt").read_text()


def test_files_that_the_index_has_no_more_are_locked_as_the_base_has_them(
    tmp_path: Path, url: str, served: Served
) -> None:
    based(tmp_path, url)
    served.answers["/files/numpy-1.25.0-py3-none-any.whl"] = lambda _: httpx.Response(404)
    assert compiled(tmp_path, url, "six\n", *BASE).code == 0
    assert packages(tmp_path)["numpy"] == packages(tmp_path / "base")["numpy"]


def test_conflict_with_the_base_names_its_lock_and_the_line_of_its_pin(tmp_path: Path, url: str) -> None:
    based(tmp_path, url)
    outcome = compiled(tmp_path, url, "numpy>=1.26\n", *BASE)
    lines = (tmp_path / "base" / "pylock.toml").read_text().splitlines()
    assert outcome.code == 3
    line = lines.index('name = "numpy"') + 1
    assert f"numpy==1.25.0 (constraint, base/pylock.toml:{line})" in outcome.err, outcome.err
    assert "hint: --relax NAME allows another version than base/pylock.toml has" in outcome.err
    assert not (tmp_path / "pylock.toml").exists()


def test_check_tells_a_base_that_has_changed_and_a_compile_takes_it_up(tmp_path: Path, url: str) -> None:
    based(tmp_path, url)
    assert compiled(tmp_path, url, "six\n", *BASE).code == 0
    assert compiled(tmp_path, url, "six\n", *BASE, "--check").code == 0
    assert compiled(tmp_path, url, "model\n", "-P", "numpy", name="base").code == 0
    outcome = compiled(tmp_path, url, "six\n", *BASE, "--check")
    assert outcome.code == 1
    assert "the packages of its base base/pylock.toml have changed" in outcome.out
    assert "numpy 1.26.0 of base/pylock.toml is locked as numpy 1.25.0" in outcome.out
    assert compiled(tmp_path, url, "six\n", *BASE).code == 0
    assert packages(tmp_path)["numpy"] == packages(tmp_path / "base")["numpy"]


def test_base_with_other_words_and_the_same_packages_changes_nothing(tmp_path: Path, url: str) -> None:
    based(tmp_path, url)
    assert compiled(tmp_path, url, "six\n", *BASE).code == 0
    before = (tmp_path / "base" / "pylock.toml").read_bytes()
    assert compiled(tmp_path, url, "model\nnumpy<1.26.0\n", name="base").code == 0
    assert (tmp_path / "base" / "pylock.toml").read_bytes() != before
    assert compiled(tmp_path, url, "six\n", *BASE, "--check").code == 0


def test_edited_base_is_refused(tmp_path: Path, url: str) -> None:
    based(tmp_path, url)
    lock = tmp_path / "base" / "pylock.toml"
    lock.write_text(lock.read_text().replace("1.25.0", "1.26.0"))
    outcome = compiled(tmp_path, url, "six\n", *BASE)
    assert outcome.code == 2
    assert "does not fit its own digest" in outcome.err


def test_forged_identity_in_a_base_is_refused_by_the_bytes(tmp_path: Path, url: str) -> None:
    based(tmp_path, url)
    lock = tmp_path / "base" / "pylock.toml"
    text = lock.read_text()
    before = packages(tmp_path / "base")["numpy"]["tool"]["lockml"]["artifacts"][0]["record-sha256"]
    lock.write_text(signed(text.replace(before, "0" * 64).replace("verified = false", "verified = true")))
    outcome = compiled(tmp_path, url, "six\n", *BASE)
    assert outcome.code == 2, outcome.err
    assert "base/pylock.toml: records another identity of numpy-1.25.0-py3-none-any.whl than its bytes" in outcome.err
    assert "hint: lock base/pylock.toml again" in outcome.err
    assert not (tmp_path / "pylock.toml").exists()


def test_base_that_claims_to_be_verified_leaves_what_was_read_by_ranges_unverified(tmp_path: Path, url: str) -> None:
    based(tmp_path, url)
    lock = tmp_path / "base" / "pylock.toml"
    lock.write_text(signed(lock.read_text().replace("verified = false", "verified = true")))
    assert compiled(tmp_path, url, "six\n", *BASE).code == 0
    assert "verified = true" not in (tmp_path / "pylock.toml").read_text()


def test_hash_behind_a_line_counts_beside_those_of_a_base(tmp_path: Path, url: str, served: Served) -> None:
    served.file("numpy", "numpy-1.25.0-1-py3-none-any.whl", make_wheel("numpy", "1.25.0", files={"other.py": b""}))
    based(tmp_path, url)
    hashes = [f"--hash=sha256:{wheel['hashes']['sha256']}" for wheel in packages(tmp_path / "base")["numpy"]["wheels"]]
    assert len(hashes) == 2
    wrong = f"--hash=sha256:{'0' * 64}"
    for options in (BASE, ("--subset-of", "base/pylock.toml")):
        assert compiled(tmp_path, url, f"numpy {wrong}\n", *options).code == 3
        assert compiled(tmp_path, url, f"numpy {' '.join(hashes)}\n", *options).code == 0
        outcome = compiled(tmp_path, url, f"numpy {hashes[0]}\n", *options)
        assert outcome.code in (2, 3)
        assert "requirements.in:1" in outcome.err


def test_relaxed_project_moves_and_the_others_stay(tmp_path: Path, url: str, served: Served) -> None:
    based(tmp_path, url)
    served.wheel("model", "1.1", ["numpy>=1.20"])
    asked, fresh = "numpy>=1.26\n", ("--cache-dir", "fresh")
    assert compiled(tmp_path, url, asked, *BASE, *fresh).code == 3
    assert compiled(tmp_path, url, asked, *BASE, "--relax", "num*", *fresh).code == 0
    assert {name: each["version"] for name, each in packages(tmp_path).items()} == {"model": "1.0", "numpy": "1.26.0"}
    assert compiled(tmp_path, url, asked, *BASE, "--relax", "num*", "--check").code == 0


def test_pin_that_is_left_out_of_a_lock_on_a_base_is_refused(tmp_path: Path, url: str) -> None:
    based(tmp_path, url)
    outcome = compiled(tmp_path, url, "six\n", *BASE, "--exclude", "numpy")
    assert outcome.code == 2
    assert "base/pylock.toml: numpy 1.25.0 of base/pylock.toml is not locked" in outcome.err


def test_subset_is_the_part_that_is_needed_and_asks_no_index(tmp_path: Path, url: str, served: Served) -> None:
    based(tmp_path, url, "model\nsix\n")
    served.requests.clear()
    options = ("--subset-of", "base/pylock.toml", "--cache-dir", "fresh")
    outcome = compiled(tmp_path, url, "model\n", *options)
    assert (outcome.code, served.requests) == (0, []), outcome.err
    theirs = packages(tmp_path / "base")
    assert packages(tmp_path) == {name: theirs[name] for name in ("model", "numpy")}
    assert compiled(tmp_path, url, "model\n", *options, "--check").code == 0
    missing = compiled(tmp_path, url, "model\nother\nsix>2\n", *options)
    assert missing.code == 3
    assert "other (requirements.in:2): base/pylock.toml does not have it for CPython 3.11" in missing.err
    assert "six>2 (requirements.in:3): base/pylock.toml has six 1.16.0" in missing.err


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--on", "gone.toml"), "--on 'gone.toml': no such file"),
        (("--on", "-"), "is not a file"),
        (("--on", "pylock.toml"), "is an input, and the lock would overwrite it"),
        (("--subset-of", "base/pylock.toml", *BASE), "cannot be used with --on"),
        (("--relax", "numpy"), "--relax: needs --on"),
        ((*BASE, "--python", "3.12"), "does not serve"),
    ],
)
def test_base_that_cannot_be_meant_is_refused(tmp_path: Path, url: str, options: tuple[str, ...], problem: str) -> None:
    based(tmp_path, url)
    compiled(tmp_path, url, "six\n")
    (tmp_path / "requirements.in").write_text("six\n")
    outcome = run_lockml("compile", *TARGET, "-i", url, *options, folder=tmp_path)
    assert outcome.code == 2
    assert problem in outcome.err


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--on", "leaves torch (keep) to its base image, but the lock on it nothing"),
        ("--subset-of", "base.toml: leaves"),
    ],
)
def test_base_that_leaves_packages_to_an_image_needs_the_same_image(tmp_path: Path, option: str, told: str) -> None:
    index = MemoryIndex()
    index.add("six", "1.0")
    asked = read_requirement_files(("a.in",), read=lambda _: b"six", environment={})
    found = resolve(asked, make_target(), index, policy=Policy(), preferences=Preferences())
    inputs = LockInputs(asked=asked, policy=Policy(), provided=ProvidedPackages(selection=("torch",)))
    (tmp_path / "base.toml").write_text(format_lock(build_lock([found], {}, inputs)))
    (tmp_path / "requirements.in").write_text("six\n")
    outcome = run_lockml("compile", *TARGET, "--no-index", option, "base.toml", folder=tmp_path)
    assert outcome.code == 2
    assert told in outcome.err


def test_image_with_other_packages_than_that_of_the_base_is_refused_where_it_is_opened() -> None:
    theirs, mine = (
        ProvidedPackages(
            selection=("torch",), packages=(ProvidedPackage(name=canonicalize_name("torch"), version=version),)
        )
        for version in ("2.9", "2.8")
    )
    lock = lock_of(MemoryIndex())
    base = BaseLock(path="base.toml", lock=structs.replace(lock, provided=theirs), sha256="0")
    require_same_image(base, theirs, opened=True)
    require_same_image(base, mine, opened=False)
    with pytest.raises(InputError, match=r"base\.toml: leaves torch 2\.9 to its base image, but .* torch 2\.8"):
        require_same_image(base, mine, opened=True)
    with pytest.raises(InputError, match=r"leaves torch \(keep\) .* torch \(prefer\)"):
        require_same_image(base, structs.replace(theirs, mode="prefer"), opened=False)


def test_relaxing_what_no_base_has_is_a_warning(tmp_path: Path, url: str) -> None:
    based(tmp_path, url)
    outcome = compiled(tmp_path, url, "six\n", *BASE, "--relax", "nmpy", "--relax", "NUM*")
    assert outcome.code == 0
    assert outcome.err.count("warning: --relax nmpy has no effect: no base has such a project\n") == 1
    assert "NUM" not in outcome.err.split("Locked")[0]


def test_lock_that_stands_on_its_base_no_longer_is_out_of_date_and_tells_it(tmp_path: Path, url: str) -> None:
    based(tmp_path, url)
    assert compiled(tmp_path, url, "six\n", *BASE).code == 0
    checked = compiled(tmp_path, url, "six\n", "--check")
    assert checked.code == 1
    assert "base/pylock.toml is no longer a base" in checked.out
    outcome = compiled(tmp_path, url, "six\n")
    assert "was made with --on base/pylock.toml, which you no longer give" in outcome.err
    assert packages(tmp_path).keys() == {"six"}


def test_lock_of_another_tool_is_no_base(tmp_path: Path, url: str) -> None:
    (tmp_path / "other.toml").write_text('lock-version = "1.0"\ncreated-by = "uv"\npackages = []\n')
    outcome = compiled(tmp_path, url, "six\n", "--on", "other.toml")
    assert outcome.code == 2
    assert "--on 'other.toml': is not a lock of lockml\nhint: `lockml adopt other.toml` makes one" in outcome.err
    (tmp_path / "uv.lock").write_text("version = 1\n")
    outcome = compiled(tmp_path, url, "six\n", "--on", "uv.lock")
    assert outcome.code == 2
    assert "`lockml adopt uv.lock` makes one" in outcome.err


def test_upgrade_moves_what_is_above_the_base_and_nothing_of_it(tmp_path: Path, url: str, served: Served) -> None:
    based(tmp_path, url)
    assert compiled(tmp_path, url, "six\n", *BASE).code == 0
    served.wheel("six", "1.17.0")
    served.wheel("model", "1.1")
    assert compiled(tmp_path, url, "six\n", *BASE, "--upgrade", "--cache-dir", "fresh").code == 0
    assert {name: each["version"] for name, each in packages(tmp_path).items()} == {
        "model": "1.0",
        "numpy": "1.25.0",
        "six": "1.17.0",
    }


def test_pins_of_other_targets_of_the_base_do_not_bind(tmp_path: Path, url: str, served: Served) -> None:
    served.wheel("old", "1.0")
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "in.in").write_text(
        "numpy<1.26; python_version < '3.12'\nnumpy>=1.26; python_version >= '3.12'\n"
    )
    targets = [word for python in ("3.11", "3.12") for word in ("--target", f"{python}-linux/amd64-glibc-2.36")]
    made = ("--lock", "base/pylock.toml", "-o", "base/r.txt", "-i", url)
    assert run_lockml("compile", "base/in.in", *targets, *made, folder=tmp_path).code == 0
    (tmp_path / "requirements.in").write_text("six\n")
    for python, numpy in (("3.11", "1.25.0"), ("3.12", "1.26.0")):
        target = ("--target", f"{python}-linux/amd64-glibc-2.36")
        lock = ("--lock", f"{python}.toml", "-o", f"{python}.txt", "-i", url)
        outcome = run_lockml("compile", *target, *lock, *BASE, folder=tmp_path)
        assert outcome.code == 0, outcome.err
        found = tomllib.loads((tmp_path / f"{python}.toml").read_text())["packages"]
        assert {each["name"]: each["version"] for each in found}["numpy"] == numpy
        assert run_lockml("compile", *target, *lock, *BASE, "--check", folder=tmp_path).code == 0


@pytest.mark.parametrize(
    ("written", "changed"),
    [
        ('requirement = "model"', 'requirement = "model=>1"'),
        ('{ name = "numpy" }', '{ version = "1" }'),
        ('{ name = "numpy" }', "{ name = 3 }"),
        ('name = "numpy"\nversion = "1.25.0"', 'name = "numpy"\nversion = "1.25.0"\nmarker = "\'a\' in extras"'),
    ],
)
def test_base_with_words_that_no_lockml_writes_is_refused(tmp_path: Path, url: str, written: str, changed: str) -> None:
    based(tmp_path, url)
    lock = tmp_path / "base" / "pylock.toml"
    assert written in lock.read_text()
    lock.write_text(signed(lock.read_text().replace(written, changed, 1)))
    for option in ("--on", "--subset-of"):
        outcome = compiled(tmp_path, url, "six\n", option, "base/pylock.toml")
        assert (outcome.code, "error: base/pylock.toml: " in outcome.err) == (2, True), outcome.err
