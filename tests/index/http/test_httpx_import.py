"""httpx without its command line is httpx."""

import subprocess
import sys

import pytest

NAMES = """
{}
import sys

import pytest
print(sorted(dir(httpx)), httpx.Limits(), httpx.__version__)
print("rich" in sys.modules)
"""


def printed(statement: str) -> list[str]:
    command = [sys.executable, "-c", NAMES.format(statement)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.process
def test_httpx_without_its_command_line_has_the_same_names() -> None:
    fast, slow = printed("from lockml.index.http.httpx_import import httpx"), printed("import httpx")
    fast[0], slow[0] = (names.replace("'_main', ", "") for names in (fast[0], slow[0]))
    assert fast[0] == slow[0]
    assert fast[1] == "False"
