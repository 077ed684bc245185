"""The CI job of `lockml init`, held against GitHub's schema."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lockml.cli.init.installation import Installation
from lockml.cli.init.templates import format_workflow

HERE = Installation(version="1.0", address="file:///src/lockml")
INDEX = Installation(version="1.0")


@pytest.mark.process
@pytest.mark.parametrize("installation", [HERE, INDEX])
def test_job_fits_the_schema_of_workflows(tmp_path: Path, installation: Installation) -> None:
    (tmp_path / "lockml.yml").write_text(format_workflow(installation, ("a: b.in",), "team/trainer:1", ()))
    program = str(Path(sys.executable).parent / "check-jsonschema")
    command = [program, "--builtin-schema", "vendor.github-workflows", str(tmp_path / "lockml.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def steps(installation: Installation) -> dict[str, dict[str, Any]]:
    document = yaml.safe_load(format_workflow(installation, ("a: b.in",), "trainer", ("--lock", "x.toml")))
    return {step["name"]: step for step in document["jobs"]["lock"]["steps"] if "name" in step}


def test_words_are_quoted_for_the_shell() -> None:
    job = steps(INDEX)
    assert job["Check the lock against its inputs"]["run"] == "lockml compile --check 'a: b.in'\n"
    assert (
        job["Check the image against the lock"]["run"] == "lockml check --image trainer --level files --lock x.toml\n"
    )


def test_lockml_is_installed_from_where_it_is_to_be_had() -> None:
    """What was installed from a folder of this machine has no address that a runner could use."""
    assert steps(INDEX)["Install lockml"]["run"] == "pip install lockml==1.0\n"
    assert "env" not in steps(INDEX)["Install lockml"]
    local = steps(HERE)["Install lockml"]
    assert local["env"] == {"LOCKML": "${{ vars.LOCKML }}"}
    assert local["run"].startswith('pip install "lockml @ ${LOCKML:?')
    assert "/src" not in str(local)


@pytest.mark.process
def test_shell_says_what_to_set_where_the_variable_is_empty() -> None:
    script = str(steps(HERE)["Install lockml"]["run"])
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, env={"LOCKML": ""})
    assert done.returncode != 0
    assert "LOCKML: set LOCKML to where pip finds lockml" in done.stderr
