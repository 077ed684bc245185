"""Check the values of options before anything is read or fetched.

An empty value is refused everywhere: it comes from an unset variable, and would silently mean the default.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource
from msgspec import Struct

from lockml.common.display import redact
from lockml.common.errors import InputError

__all__ = ["ValueOption", "refuse_empty_arguments", "require_index_address"]

_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_NAMES: Final = rf"(?:{_NAME}|:all:|:none:)(?:,(?:{_NAME}|:all:|:none:))*"
_REFERENCE: Final = r"[A-Za-z0-9][\w./:@+-]*"
_HOST: Final = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?"
_PYTHON: Final = re.compile(
    r"(?:pypy)?3\.[0-9]{1,2}(?:\.[0-9]{1,3})?t?"
)  # others need a parser that takes long to load
_ADDRESS_HINT: Final = "write a URL such as https://HOST/simple/ or file:///FOLDER"


class _Check(Struct, frozen=True):
    """The test of a value, the problem if it fails, and what to write instead."""

    fits: Callable[[str], bool]
    problem: str
    hint: str


def require_index_address(subject: str, text: str) -> None:
    """Raise InputError about *subject* if *text* is not the URL of an index."""
    if not _is_address(text):
        raise InputError(f"{subject} {redact(text)!r}", "is not the URL of an index", hint=_ADDRESS_HINT)


def _is_address(text: str) -> bool:
    from lockml.index.http.addresses import is_index_address  # not loaded for a check

    return is_index_address(text)


def _is_link(text: str) -> bool:
    from lockml.index.http.file_urls import expand_home  # the same

    return _is_address(text) if ":" in text.partition("/")[0] else expand_home(text).exists()


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda text: compiled.fullmatch(text) is not None


_ADDRESS: Final = _Check(_is_address, "is not the URL of an index", _ADDRESS_HINT)
_PROJECT: Final = _Check(_matches(_NAME), "is not a project name", "such as numpy")
_FILE: Final = _Check(lambda text: Path(text).is_file(), "is not a file", "name a file of certificates in PEM form")
_SELECTION: Final = _Check(_matches(_NAMES), "is not a project name", "such as numpy, :all: or :none:")
_IMAGE: Final = _Check(_matches(_REFERENCE), "is not an image name", "such as train:7 or HOST/train@sha256:…")

_CHECKS: Final[Mapping[str, _Check]] = {
    "--index-url": _ADDRESS,
    "--extra-index-url": _ADDRESS,
    "--index": _Check(
        lambda text: "=" not in text or _is_address(text.partition("=")[2]), _ADDRESS.problem, _ADDRESS_HINT
    ),
    "--find-links": _Check(_is_link, "is neither a folder nor a URL", "name an existing folder of wheels"),
    "--allow-insecure-host": _Check(_matches(_HOST), "is not HOST[:PORT]", "such as pypi.internal or 10.0.0.7:8080"),
    "--exclude": _PROJECT,
    "--accept-older": _PROJECT,
    "--deny": _Check(_matches(r"[A-Za-z0-9._*-]+"), "is not a project name", "such as numpy, or nvidia-*"),
    "--exclude-newer-except": _Check(
        _matches(r"index:\S+|:none:|[A-Za-z0-9._*,-]+"),
        "is neither a project name nor an index",
        "such as torch, nvidia-*, index:NAME or index:https://index.example/simple",
    ),
    "--no-binary": _SELECTION,
    "--only-binary": _SELECTION,
    "--cert": _FILE,
    "--client-cert": _FILE,
    "--image": _IMAGE,
    "--label": _Check(_matches("[^=]+=(?s:.*)"), "is not KEY=VALUE", "such as stage=prod"),
    "--store": _Check(
        _matches(r"(?:sqlite|postgresql(?:\+\w+)?)://(?s:.*)"),
        "is not the URL of a store",
        "write sqlite:///FILE, or postgresql://HOST/DATABASE",
    ),
    "--broker": _Check(
        _matches(r"(?:rediss?|amqps?|unix|sentinel)://(?s:.+)"),
        "is not the URL of a broker",
        "such as redis://HOST/0",
    ),
    "--uv-image": _IMAGE,
}


class ValueOption(click.Option):
    """An option that checks its values; the error names the option or variable that gave them."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """Return *value* as click reads it; raises InputError."""
        if ctx.get_parameter_source(self.name or "") is not ParameterSource.DEFAULT:
            for text in _texts(value):
                self._check(ctx, text)
        return super().type_cast_value(ctx, value)

    def _check(self, ctx: click.Context, text: str) -> None:
        given = next(name for name in self.opts if name.startswith("--"))
        check = _CHECKS.get(given)
        if ctx.get_parameter_source(self.name or "") is ParameterSource.ENVIRONMENT and isinstance(self.envvar, str):
            given = self.envvar
        if not text.strip() or "\0" in text:
            raise InputError(
                f"{given} {text!r}",
                "is empty" if "\0" not in text else "contains a NUL character",
                hint="remove it or give a value",
            )
        if given in ("--platform", "--libc") or (given == "--python" and not _PYTHON.fullmatch(text)):
            _refuse_target(given, text)
        if check is not None and not check.fits(text):
            raise InputError(f"{given} {redact(text)!r}", check.problem, hint=check.hint)


def _refuse_target(option: str, text: str) -> None:
    """Raise InputError if *text*, the value of an *option*, does not name a part of a target."""
    from lockml.common.platforms import parse_libc, parse_platform

    try:
        if option == "--python":
            from lockml.common.pythons import parse_python

            parse_python(text)
        else:
            (parse_platform if option == "--platform" else parse_libc)(text)
    except InputError as error:
        raise InputError(f"{option} {text!r}", error.problem, hint=error.hint) from error


def refuse_empty_arguments(command: click.Command, ctx: click.Context) -> None:
    """Raise InputError if an argument of *command* is empty."""
    for param in command.params:
        if isinstance(param, click.Argument) and not all(text.strip() for text in _texts(ctx.params[param.name or ""])):
            raise InputError(f"{param.human_readable_name} ''", "is empty", hint="remove it or give a value")


def _texts(value: object) -> Iterator[str]:
    values = value if isinstance(value, (tuple, list)) else (value,)
    yield from (each for each in values if isinstance(each, str))
