"""The tables of ``[audit]`` as a fleet file has them: msgspec checks them, and makes a JSON Schema of them."""

from typing import Annotated, Any, Final

from msgspec import Meta, Struct, field

from lockml.audit.config.model import Actions, Event, Judgement
from lockml.audit.model import Severity
from lockml.drift.model import Level

__all__ = ["AuditTable", "DiscoveryTable", "NotifyTable", "RootTable", "SettingsTable", "TargetTable"]

_DURATION: Final = r"^\d{1,7} ?(s|m|h|d|w|seconds?|minutes?|hours?|days?|weeks?)$"

Text = Annotated[str, Meta(min_length=1)]
Duration = Annotated[str, Meta(pattern=_DURATION, examples=["30s", "5m", "6h", "90d"])]
Labels = Annotated[dict[str, str], Meta(description="words of your own, to choose targets by")]
Rule = Annotated[
    dict[str, Any],
    Meta(
        description="what may differ: kind, name, path (globs), sha256 of what is found, a reason, and until which day"
    ),
]


class SettingsTable(Struct, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """How something is audited: what [audit.defaults] says holds wherever a target says nothing."""

    level: Annotated[Level | None, Meta(description="what is proven; artifacts, of other tools' locks names")] = None
    extras: Annotated[list[Text], Meta(description="the extras that are meant of another tool's lock")] = []
    groups: Annotated[list[Text], Meta(description="its groups that are meant beside its tool's defaults")] = []
    without_groups: Annotated[list[Text], Meta(description="its groups that are not meant")] = []
    cron: Annotated[str | None, Meta(description="when: minute, hour, day, month, weekday")] = None
    timezone: Annotated[str | None, Meta(description="whose clock cron is on, such as Europe/Berlin")] = None
    every: Annotated[Duration | None, Meta(description="how often, in place of cron; the default is 6h")] = None
    jitter: Annotated[Duration | None, Meta(description="over how long starts are spread")] = None
    timeout: Annotated[Duration | None, Meta(description="after which a run is given up; the default is 10m")] = None
    environment: Annotated[Text | None, Meta(description="the prefix of the Python environment")] = None
    labels: Labels = {}
    severity: Annotated[
        dict[str, Judgement], Meta(description="how a kind of finding counts: error, warning, note or ignore")
    ] = {}
    ignore: Annotated[list[Rule], Meta(description="what may differ")] = []
    base_image: Annotated[
        Text | None, Meta(description="where today's base image is: registry:REF, image:REF, archive:FILE or oci:DIR")
    ] = None
    driver: Annotated[
        Text | None, Meta(description="the NVIDIA driver of its hosts, such as 550.54.14; none where they have no GPU")
    ] = None
    gpu: Annotated[Text | None, Meta(description="the GPU of its hosts: 8.9, or a model")] = None
    hosts: Annotated[list[Text], Meta(description="the machines that it is on, where several share a fleet file")] = []


class TargetTable(SettingsTable, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """[[audit.targets]]: one subject and the lock that it must be."""

    name: Annotated[str, Meta(min_length=1, max_length=200, description="what it is called")]
    lock: Annotated[Text, Meta(description="the file of the lock, seen from this file")]
    container: Text | None = None
    image: Text | None = None
    registry: Text | None = None
    archive: Text | None = None
    oci: Text | None = None
    compose: Annotated[Text | None, Meta(description="FILE[:SERVICE]")] = None
    project: Annotated[Text | None, Meta(description="the project of compose")] = None
    path: Text | None = None
    freeze: Text | None = None
    pid: int | None = None


class DiscoveryTable(SettingsTable, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """[[audit.discover]]: which containers of this machine's engine are targets of their own."""

    name: Annotated[str, Meta(min_length=1, max_length=100, description="what the rule is called")]
    label: Annotated[Text | None, Meta(description="KEY or KEY=VALUE")] = None
    compose: Annotated[Text | None, Meta(description="a compose project")] = None
    image: Annotated[Text | None, Meta(description="a glob of image references")] = None
    lock: Annotated[Text | None, Meta(description="the lock of all that it finds")] = None
    lock_label: Annotated[Text | None, Meta(description="the label of a container that names its lock")] = None


class NotifyTable(Struct, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """[[audit.notify]]: who is told when something changes."""

    name: Text
    urls: Annotated[list[Text], Meta(description="addresses as Apprise has them; $NAME is a variable's value")]
    severity: Annotated[Severity, Meta(description="what is at least told of")] = "error"
    on: Annotated[list[Event], Meta(description="the changes that are told")] = field(
        default_factory=lambda: ["opened", "resolved", "unreachable", "reachable", "worker"]
    )
    targets: Annotated[str, Meta(description="a glob of target names")] = "*"
    labels: Labels = {}
    quiet: Annotated[str | None, Meta(description="hours to be quiet in: 22:00-07:00")] = None
    timezone: Annotated[str, Meta(description="whose clock quiet is on")] = "UTC"
    repeat: Annotated[Duration, Meta(description="how long the same text is not sent again")] = "1h"


class IndexTable(Struct, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """[audit.index]: what the package index is asked of each lock."""

    ask: Annotated[bool, Meta(description="whether it is asked at all")] = True
    every: Annotated[Duration, Meta(description="how often")] = "6h"


class AuditTable(Struct, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """[audit]: the fleet."""

    store: Annotated[
        str, Meta(description="where runs are kept: a SQLAlchemy URL of SQLite or PostgreSQL; $NAME is a variable")
    ] = "sqlite:///lockml-audit.db"
    retention: Annotated[str, Meta(description="how long runs are kept: 90d, or forever")] = "90d"
    processes: Annotated[Annotated[int, Meta(ge=1, le=256)] | None, Meta(description="how many checks run at once")] = (
        None
    )
    broker: Annotated[str | None, Meta(description="Celery's, for audit worker and audit beat: redis://…")] = None
    actions: Annotated[
        Actions, Meta(description="who may acknowledge and ask for runs on the pages: who logs in, anyone or nobody")
    ] = "login"
    base_url: Annotated[
        Text | None, Meta(description="where the pages are, https://lockml.example: messages link to them")
    ] = None
    defaults: SettingsTable = field(default_factory=SettingsTable)
    index: IndexTable = field(default_factory=IndexTable)
    ignore: Annotated[list[Rule], Meta(description="what may differ in the targets that fit its targets")] = []
    targets: list[TargetTable] = []
    discover: list[DiscoveryTable] = []
    notify: list[NotifyTable] = []


class RootTable(Struct, rename="kebab", kw_only=True):
    """lockml.toml: the fleet beside the options of the other commands."""

    audit: AuditTable
    ignore: Annotated[list[Rule], Meta(description="what may differ, here and in check; targets is a glob")] = []
