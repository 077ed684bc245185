import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.corpus import CORPUS
from tests.fuzz.targets import TARGETS

changes = st.lists(st.tuples(st.integers(0), st.binary(max_size=8)), max_size=6)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_nothing_breaks_what_reads_it(name: str) -> None:
    """What is not as it should be raises what says so, and nothing else."""

    @settings(max_examples=60, deadline=None)
    @given(st.sampled_from(CORPUS[name]), changes, st.integers(0, 3))
    def broken(content: bytes, edits: list[tuple[int, bytes]], cut: int) -> None:
        changed = bytearray(content)
        for at, put in edits:
            place = at % (len(changed) + 1)
            changed[place : place + len(put)] = put
        TARGETS[name](bytes(changed[: len(changed) // cut]) if cut else bytes(changed))

    broken()


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_read(name: str) -> None:
    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=2000))
    def read(content: bytes) -> None:
        TARGETS[name](content)

    read()
