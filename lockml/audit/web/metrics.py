"""Prometheus metrics of the store (text format 0.0.4, OpenMetrics on request)."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response

from lockml import __version__
from lockml.audit.findings import state_now
from lockml.audit.model import SEVERITIES, STATES
from lockml.audit.overdue import due_states
from lockml.audit.runs.host import Clock, utc_now
from lockml.audit.store.store import Store
from lockml.audit.store.targets import TargetRow
from lockml.common.errors import LockmlError

__all__ = ["METRICS", "metrics_page", "target_labels"]

METRICS: Final[Mapping[str, str]] = {
    "lockml_build_info": "1 for the version of lockml that serves this.",
    "lockml_deliveries_total": "Messages by outcome; a failed attempt is repeated.",
    "lockml_drift": "Open findings by kind; 0 for a resolved kind.",
    "lockml_findings": "Open findings by severity; 0 if there are none.",
    "lockml_last_run_timestamp_seconds": "When the last run ended.",
    "lockml_last_success_timestamp_seconds": "When a target was last checked completely.",
    "lockml_messages_waiting": "Messages that are not sent yet.",
    "lockml_next_tick_timestamp_seconds": "When a target is due next.",
    "lockml_run_duration_seconds": "Duration of the last run.",
    "lockml_runs_total": "Runs by state.",
    "lockml_store_up": "1 if the store responds.",
    "lockml_target_overdue": "1 if a target should have had a run by now.",
    "lockml_target_state": "1 for the current state of a target; waiting before its first run.",
    "lockml_ticks_due": "Targets whose latest tick has no run yet.",
    "lockml_ticks_overdue": "Targets that should have had a run by now.",
    "lockml_worker_last_seen_timestamp_seconds": "Last heartbeat of a worker or scheduler.",
    "lockml_worker_up": "1 while a worker or scheduler gives heartbeats.",
}
"""Every metric with its help."""

_MOST_LABELS: Final = 16  # of targets: more would make each series costly
_MOST_LETTERS: Final = 128  # of a label's value
_DELIVERIES: Final = ("sent", "failed", "given-up", "dropped")


class _Collector:
    def __init__(self, store: Store, now: datetime) -> None:
        self._store = store
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; without the store only `lockml_store_up` and the version."""
        build, up = _gauge("lockml_build_info", "version"), _gauge("lockml_store_up")
        build.add_metric([__version__], 1)
        try:
            metrics = [
                *_of_targets(self._store, self._now),
                *_of_store(self._store),
                *_of_workers(self._store, self._now),
            ]
            up.add_metric([], 1)
        except LockmlError:
            metrics = []
            up.add_metric([], 0)
        yield from (build, up, *metrics)


def _gauge(name: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, METRICS[name], labels=labels)


def target_labels(targets: Iterable[TargetRow]) -> dict[str, str]:
    """Return the name in metrics of each label key of *targets*: the key with ``label_`` before it.

    An underscore replaces a character that no name may have; if two keys come to the same name, one gets a number. At
    most sixteen keys, in alphabetical order.
    """
    names: dict[str, str] = {}
    for key in sorted({key for target in targets for key in target.labels})[:_MOST_LABELS]:
        wanted = name = f"label_{re.sub(r'[^a-zA-Z0-9_]', '_', key)}"[:_MOST_LETTERS]
        number = 2
        while name in names.values():
            name, number = f"{wanted}_{number}", number + 1
        names[key] = name
    return names


def _of_targets(store: Store, now: datetime) -> Iterator[Metric]:
    targets = store.targets.all()
    names = target_labels(targets)
    labels = ("target", *names.values())
    runs, successes = store.history.latest(), store.history.latest_successes()
    due = due_states(targets, store.history.last_ticks(), now)
    state, last = _gauge("lockml_target_state", *labels, "state"), _gauge("lockml_last_run_timestamp_seconds", *labels)
    success = _gauge("lockml_last_success_timestamp_seconds", *labels)
    duration = _gauge("lockml_run_duration_seconds", *labels)
    overdue, upcoming = _gauge("lockml_target_overdue", *labels), _gauge("lockml_next_tick_timestamp_seconds", *labels)
    values = {target.name: _values(target, names) for target in targets}
    held = frozenset(store.acknowledgements.holding(now))
    errors = store.findings.with_errors(held)
    for name, own in values.items():
        run = runs.get(name)
        shown = state_now(run.state, run.error, errors=name in errors) if run is not None else "waiting"
        for each in (*STATES, "waiting"):
            state.add_metric([*own, each], float(each == shown))
        if name in due:
            overdue.add_metric(own, float(due[name].overdue))
            upcoming.add_metric(own, due[name].next.timestamp())
        if name in successes:
            success.add_metric(own, successes[name].timestamp())
        if run is not None:
            last.add_metric(own, run.finished.timestamp())
            duration.add_metric(own, run.seconds)
    yield from (state, last, success, duration, overdue, upcoming)
    yield from _of_findings(store, values, labels, held)
    for metric, count in (
        ("lockml_ticks_due", sum(each.due for each in due.values())),
        ("lockml_ticks_overdue", sum(each.overdue for each in due.values())),
    ):
        family = _gauge(metric)
        family.add_metric([], count)
        yield family


def _values(target: TargetRow, names: Mapping[str, str]) -> list[str]:
    """Return the label values of one target: its name, then its value of each of *names*."""
    texts = (target.name, *(target.labels.get(key, "") for key in names))
    return [_text(text) for text in texts]


def _text(text: str) -> str:
    """Return *text* as the value of a label, which must be UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()[: _MOST_LETTERS * 4]


def _of_findings(
    store: Store, values: Mapping[str, list[str]], labels: Sequence[str], acknowledged: frozenset[int]
) -> Iterator[Metric]:
    drift, findings = (
        _gauge("lockml_drift", *labels, "kind", "severity"),
        _gauge("lockml_findings", *labels, "severity"),
    )
    totals: dict[tuple[str, str], int] = dict.fromkeys(((name, each) for name in values for each in SEVERITIES), 0)
    for (target, kind, severity), count in store.history.open_counts(resolved=True, acknowledged=acknowledged).items():
        if target in values:
            drift.add_metric([*values[target], kind, severity], count)
            totals[target, severity] = totals.get((target, severity), 0) + count
    for (target, severity), count in totals.items():
        findings.add_metric([*values[target], severity], count)
    yield from (drift, findings)


def _of_store(store: Store) -> Iterator[Metric]:
    waiting = _gauge("lockml_messages_waiting")
    waiting.add_metric([], store.history.waiting_messages())
    yield waiting
    known: tuple[tuple[str, str, Sequence[str]], ...] = (
        ("runs", "state", STATES),
        ("deliveries", "outcome", _DELIVERIES),
    )
    for name, label, keys in known:
        counted = store.counters.of(name)
        full = f"lockml_{name}_total"
        family = CounterMetricFamily(full, METRICS[full], labels=[label])
        for key in dict.fromkeys((*keys, *counted)):
            family.add_metric([key], counted.get(key, 0))
        yield family


def _of_workers(store: Store, now: datetime) -> Iterator[Metric]:
    up, seen = (
        _gauge(name, "host", "role") for name in ("lockml_worker_up", "lockml_worker_last_seen_timestamp_seconds")
    )
    by_role: dict[tuple[str, str], list[Any]] = {}
    for row in store.workers.all(now):
        by_role.setdefault((_text(row.host), row.role), []).append(row)
    for key, rows in by_role.items():
        up.add_metric(key, float(all(not row.is_dead for row in rows)))
        seen.add_metric(key, max(row.seen for row in rows).timestamp())
    yield from (up, seen)


def metrics_page(store: Store, request: Request, clock: Clock = utc_now) -> Response:
    """Return the metrics in the format that *request* accepts."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(store, clock()))
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), headers={"Content-Type": content_type})
