"""The parser of the fleet file, ``lockml.toml``, which reports every fault with its line.

docs/fleet.schema.json describes it to editors; `fleet_schema` makes that.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

import msgspec

from lockml.audit.config.model import AuditSettings, AuditTarget, DiscoveryRule, Fleet, IndexSettings, NotifyRule
from lockml.audit.config.schedule import Interval, Schedule, ScheduleError, parse_cron
from lockml.audit.config.schema import AuditTable, DiscoveryTable, NotifyTable, RootTable, SettingsTable, TargetTable
from lockml.audit.config.toml_lines import line_of
from lockml.audit.model import FINDING_KINDS
from lockml.common.durations import parse_duration
from lockml.common.errors import FleetError, InputError
from lockml.drift.policy import IgnoreRule, parse_rule
from lockml.index.accelerators.model import Declared
from lockml.lock.model import Choice
from lockml.subjects.open import KINDS, SubjectName

__all__ = ["fleet_schema", "parse_fleet"]

_PATHS: Final = frozenset({"archive", "oci", "compose", "path", "freeze"})
_AT: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_STEP: Final = re.compile(r"\.(?P<key>[^.\[\]]+)|\[(?P<index>\d+)\]|(?P<any>\[\.\.\.\])")
_T = TypeVar("_T")


def fleet_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a fleet file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(RootTable)}


def parse_fleet(text: str, file: str, variables: Mapping[str, str]) -> Fleet:
    """Parse *text*, the content of *file*; ``$NAME`` in addresses is one of *variables*.

    Raises FleetError with every fault.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise FleetError(((f"{file}:{line[1] if line else 1}", f"is not TOML: {error}"),)) from error
    return _Reading(text, file, variables).fleet(document)


class _Reading:
    """The reading of one file, with its faults."""

    def __init__(self, text: str, file: str, variables: Mapping[str, str]) -> None:
        self._text = text
        self._file = file
        self._folder = Path(file).parent
        self._variables = variables
        self._faults: list[tuple[str, str]] = []

    def fleet(self, document: Mapping[str, Any]) -> Fleet:
        """Return the fleet; raises FleetError."""
        audit = document.get("audit")
        if not isinstance(audit, dict):
            hint = f"`lockml audit init --append --fleet {self._file}` adds one"
            raise FleetError(((self._file, "has no [audit] table"),), hint=hint)
        elements = {key: audit.get(key, []) for key in ("targets", "discover", "notify")}
        lists = {key: value for key, value in elements.items() if isinstance(value, list)}
        table = self._convert({**audit, **dict.fromkeys(lists, ())}, AuditTable, ("audit",)) or AuditTable()
        defaults = self._settings(table.defaults, AuditSettings(), ("audit", "defaults"))
        made = Fleet(
            file=self._file,
            store=self._expanded(table.store, ("audit", "store")),
            targets=tuple(self._targets(lists.get("targets", []), defaults)),
            discovery=tuple(self._discovery(lists.get("discover", []), defaults)),
            notify=tuple(self._notify(lists.get("notify", []))),
            ignore=(
                *self._common_rules(self._root_rules(document), ()),
                *self._common_rules(table.ignore, ("audit",)),
            ),
            retention=self._retention(table.retention),
            processes=table.processes,
            index=IndexSettings(
                asked=table.index.ask, every=self._duration(table.index.every, ("audit", "index", "every"))
            ),
            broker=self._expanded(table.broker, ("audit", "broker")) if table.broker else None,
            actions=table.actions,
            base_url=self._base_url(table.base_url),
        )
        for key, tables in lists.items():
            self._refuse_doubles(key, tables)
        if self._faults:
            raise FleetError(
                tuple(dict.fromkeys(self._faults)), hint="`lockml audit init --fleet -` prints a file with every key"
            )
        return made

    def _base_url(self, text: str | None) -> str | None:
        """Return the address of the pages without a slash at its end."""
        if text is None:
            return None
        try:
            parts, _ = urlsplit(text), urlsplit(text).port
        except ValueError as error:
            self._fault(("audit", "base-url"), f"base-url: {text!r} is not an address: {error}")
            return None
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or not text.isprintable():
            self._fault(("audit", "base-url"), f"base-url: {text!r} must be https://HOST without a login")
        if parts.query or parts.fragment:
            self._fault(("audit", "base-url"), f"base-url: {text!r} must have no query and no fragment")
        return text.rstrip("/")

    def _fault(self, path: Sequence[str | int], problem: str) -> None:
        self._faults.append((f"{self._file}:{line_of(self._text, path)}", problem))

    def _convert(self, table: object, kind: type[_T], path: Sequence[str | int]) -> _T | None:
        """Return *table* as a *kind*, or None with a fault."""
        try:
            return msgspec.convert(table, type=kind)
        except msgspec.ValidationError as error:
            at = _AT.search(str(error))
            inner = [step["key"] or int(step["index"] or 0) for step in _STEP.finditer(at["path"])] if at else []
            problem = _AT.sub("", str(error))
            unknown = re.search(r"unknown field `([^`]+)`", problem)
            if unknown is not None:
                inner.append(unknown[1])
                problem = f"unknown key {unknown[1]!r}"
            key = ".".join(str(step) for step in inner if isinstance(step, str))
            self._fault((*path, *inner), problem if unknown is not None or not key else f"{key}: {_worded(problem)}")
            return None

    def _targets(self, tables: Sequence[object], defaults: AuditSettings) -> Iterator[AuditTarget]:
        for number, each in enumerate(tables):
            path = ("audit", "targets", number)
            table = self._convert(each, TargetTable, path)
            subject = self._subject(table, path) if table is not None else None
            if table is None or subject is None:
                continue
            settings = self._settings(table, defaults, path)
            if subject.kind == "freeze" and table.level is None:
                settings = replace(settings, level="names")  # such a list can prove no more
            target = AuditTarget(name=table.name, subject=subject, lock=self._folder / table.lock, settings=settings)
            for host in settings.hosts or (None,):
                name = f"{table.name}@{host}" if len(settings.hosts) > 1 else table.name
                yield replace(target, name=name, host=host)

    def _subject(self, table: TargetTable, path: Sequence[str | int]) -> SubjectName | None:
        given = [(kind, str(value)) for kind in KINDS if (value := getattr(table, kind)) is not None]
        if len(given) != 1:
            said = " and ".join(kind for kind, _ in given) or "none"
            self._fault(path, f"target {table.name!r}: give exactly one of {', '.join(KINDS)}, not {said}")
            return None
        ((kind, name),) = given
        if table.project is not None and kind != "compose":
            self._fault((*path, "project"), "project: requires compose")
        seen = str(self._folder / name) if kind in _PATHS else name
        return SubjectName(kind=kind, name=seen, project=table.project)

    def _discovery(self, tables: Sequence[object], defaults: AuditSettings) -> Iterator[DiscoveryRule]:
        for number, each in enumerate(tables):
            path = ("audit", "discover", number)
            table = self._convert(each, DiscoveryTable, path)
            if table is None:
                continue
            if not (table.label or table.compose or table.image):
                self._fault(path, f"rule {table.name!r}: give at least one of label, compose and image")
            if (table.lock is None) == (table.lock_label is None):
                self._fault(path, f"rule {table.name!r}: give lock or lock-label")
            yield DiscoveryRule(
                name=table.name,
                settings=self._settings(table, defaults, path),
                folder=self._folder,
                label=table.label,
                compose=table.compose,
                image=table.image,
                lock=self._folder / table.lock if table.lock is not None else None,
                lock_label=table.lock_label,
            )

    def _notify(self, tables: Sequence[object]) -> Iterator[NotifyRule]:
        for number, each in enumerate(tables):
            path = ("audit", "notify", number)
            table = self._convert(each, NotifyTable, path)
            if table is None:
                continue
            yield NotifyRule(
                name=table.name,
                urls=tuple(self._expanded(url, (*path, "urls")) for url in table.urls),
                severity=table.severity,
                on=frozenset(table.on),
                targets=table.targets,
                labels=table.labels,
                quiet=self._hours(table, path),
                zone=self._zone(table.timezone, path),
                repeat=self._duration(table.repeat, (*path, "repeat")),
            )

    def _settings(self, table: SettingsTable, base: AuditSettings, path: Sequence[str | int]) -> AuditSettings:
        """Return the settings of *table*, with those of *base* for missing keys."""
        changes: dict[str, Any] = {
            key: value for key in ("level", "environment", "base_image") if (value := getattr(table, key)) is not None
        }
        for key in ("jitter", "timeout"):
            if (text := getattr(table, key)) is not None:
                changes[key] = self._duration(text, (*path, key))
        if changes.get("timeout", base.timeout) < timedelta(seconds=1):
            self._fault((*path, "timeout"), "timeout: must be at least 1s")
        zone = self._zone(table.timezone, path) if table.timezone is not None else base.zone
        for kind in table.severity.keys() - set(FINDING_KINDS):
            self._fault((*path, "severity", kind), f"severity: unknown kind {kind!r}")
        return replace(
            base,
            **changes,
            declared=self._declared(table, base.declared, path),
            choice=_choice(table, base.choice),
            schedule=self._schedule(table, zone, path) or base.schedule,
            zone=zone,
            labels={**base.labels, **table.labels},
            severities={**base.severities, **table.severity},
            ignore=(*base.ignore, *self._rules(table.ignore, path)),
            hosts=tuple(table.hosts) or base.hosts,
        )

    def _declared(self, table: SettingsTable, base: Declared, path: Sequence[str | int]) -> Declared:
        """Return the driver and the GPU in *table*, with those of *base* for missing keys."""
        if table.driver is None and table.gpu is None:
            return base
        from lockml.index.accelerators.drivers import architecture_of, parse_driver

        if table.driver is not None and table.driver != "none" and parse_driver(table.driver) is None:
            self._fault(
                (*path, "driver"),
                f"driver: {table.driver!r} is not an NVIDIA driver: write a version such as 550.54.14",
            )
        if table.gpu is not None and not architecture_of(table.gpu):
            self._fault(
                (*path, "gpu"), f"gpu: {table.gpu!r} is neither a compute capability such as 8.9 nor a known model"
            )
        return Declared(driver=table.driver or base.driver, gpu=table.gpu or base.gpu)

    def _schedule(self, table: SettingsTable, zone: str, path: Sequence[str | int]) -> Schedule | None:
        if table.cron is not None and table.every is not None:
            self._fault((*path, "every"), "every: cannot be combined with cron")
            return None
        if table.every is not None:
            every = self._duration(table.every, (*path, "every"))
            if every < timedelta(seconds=1):
                self._fault((*path, "every"), "every: must be at least 1s")
                return None
            return Interval(every=every)
        if table.cron is None:
            return None
        try:
            return parse_cron(table.cron, zone)
        except ScheduleError as error:
            self._fault((*path, "cron"), f"cron: {table.cron!r} is not a cron expression: {error}")
            return None

    def _rules(self, tables: Sequence[Mapping[str, Any]], path: Sequence[str | int]) -> Iterator[IgnoreRule]:
        for number, table in enumerate(tables):
            line = line_of(self._text, (*path, "ignore", number))
            try:
                yield parse_rule(table, f"{self._file}:{line}", FINDING_KINDS)
            except InputError as error:
                self._faults.append((error.subject, f"ignore: {error.problem}"))

    def _root_rules(self, document: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        """Return the rules that apply to ``check``, too."""
        return self._convert(document.get("ignore", []), list[dict[str, Any]], ("ignore",)) or []

    def _common_rules(
        self, tables: Sequence[dict[str, Any]], path: Sequence[str | int]
    ) -> Iterator[tuple[str, IgnoreRule]]:
        patterns = [str(table.get("targets", "*")) for table in tables]
        bare = [{key: value for key, value in table.items() if key != "targets"} for table in tables]
        yield from zip(patterns, self._rules(bare, path), strict=False)

    def _duration(self, text: str, path: Sequence[str | int]) -> timedelta:
        found = parse_duration(text)
        if found is None:
            self._fault(path, f"{path[-1]}: {text!r} is not a duration: write 30s, 5m, 6h or 90d")
        return found or timedelta(0)

    def _retention(self, text: str) -> timedelta | None:
        return None if text == "forever" else self._duration(text, ("audit", "retention"))

    def _zone(self, name: str, path: Sequence[str | int]) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError):  # it raises all of them for an unknown zone
            self._fault((*path, "timezone"), f"timezone: unknown zone {name!r}: write a name such as Europe/Berlin")
            return "UTC"
        return name

    def _hours(self, table: NotifyTable, path: Sequence[str | int]) -> tuple[time, time] | None:
        if table.quiet is None:
            return None
        try:
            begin, end = (time.fromisoformat(part) for part in table.quiet.split("-"))
            if begin.tzinfo is not None or end.tzinfo is not None:
                raise ValueError("timezone = names the zone")
        except ValueError:
            self._fault((*path, "quiet"), f"quiet: {table.quiet!r} is not a range of hours: write 22:00-07:00")
            return None
        return begin, end

    def _expanded(self, text: str, path: Sequence[str | int]) -> str:
        """Return *text* with the values of the variables that it names, which keeps secrets out of the file.

        In addresses of the store and of the broker a value is percent-encoded, unless it is the entire address.
        """
        whole = re.fullmatch(r"\$(?:\{[A-Za-z_]\w*\}|[A-Za-z_]\w*)", text) is not None

        def value(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            if name not in self._variables:
                self._fault(path, f"{path[-1]}: the variable {name} is not set")
            found = self._variables.get(name, "")
            return found if whole or path[-1] == "urls" else quote(found, safe="")

        return re.sub(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))", value, text)

    def _refuse_doubles(self, key: str, tables: Sequence[object]) -> None:
        names = [table.get("name") for table in tables if isinstance(table, dict)]
        for number, name in enumerate(names):
            if isinstance(name, str) and name in names[:number]:
                self._fault(("audit", key, number, "name"), f"the name {name!r} is used twice")


def _choice(table: SettingsTable, base: Choice) -> Choice:
    """Return the extras and groups of *table*, or those of *base* if it names none."""
    return Choice(
        extras=frozenset(table.extras) or base.extras,
        groups=frozenset(table.groups) or base.groups,
        without_groups=frozenset(table.without_groups) or base.without_groups,
    )


def _worded(problem: str) -> str:
    """Return an error of msgspec in the words of TOML."""
    words = {
        "`object`": "a table",
        "`array`": "an array",
        "`str`": "a string",
        "`int`": "a number",
        "`bool`": "true or false",
    }
    for word, ours in words.items():
        problem = problem.replace(word, ours)
    if "matching regex" in problem:
        return "is not a duration: write 30s, 5m, 6h or 90d"  # nothing else has a pattern
    return problem[0].lower() + problem[1:]
