"""What a manifest needs to know of a fleet file: its targets, discovery rules, locks, variables and store."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from lockml.audit.config.parse import parse_fleet
from lockml.subjects.open import KINDS

__all__ = ["FleetEntry", "FleetFacts", "missing_there", "parse_facts"]

_VARIABLE: Final = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_SQLITE: Final = "sqlite:///"
_DISCOVERY: Final = "discovery"

_ELSEWHERE: Final[Mapping[str, frozenset[str]]] = {
    "kubernetes": frozenset({"container", "image", "compose", "path", "pid", "archive", "oci", _DISCOVERY}),
    "kubernetes-serve": frozenset({"compose", "path", "archive", "oci"}),
    "github": frozenset({"container", "image", "compose", "path", "pid", _DISCOVERY}),
}
"""The kinds of subjects that do not exist where a system runs its audits."""

_FILES: Final = frozenset({"archive", "oci", "compose", "path", "freeze"})
_BESIDE: Final = frozenset({"kubernetes", "kubernetes-serve", "github", "compose"})  # have only the fleet's folder


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetEntry:
    """A target, or a discovery rule whose *kind* is ``discovery``, as the fleet file writes it.

    *lock* is "" for a rule that finds each lock by a label.
    """

    name: str
    kind: str
    subject: str
    lock: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFacts:
    """The *entries* and *variables* of a fleet file; nothing of a file that does not exist yet.

    *store* is the file of its SQLite store as the fleet file writes it, None for a server.
    """

    entries: tuple[FleetEntry, ...] = ()
    variables: tuple[str, ...] = ()
    store: str | None = None


class _AnyValue(Mapping[str, str]):
    """Variables that all have a value: the machine that runs the audits sets them, this one need not."""

    def __getitem__(self, name: str) -> str:
        return "x"

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def parse_facts(text: str, file: str) -> FleetFacts:
    """Return the facts of the fleet file *file* with the content *text*; raises FleetError with every fault."""
    fleet = parse_fleet(text, file, _AnyValue())
    audit = tomllib.loads(text)["audit"]
    urls = (url for rule in audit.get("notify", []) for url in rule["urls"])
    addresses = (audit.get("store", ""), audit.get("broker", ""), *urls)
    found = (match[1] or match[2] for address in addresses for match in _VARIABLE.finditer(address))
    store = str(audit.get("store", fleet.store)).partition("?")[0]
    return FleetFacts(
        entries=tuple(_entries(audit)),
        variables=tuple(dict.fromkeys(found)),
        store=store.removeprefix(_SQLITE) if store.startswith(_SQLITE) else None,
    )


def _entries(audit: Mapping[str, Any]) -> Iterator[FleetEntry]:
    for table in audit.get("targets", []):
        kind = next(kind for kind in KINDS if kind in table)
        yield FleetEntry(name=table["name"], kind=kind, subject=str(table[kind]), lock=table["lock"])
    for table in audit.get("discover", []):
        yield FleetEntry(name=table["name"], kind=_DISCOVERY, subject="", lock=table.get("lock", ""))


def missing_there(system: str, facts: FleetFacts) -> Iterator[str]:
    """Yield a sentence for each part of a fleet that does not exist where *system* runs its audits."""
    place = {"github": "a GitHub runner", "compose": "the container"}.get(system, "a pod")
    for entry in facts.entries:
        named = f"{'discovery rule' if entry.kind == _DISCOVERY else 'target'} {entry.name!r}"
        if entry.kind in _ELSEWHERE.get(system, ()):
            subject = f"{entry.kind}:{entry.subject}"
            lost = "there is no engine" if entry.kind == _DISCOVERY else f"{subject} does not exist"
            yield f"{named}: {lost} in {place}"
        elif entry.kind in _FILES and system in _BESIDE and _is_outside(entry.subject):
            yield f"{named}: {entry.subject} is outside the fleet file's folder, the only one that {place} has"
        if system == "kubernetes-serve" and not entry.lock:
            yield f"{named}: a label names its locks: add each to the ConfigMap"
        elif system in _BESIDE and _is_outside(entry.lock):
            yield f"{named}: its lock {entry.lock} is outside the fleet file's folder"
        elif system.startswith("kubernetes") and len(PurePosixPath(entry.lock).parts) > 1:
            yield f"{named}: its lock {entry.lock} is in a folder, which a ConfigMap cannot have"
    if facts.store is None:
        return
    if system.startswith("kubernetes"):
        yield "store: a file does not outlive a pod, and the fleet's folder is read-only: use PostgreSQL"
    elif system == "systemd" and "$" in facts.store:
        yield "store: a variable names its folder: add the folder to ReadWritePaths= in lockml-audit.service"


def _is_outside(name: str) -> bool:
    """Say whether a path of a fleet file leads out of its folder."""
    path = PurePosixPath(name)
    depth = 0
    for part in path.parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return path.is_absolute()
