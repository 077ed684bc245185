"""The house keeps its own rules: the import contracts hold, and would not hold if a rule were broken."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the contracts over the package in *folder*."""
    program = Path(sys.executable).parent / "lint-imports"
    variables = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [program, "--no-cache", "--config", "pyproject.toml"],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_import_contracts_hold() -> None:
    linted = lint(ROOT)
    assert linted.returncode == 0, linted.stdout
    assert "5 kept, 0 broken" in linted.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("index/model.py", "import lockml.resolution.model", "A stage imports only what feeds it"),
        ("inventory/model.py", "import lockml.lock.model", "The inventory knows nothing of what was locked"),
        ("lock/model.py", "import lockml.inventory.model", "The lock knows nothing of what is installed"),
        ("drift/model.py", "import lockml.cli.main", "A stage imports only what feeds it"),
        ("resolution/model.py", "import os", "Network, processes, environment and clocks stay at the edges"),
        ("index/pages.py", "import httpx", "Network, processes, environment and clocks stay at the edges"),
        ("digest.py", "def late() -> None:\n    import time", "Network, processes, environment and clocks"),
        ("drift/model.py", "import lockml.drift.compare", "No import goes in a circle"),
    ],
)
def test_contract_breaks_when_a_rule_is_broken(tmp_path: Path, module: str, line: str, contract: str) -> None:
    shutil.copytree(ROOT / "lockml", tmp_path / "lockml", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "lockml" / module).open("a") as file:
        file.write(f"\n{line}\n")
    linted = lint(tmp_path)
    assert linted.returncode != 0
    assert re.search(rf"{contract}.* BROKEN", linted.stdout), linted.stdout


def test_continuous_integration_runs_the_test_command_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    command = re.search(r"<!-- tests -->\n```console\n\$ (.*?)\n```", readme, re.DOTALL)
    assert command is not None
    assert command[1] in (ROOT / ".ci" / "run").read_text()


def test_records_of_compile_and_check_are_structs() -> None:
    """They are made and filled many times faster than dataclasses, whose `replace` and `asdict` do not take them."""
    folders = [ROOT / "lockml" / name for name in ("index", "requirements", "resolution", "inventory", "drift")]
    modules = [path for folder in folders for path in folder.rglob("*.py")]
    assert [path for path in modules if "dataclasses import" in path.read_text()] == []


def test_no_module_is_longer_than_400_lines() -> None:
    modules = [path for path in (ROOT / "lockml").rglob("*.py") if len(path.read_text().splitlines()) > 400]
    assert modules == []


def test_no_function_is_longer_than_40_lines() -> None:
    """How many parameters one has, ruff counts."""
    functions = [
        (path.name, node.name)
        for path in (ROOT / "lockml").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= 40
    ]
    assert functions == []


def test_wheel_of_lockml_is_typed_and_brings_its_licence() -> None:
    assert (ROOT / "lockml" / "py.typed").is_file()
    assert "MIT" in (ROOT / "LICENSE").read_text()
