"""The settings that every manifest is written from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from lockml.audit.manifests.fleet_facts import FleetFacts

__all__ = [
    "CONTAINERFILE",
    "ENGINE_SOCKET",
    "INSTALLED",
    "INTERVALS",
    "SECRETS",
    "STEPS_FILE",
    "TOKEN",
    "VARIABLES",
    "ManifestSettings",
    "socket_of",
]

INTERVALS: Final[Mapping[str, timedelta]] = {
    **{f"{minutes}m": timedelta(minutes=minutes) for minutes in (5, 10, 15, 20, 30)},
    **{f"{hours}h": timedelta(hours=hours) for hours in (1, 2, 3, 4, 6, 8, 12)},
    "1d": timedelta(days=1),
}
"""The intervals that every scheduler supports: those that divide an hour or a day."""

VARIABLES: Final = "lockml-audit.env"
INSTALLED: Final = f"/etc/lockml/{VARIABLES}"
TOKEN: Final = "LOCKML_TOKEN"  # noqa: S105 - its name
SECRETS: Final = frozenset({VARIABLES, "secret.yaml"})
"""The files that a person fills in with secrets; lockml writes each once and never replaces it."""

STEPS_FILE: Final = "LOCKML-AUDIT.md"
ENGINE_SOCKET: Final = "/var/run/docker.sock"
CONTAINERFILE: Final = "examples/audit-image/Containerfile"
"""Builds an image of lockml, in lockml's repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestSettings:
    """What the files contain. *fleet* and *lockml* are the absolute paths of the fleet file and of the program.

    *given* is the path of the fleet file from the folder that the files are written to, *facts* is what it names.
    *every* is a key of `INTERVALS`. *image* is a container image of lockml, *installed* the shell word that pip
    installs lockml by, which may name the variable LOCKML. With *serve* the files run a service that has its own
    schedules instead of a run every so often. *engine* is DOCKER_HOST, "" if it is not set. *monitoring* holds the
    files for Prometheus and Grafana by name.
    """

    fleet: str
    given: str
    lockml: str
    every: str
    image: str
    installed: str
    facts: FleetFacts = field(default_factory=FleetFacts)
    serve: bool = False
    engine: str = ""
    monitoring: Mapping[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that the fleet file names."""
        return self.facts.variables

    @property
    def secrets(self) -> tuple[str, ...]:
        """The variables that a person fills in."""
        return tuple(dict.fromkeys((*([TOKEN] if self.serve else []), *self.variables)))

    @property
    def cron(self) -> str:
        """The interval as a cron expression."""
        minutes = int(INTERVALS[self.every].total_seconds()) // 60
        if minutes < 60:
            return f"*/{minutes} * * * *"
        hours = minutes // 60
        return {1: "0 * * * *", 24: "0 0 * * *"}.get(hours, f"0 */{hours} * * *")

    @property
    def calendar(self) -> str:
        """The interval as a calendar event, systemd.time(7)."""
        minutes = int(INTERVALS[self.every].total_seconds()) // 60
        if minutes < 60:
            return f"*:0/{minutes}"
        return "daily" if minutes == 24 * 60 else f"0/{minutes // 60}:00"

    @property
    def folder(self) -> str:
        """The folder of the fleet file."""
        return self.fleet.rpartition("/")[0] or "/"

    @property
    def file(self) -> str:
        """The name of the fleet file without its folder."""
        return self.fleet.rpartition("/")[2]


def socket_of(engine: str) -> str | None:
    """Return the socket of the engine at DOCKER_HOST *engine*, None for an engine that listens on the network."""
    if not engine:
        return ENGINE_SOCKET
    return engine.removeprefix("unix://") if engine.startswith("unix:///") else None
