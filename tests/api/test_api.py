"""The public API does what docs/api.md says, and its examples run."""

import inspect
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from lockml import api
from lockml.index.model import DistributionFile
from tests.made.trees import SITE, venv_files
from tests.made.wheels import UNHASHED, installed_files, make_wheel

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
TARGET = api.parse_target("3.11-linux/amd64-glibc-2.36")
FILENAME = "lib-1.0-py3-none-any.whl"
LIB = make_wheel("lib", "1.0", ["dep>=2"])
DEP = make_wheel("dep", "2.0")


def example(mark: str) -> dict[str, Any]:
    """Return what the example of the page defines, run under another name than `__main__`."""
    found = re.search(rf"<!-- {mark} -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {"__name__": "example"}
    exec(found[1], names)
    return names


def make_index() -> api.MemoryIndex:
    index = api.MemoryIndex()
    index.add_wheel(FILENAME, LIB)
    index.add_wheel("dep-2.0-py3-none-any.whl", DEP)
    return index


def make_lock() -> api.Lock:
    return api.resolve(api.parse_requirements("lib"), [TARGET], make_index()).lock


def make_opened(**changed: bytes) -> api.OpenedSubject:
    files = {**venv_files(), **installed_files(LIB, SITE), **installed_files(DEP, SITE)}
    files |= {f"{SITE}/{name}.py": content for name, content in changed.items()}
    subject = api.Subject(kind="path", name="test", details={"is": "root"})
    return api.OpenedSubject(subject=subject, tree=api.MemoryTree(files), runtime=api.Runtime())


def test_page_names_all_of_the_api_and_nothing_else() -> None:
    named = set(re.findall(r"`([A-Za-z_]+)(?:[`(]|\.tree)", PAGE))
    assert sorted(set(api.__all__) - named) == []
    assert [name for name in re.findall(r"\bapi\.([a-zA-Z_]+)", PAGE) if name not in api.__all__] == []


def test_page_names_the_parameters_of_each_function() -> None:
    for name, listed in re.findall(r"^\| `([a-z_]+)\((.*?)\)`", PAGE, re.MULTILINE):
        parameters = list(inspect.signature(getattr(api, name)).parameters)
        assert [each.removesuffix("=…") for each in listed.split(", ")] == parameters, name


def test_lock_is_written_and_read_again() -> None:
    text = api.format_lock(make_lock())
    assert api.format_lock(api.parse_lock(text.encode())) == text


def test_resolved_wheels_have_the_identity_of_their_bytes() -> None:
    lock = make_lock()
    assert [(each.name, str(each.version)) for each in lock.pylock.packages] == [("dep", "2.0"), ("lib", "1.0")]
    (artifact,) = lock.artifacts[lock.pylock.packages[1].name]
    assert artifact.identity == api.identify_wheel(FILENAME, LIB)


@pytest.mark.parametrize("level", ["names", "artifacts", "files"])
def test_environment_as_locked_has_no_drift(level: api.Level) -> None:
    report = api.check(make_lock(), make_opened(), level=level, bytecode_seconds=0)
    assert (report.exit_code, report.drifts, report.problems) == (0, (), ())
    assert report.level == level


def test_changed_file_is_drift() -> None:
    report = api.check(make_lock(), make_opened(lib=b"evil\n"), level="files", bytecode_seconds=0)
    assert [(drift.kind, drift.path) for drift in report.drifts] == [("modified", f"{SITE}/lib.py")]


def test_inventory_is_compared_later() -> None:
    lock, opened = make_lock(), make_opened()
    inventory = api.take_inventory(opened, lock, files=True, bytecode_seconds=0)
    assert {each.name for each in inventory.environment.distributions} == {"dep", "lib"}
    assert api.compare(lock, inventory, level="files").exit_code == 0


def test_inventory_without_files_proves_no_files() -> None:
    inventory = api.take_inventory(make_opened())
    with pytest.raises(api.InputError, match="the inventory has no files"):
        api.compare(make_lock(), inventory, level="files")


@pytest.mark.parametrize(
    ("lines", "error"),
    [("lib>=2", api.NoResolutionError), ("nothing", api.NotFoundError), ("-i https://x.example/\nlib", api.InputError)],
)
def test_requirements_that_cannot_be_met_are_refused(lines: str, error: type[api.LockmlError]) -> None:
    with pytest.raises(error):
        api.resolve(api.parse_requirements(lines), [TARGET], make_index())


@pytest.mark.parametrize("line", ["lib >", "-r other.txt"])
def test_faulty_requirements_are_refused(line: str) -> None:
    with pytest.raises(api.RequirementError, match=r"asked\.in:1"):
        api.parse_requirements(line, "asked.in")


def test_wheel_without_an_identity_is_locked_with_the_reason() -> None:
    index = api.MemoryIndex()
    index.add_wheel("pkg-1.0-py3-none-any.whl", make_wheel("pkg", "1.0", record=UNHASHED))
    lock = api.resolve(api.parse_requirements("pkg"), [TARGET], index).lock
    ((artifact,),) = lock.artifacts.values()
    assert (artifact.identity, artifact.reason) == (None, "'pkg.py' has no hash")


def test_wheel_of_a_tool_that_the_index_does_not_give_ends_no_resolve() -> None:
    class Failing(api.MemoryIndex):
        def identities(self, files: Sequence[DistributionFile]) -> Mapping[str, api.ArtifactIdentity | str]:
            if any(file.project == "pip" for file in files):
                raise api.PackageIndexError("index", "does not answer")
            return super().identities(files)

    index = Failing()
    index.add_wheel("dep-2.0-py3-none-any.whl", DEP)
    index.add_wheel("pip-1.0-py3-none-any.whl", make_wheel("pip", "1.0"))
    lock = api.resolve(api.parse_requirements("dep"), [TARGET], index).lock
    assert (list(lock.artifacts), lock.tools) == (["dep"], ())


def test_tools_of_new_environments_are_recorded() -> None:
    index = make_index()
    index.add_wheel("pip-1.0-py3-none-any.whl", make_wheel("pip", "1.0"))
    lock = api.resolve(api.parse_requirements("lib"), [TARGET], index).lock
    assert [tool.name for tool in lock.tools] == ["pip"]


def test_lock_of_another_tool_is_not_written() -> None:
    lock = api.parse_lock(b'lock-version = "1.0"\ncreated-by = "other"\npackages = []\n')
    with pytest.raises(api.LockError, match="another tool's lock"):
        api.format_lock(lock)


@pytest.mark.parametrize(
    ("filename", "content"), [("lib-1.0.tar.gz", LIB), (FILENAME, b"no zip"), ("dep-1.0-py3-none-any.whl", LIB)]
)
def test_what_is_no_wheel_is_not_identified(filename: str, content: bytes) -> None:
    with pytest.raises(api.InputError, match=re.escape(filename)):
        api.identify_wheel(filename, content)
    with pytest.raises(api.InputError, match=re.escape(filename)):
        api.MemoryIndex().add_wheel(filename, content)


@pytest.mark.parametrize("kind", ["freeze", "thing"])
def test_subject_without_files_is_refused(kind: str) -> None:
    with pytest.raises(api.InputError, match="not a kind of subject"):
        api.open_subject(kind, "x")


def test_index_without_an_answer_is_told(tmp_path: Path) -> None:
    opened = api.open_index("https://index.example/simple", cache=tmp_path, offline=True)
    with opened as index, pytest.raises(api.PackageIndexError):
        api.resolve(api.parse_requirements("lib"), [TARGET], index)


@pytest.mark.process
def test_check_of_the_page_finds_a_changed_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / "venv" / "lib" / "python3.11" / "site-packages"
    files = {**venv_files(), **installed_files(LIB, SITE), **installed_files(DEP, SITE)}
    files = {path: content for path, content in files.items() if not path.endswith(".pyc")}
    for path, content in files.items():
        file = tmp_path / path.replace("/opt/venv", "venv").lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    lock = tmp_path / "pylock.toml"
    lock.write_text(api.format_lock(make_lock()), encoding="utf-8")
    check = example("check")["main"]
    check(str(lock), str(tmp_path / "venv"))
    before = capsys.readouterr().out
    assert "lib.py" not in before
    (site / "lib.py").write_text("evil\n")
    assert check(str(lock), str(tmp_path / "venv")) == 1
    assert "modified: 'lib': 'it has 5 bytes instead of 16'\n" in capsys.readouterr().out


@pytest.mark.process
@pytest.mark.parametrize("arguments", [(), ("gone.toml", "."), (".", ".")])
def test_check_of_the_page_exits_2_for_bad_input(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    found = re.search(r"<!-- check -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    (tmp_path / "check.py").write_text(found[1])
    ran = subprocess.run([sys.executable, "check.py", *arguments], cwd=tmp_path, capture_output=True, check=False)
    assert ran.returncode == 2


@pytest.mark.parametrize("level", ["zz", ""])
def test_unknown_level_is_bad_input(level: Any) -> None:
    lock, opened = make_lock(), make_opened()
    with pytest.raises(api.InputError, match="is unknown"):
        api.check(lock, opened, level=level)
    with pytest.raises(api.InputError, match="is unknown"):
        api.compare(lock, api.take_inventory(opened), level=level)


def test_example_in_memory_runs() -> None:
    assert example("memory")["report"].exit_code == 1


@pytest.mark.process
def test_package_itself_loads_nothing() -> None:
    code = "import sys; known = set(sys.modules); import lockml; print(sorted(set(sys.modules) - known))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "['lockml']"
