"""Messages that are due in, notifications out: Apprise sends them, to Slack, by mail, to webhooks."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from lockml.audit.config.model import NotifyRule
from lockml.audit.log import Log
from lockml.audit.messages import Notice, due_after_quiet, notice_of
from lockml.audit.store.outbox import SENT, Outbox, WaitingMessage
from lockml.common.errors import InputError

__all__ = ["Delivery", "Send", "check_addresses", "send_by_apprise"]

_LEASE: Final = timedelta(minutes=5)
_FIRST_PAUSE: Final = timedelta(seconds=30)
_LONGEST_PAUSE: Final = timedelta(hours=1)
_MOST_ATTEMPTS: Final = 50
_FOREIGN: Final = timedelta(days=1)

Send = Callable[[str, Notice], str | None]
"""Apprise's address and what to send in; why it could not be sent out, None where it was."""


class Delivery:
    """Sends what is due, each message by one process, again where it could not be."""

    def __init__(self, outbox: Outbox, owner: str, log: Log, send: Send) -> None:
        self._outbox = outbox
        self._owner = owner
        self._log = log
        self._send = send

    def deliver(self, rules: Mapping[str, NotifyRule], now: datetime) -> list[str]:
        """Send what is due at *now* by the rules of these names, and return why something could not be sent.

        Raises StoreError.
        """
        failures: list[str] = []
        silent: set[tuple[str, int]] = set()  # addresses that did not answer: the next message to them waits
        for group in self._outbox.take(self._owner, now, _LEASE):
            rule = rules.get(group[0].rule)
            ids = [message.id for message in group]
            address = (group[0].rule, group[0].address)
            if rule is None or group[0].address >= len(rule.urls):
                self._put_off(group, now)
                continue
            wait = now + _FIRST_PAUSE if address in silent else self._wait(rule, group, now)
            if wait is not None:
                self._outbox.postpone(ids, wait, "it waits: the same was told lately, it is quiet, or nobody answers")
                continue
            failure = self._deliver_group(rule, group, now)
            if failure is not None:
                silent.add(address)
                failures.append(f"notify {rule.name!r}, on {group[0].target}: {failure}")
        return failures

    def _wait(self, rule: NotifyRule, group: Sequence[WaitingMessage], now: datetime) -> datetime | None:
        """Return until when *group* waits, as it is quiet or the same was told lately; None to send it now."""
        quiet = due_after_quiet(rule, now)
        if quiet > now:
            return quiet
        moments = [self._outbox.last_sent(message) for message in group]
        lately = [sent + rule.repeat for sent in moments if sent is not None and sent + rule.repeat > now]
        return max(lately) if len(lately) == len(group) else None

    def _put_off(self, group: Sequence[WaitingMessage], now: datetime) -> None:
        """Keep for a day what another process may know the address of; after that the fleet file has it no more."""
        old = [message.id for message in group if now - message.created > _FOREIGN]
        self._outbox.settle(old, now, "the fleet file does not have its address any more")
        young = [message.id for message in group if message.id not in old]
        self._outbox.postpone(young, now + timedelta(minutes=10), "this process does not know its address")

    def _deliver_group(self, rule: NotifyRule, group: Sequence[WaitingMessage], now: datetime) -> str | None:
        ids = [message.id for message in group]
        notice = notice_of([message.content for message in group])
        if notice is None:
            self._outbox.settle(ids, now, "resolved before it was told")
            return None
        failure = self._send(rule.urls[group[0].address], notice)
        attempts = max(message.attempts for message in group) + 1
        if failure is None:
            self._outbox.settle(ids, now, SENT)
            self._log("told", rule=rule.name, target=group[0].target, title=notice.title)
        elif attempts >= _MOST_ATTEMPTS:
            self._outbox.settle(ids, now, f"given up after {attempts} attempts: {failure}")
            self._log("not-told", rule=rule.name, target=group[0].target, error=failure, attempts=attempts)
        else:
            pause = min(_FIRST_PAUSE * 2 ** min(attempts - 1, 10), _LONGEST_PAUSE)
            self._outbox.postpone(ids, now + pause, failure)
            self._log("not-told-yet", rule=rule.name, target=group[0].target, error=failure, attempts=attempts)
        return failure


def send_by_apprise(url: str, notice: Notice) -> str | None:
    """Send *notice* to *url*, and say why that failed, None where it did not."""
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it names addresses with their secrets
    server = apprise.Apprise()
    if not server.add(url):
        return f"apprise does not know the address of scheme {url.partition(':')[0]!r}"
    sent = server.notify(title=notice.title, body=notice.body, body_format=apprise.NotifyFormat.TEXT)
    return None if sent else "it could not be sent"


def check_addresses(rules: Sequence[NotifyRule]) -> None:
    """Raise InputError for a rule with an address that Apprise does not know."""
    if not rules:
        return  # it takes long to import
    import apprise

    for rule in rules:
        for url in rule.urls:
            if apprise.Apprise.instantiate(url, suppress_exceptions=True) is None:
                scheme = url.partition(":")[0]
                hint = "json://HOST/PATH posts JSON; Apprise's documentation lists all"
                raise InputError(
                    f"notify {rule.name!r}", f"its address of scheme {scheme!r} is not Apprise's", hint=hint
                )
