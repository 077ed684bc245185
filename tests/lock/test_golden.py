"""A lock and its requirements.txt, byte for byte, from pages and wheels to text."""

from pathlib import Path

import pytest

from lockml.index.cache.store import Cache
from lockml.index.http.client import HttpClient
from lockml.index.locations import IndexLocation, NamedIndexes
from lockml.index.simple import SimpleIndex
from lockml.lock.build import build_lock
from lockml.lock.formats.pylock import format_lock
from lockml.lock.formats.requirements_txt import format_requirements
from lockml.lock.inputs import LockInputs
from lockml.lock.model import Lock
from lockml.requirements.requirements_txt import read_requirement_files
from lockml.resolution.model import Policy, Preferences
from lockml.resolution.resolver import resolve
from tests.made.indexes import INDEX_URL, Served, make_sdist
from tests.made.sources import with_sources
from tests.made.targets import make_target
from tests.made.wheels import UNHASHED, make_wheel, metadata_text, wheel_name

FOLDER = Path(__file__).parents[2] / "fixtures" / "lock"


def served() -> Served:
    served = Served()
    served.wheel("My.Model", "1.0", ["numpy>=1.20", "colorama; sys_platform == 'win32'"], requires_python=">=3.9")
    served.pages["my-model"] = served.pages.pop("My.Model")
    served.answers["/simple/my-model/"] = lambda _: served.page("my-model")
    for tag in ("cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_28_x86_64", "cp311-cp311-win_amd64"):
        content = make_wheel("numpy", "1.26.0", files={"numpy/core.so": tag.encode()})
        served.file("numpy", wheel_name("numpy", "1.26.0", tag), content, upload_time="2024-01-02T03:04:05.678901Z")
    scripts = {"tool.py": b"", "tool-2.0.data/scripts/tool": b"#!python\n", "tool-2.0.data/scripts/sh": b"#!/bin/sh\n"}
    served.file("tool", wheel_name("tool", "2.0"), make_wheel("tool", "2.0", files=scripts))
    served.file("bare", wheel_name("bare", "1.0"), make_wheel("bare", "1.0", record=UNHASHED.replace("pkg", "bare")))
    source = make_sdist("source", "1.0", metadata_text("source", "1.0", metadata_version="2.2"), zipped=True)
    served.file("source", "source-1.0.zip", source)
    return served


@pytest.fixture(scope="module")
def lock() -> Lock:
    asked = read_requirement_files(("requirements.in",), read=lambda name: (FOLDER / name).read_bytes(), environment={})
    client = HttpClient(transport=served().transport, pause=0)
    with SimpleIndex([IndexLocation(url=INDEX_URL)], client=client, cache=Cache(None)) as simple:
        index = with_sources(simple)
        resolution = resolve(asked, make_target(), index, policy=Policy(), preferences=Preferences())
        wheels = [file for pin in resolution.pins for file in pin.files if file.kind == "wheel"]
        inputs = LockInputs(asked=asked, policy=Policy(), indexes=NamedIndexes(url=asked.options.index_url))
        return build_lock([resolution], index.identities(wheels), inputs)


def test_lock_is_the_golden_one(lock: Lock) -> None:
    assert format_lock(lock) == (FOLDER / "pylock.toml").read_text()


def test_requirements_are_the_golden_ones(lock: Lock) -> None:
    assert format_requirements(lock) == (FOLDER / "requirements.txt").read_text()
