"""Heartbeats of processes, and the events of those that stop."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lockml.audit.heartbeat import SILENCE
from lockml.audit.store.store import Store
from lockml.audit.store.workers import WorkerEvent, WorkerRow
from tests.audit.made import NOON

LATE = NOON + SILENCE + timedelta(seconds=1)


def row(name: str = "gpu-1 7 boot/1", **changes: object) -> WorkerRow:
    usual = WorkerRow(
        name=name, host=name.split(maxsplit=1)[0], role="worker", version="1", started=NOON, seen=NOON, lost=None
    )
    return replace(usual, **changes)  # type: ignore[arg-type] # each is a field


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store("sqlite:///a.db", tmp_path)
    yield store
    store.close()


def nobody(_: WorkerEvent) -> tuple[()]:
    return ()


def events(found: list[WorkerEvent]) -> list[tuple[str, bool]]:
    return [(each.host, each.lost) for each in found]


def silent(*names: str, seen: datetime = NOON) -> dict[str, datetime]:
    return dict.fromkeys(names or (row().name,), seen)


def test_process_without_heartbeats_is_dead_and_its_event_comes_once(store: Store) -> None:
    store.workers.put(row(), (), nobody)
    assert store.workers.mark_dead(LATE, nobody, {}) == []
    assert events(store.workers.mark_dead(LATE, nobody, silent())) == [("gpu-1", True)]
    assert store.workers.mark_dead(LATE + SILENCE, nobody, silent()) == []
    (found,) = store.workers.all(LATE)
    assert found.lost == LATE
    assert found.is_dead


def test_process_is_dead_only_by_the_mark_in_the_store(store: Store) -> None:
    """Its heartbeat is by the clock of its host, which may be hours behind that of a page."""
    store.workers.put(row(seen=NOON - timedelta(hours=5)), (), nobody)
    assert not store.workers.all(LATE)[0].is_dead


def test_process_that_gave_a_heartbeat_meanwhile_is_not_dead(store: Store) -> None:
    store.workers.put(row(), (), nobody)
    store.workers.put(row(seen=LATE), (), nobody)
    assert store.workers.mark_dead(LATE, nobody, silent()) == []


def test_heartbeat_of_a_dead_process_brings_it_back(store: Store) -> None:
    store.workers.put(row(), (), nobody)
    store.workers.mark_dead(LATE, nobody, silent())
    assert events(store.workers.put(row(seen=LATE), (), nobody)) == [("gpu-1", False)]
    assert store.workers.put(row(seen=LATE), (), nobody) == []
    assert not store.workers.all(LATE)[0].is_dead


def test_new_process_replaces_the_one_of_its_host_and_role_that_ended(store: Store) -> None:
    store.workers.put(row(), (), nobody)
    store.workers.put(row("gpu-1 8 boot/1", role="beat"), (), nobody)
    new = row("gpu-1 9 boot/2", seen=LATE)
    assert store.workers.put(new, [row().name, "gpu-1 8 boot/1"], nobody) == [], "it was never marked dead"
    assert [(each.name, each.role) for each in store.workers.all(LATE)] == [
        ("gpu-1 8 boot/1", "beat"),
        ("gpu-1 9 boot/2", "worker"),
    ]
    store.workers.mark_dead(LATE + timedelta(minutes=5), nobody, silent(new.name, seen=LATE))
    newer = row("gpu-1 10 boot/3", seen=LATE)
    assert events(store.workers.put(newer, [new.name], nobody)) == [("gpu-1", False)]


def test_process_that_was_asked_to_stop_leaves_nothing(store: Store) -> None:
    store.workers.put(row(), (), nobody)
    store.workers.end(row().name)
    assert store.workers.all(NOON) == []
    assert store.workers.mark_dead(LATE, nobody, silent()) == []


def test_dead_process_is_forgotten_after_a_day(store: Store) -> None:
    store.workers.put(row(), (), nobody)
    store.workers.mark_dead(LATE, nobody, silent())
    store.workers.put(row("gpu-2 1 boot/1", seen=LATE), (), nobody)
    store.workers.mark_dead(LATE + timedelta(hours=23), nobody, {})
    assert [each.host for each in store.workers.all(LATE)] == ["gpu-1", "gpu-2"]
    store.workers.mark_dead(LATE + timedelta(hours=25), nobody, {})
    assert [each.host for each in store.workers.all(LATE)] == ["gpu-2"]


def test_targets_that_a_host_checks_are_those_of_its_processes(store: Store) -> None:
    store.workers.put(row(), (), nobody)
    store.workers.put(row("gpu-1 8 boot/1", role="beat"), (), nobody)
    for name in ("b", "a"):
        store.runs.claim(name, NOON, "gpu-1 70 boot/2", NOON, timedelta(minutes=1))
    store.runs.claim("c", NOON, "gpu-2 70 boot/2", NOON, timedelta(minutes=1))
    running = {each.role: each.running for each in store.workers.all(NOON)}
    assert running == {"worker": ("a", "b"), "beat": ()}
