from collections.abc import Mapping
from pathlib import Path

import pytest

from lockml.common.errors import InputError, LockmlError
from lockml.subjects.engine.api import Engine, EngineAddress, ListedContainer
from lockml.subjects.engine.compose import find_service


class LabelledEngine(Engine):
    """An engine that knows containers by their labels."""

    def __init__(self, containers: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__(EngineAddress())
        self._known = containers

    def containers(self, labels: Mapping[str, str]) -> list[ListedContainer]:
        found = (name for name, own in self._known.items() if labels.items() <= own.items())
        return [ListedContainer(names=[name], labels=dict(self._known[name])) for name in sorted(found)]


def labels(project: str, service: str, number: int) -> dict[str, str]:
    return {
        "com.docker.compose.project": project,
        "com.docker.compose.service": service,
        "com.docker.compose.container-number": str(number),
    }


ENGINE = LabelledEngine(
    {
        "shop-web-1": labels("shop", "web", 1),
        "shop-web-2": labels("shop", "web", 2),
        "shop-train-1": labels("shop", "train", 1),
        "other-train-1": labels("other", "train", 1),
    }
)


@pytest.fixture
def compose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("COMPOSE_PROJECT_NAME", raising=False)
    file = tmp_path / "Shop!" / "compose.yaml"
    file.parent.mkdir()
    file.write_text("services:\n  web: {image: a}\n  train: {image: b}\n")
    return file


def test_service_is_found_by_the_folder_of_its_file(compose: Path) -> None:
    assert find_service(ENGINE, f"{compose}:train", None) == "shop-train-1"
    assert find_service(ENGINE, f"{compose.parent}:web.2", None) == "shop-web-2"


def test_project_may_be_named(compose: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_service(ENGINE, f"{compose}:train", "other") == "other-train-1"
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "other")
    assert find_service(ENGINE, f"{compose}:train", None) == "other-train-1"


def test_name_in_the_file_counts(compose: Path) -> None:
    compose.write_text("name: other\nservices:\n  train: {image: b}\n")
    assert find_service(ENGINE, str(compose), None) == "other-train-1"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "has 2 services: web, train"),
        (":none", "has no service 'none'"),
        (":web", "has 2 containers: shop-web-1, shop-web-2"),
        (":train.7", "has no container of it"),
    ],
)
def test_what_is_not_one_container_is_told(compose: Path, name: str, problem: str) -> None:
    with pytest.raises(LockmlError, match=problem):
        find_service(ENGINE, f"{compose}{name}", None)


@pytest.mark.parametrize("text", ["", "[]", "services: 3", "services: {}", "a: [", "&a [*a]"])
def test_what_is_no_compose_file_is_refused(compose: Path, text: str) -> None:
    compose.write_text(text)
    with pytest.raises(InputError):
        find_service(ENGINE, f"{compose}:web", None)
