"""Unlocked pip, setuptools and wheel in whole checks: known, different, unknown, and what they may bring."""

import hashlib

import pytest
from msgspec.structs import replace
from packaging.utils import NormalizedName

from lockml.drift.model import LEVELS, DriftReport, Level
from lockml.lock.model import Lock, LockedTool
from tests.drift.checks import STARTED, check, found, limits, notes, row, start, usual_lock, with_rows
from tests.drift.subjects import NUMPY, in_order, make_lock, without
from tests.made.locks import identity_of
from tests.made.trees import SITE, MemoryTree
from tests.made.wheels import installed_files, make_wheel, wheel_name

PRECEDENCE = (
    b"import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; "
    b"enabled and __import__('_distutils_hack').add_shim(); \n"
)
WHEEL = make_wheel("wheel", "9.0", files={"wheel/__init__.py": b"x = 1\n"})


def knowing(*wheels: tuple[str, str, bytes]) -> Lock:
    """Return the usual lock, that recorded these tools."""
    tools = tuple(
        LockedTool(
            name=NormalizedName(name),
            version=version,
            wheel=wheel_name(name, version),
            identity=identity,
            sha256=hashlib.sha256(content).hexdigest(),
        )
        for name, version, content in wheels
        for identity in [identity_of(wheel_name(name, version), content)]
    )
    return replace(usual_lock(), tools=tools)


def with_wheel(content: bytes = WHEEL) -> dict[str, bytes]:
    return {**in_order(), **installed_files(content, SITE)}


def of_wheel(report: DriftReport) -> list[tuple[str, str]]:
    return [each for each in found(report) if "wheel" in each[1] or "hack" in each[1] or ".pth" in each[1]]


def test_tool_whose_bytes_the_lock_recorded_is_a_note_and_its_files_are_known() -> None:
    report = check(with_wheel(), lock=knowing(("wheel", "9.0", WHEEL)))
    assert (found(report), report.coverage["known"] >= 3) == ([], True)
    assert "wheel: not locked; base images and virtual environments include it, and it is a known wheel" in notes(
        report
    )
    assert limits(report)["unlocked-tools"] == 1  # pip 99.0


def test_known_tool_with_a_changed_file_is_modified() -> None:
    files = {**with_wheel(), f"{SITE}/wheel/__init__.py": b"x = 2\n"}
    report = check(files, lock=knowing(("wheel", "9.0", WHEEL)))
    assert found(report) == [("modified", f"{SITE}/wheel/__init__.py")]


def test_known_tool_with_an_added_file_is_unattributed() -> None:
    files = {**with_wheel(), f"{SITE}/wheel/evil.py": b"x = 2\n"}
    assert found(check(files, lock=knowing(("wheel", "9.0", WHEEL)))) == [
        ("unattributed-file", f"{SITE}/wheel/evil.py")
    ]


@pytest.mark.parametrize("level", LEVELS[1:])
def test_tool_of_a_known_version_with_other_bytes_is_artifact(level: Level) -> None:
    other = make_wheel("wheel", "9.0", files={"wheel/__init__.py": b"x = 2\n"})
    report = check(with_wheel(other), lock=knowing(("wheel", "9.0", WHEEL)), level=level)
    assert ("artifact", f"{SITE}/wheel-9.0.dist-info") in found(report)


@pytest.mark.parametrize(("name", "version"), [("pip", "23.0.1"), ("setuptools", "65.5.1"), ("wheel", "0.40.0")])
def test_tool_of_a_version_in_the_table_with_other_bytes_is_artifact(name: str, version: str) -> None:
    files = {
        **without(in_order(), "pip"),
        **installed_files(make_wheel(name, version, files={f"{name}/x.py": b""}), SITE),
    }
    assert ("artifact", f"{SITE}/{name}-{version}.dist-info") in found(check(files, level="artifacts"))


def test_tool_of_an_unknown_version_is_a_limit() -> None:
    report = check(with_wheel(), level="artifacts")
    assert (found(report), limits(report)["unlocked-tools"]) == ([], 2)


def test_tool_is_not_judged_at_level_names() -> None:
    other = make_wheel("wheel", "9.0", files={"evil.py": b""})
    assert found(check(with_wheel(other), lock=knowing(("wheel", "9.0", WHEEL)), level="names")) == []


@pytest.mark.parametrize(
    "path",
    [
        "evil.py",
        "evil.pth",
        "six/__init__.py",
        "model/more.py",
        "wheel/../evil.py",
        "../../../bin/python",
        "../../../bin/run",
        "../../../lib/evil.so",
        "wheelhouse/__init__.py",
        "wheel.pth",
        "wheel.py",
        "pip/__init__.py",
    ],
)
@pytest.mark.parametrize("hashed", [True, False])
def test_tool_that_lists_what_is_not_its_own_is_artifact(path: str, hashed: bool) -> None:
    report = check(with_rows(with_wheel(), "wheel-9.0", row(path, b"") if hashed else f"{path},,"), level="artifacts")
    assert found(report) == [("artifact", f"{SITE}/wheel-9.0.dist-info")]


@pytest.mark.parametrize("path", ["wheel-0.1.pth", "evil.pth", "distutils-precedence.pth"])
def test_pth_of_unknown_bytes_is_drift_though_a_tool_lists_it(path: str) -> None:
    fake = make_wheel("setuptools", "999.0", files={"setuptools/__init__.py": b"", path: b"import evil\n"})
    report = check({**in_order(), **installed_files(fake, SITE)})
    assert ("unattributed-file", f"{SITE}/{path}") in found(report)


@pytest.mark.parametrize("name", ["__init__.py", "override.py", "more.py"])
def test_distutils_hack_of_unknown_bytes_is_drift(name: str) -> None:
    files = {"setuptools/__init__.py": b"", f"_distutils_hack/{name}": b"import evil\n"}
    report = check({**in_order(), **installed_files(make_wheel("setuptools", "999.0", files=files), SITE)})
    assert any(kind == "unattributed-file" and "_distutils_hack" in path for kind, path in found(report))


def test_pth_of_known_bytes_is_in_order_though_the_version_is_unknown() -> None:
    fake = make_wheel(
        "setuptools", "999.0", files={"setuptools/__init__.py": b"", "distutils-precedence.pth": PRECEDENCE}
    )
    assert found(check({**in_order(), **installed_files(fake, SITE)})) == []


def test_file_of_an_unknown_tool_that_changed_after_the_start_is_drift() -> None:
    """A tool that nobody knows has nothing but its own RECORD, which was changed with it."""
    tree = MemoryTree(with_wheel(), origins={f"{SITE}/wheel": STARTED})
    report = check(tree)
    assert [kind for kind, _ in of_wheel(report)] == ["modified"]


@pytest.mark.parametrize("name", ["wheel", "debugpy"])
def test_distribution_that_is_not_locked_hides_no_locked_project(name: str) -> None:
    fake = make_wheel(name, "9.0", files={f"{name}/__init__.py": b"", "numpy/__init__.py": b"evil()\n"})
    files = {**in_order(), **installed_files(fake, "/app", compiled=False)}
    assert ("shadowed", "/app/numpy") in found(check(files, start(PYTHONPATH="/app")))


def test_locked_distribution_in_a_folder_of_pythonpath_hides_none() -> None:
    files = {**in_order(), **installed_files(NUMPY, "/app", compiled=False)}
    assert found(check(files, start(PYTHONPATH="/app"))) == []


def test_tool_that_is_locked_is_a_project_like_any_other() -> None:
    lock = make_lock({wheel_name("pip", "99.0"): make_wheel("pip", "99.0", files={"pip/__init__.py": b"x"})})
    files = without(in_order(), "/model", "numpy", "/bin/run")
    assert ("artifact", f"{SITE}/pip-99.0.dist-info") in found(check(files, lock=lock))


def test_packaging_is_a_tool_beside_wheel_alone() -> None:
    """`uv venv --seed` brings it, as wheel needs it."""
    packaging = installed_files(make_wheel("packaging", "999", files={"packaging/__init__.py": b""}), SITE)
    assert found(check({**in_order(), **packaging}, level="artifacts")) == [
        ("unexpected", f"{SITE}/packaging-999.dist-info")
    ]
    assert found(check({**with_wheel(), **packaging}, level="artifacts")) == []


def test_tool_without_a_record_is_a_limit_and_its_files_are_unattributed() -> None:
    files = without(with_wheel(), "wheel-9.0.dist-info/RECORD")
    report = check(files)
    assert limits(report)["unlocked-tools"] == 2
    assert ("unattributed-file", f"{SITE}/wheel") in found(report)
