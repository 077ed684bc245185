"""The tags of each target, held against those that packaging and pip make."""

import itertools
import sysconfig
from collections.abc import Iterator

import pytest
from packaging import _manylinux, _musllinux, tags
from packaging.tags import Tag

from lockml.common.target import Target, parse_target

MACHINES = {
    "linux/amd64": "x86_64",
    "linux/arm64": "aarch64",
    "linux/386": "i686",
    "linux/arm/v7": "armv7l",
    "linux/ppc64le": "ppc64le",
    "linux/s390x": "s390x",
    "linux/riscv64": "riscv64",
}
# What packaging 26.3 said when Debian's pypy3 7.3.11 (Python 3.9) ran it, without the platforms.
PYPY_39 = (
    "pp39-pypy39_pp73 pp39-none py39-none py3-none py38-none py37-none py36-none py35-none py34-none py33-none "
    "py32-none py31-none py30-none pp3-none-any py39-none-any py3-none-any py38-none-any py37-none-any py36-none-any "
    "py35-none-any py34-none-any py33-none-any py32-none-any py31-none-any py30-none-any"
)


def platforms(machine: str, libc: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what packaging says on that *machine* with that C library, ``glibc-2.36``."""
    family, _, version = libc.partition("-")
    major, minor = map(int, version.split("."))
    monkeypatch.setattr(sysconfig, "get_platform", lambda: f"linux-{machine}")
    monkeypatch.setattr(_manylinux, "_get_glibc_version", lambda: (major, minor) if family == "glibc" else (-1, -1))
    monkeypatch.setattr(_manylinux, "_have_compatible_abi", lambda *_: True)
    found = _musllinux._MuslVersion(major, minor) if family == "musl" else None
    monkeypatch.setattr(_musllinux, "_get_musl_version", lambda _: found)
    return list(tags._linux_platforms(is_32bit=False))


def said_by_packaging(python: str, machine: list[str]) -> Iterator[Tag]:
    """Yield what `packaging.tags.sys_tags` yields on such a Python."""
    version = (3, int(python.removeprefix("pypy").rstrip("t").partition(".")[2]))
    short = f"3{version[1]}"
    if python.startswith("pypy"):
        yield from tags.generic_tags(f"pp{short}", [f"pypy{short}_pp73"], machine)
        yield from tags.compatible_tags(version, "pp3", machine)
    else:
        abi = f"cp{short}{'t' if python.endswith('t') else ''}"
        yield from tags.cpython_tags(version, [abi], machine)
        yield from tags.compatible_tags(version, f"cp{short}", machine)


@pytest.mark.parametrize("libc", ["glibc-2.17", "glibc-2.36", "glibc-2.43", "musl-1.2"])
@pytest.mark.parametrize(("platform", "machine"), MACHINES.items())
@pytest.mark.parametrize("python", ["3.11", "3.13t", "3.14t", "pypy3.10"])
def test_tags_are_those_of_packaging_in_its_order(
    python: str, platform: str, machine: str, libc: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PEP 425, 600, 656."""
    expected = list(dict.fromkeys(said_by_packaging(python, platforms(machine, libc, monkeypatch))))
    found = parse_target(f"{python}-{platform}-{libc}").tag_ranks
    assert sorted(found, key=found.__getitem__) == expected


def test_tags_of_pypy_are_those_that_a_pypy_said() -> None:
    ranks = parse_target("pypy3.9-linux/amd64-glibc-2.36").tag_ranks
    named = (
        f"{tag.interpreter}-{tag.abi}" + ("-any" if tag.platform == "any" else "")
        for tag in sorted(ranks, key=ranks.__getitem__)
    )
    assert " ".join(dict.fromkeys(named)) == PYPY_39


def test_free_threaded_build_takes_no_wheel_of_the_stable_abi_of_the_other() -> None:
    """PEP 703 and 803: abi3 is for builds with the GIL, abi3t for those without."""
    target = parse_target("3.14t-linux/amd64-glibc-2.36")
    fits = ("cp314-cp314t", "cp314-abi3t", "cp314-none", "py3-none")
    too = ("cp314-cp314", "cp314-abi3", "cp313-cp313t", "cp39-abi3")
    assert [target.rank_of_wheel(f"a-1-{each}-manylinux_2_28_x86_64.whl") is not None for each in fits] == [True] * 4
    assert [target.rank_of_wheel(f"a-1-{each}-manylinux_2_28_x86_64.whl") is not None for each in too] == [False] * 4
    assert target.rank_of_wheel("a-1-cp39-abi3.abi3t-manylinux_2_28_x86_64.whl") is not None


def test_platform_of_other_processors_does_not_fit() -> None:
    for (platform, _), (_, other) in itertools.permutations(MACHINES.items(), 2):
        target = parse_target(f"3.12-{platform}-glibc-2.36")
        assert target.rank_of_wheel(f"a-1-cp312-cp312-manylinux_2_28_{other}.whl") is None
        assert target.rank_of_wheel(f"a-1-cp312-cp312-linux_{other}.whl") is None


@pytest.mark.parametrize(
    ("text", "shown", "values"),
    [
        ("3.14t-linux/s390x-glibc-2.39", "CPython 3.14t on linux/s390x, glibc-2.39", ("cpython", "CPython", "3.14.0")),
        (
            "3.14.2t-linux/arm/v7-musl-1.2",
            "CPython 3.14.2t on linux/arm/v7, musl-1.2",
            ("cpython", "CPython", "3.14.2"),
        ),
        ("pypy3.10-linux/amd64-glibc-2.36", "PyPy 3.10 on linux/amd64, glibc-2.36", ("pypy", "PyPy", "7.3.19")),
        ("pypy3.9.16-linux/386-glibc-2.36", "PyPy 3.9.16 on linux/386, glibc-2.36", ("pypy", "PyPy", "7.3.16")),
    ],
)
def test_markers_are_those_of_the_interpreter(text: str, shown: str, values: tuple[str, str, str]) -> None:
    """PEP 508; a free-threaded CPython has the values of any other."""
    target: Target = parse_target(text)
    environment = target.environment
    keys = ("implementation_name", "platform_python_implementation", "implementation_version")
    assert tuple(environment[key] for key in keys) == values
    assert environment["platform_machine"] == MACHINES[str(target.platform)]
    assert environment["python_full_version"] == str(target.python)
    assert str(target) == shown
    assert parse_target(f"{target.python_text}-{target.platform}-{target.floor_text}") == target
