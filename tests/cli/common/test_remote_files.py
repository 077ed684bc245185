"""Requirement and constraint files of servers, as Airflow and others publish them."""

from pathlib import Path
from tomllib import loads

import httpx
import pytest

from tests.cli.process import TARGET, Outcome, run_lockml
from tests.made.indexes import Served
from tests.made.servers import serve

pytestmark = pytest.mark.loopback


@pytest.fixture
def served() -> Served:
    served = Served()
    served.wheel("six", "1.0")
    served.wheel("six", "1.1")
    publish(served, "six==1.0\n")
    return served


def publish(served: Served, constraints: str) -> None:
    served.answers["/c.txt"] = lambda _: httpx.Response(200, text=constraints)


def compiled(folder: Path, url: str, *arguments: str) -> Outcome:
    return run_lockml("compile", *arguments, *TARGET, "--index-url", url, folder=folder)


def test_file_of_a_server_is_read_recorded_and_held_against_the_lock(tmp_path: Path, served: Served) -> None:
    with serve(served) as url:
        place = f"{url.removesuffix('/simple/')}/c.txt"
        (tmp_path / "requirements.in").write_text(f"-c {place.replace('//', '//me:secret@')}\nsix\n")
        assert compiled(tmp_path, url).code == 0
        lock = (tmp_path / "pylock.toml").read_text()
        assert list(loads(lock)["tool"]["lockml"]["stated"]) == [place]
        assert compiled(tmp_path, url, "--check").code == 0
        publish(served, "six==1.1\n")
        checked = compiled(tmp_path, url, "--check")
        assert (checked.code, f"the metadata of {place} has changed" in checked.out) == (1, True)
        assert "six==1.0 " in (tmp_path / "requirements.txt").read_text()
        assert compiled(tmp_path, url).code == 0, "no kept result is taken for it"
        assert "six==1.1 " in (tmp_path / "requirements.txt").read_text()
        assert "secret" not in (tmp_path / "pylock.toml").read_text() + (tmp_path / "requirements.txt").read_text()
    assert compiled(tmp_path, url, "--check", "--offline").code == 0


def test_file_that_the_server_does_not_have_is_told_with_its_line(tmp_path: Path, served: Served) -> None:
    with serve(served) as url:
        place = f"{url.removesuffix('/simple/')}/no.txt"
        (tmp_path / "requirements.in").write_text(f"six\n-r {place}\n")
        line = compiled(tmp_path, url)
        named = compiled(tmp_path, url, "-c", place)
    assert (line.code, named.code) == (2, 2)
    assert f"requirements.in:2: {place}: no such file: the server answers 404" in line.err


def test_input_itself_can_be_of_a_server(tmp_path: Path, served: Served) -> None:
    with serve(served) as url:
        place = f"{url.removesuffix('/simple/')}/c.txt"
        assert compiled(tmp_path, url, place).code == 0
    assert f"    # via -r {place}\n" in (tmp_path / "requirements.txt").read_text()
