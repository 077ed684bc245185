import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.tags import Tag

from lockml.common.errors import InputError
from lockml.common.tag_lists import newest_libc, newest_macos, packed_tags, parse_tag_list, unpacked_tags
from lockml.common.target import Target, parse_platform, parse_python, parse_target

TAGS = ("cp311-cp311-manylinux_2_28_x86_64", "cp311-abi3-manylinux_2_28_x86_64", "py3-none-any")


def all_tags(text: str) -> tuple[str, ...]:
    ranks = parse_target(text).tag_ranks
    return tuple(map(str, sorted(ranks, key=ranks.__getitem__)))


def listed(*tags: str) -> Target:
    return Target.of(parse_python("3.11"), parse_platform("linux/amd64"), tags=tags)


def test_list_is_read_in_its_order_without_comments() -> None:
    content = f"# of the appliance\n\n{TAGS[1]}  # stable\n  {TAGS[0].upper()}\r\n{TAGS[1]}\n{TAGS[2]}\n"
    assert parse_tag_list(content.encode(), "tags.txt") == (TAGS[1], TAGS[0], TAGS[2])


def test_list_may_be_what_pip_debug_prints() -> None:
    head = "WARNING: This command is only meant for debugging.\npip version: pip 24.2 from /x (python 3.11)\n"
    content = head + "Compatible tags: 3\n" + "".join(f"  {tag}\n" for tag in TAGS)
    assert parse_tag_list(content.encode(), "tags.txt") == TAGS


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "tags.txt: has no tags"),
        (b"# nothing\n", "tags.txt: has no tags"),
        (b"py3-none-any\n\xff\n", "tags.txt: is not UTF-8"),
        (b"py3-none-any\npy3-none\n", "tags.txt:2: 'py3-none' is not a tag"),
        (b"py2.py3-none-any\n", "tags.txt:1: 'py2.py3-none-any' is not a tag"),
        (b"Compatible tags: 900\n  py3-none-any\n  ...\n", "tags.txt:3: '...' is not a tag"),
        (b"py3-none-" + b"a" * 200, "is not a tag"),
        (b"py3-none-any\n" * 90_000, "has more than 1048576 bytes"),
        ("".join(f"py3-none-a{number}\n" for number in range(10_001)).encode(), "has more than 10000 tags"),
    ],
)
def test_list_that_is_none_is_refused_with_its_line(content: bytes, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_tag_list(content, "tags.txt")
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("tags", "libc", "macos"),
    [
        (("cp311-cp311-manylinux_2_28_x86_64", "cp311-cp311-manylinux2014_x86_64"), "glibc-2.28", None),
        (("cp311-cp311-manylinux2014_x86_64", "cp311-cp311-linux_x86_64"), "glibc-2.17", None),
        (("cp311-cp311-manylinux1_x86_64",), "glibc-2.5", None),
        (("cp311-cp311-musllinux_1_2_x86_64",), "musl-1.2", None),
        (("cp311-cp311-linux_x86_64", "py3-none-any"), "None", None),
        (("cp311-cp311-macosx_14_0_arm64", "cp311-cp311-macosx_11_0_arm64"), "None", (14, 0)),
    ],
)
def test_list_tells_the_oldest_system(tags: tuple[str, ...], libc: str, macos: tuple[int, int] | None) -> None:
    assert str(newest_libc(tags)) == libc
    assert newest_macos(tags) == macos


def test_list_of_a_target_ranks_wheels_as_the_target_does() -> None:
    target = parse_target("3.11-linux/amd64-glibc-2.36")
    same = listed(*all_tags("3.11-linux/amd64-glibc-2.36"))
    assert same.tag_ranks == target.tag_ranks
    assert same.interpreter_tags == target.interpreter_tags
    assert same.platform_tags == target.platform_tags
    tags = (*all_tags("3.12-linux/amd64-glibc-2.40")[::40], *all_tags("3.11-linux/amd64-glibc-2.36")[::7])
    wheels = [f"a-1-{tag}.whl" for tag in tags]
    for one, other in itertools.pairwise(wheels):
        ranks = [(each.rank_of_wheel(one), each.rank_of_wheel(other)) for each in (target, same)]
        orders = [(a is None, b is None, a is not None and b is not None and a < b) for a, b in ranks]
        assert orders[0] == orders[1]


def test_best_tag_of_a_wheel_counts() -> None:
    target = listed(*TAGS)
    assert target.rank_of_wheel("a-1-cp311.py3-none.abi3-any.manylinux_2_28_x86_64.whl") == 1
    assert target.rank_of_wheel("a-1-py3-none-any.whl") == 2
    assert target.rank_of_wheel("a-1-cp311-cp311-manylinux_2_17_x86_64.whl") is None
    assert target.tag_ranks[Tag("cp311", "abi3", "manylinux_2_28_x86_64")] == 1


_NAMES = st.sampled_from(["cp311-cp311", "cp311-abi3", "py3-none", "graalpy_311-none", "pp310-pypy310_pp73"])
_PLACES = st.sampled_from(["any", "linux_x86_64", "manylinux_2_28_x86_64", "macosx_10_9_universal2", "win_amd64"])


@pytest.mark.slow
@given(st.lists(st.tuples(_NAMES, _PLACES), unique=True, min_size=1).map(lambda pairs: tuple(map("-".join, pairs))))
def test_list_reads_as_it_was_packed(tags: tuple[str, ...]) -> None:
    packed = packed_tags(tags)
    assert unpacked_tags(packed["tags"], packed["tag-platforms"]) == tags


def test_list_of_a_real_target_is_packed_into_few_words() -> None:
    tags = all_tags("3.14-linux/amd64-glibc-2.41")
    assert len(tags) > 1000
    assert len(str(packed_tags(tags))) < 3000


@pytest.mark.parametrize(
    ("packed", "platforms"),
    [
        (["py3-none 1"], ["any"]),
        (["py3-none"], ["any"]),
        (["py3-none 0"], ["any", "any"]),
        (["py3-none 0", "py3-none 0"], ["any"]),
        (["py3-none 0"], [".".join(["any"] * 2)]),
        (["py3-none 0"], ["an y"]),
        ([], ["any"]),
        ([f"cp3{number}-none 0" for number in range(200)], [".".join(f"a{number}" for number in range(100))]),
    ],
)
def test_list_that_was_never_packed_so_is_refused(packed: list[str], platforms: list[str]) -> None:
    with pytest.raises(InputError):
        unpacked_tags(packed, platforms)


_LINES = st.lists(st.one_of(st.text(max_size=12), st.sampled_from([*TAGS, "Compatible tags: 3", "# x", "\ufeff"])))


@given(st.one_of(st.binary(max_size=200), _LINES.map("\n".join).map(str.encode)))
def test_any_bytes_are_a_list_or_are_refused(content: bytes) -> None:
    try:
        tags = parse_tag_list(content, "tags.txt")
    except InputError:
        return
    assert parse_tag_list("\n".join(tags).encode(), "tags.txt") == tags
    assert unpacked_tags(*packed_tags(tags).values()) == tags


_WORD = st.one_of(st.text(max_size=8), st.sampled_from(["py3-none 0", "py3-none 1", "any", "any.win32", "a"]))
_WORDS = st.lists(_WORD)


@pytest.mark.slow
@given(_WORDS, _WORDS)
def test_list_in_a_lock_is_as_it_was_packed_or_is_refused(packed: list[str], platforms: list[str]) -> None:
    try:
        tags = unpacked_tags(packed, platforms)
    except InputError:
        return
    assert list(packed_tags(tags).values() if tags else ([], [])) == [packed, platforms]
