"""Which Python a subject starts: through the commands that start others, and by what runs."""

import pytest

from lockml.inventory.environment.starts import Start, find_program, starts_of
from lockml.inventory.model import RunningProcess, Runtime
from tests.made.trees import ELF_X86_64, MemoryTree

VENV = "/opt/venv/bin/python3"
FILES = {
    VENV: ELF_X86_64,
    "/opt/venv/bin/python": ELF_X86_64,
    "/opt/venv/bin/gunicorn": b"#!/opt/venv/bin/python3\nimport sys\n",
    "/opt/venv/bin/flask": b"#!/opt/venv/bin/python3 -E\nimport sys\n",
    "/opt/venv/bin/trampoline": b"#!/bin/sh\n'''exec' '/opt/venv/bin/python3' \"$0\" \"$@\"\n' '''\nimport sys\n",
    "/opt/venv/bin/by-env": b"#!/usr/bin/env python3\nimport sys\n",
    "/usr/bin/supervisord": b"#!/usr/bin/python3\nimport sys\n",
    "/usr/bin/python3": ELF_X86_64,
    "/usr/bin/node": ELF_X86_64,
    "/srv/rt/bin/python3.11": ELF_X86_64,
    "/app/main.py": b"print()\n",
    "/app/tools/job.py": b"print()\n",
    "/entrypoint.sh": b'#!/bin/sh\nset -e\nexec "$@"\n',
    "/docker/entry.sh": b'#!/bin/bash\nexec tini -- "$@"\n',
    **{f"/usr/bin/{name}": ELF_X86_64 for name in ("env", "tini", "sh", "bash", "gosu", "dumb-init", "nice")},
}
PATH = "/opt/venv/bin:/usr/bin"


def started(*command: str, folder: str = "/app", path: str = PATH) -> list[tuple[str, str | None]]:
    runtime = Runtime(environment={"PATH": path}, working_folder=folder, command=command)
    return [(each.program, each.script) for each in starts_of(MemoryTree(FILES), runtime) if not each.launches]


@pytest.mark.parametrize(
    "command",
    [
        ("python3", "main.py"),
        ("/opt/venv/bin/python3", "/app/main.py"),
        ("python3", "-u", "main.py"),
        ("python3", "-W", "ignore", "main.py"),
        ("python3", "-Wignore", "main.py"),
        ("python3", "-X", "dev", "main.py"),
        ("python3", "-uX", "dev", "main.py"),
        ("python3", "-Es", "./main.py"),
        ("python3", "--", "main.py"),
        ("env", "python3", "main.py"),
        ("env", "A=1", "B=x y", "python3", "main.py"),
        ("/usr/bin/env", "-u", "HOME", "python3", "main.py"),
        ("env", "-i", "--", "python3", "main.py"),
        ("env", "-S", "python3 main.py"),
        ("env", "--unset", "X", "A=1", "python3", "main.py"),
        ("exec", "python3", "main.py"),
        ("sh", "-c", "python3 main.py"),
        ("/bin/sh", "-c", "exec python3 main.py"),
        ("bash", "-lc", "exec python3 main.py"),
        ("bash", "-e", "-c", "python3 main.py"),
        ("sh", "-c", "set -e; cd /app && exec python3 main.py"),
        ("sh", "-c", "set -e\nexec python3 main.py"),
        ("sh", "-c", "A=1 exec env B=2 python3 main.py"),
        ("sh", "-c", 'exec "$@"', "--", "python3", "main.py"),
        ("sh", "-c", 'exec "$0" "$@"', "python3", "main.py"),
        ("sh", "-c", 'umask 002; exec tini -- "$@"', "sh", "python3", "main.py"),
        ("sh", "-c", "python3 'main.py'"),
        ("sh", "-c", "(python3 main.py)"),
        ("tini", "--", "python3", "main.py"),
        ("/usr/bin/tini", "-g", "-e", "143", "--", "python3", "main.py"),
        ("tini", "-s", "python3", "main.py"),
        ("/sbin/docker-init", "--", "python3", "main.py"),
        ("dumb-init", "--rewrite", "15:3", "python3", "main.py"),
        ("dumb-init", "-c", "--", "python3", "main.py"),
        ("gosu", "app", "python3", "main.py"),
        ("su-exec", "app:app", "python3", "main.py"),
        ("tini", "--", "gosu", "app", "env", "A=1", "sh", "-c", "exec python3 main.py"),
        ("nice", "-n", "5", "nohup", "python3", "main.py"),
        ("/entrypoint.sh", "python3", "main.py"),
        ("/docker/entry.sh", "tini", "--", "python3", "main.py"),
        ("sh", "/entrypoint.sh", "python3", "main.py"),
        ("bash", "-e", "/entrypoint.sh", "python3", "main.py"),
    ],
    ids=" ".join,
)
def test_command_is_followed_to_the_python_that_it_starts(command: tuple[str, ...]) -> None:
    assert started(*command) == [(VENV, "/app/main.py")]


@pytest.mark.parametrize(
    "command",
    [
        ("python3",),
        ("python3", "-c", "print()"),
        ("python3", "-m", "main.py"),
        ("python3", "-um", "main.py"),
        ("python3", "-"),
        ("python3", "gone.py"),
    ],
    ids=" ".join,
)
def test_python_without_a_script_looks_into_the_working_folder_alone(command: tuple[str, ...]) -> None:
    assert started(*command) == [(VENV, None)]


@pytest.mark.parametrize("name", ["gunicorn", "flask", "trampoline", "by-env"])
@pytest.mark.parametrize("prefix", ["", "/opt/venv/bin/"])
def test_script_is_started_by_the_python_of_its_first_line(name: str, prefix: str) -> None:
    assert started(f"{prefix}{name}", "--port", "80") == [(VENV, f"/opt/venv/bin/{name}")]


@pytest.mark.parametrize(
    "command",
    [
        ("node", "app.js"),
        ("nothing",),
        (),
        ("sh",),
        ("sh", "-c", ""),
        ("sh", "-c", "echo 'python3"),
        ("env",),
        ("gosu", "app"),
        ("/entrypoint.sh",),
    ],
    ids=" ".join,
)
def test_nothing_is_told_of_a_command_that_starts_no_python(command: tuple[str, ...]) -> None:
    assert started(*command) == []


def test_every_command_of_a_shell_is_followed() -> None:
    text = "/usr/bin/python3 /app/tools/job.py && exec python3 main.py"
    assert started("sh", "-c", text) == [("/usr/bin/python3", "/app/tools/job.py"), (VENV, "/app/main.py")]


def test_command_that_wraps_itself_without_end_ends() -> None:
    assert started(*["env"] * 500, "python3", "main.py") in ([], [(VENV, "/app/main.py")])
    assert started(*["sh", "-c"] * 500) == []


@pytest.mark.parametrize(
    ("path", "folder", "program"),
    [
        (".:/usr/bin", "/srv/rt/bin", "/srv/rt/bin/python3.11"),
        (":/usr/bin", "/srv/rt/bin", "/srv/rt/bin/python3.11"),
        ("/usr/bin:", "/srv/rt/bin", "/srv/rt/bin/python3.11"),
        ("rt/bin:/usr/bin", "/srv", "/srv/rt/bin/python3.11"),
        ("../rt/bin", "/srv/x", "/srv/rt/bin/python3.11"),
        ("/nowhere", "/srv/rt/bin", None),
    ],
)
def test_entries_of_the_path_are_seen_from_the_working_folder(path: str, folder: str, program: str | None) -> None:
    runtime = Runtime(environment={"PATH": path}, working_folder=folder)
    assert find_program(MemoryTree(FILES), "python3.11", runtime) == program


def test_program_with_a_slash_is_seen_from_the_working_folder() -> None:
    runtime = Runtime(environment={"PATH": PATH}, working_folder="/srv")
    assert find_program(MemoryTree(FILES), "rt/bin/python3.11", runtime) == "/srv/rt/bin/python3.11"
    assert find_program(MemoryTree(FILES), "./python3", runtime) is None


def process(
    program: str, *command: str, number: int = 1, folder: str = "/app", user: str = "", **variables: str
) -> RunningProcess:
    return RunningProcess(
        number=number,
        program=program,
        command=command,
        environment={"PATH": PATH, **variables},
        working_folder=folder,
        user=user,
    )


def running(*processes: RunningProcess) -> tuple[Start, ...]:
    runtime = Runtime(environment={"PATH": PATH}, working_folder="/", command=("python3",), processes=processes)
    links = {"/srv/venv/bin/python": "/usr/bin/python3", "/srv/venv/bin/python3": "python"}
    return starts_of(MemoryTree(FILES, links=links), runtime)


def test_what_runs_counts_and_not_the_command() -> None:
    (start,) = running(process("/srv/rt/bin/python3.11", "/srv/rt/bin/python3.11", "main.py", EXTRA="1"))
    assert (start.program, start.script) == ("/srv/rt/bin/python3.11", "/app/main.py")
    assert start.runtime.environment["EXTRA"] == "1"
    assert start.runtime.working_folder == "/app"


def test_process_is_started_by_the_link_that_its_first_word_names() -> None:
    """The kernel tells the real program; which virtual environment it is, the first word tells."""
    (start,) = running(process("/usr/bin/python3", "/srv/venv/bin/python", "-m", "app"))
    assert start.program == "/srv/venv/bin/python"


@pytest.mark.parametrize("first", ["/opt/venv/bin/python3", "gunicorn: master [app]", "", "python3", "/gone/python3"])
def test_first_word_that_does_not_lead_to_the_program_is_a_name_alone(first: str) -> None:
    """A process may write anything over it."""
    (start,) = running(process("/srv/rt/bin/python3.11", first, "main.py"))
    assert start.program == "/srv/rt/bin/python3.11"


def test_process_that_is_no_python_is_passed_over() -> None:
    assert running(process("/usr/bin/node", "node", "python3", "main.py"), process("/usr/bin/bash", "bash")) == ()


def test_child_of_a_shell_counts() -> None:
    (start,) = running(
        process("/usr/bin/bash", "bash", "/entrypoint.sh"),
        process("/usr/bin/python3", "python3", "main.py", number=7, PYTHONPATH="/evil"),
    )
    assert start.runtime.environment["PYTHONPATH"] == "/evil"


def test_workers_that_start_alike_are_one() -> None:
    workers = [process("/usr/bin/python3", "python3", "main.py", number=each, COLOUR=str(each)) for each in range(5)]
    assert len(running(*workers)) == 1


@pytest.mark.parametrize("name", ["PATH", "PYTHONPATH", "HOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "PYTHONUSERBASE"])
def test_workers_that_a_variable_sets_apart_are_several(name: str) -> None:
    workers = [process("/usr/bin/python3", "python3", number=each, **{name: f"/{each}"}) for each in range(3)]
    assert len(running(*workers)) == 3


def test_workers_of_several_folders_are_several() -> None:
    workers = [process("/usr/bin/python3", "python3", number=1, folder=each) for each in ("/app", "/srv")]
    assert len(running(*workers)) == 2


def test_workers_of_several_users_are_several() -> None:
    """Each has a library folder of its own (PEP 370)."""
    workers = [process("/usr/bin/python3", "python3", number=1, user=each) for each in ("0", "1000")]
    assert [each.runtime.user for each in running(*workers)] == ["0", "1000"]


@pytest.mark.parametrize(
    "command", [("supervisord", "-n"), ("python3", "/usr/bin/supervisord"), ("tini", "--", "/usr/bin/supervisord")]
)
def test_program_in_python_that_starts_others_is_told_as_such(command: tuple[str, ...]) -> None:
    runtime = Runtime(environment={"PATH": PATH}, command=command)
    assert [each.launches for each in starts_of(MemoryTree(FILES), runtime)] == [True]


def test_supervisor_is_not_what_is_meant() -> None:
    supervisor, start = running(
        process("/usr/bin/python3", "/usr/bin/python3", "/usr/bin/supervisord", "-n"),
        process("/usr/bin/python3", "/srv/venv/bin/python", "main.py", number=7),
    )
    assert (supervisor.launches, start.launches, start.program) == (True, False, "/srv/venv/bin/python")


@pytest.mark.parametrize(
    ("text", "folder", "path"),
    [
        ("cd /app && exec python3 main.py", "/", None),
        ("cd /app; cd tools; python3 ../main.py", "/", None),
        ("export PYTHONPATH=/evil; exec python3 main.py", "/app", "/evil"),
        ("PYTHONPATH=/evil python3 main.py", "/app", "/evil"),
        ("env A=1 PYTHONPATH=/evil python3 main.py", "/app", "/evil"),
        ("export BASE=/evil; PYTHONPATH=$BASE/lib:${BASE} exec python3 main.py", "/app", "/evil/lib:/evil"),
        ("A=1; python3 main.py; export PYTHONPATH=/late", "/app", None),
    ],
)
def test_folder_and_variables_that_a_shell_sets_count(text: str, folder: str, path: str | None) -> None:
    runtime = Runtime(environment={"PATH": PATH}, working_folder=folder, command=("sh", "-c", text))
    (start,) = starts_of(MemoryTree(FILES), runtime)
    assert (start.script, start.runtime.environment.get("PYTHONPATH")) == ("/app/main.py", path)


@pytest.mark.parametrize(
    ("start", "folders"),
    [
        (Start(program=VENV, script="/app/main.py", runtime=Runtime()), ["/app"]),
        (Start(program=VENV, script="/app", whole=True, runtime=Runtime()), ["/app"]),
        (Start(program=VENV, script="/app/code.pyz", whole=True, runtime=Runtime()), ["/app/code.pyz"]),
        (Start(program=VENV, script=None, runtime=Runtime()), []),
        (Start(program=VENV, script="/app/main.py", runtime=Runtime(environment={"PYTHONSAFEPATH": "1"})), []),
    ],
)
def test_folder_of_the_script_comes_first_unless_python_is_told_not_to(start: Start, folders: list[str]) -> None:
    """PYTHONSAFEPATH, Python 3.11."""
    assert [folder for folder, _ in start.first_folders] == folders


@pytest.mark.parametrize(
    ("options", "variables"),
    [
        (("-I",), {"PYTHONNOUSERSITE": "1", "PYTHONSAFEPATH": "1"}),
        (("-E",), {}),
        (("-s",), {"PYTHONPATH": "/evil", "PYTHONNOUSERSITE": "1"}),
        (("-P",), {"PYTHONPATH": "/evil", "PYTHONSAFEPATH": "1"}),
        (("-u",), {"PYTHONPATH": "/evil"}),
        (("-O",), {"PYTHONPATH": "/evil", "PYTHONOPTIMIZE": "1"}),
        (("-uOO",), {"PYTHONPATH": "/evil", "PYTHONOPTIMIZE": "2"}),
        (("-X", "pycache_prefix=/x"), {"PYTHONPATH": "/evil", "PYTHONPYCACHEPREFIX": "/x"}),
        (("-Xpycache_prefix=/x",), {"PYTHONPATH": "/evil", "PYTHONPYCACHEPREFIX": "/x"}),
    ],
)
def test_options_of_python_count_like_their_variables(options: tuple[str, ...], variables: dict[str, str]) -> None:
    (start,) = running(process("/usr/bin/python3", "python3", *options, "main.py", PYTHONPATH="/evil"))
    assert start.script == "/app/main.py"
    assert {name: value for name, value in start.runtime.environment.items() if name != "PATH"} == variables


LOADER = "/lib64/ld-linux-x86-64.so.2"
LOADED = {"LD_PRELOAD": "/e.so", "LD_LIBRARY_PATH": "/x", "LD_AUDIT": "/a.so"}


@pytest.mark.parametrize(
    ("options", "variables"),
    [
        (("--preload", "/e.so", "--library-path", "/x", "--audit", "/a.so"), LOADED),
        (("--preload=/e.so", "--inhibit-cache", "--library-path=/x", "--argv0", "python", "--audit=/a.so"), LOADED),
        ((), {}),
    ],
)
@pytest.mark.parametrize("program", [LOADER, "/lib/ld-musl-x86_64.so.1", "/usr/bin/ld.so"])
def test_python_that_the_loader_is_asked_to_start_counts_with_its_options(
    program: str, options: tuple[str, ...], variables: dict[str, str]
) -> None:
    """ld.so(8)."""
    command = (program, *options, VENV, "main.py")
    runtime = Runtime(environment={"PATH": PATH}, working_folder="/app", command=command)
    files = MemoryTree({**FILES, program: ELF_X86_64})
    running_too = Runtime(environment={"PATH": PATH}, processes=(process(program, *command),))
    for (start,) in (starts_of(files, runtime), starts_of(files, running_too)):
        assert (start.program, start.script) == (VENV, "/app/main.py")
        assert {name: value for name, value in start.runtime.environment.items() if name != "PATH"} == variables


@pytest.mark.parametrize("command", [("sleep", "60"), ("/bin/sh", "/start.sh"), ("/usr/bin/uwsgi",)])
def test_process_that_is_no_python_shows_the_variables_of_those_that_it_starts(command: tuple[str, ...]) -> None:
    (start,) = running(process(command[0], *command, PYTHONPATH="/evil"))
    assert (start.program, start.launches, start.runtime.environment["PYTHONPATH"]) == (VENV[:-1], True, "/evil")


@pytest.mark.parametrize(("program", "counts"), [("/usr/bin/sleep", True), ("/bin/dash", True), ("/bin/redis", False)])
def test_what_a_process_preloads_counts_where_it_waits_for_others(program: str, counts: bool) -> None:
    assert bool(running(process(program, program, LD_PRELOAD="/e.so"))) is counts


@pytest.mark.parametrize(
    ("script", "found"),
    [
        (b'#!/bin/sh\nexport PYTHONPATH=/evil\nexec "$@"\n', "/evil"),
        (b'#!/bin/bash\n  export PYTHONPATH="${PYTHONPATH}:/evil";\nexec "$@"\n', "/app:/evil"),
        (b'#!/bin/sh\nexport PYTHONPATH=$(find /evil)\nexec "$@"\n', "/app"),
        (b'#!/bin/sh\n# export PYTHONPATH=/evil\nexec "$@"\n', "/app"),
    ],
)
def test_variables_that_an_entry_script_exports_count(script: bytes, found: str) -> None:
    variables = {"PATH": PATH, "PYTHONPATH": "/app"}
    for command, scripts in ((("/entrypoint.sh", "python3", "main.py"), ["/app/main.py"]), (("/entrypoint.sh",), [])):
        runtime = Runtime(environment=variables, working_folder="/app", command=command)
        starts = starts_of(MemoryTree({**FILES, "/entrypoint.sh": script}), runtime)
        assert [start.script for start in starts if not start.launches] == scripts
        assert {start.runtime.environment["PYTHONPATH"] for start in starts} <= {found}


def test_program_that_may_embed_python_has_its_variables() -> None:
    runtime = Runtime(environment={"PATH": PATH}, command=("env", "PYTHONPATH=/evil", "/usr/bin/node", "app"))
    (start,) = starts_of(MemoryTree(FILES), runtime)
    assert (start.launches, start.runtime.environment["PYTHONPATH"]) == (True, "/evil")


TITLE = "gunicorn: master [app]"
LINKS = {
    "/srv/venv/bin/python": "/usr/bin/python3",
    "/srv/venv/bin/python3": "python",
    "/more/venv/bin/python3": "/usr/bin/python3",
}
TITLED = {
    **FILES,
    "/srv/venv/pyvenv.cfg": b"home = /usr/bin\n",
    "/more/venv/pyvenv.cfg": b"home = /usr/bin\n",
    "/srv/libs/flask-3.0.dist-info/METADATA": b"",
}
EXTENSION = "lib/python3.11/site-packages/setproctitle/_setproctitle.cpython-311-x86_64-linux-gnu.so"


def titled(*mapped: str, command: tuple[str, ...] = (), path: str = PATH, told: bool = False) -> list[Start]:
    """Return what is found of a process with a title, whose variables are *told* or lost."""
    of_process = RunningProcess(
        number=1,
        program="/usr/bin/python3",
        command=(TITLE,),
        environment={"PATH": path, "EXTRA": "1"} if told else {},
        working_folder="/app",
        mapped=mapped,
    )
    runtime = Runtime(environment={"PATH": path}, working_folder="/", command=command, processes=(of_process,))
    return list(starts_of(MemoryTree(TITLED, links=LINKS), runtime))


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(
    "command", [(), ("/srv/venv/bin/python", "main.py"), ("/usr/bin/python3",), ("/entrypoint.sh",)]
)
def test_process_with_a_title_runs_the_environment_whose_extensions_it_has(
    command: tuple[str, ...], told: bool
) -> None:
    (start,) = titled(f"/srv/venv/{EXTENSION}", "/usr/lib/libc.so.6", command=command, told=told)
    assert (start.program, start.runtime.working_folder) == ("/srv/venv/bin/python3", "/app")
    assert start.runtime.environment.get("EXTRA") == ("1" if told else None)


def test_process_with_a_title_and_no_extensions_runs_what_is_configured_or_on_the_path() -> None:
    (start,) = titled(command=("/srv/venv/bin/python", "/app/main.py"))
    assert (start.program, start.script) == ("/srv/venv/bin/python", "/app/main.py")
    assert [each.program for each in titled(path="/srv/venv/bin:/usr/bin")] == ["/srv/venv/bin/python3"]
    assert [each.program for each in titled(path="/nowhere")] == ["/usr/bin/python3"]


def test_title_does_not_make_another_program_of_what_is_configured() -> None:
    """Somebody starts a Python of their own and calls it like the service."""
    other = RunningProcess(
        number=1, program="/srv/rt/bin/python3.11", command=(TITLE,), environment={}, working_folder="/"
    )
    runtime = Runtime(environment={"PATH": PATH}, command=("/opt/venv/bin/python3",), processes=(other,))
    assert [each.program for each in starts_of(MemoryTree(TITLED, links=LINKS), runtime)] == ["/srv/rt/bin/python3.11"]


def test_process_with_another_name_for_its_program_runs_the_script_behind_it() -> None:
    """``exec -a worker python3 -E main.py`` is no title: what is beside the script is imported first."""
    named = RunningProcess(
        number=1,
        program="/usr/bin/python3",
        command=("worker", "-E", "main.py", ""),
        environment={"PATH": PATH, "PYTHONPATH": "/x"},
        working_folder="/app",
    )
    (start,) = starts_of(MemoryTree(TITLED, links=LINKS), Runtime(environment={"PATH": PATH}, processes=(named,)))
    assert (start.script, start.runtime.environment) == ("/app/main.py", {"PATH": PATH})


def test_folders_that_a_titled_process_imports_from_are_found_by_its_extensions() -> None:
    (start,) = titled("/srv/libs/setproctitle/_setproctitle.so", command=("/usr/bin/python3", "main.py"))
    assert start.runtime.environment["PYTHONPATH"] == "/srv/libs"


def test_extensions_of_an_environment_with_another_program_are_not_believed() -> None:
    (start,) = titled(f"/opt/venv/{EXTENSION}", command=("/srv/venv/bin/python",))
    assert start.program == "/srv/venv/bin/python"
