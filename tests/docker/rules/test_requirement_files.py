"""The files of what an image builds, as linting reads them beside the lock."""

from functools import cache

import pytest
from msgspec.structs import replace

from lockml.docker.analysis import Context
from lockml.docker.context.lock import lock_facts
from lockml.index.built import parse_built
from lockml.lock.build import build_lock
from lockml.lock.formats.built import with_built
from lockml.lock.formats.requirements_txt import format_build, format_requirements, format_sources
from lockml.lock.inputs import LockInputs
from lockml.lock.model import Lock
from lockml.requirements.requirements_txt import read_requirement_files
from lockml.resolution.model import Policy, Preferences
from lockml.resolution.resolver import resolve
from tests.docker.projects import codes
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of
from tests.made.targets import make_target
from tests.made.wheels import metadata_text

COMMIT = "c" * 40
REPOSITORY = f"git+https://git.example/apex@{COMMIT}"
APEX = parse_built({"name": "apex", "version": "0.1", "source": "git+https://git.example/apex", "commit": COMMIT})
WHEEL = "RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels -r {}"


@cache
def lock() -> Lock:
    index = MemoryIndex(sources={REPOSITORY: metadata_text("apex", "0.1")})
    index.add("six", "1.16.0")
    index.add("ninja", "1.0")
    lines = f"six\napex @ {REPOSITORY}"
    asked = read_requirement_files(("r.in",), read=lambda _: lines.encode(), environment={})
    resolution = resolve(asked, make_target(), index, policy=Policy(), preferences=Preferences())
    plain = build_lock([resolution], {}, LockInputs(asked=asked, policy=Policy()))
    return with_built(plain, [APEX], [], lock_of(index, "ninja"))


def context() -> Context:
    sources = format_sources(lock()) or ""
    files = {
        "requirements.txt": format_requirements(lock()),
        "requirements-build.txt": format_build(lock()) or "",
        "requirements-sources.txt": sources,
        "other-sources.txt": sources.replace(COMMIT, "d" * 40) + "./x-1.tar.gz\n",
    }
    read = {name: text.encode() for name, text in files.items()}
    return replace(Context(read=read.get), lock=lock_facts(lock(), "pylock.toml"))


@pytest.mark.parametrize(
    ("instruction", "found"),
    [
        ("RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.txt", []),
        ("RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements-build.txt", []),
        (WHEEL.format("requirements-sources.txt"), []),
        ("RUN pip install --no-cache-dir --no-deps --no-index /wheels/*.whl", []),
        (WHEEL.format("other-sources.txt"), ["LK102"]),
    ],
)
def test_files_of_what_is_built_are_as_good_as_the_lock(instruction: str, found: list[str]) -> None:
    text = f"FROM python:3.11-slim\nWORKDIR /app\nCOPY *.txt ./\n{instruction}\n"
    assert [code for code in codes(text, context()) if code.startswith(("LK1", "LK3"))] == found
