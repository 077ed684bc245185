"""Messages that wait: which are taken, and what that costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, event

from lockml.audit.config.model import NotifyRule
from lockml.audit.messages import messages_of
from lockml.audit.store.store import Store
from tests.audit.made import NOON, make_finding, make_result

LEASE = timedelta(minutes=5)
RULES = [NotifyRule(name=name, urls=("json://hook.example/x", "json://hook.example/y")) for name in ("a", "b")]


@contextmanager
def statements() -> Iterator[list[str]]:
    """Give a list that gets the text of every statement."""
    found: list[str] = []

    def keep(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    event.listen(Engine, "before_cursor_execute", keep)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", keep)


def record(store: Store, target: str, name: str, hours: float = 0) -> None:
    result = make_result(make_finding(name), target=target, hours=hours)
    store.runs.record(result, lambda result, changes, before: messages_of(RULES, result, changes, before))


def test_messages_to_one_address_about_one_target_are_taken_together(store: Store) -> None:
    record(store, "here", "numpy")
    record(store, "there", "numpy")
    now = NOON + timedelta(minutes=1)
    taken = store.outbox.take("me", now, LEASE)
    assert [(each.rule, each.address, each.target) for (each,) in taken] == [
        (rule, address, target) for target in ("here", "there") for rule in ("a", "b") for address in (0, 1)
    ]
    assert store.outbox.take("you", now, LEASE) == []
    store.outbox.postpone([each.id for (each,) in taken], NOON + timedelta(days=1), "quiet hours")
    record(store, "here", "torch", hours=1)
    later = store.outbox.take("me", NOON + timedelta(hours=2), LEASE)
    assert [(each[0].target, len(each)) for each in later] == [("here", 2)] * 4, "the first may cancel out"


def test_take_reads_no_text_if_nothing_is_due(store: Store) -> None:
    """It is called every two seconds, and thousands of messages may wait for the end of quiet hours."""
    record(store, "here", "numpy")
    taken = store.outbox.take("me", NOON + timedelta(minutes=1), LEASE)
    store.outbox.postpone([each.id for (each,) in taken], NOON + timedelta(days=1), "quiet hours")
    with statements() as found:
        assert store.outbox.take("me", NOON + timedelta(hours=1), LEASE) == []
    assert [each for each in found if "messages.content" in each] == []
    assert any("messages" in each for each in found)
