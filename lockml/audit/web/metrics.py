"""What the store remembers in, Prometheus metrics out (text format 0.0.4, OpenMetrics where it is asked for)."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response

from lockml.audit.model import STATES
from lockml.audit.store.store import Store
from lockml.common.errors import LockmlError

__all__ = ["metrics_page"]


class _Collector:
    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; where the store does not answer, only that it does not."""
        up = GaugeMetricFamily("lockml_store_up", "Whether the store answers.")
        try:
            metrics = [*_of_targets(self._store), *_of_store(self._store)]
            up.add_metric([], 1)
        except LockmlError:
            metrics = []
            up.add_metric([], 0)
        yield up
        yield from metrics


def _of_targets(store: Store) -> Iterator[Metric]:
    names = [target.name for target in store.targets.all()]
    runs, successes = store.history.latest(), store.history.latest_successes()
    state = GaugeMetricFamily("lockml_target_state", "1 for how the last run ended.", labels=["target", "state"])
    last = GaugeMetricFamily("lockml_last_run_timestamp_seconds", "When the last run ended.", labels=["target"])
    success = GaugeMetricFamily(
        "lockml_last_success_timestamp_seconds", "When a target was last looked at wholly.", labels=["target"]
    )
    duration = GaugeMetricFamily("lockml_run_duration_seconds", "How long the last run took.", labels=["target"])
    incomplete = GaugeMetricFamily("lockml_incomplete", "1 where not everything could be looked at.", labels=["target"])
    for name in names:
        run = runs.get(name)
        if name in successes:
            success.add_metric([name], successes[name].timestamp())
        if run is None:
            continue
        for each in STATES:
            state.add_metric([name, each], float(run.state == each))
        last.add_metric([name], run.finished.timestamp())
        duration.add_metric([name], run.seconds)
        incomplete.add_metric([name], float(run.state in ("incomplete", "unreachable")))
    yield from (state, last, success, duration, incomplete)


def _of_store(store: Store) -> Iterator[Metric]:
    drift = GaugeMetricFamily("lockml_drift", "Open findings.", labels=["target", "kind", "severity"])
    there = {target.name for target in store.targets.all()}
    for (target, kind, severity), count in store.history.open_counts().items():
        if target in there:
            drift.add_metric([target, kind, severity], count)
    waiting = GaugeMetricFamily("lockml_messages_waiting", "Messages that are not sent yet.")
    waiting.add_metric([], store.history.waiting_messages())
    yield from (drift, waiting)


def metrics_page(store: Store, request: Request) -> Response:
    """Return the metrics in the format that *request* accepts."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(store))
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), headers={"Content-Type": content_type})
