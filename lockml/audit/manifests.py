"""How often and with which fleet file in; what schedules audits elsewhere, as files of that system, out.

systemd.timer(5), crontab(5), Kubernetes batch/v1 and apps/v1, GitHub's workflow syntax, the Compose specification.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from shlex import quote
from typing import Any, Final

import yaml

__all__ = ["INTERVALS", "MANIFESTS", "ManifestSettings"]

INTERVALS: Final[Mapping[str, timedelta]] = {
    **{f"{minutes}m": timedelta(minutes=minutes) for minutes in (5, 10, 15, 20, 30)},
    **{f"{hours}h": timedelta(hours=hours) for hours in (1, 2, 3, 4, 6, 8, 12)},
    "1d": timedelta(days=1),
}
"""How often audits can be scheduled elsewhere: what divides an hour or a day."""

_WORK: Final = "/var/lib/lockml"
_SOCKET: Final = "/var/run/docker.sock"


_COMMON: Final = """\
WorkingDirectory={path}
Nice=10
IOSchedulingClass=idle
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={word}
StateDirectory=lockml
CacheDirectory=lockml
Environment=LOCKML_STATE_DIR=/var/lib/lockml LOCKML_CACHE_DIR=/var/cache/lockml
"""
_ONCE: Final = """\
[Unit]
Description=Look once at every target of the lockml fleet
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
ExecStart={run}
SuccessExitStatus=1
{common}"""
_TIMER: Final = """\
[Unit]
Description=Look at the lockml fleet every {every}

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestSettings:
    """What the files say: the *fleet* file and the program *lockml* by their absolute paths, *every* of `INTERVALS`.

    *given* is the fleet file as the user named it, *variables* are those that it names. *image* is a container image
    that has lockml with its extras, *installed* the shell word that pip installs it by, which may
    name the variable LOCKML.
    """

    fleet: str
    given: str
    variables: tuple[str, ...]
    lockml: str
    every: str
    image: str
    installed: str

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


def _systemd(settings: ManifestSettings) -> dict[str, str]:
    """Return a timer that runs one pass, and a service that schedules by itself; enable one of them."""
    common = _COMMON.format(path=_unit_path(settings.folder), word=_unit_word(settings.folder))
    run, serve = (
        " ".join(map(_unit_word, (settings.lockml, "audit", command, "--fleet", settings.fleet)))
        for command in ("run", "serve")
    )
    return {
        "lockml-audit.service": _ONCE.format(run=run, common=common),
        "lockml-audit.timer": _TIMER.format(every=settings.every, calendar=settings.calendar),
        "lockml-audit-serve.service": _SERVE.format(serve=serve, common=common),
    }


def _unit_word(text: str) -> str:
    """Return one word of a unit's line: quoted, and no specifier or variable in it."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{quoted}"' if any(each in text for each in " \"'\\;") else quoted


def _unit_path(text: str) -> str:
    """Return a path that takes the whole line: it is not split, so it is not quoted."""
    return text.replace("%", "%%")


def _cron(settings: ManifestSettings) -> dict[str, str]:
    command = " ".join(map(_cron_word, (settings.lockml, "audit", "run", "--fleet", settings.fleet)))
    return {
        "lockml-audit": (
            "# /etc/cron.d/lockml-audit: cron mails what is on standard error, so only what went wrong\n"
            "SHELL=/bin/sh\n"
            f"{settings.cron} root cd {_cron_word(settings.folder)} && {command} >/dev/null\n"
        )
    }


def _cron_word(text: str) -> str:
    """Return a word for the shell in a crontab, where a bare % means the end of the command, crontab(5)."""
    return quote(text).replace("%", "\\%")


def _kubernetes(settings: ManifestSettings) -> dict[str, str]:
    """Return a CronJob that looks at registries, or workers for each node's containers with what gives them work."""
    files = {
        "cronjob.yaml": ("For images in registries: nothing else is needed.", _cron_job),
        "daemonset.yaml": ("For each node's containers, with deployment.yaml and a broker.", _daemon_set),
        "deployment.yaml": ("What puts work on the workers' queues, and the pages.", _deployment),
    }
    return {name: _notes(settings, text) + _yaml(make(settings)) for name, (text, make) in files.items()}


def _notes(settings: ManifestSettings, text: str) -> str:
    """Return the comment that says what must be there."""
    literals = "".join(f" --from-literal={name}=…" for name in ("LOCKML_TOKEN", *settings.variables))
    return (
        f"# {text}\n"
        f"# kubectl create configmap lockml-fleet --from-file={settings.given} --from-file=…   (the locks beside it)\n"
        f"# kubectl create secret generic lockml-audit{literals}\n"
        "# The fleet's folder is read-only here: its store must be PostgreSQL. Replace the image by one of your own.\n"
    )


def _container(settings: ManifestSettings, name: str, command: str, *arguments: str, **more: Any) -> dict[str, Any]:
    """Return a container that runs ``lockml audit`` *command*."""
    return {
        "name": name,
        "image": settings.image,
        "args": ["audit", command, "--fleet", f"/fleet/{settings.file}", *arguments],
        "envFrom": [{"secretRef": {"name": "lockml-audit", "optional": True}}],
        "env": [{"name": "LOCKML_CACHE_DIR", "value": f"{_WORK}/cache"}, {"name": "LOCKML_STATE_DIR", "value": _WORK}],
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
    """Return a set of pods that run for ever."""
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
    pages = _container(
        settings,
        "pages",
        "serve",
        *everywhere,
        ports=[{"name": "http", "containerPort": 8765}],
        readinessProbe={"httpGet": {"path": "/healthz", "port": "http"}},
    )
    pod = _pod(_container(settings, "beat", "beat"), pages)
    return _running("Deployment", "lockml-audit", "beat", pod, replicas=1)


def _daemon_set(settings: ManifestSettings) -> dict[str, Any]:
    capabilities = {"drop": ["ALL"], "add": ["SYS_PTRACE", "DAC_READ_SEARCH"]}
    worker = _container(settings, "worker", "worker", securityContext={"runAsUser": 0, "capabilities": capabilities})
    worker["env"].append({"name": "LOCKML_HOST", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}})
    worker["volumeMounts"].append({"name": "engine", "mountPath": _SOCKET})
    pod = _pod(worker, hostPID=True)
    pod["volumes"].append({"name": "engine", "hostPath": {"path": _SOCKET, "type": "Socket"}})
    return _running("DaemonSet", "lockml-audit-worker", "worker", pod)


def _github(settings: ManifestSettings) -> dict[str, str]:
    """Return a workflow that looks at images in registries, and keeps its store from one run to the next."""
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
        {"uses": "actions/cache/save@v4", "if": "always()", "with": cache},  # drift fails the job, and is remembered
    ]
    workflow = {
        "name": "lockml audit",
        "on": {"schedule": [{"cron": settings.cron}], "workflow_dispatch": {}},
        "permissions": {"contents": "read"},
        "concurrency": {"group": "lockml-audit"},
        "jobs": {"audit": {"runs-on": "ubuntu-latest", "timeout-minutes": 30, "steps": steps}},
    }
    return {".github/workflows/lockml-audit.yml": _yaml(workflow)}


def _compose(settings: ManifestSettings) -> dict[str, str]:
    """Return a service that audits the containers of its host, and serves the pages to that host alone."""
    service = {
        "image": settings.image,
        "command": ["audit", "serve", "--fleet", f"/fleet/{settings.file.replace('$', '$$')}", "--bind", "0.0.0.0"],  # noqa: S104 - in it
        "restart": "unless-stopped",
        "pid": "host",
        "user": "0:0",
        "cap_drop": ["ALL"],
        "cap_add": ["SYS_PTRACE", "DAC_READ_SEARCH"],
        "security_opt": ["apparmor:unconfined"],
        "ports": ["127.0.0.1:8765:8765"],
        "environment": {
            "LOCKML_TOKEN": "${LOCKML_TOKEN:?a token of 16 characters or more}",
            "LOCKML_HOST": "${LOCKML_HOST:?the name of this machine}",
            **{name: f"${{{name}:?the fleet file names it}}" for name in settings.variables},
            "LOCKML_CACHE_DIR": "/var/lib/lockml/cache",
            "LOCKML_STATE_DIR": "/var/lib/lockml",
        },
        "volumes": [f"{settings.folder.replace('$', '$$')}:/fleet", f"{_SOCKET}:{_SOCKET}:ro", "work:/var/lib/lockml"],
    }
    return {"compose.yaml": _yaml({"services": {"lockml-audit": service}, "volumes": {"work": {}}})}


def _yaml(document: Mapping[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Plain, sort_keys=False, allow_unicode=False, width=120)


class _Plain(yaml.SafeDumper):
    """Writes what stands in several places several times: readers of these files know no anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


MANIFESTS: Final[Mapping[str, Callable[[ManifestSettings], dict[str, str]]]] = {
    "systemd": _systemd,
    "cron": _cron,
    "kubernetes": _kubernetes,
    "github": _github,
    "compose": _compose,
}
"""What makes the files of each system, by name."""
