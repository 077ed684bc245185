"""Separate accepted drifts from those that count; nothing is dropped.

Rules say what may differ, why, and until when; a baseline holds the drifts of an earlier report, so only new ones
fail. Accepted drifts stay in the report, with their reasons.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from lockml.common.errors import InputError
from lockml.common.settings import setting
from lockml.drift.ground.lock_label import without_lone_label
from lockml.drift.model import AcceptedDrift, Drift, DriftReport, Remark
from lockml.inventory.model import Problem

__all__ = [
    "Difference",
    "IgnoreRule",
    "accept_baseline",
    "apply_rules",
    "fingerprint",
    "has_unknown_bytes",
    "parse_rule",
    "require_verified",
]

Fingerprint = tuple[str, ...]
_TEXTS: Final = ("kind", "reason")
_SAME: Final = ("kind", "name", "locked", "found", "path", "record")
_OF_BYTES: Final = frozenset({"modified", "unattributed-file", "bytecode"})
_KEYS: Final = frozenset({*_TEXTS, "name", "path", "sha256", "until"})


class Difference(Protocol):
    """What a rule may match: a drift, or another finding of an audit."""

    @property
    def kind(self) -> str:
        """The kind of difference."""

    @property
    def name(self) -> str:
        """The project, or what else the drift concerns."""

    @property
    def path(self) -> str | None:
        """The path in the subject, None if there is none."""

    @property
    def found(self) -> str | None:
        """The version or digest (``sha256:…``) that was found; None if there is nothing, or it is unknown."""

    @property
    def record(self) -> str | None:
        """The digest of a project's RECORD as ``sha256:…``, None if there is none."""


class IgnoreRule(Struct, frozen=True, kw_only=True):
    """A rule that accepts drifts of a *kind*, of one of *names* at one of *paths*, for a *reason*, *until* a day.

    Names and paths are globs; an empty tuple, or None for a kind, matches any. *digests* are those of the file or of
    the RECORD, as reports show them: other content is another drift. *stated_in* says where the rule is written.
    """

    reason: str
    stated_in: str
    kind: str | None = None
    names: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    until: date | None = None

    def fits(self, drift: Difference) -> bool:
        """Return whether the rule matches *drift*, regardless of the date."""
        return (
            self.kind in (None, drift.kind)
            and (not self.names or self._fits_name(canonicalize_name(drift.name)))
            and (not self.paths or (drift.path is not None and any(fnmatchcase(drift.path, p) for p in self.paths)))
            and (not self.digests or drift.found in self.digests or drift.record in self.digests)
        )

    def _fits_name(self, name: str) -> bool:
        return any(fnmatchcase(name, canonicalize_name(each)) for each in self.names)


def parse_rule(table: Mapping[str, object], stated_in: str, kinds: Collection[str]) -> IgnoreRule:
    """Parse the rule in *table*, found at *stated_in*; its kind is one of *kinds*. Raises InputError."""
    unknown = sorted(table.keys() - _KEYS)
    if unknown:
        raise InputError(stated_in, f"has no key {unknown[0]!r}", hint=f"it has {', '.join(sorted(_KEYS))}")
    texts = {key: value for key in _TEXTS if (value := _text(table.get(key), key, stated_in))}
    names, paths, stated = (_texts(table.get(key), key, stated_in) for key in ("name", "path", "sha256"))
    digests = tuple(f"sha256:{each.removeprefix('sha256:').lower()}" for each in stated)
    if "reason" not in texts:
        raise InputError(stated_in, "has no reason", hint="say why this may differ: reason = '...'")
    if texts.keys() == {"reason"} and not (names or paths or digests):
        raise InputError(stated_in, "would allow everything", hint="give at least one of kind, name, path and sha256")
    kind = texts.get("kind")
    if kind is not None and kind not in kinds:
        raise InputError(stated_in, f"has an unknown kind {kind!r}", hint=f"one of {', '.join(kinds)}")
    until = _day(table.get("until"), stated_in)
    return IgnoreRule(stated_in=stated_in, until=until, names=names, paths=paths, digests=digests, **texts)


def _text(value: object, key: str, stated_in: str) -> str:
    if value is not None and (not isinstance(value, str) or not value):  # an empty one would fit anything
        raise InputError(stated_in, f"its {key} is {'empty' if value == '' else 'not a string'}")
    return value or ""


def _texts(value: object, key: str, stated_in: str) -> tuple[str, ...]:
    """Return the strings of a string or a list; an empty list, which would match anything, is refused."""
    if not isinstance(value, list):
        text = _text(value, key, stated_in)
        return (text,) if text else ()
    if not value or not all(isinstance(each, str) and each for each in value):
        raise InputError(stated_in, f"its {key} is neither a string nor a list of strings")
    return tuple(value)


def _day(value: object, stated_in: str) -> date | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError as error:
        raise InputError(stated_in, f"its until {value!r} is not a date", hint="write until = 2027-01-31") from error


def apply_rules(report: DriftReport, rules: Sequence[IgnoreRule], today: date) -> DriftReport:
    """Return *report* with the drifts that a rule allows on that day accepted; an expired rule becomes a remark."""
    counted: list[Drift] = []
    accepted: list[AcceptedDrift] = []
    remarks: list[Remark] = []
    for drift in report.drifts:
        fitting = [rule for rule in rules if rule.fits(drift)]
        rule = next((each for each in fitting if each.until is None or each.until >= today), None)
        if rule is not None:
            until = f", until {rule.until}" if rule.until is not None else ""
            accepted.append(AcceptedDrift(drift=drift, reason=f"{rule.reason} ({rule.stated_in}{until})"))
            continue
        counted.append(drift)
        remarks += [
            Remark(subject=drift.name, text=f"{each.stated_in} allowed this until {each.until}: {each.reason}")
            for each in fitting
        ]
    left = replace(
        report,
        drifts=tuple(counted),
        accepted=(*report.accepted, *accepted),
        remarks=(*report.remarks, *dict.fromkeys(remarks)),
    )
    return without_lone_label(left)


def has_unknown_bytes(difference: Difference) -> bool:
    """Return whether *drift* is a file with unknown bytes: other bytes in their place would look the same."""
    return difference.kind in _OF_BYTES and difference.found is None


def accept_baseline(report: DriftReport, baseline: Collection[Fingerprint], source: str) -> DriftReport:
    """Return *report* with the drifts accepted whose fingerprints are in the *baseline* from the report *source*.

    A file with unknown bytes stays drift: other bytes may have taken their place.
    """
    known = [drift for drift in report.drifts if fingerprint(drift, report.environment_key) in baseline]
    old = [drift for drift in known if not has_unknown_bytes(drift)]
    left = replace(
        report,
        drifts=tuple(drift for drift in report.drifts if drift not in old),
        accepted=(*report.accepted, *(AcceptedDrift(drift=drift, reason=f"in the baseline {source}") for drift in old)),
    )
    return without_lone_label(left)


def require_verified(report: DriftReport) -> DriftReport:
    """Return *report*, incomplete if a locked wheel was never hashed completely, or its identity is unknown."""
    unverified = sorted(
        {*(report.proven - report.verified - report.recorded), *(each.subject for each in report.unprovable)}
    )
    if not unverified:
        return report
    named = ", ".join(unverified[:3]) + (f" and {len(unverified) - 3} more" if len(unverified) > 3 else "")
    count, asked = len(unverified), setting("require-verified")
    packages = "locked package is" if count == 1 else "locked packages are"
    reason = f"{count} {packages} not verified ({asked}): {named}; see lockml verify"
    return replace(report, problems=(*report.problems, Problem(path=report.lock, reason=reason)))


def fingerprint(drift: Drift | Mapping[str, object], environment: str) -> Fingerprint:
    """Return what identifies a drift across reports: neither its wording nor its cause."""
    if isinstance(drift, Drift):
        values: tuple[object, ...] = tuple(getattr(drift, key) for key in _SAME)
    else:
        values = tuple(drift.get(key) for key in _SAME)
    return (environment, *("" if value is None else str(value) for value in values))
