"""The processes that descend from one, as /proc tells: with real children of this test."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lockml.inventory.model import RunningProcess
from lockml.subjects.processes import process_variables, running_processes

pytestmark = pytest.mark.process

PROGRAM = os.path.realpath(sys.executable)
SLEEP = "import sys, time; print('ready', flush=True); time.sleep(60)"


@contextmanager
def child(
    *command: str, folder: Path | None = None, variables: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run *command* until it says that it is ready, and end it afterwards with all that it started."""
    environment = {"PATH": os.environ["PATH"], **(variables or {})}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        os.killpg(process.pid, 9)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def running(pid: int, count: int = 1) -> tuple[RunningProcess, ...]:
    """Return the processes once there are *count* of them."""
    for _ in range(100):
        found = running_processes(pid)
        if len(found) >= count:
            return found
        time.sleep(0.05)
    return running_processes(pid)


def test_process_is_told_with_its_program_command_folder_and_variables(tmp_path: Path) -> None:
    with child(sys.executable, "-c", SLEEP, folder=tmp_path, variables={"PYTHONPATH": "/app"}) as process:
        (found,) = running(process.pid)
    assert found.number == process.pid
    assert found.program == PROGRAM
    assert found.command == (sys.executable, "-c", SLEEP)
    assert found.environment == {"PATH": os.environ["PATH"], "PYTHONPATH": "/app"}
    assert found.working_folder == str(tmp_path.resolve())
    assert found.user == str(os.geteuid())


def test_children_of_a_shell_are_told_with_their_own_variables(tmp_path: Path) -> None:
    """entrypoint_child: the first process is a shell."""
    (tmp_path / "job.py").write_text(SLEEP)
    text = f"PYTHONPATH=/evil {sys.executable} job.py one & PYTHONPATH=/more {sys.executable} job.py two & wait"
    with child("/bin/sh", "-c", text, folder=tmp_path) as process:
        found = running(process.pid, 3)
    assert found[0].number == process.pid
    assert {each.command[-1]: each.environment.get("PYTHONPATH") for each in found[1:]} == {
        "one": "/evil",
        "two": "/more",
    }


def test_grandchildren_are_told() -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}])"
    with child(sys.executable, "-c", code) as process:
        found = running(process.pid, 2)
    assert [each.command[-1] for each in found] == [code, SLEEP]


def test_process_that_another_one_started_is_not_told() -> None:
    """What an engine executes in a container, or a health check, does not descend from its first process."""
    with child(sys.executable, "-c", SLEEP) as one, child(sys.executable, "-c", SLEEP) as other:
        assert [each.number for each in running(one.pid)] == [one.pid]
        assert [each.number for each in running(other.pid)] == [other.pid]


def test_name_with_brackets_and_spaces_does_not_hide_a_child(tmp_path: Path) -> None:
    """proc(5): the name of the program stands in brackets in stat, and may have any character."""
    name = tmp_path / "a) S 1 (b"
    name.write_text(f"#!{PROGRAM}\n{SLEEP}\n")
    name.chmod(0o755)
    with child("/bin/sh", "-c", '"$0" & wait', str(name)) as process:
        found = running(process.pid, 2)
    assert len(found) == 2


def test_program_that_was_removed_keeps_its_name(tmp_path: Path) -> None:
    copy = tmp_path / "python3.11"
    copy.write_bytes(Path("/bin/sleep").read_bytes())
    copy.chmod(0o755)
    with child("/bin/sh", "-c", f"echo ready; exec {copy} 60") as process:
        for _ in range(100):
            (found,) = running(process.pid)
            if found.command[0] == str(copy):
                break
            time.sleep(0.05)
        copy.unlink()
        (found,) = running(process.pid)
    assert found.program == str(copy)


def test_working_folder_that_was_removed_keeps_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    with child(sys.executable, "-c", SLEEP, folder=folder) as process:
        folder.rmdir()
        (found,) = running(process.pid)
    assert found.working_folder == str(folder)


def test_process_without_variables_has_none() -> None:
    with child("/usr/bin/env", "-i", sys.executable, "-c", SLEEP) as process:
        assert dict(process_variables(process.pid)).keys() <= {"PATH"}


def test_empty_arguments_are_kept() -> None:
    with child(sys.executable, "-c", SLEEP, "", "x", "") as process:
        (found,) = running(process.pid)
    assert found.command == (sys.executable, "-c", SLEEP, "", "x", "")


def test_process_that_has_ended_is_none() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert running_processes(process.pid) == ()
    assert process_variables(process.pid) == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the root of a process")
def test_paths_are_those_that_a_process_sees_below_its_root(tmp_path: Path) -> None:
    code = f"import os; os.chroot({str(tmp_path)!r}); os.chdir('/app'); print('ready', flush=True); "
    (tmp_path / "app").mkdir()
    with child(sys.executable, "-c", f"{code}import time; time.sleep(60)") as process:
        (found,) = running(process.pid)
    assert found.working_folder == "/app"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the root of a process")
def test_child_with_another_root_is_not_told(tmp_path: Path) -> None:
    code = (
        "import os, time\nif os.fork() == 0:\n"
        f"    os.chroot({str(tmp_path)!r})\n    os.chdir('/')\n    print('ready', flush=True)\ntime.sleep(60)\n"
    )
    with child(sys.executable, "-c", code) as process:
        assert [each.number for each in running(process.pid)] == [process.pid]


TITLE = """
import ctypes, mmap, sys, time
fields = open('/proc/self/stat').read().rpartition(')')[2].split()
first, last = int(fields[45]), int(fields[48])  # arg_start and env_end, as proc(5) counts them from pid
title = b'worker: main [app] a=b (idle, as long as its arguments and a little longer than those)'
file = open(sys.argv[1])
mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
print('ready', flush=True)
ctypes.memset(first, 0, last - first)
ctypes.memmove(first, title, min(len(title), last - first))
print('titled', flush=True)
time.sleep(60)
"""


def test_process_with_a_title_tells_what_it_has_mapped(tmp_path: Path) -> None:
    """As setproctitle does: over the arguments and the variables."""
    extension = tmp_path / "site-packages" / "a b.cpython-311.so"
    extension.parent.mkdir()
    extension.write_bytes(b"\x7fELF")
    with child(sys.executable, "-c", TITLE, str(extension)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "titled\n"
        (found,) = running(process.pid)
    assert found.command[0].startswith("worker: main [app]")
    assert (found.environment, found.program) == ({}, PROGRAM)
    assert str(extension) in found.mapped
