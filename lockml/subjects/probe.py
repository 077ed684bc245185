"""Run a program in the subject that lists what is installed: for users who trust it, if nothing else can read it.

It is started with ``-I -S -B`` and only uses the standard library: no .pth file runs, nothing is imported from the user
or the working folder, and nothing is compiled or written. Its answer is whatever the subject wants it to be.
"""

import base64
import binascii
import subprocess
from collections.abc import Sequence
from typing import Final

import msgspec

from lockml.common.errors import UnreachableError
from lockml.common.settings import setting
from lockml.common.target import parse_libc
from lockml.inventory.distributions import read_distributions
from lockml.inventory.model import Inventory, Problem, PythonEnvironment, Subject
from lockml.subjects.oci.layers import LayerTree
from lockml.subjects.oci.nodes import Node

__all__ = ["PROBE", "probe_container", "read_answer"]

_PATIENCE: Final = 120  # seconds that the program may take
_MAX_ANSWER: Final = 1 << 28
PROBE: Final = r"""
import base64, json, os, platform, sys
import site
folders = [each for each in os.environ.get("PYTHONPATH", "").split(":") if each]
with_system = True
above = os.path.dirname(os.path.abspath(sys.executable))
for prefix in (above, os.path.dirname(above)):  # what site does, which is not to run
    if os.path.isfile(os.path.join(prefix, "pyvenv.cfg")):
        with open(os.path.join(prefix, "pyvenv.cfg")) as file:
            lines = [line.partition("=") for line in file]
        settings = {key.strip().lower(): value.strip().lower() for key, _, value in lines}
        with_system = settings.get("include-system-site-packages") == "true"
        sys.prefix = sys.exec_prefix = prefix
        folders += site.getsitepackages([prefix])
        break
if with_system:
    if os.environ.get("PYTHONNOUSERSITE") is None:
        folders.append(site.getusersitepackages())
    folders += site.getsitepackages([sys.base_prefix])
seen, kept = [], {}
wanted = ("METADATA", "PKG-INFO", "RECORD", "INSTALLER", "direct_url.json")
for folder in folders:
    real = os.path.realpath(folder)
    if real in seen or not os.path.isdir(real):
        continue
    seen.append(real)
    for name in sorted(os.listdir(real)):
        path = os.path.join(real, name)
        if not name.lower().endswith((".dist-info", ".egg-info")):
            continue
        for each in [path] if os.path.isfile(path) else [os.path.join(path, part) for part in wanted]:
            if os.path.isfile(each) and os.path.getsize(each) < 16 << 20:
                with open(each, "rb") as file:
                    kept[each] = base64.b64encode(file.read()).decode()
family, version = platform.libc_ver()
json.dump({
    "prefix": sys.prefix, "python": platform.python_version(), "machine": platform.machine(),
    "libc": "-".join((family, version)) if family else None, "folders": seen, "files": kept,
    "implementation": sys.implementation.name, "flags": getattr(sys, "abiflags", ""),
}, sys.stdout)
"""


class _Answer(msgspec.Struct):
    prefix: str
    python: str
    machine: str
    libc: str | None
    folders: list[str]
    files: dict[str, str]
    implementation: str = "cpython"
    flags: str = ""


def probe_container(client: str, name: str, python: str) -> Inventory:
    """Return the answer of the program *python* in the container *name*, started by an engine's *client*.

    Raises UnreachableError.
    """
    subject = Subject(kind="container", name=name, details={"read-by": "exec", "engine": client})
    command = [client, "exec", "-i", name, python, "-I", "-S", "-B", "-"]
    return read_answer(_run(command, subject), subject)


def _run(command: Sequence[str], subject: Subject) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - no shell; the user asked for it
            command, input=PROBE.encode(), capture_output=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        text = f"{command[0]} cannot run a program in it ({type(error).__name__})"
        raise UnreachableError(
            str(subject), text, hint=f"without {setting('exec')}, nothing runs in the container"
        ) from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        text = f"the program that lists what is installed ended with {done.returncode}"
        raise UnreachableError(str(subject), f"{text}: {said[-1] if said else 'it printed nothing'}")
    return done.stdout


def read_answer(content: bytes, subject: Subject) -> Inventory:
    """Return the inventory in the program's answer *content*; raises UnreachableError."""
    try:
        if len(content) > _MAX_ANSWER:
            raise UnreachableError(str(subject), f"its answer has {len(content)} bytes")
        answer = msgspec.json.decode(content, type=_Answer)
        tree = LayerTree(_tree(answer))
        libc = parse_libc(answer.libc) if answer.libc else None
    except (msgspec.MsgspecError, binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise UnreachableError(str(subject), f"its answer cannot be read ({error})") from error
    folders = tuple(answer.folders)
    distributions, problems = read_distributions(tree, folders)
    environment = PythonEnvironment(
        prefix=answer.prefix,
        python=answer.python,
        machine={"arm64": "aarch64", "amd64": "x86_64"}.get(answer.machine, answer.machine),
        libc=libc,
        site_folders=folders,
        distributions=distributions,
        implementation=answer.implementation,
        free_threaded="t" in answer.flags,
    )
    unread = () if libc is not None else (Problem(path=answer.prefix, reason="its C library is unknown"),)
    return Inventory(subject=subject, environment=environment, problems=(*problems, *unread))


def _tree(answer: _Answer) -> Node:
    root = Node("folder")
    for path, text in answer.files.items():
        content = base64.b64decode(text, validate=True)
        *folders, name = [part for part in path.split("/") if part]
        node = root
        for part in folders:
            node = node.children.setdefault(part, Node("folder"))
        file = Node("file", size=len(content))
        file.content = content
        node.children[name] = file
    return root
