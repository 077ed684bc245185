"""Locks made through the real stages from releases in memory."""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from datetime import datetime

from packaging.utils import parse_wheel_filename

from lockml.common.digest import ArtifactIdentity
from lockml.common.target import Target
from lockml.index.distributions.archive import WheelArchive
from lockml.index.locations import NamedIndexes
from lockml.lock.build import build_lock
from lockml.lock.inputs import LockInputs
from lockml.lock.model import BaseImage, Lock
from lockml.requirements.requirements_txt import read_requirement_files
from lockml.resolution.model import Policy, Preferences
from lockml.resolution.resolver import resolve
from tests.made.indexes import MemoryIndex
from tests.made.targets import make_target

__all__ = ["identity_of", "lock_of", "signed"]


def lock_of(
    index: MemoryIndex,
    *lines: str,
    identities: Mapping[str, ArtifactIdentity | str] | None = None,
    target: Target | None = None,
    index_url: str | None = None,
    base_image: BaseImage | None = None,
) -> Lock:
    """Return the lock of requirement *lines*, with the identities that *index* makes up unless others are given."""
    content = "\n".join(lines).encode()
    asked = read_requirement_files(("requirements.in",), read=lambda _: content, environment={})
    resolution = resolve(asked, target or make_target(), index, policy=Policy(), preferences=Preferences())
    wheels = [file for pin in resolution.pins for file in pin.files if file.kind == "wheel"]
    known = index.identities(wheels) if identities is None else identities
    indexes = NamedIndexes(url=index_url)
    return build_lock(
        [resolution], known, LockInputs(asked=asked, policy=Policy(), indexes=indexes, base_image=base_image)
    )


def identity_of(filename: str, wheel: bytes) -> ArtifactIdentity:
    """Return what the *wheel* of that name installs."""
    project, version, _, _ = parse_wheel_filename(filename)
    return WheelArchive(lambda start, stop: wheel[start:stop], len(wheel), project=project, version=version).identity()


def signed(text: str) -> str:
    """Return the *text* of a lock that somebody changed, with the digest that it then has."""
    document = tomllib.loads(text)
    del document["tool"]["lockml"]["lock-sha256"]
    told = json.dumps(document, sort_keys=True, separators=(",", ":"), default=datetime.isoformat)
    digest = hashlib.sha256(told.encode("ascii")).hexdigest()
    return re.sub(r'(?m)^lock-sha256 = ".*"$', f'lock-sha256 = "{digest}"', text)
