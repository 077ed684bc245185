"""Parse a direct reference: the URL, path or repository of a distribution.

Direct references: PEP 440 and 508; ``#egg=``, ``#subdirectory=`` and ``#sha256=`` are pip's and PEP 610's.
"""

import posixpath
import re
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

from msgspec import Struct
from packaging.requirements import Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from lockml.common.display import redact

__all__ = [
    "LONGEST_REQUIREMENT",
    "ArchiveReference",
    "BadReferenceError",
    "FolderReference",
    "Reference",
    "RepositoryReference",
    "as_path",
    "encode_url",
    "is_reference",
    "name_of_reference",
    "parse_pep508",
    "parse_reference",
]

_ARCHIVES: Final = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar")
_REPOSITORY: Final = re.compile(r"^(git|hg|svn|bzr)\+")
_URL: Final = re.compile(r"^(?:https?|file)://|^file:", re.IGNORECASE)
_PATH: Final = re.compile(r"^(?:\.{1,2}(?:[/\\]|$)|[/\\~]|[A-Za-z]:[/\\])")
_SCP: Final = re.compile(r"^(?P<user>[^@/:]+@[^/:]+):(?P<path>[^/].*)$")  # git@host:owner/repository
_NOT_IN_URL: Final = re.compile(r"[^!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+|%(?![0-9A-Fa-f]{2})")
_HASHES: Final = ("sha256", "sha384", "sha512")
_WEAK: Final = ("sha224", "sha1", "md5")  # pip checks them, but does not accept them for --require-hashes


LONGEST_REQUIREMENT: Final = 1 << 16
"""How many characters a requirement may have: packaging takes time that grows with the square of them."""


def parse_pep508(text: str) -> Requirement:
    """Return the requirement that *text* is (PEP 508); raises ValueError for what is none, is too long or too deep."""
    if len(text) > LONGEST_REQUIREMENT:
        raise ValueError(f"it has {len(text)} characters, which is more than {LONGEST_REQUIREMENT}")
    try:
        return Requirement(text)
    except RecursionError as error:
        raise ValueError("its marker has too many brackets within each other") from error


class BadReferenceError(ValueError):
    """A direct reference that cannot be understood; the text says why, as a phrase.

    Internal: never reaches the user; reading a requirement turns it into a RequirementError.
    """


class ArchiveReference(Struct, frozen=True, kw_only=True):
    """A wheel or a source archive: *location* is an http URL without fragment, or a path (POSIX).

    *hashes* are ``sha256:…`` of the fragment, *weak_hashes* its ``md5:…``, *subdirectory* is where the project is in a
    source archive.
    """

    location: str
    hashes: frozenset[str] = frozenset()
    weak_hashes: frozenset[str] = frozenset()
    subdirectory: str | None = None

    @property
    def source_key(self) -> tuple[str, ...]:
        """What two references to the same thing have in common."""
        return (redact(self.location), self.subdirectory or "")

    @property
    def local(self) -> bool:
        """Whether it is a path."""
        return not self.location.startswith(("http://", "https://"))

    @property
    def filename(self) -> str:
        """The last part of the address or path."""
        path = self.location if self.local else unquote(urlsplit(self.location).path)
        return posixpath.basename(path)

    def __str__(self) -> str:
        address = as_path(self.location) if self.local else redact(self.location)
        return address + (f"#subdirectory={self.subdirectory}" if self.subdirectory else "")


class FolderReference(Struct, frozen=True, kw_only=True):
    """A source tree on this machine; *editable* uses its files in place (PEP 660)."""

    path: str
    editable: bool = False

    @property
    def source_key(self) -> tuple[str, ...]:
        """What two references to the same thing have in common."""
        return (self.path,)

    def __str__(self) -> str:
        return as_path(self.path)


class RepositoryReference(Struct, frozen=True, kw_only=True):
    """A git repository: *url* in git's form, *revision* a branch, tag or commit, None for its default branch."""

    url: str
    revision: str | None = None
    subdirectory: str | None = None
    editable: bool = False

    @property
    def source_key(self) -> tuple[str, ...]:
        """What two references to the same thing have in common."""
        return (redact(self.url).removesuffix(".git"), self.revision or "", self.subdirectory or "")

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return f"git+{redact(self.url)}{revision}" + (f"#subdirectory={self.subdirectory}" if self.subdirectory else "")


Reference = ArchiveReference | FolderReference | RepositoryReference


def as_path(path: str) -> str:
    """Return *path* in a form that is recognised as a path: ``./lib``."""
    return path if path.startswith((".", "/", "~")) else f"./{path}"


def encode_url(url: str) -> str:
    """Return *url* with everything percent-encoded that RFC 3986 does not allow, such as spaces and ``${NAME}``."""
    return _NOT_IN_URL.sub(lambda match: quote(match[0], safe=""), url)


def is_reference(text: str) -> bool:
    """Return whether *text* begins like a URL, a repository or a path, or is the name of an archive."""
    first = text.split(None, 1)[0] if text.strip() else ""
    bare = first.partition("[")[0].partition("#")[0]
    return bool(
        _REPOSITORY.match(first)
        or _URL.match(first)
        or _PATH.match(bare)
        or ("/" in bare and not re.search(r"[<>=!;@]", bare))
        or (bare.endswith(_ARCHIVES) and not re.search(r"[<>=!~;@]", bare))
    )


def parse_reference(text: str, *, editable: bool = False) -> Reference:
    """Return the reference that *text* is, without extras and marker; raises BadReferenceError."""
    address, _, fragment = text.partition("#")
    values = dict(parse_qsl(fragment, keep_blank_values=True))
    subdirectory = values.get("subdirectory") or None
    if subdirectory is not None and (subdirectory.startswith("/") or ".." in subdirectory.split("/")):
        raise BadReferenceError(f"its subdirectory {subdirectory!r} leads outside it")
    repository = _REPOSITORY.match(address)
    if repository:
        if repository[1] != "git":
            raise BadReferenceError(f"{repository[1]} repositories are not supported, only git")
        return _repository(address.removeprefix("git+"), subdirectory, editable=editable)
    if address.startswith(("http://", "https://")):
        if editable:
            raise BadReferenceError("an archive cannot be editable; name a folder or a repository")
        return _archive(address, values, subdirectory)
    path = _path(address)
    if path.lower().endswith(_ARCHIVES):
        if editable:
            raise BadReferenceError("an archive cannot be editable; name a folder or a repository")
        return _archive(path, values, subdirectory)
    return FolderReference(path=posixpath.join(path, subdirectory) if subdirectory else path, editable=editable)


def name_of_reference(text: str) -> tuple[NormalizedName | None, tuple[str, ...]]:
    """Return the project that the URL *text* names by its file name or ``#egg=``, and the extras of the latter."""
    address, _, fragment = text.partition("#")
    egg = dict(parse_qsl(fragment)).get("egg", "")
    match = re.fullmatch(r"([A-Za-z0-9][\w.-]*?)(?:\[([^]]*)\])?(?:-\d[\w.]*)?", egg)
    if match:
        extras = tuple(extra.strip() for extra in (match[2] or "").split(",") if extra.strip())
        return canonicalize_name(match[1]), extras
    filename = posixpath.basename(unquote(urlsplit(address).path if "://" in address else address))
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)[0], ()
        return (parse_sdist_filename(filename)[0] if filename.endswith((".tar.gz", ".zip")) else None), ()
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None, ()


def _archive(location: str, values: dict[str, str], subdirectory: str | None) -> ArchiveReference:
    strong, weak = (
        frozenset(f"{kind}:{values[kind].lower()}" for kind in kinds if values.get(kind)) for kinds in (_HASHES, _WEAK)
    )
    return ArchiveReference(location=location, hashes=strong, weak_hashes=weak, subdirectory=subdirectory)


def _repository(address: str, subdirectory: str | None, *, editable: bool) -> RepositoryReference:
    scp = _SCP.match(address)
    if scp and "://" not in address:
        address = f"ssh://{scp['user']}/{scp['path']}"
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise BadReferenceError(f"it is not an address ({error})") from error
    if parts.scheme not in ("https", "http", "ssh", "git", "file"):
        raise BadReferenceError(f"git over {parts.scheme or 'nothing'!r} is not supported")
    path, at, revision = parts.path.rpartition("@")
    path, revision = (path, revision) if at else (revision, "")
    if revision.startswith("-"):
        raise BadReferenceError(f"{revision!r} is not a revision")
    return RepositoryReference(
        url=urlunsplit(parts._replace(path=path)),
        revision=unquote(revision) or None,
        subdirectory=subdirectory,
        editable=editable,
    )


def _path(address: str) -> str:
    if address.startswith("file:"):
        rest = address.removeprefix("file:")
        if rest.startswith("//"):
            host, slash, path = rest.removeprefix("//").partition("/")
            if host not in ("", "localhost"):
                raise BadReferenceError(f"a file address cannot name the host {host!r}")
            rest = slash + path
        return unquote(rest) or "."
    return posixpath.normpath(address.replace("\\", "/")) if address else "."
