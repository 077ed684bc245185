import pytest

from lockml.common.errors import NotFoundError, UnreachableError
from lockml.common.target import Libc
from lockml.inventory.collect import take_inventory
from lockml.inventory.model import Inventory, Runtime, Subject
from tests.made.trees import ELF_X86_64, MemoryTree, venv_files

SUBJECT = Subject(kind="container", name="trainer")
DEBIAN = {
    "/usr/bin/python3.11": ELF_X86_64,
    "/usr/lib/python3.11/os.py": b"",
    "/usr/lib/python3/dist-packages/README": b"",
    "/usr/local/lib/python3.11/dist-packages/README": b"",
    "/var/lib/dpkg/status": (
        b"Package: other\nVersion: 1\n\nPackage: python3.11-minimal\nStatus: install ok installed\n"
        b"Version: 3.11.2-6+deb12u6\n\n"
    ),
    "/usr/lib/x86_64-linux-gnu/libc.so.6": b"GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n",
}
DEBIAN_LINKS = {"/usr/bin/python3": "python3.11", "/bin": "usr/bin", "/lib": "usr/lib"}
OFFICIAL = {
    "/usr/local/lib/python3.11/os.py": b"",
    "/usr/local/bin/python3.11": ELF_X86_64,
    "/usr/local/lib/python3.11/site-packages/README": b"",
    "/usr/local/include/python3.11/patchlevel.h": b'#define PY_VERSION      "3.11.9"\n',
    "/lib/apk/db/installed": b"P:musl\nV:1.2.4-r2\n\n",
}


def taken(tree: MemoryTree, prefix: str | None = None, **variables: str) -> Inventory:
    return take_inventory(tree, SUBJECT, Runtime(environment=variables, working_folder="/srv"), prefix=prefix)


def test_virtual_environment_on_the_path_comes_before_the_system() -> None:
    tree = MemoryTree({**DEBIAN, **venv_files()}, links=DEBIAN_LINKS)
    inventory = taken(tree, PATH="/opt/venv/bin:/usr/local/bin:/usr/bin:/bin")
    assert inventory.environment.prefix == "/opt/venv"
    assert inventory.environment.python == "3.11.2"
    assert inventory.environment.site_folders == ("/opt/venv/lib/python3.11/site-packages",)
    assert inventory.others == ("/usr",)


def test_path_decides_and_the_active_environment_where_it_has_no_python() -> None:
    files = {**venv_files(prefix="/venvs/a"), **venv_files(prefix="/opt/venv")}
    tree = MemoryTree(files)
    assert taken(tree, VIRTUAL_ENV="/venvs/a", PATH="/opt/venv/bin").environment.prefix == "/opt/venv"
    assert taken(tree, VIRTUAL_ENV="/venvs/a", PATH="/usr/bin").environment.prefix == "/venvs/a"


def test_environment_that_somebody_made_comes_before_the_system_when_the_path_is_not_known() -> None:
    tree = MemoryTree({**DEBIAN, **venv_files(prefix="/opt/other")}, links=DEBIAN_LINKS)
    assert taken(tree).environment.prefix == "/opt/other"
    assert taken(tree, PATH="/usr/bin").environment.prefix == "/usr"


def test_environment_of_the_working_folder_is_found() -> None:
    assert taken(MemoryTree(venv_files(prefix="/srv/.venv"))).environment.prefix == "/srv/.venv"


def test_debian_python_is_read_from_its_packages_and_folders() -> None:
    environment = taken(MemoryTree(DEBIAN, links=DEBIAN_LINKS)).environment
    assert (environment.prefix, environment.python, environment.machine) == ("/usr", "3.11.2", "x86_64")
    assert environment.libc == Libc(family="glibc", major=2, minor=36)
    assert environment.site_folders == (
        "/usr/local/lib/python3.11/dist-packages",
        "/usr/lib/python3/dist-packages",
    )


def test_python_built_into_usr_local_is_read_from_its_headers() -> None:
    tree = MemoryTree(OFFICIAL, links={"/usr/local/bin/python3": "python3.11"})
    environment = taken(tree).environment
    assert (environment.prefix, environment.python) == ("/usr/local", "3.11.9")
    assert environment.libc == Libc(family="musl", major=1, minor=2)


def test_environment_with_system_packages_sees_both_in_order() -> None:
    files = {**DEBIAN, **venv_files()}
    files["/opt/venv/pyvenv.cfg"] = b"home = /usr/bin\ninclude-system-site-packages = True\nversion_info = 3.11.2\n"
    environment = taken(MemoryTree(files, links=DEBIAN_LINKS), PATH="/opt/venv/bin").environment
    assert environment.site_folders == (
        "/opt/venv/lib/python3.11/site-packages",
        "/usr/local/lib/python3.11/dist-packages",
        "/usr/lib/python3/dist-packages",
    )


def test_chosen_environment_is_taken_whatever_the_path() -> None:
    tree = MemoryTree({**DEBIAN, **venv_files()}, links=DEBIAN_LINKS)
    assert taken(tree, prefix="/usr").environment.prefix == "/usr"
    assert taken(tree, prefix="/opt/venv/").environment.prefix == "/opt/venv"


def test_chosen_environment_that_is_none_is_refused_with_the_known_ones() -> None:
    tree = MemoryTree({**DEBIAN, **venv_files()}, links=DEBIAN_LINKS)
    with pytest.raises(NotFoundError) as caught:
        taken(tree, prefix="/nope", PATH="/opt/venv/bin:/usr/bin")
    assert str(caught.value) == "container trainer: no Python environment was found at '/nope', and no packages"
    assert caught.value.hint == "it has these: /opt/venv, /usr"


def test_tree_without_python_is_refused() -> None:
    with pytest.raises(NotFoundError, match="no Python environment was found"):
        taken(MemoryTree({"/bin/sh": b""}))


def test_tree_that_cannot_be_read_is_unreachable() -> None:
    with pytest.raises(UnreachableError, match="container trainer: /opt: Permission denied"):
        taken(MemoryTree({"/opt/x": b""}, locked=("/opt",)))


def test_patch_release_is_unknown_where_no_file_tells() -> None:
    files = {"/usr/local/bin/python3.11": b"\x7fELF", "/usr/local/lib/python3.11/os.py": b""}
    environment = taken(MemoryTree(files)).environment
    assert (environment.python, environment.machine, environment.libc) == ("3.11", None, None)


FEDORA = {
    "/usr/bin/python3.12": ELF_X86_64,
    "/usr/lib64/python3.12/os.py": b"",
    "/usr/lib/python3.12/site-packages/x": b"",
    "/usr/lib64/python3.12/site-packages/x": b"",
    "/usr/local/lib/python3.12/site-packages/x": b"",
    "/usr/local/lib64/python3.12/site-packages/x": b"",
}


def test_fedora_keeps_what_pip_installs_first() -> None:
    environment = taken(MemoryTree(FEDORA, links={"/usr/bin/python3": "python3.12"}), PATH="/usr/bin").environment
    assert environment.site_folders == tuple(
        f"{prefix}/{lib}/python3.12/site-packages" for prefix in ("/usr/local", "/usr") for lib in ("lib64", "lib")
    )


def test_link_to_the_system_python_in_usr_local_is_the_system() -> None:
    links = {**DEBIAN_LINKS, "/usr/local/bin/python": "/usr/bin/python3"}
    environment = taken(MemoryTree(DEBIAN, links=links), PATH="/usr/local/bin:/usr/bin").environment
    assert environment.prefix == "/usr"
    assert environment.site_folders[0] == "/usr/local/lib/python3.11/dist-packages"


def test_folders_of_variables_and_of_the_user_come_first() -> None:
    more = {"/override/a": b"", "/srv/rel/b": b"", "/home/app/.local/lib/python3.11/site-packages/c": b""}
    tree = MemoryTree({**DEBIAN, **more}, links=DEBIAN_LINKS)
    environment = taken(tree, PATH="/usr/bin", PYTHONPATH="/override:rel", HOME="/home/app").environment
    user = "/home/app/.local/lib/python3.11/site-packages"
    assert environment.site_folders[:3] == ("/override", "/srv/rel", user)
    silent = taken(tree, PATH="/usr/bin", PYTHONNOUSERSITE="1", HOME="/home/app").environment
    assert silent.site_folders[0] == "/usr/local/lib/python3.11/dist-packages"


def test_virtual_environment_does_not_see_the_users_folder() -> None:
    files = {**venv_files(), "/root/.local/lib/python3.11/site-packages/c": b""}
    assert len(taken(MemoryTree(files), PATH="/opt/venv/bin").environment.site_folders) == 1


def test_interpreter_that_is_there_counts_and_not_the_one_of_the_configuration() -> None:
    """A virtual environment outlives the base image that it was made on."""
    files = {**venv_files(), "/usr/bin/python3.12": ELF_X86_64, "/usr/lib/python3.12/os.py": b""}
    del files["/opt/venv/bin/python3"]
    environment = taken(MemoryTree(files, links={"/opt/venv/bin/python3": "/usr/bin/python3.12"}), PATH="/opt/venv/bin")
    assert (environment.environment.python, environment.environment.site_folders) == ("3.12", ())


def test_program_that_is_not_understood_is_a_problem_unless_it_comes_later() -> None:
    files = {**venv_files(), "/pyenv/shims/python": b"#!/bin/sh"}
    first = taken(MemoryTree(files), PATH="/pyenv/shims:/opt/venv/bin")
    assert [problem.path for problem in first.problems] == ["/pyenv/shims/python"]
    assert taken(MemoryTree(files), PATH="/opt/venv/bin:/pyenv/shims").problems == ()


def test_unreadable_place_does_not_matter_where_an_environment_was_found() -> None:
    files = {**venv_files(prefix="/srv/venv"), "/opt/secret/x": b""}
    assert taken(MemoryTree(files, locked=("/opt",)), PATH="/srv/venv/bin").problems == ()


PYPY = {"/opt/pypy/bin/pypy3.10": ELF_X86_64, "/opt/pypy/lib/pypy3.10/os.py": b""}
PYPY_LINKS = {
    "/opt/pypy/bin/python3": "pypy3.10",
    "/opt/pypy/bin/pypy3": "pypy3.10",
    "/venv/bin/python3": "/opt/pypy/bin/pypy3",
}


@pytest.mark.parametrize(
    "runtime",
    [
        Runtime(environment={"PATH": "/opt/pypy/bin"}),
        Runtime(environment={"PATH": "/usr/bin"}, command=("/opt/pypy/bin/pypy3", "main.py")),
        Runtime(environment={"PATH": "/venv/bin"}),
    ],
)
def test_pypy_is_said_not_to_be_supported(runtime: Runtime) -> None:
    """Nothing but another subject helps, so it is no incomplete result."""
    tree = MemoryTree({**PYPY, "/venv/pyvenv.cfg": b"home = /opt/pypy/bin\nversion = 3.10.14\n"}, links=PYPY_LINKS)
    with pytest.raises(NotFoundError, match="it is PyPy, and lockml only checks CPython environments"):
        take_inventory(tree, Subject(kind="image", name="i"), runtime)


def test_pypy_that_runs_beside_an_environment_of_cpython_makes_it_incomplete() -> None:
    runtime = Runtime(environment={"PATH": "/usr/bin"}, command=("/opt/pypy/bin/pypy3", "main.py"))
    tree = MemoryTree({**PYPY, **venv_files()}, links=PYPY_LINKS)
    inventory = take_inventory(tree, Subject(kind="image", name="i"), runtime)
    assert inventory.environment.prefix == "/opt/venv"
    assert [each.path for each in inventory.problems] == ["/opt/pypy/bin/pypy3"]


def test_folders_that_aws_lambda_looks_at_first_are_on_the_import_path() -> None:
    files = {**DEBIAN, "/var/task/numpy-1.dist-info/METADATA": b"", "/opt/python/six.py": b""}
    environment = taken(
        MemoryTree(files, links=DEBIAN_LINKS), PATH="/usr/bin", LAMBDA_TASK_ROOT="/var/task"
    ).environment
    assert [folder for folder, _ in environment.first_folders] == ["/var/task", "/opt/python"]
