"""URLs, folders, repositories, folders of wheels, named indexes: from the command line to an installed environment."""

import base64
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.process import TARGET, Outcome, run_lockml
from tests.made.indexes import Served
from tests.made.repositories import git
from tests.made.servers import serve
from tests.made.sources import BACKEND, DYNAMIC, make_tree
from tests.made.wheels import make_wheel

pytestmark = pytest.mark.loopback

HERE = ("--python", ".".join(map(str, sys.version_info[:2])), "--platform", "linux/amd64", "--libc", "glibc-2.31")
OWN_BACKEND = """
[project]
name = "own"
version = "0.1"
dependencies = ["six"]
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
WHEEL_OF_OWN = f"""
import base64, os
CONTENT = base64.b64decode({base64.b64encode(make_wheel("own", "0.1", ["six"])).decode()!r})
def build_wheel(folder, config_settings=None, metadata_directory=None):
    with open(os.path.join(folder, "own-0.1-py3-none-any.whl"), "wb") as file:
        file.write(CONTENT)
    return "own-0.1-py3-none-any.whl"
"""


@pytest.fixture
def served() -> Served:
    served = Served()
    served.wheel("app", "1.0", ["six", "numpy>=1"])
    served.wheel("numpy", "1.0")
    served.wheel("six", "1.0")
    return served


@pytest.fixture
def url(served: Served) -> Iterator[str]:
    with serve(served) as url:
        yield url


def compiled(folder: Path, url: str, *arguments: str, asked: str | None = None, **variables: str) -> Outcome:
    if asked is not None:
        (folder / "requirements.in").write_text(asked)
    return run_lockml("compile", *arguments, *HERE, "--index-url", url, folder=folder, variables=variables)


def installed(folder: Path, *names: str) -> set[str]:
    """Install the files *names*, as the outputs say, with the pip of a new environment; return what is there then."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder / "home"), "PIP_CONFIG_FILE": os.devnull}

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    run(sys.executable, "-m", "venv", "env")
    for name in names:
        options = ["--no-deps", "--no-build-isolation"] if "unhashed" in name else ["--require-hashes"]
        run("env/bin/python", "-m", "pip", "--disable-pip-version-check", "install", "-q", *options, "-r", name)
    listed = run("env/bin/python", "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check")
    return {line for line in listed.split() if not line.startswith(("pip=", "setuptools="))}


def test_every_kind_of_source_is_locked_installed_and_checked(tmp_path: Path, url: str, served: Served) -> None:
    """A wheel by its address, one of a folder, one on this machine, a repository, a source tree, beside the index."""
    served.file("far", "far-1.0-py3-none-any.whl", make_wheel("far", "1.0"))
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "near-2.0-py3-none-any.whl").write_bytes(make_wheel("near", "2.0"))
    (tmp_path / "bare-3.0-py3-none-any.whl").write_bytes(make_wheel("bare", "3.0"))
    make_tree(tmp_path / "own", OWN_BACKEND, backend__py=WHEEL_OF_OWN)
    tree = make_tree(
        tmp_path / "repository",
        OWN_BACKEND.replace("own", "other"),
        backend__py=WHEEL_OF_OWN.replace("own-0.1", "other-0.1").replace(
            base64.b64encode(make_wheel("own", "0.1", ["six"])).decode(),
            base64.b64encode(make_wheel("other", "0.1", ["six"])).decode(),
        ),
    )
    git(tree, "init", "-q")
    git(tree, "add", ".")
    git(tree, "commit", "-qm", "one")
    files = url.replace("/simple/", "/files")
    asked = f"app\nnear\n-f wheels\n./bare-3.0-py3-none-any.whl\nfar @ {files}/far-1.0-py3-none-any.whl\n./own\n"
    outcome = compiled(tmp_path, url, asked=f"{asked}git+{tree.as_uri()}\n")
    assert outcome.code == 0, outcome.err
    assert "warning: other, own: from source trees, which pip cannot hash" in outcome.err
    assert "requirements-unhashed.txt (written)" in outcome.err
    assert str(tmp_path) not in (tmp_path / "pylock.toml").read_text().replace(tree.as_uri(), "")
    assert installed(tmp_path, "requirements.txt", "requirements-unhashed.txt") == {
        "app==1.0", "bare==3.0", "far==1.0", "near==2.0", "numpy==1.0", "other==0.1", "own==0.1", "six==1.0",
    }  # fmt: skip
    checked = run_lockml("check", "--path", "env", folder=tmp_path)
    assert checked.code == 0, checked.out
    assert "names      8 of 8" in checked.out
    assert "artifacts  RECORD matches the lock (6 of 8), " in checked.out
    assert run_lockml("compile", "--check", *HERE, "--index-url", url, folder=tmp_path).code == 0
    assert "(unchanged)" in compiled(tmp_path, url).err
    with (tree / "pyproject.toml").open("a") as file:
        file.write("# later\n")
    git(tree, "commit", "-qam", "two")
    assert "pylock.toml (unchanged)" in compiled(tmp_path, url).err, "the commit is kept"
    assert "pylock.toml (written)" in compiled(tmp_path, url, "--upgrade").err


def test_file_for_source_trees_says_so_when_there_are_none_any_more(tmp_path: Path, url: str) -> None:
    make_tree(tmp_path / "own", OWN_BACKEND)
    compiled(tmp_path, url, asked="./own\n")
    compiled(tmp_path, url, asked="six\n")
    text = (tmp_path / "requirements-unhashed.txt").read_text()
    assert text == "# Locked by lockml.\n# Nothing is locked from a source tree.\n"
    assert installed(tmp_path, "requirements.txt", "requirements-unhashed.txt") == {"six==1.0"}


def test_project_of_a_claiming_index_installs_with_stock_pip(tmp_path: Path, url: str, served: Served) -> None:
    """Its login is in a variable and gets nowhere else."""
    content = make_wheel("torch", "2.0+cu121")
    served.file("torch", "torch-2.0+cu121-py3-none-any.whl", content)
    page = served.answers["/simple/torch/"]
    expected = "Basic " + base64.b64encode(b"robot:s3cret").decode()

    def guarded(request: httpx.Request) -> httpx.Response:
        return page(request) if request.headers.get("authorization") == expected else httpx.Response(401)

    served.answers["/torch/torch/"] = guarded
    served.answers["/simple/torch/"] = lambda _: httpx.Response(
        200, text="<a href='torch-9.0.tar.gz'>torch-9.0.tar.gz</a>"
    )
    named = ("--index", f"gpu={url.replace('/simple/', '/torch/')}", "--index-only", "gpu=torch,nvidia-*")
    login = {"LOCKML_INDEX_GPU_USERNAME": "robot", "LOCKML_INDEX_GPU_PASSWORD": "s3cret"}
    outcome = compiled(tmp_path, url, *named, asked="torch\nsix\n", **login)
    assert outcome.code == 0, outcome.err
    written = (tmp_path / "pylock.toml").read_text() + (tmp_path / "requirements.txt").read_text()
    assert "s3cret" not in written + outcome.err
    assert "torch @ http://127.0.0.1" in written
    assert installed(tmp_path, "requirements.txt") == {"six==1.0", "torch==2.0+cu121"}
    checked = run_lockml("check", "--path", "env", folder=tmp_path)
    assert (checked.code, "artifacts  RECORD matches the lock (2), " in checked.out) == (0, True), checked.out
    by_name = run_lockml("check", "--path", "env", "--level", "names", folder=tmp_path)
    assert by_name.code == 0, by_name.out
    refused = compiled(tmp_path, url, *named, "--upgrade", LOCKML_CACHE_DIR=str(tmp_path / "fresh"))
    assert refused.code == 4
    assert "/torch/torch/: answered with status 401" in refused.err
    assert "LOCKML_INDEX_<NAME>_USERNAME" in refused.err


def test_indexes_can_stand_in_the_configuration(tmp_path: Path, url: str, served: Served) -> None:
    served.wheel("torch", "2.0")
    served.answers["/torch/torch/"] = served.answers["/simple/torch/"]
    torch = url.replace("/simple/", "/torch/")
    (tmp_path / "lockml.toml").write_text(f'[compile]\nindex = ["gpu={torch}"]\nindex-only = ["gpu=torch"]\n')
    assert compiled(tmp_path, url, asked="torch\n").code == 0
    assert f'index = "{torch}"' in (tmp_path / "pylock.toml").read_text()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--index", "https://index.example/"), "is not NAME=URL"),
        (("--index", "a=https://a.example", "--index", "a=https://b.example"), "is given twice"),
        (("--index-only", "gpu=torch"), "there is no --index gpu"),
        (("--index", "gpu=https://a.example", "--index-only", "gpu="), "is not NAME=PROJECT"),
        (("--find-links", "none", "--no-index"), "--find-links 'none': is neither a folder nor a URL"),
        (("--client-cert", "none.pem"), "--client-cert 'none.pem': is not a file"),
    ],
)
def test_option_is_refused_with_its_reason(tmp_path: Path, url: str, arguments: tuple[str, ...], problem: str) -> None:
    outcome = compiled(tmp_path, url, *arguments, asked="six\n")
    assert outcome.code == 2
    assert problem in outcome.err


def test_files_that_have_no_hash_on_their_index_are_hashed(tmp_path: Path, served: Served, url: str) -> None:
    served.file("bare", "bare-1.0-py3-none-any.whl", make_wheel("bare", "1.0"), hashes={})
    assert compiled(tmp_path, url, asked="bare\n").code == 0
    assert installed(tmp_path, "requirements.txt") == {"bare==1.0"}


def test_hash_of_a_line_is_compared_where_the_index_names_none(tmp_path: Path, served: Served, url: str) -> None:
    served.file("bare", "bare-1.0-py3-none-any.whl", make_wheel("bare", "1.0"), hashes={})
    outcome = compiled(tmp_path, url, asked=f"bare --hash=sha256:{'a' * 64}\n")
    assert outcome.code == 3
    assert "bare 1.0: the inputs allow other hashes only" in outcome.err


def test_one_file_for_each_target(tmp_path: Path, url: str) -> None:
    targets = ("--target", "a=3.11-linux/amd64-glibc-2.31", "--target", "3.12-linux/arm64-musl-1.2")
    (tmp_path / "requirements.in").write_text("six\nnumpy ; python_version >= '3.12'\n")
    (tmp_path / "out").mkdir()
    arguments = (*targets, "-o", "out/{target}.txt", "--index-url", url)
    outcome = run_lockml("compile", *arguments, folder=tmp_path)
    assert outcome.code == 0, outcome.err
    names = ["3.12-linux-arm64-musl-1.2.txt", "a.txt"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    assert "numpy" not in (tmp_path / "out" / "a.txt").read_text()
    assert "numpy==1.0 \\" in (tmp_path / "out" / names[0]).read_text()
    assert run_lockml("compile", "--check", *arguments, folder=tmp_path).code == 0
    (tmp_path / "out" / "a.txt").write_text("six\n")
    outdated = run_lockml("compile", "--check", *arguments, folder=tmp_path)
    assert (outdated.code, "out/a.txt does not match the lock" in outdated.out) == (1, True)


def test_conda_environment_is_an_input(tmp_path: Path, url: str) -> None:
    (tmp_path / "environment.yml").write_text("dependencies:\n- python\n- cudatoolkit\n- pip:\n  - app\n")
    outcome = compiled(tmp_path, url, "environment.yml")
    assert outcome.code == 0
    assert "environment.yml: cudatoolkit comes from conda and is not locked" in outcome.err
    assert "app==1.0" in (tmp_path / "requirements.txt").read_text()


def dynamic(folder: Path, served: Served) -> None:
    """Write a project whose backend, served by the index, tells what it needs."""
    served.file("backend", "backend-1.0-py3-none-any.whl", make_wheel("backend", "1.0", files={"backend.py": BACKEND}))
    helper = make_wheel("helper", "1.0", files={"helper.py": b'VERSION = "3.1"'})
    served.file("helper", "helper-1.0-py3-none-any.whl", helper)
    make_tree(folder, DYNAMIC.replace('"version"]', '"version", "dependencies"]'))


def test_dynamic_project_is_built_only_where_that_is_allowed(tmp_path: Path, url: str, served: Served) -> None:
    dynamic(tmp_path / "project", served)
    refused = compiled(tmp_path, url, "project/pyproject.toml")
    assert refused.code == 2
    assert "project/pyproject.toml: its dependencies cannot be determined" in refused.err
    assert "--allow-build lib" in refused.err
    allowed = compiled(tmp_path, url, "project/pyproject.toml", "--allow-build", "lib")
    assert allowed.code == 0, allowed.err
    assert "six==1.0" in (tmp_path / "requirements.txt").read_text()
    again = compiled(tmp_path, url, "project/pyproject.toml", "--allow-build", "lib", "--check")
    assert again.code == 0, again.out


def test_setup_py_is_allowed_by_its_path(tmp_path: Path, url: str, served: Served) -> None:
    dynamic(tmp_path / "project", served)
    backend = "[build-system]\nrequires = ['backend']\nbuild-backend = 'backend'\n"
    make_tree(tmp_path / "project", backend, setup__py="")
    refused = compiled(tmp_path, url, "project/setup.py")
    assert (refused.code, "--allow-build project" in refused.err) == (2, True)
    for allowed in ("project", "./project/", "project/setup.py"):
        outcome = compiled(tmp_path, url, "project/setup.py", "--allow-build", allowed)
        assert outcome.code == 0, outcome.err
    assert "six==1.0" in (tmp_path / "requirements.txt").read_text()
    unknown = compiled(tmp_path, url, "project/setup.py", "--allow-build", "project", "--extra", "none")
    assert (unknown.code, "has no extra 'none'" in unknown.err) == (2, True)


def test_build_is_recorded_with_what_it_was_built_with(tmp_path: Path, url: str, served: Served) -> None:
    dynamic(tmp_path / "project", served)
    outcome = compiled(tmp_path, url, "--allow-build", "lib", asked="./project\n")
    assert outcome.code == 0, outcome.err
    lock = (tmp_path / "pylock.toml").read_text()
    assert '[packages.tool.lockml.build]\npython = "3.' in lock
    assert '"backend==1.0 --hash=sha256:' in lock


def test_address_that_does_not_answer_is_told_with_its_line(tmp_path: Path, url: str) -> None:
    for line in ("git+file:///none/such.git", "far @ http://127.0.0.1:9/far-1.0-py3-none-any.whl"):
        outcome = compiled(tmp_path, url, asked=f"six\n{line}\n")
        assert outcome.code == 4
        assert outcome.err.startswith("error: requirements.in:2: ")


def test_place_with_a_space_is_locked_and_read_again(tmp_path: Path, url: str) -> None:
    """A requirement of the lock is PEP 508, which has no space within an address; pip splits ``-e`` as a shell does."""
    folder = tmp_path / "my lib"
    folder.mkdir()
    (folder / "model-1.0-py3-none-any.whl").write_bytes(make_wheel("model", "1.0"))
    (folder / "pyproject.toml").write_text('[project]\nname = "lib"\nversion = "1"\n')
    (tmp_path / "requirements.in").write_text("./my lib/model-1.0-py3-none-any.whl\n-e './my lib'\n")
    words = ("compile", *TARGET, "--index-url", url)
    assert run_lockml(*words, folder=tmp_path).code == 0
    assert run_lockml(*words, "--check", folder=tmp_path).code == 0
    assert "\n./my lib/model-1.0-py3-none-any.whl \\\n" in (tmp_path / "requirements.txt").read_text()
    assert "\n-e './my lib'\n" in (tmp_path / "requirements-unhashed.txt").read_text()
    assert "model @ ./my%20lib/model-1.0" in run_lockml("why", "model", folder=tmp_path).out


def test_address_that_no_server_has_is_told_with_its_line(tmp_path: Path, url: str) -> None:
    (tmp_path / "requirements.in").write_text(f"lib @ {url.removesuffix('/simple')}/gone/lib-1.0-py3-none-any.whl\n")
    outcome = run_lockml("compile", *TARGET, folder=tmp_path, variables={"LOCKML_INDEX_URL": url})
    assert re.search(r"error: requirements\.in:1: .*: there is no such file \(status 404\)", outcome.err), outcome.err
    assert "the index lists it" not in outcome.err
