from collections.abc import Mapping
from pathlib import Path

import pytest

from lockml.common.errors import InputError, LockmlError
from lockml.subjects.engine.api import Engine, EngineAddress, ListedContainer
from lockml.subjects.engine.compose import (
    ComposeProject,
    find_containers,
    find_service,
    read_project,
    service_containers,
)

Labels = Mapping[str, str]


class LabelledEngine(Engine):
    """An engine that knows containers by their labels."""

    def __init__(self, containers: Mapping[str, Labels]) -> None:
        super().__init__(EngineAddress())
        self._known = containers

    def containers(self, labels: Labels) -> list[ListedContainer]:
        found = (name for name, own in self._known.items() if labels.items() <= own.items())
        return [ListedContainer(names=[name], labels=dict(self._known[name])) for name in sorted(found)]


def labels(project: str, service: str, number: int, *, one_off: bool = False) -> Labels:
    return {
        "com.docker.compose.project": project,
        "com.docker.compose.service": service,
        "com.docker.compose.container-number": str(number),
        "com.docker.compose.oneoff": str(one_off),
    }


ENGINE = LabelledEngine(
    {
        "shop-web-1": labels("shop", "web", 1),
        "shop-web-10": labels("shop", "web", 10),
        "shop-web-2": labels("shop", "web", 2),
        "shop-train-1": labels("shop", "train", 1),
        "shop-train-run-9f": labels("shop", "train", 1, one_off=True),
        "other-train-1": labels("other", "train", 1),
    }
)


@pytest.fixture
def compose(tmp_path: Path) -> Path:
    file = tmp_path / "Shop!" / "compose.yaml"
    file.parent.mkdir()
    file.write_text("services:\n  web: {image: a}\n  train: {image: b}\n")
    return file


def project(*names: str, named: str | None = None, **variables: str) -> ComposeProject:
    return read_project(names, named, variables)


def found(*names: str, named: str | None = None, **variables: str) -> str:
    return find_service(ENGINE, project(*names, named=named, **variables)).container


def test_service_is_found_by_the_folder_of_its_file(compose: Path) -> None:
    assert found(f"{compose}:train") == "shop-train-1"
    assert found(f"{compose.parent}:web.2") == "shop-web-2"


def test_project_may_be_named(compose: Path) -> None:
    """Compose: the option, the variable, the ``.env`` file, the name in the files, the folder."""
    assert found(f"{compose}:train", named="other", COMPOSE_PROJECT_NAME="shop") == "other-train-1"
    assert found(f"{compose}:train", COMPOSE_PROJECT_NAME="other") == "other-train-1"
    (compose.parent / ".env").write_text("# own\nexport COMPOSE_PROJECT_NAME='other' # x\n")
    assert found(f"{compose}:train") == "other-train-1"
    assert found(f"{compose}:train", COMPOSE_PROJECT_NAME="shop") == "shop-train-1"


def test_name_in_the_file_may_have_variables(compose: Path) -> None:
    compose.write_text("name: ${PROJECT:-${OTHER}}\nservices:\n  train: {image: b}\n")
    assert found(str(compose), OTHER="other") == "other-train-1"
    assert found(str(compose), PROJECT="shop", OTHER="other") == "shop-train-1"
    compose.write_text("name: ${PROJECT:?}\nservices:\n  train: {image: b}\n")
    with pytest.raises(InputError, match="not set"):
        project(str(compose))


def test_files_of_a_folder_are_those_that_compose_takes(compose: Path) -> None:
    (compose.parent / "compose.override.yml").write_text("name: other\n")
    assert project(str(compose.parent)).name == "other"
    assert project(str(compose)).name == "shop"
    (compose.parent / "b.yaml").write_text("services: {batch: {}}\n")
    assert list(project(str(compose.parent), COMPOSE_FILE="compose.yaml:b.yaml").services) == ["web", "train", "batch"]
    (compose.parent / ".env").write_text("COMPOSE_FILE=b.yaml\n")
    assert list(project(str(compose.parent)).services) == ["batch"]


def test_several_files_are_one_project(compose: Path) -> None:
    more = compose.parent / "more.yaml"
    more.write_text(
        "services:\n  web: !reset null\n  train: {labels: !override {lockml.lock: b}}\n  batch: {ports: !reset []}\n"
    )
    compose.write_text(
        "services:\n  web: {}\n  train:\n    labels: [lockml.lock=a, x=y]\n    ports: !override ['1:1']\n"
    )
    both = project(str(compose), f"{more}:train")
    assert (list(both.services), both.wanted) == (["train", "batch"], "train")
    assert both.services["train"].labels == {"lockml.lock": "b"}


def test_what_files_include_and_extend_counts(compose: Path) -> None:
    (compose.parent / "sub").mkdir()
    (compose.parent / "sub" / ".env").write_text("LOCK=sub.toml\n")
    (compose.parent / "sub" / "c.yaml").write_text("services:\n  web: {labels: {lockml.lock: $LOCK}}\n")
    compose.write_text(
        "include: [sub/c.yaml]\nservices:\n  train: {extends: {file: sub/c.yaml, service: web}, profiles: [gpu]}\n"
    )
    read = project(str(compose), LOCK="own.toml")
    assert {name: each.labels["lockml.lock"] for name, each in read.services.items()} == {
        "web": "own.toml",
        "train": "own.toml",
    }
    assert read.services["train"].profiles == ("gpu",)
    assert project(str(compose)).services["web"].labels["lockml.lock"] == "sub.toml"


def test_variables_of_an_included_file_are_those_of_its_env_files(compose: Path) -> None:
    (compose.parent / "sub").mkdir()
    (compose.parent / "sub" / ".env").write_text("LOCK=unused.toml\n")
    (compose.parent / "first.env").write_text("NAME=own\nLOCK=first.toml\n")
    (compose.parent / "second.env").write_text("LOCK=${NAME}.toml\n")
    (compose.parent / "sub" / "c.yaml").write_text("services:\n  web: {labels: {lockml.lock: $LOCK}}\n")
    compose.write_text("include: [{path: sub/c.yaml, env_file: [first.env, second.env]}]\n")
    assert project(str(compose)).services["web"].labels["lockml.lock"] == "own.toml"


@pytest.mark.parametrize(
    "text",
    [
        "include: [compose.yaml]\nservices: {a: {}}",
        "services: {a: {extends: b}, b: {extends: a}}",
        "services: {a: {extends: none}}",
        "include: ['https://example.org/x.git']\nservices: {a: {}}",
        "services: {a: {}, a: {}}",
        "services: {a: 3}",
        "services: {a: {labels: 3}}",
        "name: ${A\nservices: {a: {}}",
        "include: [{path: []}]\nservices: {a: {}}",
        "include: [null]\nservices: {a: {}}",
        "include: ['~nobody-of-this-name/c.yaml']\nservices: {a: {}}",
        "include: [{path: compose.yaml, env_file: none.env}]\nservices: {a: {}}",
        "a: &a [x, x]\nb: &b [*a, *a]\nservices: {a: {labels: *b}}",
        "a: &a [x, x]\nb: &b [*a, *a]\nservices: {a: {labels: {x: *b}}}",
    ],
)
def test_what_cannot_be_meant_is_refused(compose: Path, text: str) -> None:
    compose.write_text(text)
    with pytest.raises(InputError):
        project(str(compose))


def test_containers_of_a_service_come_by_their_numbers_without_one_off_ones(compose: Path) -> None:
    read = project(str(compose))
    assert [each.service for each in service_containers(ENGINE, read, "web")] == ["web.1", "web.2", "web.10"]
    assert [each.container for each in service_containers(ENGINE, read, "train")] == ["shop-train-1"]


def test_all_containers_of_the_service_that_is_meant_are_found(compose: Path) -> None:
    read = project(f"{compose}:web")
    assert [each.container for each in find_containers(ENGINE, read)] == ["shop-web-1", "shop-web-2", "shop-web-10"]
    with pytest.raises(LockmlError, match="has 2 services: web, train"):
        find_containers(ENGINE, project(str(compose)))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "has 2 services: web, train"),
        (":none", "has no service 'none'"),
        (":web", "has 3 containers: shop-web-1, shop-web-2, shop-web-10"),
        (":train.7", "has no container for it"),
    ],
)
def test_what_is_not_one_container_is_told(compose: Path, name: str, problem: str) -> None:
    with pytest.raises(LockmlError, match=problem):
        found(f"{compose}{name}")


@pytest.mark.parametrize("text", ["", "[]", "services: 3", "services: {}", "a: [", "&a [*a]"])
def test_what_is_no_compose_file_is_refused(compose: Path, text: str) -> None:
    compose.write_text(text)
    with pytest.raises(InputError):
        found(f"{compose}:web")


def test_file_that_is_included_and_no_yaml_is_not_quoted(compose: Path) -> None:
    compose.write_text("include: [secret]\nservices: {}\n")
    (compose.parent / "secret").write_text("root:x\nhunter2: [other\nword: }")
    with pytest.raises(InputError, match="secret:2: is not YAML") as caught:
        project(str(compose))
    assert "hunter2" not in str(caught.value)
    assert "word" not in str(caught.value)
