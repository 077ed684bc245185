"""The folders and archives that Python imports from, as its own site module makes them (PEP 370, PEP 405)."""

from collections.abc import Mapping

import pytest

from lockml.inventory.environment.find import find_environments
from lockml.inventory.model import PythonEnvironment, RunningProcess, Runtime
from tests.drift.checks import check, debian, found, limits, on_debian, start
from tests.drift.subjects import in_order, without
from tests.made.trees import ELF_X86_64, SITE, MemoryTree, archive
from tests.made.wheels import installed_files, make_wheel

DEBIAN_SITE = b'def getsitepackages():\n    return ["local/lib", "dist-packages"]\n'
EVIL = b"import os\n"
USER = "lib/python3.11/site-packages"


def on_system(**more: bytes) -> dict[str, bytes]:
    return {path: content for path, content in debian(**more).items() if not path.startswith("/opt/venv")}


def environment_of(
    files: Mapping[str, bytes], runtime: Runtime, links: Mapping[str, str] | None = None
) -> PythonEnvironment:
    """Return the environment that is used, on Debian's Python."""
    usual = {"/usr/bin/python3": "python3.11", **(links or {})}
    return find_environments(MemoryTree(files, links=usual), runtime).environments[0]


@pytest.mark.parametrize(
    "folder", ["local/lib/python3.11/dist-packages", "lib/python3/dist-packages", "lib/python3.11/dist-packages"]
)
@pytest.mark.parametrize("name", ["evil.pth", "numpy.py", "sitecustomize.py"])
def test_dist_packages_of_a_venv_on_debians_python_are_on_the_path(folder: str, name: str) -> None:
    path = f"/opt/venv/{folder}/{name}"
    assert ("unattributed-file", path) in found(check(on_debian({**debian(site=DEBIAN_SITE), path: EVIL})))


def test_dist_packages_of_a_venv_on_another_python_are_not_on_the_path() -> None:
    files = {**debian(site=b"def getsitepackages(): ...\n"), "/opt/venv/lib/python3/dist-packages/evil.pth": EVIL}
    assert found(check(on_debian(files))) == []


def test_python_is_debians_by_its_site_module_where_nothing_is_installed_yet() -> None:
    """Distroless and minimal images have no /usr/lib/python3/dist-packages."""
    files = {**on_system(site=DEBIAN_SITE), "/usr/local/lib/python3.11/dist-packages/evil.pth": EVIL}
    environment = environment_of(files, Runtime(environment={"PATH": "/usr/bin"}))
    assert environment.site_folders == ("/usr/local/lib/python3.11/dist-packages",)


def test_python_in_usr_of_another_system_has_site_packages() -> None:
    files = {**on_system(site=b"\n"), f"/usr/{USER}/x.py": b"", f"/usr/local/{USER}/x.py": b""}
    environment = environment_of(files, Runtime(environment={"PATH": "/usr/bin"}))
    assert environment.site_folders == (f"/usr/local/{USER}", f"/usr/{USER}")


@pytest.mark.parametrize("lib", ["lib", "lib64"])
def test_archive_before_the_standard_library_is_drift(lib: str) -> None:
    path = f"/usr/{lib}/python311.zip"
    files = {**debian(), path: archive("random.py")}
    assert ("unattributed-file", path) in found(check(on_debian(files)))


def test_folder_of_the_name_of_that_archive_is_drift_too() -> None:
    files = {**debian(), "/usr/lib/python311.zip/random.py": EVIL}
    assert ("unattributed-file", "/usr/lib/python311.zip") in found(check(on_debian(files)))


@pytest.mark.parametrize("name", ["python310.zip", "python3.zip", "python3.11.zip"])
def test_archive_of_another_name_is_none(name: str) -> None:
    assert found(check(on_debian({**debian(), f"/usr/lib/{name}": b""}))) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "folder", "place"),
    [
        ("/app", "/", "/app"),
        ("app", "/", "/app"),
        ("./app", "/srv", "/srv/app"),
        ("../app", "/srv/x", "/srv/app"),
        (":/none", "/app", "/app"),
        ("/none:", "/app", "/app"),
        ("/none::/more", "/app", "/app"),
        (".", "/app", "/app"),
        ("/app/", "/", "/app"),
        ("//app", "/", "/app"),
        ("/link", "/", "/app"),
    ],
)
@pytest.mark.parametrize("name", ["numpy.py", "model/__init__.py", "numpy/__init__.cpython-311-x86_64-linux-gnu.so"])
def test_entry_of_pythonpath_is_a_folder_as_python_sees_it(value: str, folder: str, place: str, name: str) -> None:
    tree = MemoryTree({**in_order(), f"{place}/{name}": EVIL, "/srv/x/y": b""}, links={"/link": "/app"})
    report = check(tree, start(folder=folder, PYTHONPATH=value))
    assert ("shadowed", f"{place}/{name.partition('/')[0]}") in found(report)
    assert report.environment.path_folders == (place,)


def test_unset_pythonpath_is_no_entry() -> None:
    report = check({**in_order(), "/app/x.py": b""}, start(folder="/app", PYTHONPATH=""))
    assert report.environment.path_folders == ()


@pytest.mark.parametrize(
    "names", [("numpy.py",), ("numpy/__init__.py",), ("numpy.pyc",), ("x.py", "numpy/__init__.pyc")]
)
def test_archive_on_pythonpath_hides_what_it_has(names: tuple[str, ...]) -> None:
    report = check({**in_order(), "/app/code.zip": archive(*names)}, start(PYTHONPATH="/app/code.zip"))
    assert any(kind == "shadowed" and path.startswith("/app/code.zip/numpy") for kind, path in found(report))


@pytest.mark.parametrize("name", ["sitecustomize.py", "usercustomize.py", "sitecustomize/__init__.py"])
def test_archive_on_pythonpath_that_python_starts_with_is_drift(name: str) -> None:
    report = check({**in_order(), "/app/code.zip": archive(name)}, start(PYTHONPATH="/app/code.zip"))
    assert [kind for kind, _ in found(report)] == ["unattributed-file"]


def test_archive_of_a_pth_hides_what_it_has() -> None:
    files = {**in_order(), f"{SITE}/code.pth": b"/app/code.zip\n", "/app/code.zip": archive("usercustomize.py")}
    assert ("unattributed-file", "/app/code.zip/usercustomize.py") in found(check(files))


def test_archive_on_pythonpath_is_named_and_a_limit() -> None:
    report = check({**in_order(), "/app/code.zip": archive("own.py")}, start(PYTHONPATH="/app/code.zip"))
    assert (found(report), limits(report)["application-code"]) == ([], 1)
    assert report.files is not None
    assert report.files.application == ("/app/code.zip",)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + bytes(50)])
def test_what_is_no_archive_on_pythonpath_is_passed_over(content: bytes) -> None:
    assert found(check({**in_order(), "/app/code.zip": content}, start(PYTHONPATH="/app/code.zip"))) == []


PASSWD = b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\nlast:x:1001:1001::/srv/last:/bin/sh"


@pytest.mark.parametrize(
    ("user", "variables", "base"),
    [
        ("", {}, "/root/.local"),
        ("0", {}, "/root/.local"),
        ("root", {}, "/root/.local"),
        ("app", {}, "/home/app/.local"),
        ("1000", {}, "/home/app/.local"),
        ("1000:1000", {}, "/home/app/.local"),
        ("app:staff", {}, "/home/app/.local"),
        ("last", {}, "/srv/last/.local"),
        ("1000", {"HOME": "/data"}, "/data/.local"),
        ("1000", {"PYTHONUSERBASE": "/base"}, "/base"),
        ("1000", {"HOME": "/data", "PYTHONUSERBASE": "/base"}, "/base"),
    ],
)
def test_folder_of_the_user_is_that_of_who_runs_it(user: str, variables: dict[str, str], base: str) -> None:
    """PEP 370."""
    files = {**on_system(), "/etc/passwd": PASSWD, f"{base}/{USER}/six.py": b""}
    environment = environment_of(files, Runtime(environment={"PATH": "/usr/bin", **variables}, user=user))
    assert environment.site_folders == (f"{base}/{USER}",)


def test_folders_of_all_users_that_run_it_count() -> None:
    files = {**on_system(), "/etc/passwd": PASSWD}
    files |= {f"/root/.local/{USER}/a.py": b"", f"/home/app/.local/{USER}/b.py": b""}
    processes = tuple(
        RunningProcess(
            number=number,
            program="/usr/bin/python3.11",
            command=("python3", "-m", "app"),
            environment={"PATH": "/usr/bin"},
            working_folder="/",
            user=user,
        )
        for number, user in ((1, "0"), (9, "1000"))
    )
    environment = environment_of(files, Runtime(environment={"PATH": "/usr/bin"}, processes=processes))
    assert set(environment.site_folders) == {f"/root/.local/{USER}", f"/home/app/.local/{USER}"}


def test_folder_of_any_user_hides_what_is_installed_behind_it() -> None:
    dist = "/usr/local/lib/python3.11/dist-packages"
    files = {**on_system(site=DEBIAN_SITE), "/etc/passwd": PASSWD}
    files |= {path.replace(SITE, dist): content for path, content in in_order().items() if path.startswith(SITE)}
    files |= {"/usr/include/python3.11/patchlevel.h": b'#define PY_VERSION "3.11.2"\n'}
    files |= {f"/home/app/.local/{USER}/numpy.py": EVIL}
    processes = tuple(
        RunningProcess(
            number=number,
            program="/usr/bin/python3.11",
            command=("python3", "-m", "app"),
            environment={"PATH": "/usr/bin"},
            working_folder="/",
            user=user,
        )
        for number, user in ((1, "0"), (9, "1000"))
    )
    tree = MemoryTree(files, links={"/usr/bin/python3": "python3.11"})
    report = check(tree, Runtime(environment={"PATH": "/usr/bin"}, processes=processes))
    assert ("shadowed", f"/home/app/.local/{USER}/numpy.py") in found(report)


def test_linked_usercustomize_is_told_though_its_pth_is_accepted() -> None:
    files = {**in_order(), f"{SITE}/dev.pth": b"/srv/dev\n", "/srv/dev/usercustomize.py": EVIL}
    assert set(found(check(files))) == {
        ("unattributed-file", f"{SITE}/dev.pth"),
        ("unattributed-file", "/srv/dev/usercustomize.py"),
    }


@pytest.mark.parametrize("line", [b"/srv/dev\n", b"../../../../../srv/dev\n", b"\t /srv/dev \r\n", b"# x\n/srv/dev\n"])
def test_folder_that_a_pth_names_hides_what_is_locked(line: bytes) -> None:
    """It comes behind its own folder, and so hides nothing of that, but all of those further down."""
    files = {**in_order(), f"{SITE}/dev.pth": line, "/srv/dev/extra.py": b""}
    assert check(files).environment.linked_folders == ("/srv/dev",)


def test_folder_of_pythonpath_is_a_limit_of_its_own_code() -> None:
    report = check({**in_order(), "/app/own.py": b""}, start(PYTHONPATH="/app"))
    assert (report.exit_code, limits(report)["application-code"]) == (0, 1)


@pytest.mark.parametrize(
    ("settings", "with_system"),
    [
        (b"include-system-site-packages = true\n", True),
        (b"Include-System-Site-Packages=TRUE\n", True),
        (b"include-system-site-packages = false\ninclude-system-site-packages = true\n", True),
        (b"include-system-site-packages = true\ninclude-system-site-packages = false\n", False),
        (b"include-system-site-packages = yes\n", False),
    ],
)
def test_settings_of_a_virtual_environment_are_read_as_python_reads_them(settings: bytes, with_system: bool) -> None:
    """Of all but ``home`` the last line counts (Lib/site.py)."""
    files = {**debian(), "/opt/venv/pyvenv.cfg": b"home = /usr/bin\nversion = 3.11.2\n" + settings}
    files["/usr/local/lib/python3.11/dist-packages/evil.pth"] = EVIL
    files["/usr/lib/python3/dist-packages/README"] = b""
    assert (len(check(on_debian(files)).environment.site_folders) == 3) is with_system


def test_settings_beside_the_program_make_a_virtual_environment() -> None:
    files = {"/srv/app/bin/python3": ELF_X86_64, "/srv/app/bin/pyvenv.cfg": b"home = /usr/bin\nversion = 3.11.2\n"}
    files[f"/srv/app/{USER}/x.py"] = b""
    environment = environment_of({**on_system(), **files}, Runtime(environment={"PATH": "/srv/app/bin"}))
    assert (environment.prefix, environment.virtual) == ("/srv/app", True)
    assert environment.site_folders == (f"/srv/app/{USER}",)


@pytest.mark.parametrize("named", ["/var/cache/python", "cache", "./cache"])
def test_cache_prefix_is_followed(named: str) -> None:
    environment = environment_of(in_order(), start(folder="/var", PYTHONPYCACHEPREFIX=named))
    assert environment.cache_prefixes == ("/var/cache/python" if named.startswith("/") else "/var/cache",)


def test_no_cache_prefix_is_none() -> None:
    assert environment_of(in_order(), start(PYTHONPYCACHEPREFIX="")).cache_prefixes == ("",)


@pytest.mark.parametrize(("file", "drift"), [("simplejson.py", "unattributed-file"), ("pip/__init__.py", "modified")])
def test_folder_that_environments_of_pipx_share_is_a_library_folder_like_any_other(file: str, drift: str) -> None:
    """What is in it can be imported, and pipx_metadata.json is a file that anybody can write."""
    shared = "/srv/shared/lib/python3.11/site-packages"
    files = without(in_order(), "/pip") | {
        "/opt/venv/pipx_metadata.json": b"{}",
        f"{SITE}/pipx_shared.pth": f"{shared}\n".encode(),
        **installed_files(make_wheel("pip", "99.0", files={"pip/__init__.py": b""}), shared),
    }
    report = check(files)
    assert (found(report), "application-code" in limits(report)) == ([], False)
    assert found(check({**files, f"{shared}/{file}": b"import os\n"})) == [(drift, f"{shared}/{file}")]


@pytest.mark.parametrize(
    ("content", "path"),
    [(None, f"{SITE}/x.pth"), (b"/a" * 40_000, f"{SITE}/x.pth"), (b"/odd\n/app\n", "/odd")],
    ids=["unreadable", "large", "odd"],
)
def test_pth_that_cannot_be_followed_is_a_problem_of_the_report(content: bytes | None, path: str) -> None:
    """What else is on the import path is found all the same, and checked."""
    files = {**in_order(), f"{SITE}/x.pth": content or b"", f"{SITE}/y.pth": b"/app\n", "/app/own.py": b""}
    tree = MemoryTree(files, links={"/odd": "/odd"}, locked=(path,) if content is None else ())
    report = check(tree, level="names")
    assert [problem.path for problem in report.problems] == [path]
    assert (report.exit_code, report.environment.linked_folders) == (4, ("/app",))
