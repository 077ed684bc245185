"""Settings that change what Python loads, and those of every day, which do not."""

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from lockml.drift.model import LEVELS, DriftReport, Level
from lockml.inventory.file_tree import Origin
from lockml.inventory.model import RunningProcess, Runtime
from lockml.lock.model import BaseImage
from tests.drift.checks import IMAGE, LATER, STARTED, USUAL, check, debian, found, md5sums, on_debian, start, usual_lock
from tests.drift.subjects import in_order, make_lock, without
from tests.made.trees import ELF_X86_64, SITE, MemoryTree
from tests.made.wheels import installed_files, make_wheel, wheel_name


def settings_of(report: DriftReport) -> list[str]:
    return [drift.name for drift in report.drifts if drift.kind == "environment"]


def with_variables(
    variables: dict[str, str], level: Level = "names", files: Mapping[str, bytes] | None = None
) -> list[str]:
    return settings_of(check(files or in_order(), start(**variables), level=level))


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PYTHONHOME", "/srv/fake"),
        ("PYTHONHOME", "/usr:/srv/fake"),
        ("PYTHONPLATLIBDIR", "libevil"),
        ("PYTHONPLATLIBDIR", "../srv"),
        ("PYTHONSTARTUP", "/srv/start.py"),
        ("PYTHONWARNINGS", "error::evil.Warning"),
        ("PYTHONWARNINGS", "ignore,default:text:evil.sub.Warning"),
        ("PYTHONWARNINGS", "ignore::evil.Warning:module:3"),
        ("PYTHONOPTIMIZE", "3"),
        ("PYTHONOPTIMIZE", "99"),
        ("LD_PRELOAD", "/srv/evil.so"),
        ("LD_PRELOAD", "evil.so"),
        ("LD_PRELOAD", "/srv/good.so /srv/evil.so"),
        ("LD_PRELOAD", "/srv/good.so:/srv/evil.so"),
        ("LD_AUDIT", "/srv/evil.so"),
        ("OMP_TOOL_LIBRARIES", "/srv/evil.so"),
        ("CUDA_INJECTION64_PATH", "/srv/evil.so"),
        ("NVTX_INJECTION64_PATH", "/srv/evil.so"),
        ("_PYTHON_SYSCONFIGDATA_NAME", "evil"),
        ("_CONDA_PYTHON_SYSCONFIGDATA_NAME", "evil"),
        ("_PYTHON_SYSCONFIGDATA_PATH", "/srv"),
        ("_PYTHON_PROJECT_BASE", "/srv"),
        ("PEX_EXTRA_SYS_PATH", "/srv"),
    ],
)
def test_variable_that_changes_what_is_loaded_is_drift(level: Level, name: str, value: str) -> None:
    files = {**in_order(), "/srv/evil.so": ELF_X86_64, "/srv/good.so": ELF_X86_64}
    assert with_variables({name: value}, level, files) == [name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PYTHONWARNINGS", "ignore"),
        ("PYTHONWARNINGS", "error"),
        ("PYTHONWARNINGS", "ignore::DeprecationWarning"),
        ("PYTHONWARNINGS", "ignore::UserWarning,default::ResourceWarning"),
        ("PYTHONWARNINGS", "once:message with a . in it:UserWarning"),
        ("PYTHONWARNINGS", ""),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("PYTHONUNBUFFERED", "1"),
        ("PYTHONFAULTHANDLER", "1"),
        ("PYTHONHASHSEED", "0"),
        ("PYTHONIOENCODING", "utf-8"),
        ("PYTHONPATH", "/app"),
        ("PYTHONNOUSERSITE", "1"),
        ("PYTHONOPTIMIZE", "1"),
        ("PYTHONOPTIMIZE", "2"),
        ("PYTHONOPTIMIZE", "x"),
        ("PYTHONOPTIMIZE", ""),
        ("PYTHONHOME", ""),
        ("PYTHONHOME", "/opt/venv"),
        ("PYTHONSTARTUP", ""),
        ("PYTHONPLATLIBDIR", "lib"),
        ("PYTHONPLATLIBDIR", "lib64"),
        ("PYTHONSAFEPATH", "1"),
        ("PYTHONUTF8", "1"),
        ("LD_LIBRARY_PATH", "/usr/local/nvidia/lib64"),
        ("LD_PRELOAD", ""),
        ("LD_PRELOAD", " "),
        ("LD_PRELOAD", "/usr/lib/gone.so"),
        ("OMP_TOOL_LIBRARIES", "/usr/lib/gone.so"),
        ("OPENSSL_CONF", "/dev/null"),
        ("VIRTUAL_ENV", "/opt/venv"),
        ("PIP_NO_CACHE_DIR", "1"),
        ("LANG", "C.UTF-8"),
    ],
)
def test_variable_of_every_day_is_none(name: str, value: str) -> None:
    assert with_variables({name: value}) == []


def test_facts_of_the_build_that_the_library_has_are_none() -> None:
    """conda's compilers name one of several."""
    files = debian(_sysconfigdata_x=b"build_time_vars = {}\n")
    runtime = start(_CONDA_PYTHON_SYSCONFIGDATA_NAME="_sysconfigdata_x")
    assert settings_of(check(on_debian(files), runtime, level="names")) == []


def test_value_of_a_variable_is_shown_in_short() -> None:
    """It may hold a secret."""
    report = check(in_order(), start(PYTHONSTARTUP="/srv/" + "x" * 1000), level="names")
    (drift,) = report.drifts
    assert drift.found is not None
    assert len(drift.found) == 120


def test_same_setting_of_several_processes_is_told_once() -> None:
    variables = {**USUAL.environment, "PYTHONSTARTUP": "/srv/start.py"}
    processes = tuple(
        RunningProcess(
            number=number,
            program="/opt/venv/bin/python3",
            command=("python3", name),
            environment=variables,
            working_folder="/",
        )
        for number, name in ((1, "a.py"), (2, "b.py"))
    )
    assert settings_of(check(in_order(), Runtime(processes=processes))) == ["PYTHONSTARTUP"]


PRELOADED = "/usr/lib/x86_64-linux-gnu/libtcmalloc.so.4"


@pytest.mark.parametrize(
    ("origin", "anchors", "drifts"),
    [
        (IMAGE, 1, []),
        (IMAGE, 0, ["LD_PRELOAD"]),
        (LATER, 1, ["LD_PRELOAD"]),
        (STARTED, 1, ["LD_PRELOAD"]),
    ],
)
def test_preloaded_object_is_in_order_when_a_layer_of_the_base_image_has_it(
    origin: Origin, anchors: int, drifts: list[str]
) -> None:
    """NGC's images preload tcmalloc."""
    tree = MemoryTree({**in_order(), PRELOADED: ELF_X86_64}, origins={PRELOADED: origin})
    layers = ("sha256:" + "a" * 64, "sha256:" + "b" * 64)
    base = BaseImage(reference="base:1", layers=layers[:1] if anchors else ("sha256:" + "c" * 64,))
    report = check(tree, start(LD_PRELOAD=PRELOADED), lock=replace(usual_lock(), base_image=base), layers=layers)
    assert settings_of(report) == drifts


def test_preloaded_object_is_in_order_when_a_package_has_it_and_no_process_changed_it() -> None:
    files = {**in_order(), PRELOADED: ELF_X86_64}
    files["/var/lib/dpkg/info/libtcmalloc4:amd64.md5sums"] = md5sums({PRELOADED: ELF_X86_64})
    assert with_variables({"LD_PRELOAD": PRELOADED}, "files", files) == []
    assert with_variables({"LD_PRELOAD": PRELOADED}, "files", {**files, PRELOADED: b"evil"}) == ["LD_PRELOAD"]
    late = MemoryTree(files, origins={PRELOADED: STARTED})
    assert settings_of(check(late, start(LD_PRELOAD=PRELOADED))) == ["LD_PRELOAD"]


def test_preloaded_object_is_in_order_when_a_locked_wheel_has_it() -> None:
    wheel = make_wheel("model", "1.0", files={"model/libomp.so": ELF_X86_64})
    files = {**without(in_order(), "/model", "numpy", "/bin/run"), **installed_files(wheel, SITE)}
    lock = make_lock({wheel_name("model", "1.0"): wheel})
    path = f"{SITE}/model/libomp.so"
    assert settings_of(check(files, start(LD_PRELOAD=path), lock=lock)) == []
    assert settings_of(check({**files, path: b"evil"}, start(LD_PRELOAD=path), lock=lock)) == ["LD_PRELOAD"]


def test_link_to_a_preloaded_object_is_followed() -> None:
    files = {**in_order(), "/srv/evil.so": ELF_X86_64}
    tree = MemoryTree(files, links={PRELOADED: "/srv/evil.so"})
    assert settings_of(check(tree, start(LD_PRELOAD=PRELOADED))) == ["LD_PRELOAD"]


@pytest.mark.parametrize("content", [b"/srv/evil.so\n", b"# comment\n/srv/evil.so", b"/usr/lib/gone.so:/srv/evil.so"])
def test_preload_file_without_an_owner_is_drift(content: bytes) -> None:
    report = check({**in_order(), "/srv/evil.so": ELF_X86_64, "/etc/ld.so.preload": content})
    assert ("environment", "/etc/ld.so.preload") in found(report)


@pytest.mark.parametrize("content", [b"", b"\n", b"# nothing\n", b"/usr/lib/gone.so\n"])
def test_preload_file_that_loads_nothing_is_none(content: bytes) -> None:
    assert settings_of(check({**in_order(), "/etc/ld.so.preload": content})) == []


@pytest.mark.parametrize(
    "path",
    [
        "/opt/venv/bin/python._pth",
        "/opt/venv/bin/python3._pth",
        "/opt/venv/bin/python3.11._pth",
        "/usr/bin/python3.11._pth",
        "/usr/bin/python._pth",
    ],
)
def test_pth_beside_the_program_is_drift(path: str) -> None:
    report = check(on_debian({**debian(), path: b"/srv\n"}))
    assert ("environment", path) in found(report)


@pytest.mark.parametrize("path", ["/opt/venv/bin/other._pth", f"{SITE}/python3._pth", "/opt/venv/python._pth"])
def test_pth_of_no_program_is_none(path: str) -> None:
    assert settings_of(check(on_debian({**debian(), path: b"/srv\n"}))) == []


def test_pybuilddir_beside_the_program_is_drift() -> None:
    report = check(on_debian({**debian(), "/usr/bin/pybuilddir.txt": b"../../srv"}))
    assert ("environment", "/usr/bin/pybuilddir.txt") in found(report)


@pytest.mark.parametrize(
    "settings",
    [
        b"home = /srv/fake/bin\nversion = 3.11.2\n",
        b"home = /srv/fake/bin\nhome = /usr/bin\nversion = 3.11.2\n",
        b"HOME = /srv/fake/bin\nversion = 3.11.2\n",
        b"home=/srv/fake/bin\nversion=3.11.2\n",
    ],
)
def test_home_that_leads_to_another_standard_library_is_drift(settings: bytes) -> None:
    """Python takes the first ``home``."""
    files = {**debian(), "/srv/fake/lib/python3.11/os.py": b"evil()\n", "/opt/venv/pyvenv.cfg": settings}
    assert ("environment", "/opt/venv/pyvenv.cfg") in found(check(on_debian(files)))


def test_second_home_does_not_count() -> None:
    files = {**debian(), "/srv/fake/lib/python3.11/os.py": b"evil()\n"}
    files["/opt/venv/pyvenv.cfg"] = b"home = /usr/bin\nhome = /srv/fake/bin\nversion = 3.11.2\n"
    assert settings_of(check(on_debian(files))) == []


def test_configuration_beside_the_program_counts_before_the_one_above_it() -> None:
    files = {**debian(), "/srv/fake/lib/python3.11/os.py": b"evil()\n"}
    files["/opt/venv/bin/pyvenv.cfg"] = b"home = /srv/fake/bin\nversion = 3.11.2\n"
    assert ("environment", "/opt/venv/pyvenv.cfg") in found(check(on_debian(files)))
