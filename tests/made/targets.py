"""Targets by their words."""

from lockml.common.target import Target, parse_libc, parse_platform, parse_python

__all__ = ["make_target"]


def make_target(python: str = "3.11", platform: str = "linux/amd64", libc: str = "glibc-2.36") -> Target:
    return Target.of(parse_python(python), parse_platform(platform), libc=parse_libc(libc))
