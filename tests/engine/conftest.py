"""A Docker engine of our own, and images made without a registry."""

import fcntl
import json
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from lockml.index.http.pip_config import certificates, default_index_url
from tests.audit.services import free_port, unavailable
from tests.cli.process import Outcome, network_variables, run_lockml

EXAMPLE = Path(__file__).parents[2] / "examples" / "classic"
TARGET = ("--python", "3.11", "--platform", "linux/amd64", "--libc", "glibc-2.36")
_PROXIES = [name for name in os.environ if name.lower() in ("http_proxy", "https_proxy", "no_proxy")]
PROXIES = [word for name in _PROXIES for word in ("--build-arg", f"{name}={os.environ[name]}")]


@dataclass(frozen=True, slots=True)
class Docker:
    """A running engine; *tcp* is the same engine as if it were another machine's."""

    host: str
    tcp: str

    def run(self, *arguments: str, stdin: Any = None, timeout: float = 600) -> str:
        """Run the docker client and return what it prints; fail with what it says otherwise."""
        environment = {**os.environ, "DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "0"}
        done = subprocess.run(
            ["docker", *arguments],
            env=environment,
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"docker {arguments}:\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def changes(self, name: str) -> frozenset[str]:
        """Return what a container changed of its image; the engine tells it in any order."""
        return frozenset(self.run("diff", name).splitlines())

    @contextmanager
    def container(self, image: str, name: str, *command: str) -> Iterator[str]:
        """Start a container, and remove it in the end."""
        self.run("run", "-d", "--network=host", "--name", name, image, *command)
        try:
            yield name
        finally:
            self.run("rm", "-f", name)


@dataclass(frozen=True, slots=True)
class Trainer:
    """The classic example: the folder with its lock and the image that was built from it."""

    folder: Path
    image: str
    docker: Docker

    def check(self, *arguments: str, host: str | None = None) -> Outcome:
        """Run ``lockml check``."""
        return run_lockml("check", *arguments, folder=self.folder, variables={"DOCKER_HOST": host or self.docker.host})

    def report(self, *arguments: str, host: str | None = None) -> Any:
        """Run ``lockml check --format json``."""
        return json.loads(self.check(*arguments, "--format", "json", host=host).out)


def require_program(name: str) -> str:
    """Return where a program is; skip, or fail where the engine is demanded, if it is not installed."""
    found = shutil.which(name)
    if found is None:
        unavailable(f"{name} is not installed")
    return found or ""


@pytest.fixture(scope="session")
def docker() -> Iterator[Docker]:
    if os.geteuid() != 0:
        unavailable("a Docker engine of our own needs root")
    if shutil.which("dockerd") is None or shutil.which("debootstrap") is None:
        unavailable("dockerd or debootstrap is not installed (Debian: docker.io, iptables, debootstrap)")
    tcp = f"tcp://127.0.0.1:{free_port()}"
    folder = Path(tempfile.mkdtemp(prefix="lockml-engine-"))
    unix = f"unix://{folder}/docker.sock"
    command = ["dockerd", "--host", unix, "--host", tcp, "--tls=false", "--iptables=false", "--ip6tables=false"]
    command += [
        "--bridge=none",
        "--data-root",
        f"{folder}/data",
        "--exec-root",
        f"{folder}/exec",
        "--pidfile",
        f"{folder}/pid",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    engine = Docker(unix, tcp)
    try:
        for _ in range(120):
            if (
                process.poll() is None
                and subprocess.run(["docker", "-H", unix, "version"], capture_output=True, check=False).returncode == 0
            ):
                break
            time.sleep(0.5)
        else:
            unavailable(f"dockerd does not start:\n{(folder / 'log').read_text()[-4000:]}")
        yield engine
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
        for mounted in (folder / "exec" / "netns").glob("*"):  # the engine leaves that of the host
            subprocess.run(["umount", "-l", mounted], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def base_image(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Import a Debian with Python 3.11 and pip, which knows the certificates and the index of this machine."""
    return _import_base(docker, tmp_path_factory.mktemp("base"), "bookworm", "lockml-test/base")


@pytest.fixture(scope="session")
def old_base_image(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Import a Debian with Python 3.9 and its pip of 2020, in the same way."""
    return _import_base(docker, tmp_path_factory.mktemp("old"), "bullseye", "lockml-test/base:bullseye")


@pytest.fixture(scope="session")
def uv_image(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Build an image of the uv of this machine, laid out as uv's own."""
    folder = tmp_path_factory.mktemp("uv")
    shutil.copy(find_uv_bin(), folder / "uv")
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY uv /uv\n")
    docker.run("build", "-q", "-t", "lockml-test/uv:1", str(folder))
    return "lockml-test/uv:1"


def _import_base(docker: Docker, folder: Path, suite: str, name: str) -> str:
    """Import a Debian of that *suite* as *name*; its pip and any uv ask the index of this machine."""
    with _debian(suite).open("rb") as archive:
        docker.run("import", "-", f"lockml-test/debian:{suite}", stdin=archive)
    trusted = certificates() or Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt")
    shutil.copy(trusted, folder / "ca.crt")
    (folder / "pip.conf").write_text(
        "[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n"
        f"index-url = {default_index_url()}\ntimeout = 120\ndisable-pip-version-check = true\n"
    )
    (folder / "uv.toml").write_text(f'system-certs = true\n[[index]]\nurl = "{default_index_url()}"\ndefault = true\n')
    (folder / "Dockerfile").write_text(
        f"FROM lockml-test/debian:{suite}\nCOPY ca.crt /etc/ssl/certs/ca-certificates.crt\n"
        "COPY pip.conf /etc/pip.conf\nCOPY uv.toml /etc/uv/uv.toml\n"
    )
    docker.run("build", "-q", "-t", name, str(folder))
    return name


def _debian(suite: str) -> Path:
    """Return the archive of a minimal Debian with Python, made once and kept in the user's cache."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lockml-tests"
    archive = Path(os.environ.get("LOCKML_TEST_CACHE") or default) / f"{suite}.tar"
    if archive.exists():
        return archive
    archive.parent.mkdir(parents=True, exist_ok=True)
    with archive.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other workers wait until it is made
        if not archive.exists():
            _make_debian(suite, archive)
    return archive


def _make_debian(suite: str, archive: Path) -> None:
    packages = "python3,python3-pip,python3-venv,ca-certificates"
    with tempfile.TemporaryDirectory(prefix="lockml-debian-") as root:
        made = subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={packages}", suite, root],
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stdout[-4000:] + made.stderr
        shutil.rmtree(Path(root, "var/cache/apt/archives"), ignore_errors=True)
        partial = archive.with_suffix(".partial")
        subprocess.run(["tar", "-C", root, "-cf", partial, "."], check=True)
        partial.replace(archive)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve an empty registry on this machine."""
    program = require_program("docker-registry")
    folder = tmp_path_factory.mktemp("registry")
    address = f"127.0.0.1:{free_port()}"
    configuration = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": address},
    }
    (folder / "config.yml").write_text(json.dumps(configuration))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        time.sleep(1)
        assert process.poll() is None, (folder / "log").read_text()
        yield address
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="session")
def trainer(docker: Docker, base_image: str, tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """Compile the classic example against the real index and build its image."""
    folder = tmp_path_factory.mktemp("classic")
    for path in EXAMPLE.iterdir():
        shutil.copy(path, folder)
    outcome = run_lockml("compile", "requirements.in", *TARGET, folder=folder, variables=network_variables())
    assert outcome.code == 0, outcome.err
    docker.run(
        "build", "-q", "--network=host", "--build-arg", f"BASE={base_image}", *PROXIES, "-t", "trainer", str(folder)
    )
    return Trainer(folder, "trainer", docker)
