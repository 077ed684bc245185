import shutil
from pathlib import Path

import pytest

from tests.fuzz.tar_archives import make_archive
from tests.fuzz.tar_differential import difference
from tests.fuzz.tar_readers import GoReader, by_tarfile


@pytest.mark.process
def test_what_lockml_accepts_other_readers_read_the_same() -> None:
    """`python -m tests.fuzz.tar_differential SECONDS` does the same for as long as one wants, with Go's reader."""
    told = [difference(make_archive(seed), [by_tarfile], gnu=not seed % 10) for seed in range(1500)]
    assert {each for each in told if each} == set()
    assert sum(each is not None for each in told) > 200


@pytest.mark.skipif(shutil.which("go") is None, reason="Go, whose reader engines use, is not here")
@pytest.mark.process
def test_what_lockml_accepts_go_reads_the_same(tmp_path: Path) -> None:
    go = GoReader(tmp_path)
    told = [difference(make_archive(seed), [go.read], gnu=False) for seed in range(5000, 9000)]
    go.close()
    assert {each for each in told if each} == set()
