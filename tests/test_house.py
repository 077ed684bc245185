"""The house keeps its own rules: the import contracts hold, and would not hold if a rule were broken."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from pip._internal.models.index import PyPI

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


@pytest.mark.process
def test_import_contracts_hold() -> None:
    linted = lint(ROOT)
    assert linted.returncode == 0, linted.stdout
    assert "6 kept, 0 broken" in linted.stdout


@pytest.mark.process
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


_EDGES = (
    "cli/*",
    "subjects/*",
    "direct/*",
    "index/http/*",
    "index/cache/*",
    "audit/store/*",
    "audit/runs/host.py",
    "audit/runs/spool.py",
    "common/private_files.py",
)
_CLOCKS = frozenset({"now", "utcnow", "today"})
_OF_TIME = re.compile("(time|monotonic|perf_counter|process_time|thread_time)(_ns)?|sleep|localtime|gmtime")
_OF_PATHS = re.compile(
    "absolute|cwd|exists|expanduser|glob|home|is_dir|is_file|iterdir|lstat|mkdir|open|read_bytes|read_text|rename|"
    "rglob|rmdir|samefile|stat|symlink_to|touch|unlink|write_bytes|write_text"
)
_NO_FILES = frozenset({"archive.open", "remedies.rename", "tarfile.open"})  # of what is held, or handed in


def _impure(tree: ast.AST) -> Iterator[str]:
    """Yield each use of a clock or of a file, as it is written."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="datetime" | "date"), attr=attr) if attr in _CLOCKS:
                yield ast.unparse(node)
            case ast.Attribute(value=ast.Name(id="time"), attr=attr) if _OF_TIME.fullmatch(attr):
                yield ast.unparse(node)
            case ast.Attribute(attr=attr) if _OF_PATHS.fullmatch(attr) and ast.unparse(node) not in _NO_FILES:
                yield ast.unparse(node)
            case ast.Call(func=ast.Name(id="open")):
                yield ast.unparse(node)


def _is_below(module: str, folders: Sequence[str]) -> bool:
    return any(fnmatchcase(module, folder) for folder in folders)


def test_clocks_and_files_are_at_the_edges() -> None:
    """Time is an argument, and so is what a file says; the contract of imports forbids `os`, `time` and the like."""
    found = [
        f"{module}: {use}"
        for path in sorted((ROOT / "lockml").rglob("*.py"))
        if not _is_below(module := path.relative_to(ROOT / "lockml").as_posix(), _EDGES)
        for use in _impure(ast.parse(path.read_text()))
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "moment = datetime.now(UTC)",
        "day = date.today()",
        "started = time.monotonic()",
        "text = open(name).read()",
        "text = Path(name).read_text()",
        "there = filter(Path.is_file, paths)",
        "(folder / name).mkdir()",
        "home = Path(name).expanduser()",
    ],
)
def test_use_of_a_clock_or_a_file_is_seen(line: str) -> None:
    assert list(_impure(ast.parse(line)))


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


def test_no_test_imports_another() -> None:
    """What several need is made in tests/made, or in a module beside them."""
    found = [
        f"{path.relative_to(ROOT)}: {node.module}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").rpartition(".")[2].startswith("test_")
    ]
    assert found == []


def test_wheel_of_lockml_is_typed_and_brings_its_licence() -> None:
    assert (ROOT / "lockml" / "py.typed").is_file()
    assert "MIT" in (ROOT / "LICENSE").read_text()


def test_no_package_registry_is_named() -> None:
    """Whose index is asked is for pip's configuration to say, and for the user."""
    hosts = [PyPI.netloc, PyPI.file_storage_domain, ".".join(("download", "pytorch", "org"))]
    folders = [ROOT / name for name in ("lockml", "docs", "tests", "fixtures", "benchmarks", "examples", ".ci")]
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix != ".pyc" and path.is_file()]
    texts = {
        path: path.read_text(errors="replace")
        for path in (*files, *ROOT.glob("*.md"), *ROOT.glob("[!p]*.toml"), ROOT / "pyproject.toml")
    }
    assert [str(path) for path, text in texts.items() if any(host in text for host in hosts)] == []
