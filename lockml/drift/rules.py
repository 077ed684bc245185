"""Parse the tables of a configuration file that accept drift into `IgnoreRule`s."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Final

from lockml.drift.policy import IgnoreRule
from lockml.errors import InputError

__all__ = ["parse_rule"]

_TEXTS: Final = ("kind", "name", "path", "sha256", "reason")
_KEYS: Final = frozenset({*_TEXTS, "until"})


def parse_rule(table: Mapping[str, object], place: str, kinds: Collection[str]) -> IgnoreRule:
    """Return the rule that *table*, at *place*, is about; its kind is one of *kinds*. Raises InputError."""
    unknown = sorted(table.keys() - _KEYS)
    if unknown:
        raise InputError(place, f"has no key {unknown[0]!r}", hint=f"it has {', '.join(sorted(_KEYS))}")
    texts: dict[str, str] = {}
    for key in _TEXTS:
        value = table.get(key)
        if value is not None and not isinstance(value, str):
            raise InputError(place, f"its {key} is not a string")
        if value:
            texts[key] = value
    if "reason" not in texts:
        raise InputError(place, "has no reason", hint="say why this may differ: reason = '...'")
    if texts.keys() == {"reason"}:
        raise InputError(place, "would allow everything", hint="give at least one of kind, name, path and sha256")
    kind = texts.get("kind")
    if kind is not None and kind not in kinds:
        raise InputError(place, f"has an unknown kind {kind!r}", hint=f"one of {', '.join(kinds)}")
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
