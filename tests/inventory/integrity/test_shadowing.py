"""Modules that hide a locked project's or the standard library's: of the working folder, a script's folder and bin."""

import pytest

from lockml.inventory.file_tree import Origin
from lockml.inventory.integrity.shadowing import find_shadows
from lockml.inventory.model import PythonEnvironment
from lockml.inventory.proof import Proof
from tests.drift.checks import IMAGE, LATER, STARTED, check, debian, found, notes, on_debian, start
from tests.drift.subjects import in_order, make_lock, without
from tests.made.trees import SITE, MemoryTree, archive
from tests.made.wheels import installed_files, make_wheel, wheel_name

EVIL = b"import os\n"
LIBRARY = {"random": b"r = 1\n", "types": b"t = 1\n", "array": b"", "sys": b"", "abc": b"", "os": b"import sys\n"}


def shadows(
    files: dict[str, bytes], command: tuple[str, ...] = (), folder: str = "/app", **variables: str
) -> list[str]:
    report = check(MemoryTree(files), start(*command, folder=folder, **variables))
    assert {kind for kind, _ in found(report)} <= {"shadowed"}
    return [path for _, path in found(report)]


@pytest.mark.parametrize(
    "name",
    [
        "numpy.py",
        "numpy.pyc",
        "numpy.so",
        "numpy.abi3.so",
        "numpy.cpython-311-x86_64-linux-gnu.so",
        "numpy/__init__.py",
        "numpy/__init__.pyc",
        "numpy/__init__.abi3.so",
    ],
)
def test_working_folder_hides_a_locked_project_by_whatever_the_finder_takes(name: str) -> None:
    assert shadows({**in_order(), f"/app/{name}": EVIL}) == [f"/app/{name.partition('/')[0]}"]


@pytest.mark.parametrize(
    "name",
    [
        "numpy/notes.txt",
        "model/core.py",
        "numpy.txt",
        "numpy.py.bak",
        "numpy-1.0.py",
        "sub/numpy.py",
        "notnumpy.py",
        "numpy/sub/__init__.py",
    ],
)
def test_working_folder_hides_nothing_by_what_the_finder_does_not_take(name: str) -> None:
    """PEP 420: a folder without an ``__init__`` comes after every regular package."""
    assert shadows({**in_order(), f"/app/{name}": EVIL}) == []


def test_module_of_a_namespace_hides_the_one_of_a_locked_project() -> None:
    """PEP 420: each folder of a package without an ``__init__`` adds to it, the first one first."""
    assert shadows({**in_order(), "/app/numpy/core.py": EVIL}) == ["/app/numpy/core.py"]


def test_folder_of_the_script_hides_a_locked_project() -> None:
    files = {**in_order(), "/srv/job/main.py": b"", "/srv/job/numpy.py": EVIL}
    assert shadows(files, ("python3", "/srv/job/main.py")) == ["/srv/job/numpy.py"]


def test_folder_of_a_linked_script_is_that_of_what_it_leads_to() -> None:
    files = {**in_order(), "/srv/job/main.py": b"", "/srv/job/numpy.py": EVIL}
    report = check(MemoryTree(files, links={"/app/run.py": "/srv/job/main.py"}), start("python3", "/app/run.py"))
    assert found(report) == [("shadowed", "/srv/job/numpy.py")]


@pytest.mark.parametrize("name", ["numpy.py", "numpy/__init__.py", "model.py"])
def test_bin_hides_a_locked_project_of_every_console_script(name: str) -> None:
    path = f"/opt/venv/bin/{name.partition('/')[0]}"
    assert shadows({**in_order(), f"/opt/venv/bin/{name}": EVIL}) == [path]


@pytest.mark.parametrize("value", ["1", "yes"])
def test_nothing_comes_first_where_python_is_told_so(value: str) -> None:
    """PYTHONSAFEPATH, Python 3.11."""
    files = {**in_order(), "/app/numpy.py": EVIL, "/opt/venv/bin/numpy.py": EVIL, "/app/main.py": b""}
    assert shadows(files, ("python3", "main.py"), PYTHONSAFEPATH=value) == []


def test_library_folder_as_the_working_folder_hides_nothing() -> None:
    assert shadows(in_order(), folder=SITE) == []


def test_copy_with_the_very_content_hides_nothing() -> None:
    """``COPY . .`` of a folder that has the installed package, too."""
    copies = {path.replace(SITE, "/app"): content for path, content in in_order().items() if "/model/" in path}
    assert shadows({**in_order(), **copies}) == []


@pytest.mark.parametrize("change", [{"/app/model/__init__.py": EVIL}, {"/app/model/more.py": b""}])
def test_copy_that_differs_hides_what_it_is_a_copy_of(change: dict[str, bytes]) -> None:
    copies = {path.replace(SITE, "/app"): content for path, content in in_order().items() if "/model/" in path}
    assert shadows({**in_order(), **copies, **change}) == ["/app/model"]


@pytest.mark.parametrize(
    ("origin", "hides"),
    [(IMAGE, []), (Origin(2, "layer 2 of 2", replaces=False), ["/app/model"]), (STARTED, ["/app/model"])],
)
def test_copy_whose_code_was_compiled_after_the_start_hides_what_it_is_a_copy_of(
    origin: Origin, hides: list[str]
) -> None:
    """Python loads what is compiled before it looks at the source."""
    copies = {path.replace(SITE, "/app"): content for path, content in in_order().items() if "/model/" in path}
    tree = MemoryTree({**in_order(), **copies}, origins={"/": IMAGE, "/app/model/__pycache__": origin})
    assert [path for _, path in found(check(tree, start(folder="/app")))] == hides


def test_lock_s_own_project_may_be_in_the_working_folder() -> None:
    """As an editable install, or a folder that was locked: what is locked by its folder is its own code."""
    wheel = make_wheel("other", "1.0")
    files = {**without(in_order(), "/model", "numpy", "/bin/run"), **installed_files(wheel, SITE)}
    report = check(
        MemoryTree({**files, "/app/mine/__init__.py": b"", "/app/pip.py": b""}),
        start(folder="/app"),
        lock=make_lock({wheel_name("other", "1.0"): wheel}),
    )
    assert found(report) == []


def test_project_that_is_not_locked_may_be_hidden() -> None:
    """Its own bytes prove nothing either."""
    assert shadows({**in_order(), "/app/pip.py": EVIL}) == []


def with_library(*names: str, origins: dict[str, Origin] | None = None) -> MemoryTree:
    modules = {name: content for name, content in LIBRARY.items() if name != "os"}
    files = {**debian(**modules), **{f"/app/{each}": EVIL for each in names}}
    return on_debian(files, origins=origins)


def test_standard_module_hidden_by_the_image_is_a_note() -> None:
    report = check(with_library("types.py", origins={"/": IMAGE, "/app": LATER}), start(folder="/app"))
    assert found(report) == []
    assert "/app/types.py: it has the name of a standard library module" in notes(report)


def test_standard_module_hidden_since_the_start_is_shadowed() -> None:
    report = check(with_library("random.py", origins={"/": IMAGE, "/app": STARTED}), start(folder="/app"))
    assert found(report) == [("shadowed", "/app/random.py")]


def test_standard_package_hidden_since_the_start_is_shadowed() -> None:
    """Of a folder, what is in it tells when it came."""
    origins = {"/": IMAGE, "/app/json/__init__.py": STARTED}
    report = check(with_library("json/__init__.py", origins=origins), start(folder="/app"))
    assert found(report) == [("shadowed", "/app/json")]


@pytest.mark.parametrize("form", ["json/__init__.pyc", "json/__init__.cpython-311-x86_64-linux-gnu.so"])
def test_standard_package_hidden_by_another_form_of_init_is_shadowed(form: str) -> None:
    origins = {"/": IMAGE, f"/app/{form}": STARTED}
    assert found(check(with_library(form, origins=origins), start(folder="/app"))) == [("shadowed", "/app/json")]


@pytest.mark.parametrize("name", ["sys.py", "array.py", "os.py", "abc.py", "test/__init__.py", "mine.py", "json/x.py"])
def test_name_that_no_file_can_take_or_the_library_does_not_have_hides_nothing(name: str) -> None:
    """Built in, or frozen since 3.11."""
    report = check(with_library(name, origins={"/": IMAGE, "/app": STARTED}), start(folder="/app"))
    assert (found(report), f"/app/{name.partition('/')[0]}:" in notes(report)) == ([], False)


@pytest.mark.parametrize(
    ("python", "hidden"), [("3.10.4", True), ("3.11.2", False), ("3.12.1", False), ("3.13.0", False)]
)
def test_frozen_names_are_those_of_the_python_that_runs(python: str, hidden: bool) -> None:
    tree = MemoryTree({"/lib/os.py": b"", "/lib/random.py": b"", "/app/os.py": EVIL}, origins={"/app": STARTED})
    environment = PythonEnvironment(
        prefix="/",
        python=python,
        machine=None,
        libc=None,
        site_folders=(),
        library="/lib",
        first_folders=(("/app", "it is in the working folder"),),
    )
    assert [each.path for each in find_shadows(tree, environment, Proof())] == (["/app/os.py"] if hidden else [])


@pytest.mark.parametrize("place", ["/evil", "/evil/code.zip"])
def test_standard_module_hidden_by_pythonpath_since_the_start_is_shadowed(place: str) -> None:
    files = {**debian(random=b"r = 1\n"), "/evil/code.zip": archive("random.py"), "/evil/random.py": EVIL}
    tree = on_debian(files, origins={"/": IMAGE, "/evil": STARTED})
    report = check(tree, start(PYTHONPATH=place))
    assert ("shadowed", f"{place}/random.py") in found(report)


def test_archive_that_a_pth_names_comes_behind_the_standard_library() -> None:
    files = {
        **debian(random=b"r = 1\n"),
        f"{SITE}/code.pth": b"/evil/code.zip\n",
        "/evil/code.zip": archive("random.py"),
    }
    tree = on_debian(files, origins={"/": IMAGE, "/evil": STARTED})
    assert found(check(tree)) == [("unattributed-file", f"{SITE}/code.pth")]


def test_file_added_to_a_locked_package_of_a_target_folder_is_found() -> None:
    """`pip install --target`, PYTHONPATH."""
    target = "/opt/python"
    installed = {path.replace(SITE, target): text for path, text in in_order().items() if path.startswith(SITE)}
    installed = {path: text for path, text in installed.items() if "README" not in path}
    files = {**without(in_order(), SITE), **installed, f"{target}/numpy/evil.py": EVIL, f"{target}/own.py": b""}
    files[f"{SITE}/README.txt"] = in_order()[f"{SITE}/README.txt"]
    report = check(files, start(PYTHONPATH=target))
    assert ("unattributed-file", f"{target}/numpy/evil.py") in found(report)
    assert f"{target}/own.py" not in [path for _, path in found(report)]
