import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace
from packaging.utils import NormalizedName

from lockml.common.digest import RecordRow, identify_wheel
from lockml.drift import tools
from lockml.drift.artifacts import Differs, Unread
from lockml.drift.tools import (
    TOOLS,
    KnownTool,
    Unknown,
    foreign_rows,
    is_tool_file,
    judge_tool,
    own_file,
    starts_python,
)
from lockml.inventory.model import InstalledDistribution
from lockml.lock.model import LockedTool
from tests.made.trees import SITE

TABLE = Path(tools.__file__).with_name("tool_wheels.txt")
CODE = RecordRow("wheel/__init__.py", "sha256=abc", "3")


def installed(
    name: str = "wheel", version: str = "9", rows: Sequence[RecordRow] | None = (CODE,), listed: tuple[str, ...] = ()
) -> InstalledDistribution:
    return InstalledDistribution(
        name=NormalizedName(name),
        version=version,
        folder=f"{SITE}/{name}-{version}.dist-info",
        site_folder=SITE,
        record=tuple(rows) if rows is not None else None,
        listed=listed,
    )


def recorded(rows: Sequence[RecordRow], version: str = "9") -> LockedTool:
    identity = identify_wheel(rows, dist_info=f"wheel-{version}.dist-info")
    wheel = f"wheel-{version}-py3-none-any.whl"
    return LockedTool(name=NormalizedName("wheel"), version=version, wheel=wheel, identity=identity, sha256="a" * 64)


def test_tool_is_known_when_its_record_is_that_of_a_wheel_that_the_lock_recorded() -> None:
    assert judge_tool(installed(), recorded=[recorded([CODE])]) == KnownTool()


def test_tool_is_known_though_installers_added_rows() -> None:
    """Scripts for entry points, the installer's files and compiled modules are in no identity."""
    rows = [
        CODE,
        RecordRow("wheel-9.dist-info/RECORD", "", ""),
        RecordRow("wheel-9.dist-info/INSTALLER", "sha256=pip", "4"),
        RecordRow("wheel/__pycache__/__init__.cpython-311.pyc", "", ""),
        RecordRow("../../../bin/wheel", "sha256=script", "200"),
    ]
    assert judge_tool(installed(rows=rows), recorded=[recorded([CODE])]) == KnownTool()


def test_tool_differs_when_the_version_is_known_and_a_row_is_another() -> None:
    changed = CODE._replace(digest="sha256=abd")
    assert isinstance(judge_tool(installed(rows=[changed]), recorded=[recorded([CODE])]), Differs)


def test_tool_differs_when_it_lists_more_than_the_wheel() -> None:
    rows = [CODE, RecordRow("wheel/more.py", "sha256=abc", "3")]
    assert isinstance(judge_tool(installed(rows=rows), recorded=[recorded([CODE])]), Differs)


def test_tool_differs_when_it_lists_nothing() -> None:
    assert isinstance(judge_tool(installed(rows=[]), recorded=[recorded([CODE])]), Differs)


def test_tool_is_unknown_when_nothing_has_its_version() -> None:
    assert isinstance(judge_tool(installed()), Unknown)
    assert isinstance(judge_tool(installed(version="not a version")), Unknown)


def test_tool_is_unread_when_it_has_no_record() -> None:
    assert isinstance(judge_tool(installed(rows=None), recorded=[recorded([CODE])]), Unread)


def test_versions_are_compared_as_versions() -> None:
    """PEP 440: 9.0 is 9."""
    assert judge_tool(installed(version="9.0"), recorded=[recorded([CODE])]) != Unknown("")
    assert isinstance(judge_tool(installed("pip", "23.00.1", [CODE])), Differs)


@pytest.mark.parametrize("change", [{"sha256": ""}, {"wheel": "wheel-8-py3-none-any.whl"}, {"wheel": "wheel.whl"}])
def test_record_that_does_not_say_which_wheel_it_is_of_vouches_for_none(change: dict[str, str]) -> None:
    tool = replace(recorded([CODE]), **change)
    assert isinstance(judge_tool(installed(), recorded=[tool]), Unknown)


def test_recorded_scripts_that_are_rewritten_count_by_name() -> None:
    rows = [CODE, RecordRow("wheel-9.data/scripts/own", "sha256=python", "9")]
    identity = identify_wheel(rows, dist_info="wheel-9.dist-info", rewritten=["own"])
    tool = replace(recorded([CODE]), identity=identity)
    there = [CODE, RecordRow("../../../bin/own", "sha256=/opt/venv/bin/python", "20")]
    assert judge_tool(installed(rows=there), recorded=[tool]) == KnownTool()


@pytest.mark.parametrize("library", ["/usr/lib/python3.10", "/usr/lib64/python3.9"])
def test_other_bytes_are_unknown_when_the_distribution_rebuilds_the_version(library: str) -> None:
    verdict = judge_tool(installed("pip", "22.0.2", [CODE]), library=library)
    assert isinstance(verdict, Unknown)


@pytest.mark.parametrize(
    "library", ["/usr/local/lib/python3.10", "/usr/lib/python3.11", "/opt/usr/lib64/python3.9", None]
)
def test_other_bytes_differ_when_the_python_is_not_that_of_the_distribution(library: str | None) -> None:
    assert isinstance(judge_tool(installed("pip", "22.0.2", [CODE]), library=library), Differs)


def test_debian_s_own_builds_are_known_by_lines_of_their_own() -> None:
    lines = TABLE.read_text().splitlines()
    assert len([line for line in lines if line.startswith("wheel pip 23.0.1 ")]) == 2


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("pip", "pip/_vendor/six.py"),
        ("pip", "pip-9.dist-info/RECORD"),
        ("pip", "./pip/__init__.py"),
        ("pip", "../../../bin/pip"),
        ("pip", "../../../bin/pip3"),
        ("pip", "../../../bin/pip3.11"),
        ("pip", "../../../bin/pip-3.11"),
        ("pip", "pip-9.virtualenv"),
        ("pip", "../../bin/pip"),  # pip install --target
        ("setuptools", "setuptools/__init__.py"),
        ("setuptools", "pkg_resources/__init__.py"),
        ("setuptools", "_distutils_hack/override.py"),
        ("setuptools", "distutils-precedence.pth"),
        ("setuptools", "easy_install.py"),
        ("setuptools", "__pycache__/easy_install.cpython-38.pyc"),
        ("setuptools", "../../../bin/easy_install-3.8"),
        ("wheel", "../../../bin/wheel3"),
    ],
)
def test_file_is_the_tool_s_own(name: str, path: str) -> None:
    assert own_file(installed(name), path)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("pip", "six.py"),
        ("pip", "evil.pth"),
        ("pip", "pip"),
        ("pip", "pip.py"),
        ("pip", "pip-8.virtualenv"),
        ("pip", "pipx/__init__.py"),
        ("pip", "pip/../six.py"),
        ("pip", "pip\\..\\six.py"),
        ("pip", "pip/../../site-packages/six.py"),
        ("pip", "../../../bin/../lib/python3.11/site-packages/six.py"),
        ("pip", "../../../bin/python"),
        ("pip", "../../../bin/pip/evil"),
        ("pip", "../../../../bin/pip"),
        ("pip", "../../../lib/pip"),
        ("pip", "../../../bin/wheel"),
        ("pip", "pip-10.dist-info/RECORD"),
        ("pip", "wheel/__init__.py"),
        ("pip", "distutils-precedence.pth"),
        ("pip", "/opt/venv/lib/python3.11/site-packages/pip/__init__.py"),
        ("pip", "pip/\n.py"),
        ("pip", "<scripts>/pip"),
        ("pip", "__pycache__/six.cpython-311.pyc"),
        ("setuptools", "__pycache__/six.cpython-311.pyc"),
        ("setuptools", "distutils-precedence.pth/evil.py"),
        ("setuptools", "../../../bin/pip"),
        ("model", "model/__init__.py"),
    ],
)
def test_file_is_foreign(name: str, path: str) -> None:
    assert not own_file(installed(name), path)


def test_foreign_rows_are_told_as_written_with_a_hash_or_without() -> None:
    rows = [CODE, RecordRow("wheel/../six.py", "sha256=abc", "3"), RecordRow("evil.pth", "", "")]
    assert foreign_rows(installed(rows=rows)) == ("wheel/../six.py", "evil.pth")


def test_what_a_setup_py_wrote_down_is_seen_from_its_own_folder() -> None:
    there = installed(rows=None, listed=("PKG-INFO", "../wheel/cli.py", "../six.py", "../../../../bin/wheel"))
    assert foreign_rows(there) == ("../six.py",)


def test_pth_of_setuptools_is_known_by_its_bytes() -> None:
    content = (
        b"import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; "
        b"enabled and __import__('_distutils_hack').add_shim(); \n"
    )
    assert is_tool_file("distutils-precedence.pth", hashlib.sha256(content).hexdigest())
    assert not is_tool_file("distutils-precedence.pth", hashlib.sha256(content + b"import evil\n").hexdigest())
    assert not is_tool_file("other.pth", hashlib.sha256(content).hexdigest())


def test_files_that_python_runs_at_its_start() -> None:
    assert starts_python("evil.pth")
    assert starts_python("_distutils_hack/new.py")
    assert not starts_python("setuptools/x.pth")


def test_table_has_lines_of_three_kinds_and_digests_of_64_digits() -> None:
    lines = TABLE.read_text().splitlines()[1:]
    kinds = (
        r"wheel [a-z-]+ [0-9.]+(?:(?:b|rc|post)\d+)? [0-9a-f]{64}",
        r"file [a-zA-Z_/.-]+ [0-9a-f]{64}",
        r"rebuilt [a-z-]+ [0-9.]+ 3\.\d+ [A-Za-z]+ [0-9.]+",
    )
    assert [line for line in lines if not re.fullmatch("|".join(kinds), line)] == []
    assert {line.split()[1] for line in lines} >= TOOLS
