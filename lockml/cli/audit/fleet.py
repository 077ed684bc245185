"""The options that name a fleet, and its reader, for every subcommand of ``lockml audit``."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from lockml.audit.config.model import Fleet
from lockml.audit.config.parse import parse_fleet
from lockml.audit.runs.host import FileState, HostContext, file_state, host_name
from lockml.audit.store.store import Store
from lockml.cli.common.files import read_file
from lockml.cli.common.options import cache_option, option
from lockml.common.errors import InputError

__all__ = [
    "FleetFile",
    "FleetOptions",
    "fleet_options",
    "host_context",
    "host_options",
    "open_store",
    "parse_labels",
    "processes_option",
    "read_fleet",
]

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOptions:
    """The fleet file and the store."""

    fleet: str
    store: str | None


def fleet_options(command: _F) -> _F:
    """Declare the options that name a fleet."""
    text = "The store: sqlite:///FILE or postgresql://…"
    command = option("--store", metavar="URL", show_default="the fleet file's", help=text)(command)
    return option("--fleet", metavar="FILE", default="lockml.toml", show_default=True, help="The fleet file.")(command)


def host_options(command: _F) -> _F:
    """Declare the options of the host of an audit."""
    command = option(
        "--state-dir",
        type=click.Path(path_type=Path),
        default=_state_folder,
        show_default="~/.local/state/lockml",
        help="The folder for results while the store does not respond.",
    )(command)
    command = cache_option(command)
    return option("--host", default=host_name, show_default="its host name", help="The name of this machine.")(command)


def processes_option(command: _F) -> _F:
    """Declare the option for the number of runs at once."""
    return option(
        "--processes",
        type=click.IntRange(1, 256),
        show_default="the fleet file's, cores",
        help="The number of runs at once.",
    )(command)


def _state_folder() -> str:
    return str(Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "lockml")


def read_fleet(options: FleetOptions) -> Fleet:
    """Return the fleet of *options*; raises InputError, FleetError."""
    content = read_file(options.fleet, hint="`lockml audit init` writes one")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(options.fleet, "is not UTF-8") from error
    return parse_fleet(text, options.fleet, os.environ)


class FleetFile:
    """The fleet file of *options*, read again when it changes."""

    def __init__(self, options: FleetOptions) -> None:
        self._options = options
        self._state = self._file_state()
        self._fault: InputError | None = None
        self.fleet = read_fleet(options)

    def reload(self) -> Fleet | None:
        """Return the fleet if its file has changed, else None; raises InputError."""
        state = self._file_state()
        if state == self._state:
            if self._fault is not None:
                raise self._fault
            return None
        self._state = state
        try:
            self.fleet = read_fleet(self._options)
        except InputError as error:
            self._fault = error
            raise
        self._fault = None
        return self.fleet

    def _file_state(self) -> FileState | None:
        try:
            return file_state(Path(self._options.fleet))
        except OSError:
            return None


@contextmanager
def open_store(options: FleetOptions, fleet: Fleet | None = None, *, there: bool = False) -> Iterator[Store]:
    """Yield the store of *options* or of *fleet*; with *there* it must exist. Raises InputError."""
    if options.store is not None:
        store = Store(options.store)
    else:
        meant = fleet or read_fleet(options)
        store = Store(meant.store, meant.folder)
    file = store.database.file
    if there and file is not None and not file.exists():
        raise InputError(str(file), "no such store", hint="`lockml audit run` creates it")
    try:
        yield store
    finally:
        store.close()


def host_context(host: str, cache: Path | None, state: Path, store: Store) -> HostContext:
    """Return the context of an audit on *host* for *store*, with the spool in the folder *state*."""
    spool = state / "spool" / hashlib.sha256(store.database.name.encode()).hexdigest()[:16]
    return HostContext(host=host, cache=cache, spool=spool)


def parse_labels(texts: Sequence[str]) -> Mapping[str, str]:
    """Parse labels of the form KEY=VALUE; raises InputError."""
    labels: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InputError(f"--label {text!r}", "is not KEY=VALUE")
        labels[key] = value
    return labels
