"""What stages call a setting is an option that the command line has."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import lockml
from lockml.cli.main import cli
from lockml.common.settings import setting

ROOT = Path(lockml.__file__).parent
EDGES = ("cli", "docker", "audit")  # the command line itself; files that others wrote; a program of its own
OPTIONS_OF_OTHERS = {
    "direct/git.py": "git",
    "direct/build.py": "pip",
    "drift/remedies.py": "pip",
    "index/http/credentials.py": "keyring",
    "inventory/environment/loader_command.py": "ld.so",
    "inventory/environment/starts.py": "what starts Python",
    "inventory/integrity/variables.py": "Python",
    "inventory/pip_freeze.py": "pip",
    "lock/formats/requirements_txt.py": "pip",
    "report/html.py": "variables of CSS",
    "requirements/line_faults.py": "pip",
    "requirements/notebook.py": "pip",
    "requirements/requirements_txt.py": "pip",
    "requirements/via_comments.py": "pip-compile",
    "subjects/engine/compose_config.py": "docker compose",
    "subjects/open.py": "pip, in the help of an option",
}
OPTION = re.compile(r"(?<![\w-])--[a-z]")


def stages() -> Iterator[tuple[str, ast.Module]]:
    """Yield each module of a stage, by its path in the package."""
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name.split("/")[0] not in EDGES and name not in ("__main__.py", "common/settings.py"):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def texts(tree: ast.Module) -> Iterator[str]:
    """Yield the strings of a module but its docstrings."""
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def options(command: click.Command) -> Iterator[str]:
    """Yield the long options of a command and of those below it."""
    yield from (name for each in command.params for name in (*each.opts, *each.secondary_opts))
    if isinstance(command, click.Group):
        context = click.Context(command, **cli.context_settings)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from options(below)


def test_setting_is_written_as_an_option() -> None:
    assert setting("offline") == "--offline"
    assert setting("allow-build", "torch") == "--allow-build torch"


@pytest.mark.slow
def test_no_stage_writes_an_option_of_lockml_itself() -> None:
    found = {name for name, tree in stages() if any(map(OPTION.search, texts(tree)))}
    assert found == OPTIONS_OF_OTHERS.keys()


@pytest.mark.slow
def test_every_setting_that_a_stage_names_is_an_option() -> None:
    named = {
        (name, node.args[0].value)
        for name, tree in stages()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setting"
        if isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    }
    known = set(options(cli))
    assert len(named) > 30
    assert [each for each in named if f"--{each[1]!s}" not in known] == []
