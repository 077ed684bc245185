import pytest

from lockml.errors import NotFoundError, UnreachableError
from lockml.inventory.model import Inventory, Runtime, Subject
from lockml.inventory.take import take_inventory
from lockml.target import Libc
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


def test_active_environment_comes_first() -> None:
    files = {**venv_files(prefix="/venvs/a"), **venv_files(prefix="/opt/venv")}
    assert taken(MemoryTree(files), VIRTUAL_ENV="/venvs/a", PATH="/opt/venv/bin").environment.prefix == "/venvs/a"


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
    assert str(caught.value) == "container trainer: no Python environment was found at '/nope'"
    assert caught.value.hint == "it has these: /opt/venv, /usr"


def test_tree_without_python_is_refused() -> None:
    with pytest.raises(NotFoundError, match="no Python environment was found"):
        taken(MemoryTree({"/bin/sh": b""}))


def test_tree_that_cannot_be_read_is_unreachable() -> None:
    with pytest.raises(UnreachableError, match="container trainer: /opt: Permission denied"):
        taken(MemoryTree({"/opt/x": b""}, locked=("/opt",)))


def test_patch_release_is_unknown_where_no_file_tells() -> None:
    files = {"/usr/local/bin/python3.11": b"#!", "/usr/local/lib/python3.11/site-packages/x": b""}
    environment = taken(MemoryTree(files)).environment
    assert (environment.python, environment.machine, environment.libc) == ("3.11", None, None)
