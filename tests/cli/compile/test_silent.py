"""What compile does not leave in silence: overlapping projects, denied ones, releases that it passes over."""

from pathlib import Path

import pytest

from tests.cli.process import TARGET, Outcome, run_lockml
from tests.made.indexes import Served, make_sdist
from tests.made.wheels import make_wheel, metadata_text, wheel_name

pytestmark = pytest.mark.loopback


def compiled(folder: Path, url: str, lines: str, *arguments: str) -> Outcome:
    (folder / "requirements.in").write_text(lines)
    return run_lockml("compile", *TARGET, "--index-url", url, *arguments, folder=folder)


@pytest.fixture(autouse=True)
def projects(served: Served) -> None:
    for name in ("cv", "cv-headless"):
        content = make_wheel(name, "1.0", files={"cv/__init__.py": name.encode()})
        served.file(name, wheel_name(name, "1.0"), content)
    served.wheel("app", "1.0", ["cv-headless"])
    archive = make_sdist("built", "2.0", metadata_text("built", "2.0", metadata_version="2.1"))
    served.file("built", "built-2.0.tar.gz", archive)
    served.wheel("built", "1.0")


def test_projects_that_overlap_are_one_warning_also_from_the_cache(tmp_path: Path, url: str) -> None:
    for arguments in ((), ("--upgrade",)):
        outcome = compiled(tmp_path, url, "cv\napp\n", *arguments)
        assert outcome.code == 0, outcome.err
        told = [line for line in outcome.err.splitlines() if "different files" in line]
        assert told == [
            "warning: cv 1.0 and cv-headless 1.0 install different files at the same path, cv/__init__.py: "
            "the last one installed wins"
        ]


def test_denied_project_is_refused_with_who_asks_for_it_also_where_it_is_locked(tmp_path: Path, url: str) -> None:
    assert compiled(tmp_path, url, "app\n").code == 0
    (tmp_path / "lockml.toml").write_text('[compile]\ndeny = ["CV_*"]\n')
    for arguments in ((), ("--check",), ("--upgrade",)):
        outcome = compiled(tmp_path, url, "app\n", *arguments)
        assert outcome.code == 3
        assert "cv-headless must not be locked (--deny): cv-headless <- app <- requirements.in" in outcome.err
    assert compiled(tmp_path, url, "cv\n").code == 0


def test_older_series_is_refused_until_it_is_accepted_and_then_stays(tmp_path: Path, url: str) -> None:
    refused = compiled(tmp_path, url, "built\n")
    assert refused.code == 3
    assert "--allow-build built" in refused.err
    assert not (tmp_path / "pylock.toml").exists()
    accepted = compiled(tmp_path, url, "built\n", "--accept-older", "Built")
    assert accepted.code == 0, accepted.err
    assert "warning: built 2.0 is passed over for 1.0: it has to be built" in accepted.err
    comment = "# passed over: built 2.0: it has to be built to learn what it needs (--allow-build built)"
    assert (tmp_path / "requirements.txt").read_text().count(comment) == 1
    again = compiled(tmp_path, url, "built\nsix\n")
    assert again.code == 0, again.err
    assert "built 2.0 is passed over for 1.0" in again.err
    assert comment in (tmp_path / "requirements.txt").read_text()
    assert compiled(tmp_path, url, "built\nsix\n", "--check").code == 0
    assert compiled(tmp_path, url, "built\nsix\n", "--upgrade").code == 3
