"""Which of several environments is checked, and what is said of the choice."""

import pytest

from lockml.inventory.collect import take_inventory
from lockml.inventory.model import RunningProcess, Runtime, Subject
from tests.drift.checks import check, found, limits, notes, start
from tests.drift.subjects import in_order
from tests.made.trees import ELF_X86_64, MemoryTree, venv_files
from tests.made.wheels import installed_files, make_wheel

OTHER_SITE = "/srv/venv/lib/python3.11/site-packages"
TOOL = installed_files(make_wheel("supervisor", "4.0"), OTHER_SITE)


def both() -> dict[str, bytes]:
    """Return the environment in order, and another one without anything that is locked."""
    return {**in_order(), **venv_files(prefix="/srv/venv"), **TOOL}


def running(*programs: str, **variables: str) -> Runtime:
    environment = {"PATH": "/srv/venv/bin:/usr/bin", **variables}
    processes = tuple(
        RunningProcess(
            number=number,
            program=program,
            command=(program, "-m", "app"),
            environment=environment,
            working_folder="/",
        )
        for number, program in enumerate(programs, 1)
    )
    return Runtime(environment=environment, processes=processes)


def test_environment_off_the_path_is_checked_and_said_when_it_has_what_is_locked() -> None:
    """A /opt/venv that the PATH does not have gave 66 times missing."""
    report = check(both(), start(PATH="/srv/venv/bin"))
    assert (report.environment.prefix, found(report), report.exit_code) == ("/opt/venv", [], 0)
    assert "checking /opt/venv: it has locked packages; /srv/venv, which comes first, has none" in notes(report)
    assert report.others == ("/srv/venv",)


def test_first_environment_of_the_path_is_checked_when_it_has_something_locked() -> None:
    files = {**both(), **installed_files(make_wheel("numpy", "1.26.4"), OTHER_SITE)}
    report = check(files, start(PATH="/srv/venv/bin"), level="names")
    assert report.environment.prefix == "/srv/venv"
    assert [drift.kind for drift in report.drifts] == ["missing", "unexpected"]


def test_first_environment_of_the_path_is_checked_when_none_has_anything_locked() -> None:
    files = {**venv_files(), **venv_files(prefix="/srv/venv")}
    assert check(files, start(PATH="/srv/venv/bin"), level="names").environment.prefix == "/srv/venv"


def test_environment_that_runs_is_checked_and_not_the_one_of_the_path() -> None:
    report = check(both(), running("/opt/venv/bin/python3"))
    assert (report.environment.prefix, report.exit_code) == ("/opt/venv", 0)
    assert limits(report)["other-pythons"] == 1


@pytest.mark.parametrize("order", [1, -1])
def test_environment_with_what_is_locked_is_checked_when_several_run(order: int) -> None:
    programs = ["/opt/venv/bin/python3", "/srv/venv/bin/python3"][::order]
    report = check(both(), running(*programs))
    assert (report.environment.prefix, report.exit_code) == ("/opt/venv", 0)
    assert limits(report)["other-pythons"] == 1


def test_result_is_incomplete_when_nothing_that_runs_is_what_is_checked() -> None:
    report = check(both(), running("/srv/venv/bin/python3"))
    assert (report.environment.prefix, report.exit_code) == ("/opt/venv", 4)
    (problem,) = report.problems
    assert problem.path == "/srv/venv"


def test_result_is_complete_when_nothing_that_runs_is_a_python() -> None:
    runtime = running("/usr/bin/node", PATH="/opt/venv/bin")
    assert check({**both(), "/usr/bin/node": ELF_X86_64}, runtime).exit_code == 0


def test_program_that_runs_and_is_not_understood_makes_it_incomplete() -> None:
    """What starts it is not the environment that is checked, or nobody can tell."""
    files = {**both(), "/srv/rt/python3.11": ELF_X86_64}
    report = check(files, running("/srv/rt/python3.11", PATH="/opt/venv/bin"))
    assert report.exit_code == 4
    assert report.problems[0].path == "/srv/rt/python3.11"


def test_result_is_not_incomplete_by_what_else_runs_when_the_checked_one_runs_too() -> None:
    report = check(both(), running("/opt/venv/bin/python3", "/srv/venv/bin/python3"))
    assert report.problems == ()


@pytest.mark.parametrize(
    "command",
    [
        ("/opt/venv/bin/python3", "-m", "app"),
        ("sh", "-c", "exec /opt/venv/bin/python3 -m app"),
        ("tini", "--", "/opt/venv/bin/model-cli"),
        ("/opt/venv/bin/model-cli",),
    ],
    ids=" ".join,
)
def test_command_of_an_image_decides_before_its_path(command: tuple[str, ...]) -> None:
    report = check(both(), start(*command, PATH="/srv/venv/bin:/usr/bin"))
    assert (report.environment.prefix, report.exit_code) == ("/opt/venv", 0)
    assert "which comes first" not in notes(report)


def test_command_that_starts_another_python_makes_it_incomplete() -> None:
    report = check(both(), start("/srv/venv/bin/python3", "-m", "app"))
    assert (report.environment.prefix, report.exit_code) == ("/opt/venv", 4)


def test_command_that_starts_no_python_leaves_it_to_the_path() -> None:
    """An entry point in another language, of which nothing is known."""
    report = check(both(), start("/usr/bin/node", "app.js", PATH="/opt/venv/bin"))
    assert (report.environment.prefix, report.exit_code) == ("/opt/venv", 0)


def test_supervisor_on_the_system_python_starts_the_application_s_environment() -> None:
    """supervisord on /usr with an application in a venv: the command says nothing of that."""
    script = b"#!/srv/venv/bin/python3\nimport sys\n"
    files = {**both(), "/srv/venv/bin/supervisord": script}
    report = check(files, start("/srv/venv/bin/supervisord", "-n", PATH="/srv/venv/bin:/usr/bin"))
    assert (report.environment.prefix, report.exit_code) == ("/opt/venv", 0)


@pytest.mark.parametrize("order", [1, -1])
def test_variables_of_every_process_of_the_checked_environment_count(order: int) -> None:
    environment = {"PATH": "/opt/venv/bin"}
    variables: list[dict[str, str]] = [{}, {"PYTHONPATH": "/evil"}][::order]
    processes = tuple(
        RunningProcess(
            number=number,
            program="/opt/venv/bin/python3",
            command=("/opt/venv/bin/python3", "-m", "app"),
            environment={**environment, **more},
            working_folder="/",
        )
        for number, more in enumerate(variables, 1)
    )
    files = {**in_order(), "/evil/numpy.py": b""}
    report = check(files, Runtime(environment=environment, processes=processes))
    assert ("shadowed", "/evil/numpy.py") in found(report)


def test_environment_that_is_named_is_checked_whatever_runs() -> None:
    runtime = running("/srv/venv/bin/python3")
    subject = Subject(kind="container", name="trainer")
    inventory = take_inventory(MemoryTree(both()), subject, runtime, prefix="/opt/venv")
    assert (inventory.environment.prefix, inventory.problems) == ("/opt/venv", ())
    assert inventory.others == ("/srv/venv",)
