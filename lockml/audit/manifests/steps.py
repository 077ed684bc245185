"""The steps that install the files of a manifest, and the file of variables that a person fills in."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from shlex import quote
from typing import Final

from lockml.audit.manifests.settings import (
    CONTAINERFILE,
    ENGINE_SOCKET,
    INSTALLED,
    VARIABLES,
    ManifestSettings,
    socket_of,
)

__all__ = ["STEPS", "environment_file", "format_steps"]


def environment_file(names: Sequence[str], engine: str) -> str:
    """Return a file of variables for systemd, sh and Compose: secrets to fill in, and the address of the engine."""
    lines = [
        "# Secrets: keep this file out of repositories. Write each value between its quotes; no value may have a '."
    ]
    lines += [f"{name}=''" for name in names]
    lines.append(f"DOCKER_HOST={quote(engine)}" if engine else f"# DOCKER_HOST=unix://{ENGINE_SOCKET}")
    return "\n".join(lines) + "\n"


def format_steps(title: str, steps: Sequence[str], missing: Sequence[str], files: Sequence[str]) -> str:
    """Return the text of the steps in Markdown: a step is a command, or a sentence that begins with ``# ``."""
    lines = [f"# lockml audit: {title}", "", "Files: " + ", ".join(f"`{name}`" for name in files) + ".", ""]
    if missing:
        lines += ["## Not available there", "", *(f"- {each}" for each in missing), ""]
    lines += ["## Steps", "", "Run every command in the folder of this file.", ""]
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
        "# cron mails errors only. To hear of drift, add `[[audit.notify]]` to the fleet file.",
    ]


def _kubernetes_steps(settings: ManifestSettings) -> list[str]:
    socket = socket_of(settings.engine)
    applied = ["daemonset.yaml", "deployment.yaml", "service.yaml"] if settings.serve else ["cronjob.yaml"]
    applied += ["secret.yaml"] if settings.secrets else []
    sources = " ".join(f"--from-file={quote(each)}" for each in _config_map(settings))
    return [
        "# Set CHECKOUT to the folder of lockml's repository.",
        f'docker build -f "$CHECKOUT/{CONTAINERFILE}" -t {quote(settings.image)} "$CHECKOUT"',
        "# Push the image to a registry that the cluster reads.",
        f"kubectl create configmap lockml-fleet {sources}",
        "# The locks are keys of that ConfigMap: it has no subfolders, and at most 1 MiB.",
        *([f"# Fill in {', '.join(settings.secrets)} in secret.yaml."] if settings.secrets else []),
        "# The store must be PostgreSQL: pods cannot write to the folder of the fleet file.",
        *(_node_steps(socket) if settings.serve else []),
        f"kubectl apply {' '.join(f'-f {name}' for name in applied)}",
        *(["kubectl port-forward service/lockml-audit 8765:80"] if settings.serve else []),
    ]


def _config_map(settings: ManifestSettings) -> list[str]:
    """Return the fleet file and its locks as seen from the folder of the files."""
    folder = PurePosixPath(settings.given).parent
    locks = dict.fromkeys(entry.lock for entry in settings.facts.entries if entry.lock)
    return [settings.given, *(str(folder / lock) for lock in locks or ["pylock.toml"])]


def _node_steps(socket: str | None) -> list[str]:
    if socket is None:
        return ["# The workers ask the engine at DOCKER_HOST: name each node in `hosts` of the fleet file."]
    return [
        f"# Workers need an engine with Docker's API at {socket}: a node with only containerd or CRI-O has none.",
        "kubectl label node NODE lockml/engine=docker  # each node that has one: workers run only there",
        "# Name these nodes in `hosts` of the fleet file. They must reach its broker.",
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
        f"# Fill in LOCKML_TOKEN (`openssl rand -hex 32`) in {VARIABLES}" + (f", and {names}." if names else "."),
        "# Set LOCKML_SOURCE to the folder of lockml's repository.",
        "docker compose build",
        "docker compose up -d",
        "docker compose logs -f",
    ]


def _monitoring_steps(_: ManifestSettings) -> list[str]:
    return [
        "# Let Prometheus scrape `/metrics` of `lockml audit serve`, with its token as the bearer token.",
        "promtool check rules alerts.yaml",
        "# Name alerts.yaml in `rule_files` of prometheus.yml.",
        "# Import dashboard.json into Grafana: Dashboards, New, Import.",
    ]


STEPS: Final[Mapping[str, Callable[[ManifestSettings], list[str]]]] = {
    "systemd": _systemd_steps,
    "cron": _cron_steps,
    "kubernetes": _kubernetes_steps,
    "github": _github_steps,
    "compose": _compose_steps,
    "monitoring": _monitoring_steps,
}
"""The steps of each system by its name."""
