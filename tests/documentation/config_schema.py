"""Make the JSON Schema of ``[tool.lockml]`` from what reads it: the options of the commands, and other tables.

JSON Schema, draft 2020-12. `schema` takes the keys from the readers, so a new option is a new key; what a value may be
where only its reader knows, such as a version or an address, stays a string.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import click

from lockml.audit.model import FINDING_KINDS
from lockml.cli.common import config
from lockml.cli.common.config import TABLES, option_names
from lockml.cli.compile.locks import parse as lock_tables
from lockml.cli.main import cli
from lockml.docker.model import SEVERITIES
from lockml.docker.rules.registry import RULES
from lockml.drift import policy
from lockml.index import built

__all__ = ["IGNORE_KEYS", "LOCK_KEYS", "command_of", "config_schema", "configurable"]

_STRINGS: Final = {"type": "array", "items": {"type": "string"}}
_TEXT: Final = {"type": "string", "minLength": 1}
_TEXTS: Final = {"anyOf": [_TEXT, {"type": "array", "minItems": 1, "items": _TEXT}]}
_FILES: Final[dict[str, object]] = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
_PLACE: Final = {"type": "string", "pattern": r"\{"}
IGNORE_KEYS: Final = {
    "kind": "a kind of drift, or of finding about a lock",
    "name": "a project or a file, or a list of these: globs",
    "path": "a path in the subject, or a list of these: globs, and * fits / too",
    "sha256": "the digest of the file, or of a project's RECORD, as a report shows it, or a list of these",
    "reason": "why it may differ; every report shows it",
    "until": "the last day on which the rule holds",
    "targets": "the targets of an audit that it is about: a glob; `check` takes rules for all targets alone",
}
"""What a rule of ``[[ignore]]`` may have, and what for."""

LOCK_KEYS: Final = {
    "name": "what the lock is called; {AXIS} is the value of an axis",
    "matrix": "axes with their values: each combination is one lock",
    "skip": "combinations that are no lock",
    "files": "what the lock is compiled from",
}
"""What a table of ``[[lock]]`` has beside the options of compile."""

_BUILT_KEYS: Final[Mapping[str, Mapping[str, object]]] = {
    "name": {**_TEXT, "description": "the project"},
    "version": {**_TEXT, "description": "its version"},
    "source": {**_TEXT, "description": "git+https://…, or the address of a source archive"},
    "commit": {"type": "string", "pattern": "^\\s*([0-9a-fA-F]{40}|[0-9a-fA-F]{64})\\s*$"},
    "sha256": {"type": "string", "pattern": "^\\s*[0-9a-fA-F]{64}\\s*$"},
    "requires": {**_STRINGS, "description": "what it needs, where its source does not state it"},
    "build-requires": {**_STRINGS, "description": "what its build needs, where its source does not state it"},
}


def command_of(name: str) -> click.Command:
    """Return the command whose options the table *name* has."""
    command = cli.get_command(click.Context(cli, **cli.context_settings), name)
    assert command is not None
    return command


def configurable(name: str) -> dict[str, click.Option]:
    """Return the options that the table *name* may have, by their long names."""
    options = option_names(command_of(name))
    return {key: options[key] for key in sorted(options.keys() - config._NOT_OPTIONS)}


def config_schema() -> dict[str, Any]:
    """Return the schema."""
    assert policy._KEYS | {"targets"} == IGNORE_KEYS.keys()
    assert LOCK_KEYS.keys() == lock_tables._OWN
    assert set(built._KEYS) == _BUILT_KEYS.keys()
    tables = {name: _command(name) for name in sorted(TABLES - {"built", "dockerfile", "ignore", "lock"})}
    of_lock = {"anyOf": [_command("lock"), {"type": "array", "items": _lock_table()}]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "[tool.lockml]",
        "description": "The configuration of lockml: [tool.lockml] of pyproject.toml. lockml.toml has the same tables "
        "without that prefix, and [audit], which fleet.schema.json describes.",
        "type": "object",
        "properties": {
            **tables,
            "lock": {**of_lock, "description": "a table holds the options of `lockml lock`; [[lock]] names locks"},
            "built": {"type": "array", "maxItems": 1000, "items": _built_table()},
            "dockerfile": _dockerfile_table(),
            "ignore": {"type": "array", "items": _ignore_table()},
        },
        "additionalProperties": False,
        "$defs": {"cell": {"properties": _cell_options()}},
    }


def _closed(properties: Mapping[str, object], **more: object) -> dict[str, object]:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False, **more}


def _command(name: str) -> dict[str, object]:
    options = {key: _value(option) for key, option in configurable(name).items()}
    return _closed(options, description=f"the options of `lockml {name}`, by their long names")


def _value(option: click.Option, *, with_places: bool = False) -> dict[str, object]:
    """Return what an option may be; *with_places*, a text may have the value of an axis in braces."""
    about = {} if with_places else {"description": " ".join((option.help or "").split())}
    if isinstance(option.type, click.types.BoolParamType):
        return {"type": "boolean", **about}
    one: dict[str, object] = {"type": "string"}
    if isinstance(option.type, click.Choice):
        one = {"enum": [str(each) for each in option.type.choices]}
        one = {"anyOf": [one, _PLACE]} if with_places else one
    if not option.multiple:
        return {**one, **about}
    return {"anyOf": [one, {"type": "array", "items": one}], **about}


def _cell_options() -> dict[str, object]:
    """Return the options of compile that one of several locks may have."""
    options = configurable("compile").items()
    return {key: _value(option, with_places=True) for key, option in options if key not in lock_tables._NOT_HERE}


def _cell(properties: Mapping[str, object], **more: object) -> dict[str, object]:
    """Return a table of *properties* and of what `_cell_options` has."""
    cell: dict[str, object] = {"type": "object", "$ref": "#/$defs/cell", "properties": dict(properties)}
    return {**cell, "unevaluatedProperties": False, **more}


def _lock_table() -> dict[str, object]:
    bases = {
        "on": {**_FILES, "description": "a lock of these tables, or a file, or a list of these"},
        "subset-of": {**_TEXT, "description": "a lock of these tables, or a file"},
    }
    together = {"not": {"required": ["on", "subset-of"]}}
    own: dict[str, dict[str, object]] = {
        "name": {"type": "string", "pattern": f"^{lock_tables._NAME.pattern}$"},
        "matrix": {
            "type": "object",
            "propertyNames": {
                "pattern": f"^{lock_tables._AXIS.pattern}$",
                "not": {"enum": sorted(lock_tables.RESERVED)},
            },
            "additionalProperties": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "anyOf": [_TEXT, _cell({"name": _TEXT, "files": _FILES, **bases}, required=["name"], **together)]
                },
            },
        },
        "skip": {
            "type": "array",
            "items": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}},
        },
        "files": _FILES,
    }
    described = {key: {**value, "description": LOCK_KEYS[key]} for key, value in own.items()}
    return _cell({**bases, **described}, required=["name"], **together)


def _built_table() -> dict[str, object]:
    one = [{"required": ["commit"]}, {"required": ["sha256"]}]
    return _closed(_BUILT_KEYS, required=["name", "version", "source"], oneOf=one)


def _dockerfile_table() -> dict[str, object]:
    codes = sorted(RULES)
    severity = _closed({code: {"enum": list(SEVERITIES)} for code in codes})
    ignored = {"type": "array", "items": {"enum": codes}, "description": "rules that are not looked for"}
    return _closed({"ignore": ignored, "severity": {**severity, "description": "how a rule counts"}})


def _ignore_table() -> dict[str, object]:
    one_of: Iterable[str] = ("kind", "name", "path", "sha256")
    own: dict[str, dict[str, object]] = {
        "kind": {"enum": list(FINDING_KINDS)},
        **{key: dict(_TEXTS) for key in ("name", "path", "sha256")},
        "reason": dict(_TEXT),
        "until": {"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
        "targets": {"type": "string"},
    }
    described = {key: {**value, "description": IGNORE_KEYS[key]} for key, value in own.items()}
    return _closed(described, required=["reason"], anyOf=[{"required": [key]} for key in one_of])
