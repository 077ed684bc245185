"""The files of each system that run audits there.

systemd.timer(5), crontab(5), Kubernetes batch/v1 and apps/v1, GitHub's workflow syntax, the Compose specification.
"""

import posixpath
from collections.abc import Callable, Mapping
from shlex import quote
from typing import Any, Final

import yaml

from lockml.audit.manifests.fleet_facts import missing_there
from lockml.audit.manifests.settings import (
    CONTAINERFILE,
    INSTALLED,
    STEPS_FILE,
    TOKEN,
    VARIABLES,
    ManifestSettings,
    socket_of,
)
from lockml.audit.manifests.steps import STEPS, environment_file, format_steps

__all__ = ["MANIFESTS", "SERVED", "manifest_files"]

SERVED: Final = frozenset({"systemd", "kubernetes", "compose"})
"""The systems that can run a service with its own schedules; Compose always does."""

_WORK: Final = "/var/lib/lockml"


_COMMON: Final = """\
WorkingDirectory={path}
Nice=10
IOSchedulingClass=idle
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={words}
StateDirectory=lockml
CacheDirectory=lockml
Environment=LOCKML_STATE_DIR=/var/lib/lockml LOCKML_CACHE_DIR=/var/cache/lockml TMPDIR=/var/lib/lockml
EnvironmentFile=-{variables}
"""
_ONCE: Final = """\
[Unit]
Description=Check every target of the lockml fleet once
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
ExecStart={run}
SuccessExitStatus=1
{common}"""
_TIMER: Final = """\
[Unit]
Description=Check the lockml fleet every {every}

[Timer]
OnCalendar={calendar}
RandomizedDelaySec=60
Persistent=true

[Install]
WantedBy=timers.target
"""
_SERVE: Final = """\
[Unit]
Description=Audit the lockml fleet on its own schedules, and serve its pages
After=network-online.target
Wants=network-online.target

[Service]
ExecStart={serve}
Restart=always
RestartSec=5
KillMode=mixed
{common}
[Install]
WantedBy=multi-user.target
"""
_RESTRICTED: Final = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
_LABELS: Final = {"app.kubernetes.io/name": "lockml-audit"}


def _systemd(settings: ManifestSettings) -> dict[str, str]:
    """Return a timer that runs one pass, or a service with its own schedules."""
    common = _COMMON.format(
        path=_unit_path(settings.folder),
        words=" ".join(_unit_word(folder).replace("$$", "$") for folder in _written_folders(settings)),
        variables=_unit_path(INSTALLED),
    )
    run, serve = (
        " ".join(map(_unit_word, (settings.lockml, "audit", command, "--fleet", settings.fleet)))
        for command in ("run", "serve")
    )
    variables = {VARIABLES: environment_file(settings.secrets, settings.engine)}
    if settings.serve:
        return {"lockml-audit.service": _SERVE.format(serve=serve, common=common), **variables}
    return {
        "lockml-audit.service": _ONCE.format(run=run, common=common),
        "lockml-audit.timer": _TIMER.format(every=settings.every, calendar=settings.calendar),
        **variables,
    }


def _written_folders(settings: ManifestSettings) -> list[str]:
    """Return the folders that an audit writes to: that of the fleet file, and that of its store if it is elsewhere."""
    store = settings.facts.store
    if store is None or "$" in store:
        return [settings.folder]
    folder = posixpath.dirname(posixpath.normpath(posixpath.join(settings.folder, store)))
    inside = posixpath.commonpath((folder, settings.folder)) == posixpath.normpath(settings.folder)
    return [settings.folder, *([] if inside else [folder])]


def _unit_word(text: str) -> str:
    """Return *text* as one word of a unit: quoted, without specifiers or variables."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{quoted}"' if any(each in text for each in " \t\"'\\;") else quoted


def _unit_path(text: str) -> str:
    """Return a path for a line of its own, which systemd does not split, so that it needs no quotes."""
    return text.replace("%", "%%")


def _cron(settings: ManifestSettings) -> dict[str, str]:
    command = " ".join(map(_cron_word, (settings.lockml, "audit", "run", "--fleet", settings.fleet)))
    variables = f"if [ -r {INSTALLED} ]; then set -a; . {INSTALLED}; fi"
    return {
        "lockml-audit": (
            "# /etc/cron.d/lockml-audit: cron mails standard error, so it mails errors only\n"
            "SHELL=/bin/sh\n"
            f"{settings.cron} root {variables}; cd {_cron_word(settings.folder)} && {command} >/dev/null\n"
        ),
        VARIABLES: environment_file(settings.secrets, settings.engine),
    }


def _cron_word(text: str) -> str:
    """Return *text* as a word of the shell in a crontab, where a bare % ends the command, crontab(5)."""
    return quote(text).replace("%", "\\%")


def _kubernetes(settings: ManifestSettings) -> dict[str, str]:
    """Return a CronJob that checks images in registries, or the workers, scheduler and pages of a cluster."""
    notes = f"# {CONTAINERFILE} in lockml's repository builds {settings.image}; {STEPS_FILE} has the steps.\n"
    files = {"cronjob.yaml": _cron_job(settings)}
    if settings.serve:
        files = {
            "daemonset.yaml": _daemon_set(settings),
            "deployment.yaml": _deployment(settings),
            "service.yaml": _service(),
        }
    if settings.secrets:
        files["secret.yaml"] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "lockml-audit", "labels": _LABELS},
            "stringData": dict.fromkeys(settings.secrets, ""),
        }
    return {name: notes + _yaml(document) for name, document in files.items()}


def _container(settings: ManifestSettings, name: str, command: str, *arguments: str, **more: Any) -> dict[str, Any]:
    """Return a container that runs ``lockml audit`` *command*."""
    return {
        "name": name,
        "image": settings.image,
        "args": ["audit", command, "--fleet", _literal(f"/fleet/{settings.file}"), *arguments],
        "envFrom": [{"secretRef": {"name": "lockml-audit", "optional": not settings.secrets}}],
        "env": [
            {"name": "LOCKML_CACHE_DIR", "value": f"{_WORK}/cache"},
            {"name": "LOCKML_STATE_DIR", "value": _WORK},
            {"name": "TMPDIR", "value": _WORK},  # the root file system is read-only
        ],
        "securityContext": _RESTRICTED,
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "volumeMounts": [{"name": "fleet", "mountPath": "/fleet"}, {"name": "work", "mountPath": _WORK}],
        **more,
    }


def _pod(*containers: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    volumes = [{"name": "fleet", "configMap": {"name": "lockml-fleet"}}, {"name": "work", "emptyDir": {}}]
    return {"automountServiceAccountToken": False, "containers": list(containers), "volumes": volumes, **more}


def _cron_job(settings: ManifestSettings) -> dict[str, Any]:
    pod = _pod(_container(settings, "audit", "run"), restartPolicy="Never")
    template = {"backoffLimit": 0, "template": {"metadata": {"labels": _LABELS}, "spec": pod}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "lockml-audit", "labels": _LABELS},
        "spec": {
            "schedule": settings.cron,
            "concurrencyPolicy": "Forbid",
            "jobTemplate": {"spec": template},
        },
    }


def _running(kind: str, name: str, component: str, pod: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return a set of pods that run until they are removed."""
    labels = {**_LABELS, "app.kubernetes.io/component": component}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": labels},
        "spec": {**more, "selector": {"matchLabels": labels}, "template": template},
    }


def _deployment(settings: ManifestSettings) -> dict[str, Any]:
    everywhere = ("--no-schedule", "--bind", "0.0.0.0")  # noqa: S104 - in its pod, and only with a token
    health = {"httpGet": {"path": "/healthz", "port": "http"}, "timeoutSeconds": 5}
    pages = _container(
        settings,
        "pages",
        "serve",
        *everywhere,
        ports=[{"name": "http", "containerPort": 8765}],
        readinessProbe=health,
        livenessProbe={"tcpSocket": {"port": "http"}, "periodSeconds": 20, "failureThreshold": 6},
    )
    beat = _container(settings, "beat", "beat")
    for container in (beat, pages):  # a new pod takes the place of the last one in the list of workers
        container["env"].append({"name": "LOCKML_HOST", "value": "lockml-audit"})
    pod = _pod(beat, pages)
    return _running("Deployment", "lockml-audit", "beat", pod, replicas=1)


def _service() -> dict[str, Any]:
    """Return the Service of the pages; add an Ingress with TLS of your own."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "lockml-audit", "labels": _LABELS},
        "spec": {
            "selector": {**_LABELS, "app.kubernetes.io/component": "beat"},
            "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
        },
    }


def _daemon_set(settings: ManifestSettings) -> dict[str, Any]:
    capabilities = {"drop": ["ALL"], "add": ["SYS_PTRACE", "DAC_READ_SEARCH"]}
    worker = _container(settings, "worker", "worker", securityContext={"runAsUser": 0, "capabilities": capabilities})
    worker["env"].append({"name": "LOCKML_HOST", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}})
    pod = _pod(worker, hostPID=True)
    socket = socket_of(settings.engine)
    worker["env"].append({"name": "DOCKER_HOST", "value": _literal(f"unix://{socket}" if socket else settings.engine)})
    if socket is not None:
        worker["volumeMounts"].append({"name": "engine", "mountPath": socket})
        pod["volumes"].append({"name": "engine", "hostPath": {"path": socket, "type": "Socket"}})
        pod["nodeSelector"] = {"lockml/engine": "docker"}
    return _running("DaemonSet", "lockml-audit-worker", "worker", pod)


def _github(settings: ManifestSettings) -> dict[str, str]:
    """Return a workflow that checks images in registries and keeps its store from one run to the next."""
    cache = {"path": "lockml-audit.db", "key": "lockml-audit-${{ github.run_id }}-${{ github.run_attempt }}"}
    run = f"lockml audit run --fleet {quote(settings.given)} --store sqlite:///lockml-audit.db"
    secrets = {name: f"${{{{ secrets.{name} }}}}" for name in settings.variables}
    variable = {"LOCKML": "${{ vars.LOCKML }}"}
    steps: list[dict[str, Any]] = [
        {"uses": "actions/checkout@v4"},
        {"uses": "actions/setup-python@v5", "with": {"python-version": "3.12"}},
        {"run": f"pip install {settings.installed}", **({"env": variable} if "$" in settings.installed else {})},
        {"uses": "actions/cache/restore@v4", "with": {**cache, "restore-keys": "lockml-audit-"}},
        {"run": run, **({"env": secrets} if secrets else {})},
        {"uses": "actions/cache/save@v4", "if": "always()", "with": cache},  # drift fails the job: save its run as well
    ]
    workflow = {
        "name": "lockml audit",
        "on": {"schedule": [{"cron": settings.cron}], "workflow_dispatch": {}},
        "permissions": {"contents": "read"},
        "concurrency": {"group": "lockml-audit"},
        "jobs": {"audit": {"runs-on": "ubuntu-latest", "timeout-minutes": 30, "steps": steps}},
    }
    notes = (
        f"# For an image instead of pip, build {CONTAINERFILE} of lockml's repository and name it as `container:`.\n"
    )
    return {".github/workflows/lockml-audit.yml": notes + _yaml(workflow)}


def _compose(settings: ManifestSettings) -> dict[str, str]:
    """Return a service that audits the containers of its host and serves the pages to that host only."""
    socket = socket_of(settings.engine)
    health = "import urllib.request as u; u.urlopen('http://127.0.0.1:8765/healthz', timeout=5)"
    arguments = ["--fleet", _literal(f"/fleet/{settings.file}"), "--bind", "0.0.0.0"]  # noqa: S104 - in it
    if settings.facts.store is not None:
        arguments += ["--store", f"sqlite:///{_WORK}/lockml-audit.db"]  # another user may own the fleet's folder
    service = {
        "image": settings.image,
        "build": {"context": "${LOCKML_SOURCE:-.}", "dockerfile": CONTAINERFILE},
        "uts": "host",  # the host's own name: that of a container is another after each restart
        "command": ["audit", "serve", *arguments],
        "restart": "unless-stopped",
        "pid": "host",
        "user": "0:0",
        "cap_drop": ["ALL"],
        "cap_add": ["SYS_PTRACE", "DAC_READ_SEARCH"],
        "security_opt": ["apparmor:unconfined"],
        "ports": ["127.0.0.1:8765:8765"],
        "env_file": [VARIABLES],
        "environment": {
            "DOCKER_HOST": _literal(f"unix://{socket}" if socket else settings.engine),
            "LOCKML_CACHE_DIR": "/var/lib/lockml/cache",
            "LOCKML_STATE_DIR": "/var/lib/lockml",
        },
        "healthcheck": {"test": ["CMD", "python3", "-c", health], "interval": "30s", "timeout": "10s"},
        "volumes": [
            _mounted(settings.folder, "/fleet"),
            *([_mounted(socket, socket)] if socket is not None else []),
            "work:/var/lib/lockml",
        ],
    }
    notes = f"# {CONTAINERFILE} in lockml's repository builds the image: LOCKML_SOURCE=CHECKOUT docker compose build\n"
    document = {"services": {"lockml-audit": service}, "volumes": {"work": {}}}
    names = tuple(dict.fromkeys((TOKEN, *settings.variables)))
    variables = environment_file(names, settings.engine)
    return {"compose.yaml": notes + _yaml(document), VARIABLES: variables}


def _literal(text: str) -> str:
    """Return *text* so that Kubernetes and Compose, which replace variables, leave it as it is."""
    return text.replace("$", "$$")


def _mounted(source: str, target: str) -> str | dict[str, Any]:
    """Return a volume of Compose that is read-only, in the long form if a path has a colon."""
    source, target = _literal(source), _literal(target)
    if ":" not in source:
        return f"{source}:{target}:ro"
    return {"type": "bind", "source": source, "target": target, "read_only": True}


def _monitoring(settings: ManifestSettings) -> dict[str, str]:
    """Return alert rules for Prometheus and a dashboard for Grafana."""
    return dict(settings.monitoring)


def _yaml(document: Mapping[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Plain, sort_keys=False, allow_unicode=False, width=120)


class _Plain(yaml.SafeDumper):
    """A dumper without anchors and aliases, which people do not expect in these files."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


MANIFESTS: Final[Mapping[str, Callable[[ManifestSettings], dict[str, str]]]] = {
    "systemd": _systemd,
    "cron": _cron,
    "kubernetes": _kubernetes,
    "github": _github,
    "compose": _compose,
    "monitoring": _monitoring,
}
"""The function that returns the files of each system, by the system's name."""


def manifest_files(system: str, settings: ManifestSettings) -> tuple[dict[str, str], list[str]]:
    """Return the files of *system* with the steps to install them, and what of the fleet does not exist there."""
    made = MANIFESTS[system](settings)
    place = "kubernetes-serve" if settings.serve and system == "kubernetes" else system
    missing = list(missing_there(place, settings.facts)) if system != "monitoring" else []
    text = format_steps(system, STEPS[system](settings), missing, list(made))
    return {**made, STEPS_FILE: text}, missing
