"""What Prometheus reads of a store."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from lockml.audit.config.model import AuditTarget
from lockml.audit.heartbeat import SILENCE
from lockml.audit.store.store import Store
from lockml.audit.store.workers import WorkerRow
from lockml.audit.web.app import build_app
from lockml.audit.web.metrics import METRICS, target_labels
from tests.audit.made import HOURLY, NOON, SetClock, make_finding, make_result, make_target
from tests.audit.seeded import seed

pytestmark = pytest.mark.slow

Samples = Mapping[tuple[str, ...], float]


def scraped(store: Store, clock: SetClock | None = None) -> str:
    return str(TestClient(build_app(store, clock=clock or SetClock())).get("/metrics").text)


def samples(text: str) -> Samples:
    """Return the values by name of the metric and values of the labels, in the order of their names."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name, *(sample.labels[key] for key in sorted(sample.labels))] = sample.value
    return found


def labelled(name: str, **labels: str) -> AuditTarget:
    return make_target(name=name, schedule=HOURLY, labels=labels)


def test_every_metric_is_served_and_named(tmp_path: Path) -> None:
    """Whoever writes rules by `METRICS` finds each in what is scraped, and nothing else."""
    store = seed("sqlite:///a.db", tmp_path)
    worker = WorkerRow(name="gpu-1 1 x", host="gpu-1", role="worker", version="1", started=NOON, seen=NOON, lost=None)
    store.workers.put(worker, (), lambda _: ())
    names = {each[0] for each in samples(scraped(store))}
    store.close()
    assert {name for name in names if not name.endswith("_created")} == set(METRICS)


def test_drift_state_and_age_are_told_of_each_target(tmp_path: Path) -> None:
    store = Store("sqlite:///a.db", tmp_path)
    store.targets.put([labelled("a"), labelled("b"), labelled("new")], NOON)
    numpy = make_finding()
    store.runs.record(make_result(numpy, target="a"), lambda *_: ())
    store.runs.record(make_result(target="b", hours=-1), lambda *_: ())
    found = samples(scraped(store))
    assert found["lockml_drift", "version", "error", "a"] == 1
    assert [found["lockml_findings", "error", target] for target in ("a", "b", "new")] == [1, 0, 0]
    assert found["lockml_target_state", "drift", "a"] == 1
    assert found["lockml_target_state", "waiting", "new"] == 1
    assert found["lockml_run_duration_seconds", "a"] == 1
    assert found["lockml_last_success_timestamp_seconds", "b"] == (NOON - timedelta(minutes=59, seconds=59)).timestamp()
    assert found["lockml_next_tick_timestamp_seconds", "b"] == (NOON + timedelta(hours=1)).timestamp()
    assert (found["lockml_ticks_due",], found["lockml_ticks_overdue",]) == (1, 0)
    store.runs.record(make_result(target="a", hours=1), lambda *_: ())
    later = samples(scraped(store, SetClock(NOON + timedelta(hours=3))))
    assert later["lockml_drift", "version", "error", "a"] == 0, "it is resolved, and no alert hangs on a stale series"
    assert later["lockml_ticks_overdue",] == 3
    assert later["lockml_target_overdue", "b"] == 1
    assert (later["lockml_runs_total", "drift"], later["lockml_runs_total", "in-order"]) == (1, 2)
    assert later["lockml_runs_total", "unreachable"] == 0
    assert later["lockml_deliveries_total", "failed"] == 0
    store.close()


def test_dead_worker_is_down_and_degrades_the_health(tmp_path: Path) -> None:
    store, clock = Store("sqlite:///a.db", tmp_path), SetClock()
    for host, seen in (("gpu-1", NOON), ("gpu-2", NOON + SILENCE)):
        row = WorkerRow(name=f"{host} 1 x", host=host, role="worker", version="1", started=NOON, seen=seen, lost=None)
        store.workers.put(row, (), lambda _: ())
    client = TestClient(build_app(store, clock=clock))
    assert client.get("/healthz").json() == {"status": "ok", "store": True, "scheduler": True, "dead": []}
    clock.moment = NOON + SILENCE + timedelta(seconds=1)
    store.workers.mark_dead(clock(), lambda _: (), {"gpu-1 1 x": NOON})
    found = samples(scraped(store, clock))
    assert (found["lockml_worker_up", "gpu-1", "worker"], found["lockml_worker_up", "gpu-2", "worker"]) == (0, 1)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["dead"] == [{"host": "gpu-1", "role": "worker", "seen": "2026-11-27T12:00:00Z"}]
    guarded = TestClient(build_app(store, token="0" * 32, clock=clock))
    assert guarded.get("/healthz").json()["dead"] == [{"role": "worker"}], "hosts are for those who have the token"
    wrong = {"Authorization": "Bearer wrong"}
    assert {guarded.get("/healthz", headers=wrong).status_code for _ in range(12)} == {200}
    page = client.get("/").text
    assert "not responding" in page
    assert "gpu-1" in page
    store.close()


def test_labels_of_targets_are_bounded_and_clash_with_nothing(tmp_path: Path) -> None:
    store = Store("sqlite:///a.db", tmp_path)
    odd = {"target": "mine", "sta-ge": "1", "sta.ge": "2", "stage": 'a"b\\c\nd', "größe": "x" * 10_000, "z": "\udcff"}
    store.targets.put(
        [labelled("a", **odd), labelled("b"), *(labelled(f"t{n}", **{f"k{n:02}": "x"}) for n in range(20))], NOON
    )
    names = target_labels(store.targets.all())
    assert len(names) == len(set(names.values())) == 16
    text = scraped(store)
    (state,) = (each for each in text_string_to_metric_families(text) if each.name == "lockml_target_state")
    (found,) = (
        each.labels for each in state.samples if each.labels["target"] == "a" and each.labels["state"] == "drift"
    )
    store.close()
    assert max(map(len, found.values())) <= 512
    assert "label_target" not in found or found["label_target"] == "mine"


def test_labels_of_a_target_are_those_of_its_series(tmp_path: Path) -> None:
    store = Store("sqlite:///a.db", tmp_path)
    keys = {"target": "mine", "sta-ge": "1", "sta.ge": "2", "stage": 'a"b\\c\nd'}
    store.targets.put([labelled("a", **keys), labelled("b")], NOON)
    found = [
        each.labels
        for family in text_string_to_metric_families(scraped(store))
        for each in family.samples
        if each.name == "lockml_findings" and each.labels["severity"] == "error"
    ]
    store.close()
    by_target = {each["target"]: each for each in found}
    assert by_target["a"]["label_target"] == "mine"
    assert {by_target["a"]["label_sta_ge"], by_target["a"]["label_sta_ge_2"]} == {"1", "2"}
    assert by_target["a"]["label_stage"] == 'a"b\\c\nd'
    assert by_target["b"]["label_stage"] == "", "which Prometheus takes for none"


@pytest.mark.slow
def test_hostile_names_break_no_line(tmp_path: Path) -> None:
    store = seed("sqlite:///a.db", tmp_path)
    found = samples(scraped(store))
    store.close()
    assert any("<script>" in part for key in found for part in key)
