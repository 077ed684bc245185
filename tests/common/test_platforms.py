import pytest

from lockml.common.errors import InputError
from lockml.common.platforms import parse_libc, parse_platform, platform_of_machine


@pytest.mark.parametrize(
    ("text", "platform", "machine"),
    [
        ("linux/ppc64le", "linux/ppc64le", "ppc64le"),
        ("linux/s390x", "linux/s390x", "s390x"),
        ("linux/riscv64", "linux/riscv64", "riscv64"),
        ("linux/arm/v7", "linux/arm/v7", "armv7l"),
        ("linux/arm", "linux/arm/v7", "armv7l"),
        ("linux/armv7l", "linux/arm/v7", "armv7l"),
        ("linux/386", "linux/386", "i686"),
        ("linux/i686", "linux/386", "i686"),
        ("linux/aarch64", "linux/arm64", "aarch64"),
    ],
)
def test_platform_may_be_named_as_engines_and_as_uname_do(text: str, platform: str, machine: str) -> None:
    found = parse_platform(text)
    assert (str(found), found.machine) == (platform, machine)
    assert platform_of_machine(machine) == platform


def test_machine_that_is_not_known_has_no_platform() -> None:
    assert platform_of_machine("mips64") is None
    assert platform_of_machine(None) is None


@pytest.mark.parametrize("text", ["glibc-2.17", "glibc-2.43", "glibc-2.99", "musl-1.0", "musl-1.2"])
def test_every_c_library_that_wheels_are_for_is_one(text: str) -> None:
    assert str(parse_libc(text)) == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [("glibc-2.100", "not a C lib"), ("glibc-2.4", "older than any"), ("musl-1.3\u0661", "not")],
)
def test_c_library_beyond_those_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        parse_libc(text)
