import json
import shlex

import pytest
from packaging.requirements import Requirement

from lockml.cli.init.installation import parse_installation

COMMIT = "a" * 40
GIT = {"url": "https://git.example/team/lockml.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}
WHEEL = {
    "url": "https://files.example/lockml-1.0-py3-none-any.whl",
    "archive_info": {"hashes": {"sha256": "b" * 64}},
}


@pytest.mark.parametrize(
    ("noted", "requirement"),
    [
        (None, "lockml[audit]==1.0"),
        (GIT, f"lockml[audit] @ git+https://git.example/team/lockml.git@{COMMIT}"),
        (WHEEL, f"lockml[audit] @ https://files.example/lockml-1.0-py3-none-any.whl#sha256={'b' * 64}"),
    ],
)
def test_installation_that_others_reach_is_the_same_requirement(
    noted: dict[str, object] | None, requirement: str
) -> None:
    """PEP 610: no direct_url.json is written for what came from an index."""
    installation = parse_installation("1.0", json.dumps(noted) if noted is not None else None)
    assert installation.portable
    assert installation.requirement("audit") == requirement
    assert shlex.split(installation.shell_word("audit")) == [requirement]


@pytest.mark.parametrize(
    "noted",
    [{"url": "file:///src/lockml", "dir_info": {"editable": True}}, {"url": "file:///l.whl", "archive_info": {}}],
)
def test_installation_of_this_machine_is_in_a_variable_elsewhere(noted: dict[str, object]) -> None:
    installation = parse_installation("1.0", json.dumps(noted))
    assert not installation.portable
    assert installation.requirement("audit") == f"lockml[audit] @ {noted['url']}"
    assert installation.shell_word("audit").startswith(
        '"lockml[audit] @ ${LOCKML:?set LOCKML to where pip finds lockml'
    )
    assert str(noted["url"]) not in installation.shell_word()


def test_repository_of_this_machine_is_a_requirement_that_can_be_read() -> None:
    noted = {"url": "file:///src/lockml", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}
    installation = parse_installation("1.0", json.dumps(noted))
    assert not installation.portable
    assert Requirement(installation.requirement()).url == f"git+file://localhost/src/lockml@{COMMIT}"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"url": 1}'])
def test_note_that_cannot_be_read_is_as_none(text: str) -> None:
    assert parse_installation("1.0", text).requirement() == "lockml==1.0"
