"""What may differ, as the configuration says it, and the baseline as a report has it, in; rules and drifts out.

``[[tool.lockml.ignore]]`` of pyproject.toml, or ``[[ignore]]`` of lockml.toml.
"""

import json
from collections.abc import Iterator, Mapping
from typing import get_args

from lockml.cli.common.config import configured_table
from lockml.cli.common.files import read_file
from lockml.common.errors import InputError
from lockml.drift.model import DriftKind
from lockml.drift.policy import Fingerprint, IgnoreRule, fingerprint, parse_rule

__all__ = ["ignore_rules", "read_baseline"]


def ignore_rules() -> tuple[IgnoreRule, ...]:
    """Return the rules of this folder's configuration; raises InputError for one that cannot be meant so."""
    file, table = configured_table("ignore")
    if table is None:
        return ()
    if not isinstance(table, list) or not all(isinstance(each, Mapping) for each in table):
        raise InputError(file, "its 'ignore' is no array of tables", hint="write [[ignore]] for each rule")
    return tuple(
        parse_rule(each, f"{file}: ignore {number}", get_args(DriftKind)) for number, each in enumerate(table, 1)
    )


def read_baseline(name: str) -> frozenset[Fingerprint]:
    """Return the drifts of an earlier report, what ``--format json`` prints; raises InputError."""
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
