from lockml.common.target import parse_target
from lockml.requirements.requirements_txt import read_requirement_files
from lockml.resolution.model import Policy, Preferences
from lockml.resolution.multi_target import resolve_targets
from tests.made.indexes import MemoryIndex

OLD = parse_target("old=3.9-linux/amd64-glibc-2.31")
NEW = parse_target("new=3.12-linux/amd64-glibc-2.36")


def pins(index: MemoryIndex, *lines: str) -> list[dict[str, str]]:
    content = "\n".join(lines).encode()
    asked = read_requirement_files(("requirements.in",), read=lambda _: content, environment={})
    resolutions = resolve_targets(asked, dict.fromkeys((NEW, OLD), Preferences()), index, policy=Policy())
    assert [resolution.target for resolution in resolutions] == [NEW, OLD]
    return [{pin.name: str(pin.version) for pin in resolution.pins} for resolution in resolutions]


def test_one_version_is_taken_where_it_serves_every_target() -> None:
    index = MemoryIndex()
    index.add("a", "1.0", ["b"])
    index.add("a", "2.0", ["b"], requires_python=">=3.10")
    index.add("b", "1.0")
    index.add("b", "2.0", tag="cp312-cp312-manylinux_2_34_x86_64")
    assert pins(index, "a") == [{"a": "1.0", "b": "1.0"}] * 2


def test_versions_stay_apart_where_none_serves_all() -> None:
    index = MemoryIndex()
    index.add("a", "1.0", requires_python="<3.10")
    index.add("a", "2.0", requires_python=">=3.10")
    index.add("b", "1.0")
    index.add("b", "2.0", requires_python=">=3.10")
    assert pins(index, "a", "b") == [{"a": "2.0", "b": "1.0"}, {"a": "1.0", "b": "1.0"}]


def test_lines_for_one_target_do_not_hold_the_other_back() -> None:
    index = MemoryIndex()
    for version in ("1.0", "2.0"):
        index.add("a", version)
    assert pins(index, "a", "a<2 ; python_version < '3.10'") == [{"a": "1.0"}] * 2
    assert pins(index, "a>=2 ; python_version >= '3.12'", "a<2 ; python_version < '3.10'") == [
        {"a": "2.0"},
        {"a": "1.0"},
    ]
