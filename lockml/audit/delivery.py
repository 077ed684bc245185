"""The delivery of messages that are due, by Apprise: to Slack, by mail, to webhooks."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from lockml.audit.config.model import NotifyRule
from lockml.audit.log import Log
from lockml.audit.messages import Notice, due_after_quiet, notice_of, without_mentions
from lockml.audit.store.outbox import SENT, Outbox, WaitingMessage
from lockml.common.errors import InputError

__all__ = ["SHORT_GAP", "Delivery", "Send", "check_addresses", "notice_for", "send_by_apprise"]

_LEASE: Final = timedelta(minutes=5)
_FIRST_PAUSE: Final = timedelta(seconds=30)
_LONGEST_PAUSE: Final = timedelta(hours=1)
_MOST_ATTEMPTS: Final = 50
_FOREIGN: Final = timedelta(days=1)
SHORT_GAP: Final = timedelta(seconds=30)
"""The pause after the first message to an address."""

_LONG_GAP: Final = timedelta(minutes=5)  # after the second, until there was none for twice as long

_VERBATIM: Final = frozenset({"form", "forms", "json", "jsons", "mailto", "mailtos", "xml", "xmls"})
"""The schemes of Apprise without mentions: a program may compare the names of targets in what they send."""

Send = Callable[[str, Notice], str | None]
"""Sends a notice to an address of Apprise and returns the error, None if there is none."""


class Delivery:
    """Sends messages that are due, each by one process, and tries again after a failure."""

    def __init__(self, outbox: Outbox, owner: str, log: Log, send: Send) -> None:
        self._outbox = outbox
        self._owner = owner
        self._log = log
        self._send = send

    def deliver(
        self, rules: Mapping[str, NotifyRule], now: datetime, base_url: str | None = None, *, paced: bool = True
    ) -> list[str]:
        """Send the messages that are due at *now* by *rules*, by name, and return an error for each failure.

        Messages to one address go in one notice; if *paced*, an address does not get notices too often. *base_url* is
        the address of the pages. Raises StoreError.
        """
        failures: list[str] = []
        batches: dict[tuple[str, int], list[list[WaitingMessage]]] = {}
        for group in self._outbox.take(self._owner, now, _LEASE):
            batches.setdefault((group[0].rule, group[0].address), []).append(group)
        for (name, address), groups in batches.items():
            rule = rules.get(name)
            if rule is None or address >= len(rule.urls):
                for group in groups:
                    self._put_off(group, now)
                continue
            ready = self._ready(rule, groups, now, self._next(name, address, now) if paced else now)
            failure = self._send_batch(rule, ready, now, base_url) if ready else None
            if failure is not None:
                failures.append(f"notify {rule.name!r}, {_about(ready)}: {failure}")
        return failures

    def _next(self, rule: str, address: int, now: datetime) -> datetime:
        """Return when an address may get its next notice: the first at once, the second soon, then one in a while."""
        lately = self._outbox.sendings(rule, address, now - 2 * _LONG_GAP)
        if not lately:
            return now
        return lately[0] + (SHORT_GAP if len(lately) == 1 else _LONG_GAP)

    def _ready(
        self, rule: NotifyRule, groups: Sequence[list[WaitingMessage]], now: datetime, pace: datetime
    ) -> list[list[WaitingMessage]]:
        """Return the messages to send now; the others wait: quiet hours, recently sent, or too many notices."""
        quiet = due_after_quiet(rule, now)
        for until, reason in ((quiet, "quiet hours"), (pace, "delayed to join later messages")):
            if until > now:
                self._outbox.postpone([message.id for group in groups for message in group], until, reason)
                return []
        ready = []
        for group in groups:
            repeated = self._sent_lately(rule, group, now)
            if repeated is None:
                ready.append(group)
            else:
                self._outbox.postpone([message.id for message in group], repeated, "the same text was sent recently")
        return ready

    def _sent_lately(self, rule: NotifyRule, group: Sequence[WaitingMessage], now: datetime) -> datetime | None:
        """Return until when *group* waits because its texts were sent recently, None if one of them was not."""
        moments = [self._outbox.last_sent(message) for message in group]
        lately = [sent + rule.repeat for sent in moments if sent is not None and sent + rule.repeat > now]
        return max(lately) if len(lately) == len(group) else None

    def _put_off(self, group: Sequence[WaitingMessage], now: datetime) -> None:
        """Keep messages without a known address for a day, as another process may know it; then drop them."""
        old = [message.id for message in group if now - message.created > _FOREIGN]
        self._outbox.settle(old, now, "the fleet file no longer has its address")
        young = [message.id for message in group if message.id not in old]
        self._outbox.postpone(young, now + timedelta(minutes=10), "this process does not know its address")

    def _send_batch(
        self, rule: NotifyRule, groups: Sequence[Sequence[WaitingMessage]], now: datetime, base_url: str | None
    ) -> str | None:
        sent: list[Sequence[WaitingMessage]] = []
        empty: list[Sequence[WaitingMessage]] = []
        for group in groups:
            (empty if notice_of([_contents(group)]) is None else sent).append(group)
        self._outbox.settle(_numbers(empty), now, "resolved before it was sent")
        notice = notice_of([_contents(group) for group in sent], base_url)
        if notice is None:
            return None
        failure = self._send(rule.urls[sent[0][0].address], notice)
        if failure is None:
            self._outbox.settle(_numbers(sent), now, SENT, "sent", merged=_numbers(each for each in sent if each[1:]))
            self._log("sent", rule=rule.name, targets=len(sent), title=notice.title)
        else:
            self._keep_failure(rule, sent, now, failure, notice.title)
        return failure

    def _keep_failure(
        self, rule: NotifyRule, groups: Sequence[Sequence[WaitingMessage]], now: datetime, failure: str, title: str
    ) -> None:
        """Let *groups* wait for the next attempt; drop messages that had enough attempts of their own."""
        facts = {"rule": rule.name, "targets": len(groups), "title": title, "error": failure}
        messages = [message for group in groups for message in group]
        given_up = [message.id for message in messages if message.attempts + 1 >= _MOST_ATTEMPTS]
        if given_up:
            reason = f"given up after {_MOST_ATTEMPTS} attempts: {failure}"
            self._outbox.settle(given_up, now, reason, "given-up")
            self._log("not-sent", **facts, messages=len(given_up), attempts=_MOST_ATTEMPTS)
        left = [message for message in messages if message.id not in set(given_up)]
        if left:
            attempts = max(message.attempts for message in left) + 1
            pause = min(_FIRST_PAUSE * 2 ** min(attempts - 1, 10), _LONGEST_PAUSE)
            self._outbox.postpone([message.id for message in left], now + pause, failure, failed=True)
            self._log("not-sent-yet", **facts, attempts=attempts)


def _contents(group: Sequence[WaitingMessage]) -> list[dict[str, Any]]:
    return [message.content for message in group]


def _numbers(groups: Iterable[Sequence[WaitingMessage]]) -> list[int]:
    return [message.id for group in groups for message in group]


def _about(groups: Sequence[Sequence[WaitingMessage]]) -> str:
    """Return the targets that the messages are about."""
    more = f" and {len(groups) - 1} more" if len(groups) > 1 else ""
    return f"on {groups[0][0].target}{more}"


def send_by_apprise(url: str, notice: Notice) -> str | None:
    """Send *notice* to *url* and return the error, None if there is none."""
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its log has addresses with their secrets
    server = apprise.Apprise()
    if not server.add(url):
        return f"Apprise does not support addresses of scheme {url.partition(':')[0]!r}"
    notice = notice_for(url, notice)
    sent = server.notify(
        title=notice.title,
        body=notice.body,
        body_format=apprise.NotifyFormat.TEXT,
        notify_type=getattr(apprise.NotifyType, notice.type.upper()),
    )
    return None if sent else "Apprise could not send it"


def notice_for(url: str, notice: Notice) -> Notice:
    """Return *notice* as it is sent to *url*: a chat must not notify people whom the name of a container mentions."""
    return notice if url.strip().partition(":")[0].lower() in _VERBATIM else without_mentions(notice)


def check_addresses(rules: Sequence[NotifyRule]) -> None:
    """Raise InputError for a rule with an address that Apprise does not support."""
    if not rules:
        return  # the import takes long
    import apprise

    for rule in rules:
        for url in rule.urls:
            if apprise.Apprise.instantiate(url, suppress_exceptions=True) is None:
                scheme = url.partition(":")[0]
                hint = "json://HOST/PATH posts JSON; the documentation of Apprise lists all schemes"
                raise InputError(
                    f"notify {rule.name!r}", f"Apprise does not support its address of scheme {scheme!r}", hint=hint
                )
