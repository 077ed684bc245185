"""Packages from URLs, folders and repositories in a lock, in the files that pip reads, and in `check`."""

import dataclasses
import hashlib

import pytest
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from lockml.common.errors import LockError
from lockml.common.references import parse_reference
from lockml.common.target import parse_target
from lockml.direct.names import name_requirements
from lockml.drift.origin import foreign_source
from lockml.index.locations import IndexLocation, NamedIndexes
from lockml.inventory.model import DirectUrl, InstalledDistribution
from lockml.lock.build import build_lock
from lockml.lock.formats.pylock import format_lock, parse_lock
from lockml.lock.formats.requirements_txt import format_requirements, format_unhashed
from lockml.lock.inputs import LockInputs
from lockml.lock.model import Lock
from lockml.lock.queries.difference import compare_locks
from lockml.lock.queries.graph import LockGraph
from lockml.lock.references import locked_commits, source_of
from lockml.lock.status.freshness import changes_since
from lockml.requirements.model import DynamicProject, RequirementSet
from lockml.requirements.requirements_txt import read_requirement_files
from lockml.resolution.model import Policy, Preferences
from lockml.resolution.multi_target import resolve_targets
from tests.made.indexes import MemoryIndex
from tests.made.wheels import metadata_text

OLD = parse_target("old=3.9-linux/amd64-glibc-2.31")
NEW = parse_target("new=3.12-linux/amd64-glibc-2.31")
MUSL = parse_target("musl=3.12-linux/amd64-musl-1.2")
TORCH = IndexLocation(url="https://me:secret@index.example/torch/", name="torch", only=("torch",))
COMMIT = "c" * 40
HASHED = f"--hash=sha256:{hashlib.sha256(b'six-1.0-py3-none-any.whl').hexdigest()}"


def asked_by(*lines: str) -> RequirementSet:
    content = "\n".join(lines).encode()
    return read_requirement_files(("a.in",), read=lambda _: content, environment={})


def inputs_of(*lines: str, indexes: NamedIndexes | None = None, stated: dict[str, str] | None = None) -> LockInputs:
    return LockInputs(asked=asked_by(*lines), policy=Policy(), indexes=indexes or NamedIndexes(), stated=stated or {})


def locked(index: MemoryIndex, inputs: LockInputs, *targets: str) -> Lock:
    chosen = [parse_target(target) for target in targets] or [OLD, NEW]
    asked = name_requirements(inputs.asked, index)
    found = resolve_targets(asked, {target: Preferences() for target in chosen}, index, policy=inputs.policy)
    return build_lock(found, {}, inputs)


def sample() -> MemoryIndex:
    index = MemoryIndex()
    index.add("six", "1.0")
    index.sources["git+https://x.example/lib.git@v1#subdirectory=py"] = metadata_text("lib", "1.5", ["six"])
    index.sources["./tools/own"] = metadata_text("own", "0.1")
    return index


LINES = ("git+https://x.example/lib.git@v1#subdirectory=py", "-e ./tools/own ; python_version >= '3.12'")


def test_sources_are_written_as_the_standard_says_and_read_back() -> None:
    """PEP 751: a commit for a repository, a path and no version for a folder."""
    lock = locked(sample(), inputs_of(*LINES))
    lib, own, _ = lock.pylock.packages
    assert lib.vcs is not None
    assert (lib.vcs.url, lib.vcs.commit_id, lib.vcs.requested_revision) == ("https://x.example/lib.git", COMMIT, "v1")
    assert own.directory is not None
    assert (own.version, own.directory.path, own.directory.editable) == (None, "tools/own", True)
    again = parse_lock(format_lock(lock).encode(), "pylock.toml")
    assert replace(again, sha256="") == lock
    assert [source_of(package) for package in again.pylock.packages] == [
        parse_reference(LINES[0]),
        parse_reference("./tools/own", editable=True),
        None,
    ]
    assert dict(locked_commits(again)) == {parse_reference(LINES[0]).source_key: COMMIT}


def test_source_trees_stand_in_a_file_of_their_own() -> None:
    """pip refuses them beside hashes."""
    lock = locked(sample(), inputs_of(*LINES))
    assert [line.split()[0] for line in format_requirements(lock).splitlines()[2:]] == ["six==1.0", HASHED, "#"]
    assert format_unhashed(lock) == (
        f"# Locked by lockml from a.in for {OLD}; {NEW}.\n"
        "# Do not edit: change the inputs and run `lockml compile` again.\n"
        "# pip cannot hash source trees: install these with --no-deps, after the file beside this one.\n"
        f"lib @ git+https://x.example/lib.git@{COMMIT}#subdirectory=py\n"
        "    # via -r a.in\n"
        '-e ./tools/own ; python_version == "3.12"\n'
        "    # via -r a.in\n"
    )
    assert "own" not in (format_unhashed(lock, OLD) or "")
    assert format_unhashed(locked(sample(), inputs_of("six"))) is None


def test_editable_repository_stays_editable() -> None:
    line = LINES[0]
    lock = locked(sample(), inputs_of(f"-e {line}"))
    assert f"\n-e git+https://x.example/lib.git@{COMMIT}#egg=lib&subdirectory=py\n" in (format_unhashed(lock) or "")
    again = parse_lock(format_lock(lock).encode(), "pylock.toml")
    assert source_of(again.pylock.packages[0]) == parse_reference(line, editable=True)
    assert changes_since(again, inputs_of(f"-e {line}"), again.targets) == ()
    assert changes_since(again, inputs_of(line), again.targets) != ()


def torch_index() -> MemoryIndex:
    index = MemoryIndex()
    for tag in (
        "cp39-cp39-manylinux_2_17_x86_64",
        "cp312-cp312-manylinux_2_17_x86_64",
        "cp312-cp312-musllinux_1_1_x86_64",
    ):
        index.add("torch", "2.0+cu121", ["six"], tag=tag)
    index.add("six", "1.0")
    return index


def claimed(*targets: str) -> Lock:
    """Return a lock of torch from an index that is there for it alone."""
    lock = locked(torch_index(), inputs_of("torch", indexes=NamedIndexes(named=(TORCH,))), *targets)
    packages = [
        dataclasses.replace(package, index="https://index.example/torch/") if package.name == "torch" else package
        for package in lock.pylock.packages
    ]
    return parse_lock(
        format_lock(replace(lock, pylock=dataclasses.replace(lock.pylock, packages=packages))).encode(), "pylock.toml"
    )


def test_package_of_a_claiming_index_is_a_direct_url_for_each_target() -> None:
    """No option of pip could say that an index is there for some projects only."""
    lines = format_requirements(claimed()).splitlines()
    address = "torch @ https://files.example/torch-2.0+cu121-{0}-{0}-manylinux_2_17_x86_64.whl"
    assert [line for line in lines if line.startswith("torch")] == [
        address.format("cp39") + ' ; python_version == "3.9" \\',
        address.format("cp312") + ' ; python_version == "3.12" \\',
    ]
    assert "extra-index-url" not in "".join(lines)
    assert "secret" not in format_lock(claimed())


def test_one_file_of_a_target_has_its_files_and_no_markers() -> None:
    text = format_requirements(claimed(), NEW)
    assert text.count("torch @") == text.count("six==") == 1
    assert "cp312-manylinux" in text
    assert ";" not in text
    assert "for CPython 3.12 on linux/amd64, glibc-2.31." in text


def test_targets_that_no_marker_tells_apart_need_files_of_their_own() -> None:
    lock = claimed("new=3.12-linux/amd64-glibc-2.31", "musl=3.12-linux/amd64-musl-1.2")
    with pytest.raises(LockError, match="marker can distinguish the two") as caught:
        format_requirements(lock)
    assert "{target}" in str(caught.value.hint)
    assert "musllinux" in format_requirements(lock, MUSL)


def test_named_index_for_all_projects_is_an_extra_one_for_pip() -> None:
    everywhere = NamedIndexes(named=(replace(TORCH, only=()),), find_links=("wheels",))
    text = format_requirements(locked(torch_index(), inputs_of("torch", indexes=everywhere)))
    assert "--extra-index-url https://index.example/torch/\n--find-links wheels\n" in text


def test_archive_is_an_address_with_its_hash() -> None:
    index = MemoryIndex()
    index.sources["https://x.example/lib-1.5.tar.gz"] = metadata_text("lib", "1.5")
    index.archives["https://x.example/lib-1.5.tar.gz"] = "f" * 64
    lock = locked(index, inputs_of("lib @ https://x.example/lib-1.5.tar.gz"))
    (package,) = parse_lock(format_lock(lock).encode(), "pylock.toml").pylock.packages
    assert package.archive is not None
    assert package.archive.hashes == {"sha256": "f" * 64}
    assert f"lib @ https://x.example/lib-1.5.tar.gz \\\n    --hash=sha256:{'f' * 64}\n" in format_requirements(lock)
    assert format_unhashed(lock) is None


def test_secret_parameter_of_an_address_is_in_no_output_and_makes_no_other_source() -> None:
    index = MemoryIndex()
    address = "https://x.example/lib-1.5.tar.gz?token={}&v=1#sha256=" + "f" * 64
    index.sources["https://x.example/lib-1.5.tar.gz?token=***&v=1"] = metadata_text("lib", "1.5")
    index.archives["https://x.example/lib-1.5.tar.gz?token=***&v=1"] = "f" * 64
    lock = locked(index, inputs_of(address.format("hunter2")))
    assert "hunter2" not in format_lock(lock) + (format_requirements(lock) or "")
    assert "https://x.example/lib-1.5.tar.gz?token=***&v=1" in format_lock(lock)
    again = parse_lock(format_lock(lock).encode(), "pylock.toml")
    assert changes_since(again, inputs_of(address.format("other")), [OLD, NEW]) == ()


def test_login_of_an_input_makes_no_other_source_of_it() -> None:
    """It is not in the lock, so that what is locked must be known without it."""
    index = sample()
    address = "git+https://x.example/lib.git@v1#subdirectory=py"
    inputs = inputs_of(address.replace("https://", "https://me:secret@"))
    lock = parse_lock(format_lock(locked(index, inputs)).encode(), "pylock.toml")
    assert "secret" not in format_lock(lock)
    assert changes_since(lock, inputs_of(address.replace("https://", "https://you:other@")), [OLD, NEW]) == ()
    assert dict(locked_commits(lock))[inputs.asked.unnamed[0].reference.source_key] == COMMIT


def changes(*lines: str, stated: dict[str, str] | None = None) -> tuple[str, ...]:
    lock = locked(sample(), inputs_of(*LINES, stated={"tools/own": "1"}))
    return changes_since(lock, inputs_of(*lines, stated=stated or {"tools/own": "1"}), [OLD, NEW])


def test_lock_is_fresh_while_its_sources_are_asked_for() -> None:
    assert changes(*reversed(LINES)) == ()
    assert changes(*LINES, "six") == ()


def test_lock_is_out_of_date_when_sources_change() -> None:
    other = "git+https://x.example/lib.git@v2#subdirectory=py"
    assert f"{other} (a.in:1) is not locked" in changes(other, LINES[1])
    assert "own is locked but no longer required" in changes(LINES[0])
    assert "lib 1.5 does not meet lib @ https://x.example/lib.zip (a.in:1)" in changes(
        "lib @ https://x.example/lib.zip", LINES[1]
    )
    assert changes(*LINES, stated={"tools/own": "2"}) == ("the metadata of tools/own has changed",)


def installed(**source: object) -> InstalledDistribution:
    url = DirectUrl(**source)  # type: ignore[arg-type]
    name = canonicalize_name("torch")
    return InstalledDistribution(
        name=name, version="2.0+cu121", folder="/s/t.dist-info", site_folder="/s", record=None, source=url
    )


def test_locked_wheel_installed_by_its_address_is_no_foreign_source() -> None:
    package = next(package for package in claimed().pylock.packages if package.name == "torch")
    assert package.wheels is not None
    assert foreign_source(package, installed(url=package.wheels[0].url)) is None
    assert foreign_source(package, installed(url="file:///x", hashes=package.wheels[1].hashes)) is None
    assert foreign_source(package, installed(url="https://elsewhere.example/torch.whl")) is not None


def test_other_commit_of_the_same_version_is_a_difference() -> None:
    before = locked(sample(), inputs_of(*LINES))
    lib, *others = before.pylock.packages
    assert lib.vcs is not None
    moved = dataclasses.replace(lib, vcs=dataclasses.replace(lib.vcs, commit_id="d" * 40))
    after = replace(before, pylock=dataclasses.replace(before.pylock, packages=[moved, *others]))
    assert [(change.kind, change.name) for change in compare_locks(before, after)] == [("files", "lib")]
    assert compare_locks(before, before) == ()


def test_graph_tells_where_a_package_without_a_version_is_from() -> None:
    graph = LockGraph(locked(sample(), inputs_of(*LINES)))
    assert graph.version(canonicalize_name("own")) == "(./tools/own)"


def test_project_that_only_its_build_names_is_the_locks_own() -> None:
    """Of a setup.py; what the backend says is asked for all the same, and the project itself is not locked."""
    index = sample()
    index.sources["."] = metadata_text("Built_App", "2.0", ["six"])
    dynamic = DynamicProject(folder=".", file="setup.py", name="", extras=())
    asked = name_requirements(RequirementSet(requirements=(), dynamic=(dynamic,)), index)
    assert asked.projects == ("built-app",)
    assert [each.name for each in asked.requirements] == ["six"]
