"""Direct references opened: archives, folders and git repositories, without a build and with one."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.common.errors import PackageIndexError
from lockml.common.references import parse_reference
from lockml.direct.index import SourceIndex
from lockml.index.cache.store import Cache
from lockml.index.distributions.metadata import parse_metadata
from lockml.index.http.client import HttpClient
from lockml.index.locations import IndexLocation
from lockml.index.model import DirectSource, DynamicMetadataError, FileEntry, MetadataError
from lockml.index.simple import SimpleIndex
from lockml.resolution.candidates.release import Release, judge_release
from lockml.resolution.model import Policy, Provided, ProvidedRelease, parse_selection
from tests.made.indexes import Served, make_sdist
from tests.made.repositories import git
from tests.made.sources import BACKEND, DYNAMIC, STATIC, make_tree, with_sources
from tests.made.targets import make_target
from tests.made.wheels import make_wheel, metadata_text


@pytest.fixture
def served() -> Served:
    return Served()


@pytest.fixture
def client(served: Served) -> Iterator[HttpClient]:
    client = HttpClient(transport=served.transport, pause=0)
    yield client
    client.close()


@pytest.fixture
def index(client: HttpClient, tmp_path: Path) -> Iterator[SourceIndex]:
    with SimpleIndex([IndexLocation(url="https://index.example/simple/")], client=client, cache=Cache(None)) as simple:
        yield with_sources(simple, folder=tmp_path)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a tagged version 1.5 and version 1.6 on its branch, and another project in a folder."""
    folder = make_tree(tmp_path / "repository")
    make_tree(folder / "inner", STATIC.replace("lib", "inner"))
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    git(folder, "tag", "-a", "v1.5", "-m", "release")
    make_tree(folder, STATIC.replace("1.5", "1.6"))
    git(folder, "commit", "-qam", "two")
    return folder


def release_of(source: DirectSource) -> str:
    return f"{source.metadata.name} {source.metadata.version}"


def test_wheel_at_an_address_is_read_and_hashed(index: SourceIndex, served: Served) -> None:
    content = make_wheel("lib", "1.0", ["six"])
    served.file("lib", "lib-1.0-py3-none-any.whl", content)
    source = index.direct(parse_reference("https://x.example/files/lib-1.0-py3-none-any.whl"))
    assert release_of(source) == "lib 1.0"
    assert source.file is not None
    assert source.file.entry.hashes == {"sha256": hashlib.sha256(content).hexdigest()}
    assert source.file.entry.size == len(content)


def test_hash_that_is_asked_for_saves_the_download(index: SourceIndex, served: Served) -> None:
    content = make_wheel("lib", "1.0", files={"lib/weights.bin": os.urandom(1 << 19)})
    served.file("lib", "lib-1.0-py3-none-any.whl", content)
    digest = hashlib.sha256(content).hexdigest()
    index.direct(parse_reference(f"https://x.example/files/lib-1.0-py3-none-any.whl#sha256={digest}"))
    assert all(asked for method, _, asked in served.requests if method == "GET")


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha224", "sha384", "sha512"])
def test_any_hash_that_pip_checks_is_checked(index: SourceIndex, served: Served, kind: str) -> None:
    content = served.wheel("lib", "1.5")
    url = "https://index.example/files/lib-1.5-py3-none-any.whl"
    right = hashlib.new(kind, content).hexdigest()
    assert str(index.direct(parse_reference(f"{url}#{kind}={right}")).metadata.version) == "1.5"
    with pytest.raises(MetadataError, match=f"it has {kind} {right} where 00 is required"):
        index.direct(parse_reference(f"{url}#{kind}=00"))


def test_wheel_on_this_machine_must_have_the_hash_that_is_asked_for(index: SourceIndex, tmp_path: Path) -> None:
    (tmp_path / "lib-1.0-py3-none-any.whl").write_bytes(make_wheel("lib", "1.0"))
    assert release_of(index.direct(parse_reference("./lib-1.0-py3-none-any.whl"))) == "lib 1.0"
    with pytest.raises(MetadataError, match=f"where {'a' * 64} is required"):
        index.direct(parse_reference(f"./lib-1.0-py3-none-any.whl#sha256={'a' * 64}"))


@pytest.mark.parametrize("path", ["~nouser-of-lockml/x-1.0-py3-none-any.whl", "~nouser-of-lockml/x"])
def test_path_in_the_home_of_nobody_is_one_that_is_not_there(index: SourceIndex, path: str) -> None:
    with pytest.raises(MetadataError, match="there is no such"):
        index.direct(parse_reference(path))


def test_source_archive_at_an_address_is_read(index: SourceIndex, served: Served) -> None:
    final = metadata_text("lib", "1.0", metadata_version="2.2")
    served.file("lib", "main.zip", make_sdist("lib", "1.0", final, zipped=True))
    source = index.direct(parse_reference("https://x.example/files/main.zip"))
    assert release_of(source) == "lib 1.0"
    assert source.file is not None
    assert source.file.kind == "sdist"


def test_address_that_is_not_there_is_told(index: SourceIndex) -> None:
    with pytest.raises(PackageIndexError, match="status 404"):
        index.direct(parse_reference("https://x.example/lib-1.0-py3-none-any.whl"))


def test_folder_is_read_as_it_is_now(index: SourceIndex, tmp_path: Path) -> None:
    make_tree(tmp_path / "lib")
    assert release_of(index.direct(parse_reference("./lib"))) == "lib 1.5"
    for path, reason in (("./none", "no such folder"), (".", "not a Python project"), ("./a.whl", "no such file")):
        with pytest.raises(MetadataError, match=reason):
            index.direct(parse_reference(path))


@pytest.mark.process
@pytest.mark.parametrize(
    ("revision", "version"),
    [("", "1.6"), ("@main", "1.6"), ("@v1.5", "1.5"), ("@{commit}", "1.5"), ("@{short}", "1.5")],
)
def test_repository_is_pinned_to_a_commit(index: SourceIndex, repository: Path, revision: str, version: str) -> None:
    commit = git(repository, "rev-parse", "v1.5^{commit}")
    named = revision.format(commit=commit, short=commit[:10])
    source = index.direct(parse_reference(f"git+{repository.as_uri()}{named}"))
    assert release_of(source) == f"lib {version}"
    assert source.commit == (commit if version == "1.5" else git(repository, "rev-parse", "main"))


@pytest.mark.process
def test_repository_that_lockml_runs_in_is_not_taken_for_it(
    index: SourceIndex, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its origin is another one."""
    other = make_tree(tmp_path / "other")
    git(other, "init", "-q")
    git(other, "commit", "-q", "--allow-empty", "-m", "other")
    git(tmp_path, "clone", "-q", str(other), "here")
    monkeypatch.chdir(tmp_path / "here")
    source = index.direct(parse_reference(f"git+{repository.as_uri()}"))
    assert source.commit == git(repository, "rev-parse", "main")


@pytest.mark.process
def test_project_in_a_folder_of_a_repository(index: SourceIndex, repository: Path) -> None:
    reference = f"git+{repository.as_uri()}#subdirectory="
    assert release_of(index.direct(parse_reference(f"{reference}inner"))) == "inner 1.5"
    with pytest.raises(MetadataError, match="it has no folder 'none'"):
        index.direct(parse_reference(f"{reference}none"))


def make_outer(repository: Path, folder: Path) -> Path:
    """Return a repository of which *repository* is a submodule."""
    outer = folder / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", repository.as_uri(), "vendored")
    git(outer, "commit", "-qm", "one")
    return outer


@pytest.mark.process
def test_submodules_are_fetched(
    index: SourceIndex, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    outer = make_outer(repository, tmp_path)
    assert release_of(index.direct(parse_reference(f"git+{outer.as_uri()}#subdirectory=vendored"))) == "lib 1.6"


@pytest.mark.process
def test_submodule_that_lies_on_this_machine_is_refused_as_git_does(
    index: SourceIndex, repository: Path, tmp_path: Path
) -> None:
    """CVE-2022-39253: a repository would have files of this machine copied into what is built of it."""
    outer = make_outer(repository, tmp_path)
    with pytest.raises(PackageIndexError, match="transport 'file' not allowed") as caught:
        index.direct(parse_reference(f"git+{outer.as_uri()}#subdirectory=vendored"))
    assert "GIT_ALLOW_PROTOCOL" in str(caught.value.hint)


@pytest.mark.process
def test_revision_and_repository_that_are_not_there_are_told(index: SourceIndex, repository: Path) -> None:
    with pytest.raises(MetadataError, match="the repository has no revision 'v9'"):
        index.direct(parse_reference(f"git+{repository.as_uri()}@v9"))
    with pytest.raises(PackageIndexError, match="git cannot read it"):
        index.direct(parse_reference("git+file:///none/such.git"))


@pytest.mark.process
def test_commit_of_the_lock_is_kept_and_then_needs_no_network(repository: Path, tmp_path: Path, served: Served) -> None:
    reference = parse_reference(f"git+{repository.as_uri()}@main")
    old = git(repository, "rev-parse", "v1.5^{commit}")
    cache = Cache(tmp_path / "cache")
    for offline in (False, True):
        client = HttpClient(transport=served.transport, offline=offline)
        with SimpleIndex([], client=client, cache=cache) as simple:
            index = with_sources(simple, commits={reference.source_key: old})
            assert release_of(index.direct(reference)) == "lib 1.5"
        client.close()


@pytest.mark.process
def test_login_of_a_repository_is_not_in_the_list_of_processes(
    index: SourceIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A git in front of the real one writes down how it was called."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\nexit 128\n')
    (tmp_path / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=os.pathsep)
    with pytest.raises(PackageIndexError) as caught:
        index.direct(parse_reference("git+https://me:secret@x.example/a.git"))
    assert "secret" not in (tmp_path / "calls").read_text() + str(caught.value)
    assert "ls-remote" in (tmp_path / "calls").read_text()


@pytest.fixture
def builds(served: Served) -> Served:
    """Serve a build backend, and what it asks for in turn."""
    served.file("backend", "backend-1.0-py3-none-any.whl", make_wheel("backend", "1.0", files={"backend.py": BACKEND}))
    for version in ("1.0", "2.0"):
        content = make_wheel("helper", version, files={"helper.py": f'VERSION = "3.{version[0]}"'.encode()})
        served.file("helper", f"helper-{version}-py3-none-any.whl", content)
    return served


@contextmanager
def building(client: HttpClient, folder: Path, *allowed: str) -> Iterator[SourceIndex]:
    policy = Policy(allow_build=parse_selection(allowed))
    with SimpleIndex([IndexLocation(url="https://index.example/simple/")], client=client, cache=Cache(None)) as simple:
        yield with_sources(simple, folder=folder, policy=policy)


@pytest.mark.process
@pytest.mark.parametrize("allowed", ["lib", ":all:"])
def test_project_is_built_where_that_is_allowed(
    client: HttpClient, builds: Served, tmp_path: Path, allowed: str
) -> None:
    """PEP 517, 518: the declared backend, with what it requires, in an environment of its own."""
    make_tree(tmp_path / "lib", DYNAMIC)
    with building(client, tmp_path, allowed) as index:
        source = index.direct(parse_reference("./lib"))
        assert release_of(source) == "lib 3.1"
        assert [str(dependency) for dependency in source.metadata.requires_dist] == ["six"]
        assert source.metadata.build is not None
        names = [line.split(" --hash=sha256:")[0] for line in source.metadata.build.requirements]
        assert names == ["backend==1.0", "helper==1.0"]
    assert builds.requests


@pytest.mark.parametrize("allowed", [(), ("other",)])
def test_no_code_is_run_unless_it_is_allowed(
    client: HttpClient, builds: Served, tmp_path: Path, allowed: tuple[str, ...]
) -> None:
    make_tree(tmp_path / "lib", DYNAMIC)
    refusal = pytest.raises(DynamicMetadataError, match=r"only after a build \(--allow-build lib\)")
    with building(client, tmp_path, *allowed) as index, refusal:
        index.direct(parse_reference("./lib"))
    assert builds.requests == []


@pytest.mark.process
def test_source_archive_of_the_index_is_built_where_that_is_allowed(
    client: HttpClient, builds: Served, tmp_path: Path
) -> None:
    content = make_sdist("lib", "3.1", metadata_text("lib", "3.1"), files={"pyproject.toml": DYNAMIC.encode()})
    builds.file("lib", "lib-3.1.tar.gz", content)
    with building(client, tmp_path, "lib") as index:
        project = index.project(canonicalize_name("lib"))
        assert project is not None
        release = judge_release(project, Version("3.1"), make_target(), Policy())
        assert isinstance(release, Release)
        assert [str(each) for each in index.metadata(release.files[0]).requires_dist] == ["six"]


@pytest.mark.process
def test_build_is_cached_for_what_decides_its_requirements(client: HttpClient, builds: Served, tmp_path: Path) -> None:
    """Whether pre-releases count does; what a base image has, and what of the lock is as it is, do not."""
    early = make_wheel("helper", "1.5rc1", files={"helper.py": b'VERSION = "3.5"'})
    builds.file("helper", "helper-1.5rc1-py3-none-any.whl", early)
    builds.file(
        "lib",
        "lib.tar.gz",
        make_sdist("lib", "3.1", metadata_text("lib", "3.1"), files={"pyproject.toml": DYNAMIC.encode()}),
    )
    helper = ProvidedRelease(metadata=parse_metadata(metadata_text("helper", "1.0").encode()))
    policy = Policy(
        allow_build=parse_selection(["lib"]), as_is=True, provided=Provided(releases={helper.metadata.name: helper})
    )
    found: list[str] = []
    location, cache = IndexLocation(url="https://index.example/simple/"), Cache(None)
    for each in (policy, replace(policy, prereleases=True), replace(policy, as_is=False)):
        with SimpleIndex([location], client=client, cache=cache) as simple:
            sources = with_sources(simple, folder=tmp_path, policy=each)
            found.append(release_of(sources.direct(parse_reference("https://x.example/files/lib.tar.gz"))))
    assert found == ["lib 3.1", "lib 3.5", "lib 3.1"]


@pytest.mark.process
@pytest.mark.parametrize(
    ("pyproject", "reason"),
    [
        (DYNAMIC.replace('requires = ["backend"]', 'requires = ["ghost"]'), "build requirements cannot be met"),
        (DYNAMIC.replace('requires = ["backend"]', "requires = []"), "its build failed"),
        (DYNAMIC.replace('requires = ["backend"]', 'requires = ["a @ https://x.example/a"]'), "is a URL"),
        (DYNAMIC.replace("requires", "requirements"), "its build failed"),
    ],
)
def test_build_that_fails_is_told(
    client: HttpClient, builds: Served, tmp_path: Path, pyproject: str, reason: str
) -> None:
    assert builds.pages
    make_tree(tmp_path / "lib", pyproject)
    with building(client, tmp_path, "lib") as index, pytest.raises(MetadataError, match=reason):
        index.direct(parse_reference("./lib"))


def test_server_without_marks_of_change_is_asked_again(client: HttpClient, served: Served) -> None:
    """A digest is kept only where an ETag or a date says that the file is still the same."""
    content = [b"one", b"two"]
    served.answers["/a.whl"] = lambda request: httpx.Response(200, content=content[0] if request.method else b"")
    cache = Cache(None)
    with SimpleIndex([], client=client, cache=cache) as index:
        entry = FileEntry(filename="a.whl", url="https://x.example/a.whl", hashes={})
        first = index.digests([entry])["a.whl"]
        content.pop(0)
        assert index.digests([entry])["a.whl"] != first == (hashlib.sha256(b"one").hexdigest(), 3)
