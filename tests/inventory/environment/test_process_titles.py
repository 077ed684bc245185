"""What a process has mapped decides what it runs only where it wrote over its command line."""

import pytest

from lockml.inventory.environment.process_titles import mapped_places
from lockml.inventory.model import RunningProcess


def process(*command: str, **environment: str) -> RunningProcess:
    return RunningProcess(
        number=1,
        program="/usr/bin/python3.11",
        command=command,
        environment=environment,
        working_folder="/",
        mapped=("/srv/venv/lib/python3.11/site-packages/x/_x.so", "/libs/y/_y.so", "/libs/y/_z.so"),
    )


@pytest.mark.parametrize(
    "titled", [process("gunicorn: master [app]", PATH="/bin"), process("/usr/bin/python3"), process()]
)
def test_containers_whose_processes_have_titles_are_alike_only_with_the_same_places_mapped(
    titled: RunningProcess,
) -> None:
    assert mapped_places(titled) == ("/libs/y", "/srv/venv")


def test_process_that_names_its_python_is_known_without_its_memory() -> None:
    assert mapped_places(process("/usr/bin/python3", "main.py", PATH="/bin")) == ()
