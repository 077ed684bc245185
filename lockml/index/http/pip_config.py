"""The index and certificates that pip is configured for, so that a machine set up for a mirror works unchanged.

Reads what pip reads, in its order: configuration files, then ``PIP_…`` variables; falls back to pip's own constant.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from lockml.common.display import redact
from lockml.common.errors import InputError
from lockml.common.settings import setting
from lockml.index.http.addresses import is_index_address
from lockml.index.http.file_urls import expand_home

__all__ = ["certificates", "client_certificate", "default_index_url", "public_index_url"]


def default_index_url() -> str:
    """Return the index URL of pip's configuration, else pip's default; raises InputError for a file it cannot read."""
    configured = _setting("index-url")
    if configured and not is_index_address(configured):
        hint = f"set it by `pip config set global.index-url URL`, or give {setting('index-url')}"
        raise InputError(f"pip's index-url {redact(configured)!r}", "is not the address of an index", hint=hint)
    return configured or public_index_url()


def public_index_url() -> str:
    """Return the index that pip asks where nothing is configured; raises InputError without a pip that says it."""
    try:
        from pip._internal.models.index import PyPI
    except ImportError as error:
        raise InputError("index", "none is configured", hint=f"give {setting('index-url')}") from error
    return str(PyPI.simple_url)


def certificates() -> Path | None:
    """Return the file of certificate authorities that pip is configured to trust, or None for the system's."""
    configured = _setting("cert")
    return Path(configured) if configured else None


def client_certificate() -> Path | None:
    """Return the file of the certificate and key that pip is configured to show to servers, None for none."""
    configured = _setting("client-cert")
    return Path(configured) if configured else None


def _setting(name: str) -> str | None:
    from_environment = os.environ.get(f"PIP_{name.upper().replace('-', '_')}")
    if from_environment:
        return from_environment.strip()
    found: str | None = None
    for path in filter(Path.is_file, _files()):
        import configparser  # loaded where there is something to read

        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError) as error:
            raise InputError(f"{path}{_line_of(error)}", "cannot be read as a pip configuration") from error
        for section in ("global", "install"):
            found = parser.get(section, name, fallback=found)
    return found.strip() if found else None


def _line_of(error: Exception) -> str:
    """Return ``:LINE`` of a fault, not the line itself, which may hold a login; "" if no line is known."""
    places = getattr(error, "errors", None) or [(getattr(error, "lineno", None),)]
    return f":{places[0][0]}" if isinstance(places[0][0], int) else ""


def _files() -> Iterator[Path]:
    chosen = os.environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return
    for folder in os.environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep):
        yield Path(folder) / "pip" / "pip.conf"
    yield Path("/etc/pip.conf")
    home = expand_home(os.environ.get("HOME", "~"))
    yield home / ".pip" / "pip.conf"
    yield Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    yield Path(sys.prefix) / "pip.conf"
    if chosen:
        yield Path(chosen)
