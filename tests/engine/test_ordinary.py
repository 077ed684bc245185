"""The ordinary set: clean images, containers and environments of shapes that people have; each is in order, exit 0."""

import shutil
import sys
import time
from pathlib import Path

import pytest

from tests.cli.process import Outcome, network_variables, run_lockml
from tests.engine.conftest import Docker
from tests.engine.ordinary import (
    PINS,
    PROJECT,
    SERVICE,
    TITLED,
    Ordinary,
    conda_prefix,
    copy_python,
    make_pythons,
    newer_pip,
    run,
    two_wheels_with_tests,
)

pytestmark = pytest.mark.engine

TARGET = ("--python", "3.11", "--platform", "linux/amd64", "--libc", "glibc-2.36")
THIS = ("--python", f"{sys.version_info.major}.{sys.version_info.minor}", *TARGET[2:])
SYSTEM_PIP = "python3 -m pip install -q --no-cache-dir --break-system-packages --root-user-action=ignore"
APT = "apt-get update -qq && apt-get install -y -qq --no-install-recommends"
VENV = """\
FROM ${BASE}
COPY requirements.txt /tmp/
RUN python3 -m venv /opt/venv && /opt/venv/bin/pip install -q --no-cache-dir --require-hashes -r /tmp/requirements.txt
"""
ON_PATH = "ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"


@pytest.fixture(scope="module")
def ordinary(docker: Docker, base_image: str, tmp_path_factory: pytest.TempPathFactory) -> Ordinary:
    folder = tmp_path_factory.mktemp("ordinary")
    (folder / "requirements.in").write_text(PINS)
    outcome = run_lockml("compile", "requirements.in", *TARGET, folder=folder, variables=network_variables())
    assert outcome.code == 0, outcome.err
    return Ordinary(docker, folder, base_image)


@pytest.fixture(scope="module")
def venv_image(ordinary: Ordinary) -> str:
    """An image with a virtual environment on Debian's Python, which the cases of applications share."""
    return ordinary.build("venv", VENV + ON_PATH + 'CMD ["sleep", "infinity"]\n')


def assert_in_order(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.out + outcome.err


def assert_image_and_container_in_order(ordinary: Ordinary, image: str, *command: str) -> None:
    """Check an image, and a container of it as soon as its service says that it is up, where it has one."""
    assert_in_order(ordinary.check("--image", image))
    name = image.rpartition("/")[2]
    with ordinary.docker.container(image, name, *command):
        time.sleep(2)
        assert_in_order(ordinary.check("--container", name))


def wait_until_up(docker: Docker, name: str) -> None:
    for _ in range(60):
        if "up" in docker.run("logs", name):
            return
        time.sleep(0.5)
    pytest.fail(docker.run("logs", name))


def test_self_built_python_with_a_newer_pip(ordinary: Ordinary, tmp_path: Path) -> None:
    """As in the images called python: a Python that no package manager brought, and a pip that nobody lists."""
    copy_python(tmp_path / "python")
    (ordinary.folder / "self-built").mkdir()
    shutil.copytree(tmp_path / "python", ordinary.folder / "self-built" / "python", symlinks=True)
    dockerfile = """\
FROM ${BASE}
COPY python /usr/local
COPY requirements.in *.whl /tmp/
RUN ldconfig && python3 /tmp/pip-99.0-py3-none-any.whl/pip install -q /tmp/pip-99.0-py3-none-any.whl setuptools
RUN /usr/local/bin/python3 -m pip install -q --no-cache-dir -r /tmp/requirements.in
COPY service.py /srv/
CMD ["python3", "/srv/service.py"]
"""
    pip = newer_pip(tmp_path)
    files: dict[str, str | bytes] = {"requirements.in": PINS, pip.name: pip.read_bytes(), "service.py": SERVICE}
    image = ordinary.build("self-built", dockerfile, files)
    lock = ("--lock", "this.toml")
    words = ("compile", "requirements.in", "-o", "this.txt", *lock, *THIS)
    assert run_lockml(*words, folder=ordinary.folder, variables=network_variables()).code == 0
    assert_in_order(ordinary.check("--image", image, *lock))
    with ordinary.docker.container(image, "self-built"):
        wait_until_up(ordinary.docker, "self-built")
        assert_in_order(ordinary.check("--container", "self-built", *lock))


def test_debian_with_python3_dev_and_a_later_upgrade(ordinary: Ordinary) -> None:
    """A layer replaces whole packages, the standard library and the interpreter among them."""
    dockerfile = f"""\
FROM ${{BASE}}
COPY requirements.txt /tmp/
RUN {SYSTEM_PIP} --require-hashes -r /tmp/requirements.txt
RUN {APT} python3-dev
RUN apt-get install -y -qq --reinstall python3.11 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib \\
    libpython3.11 python3-pip python3-wheel libssl3 && apt-get upgrade -y -qq
CMD ["sleep", "infinity"]
"""
    assert_image_and_container_in_order(ordinary, ordinary.build("upgraded", dockerfile))


def test_shape_of_ngc(ordinary: Ordinary) -> None:
    """The base brings LD_PRELOAD of libraries, one of a package and one of nobody, a wrapper and a working folder."""
    entrypoint = '#!/bin/bash\nset -e\necho "== Container =="\nif [[ $# -eq 0 ]]; then exec /bin/bash; fi\nexec "$@"\n'
    base = f"""\
FROM ${{BASE}}
RUN {APT} libtcmalloc-minimal4 && cp /usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4 /usr/local/lib/libours.so.1
ENV LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4:/usr/local/lib/libours.so.1
COPY --chmod=755 entrypoint.sh /opt/nvidia/entrypoint.sh
COPY examples /workspace/examples
WORKDIR /workspace
ENTRYPOINT ["/opt/nvidia/entrypoint.sh"]
"""
    files = {"entrypoint.sh": entrypoint, "examples/train.py": "import six\n", "examples/README.md": "see train.py\n"}
    base = base.replace("COPY --chmod=755 entrypoint.sh", "COPY entrypoint.sh") + "RUN chmod 755 /opt/nvidia/*.sh\n"
    below = ordinary.build("ngc-base", base, files)
    install = f"RUN {SYSTEM_PIP} --require-hashes -r /tmp/requirements.txt\n"
    app = f'FROM {below}\nCOPY requirements.txt /tmp/\n{install}CMD ["sleep", "infinity"]\n'
    image = ordinary.build("ngc", app)
    variables = {**network_variables(), "DOCKER_HOST": ordinary.docker.host}
    words = ("compile", "requirements.in", "-o", "ngc.txt", "--lock", "ngc.toml", "--base-image", f"image:{below}")
    compiled = run_lockml(*words, folder=ordinary.folder, variables=variables)
    assert compiled.code == 0, compiled.err
    assert_in_order(ordinary.check("--image", image, "--lock", "ngc.toml"))
    with ordinary.docker.container(image, "ngc"):
        assert_in_order(ordinary.check("--container", "ngc", "--lock", "ngc.toml"))


def test_uv_venv_whose_modules_were_compiled_at_first_import(ordinary: Ordinary) -> None:
    """Nothing is compiled in the image; a service that runs as root compiles hundreds of modules when it starts."""
    uv = shutil.which("uv", path=Path(sys.executable).parent)
    assert uv is not None
    dockerfile = """\
FROM ${BASE}
COPY uv /usr/local/bin/uv
COPY requirements.txt service.py /srv/
ENV UV_PYTHON_DOWNLOADS=never SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt UV_LINK_MODE=copy UV_NO_CACHE=1
RUN uv venv -q --python /usr/bin/python3 /opt/venv && . /opt/venv/bin/activate \\
 && uv pip install -q --index-url "$(python3 -m pip config get global.index-url)" -r /srv/requirements.txt
RUN rm -rf /usr/lib/python3.11/xml/dom/__pycache__
CMD ["python", "/srv/service.py"]
"""
    dockerfile = dockerfile.replace("$(python3 -m pip", "$(/usr/bin/python3 -m pip").replace("CMD", ON_PATH + "CMD")
    image = ordinary.build("uv", dockerfile, {"uv": Path(uv).read_bytes(), "service.py": SERVICE})
    assert_in_order(ordinary.check("--image", image))
    with ordinary.docker.container(image, "ordinary-uv"):
        wait_until_up(ordinary.docker, "ordinary-uv")
        changed = ordinary.docker.changes("ordinary-uv")
        assert sum(each.endswith(".pyc") for each in changed) > 30
        assert_in_order(ordinary.check("--container", "ordinary-uv"))


def test_supervisord_of_the_system_runs_an_environment(ordinary: Ordinary, venv_image: str) -> None:
    """The first process is Debian's Python, its child that of the environment, which is on nobody's PATH."""
    configuration = (
        "[supervisord]\nnodaemon=true\nuser=root\n[program:app]\ncommand=/opt/venv/bin/python /srv/service.py\n"
    )
    path = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
    dockerfile = f"""\
FROM {venv_image}
{path}RUN {APT} supervisor
COPY app.conf /etc/supervisor/conf.d/app.conf
COPY service.py /srv/
CMD ["/usr/bin/supervisord", "-c", "/etc/supervisor/conf.d/app.conf"]
"""
    files = {"app.conf": configuration, "service.py": SERVICE}
    assert_image_and_container_in_order(ordinary, ordinary.build("supervisord", dockerfile, files))


@pytest.mark.parametrize("variables", ["", "ENV PYTHONPATH=/app PYTHONWARNINGS=ignore PYTHONDONTWRITEBYTECODE=1\n"])
def test_application_beside_names_of_the_standard_library(ordinary: Ordinary, venv_image: str, variables: str) -> None:
    """The image brings /app with a package of its own, a folder `test` and, where it is not imported, `types.py`."""
    files = {
        "app/shop/__init__.py": "",
        "app/shop/main.py": "import six\n",
        "app/test/__init__.py": "",
        "app/test/test_main.py": "import shop.main\n",
        "app/data/model.bin": "x",
        "app/tests.py" if variables else "app/types.py": "Price = int\n",
    }
    dockerfile = f'FROM {venv_image}\nCOPY app /app\nWORKDIR /app\n{variables}CMD ["sleep", "infinity"]\n'
    name = "application-path" if variables else "application"
    assert_image_and_container_in_order(ordinary, ordinary.build(name, dockerfile, files))


def test_volumes_of_data_and_tmpfs(ordinary: Ordinary, venv_image: str) -> None:
    data = ordinary.folder / "data"
    data.mkdir()
    (data / "helper.py").write_text("x = 1\n")
    mounts = [
        "-v",
        f"{data}:/data",
        "-v",
        "/var/lib/app",
        "--tmpfs",
        "/scratch",
        "--tmpfs",
        "/run",
        "--shm-size",
        "64m",
    ]
    words = ["--network=host", "--name", "ordinary-data", "-w", "/data", *mounts, venv_image]
    ordinary.docker.run("run", "-d", *words)
    try:
        ordinary.docker.run(
            "exec", "ordinary-data", "sh", "-c", "echo 'y = 1' >/scratch/other.py; echo 1 >/var/lib/app/n"
        )
        assert_in_order(ordinary.check("--container", "ordinary-data"))
        ordinary.docker.run("stop", "-t", "0", "ordinary-data")
        assert_in_order(ordinary.check("--container", "ordinary-data"))
    finally:
        ordinary.docker.run("rm", "-f", "-v", "ordinary-data")


def test_two_locked_wheels_that_both_bring_tests(ordinary: Ordinary, tmp_path: Path) -> None:
    """The one that was installed last wins; the file is what one of them says."""
    two_wheels_with_tests(tmp_path / "wheels")
    wheels = {f"wheels/{path.name}": path.read_bytes() for path in (tmp_path / "wheels").iterdir()}
    install = "/opt/venv/bin/pip install -q --no-index --find-links /tmp/wheels first second"
    dockerfile = f"FROM ${{BASE}}\nCOPY wheels /tmp/wheels\nRUN python3 -m venv /opt/venv && {install}\n{ON_PATH}"
    image = ordinary.build("two", dockerfile, wheels)
    (tmp_path / "requirements.in").write_text("first\nsecond\n")
    compiled = run_lockml(
        "compile", "requirements.in", *TARGET, "--no-index", "--find-links", "wheels", folder=tmp_path
    )
    assert compiled.code == 0, compiled.err
    assert_in_order(ordinary.check("--image", image, "--lock", str(tmp_path / "pylock.toml")))


@pytest.mark.parametrize("editable", [False, True])
def test_own_project_is_installed(ordinary: Ordinary, venv_image: str, editable: bool) -> None:
    """The lock is compiled from its pyproject.toml; setuptools' finder stands for the packages of an editable one."""
    (ordinary.folder / "shop").mkdir(exist_ok=True)
    (ordinary.folder / "shop" / "pyproject.toml").write_text(PROJECT)
    lock = ("--lock", "shop.toml")
    words = ("compile", "shop/pyproject.toml", "-o", "shop.txt", *lock, *TARGET)
    assert run_lockml(*words, folder=ordinary.folder, variables=network_variables()).code == 0
    option = "-e " if editable else ""
    dockerfile = f"""\
FROM {venv_image}
COPY app /app
RUN /opt/venv/bin/pip install -q --no-cache-dir --no-deps {option}/app
WORKDIR /app
CMD ["python", "-c", "import shop, shop_tools, time; time.sleep(600)"]
"""
    files = {"app/pyproject.toml": PROJECT, "app/shop/__init__.py": "import six\n", "app/shop_tools/__init__.py": ""}
    name = "own-editable" if editable else "own"
    image = ordinary.build(name, dockerfile, files)
    for level in ("names", "artifacts", "files"):
        assert_in_order(ordinary.check("--image", image, *lock, level=level))
    outcome = ordinary.check("--image", image)
    assert outcome.code == 1
    assert "1 unexpected" in outcome.out.splitlines()[1]
    assert "compile from its pyproject.toml" in outcome.out
    with ordinary.docker.container(image, name):
        assert_in_order(ordinary.check("--container", name, *lock))
        place = "/opt/venv/lib/python3.11/site-packages/" + (
            "__editable__.my_shop-1.0.pth" if editable else "shop/x.py"
        )
        ordinary.docker.run("exec", name, "sh", "-c", f"echo '/tmp' >> {place}")
        assert ordinary.check("--container", name, *lock).code == 1


@pytest.mark.parametrize("command", ['["/opt/venv/bin/python", "/srv/titled.py"]', '["/srv/start.sh"]'])
def test_process_that_writes_a_title_over_its_command_line(ordinary: Ordinary, venv_image: str, command: str) -> None:
    """The environment is on nobody's PATH, and what is left of the process is Debian's Python."""
    dockerfile = f"""\
FROM {venv_image}
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY titled.py start.sh /srv/
CMD {command}
"""
    start = "#!/bin/sh\nAPP=/opt/venv\nexec $APP/bin/python /srv/titled.py\n"
    name = "titled-by-script" if "start" in command else "titled"
    image = ordinary.build(name, dockerfile, {"titled.py": TITLED, "start.sh": start})
    with ordinary.docker.container(image, name):
        wait_until_up(ordinary.docker, name)
        time.sleep(1)
        assert_in_order(ordinary.check("--container", name))
        process = ordinary.docker.run("inspect", "-f", "{{.State.Pid}}", name)
        assert Path("/proc", process, "cmdline").read_bytes().startswith(b"gunicorn: master")
        assert_in_order(ordinary.check("--pid", process))


def test_wheels_of_a_folder_by_a_pip_that_writes_no_hashes(ordinary: Ordinary, venv_image: str) -> None:
    """pip 23.0.1 keeps no more of them than the name of the file (PEP 610)."""
    dockerfile = f"""\
FROM {venv_image}
RUN python -m pip wheel -q --no-cache-dir --no-deps -w /wheels -r /tmp/requirements.txt
RUN python -m venv /opt/other && /opt/other/bin/pip --version | grep 23.0.1 && /opt/other/bin/pip install -q /wheels/*
ENV PATH=/opt/other/bin:/usr/bin:/bin
CMD ["sleep", "infinity"]
"""
    image = ordinary.build("wheelhouse", dockerfile)
    for level in ("names", "artifacts", "files"):
        assert_in_order(ordinary.check("--image", image, level=level))


def test_upgrade_that_removes_the_lists_of_its_packages(ordinary: Ordinary, venv_image: str) -> None:
    packages = "python3.11 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libssl3"
    dockerfile = f"""\
FROM {venv_image}
RUN apt-get update -qq && apt-get install -y -qq --reinstall {packages} && rm -rf /var/lib/dpkg
CMD ["sleep", "infinity"]
"""
    assert_image_and_container_in_order(ordinary, ordinary.build("no-lists", dockerfile))


def test_debugger_that_a_rule_accepts(ordinary: Ordinary, venv_image: str) -> None:
    """An editor puts debugpy in; the project said that it may."""
    rule = '[[ignore]]\nkind = "unexpected"\nname = "debugpy"\nreason = "debuggers may be attached"\n'
    (ordinary.folder / "lockml.toml").write_text(rule)
    try:
        with ordinary.docker.container(venv_image, "debugged"):
            install = ("/opt/venv/bin/pip", "install", "-q", "--no-cache-dir", "debugpy==1.8.11")
            ordinary.docker.run("exec", "debugged", *install)
            assert_in_order(ordinary.check("--container", "debugged"))
    finally:
        (ordinary.folder / "lockml.toml").unlink()


@pytest.mark.parametrize("manager", ["pyenv", "uv"])
def test_environment_on_a_managed_python_as_a_path(tmp_path: Path, manager: str) -> None:
    python = make_pythons(tmp_path)[manager]
    variables = {"LD_LIBRARY_PATH": str(python.parents[1] / "lib")}
    if manager == "pyenv":
        run(python, "-m", "venv", tmp_path / "venv", **variables)
    else:
        uv = Path(sys.executable).with_name("uv")
        run(uv, "venv", "-q", "--no-cache", "--python", python, tmp_path / "venv", **variables)
    install_and_check(tmp_path, tmp_path / "venv", variables)


def test_environment_of_conda_as_a_path(tmp_path: Path) -> None:
    program = conda_prefix(tmp_path / "conda")
    install_and_check(tmp_path, tmp_path / "conda", {"LD_LIBRARY_PATH": str(program.parents[1] / "lib")})


def install_and_check(folder: Path, prefix: Path, variables: dict[str, str]) -> None:
    """Lock for this Python, install by pip or, in an environment that uv made, by uv, import, and check."""
    (folder / "requirements.in").write_text(PINS)
    words = ("compile", "requirements.in", *THIS)
    assert run_lockml(*words, folder=folder, variables=network_variables()).code == 0
    python, uv = prefix / "bin" / "python", Path(sys.executable).with_name("uv")
    if (prefix / "conda-meta").exists() or (prefix / "bin" / "pip").exists():
        pip = (sys.executable, "-m", "pip", "--python", python)
        run(*pip, "install", "-q", "-r", folder / "requirements.txt", **variables)
    else:
        options = ("--no-cache", "--link-mode", "copy", "--python", python)
        run(uv, "pip", "install", "-q", *options, "-r", folder / "requirements.txt", **variables)
    run(python, "-c", SERVICE.partition("import time")[0], **variables)
    assert_in_order(run_lockml("check", "--path", str(prefix), "--level", "files", folder=folder))
