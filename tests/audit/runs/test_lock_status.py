"""How a lock stands today: what its index and its registry say, kept for a while, and unknown where nobody answers."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from lockml.audit.runs.lock_status import LockStatus, LockStatusSettings, check_lock_status
from lockml.audit.runs.run_cache import LockFile, RunCache
from lockml.lock.model import BaseImage, Lock
from lockml.lock.status.index_status import PinStatus, find_pin_statuses
from lockml.resolution.model import Policy
from tests.audit.made import NOON
from tests.made.images import saved, tar_of
from tests.made.indexes import MemoryIndex, Served
from tests.made.locks import lock_of
from tests.made.servers import serve


def locked() -> tuple[MemoryIndex, Lock]:
    index = MemoryIndex()
    index.add("a", "1.0", ["b<2"])
    index.add("b", "1.0")
    return index, lock_of(index, "a")


def facts(lock: Lock, index: MemoryIndex) -> list[PinStatus]:
    return list(find_pin_statuses(lock, index, Policy()))


def test_lock_that_stands_as_it_did_has_nothing_to_tell() -> None:
    index, lock = locked()
    assert facts(lock, index) == []


def test_newer_release_is_told_where_every_requirement_allows_it() -> None:
    index, lock = locked()
    index.add("a", "1.1", ["b<2"])
    index.add("b", "2.0")
    (fact,) = facts(lock, index)
    assert (fact.kind, fact.name, fact.locked, fact.found) == ("newer-release", "a", "1.0", "1.1")
    assert fact.fix == "lockml compile --upgrade-package a"


def test_release_that_was_yanked_since_is_told_with_the_reason() -> None:
    """PEP 592."""
    _, lock = locked()
    index = MemoryIndex()
    index.add("a", "1.0", yanked="breaks on Sundays")
    index.add("b", "1.0")
    (fact,) = facts(lock, index)
    assert (fact.kind, fact.detail) == ("yanked", "1.0 was yanked: breaks on Sundays")


@pytest.mark.parametrize("status", ["quarantined", "archived", "deprecated"])
def test_project_that_was_withdrawn_is_told(status: str) -> None:
    """PEP 792."""
    index, lock = locked()
    index.status["b"] = {"status": status, "reason": "because"}  # type: ignore[index] # it is normalized
    index._pages.clear()
    assert [(each.kind, each.name, each.found) for each in facts(lock, index) if each.kind == "withdrawn"] == [
        ("withdrawn", "b", status)
    ]


def test_hash_that_the_index_does_not_offer_any_more_is_told() -> None:
    _, lock = locked()
    index = MemoryIndex()
    index.add("a", "1.0", hashes={"sha256": "0" * 64})
    gone = facts(lock, index)
    assert [(each.kind, each.name) for each in gone] == [("file-gone", "a"), ("file-gone", "b")]
    assert gone[0].detail.startswith("the index does not offer 1 of 1 locked files any more, by their hashes: a-1.0")
    assert gone[1].detail == "the index does not have the project any more"


def test_file_of_a_page_without_hashes_is_not_gone() -> None:
    _, lock = locked()
    index = MemoryIndex()
    index.add("a", "1.0", ["b<2"], hashes={}, yanked="broken")
    index.add("b", "1.0", hashes={"md5": "0" * 32})
    assert [(each.kind, each.name) for each in facts(lock, index)] == [("yanked", "a")]


@pytest.fixture
def served() -> Served:
    served = Served()
    served.wheel("a", "1.0")
    return served


@pytest.fixture
def index_url(served: Served) -> Iterator[str]:
    with serve(served) as url:
        yield url


def file_of(lock: Lock, folder: Path) -> LockFile:
    """Return *lock* as the file in *folder*."""
    return LockFile(path=folder / "pylock.toml", text="text", sha256="0" * 64, key="0" * 64, lock=lock)


def status_of(
    lock: Lock, folder: Path, hours: float = 0, base_image: str | None = None, *, asked: bool = True
) -> LockStatus:
    settings = LockStatusSettings(asked=asked, every=timedelta(hours=6), base_image=base_image)
    cache = RunCache(folder / "cache")
    found = check_lock_status(file_of(lock, folder), settings, cache, NOON + timedelta(hours=hours))
    found.unknown = [each for each in found.unknown if each.kinds != ("lock-outdated",)]
    return found


def test_inputs_that_are_not_there_or_cannot_be_read_are_unknown(tmp_path: Path) -> None:
    _, lock = locked()
    settings = LockStatusSettings(asked=False, every=timedelta(hours=6), base_image=None)
    cache = RunCache(None)

    def told(minutes: int) -> LockStatus:
        return check_lock_status(file_of(lock, tmp_path), settings, cache, NOON + timedelta(minutes=minutes))

    assert [each.kinds for each in told(0).unknown] == [("lock-outdated",)]
    (tmp_path / "requirements.in").write_text("a\n")
    assert (told(2).findings, told(2).unknown) == ([], [])
    (tmp_path / "requirements.in").write_text("a>=\n")
    assert (told(4).findings, [each.kinds for each in told(4).unknown]) == ([], [("lock-outdated",)])
    (tmp_path / "requirements.in").write_text("a>=2\n")
    assert [each.kind for each in told(6).findings] == ["lock-outdated"]


def test_file_outside_the_folder_of_the_lock_is_not_quoted(tmp_path: Path) -> None:
    """Who reads the pages may not be who may read that file."""
    _, lock = locked()
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "secret").write_text("hunter2 is the password")
    (folder / "requirements.in").write_text("-r ../secret\n")
    settings = LockStatusSettings(asked=False, every=timedelta(hours=6), base_image=None)
    (unknown,) = check_lock_status(file_of(lock, folder), settings, RunCache(None), NOON).unknown
    assert "secret:1: is not a line of a requirement file" in unknown.reason
    assert "hunter2" not in unknown.reason


def advisory(**changes: object) -> dict[str, object]:
    usual: dict[str, object] = {"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "fixed_in": ["1.1"]}
    return {**usual, "summary": "It says too much.", "withdrawn": None, **changes}


@pytest.mark.loopback
def test_vulnerabilities_are_those_that_the_json_api_lists(served: Served, index_url: str, tmp_path: Path) -> None:
    listed = [advisory(), advisory(id="PYSEC-2", withdrawn="2026-01-01")]
    served.answers["/pypi/a/1.0/json"] = lambda _: httpx.Response(200, json={"info": {}, "vulnerabilities": listed})
    lock = lock_of(memory_of(served), "a", index_url=index_url)
    found = status_of(lock, tmp_path)
    (vulnerability,) = found.findings
    assert (vulnerability.kind, vulnerability.name, vulnerability.found) == ("vulnerability", "a", "PYSEC-2026-1")
    assert vulnerability.detail == "PYSEC-2026-1 (CVE-2026-1), fixed in 1.1: It says too much."
    assert found.unknown == []


@pytest.mark.loopback
def test_index_without_the_json_api_makes_them_unknown_and_not_none(
    served: Served, index_url: str, tmp_path: Path
) -> None:
    found = status_of(lock_of(memory_of(served), "a", index_url=index_url), tmp_path)
    assert found.findings == []
    (unknown,) = found.unknown
    assert (unknown.kinds, unknown.names) == (("vulnerability",), ("a",))
    assert unknown.reason == f"{index_url}: does not list vulnerabilities"
    count = len(served.requests)
    assert status_of(lock_of(memory_of(served), "a", index_url=index_url), tmp_path, 5).asked_at == NOON
    assert len(served.requests) == count, "it will have none in five minutes either"


@pytest.mark.loopback
def test_index_is_asked_once_in_a_while_and_sooner_where_it_did_not_answer(
    served: Served, index_url: str, tmp_path: Path
) -> None:
    lock = lock_of(memory_of(served), "a", index_url=index_url)
    served.answers["/pypi/a/1.0/json"] = lambda _: httpx.Response(200, json={"vulnerabilities": []})
    status_of(lock, tmp_path)
    count = len(served.requests)
    status_of(lock, tmp_path, 5)
    assert len(served.requests) == count
    del served.answers["/pypi/a/1.0/json"]
    assert status_of(lock, tmp_path, 7).asked_at == NOON + timedelta(hours=7)
    away = lock_of(memory_of(served), "a", index_url="http://127.0.0.1:9/simple/")
    (unknown,) = status_of(away, tmp_path / "away").unknown
    assert unknown.kinds == ("newer-release", "yanked", "withdrawn", "file-gone", "vulnerability")
    assert status_of(away, tmp_path / "away", 0.05).asked_at == NOON
    assert status_of(away, tmp_path / "away", 0.2).asked_at == NOON + timedelta(hours=0.2)


def memory_of(served: Served) -> MemoryIndex:
    """Return an index that has what *served* lists."""
    index = MemoryIndex()
    for name, entries in served.pages.items():
        for entry in entries:
            index.add(name, "1.0", hashes=entry["hashes"])
    return index


def test_base_image_that_the_lock_does_not_name_is_unknown(tmp_path: Path) -> None:
    _, lock = locked()
    (unknown,) = status_of(lock, tmp_path, base_image="registry:registry.example/base:1", asked=False).unknown
    assert unknown.kinds == ("base-image-moved",)
    assert "lockml compile --base-image" in unknown.reason


@pytest.mark.slow
@pytest.mark.parametrize("where", ["base", "nosuch:base", "path:"])
def test_base_image_must_be_named_by_kind(tmp_path: Path, where: str) -> None:
    _, lock = locked()
    based = Lock(pylock=lock.pylock, targets=lock.targets, base_image=BaseImage(reference="x", layers=("sha256:1",)))
    (unknown,) = status_of(based, tmp_path, base_image=where, asked=False).unknown
    assert "is not KIND:NAME" in unknown.reason


def test_base_image_that_moves_again_is_another_finding_below_the_same_last_layer(tmp_path: Path) -> None:
    """A last layer is often the same file again: whoever has seen the first move has not seen the second."""
    _, lock = locked()
    based = Lock(pylock=lock.pylock, targets=lock.targets, base_image=BaseImage(reference="x", layers=("sha256:1",)))
    last = tar_of({"etc/last": b"same"})
    found = []
    for number in (1, 2):
        layers = {"a.tar": tar_of({"etc/os-release": b"VERSION=%d" % number}), "b.tar": last}
        (tmp_path / f"{number}.tar").write_bytes(tar_of(saved(layers, tags=["base:1"])))
        told = status_of(based, tmp_path, base_image=f"archive:{tmp_path}/{number}.tar", asked=False)
        found += told.findings
    assert [each.kind for each in found] == ["base-image-moved"] * 2
    assert found[0].found == found[1].found
    assert found[0].fingerprint != found[1].fingerprint
