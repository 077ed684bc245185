"""How this lockml was installed (PEP 610), and what pip needs to install it again."""

import json
import shlex
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from typing import Final

from msgspec import Struct

from lockml import __version__

__all__ = ["VARIABLE", "Installation", "own_installation", "parse_installation"]

VARIABLE: Final = "LOCKML"
"""The variable for where pip finds lockml, on machines that cannot use the source of this one."""

_DIRECT_URL: Final = "direct_url.json"  # PEP 610: it exists unless lockml was installed from an index
_UNSET: Final = f"set {VARIABLE} to where pip finds lockml, as git+https://HOST/OWNER/lockml@COMMIT"


class Installation(Struct, frozen=True, kw_only=True):
    """The *version* of lockml, and the *address* it was installed from, None for an index."""

    version: str
    address: str | None = None

    @property
    def portable(self) -> bool:
        """Whether another machine can install it from there."""
        return self.address is None or "file://" not in self.address

    def requirement(self, extra: str = "") -> str:
        """Return the same lockml with an *extra* as a requirement (PEP 508)."""
        name = _name(extra)
        return f"{name}=={self.version}" if self.address is None else f"{name} @ {self.address}"

    def shell_word(self, extra: str = "") -> str:
        """Return the argument of ``pip install`` for a shell on any machine; a source of this machine is a variable."""
        if self.portable:
            return shlex.quote(self.requirement(extra))
        return f'"{_name(extra)} @ ${{{VARIABLE}:?{_UNSET}}}"'


def parse_installation(version: str, direct_url: str | None) -> Installation:
    """Return how the lockml of that *version* was installed; *direct_url* is the content of direct_url.json."""
    try:
        document = json.loads(direct_url) if direct_url is not None else None
    except ValueError:
        document = None
    if not isinstance(document, Mapping) or not isinstance(document.get("url"), str):
        return Installation(version=version)
    return Installation(version=version, address=_address(document["url"], document))


def _address(url: str, document: Mapping[str, object]) -> str:
    vcs, archive = document.get("vcs_info"), document.get("archive_info")
    if isinstance(vcs, Mapping):
        url = url.replace("file:///", "file://localhost/", 1)  # PEP 508 does not allow git+file: without a host
        return f"{vcs.get('vcs', 'git')}+{url}@{vcs.get('commit_id', 'HEAD')}"
    hashes = archive.get("hashes") if isinstance(archive, Mapping) else None
    sha256 = hashes.get("sha256") if isinstance(hashes, Mapping) else None
    return f"{url}#sha256={sha256}" if sha256 and not url.startswith("file:") else url


def _name(extra: str) -> str:
    return f"lockml[{extra}]" if extra else "lockml"


def own_installation() -> Installation:
    """Return how the running lockml was installed."""
    try:
        noted = distribution("lockml").read_text(_DIRECT_URL)
    except PackageNotFoundError:
        noted = None
    return parse_installation(__version__, noted)
