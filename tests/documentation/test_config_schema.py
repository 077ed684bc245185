"""The schema of the configuration agrees with what reads it."""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

import click
import jsonschema
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from lockml.audit.config.parse import fleet_schema
from lockml.audit.model import FINDING_KINDS
from lockml.cli.check.policy import ignore_rules
from lockml.cli.common.config import TABLES, configured_options, option_names, options_of_table
from lockml.cli.compile.image.built import configured_built
from lockml.cli.compile.locks.parse import parse_lock_tables
from lockml.cli.dockerfile.lint import lint_settings
from lockml.cli.main import cli
from lockml.common.errors import LockmlError
from lockml.drift.policy import parse_rule
from tests.documentation.config_schema import command_of, config_schema
from tests.documentation.stage import DOCS, ROOT

_COMMANDS: Final = sorted(TABLES - {"built", "dockerfile", "ignore"})
_TOML: Final = re.compile(r"^( *)```toml\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
PAGES: Final = [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]


@cache
def validator() -> Any:
    return jsonschema.Draft202012Validator(config_schema())


def plain(value: Any) -> Any:
    """Return what TOML has as JSON has it: a day is a string."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def fits(tables: Mapping[str, Any]) -> bool:
    return bool(validator().is_valid(plain(tables)))


def test_schema_is_one_of_draft_2020_12() -> None:
    jsonschema.Draft202012Validator.check_schema(config_schema())


def test_tables_are_those_of_the_commands_and_three_more() -> None:
    context = click.Context(cli, **cli.context_settings)
    commands = {name for name in cli.list_commands(context) if not isinstance(command_of(name), click.Group)}
    assert commands | {"built", "dockerfile", "ignore"} == TABLES
    assert set(config_schema()["properties"]) == TABLES


def shown_configurations() -> list[tuple[str, str]]:
    """Return each block of TOML in the pages that configures lockml, with where it is."""
    found = []
    for page in PAGES:
        for number, (indent, text) in enumerate(_TOML.findall(page.read_text()), 1):
            block = "\n".join(line.removeprefix(indent) for line in text.split("\n"))
            configures = re.search(r"^ *\[+(tool\.lockml|audit|ignore|compile|check|lock|built)\b", block, re.MULTILINE)
            if configures and "lock-version" not in block:  # a lock has a [tool.lockml] of its own
                found.append((f"{page.relative_to(ROOT)} {number}", block))
    found.append(("pyproject.toml", (ROOT / "pyproject.toml").read_text()))
    found.append(("lockml init", _uncommented((ROOT / "lockml" / "cli" / "init" / "lockml.toml").read_text())))
    return found


def _uncommented(text: str) -> str:
    """Return the template of `init` with its examples in force."""
    return re.sub(r"^# (?=\[|[a-z0-9-]+ = )", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize(("place", "block"), shown_configurations(), ids=lambda value: str(value).partition("\n")[0])
def test_configuration_that_is_shown_fits_the_schema(place: str, block: str) -> None:
    document = tomllib.loads(block)
    if "tool" in document:
        document = document["tool"]["lockml"]
    tables = dict(document)
    audit = tables.pop("audit", None)
    if audit is not None:
        assert jsonschema.Draft202012Validator(fleet_schema()).is_valid(plain({"audit": audit})), place
    errors = list(validator().iter_errors(plain(tables)))
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_configurations_are_found_in_the_pages() -> None:
    assert len(shown_configurations()) > 8


def reads_options(name: str, table: Mapping[str, Any]) -> bool:
    """Say whether the command *name* takes *table*, value by value."""
    command = command_of(name)
    context = click.Context(command, resilient_parsing=True, **cli.context_settings)
    try:
        found = options_of_table(command, table, "lockml.toml")
        for parameter in command.params:
            if parameter.name in found and isinstance(parameter.type, click.Choice):
                parameter.type_cast_value(context, found[parameter.name])
    except (LockmlError, click.BadParameter):
        return False
    return True


@pytest.mark.parametrize("name", _COMMANDS)
def test_schema_has_each_option_that_the_command_takes_and_no_other(name: str) -> None:
    for key, option in option_names(command_of(name)).items():
        value = next(
            (each for each in (True, "1", *getattr(option.type, "choices", ())) if reads_options(name, {key: each})),
            "1",
        )
        assert fits({name: {key: value}}) == reads_options(name, {key: value}), key


VALUES: Final = st.one_of(
    st.sampled_from(["text", "names", "files", "json", "highest", "no such choice", "", "1"]),
    st.booleans(),
    st.integers(-1, 3),
    st.floats(0, 1),
    st.lists(st.sampled_from(["a", "names", ""]), max_size=2),
    st.just([1]),
    st.just({"a": 1}),
)


@given(data=st.data(), name=st.sampled_from(_COMMANDS))
@settings(max_examples=150, deadline=None)
def test_schema_takes_the_options_that_the_command_takes(data: st.DataObject, name: str) -> None:
    keys = [*sorted(option_names(command_of(name))), "no-such-option", "help", "Level", ""]
    table = data.draw(st.dictionaries(st.sampled_from(keys), VALUES, max_size=2))
    assert fits({name: table}) == reads_options(name, table)


_DIGEST: Final = "a" * 64
RULES: Final = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["version", "yanked", "no-kind", "", 1]),
        "name": st.sampled_from(["numpy", "", ["a", "b"], [], [""], 1, True]),
        "path": st.sampled_from(["*/x", ["a"], {}]),
        "sha256": st.sampled_from([_DIGEST, [_DIGEST], [1]]),
        "reason": st.sampled_from(["because", "", 1]),
        "until": st.sampled_from([date(2027, 1, 31), "2027-01-31", "soon", 20270131, True]),
        "nmae": st.just("numpy"),
    },
)


@given(rule=RULES)
@settings(max_examples=150, deadline=None)
def test_schema_takes_the_rules_that_check_takes(rule: dict[str, object]) -> None:
    try:
        parse_rule(rule, "lockml.toml: ignore 1", FINDING_KINDS)
        read = True
    except LockmlError:
        read = False
    assert fits({"ignore": [rule]}) == read


TABLES_OF_LOCKS: Final = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["base", "base-{python}", "", "-x", 1, "a" * 101]),
        "files": st.sampled_from(["requirements.in", ["a.in", "b.in"], [], "", 1]),
        "matrix": st.sampled_from(
            [
                *({"python": ["3.11", "3.12"]}, {"name": ["a"]}, {"check": ["a"]}, {"v": []}, 1),
                {"v": ["a", {"name": "b", "extra": ["gpu"]}]},
            ]
        ),
        "skip": st.sampled_from([[], [{}], [{"python": 3.11}], [{"python": ["3.11"]}], {}]),
        "on": st.sampled_from(["base", ["base", "b"], [1], ""]),
        "subset-of": st.sampled_from(["base", ["base"], []]),
        "python": st.just("{python}"),
        "all": st.just(True),
        "pyhton": st.just("3.11"),
    },
)


def reads_lock(table: Mapping[str, Any]) -> bool:
    """Say whether compile takes *table* as one of ``[[lock]]``."""
    names = frozenset(option_names(command_of("compile"))) - {"help"}
    try:
        parse_lock_tables([table], "lockml.toml", names)
    except LockmlError:
        return False
    return table.get("files") not in ("", 1)  # `lock_cells` says so of each lock


@given(table=TABLES_OF_LOCKS)
@settings(max_examples=150, deadline=None)
def test_schema_takes_the_tables_of_locks_that_compile_takes(table: dict[str, object]) -> None:
    assert fits({"lock": [table]}) == reads_lock(table)


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ({"extra": ["gpu"]}, True),
        ({"files": ["b.in"]}, True),
        ({"on": "base"}, True),
        ({"subset-of": "base"}, True),
        ({"subset-of": []}, False),
        ({"on": "base", "subset-of": "base"}, False),
        ({"check": True}, False),
        ({"only": "a"}, False),
        ({"extar": ["gpu"]}, False),
    ],
    ids=str,
)
def test_schema_takes_the_values_of_an_axis_that_compile_takes(value: dict[str, object], taken: bool) -> None:
    table = {"name": "a", "matrix": {"v": ["x", {"name": "y", **value}]}}
    assert fits({"lock": [table]}) == reads_lock(table) == taken


BUILT: Final = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["flash-attn", "", 1]),
        "version": st.sampled_from(["2.6.3", 2]),
        "source": st.just("git+https://example.com/x"),
    },
    optional={
        "commit": st.sampled_from(["a" * 40, "A" * 64, "a" * 39, 1]),
        "requires": st.sampled_from([["torch"], [], "torch", [1]]),
        "build-requires": st.just(["setuptools"]),
        "patch": st.just("x"),
    },
)


def takes(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Say whether all readers of the configuration take *text* as lockml.toml."""
    (folder / "lockml.toml").write_text(text)
    monkeypatch.chdir(folder)
    try:
        for name in _COMMANDS:
            configured_options(command_of(name), name)
        configured_built()
        ignore_rules()
        lint_settings(())
    except LockmlError:
        return False
    return True


@given(table=BUILT)
@settings(max_examples=100, deadline=None)
def test_schema_takes_the_built_projects_that_compile_takes(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, object]
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        read = takes(tomli_w.dumps({"built": [table]}), tmp_path_factory.getbasetemp(), monkeypatch)
    assert fits({"built": [table]}) == read


@pytest.mark.parametrize(
    "tables",
    [
        {"dockerfile": {"ignore": ["LK101"], "severity": {"LK401": "note"}}},
        {"dockerfile": {"ignore": ["LK999"]}},
        {"dockerfile": {"severity": {"LK401": "loud"}}},
        {"dockerfile": {"severity": {"LK999": "note"}}},
        {"dockerfile": {"ignored": []}},
        {"dockerfile": []},
        {"chekc": {}},
        {"check": {"level": "names"}},
        {"check": []},
        {"ignore": {}},
        {"ignore": [{"name": "x", "reason": "y", "targets": "*"}]},
        {"ignore": [{"name": "x", "reason": "y", "targets": ["a"]}]},
        {"built": {}},
        {"cache": {}},
        {"lock": {"output": "requirements.in"}},
    ],
    ids=str,
)
def test_schema_takes_the_tables_that_are_read(
    tables: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert takes(tomli_w.dumps(tables), tmp_path, monkeypatch) == fits(tables)


def test_fleet_in_pyproject_toml_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.lockml.audit]\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LockmlError, match="no table 'audit'"):
        configured_options(command_of("check"), "check")
    assert not fits({"audit": {}})
