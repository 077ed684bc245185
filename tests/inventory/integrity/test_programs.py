"""Programs of an environment's bin, and what starts it."""

import pytest

from tests.drift.checks import check, debian, found, notes, on_debian
from tests.drift.subjects import in_order
from tests.made.trees import ELF_X86_64, MemoryTree
from tests.made.wheels import generated_script


@pytest.mark.parametrize("name", ["tool", "uvicorn", "evil.sh", "aws", "gunicorn3"])
def test_program_that_no_distribution_brought_is_a_note(name: str) -> None:
    report = check({**in_order(), f"/opt/venv/bin/{name}": b"#!/bin/sh\n"})
    assert (found(report), f"1 program in /opt/venv/bin that no distribution installed: {name}" in notes(report)) == (
        [],
        True,
    )


@pytest.mark.parametrize(
    "name",
    ["activate", "activate.csh", "activate_this.py", "deactivate.bat", "Activate.ps1", "pydoc", "python3.11", "pypy3"],
)
def test_program_that_every_environment_has_is_none(name: str) -> None:
    assert "that no distribution brought" not in notes(check({**in_order(), f"/opt/venv/bin/{name}": b""}))


def test_many_programs_are_one_note() -> None:
    files = {**in_order(), **{f"/opt/venv/bin/tool{n}": b"" for n in range(9)}}
    assert "9 programs in /opt/venv/bin that no distribution installed: tool0, tool1, tool2, tool3, tool4, …" in notes(
        check(files)
    )


def test_programs_of_the_system_are_none() -> None:
    tree = on_debian({**debian(), "/usr/bin/curl": ELF_X86_64})
    assert "that no distribution brought" not in notes(check(tree))


def test_dangling_python_is_named_as_what_it_is() -> None:
    """The base image that an environment was made on has another Python now."""
    files = {path: content for path, content in in_order().items() if path != "/opt/venv/bin/python3"}
    report = check(MemoryTree(files, links={"/opt/venv/bin/python3": "/usr/bin/python3.11"}))
    text = (
        notes(report)
        + "".join(problem.path + problem.reason for problem in report.problems)
        + "".join(drift.detail for drift in report.drifts)
    )
    assert "/usr/bin/python3.11" in text
    assert report.environment.dangling


def test_script_whose_interpreter_is_gone_is_a_note() -> None:
    files = {**in_order(), "/opt/venv/bin/model-cli": generated_script("model", "/build/venv/bin/python3")}
    report = check(files)
    assert found(report) == []
    assert "/opt/venv/bin/model-cli: its interpreter /build/venv/bin/python3 does not exist" in notes(report)


def test_script_whose_interpreter_is_another_one_is_drift() -> None:
    """script_shebang."""
    files = {**in_order(), "/srv/py/bin/python3": ELF_X86_64}
    files["/opt/venv/bin/model-cli"] = generated_script("model", "/srv/py/bin/python3")
    assert found(check(files)) == [("modified", "/opt/venv/bin/model-cli")]


@pytest.mark.parametrize("content", [b'#!/bin/sh\nexec /srv/evil "$@"\n', b"#!/usr/bin/env bash\n"])
def test_script_in_the_place_of_the_program_makes_it_incomplete_or_drift(content: bytes) -> None:
    assert check({**in_order(), "/opt/venv/bin/python3": content}).exit_code in (1, 4)
