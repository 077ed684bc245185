"""Pythons of this machine beside the one that runs the tests, and what they compile sources to."""

import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

__all__ = ["body_of", "compile_with", "other_pythons", "sources_of"]

_COMPILE = """
import marshal, struct, sys, warnings
warnings.simplefilter("ignore")
take, give = sys.stdin.buffer.read, sys.stdout.buffer.write
while header := take(4):
    source = take(struct.unpack("<I", header)[0])
    body = marshal.dumps(compile(source, sys.argv[1], "exec", dont_inherit=True, optimize=int(sys.argv[2])))
    give(struct.pack("<I", len(body)) + body)
"""


def body_of(source: str, *, path: str = "module.py") -> bytes:
    """Return the body of the compiled module that the running Python makes of *source*."""
    return compile_with(sys.executable, [source.encode()], path=path)[0]


def compile_with(
    program: str, sources: Sequence[bytes], *, path: str = "module.py", seed: str = "0", optimisation: int = 0
) -> list[bytes]:
    """Return the bodies that the Python *program* makes of *sources*, with *seed* for the order of its sets."""
    given = b"".join(struct.pack("<I", len(source)) + source for source in sources)
    command = [program, "-S", "-B", "-c", _COMPILE, path, str(optimisation)]
    said = subprocess.run(command, input=given, capture_output=True, check=True, env={"PYTHONHASHSEED": seed}).stdout
    bodies = []
    while said:
        (length,) = struct.unpack_from("<I", said)
        bodies.append(said[4 : 4 + length])
        said = said[4 + length :]
    return bodies


@cache
def other_pythons() -> dict[int, str]:
    """Return CPython 3.8 and later that pyenv installed here, by minor release; {} where there is no pyenv."""
    pyenv = shutil.which("pyenv")
    if pyenv is None:
        return {}
    root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=True).stdout.strip()
    found = {minor: sorted(Path(root).glob(f"versions/3.{minor}.*/bin/python3")) for minor in range(8, 15)}
    return {minor: str(programs[-1]) for minor, programs in found.items() if programs}


def sources_of(program: str) -> list[bytes]:
    """Return sources of that Python's own library, some of each kind."""
    command = [program, "-S", "-c", "import os; print(os.path.dirname(os.__file__))"]
    library = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    paths = [*sorted(library.glob("[a-d]*.py")), *sorted(library.glob("asyncio/*.py")), library / "typing.py"]
    return [path.read_bytes() for path in paths]
