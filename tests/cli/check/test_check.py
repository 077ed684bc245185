import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import msgspec
import pytest

from lockml.common.digest import ArtifactIdentity
from lockml.lock.formats.pylock import format_lock, parse_lock
from lockml.lock.model import Lock
from lockml.lock.verification import hold_against
from tests.audit.made import OTHER, install, write_venv
from tests.cli.process import Outcome, run_lockml
from tests.made.wheels import make_wheel

pytestmark = pytest.mark.process


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Make a virtual environment with what is locked, on the disk."""
    return write_venv(tmp_path)


def check(folder: Path, *arguments: str, **variables: str) -> Outcome:
    given = {"LOCKML_CHECK_BYTECODE_SECONDS": "0", **(variables or {})}  # made modules are no compilations
    return run_lockml("check", *arguments, folder=folder, variables=given)


def test_environment_in_order_exits_0(tmp_path: Path, environment: Path) -> None:
    outcome = check(tmp_path, "--path", str(environment))
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"path {environment}: matches pylock.toml\n")
    assert "artifacts  RECORD matches the lock (2), 0 of them verified" in outcome.out
    sha256 = hashlib.sha256((tmp_path / "pylock.toml").read_bytes()).hexdigest()
    assert f"lock       sha256:{sha256}\n" in outcome.out


def test_packages_that_are_not_verified_are_incomplete_where_that_is_required(
    tmp_path: Path, environment: Path
) -> None:
    outcome = check(tmp_path, "--path", str(environment), "--require-verified")
    assert outcome.code == 4
    assert "2 locked packages are not verified (--require-verified): model, numpy; see lockml verify" in outcome.out
    lock = parse_lock((tmp_path / "pylock.toml").read_bytes(), "pylock.toml")
    (tmp_path / "pylock.toml").write_text(format_lock(hold_against(lock, verified(lock)).lock))
    outcome = check(tmp_path, "--path", str(environment), "--require-verified")
    assert outcome.code == 0
    assert "artifacts  RECORD matches the lock (2), 2 of them verified" in outcome.out
    assert check(tmp_path, "--path", str(environment), "--require-verified", "--level", "names").code == 2


def verified(lock: Lock) -> dict[str, ArtifactIdentity | str]:
    """Return what the wheels of *lock* install, as if all their bytes said so."""
    known = [each for many in lock.artifacts.values() for each in many]
    return {each.wheel: msgspec.structs.replace(each.identity, verified=True) for each in known if each.identity}


def test_other_bytes_exit_1_and_the_folder_is_not_touched(tmp_path: Path, environment: Path) -> None:
    install(environment, OTHER)
    before = {path: path.lstat().st_mtime_ns for path in environment.rglob("*")}
    outcome = check(tmp_path, "--path", str(environment))
    assert outcome.code == 1
    assert "artifact numpy: locked 1.26.4, found 1.26.4" in outcome.out
    assert check(tmp_path, "--path", str(environment), "--level", "names").code == 0
    assert {path: path.lstat().st_mtime_ns for path in environment.rglob("*")} == before


def test_json_is_the_only_thing_on_standard_output(tmp_path: Path, environment: Path) -> None:
    outcome = check(tmp_path, "--path", "venv", "--format", "json")
    report = json.loads(outcome.out)
    assert (outcome.code, report["schema"], report["drifts"]) == (0, "lockml/check/2", [])
    assert report["subject"]["name"] == "venv"
    assert environment.is_dir()


def test_root_of_a_file_system_is_read_inside_itself(tmp_path: Path, environment: Path) -> None:
    root = tmp_path / "root"
    (root / "opt").mkdir(parents=True)
    environment.rename(root / "opt" / "venv")
    (root / "opt" / "venv" / "bin" / "python3").unlink()
    (root / "opt" / "venv" / "bin" / "python3").symlink_to("/usr/bin/python3.11")
    (root / "usr" / "bin").mkdir(parents=True)
    (root / "usr" / "bin" / "python3.11").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(11) + b"\x3e\x00" + bytes(44))
    (root / "lib64").mkdir()
    (root / "lib64" / "libc.so.6").write_bytes(b"GNU C Library (X) stable release version 2.36.\n")
    outcome = check(tmp_path, "--path", "root")
    assert outcome.code == 0, outcome.out
    assert "Checked /opt/venv: Python 3.11.4 on x86_64, glibc-2.36" in outcome.out


def test_options_can_be_variables_and_the_lock_a_stream(tmp_path: Path, environment: Path) -> None:
    assert check(tmp_path, LOCKML_CHECK_PATH=str(environment), LOCKML_CHECK_LEVEL="names").code == 0
    lock = (tmp_path / "pylock.toml").read_text()
    outcome = run_lockml("check", "--path", "venv", "--lock", "-", folder=tmp_path, stdin=lock)
    assert outcome.code == 0


def test_incomplete_exits_4(tmp_path: Path, environment: Path) -> None:
    (environment / "lib/python3.11/site-packages/numpy-1.26.4.dist-info/RECORD").unlink()
    outcome = check(tmp_path, "--path", "venv")
    assert outcome.code == 4
    assert outcome.out.startswith("path venv: check incomplete: cannot confirm a match\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "freeze and --pid: give exactly one of them\n"),
        (("--path", "a", "--image", "b"), "error: --image and --path: give exactly one of them\n"),
        (("--path", "nope"), "error: path 'nope': no such folder\n"),
        (("--path", "empty"), "error: path empty: no Python environment was found\n"),
        (("--path", "venv", "--lock", "nope.toml"), "error: nope.toml: no such file\n"),
        (("--path", "venv", "--lock", "venv/pyvenv.cfg"), "error: venv/pyvenv.cfg: is not TOML: "),
        (("--path", "venv", "--environment", "/nope"), "no Python environment was found at '/nope', and no packages\n"),
        (("--path", "venv", "--level", "bytes"), "Invalid value for '--level'"),
    ],
)
def test_wrong_usage_exits_2(tmp_path: Path, environment: Path, arguments: tuple[str, ...], said: str) -> None:
    (tmp_path / "empty").mkdir()
    outcome = check(tmp_path, *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert environment.is_dir()


def test_engine_that_does_not_run_exits_4_in_one_sentence(tmp_path: Path, environment: Path) -> None:
    outcome = check(tmp_path, "--container", "trainer", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert outcome.code == 4
    assert outcome.err == (
        f"error: container engine at unix://{tmp_path}/none.sock: does not answer (No such file or directory)\n"
        "hint: start the engine, or set DOCKER_HOST to its address\n"
    )
    assert environment.is_dir()


def test_engine_address_that_is_none_is_told(tmp_path: Path, environment: Path) -> None:
    outcome = check(tmp_path, "--image", "x", DOCKER_HOST="ssh://host")
    assert outcome.code == 4
    assert "for ssh, forward the socket with ssh -L" in outcome.err
    assert environment.is_dir()


def test_prefix_with_its_own_python_is_an_environment(tmp_path: Path, environment: Path) -> None:
    """As conda makes them: no pyvenv.cfg."""
    (environment / "pyvenv.cfg").unlink()
    (environment / "bin" / "python3").unlink()
    (environment / "bin" / "python3.11").write_bytes(Path(os.path.realpath(sys.executable)).read_bytes()[:64])
    (environment / "bin" / "python3").symlink_to("python3.11")
    (environment / "lib" / "python3.11" / "os.py").write_text("")
    outcome = check(tmp_path, "--path", "venv")
    assert outcome.code == 0, outcome.out + outcome.err


def test_rule_of_the_configuration_accepts_drift_and_a_day_ends_it(tmp_path: Path, environment: Path) -> None:
    site = environment / "lib" / "python3.11" / "site-packages"
    (site / "hook.pth").write_text("import os\n")
    arguments = ("--path", "venv", "--level", "files")
    assert check(tmp_path, *arguments).code == 1
    rule = '[[ignore]]\nkind = "unattributed-file"\npath = "*/hook.pth"\nreason = "our tracing"\n'
    (tmp_path / "lockml.toml").write_text(rule)
    accepted = check(tmp_path, *arguments)
    assert accepted.code == 0
    assert "Accepted, not counted as drift: 1 (--full lists all)" in accepted.out
    listed = check(tmp_path, *arguments, "--full")
    assert "unattributed-file hook.pth at" in listed.out
    assert "our tracing (lockml.toml: ignore 1)" in listed.out
    (tmp_path / "lockml.toml").write_text(f"{rule}until = 2020-01-31\n")
    over = check(tmp_path, *arguments)
    assert over.code == 1
    assert "allowed this until 2020-01-31" in over.out


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ('kind = "missing"', "has no reason"),
        ('reason = "x"', "would allow everything"),
        ('reason = "x"\nkind = "nope"', "has an unknown kind 'nope'"),
        ('reason = "x"\nkind = "missing"\nuntil = "soon"', "is not a date"),
        ('reason = "x"\nkinds = "missing"', "has no key 'kinds'"),
        ('reason = "x"\nname = 3', "its name is not a string"),
        ('reason = "x"\nkind = "missing"\nname = ""', "its name is empty"),
        ('reason = "x"\nkind = "missing"\nuntil = 20270131', "is not a date"),
        ('reason = "x"\nkind = "missing"\ntargets = ["a"]', "its targets is not a string"),
    ],
)
def test_rule_that_cannot_be_meant_so_exits_2(tmp_path: Path, environment: Path, rule: str, problem: str) -> None:
    (tmp_path / "lockml.toml").write_text(f"[[ignore]]\n{rule}\n")
    outcome = check(tmp_path, "--path", str(environment))
    assert (outcome.code, outcome.out) == (2, "")
    assert f"lockml.toml: ignore 1: {problem}" in outcome.err or problem in outcome.err


def test_baseline_lets_only_new_drift_fail(tmp_path: Path, environment: Path) -> None:
    install(environment, OTHER)
    (tmp_path / "old.json").write_text(check(tmp_path, "--path", "venv", "--format", "json").out)
    assert check(tmp_path, "--path", "venv", "--baseline", "old.json").code == 0
    install(environment, make_wheel("six", "1.0"))
    new = check(tmp_path, "--path", "venv", "--baseline", "old.json")
    assert new.code == 1
    assert "1 difference: 1 unexpected\n" in new.out
    (tmp_path / "pylock.json").write_text("{}")
    assert check(tmp_path, "--path", "venv", "--baseline", "pylock.json").code == 2


def test_every_format_can_be_asked_for_and_sarif_points_at_the_line_of_the_lock(
    tmp_path: Path, environment: Path
) -> None:
    install(environment, OTHER)
    for form in ("text", "json", "sarif", "junit", "markdown", "html", "cyclonedx"):
        outcome = check(tmp_path, "--path", "venv", "--format", form)
        assert (outcome.code, outcome.err) == (1, "")
        assert "numpy" in outcome.out
    (result,) = json.loads(check(tmp_path, "--path", "venv", "--format", "sarif").out)["runs"][0]["results"]
    line = result["locations"][0]["physicalLocation"]["region"]["startLine"]
    assert (tmp_path / "pylock.toml").read_text().splitlines()[line - 1] == 'name = "numpy"'


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--exec", "python3"), "needs --container, not --path"),
        (("--lock", "/a=pylock.toml", "--lock", "/a=pylock.toml"), "several locks for one environment"),
        (
            ("--lock", "/a=pylock.toml", "--lock", "/b=pylock.toml", "--environment", "/c"),
            "cannot be used with several",
        ),
    ],
)
def test_options_that_contradict_each_other_exit_2(
    tmp_path: Path, environment: Path, arguments: tuple[str, ...], problem: str
) -> None:
    outcome = check(tmp_path, "--path", str(environment), *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert problem in outcome.err


def test_inventory_tells_what_is_installed(tmp_path: Path, environment: Path) -> None:
    outcome = run_lockml("inventory", f"path:{environment}", folder=tmp_path)
    assert outcome.code == 0
    assert "numpy 1.26.4" in outcome.out
    found = json.loads(run_lockml("inventory", str(environment), "--format", "json", folder=tmp_path).out)
    assert [(each["name"], each["installer"]) for each in found["distributions"]] == [
        ("model", "pip"),
        ("numpy", "pip"),
    ]
    unknown = run_lockml("inventory", "nope:x", folder=tmp_path)
    assert (unknown.code, "is not KIND:NAME" in unknown.err) == (2, True)
    (tmp_path / "bare").mkdir()
    without = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    folder = run_lockml("inventory", "bare", folder=tmp_path, variables=without)
    assert (folder.code, "hint: for a folder, write path:bare" in folder.err) == (2, True)
    assert run_lockml("inventory", "nothing", folder=tmp_path, variables=without).code == 4


def test_folder_that_pip_filled_is_checked_without_a_python(tmp_path: Path, environment: Path) -> None:
    """`pip install --target` and copies of site-packages have no Python beside them."""
    (site,) = environment.glob("lib/python3*/site-packages")
    shutil.copytree(site, tmp_path / "deployed")
    outcome = check(tmp_path, "--path", "deployed", "--level", "files", "--format", "json")
    report = json.loads(outcome.out)
    assert (report["subject"]["details"]["is"], report["complete"]) == ("packages", True)
    (tmp_path / "deployed" / "late").mkdir()
    (tmp_path / "deployed" / "late-1.0.dist-info").mkdir()
    (tmp_path / "deployed" / "late-1.0.dist-info" / "METADATA").write_text("Name: late\nVersion: 1.0\n")
    assert check(tmp_path, "--path", "deployed").code == 1


def test_rules_of_a_fleet_hold_here_too_but_those_for_some_targets(tmp_path: Path, environment: Path) -> None:
    install(environment, make_wheel("six", "1.0"))
    rule = 'kind = "unexpected"\nname = "six"\nreason = "known"\n'
    (tmp_path / "pyproject.toml").write_text("[tool.lockml.check]\n")
    (tmp_path / "lockml.toml").write_text(f'[audit]\n[[audit.ignore]]\ntargets = "trainer-*"\n{rule}')
    assert check(tmp_path, "--path", str(environment)).code == 1
    (tmp_path / "lockml.toml").write_text(f"[audit]\n[[audit.ignore]]\n{rule}")
    assert check(tmp_path, "--path", str(environment)).code == 0
    (tmp_path / "lockml.toml").write_text(f"[audit]\n[[audit.ignore]]\n{rule}nope = 1\n")
    assert "lockml.toml: audit.ignore 1: has no key 'nope'" in check(tmp_path, "--path", str(environment)).err
