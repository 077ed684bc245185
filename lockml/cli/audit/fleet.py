"""The options that name a fleet, and the reading of it; shared by every subcommand of ``lockml audit``."""

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
    "read_fleet",
]

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOptions:
    """Which fleet is meant, and where what was found is kept."""

    fleet: str
    store: str | None


def fleet_options(command: _F) -> _F:
    """Declare the options that name a fleet."""
    text = "Where runs are kept: sqlite:///FILE or postgresql://…"
    command = option("--store", metavar="URL", show_default="the fleet file's", help=text)(command)
    return option("--fleet", metavar="FILE", default="lockml.toml", show_default=True, help="The fleet file.")(command)


def host_options(command: _F) -> _F:
    """Declare the options of where an audit is done."""
    command = option(
        "--state-dir",
        type=click.Path(path_type=Path),
        default=_state_folder,
        show_default="~/.local/state/lockml",
        help="Where results wait while the store does not answer.",
    )(command)
    command = cache_option(command)
    return option("--host", default=host_name, show_default="its host name", help="What this machine is called.")(
        command
    )


def _state_folder() -> str:
    return str(Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "lockml")


def read_fleet(options: FleetOptions) -> Fleet:
    """Return the fleet that is meant; raises InputError, FleetError."""
    content = read_file(options.fleet, hint="`lockml audit init` writes one")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(options.fleet, "is not UTF-8") from error
    return parse_fleet(text, options.fleet, os.environ)


class FleetFile:
    """The fleet file of *options*, read anew when it changes."""

    def __init__(self, options: FleetOptions) -> None:
        self._options = options
        self._state = self._file_state()
        self._fault: InputError | None = None
        self.fleet = read_fleet(options)

    def reload(self) -> Fleet | None:
        """Return the fleet where its file has changed, None where it has not; raises InputError."""
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
    """Give the store of a fleet, or the one that is named, which must be *there*, where asked; raises InputError."""
    if options.store is not None:
        store = Store(options.store)
    else:
        meant = fleet or read_fleet(options)
        store = Store(meant.store, meant.folder)
    file = store.database.file
    if there and file is not None and not file.exists():
        raise InputError(str(file), "no such store", hint="`lockml audit run` makes it")
    try:
        yield store
    finally:
        store.close()


def host_context(host: str, cache: Path | None, state: Path, store: Store) -> HostContext:
    """Return where *host* audits for *store*: results that it cannot take wait in the folder *state*."""
    spool = state / "spool" / hashlib.sha256(store.database.name.encode()).hexdigest()[:16]
    return HostContext(host=host, cache=cache, spool=spool)


def parse_labels(texts: Sequence[str]) -> Mapping[str, str]:
    """Return labels as KEY=VALUE names them; raises InputError."""
    labels: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InputError(f"--label {text!r}", "is not KEY=VALUE")
        labels[key] = value
    return labels
