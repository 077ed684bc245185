"""What venv and uv bring into a new environment is known to lockml, byte for byte."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from lockml.drift.tools import TOOLS, KnownTool, foreign_rows, is_tool_file, judge_tool, starts_python
from lockml.inventory.collect import take_inventory
from lockml.subjects.model import ReadOptions
from lockml.subjects.open import SubjectName, open_subject

pytestmark = pytest.mark.online

MAKERS = {
    "venv": (sys.executable, "-m", "venv"),
    "uv": (str(Path(sys.executable).parent / "uv"), "venv", "--seed", "--python", sys.executable),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_what_a_new_environment_has_is_known(tmp_path: Path, maker: str) -> None:
    subprocess.run([*MAKERS[maker], str(tmp_path / "venv")], check=True, capture_output=True)
    with open_subject(SubjectName(kind="path", name=str(tmp_path / "venv")), ReadOptions()) as opened:
        found = take_inventory(opened.tree, opened.subject, opened.runtime, prefix=opened.prefix).environment
    tools = [each for each in found.distributions if each.name in TOOLS]
    assert "pip" in {each.name for each in tools}
    assert [each.dist_info for each in tools if judge_tool(each, library=found.library) != KnownTool()] == []
    assert [path for each in tools for path in foreign_rows(each)] == []
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    started = {
        str(path.relative_to(site)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (*site.glob("*.pth"), *site.glob("_distutils_hack/*.py"))
        if starts_python(str(path.relative_to(site))) and not path.name.startswith("_virtualenv")
    }
    assert [path for path, digest in started.items() if not is_tool_file(path, digest)] == []
