from pathlib import Path

import pytest

from lockml.subjects.engine.compose_config import configured_project
from lockml.subjects.engine.compose_files import Service

pytestmark = pytest.mark.process

ANSWER = """#!/bin/sh
echo "$PWD $COMPOSE_EXPERIMENTAL_GIT_REMOTE $*" > asked
cat <<'END'
%s
END
exit %d
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def install(folder: Path, name: str, answer: str, code: int = 0) -> None:
    (folder / name).write_text(ANSWER % (answer, code))
    (folder / name).chmod(0o755)


def test_compose_is_asked_for_what_its_files_say(programs: Path) -> None:
    install(
        programs, "docker", '{"name": "shop", "services": {"web": {"labels": {"a": "b"}, "profiles": ["x"]}, "db": {}}}'
    )
    found = configured_project([programs / "a.yaml", programs / "b.yaml"], programs, "shop")
    assert found is not None
    assert found.name == "shop"
    assert found.services == {"web": Service(labels={"a": "b"}, profiles=("x",)), "db": Service()}
    asked = (
        f"{programs} false compose -f {programs}/a.yaml -f {programs}/b.yaml -p shop --profile * config --format json"
    )
    assert (programs / "asked").read_text().strip() == asked


@pytest.mark.parametrize(("answer", "code"), [("services: {}", 0), ("{}", 0), ('{"name": "x", "services": {}}', 1)])
def test_compose_that_cannot_say_it_in_json_is_left_out(programs: Path, answer: str, code: int) -> None:
    for name in ("docker", "docker-compose"):
        install(programs, name, answer, code)
    assert configured_project([programs / "a.yaml"], programs, None) is None
