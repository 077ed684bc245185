"""What manifests are to say in; a README with the steps, a file for secrets, and what of a fleet is not there, out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import PurePosixPath
from shlex import quote
from typing import Final

__all__ = [
    "CONTAINERFILE",
    "ENGINE_SOCKET",
    "INSTALLED",
    "INTERVALS",
    "STEPS",
    "TOKEN",
    "VARIABLES",
    "FleetEntry",
    "ManifestSettings",
    "environment_file",
    "missing_there",
    "readme",
    "socket_of",
]

INTERVALS: Final[Mapping[str, timedelta]] = {
    **{f"{minutes}m": timedelta(minutes=minutes) for minutes in (5, 10, 15, 20, 30)},
    **{f"{hours}h": timedelta(hours=hours) for hours in (1, 2, 3, 4, 6, 8, 12)},
    "1d": timedelta(days=1),
}
"""How often audits can be scheduled elsewhere: what divides an hour or a day."""

VARIABLES: Final = "lockml-audit.env"
INSTALLED: Final = f"/etc/lockml/{VARIABLES}"
TOKEN: Final = "LOCKML_TOKEN"  # noqa: S105 - its name
ENGINE_SOCKET: Final = "/var/run/docker.sock"
CONTAINERFILE: Final = "examples/audit-image/Containerfile"
"""What builds an image of lockml, in its repository."""

_ELSEWHERE: Final[Mapping[str, frozenset[str]]] = {
    "kubernetes": frozenset({"container", "image", "compose", "path", "pid", "archive", "oci"}),
    "kubernetes-serve": frozenset({"compose", "path", "archive", "oci"}),
    "github": frozenset({"container", "image", "compose", "path", "pid"}),
}
"""The kinds of subjects that do not exist where a system runs its audits."""

_FILES: Final = frozenset({"archive", "oci", "compose", "path", "freeze"})
_BESIDE: Final = frozenset({"kubernetes", "kubernetes-serve", "github", "compose"})  # have the fleet's folder alone


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetEntry:
    """A target or rule of a fleet file as it is written: its *name*, the *kind* and *subject*, and its *lock*."""

    name: str
    kind: str
    subject: str
    lock: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestSettings:
    """What the files say: the *fleet* file and the program *lockml* by their absolute paths, *every* of `INTERVALS`.

    *given* is the fleet file as the user named it, *variables* are those that it names. *image* is a container image
    that has lockml with its extras, *installed* the shell word that pip installs it by, which may
    name the variable LOCKML. *serve* asks for a service that schedules by itself in place of runs *every* so often.
    *engine* is DOCKER_HOST, "" for the usual one, *entries* are what the fleet file names. Its store is *embedded*
    where it is a file. *monitoring* are the files for Prometheus and Grafana, by name.
    """

    fleet: str
    given: str
    variables: tuple[str, ...]
    lockml: str
    every: str
    image: str
    installed: str
    serve: bool = False
    engine: str = ""
    entries: tuple[FleetEntry, ...] = ()
    embedded: bool = False
    monitoring: Mapping[str, str] = field(default_factory=dict)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The variables that whoever installs the files fills in."""
        return (*([TOKEN] if self.serve else []), *self.variables)

    @property
    def cron(self) -> str:
        """The same as a cron expression."""
        minutes = int(INTERVALS[self.every].total_seconds()) // 60
        if minutes < 60:
            return f"*/{minutes} * * * *"
        hours = minutes // 60
        return {1: "0 * * * *", 24: "0 0 * * *"}.get(hours, f"0 */{hours} * * *")

    @property
    def calendar(self) -> str:
        """The same as systemd.time(7) has calendar events."""
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
        """The fleet file without its folder."""
        return self.fleet.rpartition("/")[2]


def socket_of(engine: str) -> str | None:
    """Return the socket that DOCKER_HOST *engine* means, None for an engine that is reached by the network."""
    if not engine:
        return ENGINE_SOCKET
    return engine.removeprefix("unix://") if engine.startswith("unix:///") else None


def missing_there(system: str, entries: Sequence[FleetEntry]) -> Iterator[str]:
    """Yield what of a fleet does not exist where *system* runs its audits, a sentence each."""
    place = {"github": "a GitHub runner", "compose": "the container"}.get(system, "a pod")
    for entry in entries:
        if entry.kind in _ELSEWHERE.get(system, ()):
            yield f"target {entry.name!r}: {entry.kind}:{entry.subject} does not exist in {place}"
        elif entry.kind in _FILES and system in _BESIDE and _outside(entry.subject):
            yield f"target {entry.name!r}: {entry.subject} is outside the fleet file's folder, which {place} has alone"
        if system in _BESIDE and _outside(entry.lock):
            yield f"target {entry.name!r}: its lock {entry.lock} is outside the fleet file's folder"
        elif system.startswith("kubernetes") and len(PurePosixPath(entry.lock).parts) > 1:
            yield f"target {entry.name!r}: its lock {entry.lock} is in a folder, which a ConfigMap cannot have"


def _outside(name: str) -> bool:
    """Say whether a path of a fleet file leads out of its folder."""
    path = PurePosixPath(name)
    depth = 0
    for part in path.parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return path.is_absolute()


def environment_file(names: Sequence[str], engine: str) -> str:
    """Return a file of variables for systemd, sh and Compose: secrets to fill in, and where the engine is."""
    lines = ["# Secrets: readable by its owner alone (chmod 600), and in no repository. A value with spaces needs '…'."]
    lines += [f"{name}=" for name in names]
    lines.append(f"DOCKER_HOST={quote(engine)}" if engine else f"# DOCKER_HOST=unix://{ENGINE_SOCKET}")
    return "\n".join(lines) + "\n"


def readme(title: str, steps: Sequence[str], missing: Sequence[str], files: Sequence[str]) -> str:
    """Return a README: *steps* are commands, or sentences that begin with ``# ``."""
    lines = [f"# lockml audit: {title}", "", "Files: " + ", ".join(f"`{name}`" for name in files) + ".", ""]
    if missing:
        lines += ["## Does not exist there", "", *(f"- {each}" for each in missing), ""]
    lines += ["## Steps", ""]
    for number, step in enumerate(steps, 1):
        text = step.removeprefix("# ") if step.startswith("# ") else None
        lines.append(f"{number}. {text}" if text is not None else f"{number}. Run:\n\n       {step}\n")
    return "\n".join(lines).rstrip() + "\n"


def _systemd_steps(settings: ManifestSettings) -> list[str]:
    unit = "lockml-audit.service" if settings.serve else "lockml-audit.timer"
    units = unit if settings.serve else f"lockml-audit.service {unit}"
    return [
        *_install_variables(settings),
        f"sudo install -m 644 -t /etc/systemd/system {units}",
        "sudo systemctl daemon-reload",
        f"sudo systemctl enable --now {unit}",
        "systemctl list-timers lockml-audit.timer" if not settings.serve else "systemctl status lockml-audit.service",
        "journalctl -u lockml-audit.service",
    ]


def _install_variables(settings: ManifestSettings) -> list[str]:
    fill = f"# Fill in {', '.join(settings.secrets)} in {VARIABLES}." if settings.secrets else ""
    return [*([fill] if fill else []), f"sudo install -D -m 600 {VARIABLES} {INSTALLED}"]


def _cron_steps(settings: ManifestSettings) -> list[str]:
    return [
        *_install_variables(settings),
        "sudo install -m 644 lockml-audit /etc/cron.d/lockml-audit",
        "# cron mails what could not be done, and no drift: that is told by the fleet file's `[[audit.notify]]`.",
    ]


def _kubernetes_steps(settings: ManifestSettings) -> list[str]:
    socket = socket_of(settings.engine)
    return [
        f"docker build -f {CONTAINERFILE} -t {quote(settings.image)} .  # in a checkout of lockml; then push it",
        f"kubectl create configmap lockml-fleet {' '.join(f'--from-file={quote(each)}' for each in _given(settings))}",
        "# A folder of locks is a ConfigMap's keys, without subfolders; one file is 1 MiB at most.",
        *([f"# Fill in {', '.join(settings.secrets)} in secret.yaml."] if settings.secrets else []),
        "# The fleet's folder is read-only there: its store must be PostgreSQL.",
        *(_node_steps(socket) if settings.serve else []),
        "kubectl apply -f .",
        *(["kubectl port-forward service/lockml-audit 8765:80"] if settings.serve else []),
    ]


def _given(settings: ManifestSettings) -> list[str]:
    """Return the fleet file and its locks as the user finds them."""
    folder = PurePosixPath(settings.given).parent
    locks = dict.fromkeys(entry.lock for entry in settings.entries) or {"pylock.toml": None}
    return [settings.given, *(str(folder / lock) for lock in locks)]


def _node_steps(socket: str | None) -> list[str]:
    if socket is None:
        return ["# The workers ask the engine at DOCKER_HOST: each host of the fleet file is the name of a node."]
    return [
        f"# Workers need an engine with Docker's API at {socket}: a node with containerd or CRI-O alone has none.",
        "kubectl label node NODE lockml/engine=docker  # each node that has it; only there are workers",
        "# The fleet's `hosts` are the names of these nodes; its broker must be reachable from them.",
    ]


def _github_steps(settings: ManifestSettings) -> list[str]:
    secrets = [f"gh secret set {name}" for name in settings.variables]
    variable = ["gh variable set LOCKML --body git+https://HOST/OWNER/lockml@COMMIT"]
    return [
        *secrets,
        *(variable if "$" in settings.installed else []),
        "git add .github/workflows/lockml-audit.yml && git commit -m 'Audit the fleet' && git push",
        "gh workflow run lockml-audit.yml",
    ]


def _compose_steps(settings: ManifestSettings) -> list[str]:
    names = ", ".join(settings.variables)
    return [
        f"# Fill in LOCKML_TOKEN (`openssl rand -hex 32`) and LOCKML_HOST, the name of this machine, in {VARIABLES}"
        + (f", and {names}." if names else "."),
        f"chmod 600 {VARIABLES}",
        "LOCKML_SOURCE=CHECKOUT docker compose build  # CHECKOUT is the folder of lockml's repository",
        "docker compose up -d",
        "docker compose logs -f",
    ]


def _monitoring_steps(_: ManifestSettings) -> list[str]:
    return [
        "# Have Prometheus scrape `/metrics` of `lockml audit serve`, with its token as the bearer token.",
        "promtool check rules alerts.yaml",
        "# Name alerts.yaml in `rule_files` of prometheus.yml.",
        "# Import dashboard.json in Grafana: Dashboards, New, Import.",
    ]


STEPS: Final[Mapping[str, Callable[[ManifestSettings], list[str]]]] = {
    "systemd": _systemd_steps,
    "cron": _cron_steps,
    "kubernetes": _kubernetes_steps,
    "github": _github_steps,
    "compose": _compose_steps,
    "monitoring": _monitoring_steps,
}
"""What is to be done with the files of each system, by name."""
