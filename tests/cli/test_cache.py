import json
import os
import stat
import time
from pathlib import Path

import pytest

from lockml.index.cache.store import Cache
from tests.cli.process import Outcome, run_lockml

pytestmark = pytest.mark.process

DAY = 86400


def cache(folder: Path, *arguments: str) -> Outcome:
    return run_lockml("cache", *arguments, folder=folder)


def fill(folder: Path) -> Path:
    """Make a cache with something of each kind, young and old, and what is not ours."""
    kept = folder / "cache"
    for name in ("pages-1", "digests-1", "trees-1", "trees-0", "inventories-1", "standing-2", "other-1"):
        (kept / name).mkdir(parents=True)
        for age in (1, 60):
            file = kept / name / f"{age}-days"
            file.write_bytes(b"x" * 500)
            os.utime(file, (time.time() - age * DAY,) * 2)
    (kept / "mine.txt").write_text("not lockml's")
    (kept / "index-1.sqlite").write_text("of an earlier lockml")
    index = Cache(kept)
    index.keep_fact("key", b"value")
    index.close()
    return kept


def test_dir_is_where_it_is(tmp_path: Path) -> None:
    assert cache(tmp_path, "dir").out == f"{tmp_path}/cache\n"


def test_info_counts_what_is_kept_by_kind(tmp_path: Path) -> None:
    fill(tmp_path)
    kinds = json.loads(cache(tmp_path, "info", "--format", "json").out)["kinds"]
    assert {kind: each["files"] for kind, each in kinds.items() if kind != "index"} == {
        "pages": 2,
        "digests": 2,
        "trees": 4,
        "inventories": 2,
        "standing": 2,
    }
    assert kinds["index"]["bytes"] > 0
    assert "hashes of image files" in cache(tmp_path, "info").out


def test_info_of_nothing_says_so(tmp_path: Path) -> None:
    outcome = cache(tmp_path, "info")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", f"{tmp_path}/cache is empty\n")


def test_prune_removes_what_nobody_has_used_for_a_while(tmp_path: Path) -> None:
    kept = fill(tmp_path)
    outcome = cache(tmp_path, "prune")
    assert outcome.err == "removed 12 files, 0.0 MB\n"
    assert sorted(path.name for path in (kept / "standing-2").iterdir()) == ["1-days"]
    assert (kept / "mine.txt").exists()
    assert len(list((kept / "other-1").iterdir())) == 2
    index = Cache(kept)
    assert index.fact("key") == b"value"
    index.close()


def test_prune_removes_what_earlier_versions_kept_however_young(tmp_path: Path) -> None:
    kept = fill(tmp_path)
    for name in ("digests-2", "trees-5", "inventories-5", "pages-2", "answers-1"):
        (kept / name).mkdir(exist_ok=True)
        (kept / name / "young").write_text("")
    assert cache(tmp_path, "prune").code == 0
    assert sorted(path.name for path in kept.iterdir() if path.is_dir()) == [
        "answers-1",
        "digests-2",
        "inventories-5",
        "other-1",
        "pages-2",
        "standing-2",
        "trees-5",
    ]
    assert all((kept / name / "young").exists() for name in ("digests-2", "trees-5", "answers-1"))


def test_prune_all_leaves_only_what_is_not_lockmls(tmp_path: Path) -> None:
    kept = fill(tmp_path)
    assert cache(tmp_path, "prune", "--all").code == 0
    assert sorted(path.name for path in kept.rglob("*") if path.is_file()) == ["1-days", "60-days", "mine.txt"]


def test_prune_follows_no_link_out_of_the_cache(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("precious")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "trees-1").symlink_to(outside)
    (tmp_path / "cache" / "digests-1").mkdir()
    (tmp_path / "cache" / "digests-1" / "link").symlink_to(outside / "file")
    assert cache(tmp_path, "prune", "--all").code == 0
    assert (outside / "file").read_text() == "precious"


def test_age_that_is_none_is_refused(tmp_path: Path) -> None:
    outcome = cache(tmp_path, "prune", "--older-than", "soon")
    assert (outcome.code, "is not a duration" in outcome.err) == (2, True)


def caught(folder: Path, *arguments: str) -> Outcome:
    """Compile nothing, which reads and writes the cache."""
    (folder / "requirements.in").write_text("")
    return run_lockml("compile", "--no-index", "--python", "3.11", "requirements.in", *arguments, folder=folder)


def test_cache_is_made_for_its_user_alone(tmp_path: Path) -> None:
    assert caught(tmp_path).code == 0
    made = [tmp_path / "cache", *(tmp_path / "cache").rglob("*")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o700, 0o600}
    assert "answers-1" in {path.name for path in made}


def test_cache_that_others_could_write_to_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / "cache" / "answers-1").mkdir(parents=True)
    for path in (tmp_path / "cache", tmp_path / "cache" / "answers-1"):
        path.chmod(0o777)
    outcome = caught(tmp_path)
    assert (outcome.code, "warning" in outcome.err) == (0, False)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "cache").rglob("*")} == {0o700, 0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes folders of another user")
def test_cache_of_another_user_is_done_without_and_said(tmp_path: Path) -> None:
    """As with `sudo lockml`, whose HOME is the user's."""
    (tmp_path / "cache").mkdir()
    os.chown(tmp_path / "cache", 1000, 1000)
    outcome = caught(tmp_path)
    assert outcome.code == 0
    (told,) = (line for line in outcome.err.splitlines() if line.startswith("warning"))
    cache_folder = tmp_path / "cache"
    assert told == (
        f"warning: not using the cache {cache_folder}: it belongs to user 1000; "
        "choose a folder of your own with --cache-dir"
    )
    assert list((tmp_path / "cache").iterdir()) == []
    assert "warning" not in caught(tmp_path, "--cache-dir", "own").err
    assert (tmp_path / "own" / "answers-1").is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes folders of another user")
def test_check_without_a_cache_says_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    os.chown(tmp_path / "cache", 1000, 1000)
    assert caught(tmp_path).code == 0
    (tmp_path / "venv").mkdir()
    told = [run_lockml("check", "--path", "venv", *more, folder=tmp_path).err for more in ((), ("--no-cache",))]
    assert ["not using" in each for each in told] == [True, False]
