"""`lockml compile --all`: the locks of the configuration, each after its bases."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import Outcome, run_lockml
from tests.made.indexes import Served
from tests.made.servers import serve

pytestmark = pytest.mark.loopback

PAGE = Path(__file__).parents[4] / "docs" / "locks.md"
TARGET = '\n[compile]\npython = "3.11"\nplatform = "linux/amd64"\nlibc = "glibc-2.36"\n'
PAIR = """
[[lock]]
name = "base"
files = ["base.in"]
matrix.python = ["3.11", "3.12"]
[[lock]]
name = "test"
on = "base"
files = ["test.in"]
"""


def setting(folder: Path, tables: str, **inputs: str) -> None:
    """Write lockml.toml and the *inputs* by their stems."""
    (folder / "lockml.toml").write_text(TARGET + tables)
    for stem, asked in inputs.items():
        (folder / f"{stem}.in").write_text(asked)


def ran(folder: Path, url: str, *arguments: str, **variables: str) -> Outcome:
    return run_lockml(
        "compile", *(arguments or ("--all",)), folder=folder, variables={"LOCKML_INDEX_URL": url, **variables}
    )


def states(outcome: Outcome) -> dict[str, str]:
    lines = [line for line in outcome.out.splitlines() if not line.startswith("  ")]
    return dict(line.split(": ", 1) for line in lines)


def locked(folder: Path, name: str) -> dict[str, str]:
    packages = document(folder / f"pylock.{name.replace('.', '')}.toml")["packages"]
    return {package["name"]: package["version"] for package in packages}


def document(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".toml", ".txt")}


def test_locks_are_made_in_order_and_up_to_date_afterwards(tmp_path: Path, url: str, served: Served) -> None:
    setting(tmp_path, PAIR, base="model\n", test="six\n")
    first = ran(tmp_path, url)
    assert first.code == 0, first.err
    assert first.out.splitlines() == [
        "base-3.11: locked (2 packages)",
        "base-3.12: locked (2 packages)",
        "test-3.11: locked (3 packages)",
        "test-3.12: locked (3 packages)",
    ]
    assert first.err == "4 locks: 4 locked\n"
    before = contents(tmp_path)
    served.requests.clear()
    again = ran(tmp_path, url)
    assert set(states(again).values()) == {"up to date"}
    checked = ran(tmp_path, url, "--all", "--check", LOCKML_CACHE_DIR=str(tmp_path / "other"))
    assert (checked.code, set(states(checked).values())) == (0, {"up to date"})
    assert (contents(tmp_path), served.requests) == (before, [])


def test_changed_base_locks_again_only_what_stands_on_it(tmp_path: Path, url: str) -> None:
    tables = '[[lock]]\nname = "other"\nfiles = ["other.in"]\n' + PAIR
    setting(tmp_path, tables, base="model\nnumpy<1.26\n", test="six\n", other="six\n")
    assert ran(tmp_path, url).code == 0
    setting(tmp_path, tables, base="model\nnumpy>=1.26\n")
    before = contents(tmp_path)
    checked = ran(tmp_path, url, "--all", "--check")
    assert checked.code == 1
    reason = "base-3.11: out of date\n  numpy 1.25.0 does not meet numpy>=1.26 (base.in:2)\n"
    assert reason in checked.out
    assert states(checked) == {
        "other": "up to date",
        "base-3.11": "out of date",
        "base-3.12": "out of date",
        "test-3.11": "skipped, needs base-3.11",
        "test-3.12": "skipped, needs base-3.12",
    }
    assert contents(tmp_path) == before
    changed = ran(tmp_path, url)
    assert states(changed) == {
        "other": "up to date",
        "base-3.11": "changed (1 pin)",
        "base-3.12": "changed (1 pin)",
        "test-3.11": "changed (1 pin)",
        "test-3.12": "changed (1 pin)",
    }
    assert locked(tmp_path, "test-3.11")["numpy"] == "1.26.0"
    after = contents(tmp_path)
    assert after["pylock.other.toml"] == before["pylock.other.toml"]


def test_lock_that_fails_stops_those_alone_that_stand_on_it(tmp_path: Path, url: str) -> None:
    tables = PAIR + '[[lock]]\nname = "other"\nfiles = ["other.in"]\n'
    setting(tmp_path, tables, base='six>9; python_version < "3.12"\nmodel\n', test="six\n", other="gone\n")
    outcome = ran(tmp_path, url)
    assert states(outcome) == {
        "base-3.11": "failed",
        "base-3.12": "locked (2 packages)",
        "test-3.11": "skipped, needs base-3.11",
        "test-3.12": "locked (3 packages)",
        "other": "failed",
    }
    assert "error: base-3.11: " in outcome.err
    assert outcome.code == 3, outcome.err
    assert outcome.err.endswith("5 locks: 2 failed, 2 locked, 1 skipped\n")
    assert not (tmp_path / "pylock.test-311.toml").exists()


def test_unlocked_cells_are_out_of_date_for_check(tmp_path: Path, url: str) -> None:
    setting(tmp_path, PAIR, base="model\n", test="six\n")
    outcome = ran(tmp_path, url, "--all", "--check")
    assert outcome.code == 1
    assert states(outcome)["base-3.11"] == "not locked"
    assert states(outcome)["test-3.11"] == "skipped, needs base-3.11"


def test_only_takes_what_is_named_with_what_it_stands_on_and_tells_what_is_left(tmp_path: Path, url: str) -> None:
    setting(tmp_path, PAIR, base="model\n", test="six\n")
    one = ran(tmp_path, url, "--only", "test-3.12")
    assert [*states(one)] == ["base-3.12", "test-3.12"]
    table = ran(tmp_path, url, "--only", "base")
    assert states(table) == {"base-3.11": "locked (2 packages)", "base-3.12": "up to date"}
    told = "Not selected, but based on a lock that changed: test-3.11\nNext:\n  lockml compile --all\n"
    assert told in table.err
    gone = ran(tmp_path, url, "--only", "tset-*")
    assert gone.code == 2
    assert "error: --only 'tset-*': matches no lock" in gone.err


def test_command_line_wins_over_a_table_and_a_table_over_the_common_options(tmp_path: Path, url: str) -> None:
    tables = '[[lock]]\nname = "a"\nfiles = ["a.in"]\nresolution = "lowest"\npython = "3.12"\n'
    setting(tmp_path, tables, a="numpy>=1.20\n")
    assert ran(tmp_path, url).code == 0
    assert locked(tmp_path, "a") == {"numpy": "1.25.0"}
    assert document(tmp_path / "pylock.a.toml")["tool"]["lockml"]["targets"][0]["python"] == "3.12"
    assert ran(tmp_path, url, "--all", "--resolution", "highest", "-U").code == 0
    assert locked(tmp_path, "a") == {"numpy": "1.26.0"}


def test_what_a_table_says_no_more_does_not_count_though_the_lock_has_it(tmp_path: Path, url: str) -> None:
    table = '[[lock]]\nname = "a"\nfiles = ["pyproject.toml"]\n'
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "p"\nversion = "1"\n[dependency-groups]\ng = ["six"]\n')
    setting(tmp_path, table + 'group = "g"\n')
    assert ran(tmp_path, url).code == 0
    assert locked(tmp_path, "a") == {"six": "1.16.0"}
    setting(tmp_path, table)
    assert ran(tmp_path, url, "--all", "--check").code == 1
    assert ran(tmp_path, url).code == 0
    assert document(tmp_path / "pylock.a.toml")["packages"] == []


def test_pyproject_holds_the_same_tables_and_the_command_that_starts_locks_does_not_read_them(
    tmp_path: Path, url: str
) -> None:
    content = (TARGET + PAIR).replace("[compile]", "[tool.lockml.compile]").replace("[[lock]]", "[[tool.lockml.lock]]")
    (tmp_path / "pyproject.toml").write_text(content)
    (tmp_path / "base.in").write_text("model\n")
    (tmp_path / "test.in").write_text("six\n")
    assert ran(tmp_path, url).code == 0
    outcome = run_lockml("lock", "--help", folder=tmp_path)
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--all", "a.in"), "error: FILE 'a.in': cannot be used with --all"),
        (("--all", "--lock", "x.toml"), "error: --lock: cannot be used with --all"),
        (("--all", "--on", "x.toml"), "error: --on: cannot be used with --all"),
    ],
)
def test_what_is_said_of_one_lock_is_refused(tmp_path: Path, url: str, arguments: tuple[str, ...], told: str) -> None:
    setting(tmp_path, PAIR, base="model\n", test="six\n")
    outcome = ran(tmp_path, url, *arguments)
    assert outcome.code == 2
    assert told in outcome.err


def test_compile_without_inputs_leads_to_the_locks_that_there_are(tmp_path: Path, url: str) -> None:
    setting(tmp_path, PAIR)
    outcome = ran(tmp_path, url, "-q")
    assert outcome.code == 2
    assert "hint: `lockml compile --all` compiles the locks in lockml.toml" in outcome.err


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", "--all: needs a table of locks"),
        ('[[lock]]\nname = "a"\nresolution = "newest"\n', "lockml.toml: lock 'a': resolution: 'newest' is not one of"),
        ('[[lock]]\nname = "a"\nno-index = "yes"\n', "lockml.toml: lock 'a': no-index: is not true or false"),
        ('[[lock]]\nname = "a"\nfiles = [1]\n', "lockml.toml: lock 'a': files: is not a list of files"),
    ],
)
def test_table_with_a_wrong_value_names_its_place(tmp_path: Path, url: str, table: str, told: str) -> None:
    setting(tmp_path, table)
    outcome = ran(tmp_path, url)
    assert outcome.code == 2
    assert told in outcome.err


def test_files_that_are_one_by_a_link_are_refused(tmp_path: Path, url: str) -> None:
    tables = "".join(
        f'[[lock]]\nname = "{name}"\nlock = "{name}/pylock.toml"\noutput = "{name}/r.txt"\n' for name in "ab"
    )
    setting(tmp_path, tables, requirements="six\n")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to("a")
    outcome = ran(tmp_path, url)
    assert outcome.code == 2
    assert "b: 'b/pylock.toml': is the same file as 'a/pylock.toml' of 'a', by a link" in outcome.err


def test_linked_output_stays_a_link(tmp_path: Path, url: str) -> None:
    setting(tmp_path, '[[lock]]\nname = "a"\n', requirements="six\n")
    (tmp_path / "kept").mkdir()
    (tmp_path / "pylock.a.toml").symlink_to("kept/pylock.toml")
    (tmp_path / "kept" / "pylock.toml").touch()
    assert ran(tmp_path, url).code == 0
    assert (tmp_path / "pylock.a.toml").is_symlink()
    assert b"six" in (tmp_path / "kept" / "pylock.toml").read_bytes()


def test_folders_are_made_and_those_of_a_lock_that_fails_are_removed(tmp_path: Path, url: str) -> None:
    table = '[[lock]]\nname = "{v}"\nlock = "l/{v}/pylock.toml"\noutput = "l/{v}/r.txt"\nfiles = ["{v}.in"]\n'
    setting(tmp_path, f'{table}matrix.v = ["good", "bad"]\n', good="six\n", bad="gone\n")
    assert ran(tmp_path, url).code == 2
    assert [path.name for path in (tmp_path / "l").iterdir()] == ["good"]


def test_folder_that_cannot_be_written_to_fails_its_locks_alone(tmp_path: Path, url: str) -> None:
    tables = "".join(f'[[lock]]\nname = "{name}"\nlock = "{name}/p.toml"\noutput = "{name}/r.txt"\n' for name in "ab")
    setting(tmp_path, tables, requirements="six\n")
    (tmp_path / "a").write_text("no folder\n")
    outcome = ran(tmp_path, url)
    assert states(outcome) == {"a": "failed", "b": "locked (1 package)"}
    assert outcome.code == 2
    assert "error: a: a: cannot be made (" in outcome.err


def test_equal_warnings_of_many_locks_are_told_once(tmp_path: Path, url: str) -> None:
    setting(tmp_path, PAIR, base="model\n", test="six\n")
    (tmp_path / "lockml.toml").write_text((tmp_path / "lockml.toml").read_text().replace('libc = "glibc-2.36"\n', ""))
    outcome = ran(tmp_path, url)
    assert outcome.code == 0
    assert outcome.err.count("all 4 locks: Using this machine's ") == 1


def test_interrupt_leaves_what_is_done_whole_and_the_rest_as_it_was(tmp_path: Path, served: Served) -> None:
    setting(tmp_path, PAIR, base="six\n", test="slow\n")
    stuck = threading.Event()

    def wait(_: Any) -> Any:
        stuck.set()
        time.sleep(60)

    served.wheel("slow", "1.0")
    served.answers["/simple/slow/"] = wait
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "PIP_CONFIG_FILE": os.devnull}
    with serve(served) as url:
        process = subprocess.Popen(
            [sys.executable, "-m", "lockml", "compile", "--all", "--cache-dir", "cache"],
            cwd=tmp_path,
            env={**environment, "LOCKML_INDEX_URL": url},
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - a shell may ignore it
        )
        assert stuck.wait(60)
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=60)[0]
    assert process.returncode == 130
    assert told.splitlines() == ["base-3.11: locked (1 package)", "base-3.12: locked (1 package)"]
    assert sorted(contents(tmp_path)) == [
        "lockml.toml",
        *("pylock.base-311.toml", "pylock.base-312.toml"),
        *("requirements-base-3.11.txt", "requirements-base-3.12.txt"),
    ]


def test_two_processes_at_once_leave_the_same_files_as_one(tmp_path: Path, url: str) -> None:
    alone, both = tmp_path / "alone", tmp_path / "both"
    for folder in (alone, both):
        folder.mkdir()
        setting(folder, PAIR, base="model\n", test="six\n")
    assert ran(alone, url).code == 0
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
    words = [sys.executable, "-m", "lockml", "compile", "--all", "--cache-dir", "cache", "--index-url", url]
    processes = [subprocess.Popen(words, cwd=both, env=environment, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(120) for process in processes] == [0, 0]
    assert contents(both).keys() == contents(alone).keys()
    assert ran(both, url, "--all", "--check").code == 0


@pytest.fixture
def torch_url() -> Iterator[str]:
    served = Served()
    for name in ("model", "numpy", "six", "pytest"):
        served.wheel(name, "1.0", ["numpy"] if name == "model" else [])
    served.wheel("numpy", "1.1")
    served.wheel("numpy", "1.2rc1")
    for accelerator in ("cpu", "cu128", "cu130"):
        served.wheel("torch", f"2.9.1+{accelerator}")
        served.answers[f"/simple/{accelerator}/torch/"] = served.answers.pop("/simple/torch/")
    with serve(served) as url:
        yield url


def page_tables(url: str) -> str:
    """Return the tables of the page on locks, with indexes that are here."""
    text = PAGE.read_text()
    names = ("locks", "more", "variant")
    parts = [re.search(rf"<!-- {name} -->\n```toml\n(.*?)```", text, re.DOTALL) for name in names]
    tables = [part[1] for part in parts if part is not None]
    assert len(tables) == len(names)
    assert len([line for line in "\n".join(tables[:2]).splitlines() if line.strip()]) <= 40
    text = "\n".join(tables).replace("https://index.example/whl/", url)
    return text.replace("https://nightly.example/simple", url.removesuffix("/"))


def entries(folder: Path, name: str) -> dict[str, Any]:
    return {each["name"]: each for each in document(folder / "locks" / name / "pylock.toml")["packages"]}


def test_example_of_the_page_locks_24_cells_and_proves_that_each_test_has_all_of_its_base(
    tmp_path: Path, torch_url: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(page_tables(torch_url))
    asked = {"requirements": "model\ntorch\n", "test": "pytest\n", "serve": "model\n", "next": "numpy==1.0\n"}
    for stem, lines in asked.items():
        (tmp_path / f"{stem}.in").write_text(lines)
    outcome = ran(tmp_path, torch_url)
    assert outcome.code == 0, outcome.err
    assert len(states(outcome)) == 28
    for python in ("3.10", "3.11", "3.12", "3.13"):
        for accelerator in ("cpu", "cu128", "cu130"):
            base, test = (entries(tmp_path, f"{kind}-{python}-{accelerator}") for kind in ("base", "test"))
            assert base["torch"]["version"] == f"2.9.1+{accelerator}"
            assert test.keys() - base.keys() == {"pytest"}
            assert {name: test[name] for name in base} == base
    assert locked(tmp_path, "serve") == {"model": "1.0", "numpy": "1.1"}
    assert locked(tmp_path, "next")["numpy"] == "1.0"
    assert [locked(tmp_path, f"trial-{variant}")["numpy"] for variant in ("plain", "nightly")] == ["1.1", "1.2rc1"]
    checked = ran(tmp_path, torch_url, "--all", "--check", "--offline")
    assert (checked.code, set(states(checked).values())) == (0, {"up to date"})


def test_lock_with_other_facts_and_the_same_pins_is_changed(tmp_path: Path, url: str) -> None:
    setting(tmp_path, PAIR, base="model\n", test="six\n")
    assert ran(tmp_path, url).code == 0
    setting(tmp_path, PAIR, test="six<2\n")
    assert states(ran(tmp_path, url))["test-3.11"] == "changed (same pins)"


def test_hint_for_a_pin_of_the_base_names_the_table(tmp_path: Path, url: str) -> None:
    setting(tmp_path, PAIR, base="numpy<1.26\n", test="numpy>=1.26\n")
    outcome = ran(tmp_path, url)
    assert outcome.code == 3
    hint = "hint: relax = [\"NAME\"] in the table 'test' allows another version than pylock.base-311.toml has\n"
    assert hint in outcome.err


def test_upgrade_of_what_no_lock_has_is_a_warning(tmp_path: Path, url: str) -> None:
    setting(tmp_path, PAIR, base="model\n", test="six\n")
    none, some = (ran(tmp_path, url, "--all", "-P", name) for name in ("nosuch", "six"))
    told = "warning: all 4 locks: --upgrade-package nosuch has no effect: nosuch is not locked\n"
    assert (told in none.err, none.code) == (True, 0)
    assert "no effect" not in some.err


def test_options_of_a_table_without_effect_are_warnings(tmp_path: Path, url: str) -> None:
    asked = 'relax = ["nmpy"]\nexclude-newer-except = ["six"]\n'
    setting(tmp_path, PAIR + asked, base="model\n", test="six\n")
    (tmp_path / "lockml.toml").write_text(
        (tmp_path / "lockml.toml").read_text().replace("[compile]\n", '[compile]\nexclude-newer-except = ["model"]\n')
    )
    outcome = ran(tmp_path, url)
    assert outcome.code == 0
    assert [line for line in outcome.err.splitlines() if "no effect" in line] == [
        "warning: test-3.11, test-3.12: --exclude-newer-except has no effect without --exclude-newer",
        "warning: test-3.11, test-3.12: --relax nmpy has no effect: no base has such a project",
    ]


@pytest.mark.parametrize("key", ["all = true", 'only = "test"'])
def test_selection_of_locks_is_no_configuration(tmp_path: Path, url: str, key: str) -> None:
    setting(tmp_path, PAIR, base="model\n", test="six\n")
    (tmp_path / "lockml.toml").write_text(
        (tmp_path / "lockml.toml").read_text().replace("[compile]\n", f"[compile]\n{key}\n")
    )
    outcome = ran(tmp_path, url, "base.in")
    assert outcome.code == 2
    assert f"lockml.toml: lockml compile has no option '{key.split(maxsplit=1)[0]}'" in outcome.err


def test_equal_refusal_of_several_locks_is_told_once(tmp_path: Path, url: str) -> None:
    tables = '[[lock]]\nname = "base"\nfiles = ["base.in"]\nmatrix.accelerator = ["cpu", "cu128"]\n'
    setting(tmp_path, tables, base="six\nunheard-of\n")
    outcome = ran(tmp_path, url)
    assert states(outcome) == {"base-cpu": "failed", "base-cu128": "failed like base-cpu"}
    assert outcome.err.count("unheard-of") == 1
