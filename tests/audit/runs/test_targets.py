"""Containers that discovery rules find."""

from pathlib import Path
from typing import Any

import pytest

from lockml.audit.config.model import AuditSettings, DiscoveryRule
from lockml.audit.runs.targets import discover
from tests.audit.made import make_container


def test_rules_find_containers_by_label_project_and_image() -> None:
    there = [
        make_container("a", lockml_lock="a.toml"),
        make_container("b", image="other:1", com_docker_compose_project="shop"),
        make_container("c", stage="production"),
    ]

    def found(**rule: Any) -> list[str]:
        made = DiscoveryRule(name="r", settings=AuditSettings(), folder=Path("fleet"), **{"lock": Path("x"), **rule})
        return [target.name for target in discover(made, there, "host")]

    assert found(label="lockml.lock") == ["r/a@host"]
    assert found(label="stage=production") == ["r/c@host"]
    assert found(label="stage=test") == []
    assert found(compose="shop") == ["r/b@host"]
    assert found(image="registry.example/team/*") == ["r/a@host", "r/c@host"]
    assert found(image="registry.example/*", label="stage") == ["r/c@host"]


@pytest.mark.parametrize("name", ["/etc/passwd", "../../etc/passwd", "a/../../x", ""])
def test_label_names_no_file_outside_the_fleets_folder(name: str) -> None:
    rule = DiscoveryRule(
        name="r", settings=AuditSettings(), folder=Path("fleet"), label="lockml.lock", lock_label="lockml.lock"
    )
    (target,) = discover(rule, [make_container("a", lockml_lock=name)], "host")
    assert target.lock == Path("fleet/the label does not name a lock below this folder")
    (inside,) = discover(rule, [make_container("a", lockml_lock="locks/a.toml")], "host")
    assert inside.lock == Path("fleet/locks/a.toml")
