from collections.abc import Mapping, Sequence

from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.digest import ArtifactIdentity
from lockml.common.errors import PackageIndexError
from lockml.common.target import Target
from lockml.index.model import Project
from lockml.lock.build import build_lock
from lockml.lock.formats.pylock import format_lock, parse_lock
from lockml.lock.inputs import LockInputs
from lockml.lock.model import TOOLS, Lock, LockedTool
from lockml.lock.tools import locked_tools, newest_wheels, recorded_tools, wheels_of_tools
from lockml.requirements.requirements_txt import read_requirement_files
from lockml.resolution.model import Policy, Preferences, ProjectSelection
from lockml.resolution.resolver import resolve
from tests.made.indexes import MemoryIndex
from tests.made.targets import make_target

PIP = NormalizedName("pip")
IDENTITY = ArtifactIdentity(digest="a" * 64)
GONE = NormalizedName("gone")
TOOL = LockedTool(name=PIP, version="24.0", wheel="pip-24.0-py3-none-any.whl", identity=IDENTITY)


def example() -> MemoryIndex:
    index = MemoryIndex()
    index.add("model", "1.0")
    index.add("pip", "24.0", requires_python=">=3.7")
    index.add("pip", "25.0", requires_python=">=3.9")
    index.add("pip", "26.0", requires_python=">=3.9", yanked=True)
    index.add("pip", "27.0b1", requires_python=">=3.9")
    return index


def chosen(index: MemoryIndex, *targets: Target, policy: Policy | None = None) -> list[str]:
    return [file.filename for file in newest_wheels(TOOLS, targets or (make_target(),), index, policy or Policy())]


def lock_with(*tools: LockedTool) -> Lock:
    asked = read_requirement_files(("requirements.in",), read=lambda _: b"model\n", environment={})
    found = resolve(asked, make_target(), example(), policy=Policy(), preferences=Preferences())
    return build_lock([found], {}, LockInputs(asked=asked, policy=Policy()), tools)


def test_newest_stable_release_that_is_not_yanked_is_chosen() -> None:
    assert chosen(example()) == ["pip-25.0-py3-none-any.whl"]


def test_each_target_has_the_newest_that_suits_it() -> None:
    targets = make_target("3.11"), make_target("3.8")
    assert chosen(example(), *targets) == ["pip-25.0-py3-none-any.whl", "pip-24.0-py3-none-any.whl"]


def test_what_the_index_does_not_have_is_left_out() -> None:
    assert chosen(MemoryIndex()) == []


def test_source_archives_are_left_out() -> None:
    index = MemoryIndex()
    index.add("wheel", "0.48.0", filename="wheel-0.48.0.tar.gz")
    assert chosen(index) == []
    no_binary = Policy(no_binary=ProjectSelection(everything=True))
    assert chosen(example(), policy=no_binary) == []


def test_index_that_does_not_answer_for_them_is_no_error() -> None:
    class Silent(MemoryIndex):
        def project(self, name: NormalizedName) -> Project | None:
            raise PackageIndexError(name, "no answer")

    assert chosen(Silent()) == []


def recorded(
    kept: Sequence[LockedTool], identities: Mapping[str, ArtifactIdentity | str], pinned: frozenset[NormalizedName]
) -> tuple[LockedTool, ...]:
    wheels = newest_wheels(TOOLS, (make_target("3.8"),), example(), Policy())
    return recorded_tools(kept, wheels, identities, pinned)


def test_wheels_are_recorded_with_what_they_install() -> None:
    (entry,) = (each for each in example().project(PIP).releases[Version("24.0")])  # type: ignore[union-attr]  # it is there
    placed = replace(TOOL, url=entry.url, sha256=entry.hashes["sha256"])
    assert recorded((), {TOOL.wheel: IDENTITY}, frozenset()) == (placed,)
    other = replace(TOOL, identity=replace(IDENTITY, digest="b" * 64))
    assert recorded((other,), {TOOL.wheel: IDENTITY}, frozenset()) == (placed,)


def test_wheels_of_tools_are_those_that_the_index_has() -> None:
    tools = (TOOL, replace(TOOL, version="23.0", wheel="pip-23.0-py3-none-any.whl"), replace(TOOL, name=GONE))
    assert [wheel.filename for wheel in wheels_of_tools(tools, example())] == [TOOL.wheel]


def test_wheel_without_a_usable_record_is_not_recorded() -> None:
    assert recorded((), {TOOL.wheel: "its RECORD is no proof"}, frozenset()) == ()


def test_tool_that_is_pinned_is_not_recorded_as_well() -> None:
    assert recorded((TOOL,), {}, frozenset({PIP})) == ()


def test_what_a_lock_recorded_is_kept_for_the_same_targets_until_it_is_upgraded() -> None:
    lock = lock_with(TOOL)
    assert locked_tools(lock, [make_target()], ()) == (TOOL,)
    assert locked_tools(lock, [make_target()], {PIP}) == ()
    assert locked_tools(lock, [make_target("3.12")], ()) == ()
    assert locked_tools(None, [make_target()], ()) == ()


def test_lock_with_tools_reads_as_it_was_written() -> None:
    scripts = ArtifactIdentity(digest="b" * 64, scripts=("own",), rewritten={"own": "sha256=x"})
    lock = lock_with(TOOL, replace(TOOL, name=NormalizedName("wheel"), identity=scripts))
    assert replace(parse_lock(format_lock(lock).encode(), "pylock.toml"), sha256="") == lock


def test_lock_without_tools_has_no_table_of_them() -> None:
    assert "tools" not in format_lock(lock_with())
