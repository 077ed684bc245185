"""Which container is checked against which lock."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from lockml.cli.check.services import select_services
from lockml.common.errors import InputError, NotFoundError
from lockml.subjects.engine.api import Engine, EngineAddress, ListedContainer
from lockml.subjects.engine.compose import ComposeProject, read_project


class NumberedEngine(Engine):
    """An engine that has as many containers of each service."""

    def __init__(self, **counts: int) -> None:
        super().__init__(EngineAddress())
        self._counts = counts

    def containers(self, labels: Mapping[str, str]) -> list[ListedContainer]:
        service = labels["com.docker.compose.service"]
        return [
            ListedContainer(names=[f"/{service}-{n}"], labels={"com.docker.compose.container-number": str(n)})
            for n in range(1, self._counts.get(service, 0) + 1)
        ]


LABELLED = (
    "services:\n  web: {labels: {lockml.lock: locks/web.toml}}\n  train: {}\n  db: {}\n  gpu: {profiles: [gpu]}\n"
)
ENGINE = NumberedEngine(web=2, train=1, db=1)


def project(folder: Path, text: str = LABELLED, behind: str = "") -> ComposeProject:
    file = folder / "compose.yaml"
    file.write_text(text)
    return read_project((f"{file}{behind}",), None, {})


def selected(of: ComposeProject, *given: str, engine: Engine = ENGINE) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    checks, left_out = select_services(engine, of, given, "pylock.toml")
    return {f"{each.subject.service}={each.subject.name}": each.locks for each in checks}, left_out


def test_services_with_a_lock_are_checked_and_the_others_named(tmp_path: Path) -> None:
    found, left_out = selected(project(tmp_path), "train=train.toml")
    of_web = (str(tmp_path / "locks/web.toml"),)
    assert found == {"web.1=web-1": of_web, "web.2=web-2": of_web, "train=train-1": ("train.toml",)}
    assert left_out == ["db", "gpu"]


def test_option_counts_before_the_label_and_the_plain_lock_is_for_all_others(tmp_path: Path) -> None:
    found, left_out = selected(project(tmp_path), "web=w.toml", "all.toml")
    assert found["web.1=web-1"] == ("w.toml",)
    assert (found["train=train-1"], found["db=db-1"], left_out) == (("all.toml",), ("all.toml",), [])


def test_one_service_needs_no_lock_of_its_own(tmp_path: Path) -> None:
    assert selected(project(tmp_path, behind=":db")) == ({"db=db-1": ("pylock.toml",)}, [])
    assert selected(project(tmp_path, "services: {db: {}}"), "x.toml") == ({"db=db-1": ("x.toml",)}, [])


def test_several_services_without_locks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has 2 services: web, db") as told:
        selected(project(tmp_path, "services: {web: {}, db: {}}"))
    assert "--lock web=FILE" in str(told.value.hint)


def test_lock_of_a_service_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no service 'wbe'"):
        selected(project(tmp_path), "wbe=x.toml")


def test_service_with_a_lock_and_no_container_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="services 'web', 'train'"):
        selected(project(tmp_path), "train=t.toml", engine=NumberedEngine(db=1))


def test_service_of_a_profile_that_is_not_started_is_passed_over(tmp_path: Path) -> None:
    found, _ = selected(project(tmp_path), "all.toml")
    assert not any(name.startswith("gpu") for name in found)
    with pytest.raises(NotFoundError, match="gpu"):
        selected(project(tmp_path), "gpu=g.toml")
