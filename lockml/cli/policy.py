"""What may differ, as the configuration says it, and the baseline as a report has it, in; rules and drifts out.

``[[tool.lockml.ignore]]`` of pyproject.toml, or ``[[ignore]]`` of lockml.toml.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Final, get_args

from lockml.cli.configuration import configured_table
from lockml.cli.files import read_file
from lockml.drift.model import DriftKind
from lockml.drift.policy import Fingerprint, IgnoreRule, fingerprint
from lockml.errors import InputError

__all__ = ["ignore_rules", "read_baseline"]

_KEYS: Final = frozenset({"kind", "name", "path", "reason", "until"})


def ignore_rules() -> tuple[IgnoreRule, ...]:
    """Return the rules of this folder's configuration; raises InputError for one that cannot be meant so."""
    file, table = configured_table("ignore")
    if table is None:
        return ()
    if not isinstance(table, list) or not all(isinstance(each, Mapping) for each in table):
        raise InputError(file, "its 'ignore' is no array of tables", hint="write [[ignore]] for each rule")
    return tuple(_rule(each, f"{file}: ignore {number}") for number, each in enumerate(table, 1))


def _rule(table: Mapping[str, object], place: str) -> IgnoreRule:
    unknown = sorted(table.keys() - _KEYS)
    if unknown:
        raise InputError(place, f"has no key {unknown[0]!r}", hint=f"it has {', '.join(sorted(_KEYS))}")
    texts: dict[str, str] = {}
    for key in sorted(_KEYS - {"until"}):
        value = table.get(key)
        if value is not None and not isinstance(value, str):
            raise InputError(place, f"its {key} is not a string")
        if value:
            texts[key] = value
    if "reason" not in texts:
        raise InputError(place, "has no reason", hint="say why this may differ: reason = '...'")
    if texts.keys() == {"reason"}:
        raise InputError(place, "would allow everything", hint="give at least one of kind, name and path")
    kind = texts.get("kind")
    if kind is not None and kind not in get_args(DriftKind):
        raise InputError(place, f"has an unknown kind {kind!r}", hint=f"one of {', '.join(get_args(DriftKind))}")
    return IgnoreRule(place=place, until=_day(table.get("until"), place), **texts)


def _day(value: object, place: str) -> date | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise InputError(place, f"its until {value!r} is no date", hint="write until = 2027-01-31") from error


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
        yield fingerprint(drift, drift["environment"])
