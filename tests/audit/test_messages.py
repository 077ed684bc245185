from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockml.audit.config.model import NotifyRule
from lockml.audit.delivery import Delivery, check_addresses, notice_for
from lockml.audit.findings import Changes
from lockml.audit.log import Log
from lockml.audit.messages import Notice, due_after_quiet, messages_of, notice_of, worker_messages
from lockml.audit.model import Finding, RunResult
from lockml.audit.store.store import Store
from lockml.common.errors import InputError
from tests.audit.made import NOON, make_finding, make_result

RULE = NotifyRule(name="hook", urls=("json://hook.example/x",))
NUMPY = make_finding("numpy", fix="build anew")


def contents(
    result: RunResult, *, opened: Sequence[Finding] = (), resolved: Sequence[Finding] = (), **told: Any
) -> Any:
    rule = told.get("rule", RULE)
    changes = Changes(opened=tuple(opened), resolved=tuple(resolved))
    labelled = replace(result, labels=told.get("labels", {}))
    return [each.content for each in messages_of([rule], labelled, changes, told.get("before"))]


def told(*found: Mapping[str, Any]) -> Notice:
    notice = notice_of([found])
    assert notice is not None
    return notice


def test_only_transitions_are_told() -> None:
    assert contents(make_result(NUMPY), before="drift") == []
    assert len(contents(make_result(NUMPY), opened=[NUMPY])) == 1
    assert len(contents(make_result(), resolved=[NUMPY], before="drift")) == 1


def test_message_says_what_where_and_how_to_mend_it() -> None:
    (content,) = contents(make_result(NUMPY), opened=[NUMPY])
    notice = told(content)
    assert notice.title == "lockml: here: 1 new"
    expected = "container here: drift\nNew:\n  error: version numpy 1 -> 2: differs\n    build anew"
    assert notice.body == f"{expected}\nAt 2026-11-27 12:00:01 UTC"
    assert notice.type == "failure"


def test_target_that_is_lost_and_found_again_is_told_once_each() -> None:
    lost = make_result(state="unreachable", report=None, error="no such container")
    (content,) = contents(lost, before="in-order")
    assert told(content).title == "lockml: here: cannot be reached"
    assert "no such container" in told(content).body
    assert contents(lost, before="unreachable") == []
    (back,) = contents(make_result(), before="unreachable")
    assert told(back).title == "lockml: here: can be checked again"


def test_rule_chooses_by_severity_event_target_and_label() -> None:
    warning = make_finding("torch", kind="yanked", severity="warning")
    assert contents(make_result(warning), opened=[warning]) == []
    lower = NotifyRule(name="all", urls=RULE.urls, severity="note")
    assert len(contents(make_result(warning), opened=[warning], rule=lower)) == 1
    opened_only = NotifyRule(name="new", urls=RULE.urls, on=frozenset({"opened"}))
    assert contents(make_result(), resolved=[NUMPY], rule=opened_only) == []
    elsewhere = NotifyRule(name="there", urls=RULE.urls, targets="there*")
    assert contents(make_result(NUMPY), opened=[NUMPY], rule=elsewhere) == []
    labelled = NotifyRule(name="prod", urls=RULE.urls, labels={"stage": "production"})
    assert contents(make_result(NUMPY), opened=[NUMPY], rule=labelled) == []
    assert len(contents(make_result(NUMPY), opened=[NUMPY], rule=labelled, labels={"stage": "production"})) == 1


def test_each_address_gets_a_message_of_its_own() -> None:
    two = NotifyRule(name="two", urls=("json://a.example", "json://b.example"))
    assert len(contents(make_result(NUMPY), opened=[NUMPY], rule=two)) == 2


def test_what_opened_and_was_resolved_before_it_was_told_is_not_told() -> None:
    (opened,) = contents(make_result(NUMPY), opened=[NUMPY])
    (resolved,) = contents(make_result(), resolved=[NUMPY])
    assert notice_of([[opened, resolved]]) is None
    assert notice_of([[resolved, opened]]) is None
    assert told(opened, resolved, opened).title == "lockml: here: 1 new"


def test_foreign_text_forges_no_line_and_tells_no_secret() -> None:
    evil = make_finding("x\nNew: nothing", detail="from https://user:secret@index.example/x")
    (content,) = contents(make_result(evil), opened=[evil])
    assert "x\\nNew: nothing" in told(content).body
    assert "secret" not in told(content).body


@pytest.mark.parametrize(("hour", "due"), [(21, None), (22, 31), (23, 31), (30, 31), (31, None), (12, None)], ids=str)
def test_quiet_hours_hold_back_until_they_end_also_over_midnight(hour: int, due: int | None) -> None:
    rule = NotifyRule(name="q", urls=(), quiet=(time(22), time(7)), zone="UTC")
    midnight = datetime(2026, 11, 27, tzinfo=UTC)
    now = midnight + timedelta(hours=hour)
    assert due_after_quiet(rule, now) == (midnight + timedelta(hours=due) if due is not None else now)


def test_quiet_hours_are_on_the_clock_of_their_zone() -> None:
    rule = NotifyRule(name="q", urls=(), quiet=(time(0), time(6)), zone="Asia/Tokyo")
    assert due_after_quiet(rule, datetime(2026, 11, 27, 16, tzinfo=UTC)) == datetime(2026, 11, 27, 21, tzinfo=UTC)
    assert due_after_quiet(rule, NOON) == NOON


def test_message_links_to_its_page_and_names_time_and_labels() -> None:
    (content,) = contents(make_result(NUMPY, target="a/b@c"), opened=[NUMPY], labels={"stage": "production"})
    notice = notice_of([[content]], "https://lockml.example/x")
    assert notice is not None
    assert notice.body.splitlines()[-2:] == [
        "At 2026-11-27 12:00:01 UTC, stage=production",
        "https://lockml.example/x/targets/a%2Fb%40c",
    ]


@pytest.mark.parametrize(
    ("severities", "type_"), [(("note", "error"), "failure"), (("warning", "note"), "warning"), (("note",), "info")]
)
def test_type_of_a_message_is_that_of_its_worst_finding(severities: tuple[Any, ...], type_: str) -> None:
    rule = NotifyRule(name="all", urls=RULE.urls, severity="note")
    found = [make_finding(severity=each, path=each) for each in severities]
    (content,) = contents(make_result(*found), opened=found, rule=rule)
    assert told(content).type == type_


def test_what_came_right_is_a_success() -> None:
    (content,) = contents(make_result(), resolved=[NUMPY])
    assert told(content).type == "success"
    (back,) = contents(make_result(), before="unreachable")
    assert told(back).type == "success"


def test_target_that_was_never_reached_is_said_to_be_so() -> None:
    lost = make_result(state="unreachable", report=None, error="no such container")
    (content,) = contents(lost)
    assert told(content).title == "lockml: here: was never reached"
    (wrong,) = contents(make_result(state="misconfigured", report=None, error="no such file"))
    assert told(wrong).title == "lockml: here: is misconfigured"


def test_findings_beyond_the_first_fifty_are_counted_and_cancel_out() -> None:
    many = [make_finding(path=str(number)) for number in range(800)]
    (opened,) = contents(make_result(*many), opened=many)
    assert len(opened["opened"]) == 50
    notice = told(opened)
    assert notice.title == "lockml: here: 800 new"
    assert "  and 780 more" in notice.body.splitlines()
    (resolved,) = contents(make_result(), resolved=many)
    assert notice_of([[opened, resolved]]) is None


def test_errors_of_which_only_the_number_is_kept_are_as_bad_as_errors() -> None:
    """The fifty that are kept whole are resolved meanwhile."""
    many = [make_finding(f"p{number}") for number in range(60)]
    (opened,) = contents(make_result(*many), opened=many)
    (resolved,) = contents(make_result(*many[50:]), resolved=many[:50])
    notice = notice_of([[opened, resolved]])
    assert notice is not None
    assert (notice.title, notice.type) == ("lockml: here: 10 new", "failure")


def test_targets_with_one_cause_are_named_together() -> None:
    groups = []
    for number in range(300):
        (content,) = contents(make_result(NUMPY, target=f"t{number:03}"), opened=[NUMPY])
        groups.append([content])
    lost = make_result(state="unreachable", report=None, error="no such container", target="away")
    groups.append(contents(lost, before="in-order"))
    notice = notice_of(groups)
    assert notice is not None
    assert notice.title == "lockml: 301 targets: 300 new, 1 cannot be checked"
    assert notice.body.splitlines() == [
        "away: cannot be reached",
        "  away: no such container",
        "New:",
        "  error: version numpy 1 -> 2: in t000, t001, t002, t003, t004 and 295 more",
        "    build anew",
        "At 2026-11-27 12:00:01 UTC",
    ]


def test_worker_that_is_dead_or_back_is_told_by_the_rules_that_want_it() -> None:
    without = NotifyRule(name="none", urls=RULE.urls, on=frozenset({"opened"}))
    lost = worker_messages([RULE, without], "worker gpu-1", NOON, NOON + timedelta(minutes=1), lost=True)
    assert [each.rule for each in lost] == ["hook"]
    notice = told(lost[0].content)
    assert (notice.title, notice.type) == ("lockml: worker gpu-1: not responding", "failure")
    assert "last heartbeat at 2026-11-27 12:00:00 UTC; the process stopped, or its machine" in notice.body
    back = worker_messages([RULE], "worker gpu-1", NOON, NOON + timedelta(minutes=2), lost=False)
    assert told(back[0].content).title == "lockml: worker gpu-1: is back"


def test_worker_that_is_dead_again_is_the_same_text() -> None:
    """The moment of its last heartbeat is another each time, and must not defeat `repeat`."""
    first, second = (
        worker_messages([RULE], "worker gpu-1", NOON + timedelta(hours=n), NOON + timedelta(hours=n), lost=True)
        for n in (0, 1)
    )
    assert first[0].digest == second[0].digest
    assert first[0].content != second[0].content
    back = worker_messages([RULE], "worker gpu-1", NOON, NOON, lost=False)
    assert back[0].digest != first[0].digest


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("@everyone look", "@\u200beveryone look"),
        ("web@HERE", "web@\u200bHERE"),
        ("<!channel> <@U123> <#C1>", "<\u200b!channel> <\u200b@\u200bU123> <\u200b#C1>"),
        ("(@alice)", "(@\u200balice)"),
        ("trainers/web@gpu-1", "trainers/web@gpu-1"),
        ("lockml @ git+https://host.example/x", "lockml @ git+https://host.example/x"),
    ],
)
def test_notice_mentions_nobody_of_a_chat(text: str, shown: str) -> None:
    """The names of containers and packages are foreign: they must not notify everybody."""
    result = make_result(make_finding(text, detail=text), target=text)
    (message,) = messages_of([RULE], result, Changes(opened=result.findings), None)
    chat = notice_for("slack://a/b/c", told(message.content))
    assert chat.title == f"lockml: {shown}: 1 new"
    assert f"  error: version {shown} 1 -> 2: {shown}" in chat.body.splitlines()


@pytest.mark.parametrize("url", ["json://hook.example/x", "JSONS://hook.example/x", "mailto://ops.example"])
def test_names_are_verbatim_where_no_chat_reads_them(url: str) -> None:
    """A program that gets the JSON compares the names of targets: `day/web@here` is a container of the host `here`."""
    result = make_result(make_finding("numpy"), target="day/web@here")
    (message,) = messages_of([RULE], result, Changes(opened=result.findings), None)
    assert notice_for(url, told(message.content)).title == "lockml: day/web@here: 1 new"


def test_link_to_the_pages_leads_there_in_a_chat_too() -> None:
    result = make_result(make_finding("numpy"), target="web@here")
    (message,) = messages_of([RULE], result, Changes(opened=result.findings), None)
    notice = notice_of([[message.content]], "https://host.example/@ops")
    assert notice is not None
    link = notice_for("slack://a/b/c", notice).body.splitlines()[-1]
    assert link == "https://host.example/%40ops/targets/web%40here"


class Post:
    """Keeps what is sent; fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.sent: list[tuple[str, str]] = []
        self.failures = failures

    def __call__(self, url: str, notice: Notice) -> str | None:
        if self.failures:
            self.failures -= 1
            return "no answer"
        self.sent.append((url, notice.title))
        return None


def record(store: Store, rule: NotifyRule, *results: RunResult) -> None:
    for result in results:
        store.runs.record(result, lambda result, changes, before: messages_of([rule], result, changes, before))


def deliver(store: Store, rule: NotifyRule, post: Post, hours: float) -> None:
    delivery = Delivery(store.outbox, "me", Log(), post)
    delivery.deliver({rule.name: rule}, NOON + timedelta(hours=hours))


def test_message_is_sent_once(tmp_path: Path) -> None:
    store, post = Store("sqlite:///a.db", tmp_path), Post()
    record(store, RULE, make_result(NUMPY), make_result(NUMPY, hours=1))
    for _ in range(3):
        deliver(store, RULE, post, 1.1)
    assert post.sent == [("json://hook.example/x", "lockml: here: 1 new")]
    store.close()


def test_message_that_could_not_be_sent_is_sent_later(tmp_path: Path) -> None:
    store, post = Store("sqlite:///a.db", tmp_path), Post(failures=2)
    record(store, RULE, make_result(NUMPY))
    for hours in (0.1, 0.1, 0.2, 0.2, 0.3, 0.4):
        deliver(store, RULE, post, hours)
    assert len(post.sent) == 1
    assert store.history.waiting_messages() == 0
    assert store.counters.of("deliveries") == {"failed": 2, "sent": 1}
    store.close()


def test_message_of_somebody_who_ended_is_taken_up_after_a_while(tmp_path: Path) -> None:
    store, post = Store("sqlite:///a.db", tmp_path), Post()
    record(store, RULE, make_result(NUMPY))
    store.outbox.take("ended", NOON + timedelta(minutes=1), timedelta(minutes=5))
    deliver(store, RULE, post, 0.05)
    assert post.sent == []
    deliver(store, RULE, post, 0.2)
    assert len(post.sent) == 1
    store.close()


@pytest.mark.slow
def test_target_that_comes_and_goes_is_told_once_in_a_while(tmp_path: Path) -> None:
    """The same text is held back for an hour, and what has come right meanwhile is not told at all."""
    store, post = Store("sqlite:///a.db", tmp_path), Post()
    for number in range(10):
        record(store, RULE, make_result(*([NUMPY] if number % 2 == 0 else []), hours=number * 0.1))
        deliver(store, RULE, post, number * 0.1 + 0.05)
    assert [title for _, title in post.sent] == ["lockml: here: 1 new", "lockml: here: 1 resolved"]
    deliver(store, RULE, post, 3)
    assert len(post.sent) == 2, "it is resolved, as was told"
    store.close()


def test_what_was_never_told_is_not_held_back_by_what_was(tmp_path: Path) -> None:
    """One finding comes and goes; another one opens meanwhile."""
    store, post = Store("sqlite:///a.db", tmp_path), Post()
    pandas = make_finding("pandas")
    record(store, RULE, make_result(NUMPY))
    deliver(store, RULE, post, 0.01)
    record(store, RULE, make_result(hours=0.1))
    deliver(store, RULE, post, 0.11)
    record(store, RULE, make_result(NUMPY, hours=0.2))
    deliver(store, RULE, post, 0.21)
    assert len(post.sent) == 2, "that it came again is held back"
    record(store, RULE, make_result(NUMPY, pandas, hours=0.3))
    deliver(store, RULE, post, 0.31)
    assert [title for _, title in post.sent[2:]] == ["lockml: here: 2 new"]
    store.close()


def test_what_was_left_out_of_a_message_is_not_held_back_as_told(tmp_path: Path) -> None:
    """It came and went while others of the same address waited: nobody heard of it, so it is told when it is back."""
    store, post = Store("sqlite:///a.db", tmp_path), Post()
    pandas = make_finding("pandas")
    record(store, RULE, make_result(NUMPY), make_result(hours=0.1), make_result(NUMPY, target="other", hours=0.1))
    record(store, RULE, make_result(pandas, target="third"), make_result(NUMPY, target="third", hours=0.1))
    deliver(store, RULE, post, 0.11)
    assert [title for _, title in post.sent] == ["lockml: 2 targets: 2 new"]
    assert store.counters.of("deliveries") == {"dropped": 1, "sent": 1}
    record(store, RULE, make_result(NUMPY, hours=0.3), make_result(target="third", hours=0.3))
    deliver(store, RULE, post, 0.31)
    record(store, RULE, make_result(pandas, target="third", hours=0.5))
    deliver(store, RULE, post, 0.51)
    assert post.sent[-1][1] == "lockml: third: 1 new", "of it nobody heard before either"
    assert [title for _, title in post.sent[1:2]] == ["lockml: 2 targets: 1 new, 1 resolved"]
    store.close()


@pytest.mark.slow
def test_new_message_is_not_given_up_with_an_old_one(tmp_path: Path) -> None:
    """An address that fails for days: each message is tried fifty times."""
    store, post = Store("sqlite:///a.db", tmp_path), Post(failures=50)
    record(store, RULE, make_result(NUMPY, target="old"))
    for hours in range(1, 50):
        deliver(store, RULE, post, hours * 2)
    record(store, RULE, make_result(NUMPY, target="new", hours=99))
    deliver(store, RULE, post, 101)
    assert store.counters.of("deliveries") == {"failed": 50, "given-up": 1}
    deliver(store, RULE, post, 103)
    assert [title for _, title in post.sent] == ["lockml: new: 1 new"]
    store.close()


@pytest.mark.slow
def test_address_that_does_not_answer_is_tried_once_a_pass(tmp_path: Path) -> None:
    store = Store("sqlite:///a.db", tmp_path)
    for number in range(20):
        record(store, RULE, make_result(NUMPY, target=f"t{number}"))
    asked: list[str] = []

    def dead(url: str, _: Notice) -> str:
        asked.append(url)
        return "no answer"

    assert len(Delivery(store.outbox, "me", Log(), dead).deliver({"hook": RULE}, NOON + timedelta(hours=1))) == 1
    assert len(asked) == 1
    assert store.history.waiting_messages() == 20
    store.close()


@pytest.mark.slow
def test_three_hundred_targets_of_one_cause_are_at_most_three_messages(tmp_path: Path) -> None:
    """Their runs end one after another, over four minutes, and what is due is sent every two seconds."""
    store, post = Store("sqlite:///a.db", tmp_path), Post()
    for number in range(300):
        hours = number * 0.8 / 3600
        record(store, RULE, make_result(NUMPY, target=f"t{number}", hours=hours))
        if number % 3 == 2:
            deliver(store, RULE, post, hours + 2 / 3600)
    for minutes in range(4, 12):
        deliver(store, RULE, post, minutes / 60)
    assert len(post.sent) <= 3, post.sent
    told = sum(int(title.split()[1]) if "targets" in title else 1 for _, title in post.sent)
    assert told == 300
    assert store.history.waiting_messages() == 0
    assert store.counters.of("deliveries") == {"sent": len(post.sent)}
    store.close()


@pytest.mark.slow
def test_pass_of_a_fleet_leaves_nothing_behind(tmp_path: Path) -> None:
    """Audit run ends after it: nobody sends later what waits for others."""
    store, post = Store("sqlite:///a.db", tmp_path), Post()
    for number in range(3):
        for target in range(60):
            found = make_finding(f"p{number}")
            record(store, RULE, make_result(found, target=f"t{target}", hours=number / 60))
        delivery = Delivery(store.outbox, "me", Log(), post)
        delivery.deliver({RULE.name: RULE}, NOON + timedelta(minutes=number, seconds=2), paced=False)
        assert store.outbox.waiting()[0] == 0
    assert len(post.sent) == 3
    store.close()


def test_target_whose_lock_is_mended_and_that_is_away_is_told() -> None:
    """Whoever mended the fleet file takes it for checked."""
    away = make_result(state="unreachable", report=None, error="no such container")
    (content,) = contents(away, before="misconfigured")
    assert told(content).title == "lockml: here: cannot be reached"
    (content,) = contents(make_result(state="misconfigured", report=None, error="no lock"), before="unreachable")
    assert told(content).title == "lockml: here: is misconfigured"
    assert contents(make_result(problems=True), before="unreachable") == []


def test_target_that_stays_unreadable_is_not_lost_again_by_a_new_finding() -> None:
    result = make_result(NUMPY, problems=True, state="incomplete")
    (content,) = contents(result, opened=[NUMPY], before="incomplete")
    assert told(content).title == "lockml: here: 1 new"


def test_quiet_hours_end_with_one_message_of_what_is_left(tmp_path: Path) -> None:
    rule = NotifyRule(name="q", urls=RULE.urls, quiet=(time(11), time(20)), zone="UTC")
    store, post = Store("sqlite:///a.db", tmp_path), Post()
    pandas = make_finding("pandas")
    record(store, rule, make_result(NUMPY), make_result(NUMPY, pandas, hours=1), make_result(pandas, hours=2))
    deliver(store, rule, post, 3)
    assert post.sent == []
    deliver(store, rule, post, 8)
    assert post.sent == [("json://hook.example/x", "lockml: here: 1 new")]
    store.close()


def test_message_of_a_rule_that_is_gone_is_let_go(tmp_path: Path) -> None:
    store, post = Store("sqlite:///a.db", tmp_path), Post()
    record(store, RULE, make_result(NUMPY))
    delivery = Delivery(store.outbox, "me", Log(), post)
    delivery.deliver({}, NOON + timedelta(hours=1))
    assert store.history.waiting_messages() == 1, "another process may know its address"
    delivery.deliver({}, NOON + timedelta(hours=30))
    assert (post.sent, store.history.waiting_messages()) == ([], 0)
    store.close()


@pytest.mark.slow
def test_address_that_apprise_does_not_know_is_refused_without_its_secret() -> None:
    check_addresses([RULE])
    with pytest.raises(InputError, match="scheme 'nosuch'") as caught:
        check_addresses([NotifyRule(name="x", urls=("nosuch://secret",))])
    assert "secret" not in str(caught.value)
