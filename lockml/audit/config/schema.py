"""The tables of ``[audit]`` in a fleet file; msgspec checks them and generates their JSON Schema."""

from typing import Annotated, Any, Final

from msgspec import Meta, Struct, field

from lockml.audit.config.model import Actions, Event, Judgement
from lockml.audit.model import Severity
from lockml.drift.model import Level

__all__ = ["AuditTable", "DiscoveryTable", "NotifyTable", "RootTable", "SettingsTable", "TargetTable"]

_DURATION: Final = r"^\d{1,7} ?(s|m|h|d|w|seconds?|minutes?|hours?|days?|weeks?)$"

Text = Annotated[str, Meta(min_length=1)]
Duration = Annotated[str, Meta(pattern=_DURATION, examples=["30s", "5m", "6h", "90d"])]
Labels = Annotated[dict[str, str], Meta(description="labels of your choice, to select targets by")]
Rule = Annotated[
    dict[str, Any],
    Meta(description="a rule of what may differ: kind, name, path (globs), sha256 of the file, reason, until (a date)"),
]


class SettingsTable(Struct, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """The settings of an audit; [audit.defaults] applies to every target that does not override it."""

    level: Annotated[
        Level | None, Meta(description="what is proven; the default is artifacts, or names for a lock of another tool")
    ] = None
    extras: Annotated[list[Text], Meta(description="the extras to select from another tool's lock")] = []
    groups: Annotated[list[Text], Meta(description="the groups to select beside the defaults of that tool")] = []
    without_groups: Annotated[list[Text], Meta(description="the groups to exclude")] = []
    cron: Annotated[str | None, Meta(description="when to run: minute, hour, day, month, weekday")] = None
    timezone: Annotated[str | None, Meta(description="the time zone of cron, such as Europe/Berlin")] = None
    every: Annotated[Duration | None, Meta(description="the interval, instead of cron; the default is 6h")] = None
    jitter: Annotated[Duration | None, Meta(description="the time over which starts are spread")] = None
    timeout: Annotated[Duration | None, Meta(description="the longest run; the default is 10m")] = None
    environment: Annotated[Text | None, Meta(description="the prefix of the Python environment")] = None
    labels: Labels = {}
    severity: Annotated[
        dict[str, Judgement], Meta(description="the severity of each kind of finding: error, warning, note or ignore")
    ] = {}
    ignore: Annotated[list[Rule], Meta(description="rules of what may differ")] = []
    base_image: Annotated[
        Text | None,
        Meta(description="the place of today's base image: registry:REF, image:REF, archive:FILE or oci:DIR"),
    ] = None
    driver: Annotated[
        Text | None, Meta(description="the NVIDIA driver of the hosts, such as 550.54.14; none if they have no GPU")
    ] = None
    gpu: Annotated[Text | None, Meta(description="the GPU of the hosts: 8.9, or a model")] = None
    hosts: Annotated[list[Text], Meta(description="the machines of the target, if several share a fleet file")] = []


class TargetTable(SettingsTable, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """[[audit.targets]]: a subject and the lock that it must match."""

    name: Annotated[str, Meta(min_length=1, max_length=200, description="the name of the target")]
    lock: Annotated[Text, Meta(description="the file of the lock, relative to this file")]
    container: Text | None = None
    image: Text | None = None
    registry: Text | None = None
    archive: Text | None = None
    oci: Text | None = None
    compose: Annotated[Text | None, Meta(description="FILE[:SERVICE]")] = None
    project: Annotated[Text | None, Meta(description="the Compose project")] = None
    path: Text | None = None
    freeze: Text | None = None
    pid: int | None = None


class DiscoveryTable(SettingsTable, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """[[audit.discover]]: a rule that makes a target of each matching container of a machine's engine."""

    name: Annotated[str, Meta(min_length=1, max_length=100, description="the name of the rule")]
    label: Annotated[Text | None, Meta(description="KEY or KEY=VALUE")] = None
    compose: Annotated[Text | None, Meta(description="a Compose project")] = None
    image: Annotated[Text | None, Meta(description="a glob of image references")] = None
    lock: Annotated[Text | None, Meta(description="the lock of every container that it finds")] = None
    lock_label: Annotated[Text | None, Meta(description="the label of a container that names its lock")] = None


class NotifyTable(Struct, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """[[audit.notify]]: where notifications of changes are sent."""

    name: Text
    urls: Annotated[list[Text], Meta(description="addresses of Apprise; $NAME is the value of a variable")]
    severity: Annotated[Severity, Meta(description="the least severity to notify of")] = "error"
    on: Annotated[list[Event], Meta(description="the events to notify of")] = field(
        default_factory=lambda: ["opened", "resolved", "unreachable", "reachable", "worker"]
    )
    targets: Annotated[str, Meta(description="a glob of target names")] = "*"
    labels: Labels = {}
    quiet: Annotated[str | None, Meta(description="quiet hours: 22:00-07:00")] = None
    timezone: Annotated[str, Meta(description="the time zone of quiet")] = "UTC"
    repeat: Annotated[Duration, Meta(description="how long the same text is not sent again")] = "1h"


class IndexTable(Struct, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """[audit.index]: queries of the package index about each lock."""

    ask: Annotated[bool, Meta(description="whether to query the index")] = True
    every: Annotated[Duration, Meta(description="the interval")] = "6h"


class AuditTable(Struct, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """[audit]: the fleet."""

    store: Annotated[
        str, Meta(description="the store: a SQLAlchemy URL of SQLite or PostgreSQL; $NAME is the value of a variable")
    ] = "sqlite:///lockml-audit.db"
    retention: Annotated[str, Meta(description="how long runs are kept: 90d, or forever")] = "90d"
    processes: Annotated[Annotated[int, Meta(ge=1, le=256)] | None, Meta(description="how many checks run at once")] = (
        None
    )
    broker: Annotated[
        str | None, Meta(description="the broker of Celery, for audit worker and audit beat: redis://…")
    ] = None
    actions: Annotated[
        Actions,
        Meta(description="who may acknowledge findings and request runs: users who log in, anyone, or no one"),
    ] = "login"
    base_url: Annotated[
        Text | None, Meta(description="the address of the pages, https://lockml.example, for links in messages")
    ] = None
    defaults: SettingsTable = field(default_factory=SettingsTable)
    index: IndexTable = field(default_factory=IndexTable)
    ignore: Annotated[
        list[Rule], Meta(description="rules of what may differ in targets that match the glob targets")
    ] = []
    targets: list[TargetTable] = []
    discover: list[DiscoveryTable] = []
    notify: list[NotifyTable] = []


class RootTable(Struct, rename="kebab", kw_only=True):
    """lockml.toml: the fleet, beside the options of other commands."""

    audit: AuditTable
    ignore: Annotated[
        list[Rule], Meta(description="rules of what may differ, for audit and check; targets is a glob")
    ] = []
