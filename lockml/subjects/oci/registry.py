"""Open an image in a registry without an engine; layers are read as they arrive.

OCI distribution specification 1.1; tokens: the Distribution project's token authentication, and OAuth 2 for identity
tokens. Everything is verified by the digest that names it. This is the only module that speaks HTTP to a registry.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec
from msgspec import Struct

from lockml import __version__
from lockml.common.display import redact
from lockml.common.errors import InputError, NotFoundError, UnreachableError
from lockml.common.progress import tell_fact
from lockml.common.settings import setting
from lockml.inventory.file_tree import UnreadableError
from lockml.inventory.model import Subject
from lockml.subjects.model import OpenedSubject, ReadOptions
from lockml.subjects.oci.credentials import Credentials, find_credentials
from lockml.subjects.oci.layer_cache import TreeStore
from lockml.subjects.oci.layers import LayerTree, stack
from lockml.subjects.oci.manifests import MAX_DOCUMENT, Image, by_index, by_manifest, is_index
from lockml.subjects.oci.parts import require_digests
from lockml.subjects.oci.reread import Reader, Reread, read_hashed
from lockml.subjects.oci.stream_capture import Passing
from lockml.subjects.oci.tar import ByteSource, StreamSource

__all__ = ["Reference", "Registry", "open_registry", "parse_reference"]

_HUB: Final = "docker.io"
_HUB_HOST: Final = "registry-1.docker.io"
_ACCEPTED: Final = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?")
_IMAGE: Final = re.compile(
    r"(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_ADDRESS: Final = re.compile(r"[0-9.]+|.*:.*")
_OWN_DOMAIN: Final = 2  # labels
_COUNTRY: Final = 2  # letters
_SHARED: Final = frozenset({"ac", "co", "com", "edu", "go", "gob", "gov", "ltd", "me", "mil", "ne", "net", "or", "org"})
_CHALLENGE: Final = re.compile(r'(\w+)="([^"]*)"')
_CHUNK: Final = 1 << 18


class Reference(Struct, frozen=True):
    """An image in a registry: *registry* is its name, *name* the repository, *version* a tag or a digest."""

    registry: str
    name: str
    version: str
    plain: bool = False

    @property
    def url(self) -> str:
        """The base URL of the repository."""
        host = _HUB_HOST if self.registry == _HUB else self.registry
        return f"{'http' if self.plain else 'https'}://{host}/v2/{self.name}"


class _Token(msgspec.Struct):
    token: str = ""
    access_token: str = ""


def parse_reference(text: str) -> Reference:
    """Return the parts of a reference as Docker reads it; ``http://`` before it means a registry without TLS.

    A registry on this machine's loopback has none. Raises InputError.
    """
    scheme, separator, rest = text.partition("://")
    plain_text = rest if separator else text
    first, slash, inside = plain_text.partition("/")
    named = bool(slash) and (bool(separator) or bool(set(first) & set(".:")) or first == "localhost")
    host, image = (first, inside) if named else (_HUB, plain_text if slash else f"library/{plain_text}")
    match = _IMAGE.fullmatch(image)
    if match is None or _HOST.fullmatch(host) is None or (separator and scheme not in ("http", "https")):
        raise InputError(
            setting("registry", repr(text)), "is not a reference", hint="write registry.example/team/image:tag"
        )
    loopback = host.partition(":")[0] == "localhost" or host.startswith("127.")
    plain = scheme == "http" if separator else loopback
    return Reference(host, match["name"], match["digest"] or match["tag"] or "latest", plain)


@contextmanager
def open_registry(
    text: str, options: ReadOptions, *, transport: httpx.BaseTransport | None = None
) -> Iterator[OpenedSubject]:
    """Yield the files of the image that *text* refers to; raises InputError, NotFoundError, UnreachableError."""
    reference = parse_reference(text)
    with Registry(reference, transport=transport) as registry:
        try:
            image, digest = registry.image(options.platforms)
            layers = (registry.layer(image, number, options) for number in range(1, len(image.layers) + 1))
            tree = stack(layers, origins=image.origins)
            tree.again = registry.reread
        except UnreadableError as error:
            raise UnreachableError(f"image {text}: {error.path}", error.reason) from error
        details = {"id": image.id, "digest": digest, **image.labelled}
        subject = Subject(
            kind="registry", name=redact(text), details=details, layers=image.diff_ids, history=image.history
        )
        yield OpenedSubject(subject=subject, tree=tree, runtime=image.runtime)


class Registry:
    """A client of one repository; close it after use."""

    def __init__(self, reference: Reference, *, transport: httpx.BaseTransport | None = None) -> None:
        self._reference = reference
        self.reread = Reread()
        self._authorization: dict[str, str] = {}
        self._credentials: Credentials | None = None
        self._client = httpx.Client(
            headers={"User-Agent": f"lockml/{__version__}"},
            timeout=httpx.Timeout(120, connect=15),
            follow_redirects=True,  # httpx sends the login to no other origin
            transport=transport,
        )

    def __enter__(self) -> "Registry":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def image(self, platforms: tuple[str, ...]) -> tuple[Image, str]:
        """Return the image for the first of *platforms* that it is built for, and the digest of the reference.

        Raises NotFoundError, UnreadableError, UnreachableError.
        """
        version = self._reference.version
        content = self._document(f"manifests/{version}")
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if version.startswith("sha256:") and version != digest:
            raise UnreadableError(version, "its content does not match its digest")
        if is_index(content):
            content, _ = by_index(content, lambda each: self._document(f"manifests/{each}"), platforms)
        return by_manifest(content, lambda each: self._document(f"blobs/{each}")), digest

    def layer(self, image: Image, number: int, options: ReadOptions) -> LayerTree:
        """Return the files of a layer, fetched unless it is cached; raises UnreadableError, UnreachableError."""
        digest, diff_id = image.layers[number - 1], image.diff_ids[number - 1]
        size = image.sizes[number - 1] or None
        store, key = TreeStore(options.cache), f"{digest}@{diff_id}"
        stored = store.get(key, hashed=options.hashed)
        if stored is not None:
            tell_fact(options.progress, f"layer {number} of {len(image.layers)}, {digest}: from the cache")
            self.reread.add(number, lambda: self._blob(digest, size), diff_id)
            return stored.numbered(number)
        with self._blob(digest, size) as source:
            passing = Passing(hashed=options.hashed, progress=options.progress)
            passing.number, passing.of = number, len(image.layers)
            found = read_hashed(Reader(source), passing, number)
        tree = require_digests(image, number, found)
        self.reread.add(number, lambda: self._blob(digest, size), found.diff_id)
        store.put(key, tree, hashed=options.hashed)
        return tree

    @contextmanager
    def _blob(self, digest: str, size: int | None) -> Iterator[ByteSource]:
        """Yield a blob as it is stored, at most *size* bytes."""
        with self._get(f"blobs/{digest}") as answer:
            try:
                yield StreamSource(_Chunks(answer.iter_raw(_CHUNK)), size)
            except httpx.HTTPError as error:
                raise self._unreachable(error) from error

    def _document(self, path: str) -> bytes:
        content = b""
        with self._get(path) as answer:
            try:
                for chunk in answer.iter_raw(_CHUNK):
                    content += chunk
                    if len(content) > MAX_DOCUMENT:
                        raise UnreadableError(path, f"it has more than {MAX_DOCUMENT} bytes")
            except httpx.HTTPError as error:
                raise self._unreachable(error) from error
        return content

    @contextmanager
    def _get(self, path: str) -> Iterator[httpx.Response]:
        url = f"{self._reference.url}/{path}"
        for attempt in range(2):
            headers = {"Accept": _ACCEPTED, "Accept-Encoding": "identity", **self._authorization}
            request = self._client.build_request("GET", url, headers=headers)
            try:
                answer = self._client.send(request, stream=True)
            except httpx.HTTPError as error:
                raise self._unreachable(error) from error
            try:
                if answer.status_code == httpx.codes.UNAUTHORIZED and not attempt:
                    self._authorize(answer.headers.get("WWW-Authenticate", ""))
                    continue
                self._require_success(answer, path)
                yield answer
                return
            finally:
                answer.close()

    def _require_success(self, answer: httpx.Response, path: str) -> None:
        image = f"image {self._reference.registry}/{self._reference.name}"
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NotFoundError(image, f"its registry has no {path}")
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            hint = f"log in: docker login {self._reference.registry}"
            raise UnreachableError(image, "its registry requires a different login, or has no such image", hint=hint)
        if answer.status_code != httpx.codes.OK:
            raise UnreachableError(image, f"its registry answers HTTP {answer.status_code}")

    def _authorize(self, challenge: str) -> None:
        """Authenticate as a refusing registry asks; raises UnreachableError."""
        self._credentials = self._credentials or find_credentials(self._reference.registry)
        kind, _, rest = challenge.partition(" ")
        asked = dict(_CHALLENGE.findall(rest))
        if kind.lower() == "basic" and self._credentials is not None:
            self._authorization = _basic(self._credentials)
        elif kind.lower() == "bearer" and asked.get("realm"):
            self._authorization = {"Authorization": f"Bearer {self._token(asked)}"}

    def _token(self, asked: Mapping[str, str]) -> str:
        realm = asked["realm"]
        if not realm.lower().startswith("https://") and not self._reference.plain:
            text = f"asks to send its login to {redact(realm)} without TLS"
            raise UnreachableError(f"registry {self._reference.registry}", text)
        login = self._credentials if _may_know_login(self._reference, realm) else None
        hint = f"log in: docker login {self._reference.registry}"
        if login is None and self._credentials is not None:
            hint = f"the login was not sent: its registry asks for it at {redact(realm)}, which is not one of its hosts"
        query = {"service": asked.get("service", ""), "scope": f"repository:{self._reference.name}:pull"}
        try:
            if login is not None and login.token:
                form = {**query, "grant_type": "refresh_token", "refresh_token": login.password, "client_id": "lockml"}
                answer = self._client.post(realm, data=form, follow_redirects=False)  # it would carry the token
            else:
                answer = self._client.get(realm, params=query, headers=_basic(login) if login is not None else {})
            if answer.status_code != httpx.codes.OK:
                text = f"refuses the login (HTTP {answer.status_code})"
                raise UnreachableError(f"registry {self._reference.registry}", text, hint=hint)
            found = msgspec.json.decode(answer.content, type=_Token)
            token = found.token or found.access_token
            token.encode("ascii")
        except (httpx.HTTPError, httpx.InvalidURL, msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise UnreachableError(f"registry {self._reference.registry}", "gives no token for reading") from error
        return token

    def _unreachable(self, error: Exception) -> UnreachableError:
        reason = redact(str(error)) or type(error).__name__
        return UnreachableError(f"registry {self._reference.registry}", f"does not answer ({reason})")


def _may_know_login(reference: Reference, realm: str) -> bool:
    """Return whether the login may be sent to *realm*, which the registry of *reference* names.

    It may be sent to the registry's origin and, with TLS, to its host or to one with the same parent domain, as
    auth.docker.io for registry-1.docker.io and gitlab.example.com for registry.example.com, never an IP address.
    """
    try:
        registry, asked = urlsplit(reference.url), urlsplit(realm)
        if (asked.scheme, asked.netloc) == (registry.scheme, registry.netloc):
            return True
        own, other = registry.hostname or "", asked.hostname or ""
    except ValueError:
        return False
    if asked.scheme != "https" or reference.plain or "@" in asked.netloc or _ADDRESS.fullmatch(other):
        return False
    return own == other or _domain(own) == _domain(other)


def _domain(host: str) -> str:
    """Return the parent domain of *host*, or *host* itself if that is shared by many owners, such as ``co.uk``."""
    above = host.split(".")[1:]
    shared = len(above) == _OWN_DOMAIN and len(above[1]) == _COUNTRY and above[0] in _SHARED
    return host if shared or len(above) < _OWN_DOMAIN else ".".join(above)


def _basic(login: Credentials) -> dict[str, str]:
    made = httpx.BasicAuth(login.user, login.password)
    return {"Authorization": next(made.auth_flow(httpx.Request("GET", "https://x"))).headers["Authorization"]}


class _Chunks:
    """Chunks as a stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def read(self, size: int, /) -> bytes:  # noqa: ARG002 - the next chunk, whatever its size
        """Return the next chunk, none at the end."""
        return next(self._chunks, b"")
