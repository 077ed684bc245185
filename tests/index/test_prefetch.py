import _thread
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lockml.index.prefetch import PrefetchedResults


@pytest.fixture
def fetched() -> Iterator[PrefetchedResults[str, str]]:
    with ThreadPoolExecutor(8) as pool:
        yield PrefetchedResults[str, str](pool, threading.Lock())


def test_what_is_kept_is_taken_and_nothing_is_fetched(fetched: PrefetchedResults[str, str]) -> None:
    fetched.begin("key", lambda: "kept", lambda: pytest.fail("fetched"))
    assert fetched.result("key") == "kept"
    assert fetched.result("key") == "kept"


def test_what_is_asked_for_twice_is_fetched_once(fetched: PrefetchedResults[str, str]) -> None:
    calls: list[str] = []

    def fetch() -> object:
        calls.append("fetched")
        return lambda: "found"

    for _ in range(3):
        fetched.begin("key", lambda: None, fetch)  # type: ignore[arg-type]
        assert fetched.result("key") == "found"
    assert calls == ["fetched"]


@pytest.mark.parametrize("where", ["kept", "fetch", "read"])
def test_error_is_raised_where_the_result_is_asked_for(fetched: PrefetchedResults[str, str], where: str) -> None:
    def fail() -> None:
        raise LookupError(where)

    kept = fail if where == "kept" else lambda: None
    read = fail if where == "read" else lambda: None
    fetched.begin("key", kept, fail if where == "fetch" else lambda: read)  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(LookupError, match=where):
            fetched.result("key")


@pytest.mark.slow
def test_long_chain_of_what_is_kept_is_followed_to_its_end(fetched: PrefetchedResults[str, str]) -> None:
    length, ended = 5_000, threading.Event()

    def follow(number: str) -> None:
        following = int(number) + 1
        if following == length:
            ended.set()
        else:
            fetched.begin(str(following), lambda: str(following), lambda: pytest.fail("fetched"), follow)

    fetched.begin("0", lambda: None, lambda: lambda: "0", follow)
    assert ended.wait(10)


def test_who_waits_does_idle_work() -> None:
    work, done = ["one", "two", "three"], threading.Event()

    def idle_work() -> bool:
        if not work:
            return False
        work.pop()
        if not work:
            done.set()
        return True

    def fetch() -> object:
        assert done.wait(10)
        return lambda: "found"

    with ThreadPoolExecutor(1) as pool:
        fetched = PrefetchedResults[str, str](pool, threading.Lock(), idle_work)
        fetched.begin("key", lambda: None, fetch)  # type: ignore[arg-type]
        assert fetched.result("key") == "found"


def test_waiting_is_done_at_once_and_reading_in_turn(fetched: PrefetchedResults[str, str]) -> None:
    waiting = threading.Barrier(5, timeout=10)  # passes only if five fetch at once
    reading = threading.Lock()

    def fetch() -> object:
        waiting.wait()

        def read() -> str:
            assert reading.acquire(blocking=False)
            reading.release()
            return "found"

        return read

    for key in "abcde":
        fetched.begin(key, lambda: None, fetch)  # type: ignore[arg-type]
    assert [fetched.result(key) for key in "abcde"] == ["found"] * 5


def test_what_arrives_is_followed_and_so_is_what_is_kept_on_the_way(fetched: PrefetchedResults[str, str]) -> None:
    seen: list[str] = []
    done = threading.Event()

    def follow(found: str) -> None:
        seen.append(found)
        if found == "first":
            fetched.begin("second", lambda: "second", lambda: lambda: None, follow)
        else:
            done.set()

    fetched.begin("first", lambda: None, lambda: lambda: "first", follow)
    assert done.wait(10)
    assert seen == ["first", "second"]


def test_what_is_kept_is_not_followed_by_who_only_asks(fetched: PrefetchedResults[str, str]) -> None:
    fetched.begin("key", lambda: "kept", lambda: lambda: None, lambda _: pytest.fail("followed"))
    assert fetched.result("key") == "kept"


@pytest.mark.slow
def test_interrupt_just_before_a_wait_is_heard_while_nothing_comes(fetched: PrefetchedResults[str, str]) -> None:
    """What `interrupt_main` does wakes no lock, as a signal that arrives just before one is waited for."""
    answered = threading.Event()
    late = threading.Timer(10, answered.set)
    late.start()
    asked = threading.Event()

    def fetch() -> Callable[[], str]:
        asked.set()
        answered.wait()
        return lambda: "found"

    def interrupt() -> None:
        asked.wait()
        time.sleep(0.1)  # the test waits by now
        _thread.interrupt_main()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests may ignore it
    fetched.begin("key", lambda: None, fetch)
    threading.Thread(target=interrupt).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            fetched.result("key")
        assert not answered.is_set()
    finally:
        signal.signal(signal.SIGINT, before)
        late.cancel()
        answered.set()
