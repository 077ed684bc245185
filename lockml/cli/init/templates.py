"""The texts of a lockml.toml and of a CI job, in the workflow syntax of GitHub Actions."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lockml.cli.init.installation import VARIABLE, Installation

__all__ = ["format_configuration", "format_workflow"]

_CONFIGURATION: Final = Path(__file__).with_name("lockml.toml")
_USUAL_OUTPUT: Final = '# [compile]\n# output = "requirements.txt"    #'
_WORKFLOW: Final = """\
# Written by `lockml init`: check that the lock is up to date, and that the image matches it.
name: lockml
on:
  push:
  pull_request:
permissions:
  contents: read
jobs:
  lock:
    runs-on: ubuntu-latest
    timeout-minutes: 30
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - name: Install lockml
{environment}        run: |
          {install}
      - name: Check the lock against its inputs
        run: |
          {compile}
      - name: Build the image
        run: |
          {build}
      - name: Check the image against the lock
        run: |
          {check}
"""
_ENVIRONMENT: Final = f"""\
        env:
          # a variable of the repository: git+https://HOST/OWNER/lockml@COMMIT, or the https URL of a wheel
          {VARIABLE}: ${{{{ vars.{VARIABLE} }}}}
"""


def format_configuration(output: str) -> str:
    """Return the text of a lockml.toml: comments, and the *output* of compile if it is not the default."""
    text = _CONFIGURATION.read_text("utf-8")
    changed = f"[compile]\noutput = {json.dumps(output)}  #"
    return text if output == "requirements.txt" else text.replace(_USUAL_OUTPUT, changed)


def format_workflow(installation: Installation, compiled: Sequence[str], image: str, lock: Sequence[str]) -> str:
    """Return the text of a workflow that checks the lock, builds the *image* and checks that.

    *compiled* are the arguments of ``lockml compile``, *lock* those of ``lockml check`` that name the lock. If lockml
    was installed from this machine, a variable of the repository says where to install it from.
    """
    return _WORKFLOW.format(
        environment="" if installation.portable else _ENVIRONMENT,
        install=f"pip install {installation.shell_word()}",
        compile=shlex.join(["lockml", "compile", "--check", *compiled]),
        build=shlex.join(["docker", "build", "-t", image, "."]),
        check=shlex.join(["lockml", "check", "--image", image, "--level", "files", *lock]),
    )
