"""What the image builds, in front of an index: nobody there is asked for it, and what it needs comes from elsewhere."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.common.errors import NoResolutionError, RequirementError
from lockml.direct.built import BuiltIndex, resolve_builds
from lockml.index.built import Built, parse_built
from lockml.index.cache.store import Cache
from lockml.index.http.client import HttpClient
from lockml.index.locations import IndexLocation
from lockml.index.model import MetadataError
from lockml.index.simple import SimpleIndex
from lockml.requirements.model import Origin, Requirement, RequirementSet
from lockml.requirements.requirements_txt import parse_requirement
from lockml.resolution.model import Policy, Preferences, Resolution
from lockml.resolution.resolver import resolve
from tests.made.indexes import Served, make_sdist
from tests.made.repositories import git
from tests.made.sources import make_tree, with_sources
from tests.made.targets import make_target
from tests.made.wheels import metadata_text

STATED = "[project]\nname = 'apex'\nversion = '0.1'\ndependencies = ['six>=1']\n"
DYNAMIC = "[project]\nname = 'apex'\nversion = '0.1'\ndynamic = ['dependencies']\n"
TARGET = make_target()


@pytest.fixture
def served() -> Served:
    served = Served()
    served.wheel("apex", "9.9", ["evil"])
    served.wheel("evil", "1.0")
    for version in ("1.15.0", "1.16.0"):
        served.wheel("six", version)
    served.wheel("ninja", "1.0", ["six"])
    served.wheel("setuptools", "80.0")
    return served


@pytest.fixture
def simple(served: Served) -> Iterator[SimpleIndex]:
    client = HttpClient(transport=served.transport, pause=0)
    with SimpleIndex([IndexLocation(url="https://index.example/simple/")], client=client, cache=Cache(None)) as simple:
        yield simple
    client.close()


def archive(folder: Path, pyproject: str = STATED, version: str = "0.1", **keys: object) -> Built:
    """Return a project that is built of an archive in *folder*."""
    info = metadata_text("apex", version)
    content = make_sdist("apex", version, info, files={"pyproject.toml": pyproject.encode()})
    (folder / "apex-0.1.tar.gz").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    table = {key.replace("_", "-"): value for key, value in keys.items()}
    return parse_built({"name": "apex", "version": "0.1", "source": "./apex-0.1.tar.gz", "sha256": digest, **table})


def index_of(
    simple: SimpleIndex, folder: Path, built: Built, recorded: Mapping[str, Sequence[str]] | None = None
) -> BuiltIndex:
    known = {canonicalize_name(name): requires for name, requires in (recorded or {}).items()}
    return BuiltIndex(with_sources(simple, folder=folder), [built], known)


def resolved(index: BuiltIndex, built: Built, *lines: str) -> Resolution:
    origin = Origin(file="requirements.in", line=1)
    constraint = Requirement(
        name=built.name,
        extras=(),
        specifier=parse_requirement("x", origin).specifier,
        marker=None,
        origin=Origin(file="pyproject.toml", line=4),
        reference=built.reference,
    )
    asked = RequirementSet(
        requirements=tuple(parse_requirement(line, origin) for line in lines), constraints=(constraint,)
    )
    return resolve(asked, TARGET, index, policy=Policy(), preferences=Preferences())


def pins(resolution: Resolution) -> dict[str, str]:
    return {pin.name: str(pin.version) for pin in resolution.pins}


def test_index_is_not_asked_for_what_is_built(simple: SimpleIndex, served: Served, tmp_path: Path) -> None:
    """Whoever registers its name there (dependency confusion) has no part in the lock."""
    built = archive(tmp_path, requires=["six<1.16"])
    index = index_of(simple, tmp_path, built)
    index.prefetch_projects([built.name, canonicalize_name("six")])
    assert pins(resolved(index, built, "apex")) == {"apex": "0.1", "six": "1.15.0"}
    assert index.project(built.name) is None
    assert not [path for _, path, _ in served.requests if "apex" in path]


def test_what_is_built_meets_the_bounds_of_whoever_asks_for_it(simple: SimpleIndex, tmp_path: Path) -> None:
    built = archive(tmp_path, requires=[])
    index = index_of(simple, tmp_path, built)
    assert pins(resolved(index, built, "apex<1")) == {"apex": "0.1"}
    with pytest.raises(NoResolutionError, match="apex"):
        resolved(index, built, "apex>=1")


def test_what_nobody_asks_for_is_not_pinned(simple: SimpleIndex, tmp_path: Path) -> None:
    built = archive(tmp_path, requires=[])
    assert pins(resolved(index_of(simple, tmp_path, built), built, "six")) == {"six": "1.16.0"}


def test_needs_come_from_what_the_source_states(simple: SimpleIndex, tmp_path: Path) -> None:
    built = archive(tmp_path)
    (pin, six) = resolved(index_of(simple, tmp_path, built), built, "apex").pins
    assert (pin.dependencies, six.name) == (("six",), "six")
    assert pin.source is not None
    assert pin.source.file is not None
    assert f"sha256:{pin.source.file.sha256}" == built.source


def test_needs_that_are_declared_hide_what_the_source_states(simple: SimpleIndex, tmp_path: Path) -> None:
    built = archive(tmp_path, requires=[])
    assert pins(resolved(index_of(simple, tmp_path, built, {"apex": ["ninja"]}), built, "apex")) == {"apex": "0.1"}


def test_needs_come_from_a_recorded_build_where_none_are_declared(simple: SimpleIndex, tmp_path: Path) -> None:
    built = archive(tmp_path, DYNAMIC)
    index = index_of(simple, tmp_path, built, {"apex": ["six<1.16"]})
    assert pins(resolved(index, built, "apex"))["six"] == "1.15.0"


def test_needs_that_only_a_build_knows_have_to_be_declared(simple: SimpleIndex, tmp_path: Path) -> None:
    built = archive(tmp_path, DYNAMIC)
    with pytest.raises(RequirementError) as caught:
        resolved(index_of(simple, tmp_path, built), built, "apex")
    assert str(caught.value).startswith("pyproject.toml:4: ./apex-0.1.tar.gz cannot be used: ")
    assert "or say what it needs: requires = [...]" in str(caught.value)


def test_source_of_another_version_is_refused(simple: SimpleIndex, tmp_path: Path) -> None:
    built = archive(tmp_path, STATED.replace("0.1", "0.2"), "0.2")
    with pytest.raises(MetadataError, match=re.escape("it is version 0.2, and the table says 0.1")):
        index_of(simple, tmp_path, built).direct(built.reference)


def test_local_version_of_a_build_is_not_in_its_source(simple: SimpleIndex, tmp_path: Path) -> None:
    built = archive(tmp_path, version="0.1", requires=None)
    local = parse_built(
        {"name": "apex", "version": "0.1+cu12", "source": "./apex-0.1.tar.gz", "sha256": built.source[7:]}
    )
    assert str(index_of(simple, tmp_path, local).direct(local.reference).metadata.version) == "0.1+cu12"


def test_source_with_other_bytes_is_refused(simple: SimpleIndex, tmp_path: Path) -> None:
    built = archive(tmp_path)
    (tmp_path / "apex-0.1.tar.gz").write_bytes(b"other")
    with pytest.raises(MetadataError, match=r"where [0-9a-f]{64} is required"):
        index_of(simple, tmp_path, built).direct(built.reference)


@pytest.mark.process
def test_commit_counts_whatever_the_lock_has_for_that_repository(simple: SimpleIndex, tmp_path: Path) -> None:
    folder = make_tree(tmp_path / "repository", STATED)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    commit = git(folder, "rev-parse", "HEAD").strip()
    make_tree(folder, STATED.replace("six>=1", "evil"))
    git(folder, "commit", "-qam", "two")
    other = git(folder, "rev-parse", "HEAD").strip()
    built = parse_built({"name": "apex", "version": "0.1", "source": f"git+file://{folder}", "commit": commit})
    sources = with_sources(simple, folder=tmp_path, commits={built.reference.source_key: other})
    index = BuiltIndex(sources, [built], {})
    source = index.direct(built.reference)
    assert (source.commit, [each.name for each in source.metadata.requires_dist]) == (commit, ["six"])
    assert index.build_requires(built) == ("setuptools>=40.8.0",)


def builds(index: BuiltIndex, built: Built, **versions: str) -> dict[str, str]:
    kept = {canonicalize_name(name): Version(version) for name, version in versions.items()}
    (found,) = resolve_builds([built], index, {TARGET: Preferences(versions=kept)}, Policy())
    return pins(found)


def test_build_needs_what_its_source_states(simple: SimpleIndex, tmp_path: Path) -> None:
    system = "[build-system]\nrequires = ['setuptools', 'ninja']\n"
    built = archive(tmp_path, DYNAMIC + system)
    found = builds(index_of(simple, tmp_path, built), built)
    assert found == {"setuptools": "80.0", "ninja": "1.0", "six": "1.16.0"}


def test_build_without_a_build_system_needs_setuptools(simple: SimpleIndex, tmp_path: Path) -> None:
    """PEP 518: tools fall back to setuptools."""
    built = archive(tmp_path)
    assert builds(index_of(simple, tmp_path, built), built) == {"setuptools": "80.0"}


def test_build_uses_the_versions_that_are_locked_to_run_with(simple: SimpleIndex, tmp_path: Path) -> None:
    built = archive(tmp_path, build_requires=["six"])
    assert builds(index_of(simple, tmp_path, built), built, six="1.15.0") == {"six": "1.15.0"}


def test_build_that_needs_nothing_has_no_lock(simple: SimpleIndex, tmp_path: Path) -> None:
    built = archive(tmp_path, build_requires=[])
    preferences = {TARGET: Preferences()}
    assert resolve_builds([built], index_of(simple, tmp_path, built), preferences, Policy()) == ()


@pytest.mark.parametrize(
    ("system", "text"),
    [
        ("requires = 'x'", "build-system.requires is not a list"),
        ("requires = ['x =']", "'x =' is not a requirement"),
        ("requires = ['x @ https://x.example/x.whl']", "names an address"),
        ("requires = ['apex']", "it needs apex, which the image builds too"),
    ],
)
def test_build_requirement_that_cannot_be_locked_is_told_with_its_project(
    simple: SimpleIndex, tmp_path: Path, system: str, text: str
) -> None:
    built = archive(tmp_path, f"{STATED}[build-system]\n{system}\n")
    with pytest.raises(RequirementError) as caught:
        builds(index_of(simple, tmp_path, built), built)
    assert str(caught.value).startswith("the build of apex: ")
    assert text in str(caught.value)
    assert "build-requires = [...]" in (caught.value.hint or "")
