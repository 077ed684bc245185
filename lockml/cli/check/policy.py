"""Rules for accepted drift from the configuration, and the drifts of a baseline report.

Rules are ``[[tool.lockml.ignore]]`` of pyproject.toml, or ``[[ignore]]`` of lockml.toml, and ``[[audit.ignore]]``: an
audit reads the same rules.
"""

import json
from collections.abc import Iterator, Mapping

from lockml.audit.model import FINDING_KINDS
from lockml.cli.common.config import configured_table, fleet_table
from lockml.cli.common.files import read_file
from lockml.common.errors import InputError
from lockml.drift.policy import Fingerprint, IgnoreRule, fingerprint, parse_rule

__all__ = ["ignore_rules", "read_baseline"]


def ignore_rules() -> tuple[IgnoreRule, ...]:
    """Return the rules of this folder's configuration; raises InputError for an invalid one.

    Rules of its fleet apply too, except those for particular targets: a subject is none of them.
    """
    return (*_rules(*configured_table("ignore"), "ignore"), *_rules(*fleet_table("ignore"), "audit.ignore"))


def _rules(file: str, table: object, key: str) -> Iterator[IgnoreRule]:
    if table is None:
        return
    if not isinstance(table, list) or not all(isinstance(each, Mapping) for each in table):
        raise InputError(file, f"{key!r} is not an array of tables", hint=f"write [[{key}]] for each rule")
    for number, each in enumerate(table, 1):
        rule = {name: value for name, value in each.items() if name != "targets"}
        read = parse_rule(rule, f"{file}: {key} {number}", FINDING_KINDS)
        if not isinstance(each.get("targets", "*"), str):
            raise InputError(f"{file}: {key} {number}", "its targets is not a string")
        if each.get("targets", "*") == "*":
            yield read


def read_baseline(name: str) -> frozenset[Fingerprint]:
    """Return the drifts of an earlier report, the output of ``--format json``; raises InputError."""
    try:
        document = json.loads(read_file(name, hint="`lockml check --format json > FILE` writes one"))
        if not str(document["schema"]).startswith("lockml/check/"):
            raise KeyError("schema")
        return frozenset(_fingerprints(document))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(name, "is not a report of `lockml check --format json`") from error


def _fingerprints(document: Mapping[str, list[Mapping[str, str]]]) -> Iterator[Fingerprint]:
    for drift in (*document["drifts"], *document.get("accepted", ())):
        service = drift.get("service")
        yield fingerprint(drift, f"{service}:{drift['environment']}" if service else drift["environment"])
