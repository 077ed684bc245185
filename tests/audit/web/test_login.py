"""Sessions and wrong tokens, by themselves."""

from datetime import UTC, datetime, timedelta

import pytest

from lockml.audit.web.login import Login, TooManyWrongTokensError

TOKEN = "0123456789abcdef"
START = datetime(2026, 1, 1, tzinfo=UTC)


def wrong(login: Login, address: str, times: int) -> None:
    for _ in range(times):
        assert login.begin("wrong", address) is None


def test_right_token_forgets_the_wrong_ones_before_it() -> None:
    login = Login(TOKEN, lambda: START)
    wrong(login, "10.0.0.1", 9)
    assert login.begin(TOKEN, "10.0.0.1")
    wrong(login, "10.0.0.1", 10)


def test_another_address_is_not_kept_out() -> None:
    login = Login(TOKEN, lambda: START)
    wrong(login, "10.0.0.1", 10)
    assert login.begin(TOKEN, "10.0.0.2")


def test_ipv4_address_in_ipv6_is_a_caller_of_its_own() -> None:
    """A socket that listens for both has every IPv4 address in one /64."""
    login = Login(TOKEN, lambda: START)
    wrong(login, "::ffff:10.0.0.1", 10)
    assert login.begin(TOKEN, "::ffff:10.0.0.2")
    with pytest.raises(TooManyWrongTokensError):
        login.begin(TOKEN, "10.0.0.1")


def test_host_with_many_ipv6_addresses_is_one_caller() -> None:
    login = Login(TOKEN, lambda: START)
    for number in range(10):
        wrong(login, f"2001:db8::{number}", 1)
    with pytest.raises(TooManyWrongTokensError):
        login.begin(TOKEN, "2001:db8::ffff")
    assert login.begin(TOKEN, "2001:db8:0:1::1")


def test_memory_is_bounded_whoever_asks() -> None:
    now = [START]
    login = Login(TOKEN, lambda: now[0])
    for number in range(10_100):
        login.begin("wrong", str(number))
        login.begin(TOKEN, "10.0.0.1") if number % 100 == 0 else None
    assert len(login._wrong) == 10_000
    now[0] += timedelta(days=1)
    login.begin(TOKEN, "10.0.0.1")
    assert len(login._sessions) == 1
