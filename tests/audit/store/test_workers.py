"""Signs of life of processes, and what is kept and told of those that give none."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from lockml.audit.store.store import Store
from lockml.audit.store.workers import SILENT, WorkerEvent, WorkerRow
from tests.audit.made import NOON

LATE = NOON + SILENT + timedelta(seconds=1)


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


def test_process_without_a_sign_of_life_is_dead_and_said_so_once(store: Store) -> None:
    store.workers.put(row(), (), nobody)
    assert store.workers.bury(NOON + SILENT, nobody) == []
    assert events(store.workers.bury(LATE, nobody)) == [("gpu-1", True)]
    assert store.workers.bury(LATE + SILENT, nobody) == []
    (found,) = store.workers.all(LATE)
    assert found.lost == LATE
    assert found.is_dead(LATE)


def test_sign_of_life_of_a_dead_one_brings_it_back(store: Store) -> None:
    store.workers.put(row(), (), nobody)
    store.workers.bury(LATE, nobody)
    assert events(store.workers.put(row(seen=LATE), (), nobody)) == [("gpu-1", False)]
    assert store.workers.put(row(seen=LATE), (), nobody) == []
    assert not store.workers.all(LATE)[0].is_dead(LATE)


def test_new_process_replaces_the_one_of_its_host_and_role_that_ended(store: Store) -> None:
    store.workers.put(row(), (), nobody)
    store.workers.put(row("gpu-1 8 boot/1", role="beat"), (), nobody)
    new = row("gpu-1 9 boot/2", seen=LATE)
    assert store.workers.put(new, [row().name, "gpu-1 8 boot/1"], nobody) == [], "nobody missed it"
    assert [(each.name, each.role) for each in store.workers.all(LATE)] == [
        ("gpu-1 8 boot/1", "beat"),
        ("gpu-1 9 boot/2", "worker"),
    ]
    store.workers.bury(LATE + timedelta(minutes=5), nobody)
    newer = row("gpu-1 10 boot/3", seen=LATE)
    assert events(store.workers.put(newer, [new.name], nobody)) == [("gpu-1", False)]


def test_process_that_ends_as_it_was_told_to_leaves_nothing(store: Store) -> None:
    store.workers.put(row(), (), nobody)
    store.workers.end(row().name)
    assert store.workers.all(NOON) == []
    assert store.workers.bury(LATE, nobody) == []


def test_dead_one_that_nobody_replaces_is_forgotten_after_a_week(store: Store) -> None:
    store.workers.put(row(), (), nobody)
    store.workers.bury(LATE, nobody)
    store.workers.put(row("gpu-2 1 boot/1", seen=LATE), (), nobody)
    store.workers.bury(LATE + timedelta(days=8), nobody)
    assert [each.host for each in store.workers.all(LATE)] == ["gpu-2"]


def test_what_a_host_looks_at_is_that_of_its_processes(store: Store) -> None:
    store.workers.put(row(), (), nobody)
    store.workers.put(row("gpu-1 8 boot/1", role="beat"), (), nobody)
    for name in ("b", "a"):
        store.runs.claim(name, NOON, "gpu-1 70 boot/2", NOON, timedelta(minutes=1))
    store.runs.claim("c", NOON, "gpu-2 70 boot/2", NOON, timedelta(minutes=1))
    running = {each.role: each.running for each in store.workers.all(NOON)}
    assert running == {"worker": ("a", "b"), "beat": ()}
