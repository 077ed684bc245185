import itertools
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from lockml.common.errors import InputError
from lockml.common.target import Libc, Python, Target, parse_libc, parse_platform, parse_python, parse_target
from tests.made.targets import make_target


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/amd64/v3", "linux/amd64"),
        ("linux/arm/v7", "linux/arm/v7"),
        ("linux/arm64/v7", None),
        ("macos/arm64/v8", None),
        ("linux/arm64/v8/x", None),
    ],
)
def test_platform_may_be_as_docker_prints_it(text: str, platform: str | None) -> None:
    if platform is None:
        with pytest.raises(InputError, match="not a platform that lockml knows"):
            parse_platform(text)
        return
    assert str(parse_platform(text)) == platform


def test_bare_minor_means_its_first_patch_release() -> None:
    assert parse_python("3.11") == Python(Version("3.11.0"), False)


def test_full_version_is_exact() -> None:
    assert parse_python("3.12.0rc1") == Python(Version("3.12.0rc1"), True)


@pytest.mark.parametrize("text", ["", "3", "2.7", "3.7", "3.11.x", "4.0", "3.11.0.1", "python3.11", "3.11 "])
def test_python_is_refused_when_it_names_no_cpython_from_3_8(text: str) -> None:
    with pytest.raises(InputError, match="not a Python version"):
        parse_python(text)


@pytest.mark.parametrize(
    "text", ["linux", "linux/arm/v6", "linux/ppc64", "macos/s390x", "windows/386", "freebsd/amd64", "amd64", "linux/"]
)
def test_platform_is_refused_when_unknown(text: str) -> None:
    with pytest.raises(InputError, match="not a platform"):
        parse_platform(text)


@pytest.mark.parametrize("text", ["glibc", "glibc-1.2", "musl-2.1", "glibc-2", "uclibc-1.0", "glibc-2.36-9"])
def test_libc_is_refused_when_unknown(text: str) -> None:
    with pytest.raises(InputError, match="not a C library"):
        parse_libc(text)


def test_libc_is_read_with_its_family() -> None:
    assert parse_libc("musl-1.2") == Libc(family="musl", major=1, minor=2)


@pytest.mark.parametrize(
    ("libc", "fits", "too_new"),
    [
        ("glibc-2.36", "manylinux_2_36_x86_64", "manylinux_2_37_x86_64"),
        ("glibc-2.17", "manylinux2014_x86_64", "manylinux_2_18_x86_64"),
        ("glibc-2.5", "manylinux1_x86_64", "manylinux2010_x86_64"),
        ("musl-1.2", "musllinux_1_1_x86_64", "musllinux_1_3_x86_64"),
    ],
)
def test_platform_tags_reach_up_to_the_c_library(libc: str, fits: str, too_new: str) -> None:
    """PEP 600, PEP 656."""
    ranks = make_target(libc=libc).tag_ranks
    assert Tag("cp311", "cp311", fits) in ranks
    assert Tag("cp311", "cp311", too_new) not in ranks


def test_glibc_target_takes_no_musl_wheel() -> None:
    assert not [tag for tag in make_target().tag_ranks if "musllinux" in tag.platform]


def test_tags_prefer_the_interpreter_then_abi3_then_pure_wheels() -> None:
    """PEP 425."""
    ranks = make_target().tag_ranks
    own = ranks[Tag("cp311", "cp311", "manylinux_2_17_x86_64")]
    stable = ranks[Tag("cp38", "abi3", "manylinux_2_17_x86_64")]
    assert own < stable < ranks[Tag("py3", "none", "any")]


def test_arm_target_has_no_tags_of_another_processor() -> None:
    assert not [tag for tag in make_target(platform="linux/arm64").tag_ranks if "x86_64" in tag.platform]


def test_marker_holds_for_every_patch_release_when_the_target_is_bare() -> None:
    target = make_target()
    marker = Marker(target.marker)
    assert marker.evaluate({**target.environment, "python_full_version": "3.11.9"})
    assert not marker.evaluate({**target.environment, "python_version": "3.12", "python_full_version": "3.12.0"})
    assert not marker.evaluate({**target.environment, "platform_machine": "aarch64"})


def test_marker_holds_for_one_patch_release_when_the_target_is_exact() -> None:
    target = make_target("3.11.7")
    assert Marker(target.marker).evaluate(target.environment)
    assert not Marker(target.marker).evaluate({**target.environment, "python_full_version": "3.11.8"})


@pytest.mark.parametrize(
    ("text", "shown", "fits", "marker"),
    [
        ("3.12-macos/arm64-14.0", "CPython 3.12 on macos/arm64, macOS 14.0", "macosx_14_0_arm64", "darwin"),
        ("3.12-darwin/amd64", "CPython 3.12 on macos/amd64, macOS 13.0", "macosx_10_9_x86_64", "darwin"),
        ("3.12-windows/amd64", "CPython 3.12 on windows/amd64", "win_amd64", "win32"),
        ("3.12-windows/arm64", "CPython 3.12 on windows/arm64", "win_arm64", "win32"),
        ("3.12-linux/arm64-musl-1.2", "CPython 3.12 on linux/arm64, musl-1.2", "musllinux_1_1_aarch64", "linux"),
    ],
)
def test_whole_target_is_one_text(text: str, shown: str, fits: str, marker: str) -> None:
    target = parse_target(text)
    assert str(target) == shown
    assert Tag("cp312", "cp312", fits) in target.tag_ranks
    assert target.environment["sys_platform"] == marker
    assert Marker(target.marker).evaluate(target.environment)


def test_target_may_have_a_name() -> None:
    assert parse_target("train=3.11.7-linux/amd64-glibc-2.36").name == "train"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("3.11", "names no platform"),
        ("3.11-linux/amd64", "names no C library"),
        ("2.7-linux/amd64-glibc-2.36", "'2.7' is not a Python"),
        ("3.11-windows/amd64-10", "one part too many"),
        ("3.11-macos/arm64-old", "'old' is not a version of macOS"),
        ("a b=3.11-linux/amd64-glibc-2.36", "its name may only contain"),
    ],
)
def test_whole_target_is_refused_with_the_part_that_is_wrong(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=re.escape(problem)):
        parse_target(text)


def test_newer_macos_wheels_do_not_fit() -> None:
    assert Tag("cp312", "cp312", "macosx_14_0_arm64") not in parse_target("3.12-macos/arm64").tag_ranks


def test_target_reads_as_the_command_line_wrote_it() -> None:
    assert str(make_target("3.11.7", "linux/arm64", "musl-1.2")) == "CPython 3.11.7 on linux/arm64, musl-1.2"


@pytest.mark.parametrize(
    "target",
    [
        make_target(),
        make_target(libc="glibc-2.17", platform="linux/arm64"),
        make_target("3.12", libc="musl-1.2"),
        parse_target("3.12-macos/arm64-14.0"),
        parse_target("3.10-windows/amd64"),
    ],
    ids=str,
)
def test_rank_of_a_wheel_orders_as_all_tags_written_out_do(target: Target) -> None:
    """PEP 425: the best tag of a wheel counts."""
    ranks = target.tag_ranks
    ordered = sorted(ranks, key=ranks.__getitem__)
    some = [*ordered[::17], ordered[-1]]
    found = [target.rank_of_wheel(f"pkg-1.0-{tag.interpreter}-{tag.abi}-{tag.platform}.whl") for tag in some]
    assert None not in found
    assert found == sorted(found, key=lambda rank: -1 if rank is None else rank)
    assert len(set(found)) == len(some)
    best = target.rank_of_wheel(f"pkg-1.0-{some[0].interpreter}.cp27-{some[0].abi}.none-{some[0].platform}.other.whl")
    assert best == found[0]
    assert target.rank_of_wheel("pkg-1.0-cp27-cp27mu-manylinux1_i686.whl") is None


@pytest.mark.parametrize(
    "filename", ["pkg-1.0.whl", "pkg__x-1.0-py3-none-any.whl", "pkg-1.0-b-py3-none-any.whl", "p k"]
)
def test_name_that_is_no_wheels_is_refused(filename: str) -> None:
    """PEP 427."""
    with pytest.raises(ValueError, match="is not the name of a wheel"):
        make_target().rank_of_wheel(filename)


def test_marker_is_evaluated_once_for_each_extra() -> None:
    target = make_target()
    assert target.meets("")
    assert target.meets('python_version >= "3.8"')
    assert not target.meets('extra == "gpu"')
    assert target.meets('extra == "gpu"', "gpu")


_TERMS = [
    'platform_version == "(a"',
    'platform_version != "b)"',
    'extra == "gpu"',
    'extra == "All_Plots"',
    '"gpu" == extra',
    'extra != "gpu"',
    'python_version >= "3.8"',
    'sys_platform == "win32"',
]


@pytest.mark.slow
@pytest.mark.parametrize("extra", ["", "gpu", "all-plots"])
@pytest.mark.parametrize("form", ["{}", "{} and {}", "{} or {}", "({} or {}) and {}", "({} and {}) or {}"])
def test_marker_holds_as_packaging_says(form: str, extra: str) -> None:
    target = make_target()
    for terms in itertools.product(_TERMS, repeat=form.count("{}")):
        marker = Marker(form.format(*terms))
        for text in (str(marker), form.format(*terms)):
            assert target.meets(text, extra) == marker.evaluate({**target.environment, "extra": extra}), text


_NAMES = ("gpu", "GPU", "all-plots", "All_Plots", "all.plots", "x", "1.0", "1", "")
_STRINGS = st.sampled_from(
    ["a", "", " or ", " and ", "(", ")", "'", '"', 'extra == "gpu"', "extra == 'x'", " and extra == 'x' ", "or"]
)


def quoted(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'


_EXTRA_TERMS = st.builds(
    lambda form, name: form.format(quoted(name)),
    st.sampled_from(["extra == {}", "extra=={}", "{} == extra", "extra != {}", "extra in {}", "extra  ==  {}"]),
    st.sampled_from(_NAMES),
)
_OTHER_TERMS = st.builds(
    lambda form, text: form.format(quoted(text)),
    st.sampled_from(["platform_version == {}", "platform_version != {}", "{} != platform_version"]),
    _STRINGS,
)
_MARKER_TEXTS = st.recursive(
    st.one_of(_EXTRA_TERMS, _EXTRA_TERMS, _OTHER_TERMS, st.just('python_version >= "3.8"')),
    lambda inner: st.one_of(
        st.builds("{} and {}".format, inner, inner),
        st.builds("{} or {}".format, inner, inner),
        st.builds("({})".format, inner),
    ),
    max_leaves=6,
)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(_MARKER_TEXTS, st.sampled_from(["", "gpu", "all-plots", "All_Plots", "x", "1-0", "1"]))
@example("platform_version != 'extra == \"gpu\"'", "")
def test_marker_of_chance_holds_as_packaging_says(text: str, extra: str) -> None:
    """The fast path, which parses nothing, agrees with packaging's parser; so also strings that read as markers."""
    target = make_target()
    marker = Marker(text)
    for written in (text, str(marker)):
        assert target.meets(written, extra) == Marker(written).evaluate({**target.environment, "extra": extra}), written


_TARGETS = (make_target(), make_target("3.12", "linux/arm64", "musl-1.2"), parse_target("3.12-macos/arm64-14.0"))
_INTERPRETERS = st.sampled_from(["cp311", "cp312", "cp38", "cp313", "py3", "py2", "py311", "pp39", "CP311"])
_ABIS = st.sampled_from(["cp311", "cp312", "abi3", "none", "cp311t", "cp27mu"])
_PLATFORMS = st.sampled_from(
    [
        "any",
        "manylinux1_x86_64",
        "manylinux2014_x86_64",
        "manylinux_2_17_x86_64",
        "manylinux_2_40_x86_64",
        "linux_x86_64",
        "musllinux_1_2_aarch64",
        "macosx_11_0_arm64",
        "macosx_10_9_universal2",
        "win_amd64",
    ]
)


def joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(parts, min_size=1, max_size=3).map(".".join)


_WHEELS = st.builds(
    "pkg-{}{}-{}-{}-{}.whl".format,
    st.sampled_from(["1.0", "1.0+cu121", "2!1a1"]),
    st.sampled_from(["", "", "-1", "-2b"]),
    joined(_INTERPRETERS),
    joined(_ABIS),
    joined(_PLATFORMS),
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(_WHEELS, _WHEELS, st.sampled_from(_TARGETS))
def test_ranks_of_wheels_order_them_as_their_parsed_tags_do(one: str, other: str, target: Target) -> None:
    """PEP 425, 427: the fast path splits file names and multiplies places; the slow one writes all tags out."""

    def slow(filename: str) -> int | None:
        ranks = [target.tag_ranks[tag] for tag in parse_wheel_filename(filename)[3] if tag in target.tag_ranks]
        return min(ranks, default=None)

    fast = [target.rank_of_wheel(one), target.rank_of_wheel(other)]
    expected = [slow(one), slow(other)]
    assert [rank is None for rank in fast] == [rank is None for rank in expected]
    if fast[0] is not None and fast[1] is not None and expected[0] is not None and expected[1] is not None:
        assert (fast[0] < fast[1], fast[0] == fast[1]) == (expected[0] < expected[1], expected[0] == expected[1])


_NAME_PARTS = st.sampled_from(["pkg", "p__g", "1", "1.0", "py3", "none", "any", "", "p g", "a.b", "b1"])


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(_NAME_PARTS, min_size=3, max_size=7).map(lambda parts: "-".join(parts) + ".whl"))
def test_name_that_packaging_takes_for_a_wheels_has_a_rank_or_none(filename: str) -> None:
    """Only what packaging refuses too is refused by the fast path."""
    try:
        make_target().rank_of_wheel(filename)
    except ValueError:
        with pytest.raises(InvalidWheelFilename):
            parse_wheel_filename(filename)
