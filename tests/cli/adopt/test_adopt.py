"""A lock of another tool becomes one of lockml: the same pins and files, or nothing."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import TARGET, Outcome, run_lockml
from tests.made.indexes import Served
from tests.made.servers import serve
from tests.made.trees import SITE, venv_files
from tests.made.uv_locks import uv_lock
from tests.made.wheels import installed_files, make_wheel

pytestmark = pytest.mark.loopback

NUMPY, SIX, MODEL = make_wheel("numpy", "1.25.0"), make_wheel("six", "1.16.0"), make_wheel("model", "1.0")


@pytest.fixture
def served() -> Served:
    """Newer releases are there, and none of them may be taken."""
    served = Served()
    served.wheel("model", "1.0")
    served.wheel("model", "2.0")
    served.wheel("numpy", "1.25.0")
    served.wheel("numpy", "1.26.0")
    served.wheel("six", "1.16.0")
    return served


PACKAGES: Mapping[tuple[str, str], bytes] = {
    ("model", "1.0"): MODEL,
    ("numpy", "1.25.0"): NUMPY,
    ("six", "1.16.0"): SIX,
}
LOCK = uv_lock(PACKAGES, needs={"model": ["numpy"]}, extras={"old": ["six"]})


def adopt(folder: Path, url: str, *arguments: str, lock: str = LOCK) -> Outcome:
    (folder / "uv.lock").write_text(lock)
    return run_lockml("adopt", "uv.lock", *arguments, "--index-url", url, folder=folder)


def pins(folder: Path, lock: str = "pylock.toml") -> dict[str, Any]:
    return {each["name"]: each for each in tomllib.loads((folder / lock).read_text())["packages"]}


def test_pins_and_files_are_those_of_the_lock(tmp_path: Path, url: str) -> None:
    outcome = adopt(tmp_path, url, *TARGET, "--extra", "old", "-r", "requirements.txt")
    assert outcome.code == 0, outcome.err
    found = pins(tmp_path)
    assert {name: each["version"] for name, each in found.items()} == {
        "model": "1.0",
        "numpy": "1.25.0",
        "six": "1.16.0",
    }
    assert found["numpy"]["wheels"][0]["hashes"] == {"sha256": hashlib.sha256(NUMPY).hexdigest()}
    assert found["numpy"]["wheels"][0]["url"].startswith(url.removesuffix("simple/"))  # the mirror's
    assert found["numpy"]["tool"]["lockml"]["artifacts"][0]["record-sha256"]
    assert found["model"]["dependencies"] == [{"name": "numpy"}]
    assert "numpy==1.25.0" in (tmp_path / "requirements.txt").read_text()


def test_extras_are_chosen_as_everywhere(tmp_path: Path, url: str) -> None:
    assert adopt(tmp_path, url, *TARGET).code == 0
    assert pins(tmp_path).keys() == {"model", "numpy"}
    outcome = adopt(tmp_path, url, *TARGET, "--extra", "new")
    assert (outcome.code, outcome.err.splitlines()) == (
        2,
        ["error: uv.lock: has no extra 'new'", "hint: its extras: old"],
    )


def test_targets_are_all_that_have_wheels(tmp_path: Path, url: str, served: Served) -> None:
    served.file("numpy", "numpy-1.25.0-cp311-cp311-manylinux_2_28_x86_64.whl", NUMPY)
    lock = LOCK.replace('">=3.9"', '">=3.11,<3.13"').replace(
        "numpy-1.25.0-py3-none-any", "numpy-1.25.0-cp311-cp311-manylinux_2_28_x86_64"
    )
    (tmp_path / "uv.lock").write_text(lock)
    outcome = run_lockml("adopt", "uv.lock", "--index-url", url, folder=tmp_path)
    assert "Adopting for 1 target for which every pin has a wheel" in outcome.err
    assert "for CPython 3.11 on linux/amd64, glibc-2.28: pylock.toml (written)" in outcome.err


@pytest.mark.parametrize(
    ("packages", "said"),
    [
        ({("gone", "1.0"): "a" * 64}, "gone 1.0: the index has no project of this name"),
        (
            {("numpy", "0.9"): "a" * 64},
            "numpy 0.9: the index does not have this version any more; its newest is 1.26.0",
        ),
        ({("numpy", "1.25.0"): "a" * 64}, "numpy 1.25.0: the index has another numpy-1.25.0-py3-none-any.whl: sha256:"),
    ],
)
def test_what_the_index_has_not_so_is_refused_by_name(
    tmp_path: Path, url: str, packages: Mapping[tuple[str, str], bytes | str], said: str
) -> None:
    outcome = adopt(tmp_path, url, *TARGET, lock=uv_lock({("six", "1.16.0"): SIX, **packages}))
    assert outcome.code == 2
    assert "error: uv.lock: cannot be adopted as it is:" in outcome.err
    assert said in outcome.err
    assert not (tmp_path / "pylock.toml").exists()


def test_check_proves_bytes_by_what_was_adopted(tmp_path: Path, url: str) -> None:
    assert adopt(tmp_path, url, *TARGET).code == 0
    for name, content in {**venv_files(), **installed_files(MODEL, SITE), **installed_files(NUMPY, SITE)}.items():
        path = tmp_path / "root" / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    checked = run_lockml("check", "--path", "root", "--format", "json", folder=tmp_path)
    environment = json.loads(checked.out)["environments"][0]
    assert environment["levels"]["artifacts"] == {"matched": 2, "total": 2, "verified": 0}


def test_compile_carries_on_from_it(tmp_path: Path, url: str) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "0.1"\ndependencies = ["model", "numpy"]\n'
    )
    metadata = '\n[package.metadata]\nrequires-dist = [{ name = "model" }, { name = "numpy" }]\n'
    lock = LOCK.replace('[package.optional-dependencies]\nold = [{ name = "six" }]\n', metadata)
    outcome = adopt(tmp_path, url, *TARGET, "-r", "requirements.txt", lock=lock)
    assert outcome.code == 0, outcome.err
    command = next(
        line for line in (tmp_path / "requirements.txt").read_text().splitlines() if "lockml compile" in line
    )
    again = command.removeprefix("#").split()[1:]
    assert run_lockml(*again, "--check", folder=tmp_path).err == "pylock.toml is up to date\n"
    assert run_lockml(*again, "--upgrade-package", "numpy", folder=tmp_path).code == 0
    assert {name: each["version"] for name, each in pins(tmp_path).items()} == {"model": "1.0", "numpy": "1.26.0"}


def test_lock_that_its_inputs_have_left_behind_is_no_up_to_date_one(tmp_path: Path, url: str) -> None:
    """As after an edit without `uv lock`: what is asked for since is not there."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "0.1"\ndependencies = ["model>1", "numpy"]\n'
    )
    metadata = '\n[package.metadata]\nrequires-dist = [{ name = "model" }]\n'
    lock = LOCK.replace('[package.optional-dependencies]\nold = [{ name = "six" }]\n', metadata)
    outcome = adopt(tmp_path, url, *TARGET, lock=lock)
    assert outcome.code == 0, outcome.err
    said = "warning: uv.lock is older than its inputs: model 1.0 does not meet model>1 (pyproject.toml:4)"
    assert said in outcome.err
    compiled = run_lockml("compile", "pyproject.toml", *TARGET, "--index-url", url, "--check", folder=tmp_path)
    assert (compiled.code, "model 1.0 does not meet model>1" in compiled.out) == (1, True)


def test_what_the_lock_was_not_asked_for_makes_it_no_older(tmp_path: Path, url: str) -> None:
    """It tells of extras and groups that are not chosen, too."""
    metadata = '\n[package.metadata]\nrequires-dist = [{ name = "model" }, { name = "absent" }]\n'
    lock = LOCK.replace('[package.optional-dependencies]\nold = [{ name = "six" }]\n', metadata)
    outcome = adopt(tmp_path, url, *TARGET, lock=lock)
    assert (outcome.code, "is older" in outcome.err) == (0, False)


FOLDER = """
[[package]]
name = "lib"
version = "0.1"
source = { directory = "lib" }
"""


@pytest.mark.parametrize(("output", "path"), [("pylock.toml", "sub/lib"), ("out/pylock.toml", "../sub/lib")])
def test_paths_are_seen_from_the_lock_that_is_written(tmp_path: Path, url: str, output: str, path: str) -> None:
    """Else another folder of that name would be installed."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "out").mkdir()
    lock = LOCK.replace('{ name = "model" }', '{ name = "lib" }, { name = "model" }') + FOLDER
    (tmp_path / "sub/uv.lock").write_text(lock)
    outcome = run_lockml("adopt", "sub/uv.lock", *TARGET, "--index-url", url, "-o", output, folder=tmp_path)
    assert outcome.code == 0, outcome.err
    assert pins(tmp_path, output)["lib"]["directory"] == {"path": path}


@pytest.mark.parametrize("output", ["pylock.toml", "out/pylock.toml"])
def test_folders_of_files_are_named_from_here_and_written_from_the_lock(tmp_path: Path, output: str) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "wheels/six-1.16.0-py3-none-any.whl").write_bytes(SIX)
    (tmp_path / "pins.txt").write_text(f"six==1.16.0 --hash=sha256:{hashlib.sha256(SIX).hexdigest()}\n")
    words = ("--find-links", "wheels", "--offline", "-o", output)
    outcome = run_lockml("adopt", "pins.txt", *TARGET, *words, folder=tmp_path)
    assert outcome.code == 0, outcome.err
    where = "wheels" if output == "pylock.toml" else "../wheels"
    assert pins(tmp_path, output)["six"]["wheels"][0]["path"] == f"{where}/six-1.16.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            'requires-python = ">=3.12"',
            "CPython 3.11 on linux/amd64, glibc-2.36: it is for Python >=3.12",
        ),
        ("supported-markers = [\"sys_platform == 'win32'\"]", 'glibc-2.36: it is for sys_platform == "win32"'),
        ("supported-markers = [\"extra == 'a'\"]", "has a marker of its environments that cannot be read: 'extra'"),
    ],
)
def test_target_that_the_lock_is_not_for_is_refused(tmp_path: Path, url: str, facts: str, said: str) -> None:
    """What it would need there nobody has locked."""
    lock = LOCK.replace('requires-python = ">=3.9"', facts)
    outcome = adopt(tmp_path, url, *TARGET, lock=lock)
    assert (outcome.code, said in outcome.err) == (2, True)


def test_package_with_the_name_of_the_project_is_no_project(tmp_path: Path, url: str) -> None:
    """Whoever names a project as one of its packages takes nothing out of the lock by that."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "Six"\nversion = "1"\ndependencies = ["numpy"]\n')
    packages = "".join(
        f'[[package]]\nname = "{name}"\nversion = "{version}"\noptional = false\npython-versions = "*"\n'
        f'groups = ["main"]\nfiles = [{{ file = "{name}-{version}-py3-none-any.whl", '
        f'hash = "sha256:{hashlib.sha256(PACKAGES[name, version]).hexdigest()}" }}]\n'
        for name, version in (("numpy", "1.25.0"), ("six", "1.16.0"))
    )
    metadata = '[metadata]\nlock-version = "2.1"\npython-versions = ">=3.9"\ncontent-hash = "0"\n'
    (tmp_path / "poetry.lock").write_text(packages + metadata)
    outcome = run_lockml("adopt", "poetry.lock", *TARGET, "--index-url", url, folder=tmp_path)
    assert outcome.code == 0, outcome.err
    assert pins(tmp_path).keys() == {"numpy", "six"}


def test_lock_of_lockml_is_not_adopted(tmp_path: Path, url: str) -> None:
    assert adopt(tmp_path, url, *TARGET).code == 0
    outcome = run_lockml("adopt", "pylock.toml", "-o", "other.toml", folder=tmp_path)
    assert (outcome.code, "is already a lock of lockml" in outcome.err) == (2, True)


def test_what_lockml_did_not_write_stays(tmp_path: Path, url: str) -> None:
    (tmp_path / "pylock.toml").write_text('lock-version = "1.0"\ncreated-by = "uv"\npackages = []\n')
    outcome = adopt(tmp_path, url, *TARGET)
    assert (outcome.code, "exists, and lockml did not write it" in outcome.err) == (2, True)
    assert adopt(tmp_path, url, *TARGET, "--force").code == 0
    assert adopt(tmp_path, url, *TARGET, "-o", "uv.lock").code == 2


def test_each_index_is_asked_for_what_the_lock_took_from_it(tmp_path: Path, url: str) -> None:
    """As uv's unsafe-best-match leaves it: six is on both, and the later index has the locked one."""
    other = Served()
    other.wheel("six", "1.16.0")
    mine = other.wheel("model", "9.0")
    (tmp_path / "requirements.txt").write_text(
        f"model==9.0 --hash=sha256:{hashlib.sha256(mine).hexdigest()}\n"
        f"six==1.16.0 --hash=sha256:{hashlib.sha256(SIX).hexdigest()}\n"
    )
    with serve(other) as elsewhere:
        words = ("--index-url", url, "--index", f"team={elsewhere}")
        outcome = run_lockml("adopt", "requirements.txt", *TARGET, *words, folder=tmp_path)
        assert outcome.code == 0, outcome.err
        assert f"--index team={elsewhere} --index-only team=model" in outcome.err
        found = pins(tmp_path)
        assert (found["model"]["index"], found["six"]["index"]) == (elsewhere, url)


def test_index_that_claims_a_weak_hash_is_found_out(tmp_path: Path, url: str, served: Served) -> None:
    """Other bytes were downloaded from there before, when nothing was asked of them."""
    (tmp_path / "pins.txt").write_text("six==1.16.0\n")
    served.pages["six"][0]["hashes"] = {}
    early = run_lockml("adopt", "pins.txt", *TARGET, "--index-url", url, "-o", "early.toml", folder=tmp_path)
    assert early.code == 0, early.err
    md5 = hashlib.md5(b"what was locked", usedforsecurity=False).hexdigest()
    served.pages["six"][0]["hashes"] = {"md5": md5, "sha256": hashlib.sha256(SIX).hexdigest()}
    lock = uv_lock({("six", "1.16.0"): "0"}).replace("sha256:0", f"md5:{md5}")
    outcome = adopt(tmp_path, url, *TARGET, lock=lock)
    assert outcome.code == 4, outcome.err
    assert f"md5 {hashlib.md5(SIX, usedforsecurity=False).hexdigest()}" in outcome.err
    assert not (tmp_path / "pylock.toml").exists()


def test_pins_without_a_hash_are_told(tmp_path: Path, url: str) -> None:
    (tmp_path / "requirements.txt").write_text("model==1.0\nsix==1.16.0\n")
    outcome = run_lockml("adopt", "requirements.txt", *TARGET, "--index-url", url, folder=tmp_path)
    assert outcome.code == 0
    said = "warning: the lock has no hash for model, six: using the files that the index lists today"
    assert outcome.err.splitlines().count(said) == 1


@pytest.mark.parametrize(
    ("hashes", "said"),
    [
        ((), "warning: the lock has no hash for six"),
        ((f"sha512:{hashlib.sha512(SIX).hexdigest()}",), ""),
        ((f"sha512:{'0' * 128}",), "it has sha512"),
        ((f"sha256:{hashlib.sha256(SIX).hexdigest()}", f"sha256:{'0' * 64}"), ""),
        ((f"sha256:{'1' * 64}", f"sha256:{'0' * 64}"), "has other bytes"),
    ],
)
def test_archive_of_an_address_is_held_against_the_hashes_of_the_lock(
    tmp_path: Path, url: str, hashes: tuple[str, ...], said: str
) -> None:
    address = f"{url.removesuffix('simple/')}files/six-1.16.0-py3-none-any.whl"
    (tmp_path / "pins.txt").write_text(f"six @ {address}{''.join(f' --hash={each}' for each in hashes)}\n")
    outcome = run_lockml("adopt", "pins.txt", *TARGET, "--index-url", url, folder=tmp_path)
    assert said in outcome.err
    assert (tmp_path / "pylock.toml").exists() == (not said or said.startswith("warning"))
    if outcome.code == 0:
        assert pins(tmp_path)["six"]["archive"]["hashes"] == {"sha256": hashlib.sha256(SIX).hexdigest()}


@pytest.mark.parametrize(
    ("address", "commit", "said"),
    [
        ("https://git.example/six", "main", "six 1.16.0: 'main' names no commit"),
        ("https://git.example/six", "--upload-pack=x", "six 1.16.0: '--upload-pack=x' names no commit"),
        ("--upload-pack=x", "0" * 40, "six 1.16.0: '--upload-pack=x' is no address of a repository"),
        ("ext::sh -c x", "0" * 40, "six 1.16.0: 'ext::sh -c x' is no address of a repository"),
    ],
)
def test_repository_without_a_commit_or_an_address_is_refused(
    tmp_path: Path, url: str, address: str, commit: str, said: str
) -> None:
    (tmp_path / "pylock.uv.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "uv"\n[[packages]]\nname = "six"\nversion = "1.16.0"\n'
        f'[packages.vcs]\ntype = "git"\nurl = "{address}"\ncommit-id = "{commit}"\n'
    )
    outcome = run_lockml("adopt", "pylock.uv.toml", *TARGET, "--index-url", url, folder=tmp_path)
    assert (outcome.code, said in outcome.err) == (2, True)


def test_head_names_the_command_that_adopts_again_where_no_inputs_are_known(tmp_path: Path, url: str) -> None:
    lock = LOCK.replace("[package.optional-dependencies]", "[package.metadata]\n[package.optional-dependencies]")
    outcome = adopt(tmp_path, url, *TARGET, "--extra", "old", "-r", "locked.txt", lock=lock)
    assert outcome.code == 0, outcome.err
    command = next(line for line in (tmp_path / "locked.txt").read_text().splitlines() if "lockml adopt" in line)
    again = run_lockml(*command.removeprefix("#").split()[1:], folder=tmp_path)
    assert (again.code, "pylock.toml (unchanged), locked.txt (unchanged)" in again.err) == (0, True)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("-r", "pylock.toml"), "is both the lock and the requirements file"),
        (("-r", "uv.lock"), "hint: name another file with -r"),
        (("-o", "."), "is a folder"),
    ],
)
def test_outputs_that_cannot_be_are_refused(tmp_path: Path, url: str, names: tuple[str, ...], said: str) -> None:
    outcome = adopt(tmp_path, url, *TARGET, *names)
    assert (outcome.code, said in outcome.err) == (2, True)
    assert (tmp_path / "uv.lock").read_text() == LOCK
    assert not (tmp_path / "pylock.toml").exists()


def test_locks_of_other_tools_are_never_written_over(tmp_path: Path, url: str) -> None:
    (tmp_path / "uv.lock").write_text(LOCK)
    (tmp_path / "requirements.in").write_text("six\n")
    verified = run_lockml("verify", "uv.lock", folder=tmp_path)
    assert (verified.code, "is a uv.lock, which does not record what its wheels install" in verified.err) == (2, True)
    compiled = run_lockml("compile", *TARGET, "--lock", "uv.lock", "--index-url", url, folder=tmp_path)
    assert (compiled.code, "is a uv.lock, and compile would overwrite it" in compiled.err) == (2, True)
    assert (tmp_path / "uv.lock").read_text() == LOCK


def test_file_that_is_no_lock_is_told(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "app"\n')
    outcome = run_lockml("tree", "--lock", "pyproject.toml", folder=tmp_path)
    assert (outcome.code, "error: pyproject.toml: is no lock that lockml knows" in outcome.err) == (2, True)


def test_pin_with_an_upper_bound_of_python_is_locked_as_uv_has_it(tmp_path: Path, url: str, served: Served) -> None:
    old = served.wheel("typing", "3.10", requires_python="<3.5")
    outcome = adopt(tmp_path, url, *TARGET, lock=uv_lock({("typing", "3.10"): old}))
    assert outcome.code == 0, outcome.err
    assert "warning: typing 3.10: it requires Python <3.5, so that pip will not install it" in outcome.err
    assert pins(tmp_path)["typing"]["version"] == "3.10"
