"""The API of a container engine, Docker's or Podman's: names in, what the engine tells of them out.

Docker Engine API, "Containers" and "Images"; nothing but GET is ever sent, so the engine's state stays as it is.
"""

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from lockml.errors import EngineError, NotFoundError

__all__ = ["ContainerFacts", "Engine", "EngineAddress", "ImageFacts"]

_DEFAULT_URL: Final = "unix:///var/run/docker.sock"
_TIMEOUT: Final = 120.0  # seconds without a byte; an engine may think long before it sends an image
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineAddress:
    """Where an engine listens: ``unix:///var/run/docker.sock`` or ``tcp://host:2376``.

    *certificates* is the folder with ca.pem, cert.pem and key.pem for TLS, None without it.
    """

    url: str = _DEFAULT_URL
    certificates: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "EngineAddress":
        """Return what DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH say, as Docker's own client reads them."""
        certificates = environment.get("DOCKER_CERT_PATH") or str(Path.home() / ".docker")
        return cls(
            url=environment.get("DOCKER_HOST") or _DEFAULT_URL,
            certificates=certificates if environment.get("DOCKER_TLS_VERIFY") else None,
        )

    @property
    def local(self) -> bool:
        """Whether the engine's processes may be this machine's."""
        return self.url.startswith("unix://")


class _State(msgspec.Struct, rename="pascal"):
    running: bool
    pid: int
    status: str = ""


class _Process(msgspec.Struct, rename="pascal"):
    env: list[str] | None = None
    working_dir: str | None = None
    image: str = ""


class ContainerFacts(msgspec.Struct, rename="pascal"):
    """What ``GET /containers/NAME/json`` tells, as far as lockml asks."""

    id: str
    image: str
    state: _State
    config: _Process


class ImageFacts(msgspec.Struct, rename="pascal"):
    """What ``GET /images/REF/json`` tells, as far as lockml asks."""

    id: str
    config: _Process | None = None


class Engine:
    """Asks one engine; every call opens and closes its own connection."""

    def __init__(self, address: EngineAddress) -> None:
        self.address = address

    def container(self, name: str) -> ContainerFacts:
        """Return the facts of the container *name*; raises NotFoundError, EngineError."""
        with self._get(f"/containers/{quote(name, safe='')}/json", f"container {name!r}") as answer:
            return self._decode(answer.read(), ContainerFacts)

    def image(self, reference: str) -> ImageFacts:
        """Return the facts of the image *reference*; raises NotFoundError, EngineError."""
        with self._get(f"/images/{quote(reference, safe='/:@')}/json", f"image {reference!r}") as answer:
            return self._decode(answer.read(), ImageFacts)

    @contextmanager
    def container_files(self, identifier: str) -> Iterator[IO[bytes]]:
        """Give the tar stream of all files of a container, volumes included; raises NotFoundError, EngineError."""
        with self._get(f"/containers/{identifier}/archive?path=/", f"container {identifier!r}") as answer:
            yield answer

    @contextmanager
    def saved_image(self, identifier: str) -> Iterator[IO[bytes]]:
        """Give the stream that ``docker save`` writes; raises NotFoundError, EngineError."""
        with self._get(f"/images/{quote(identifier, safe=':')}/get", f"image {identifier!r}") as answer:
            yield answer

    def _decode(self, content: bytes, kind: type[_T]) -> _T:
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise EngineError(f"container engine at {self.address.url}", f"gave an unknown answer ({error})") from error

    @contextmanager
    def _get(self, path: str, wanted: str) -> Iterator[http.client.HTTPResponse]:
        subject = f"container engine at {self.address.url}"
        connection = _connection(self.address)
        try:
            try:
                connection.request("GET", path, headers={"Host": "docker"})
                answer = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                raise _unreachable(subject, error) from error
            if answer.status == http.client.NOT_FOUND:
                raise NotFoundError(wanted, f"the {subject} has none of that name", hint=_known_by(wanted))
            if answer.status != http.client.OK:
                raise EngineError(subject, f"refused to show {wanted}: {_message(answer)}")
            try:
                yield answer
            except http.client.HTTPException as error:
                raise EngineError(subject, f"broke off its answer ({error})") from error
        finally:
            connection.close()


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket file."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT)
        self.sock.connect(self._path)


def _connection(address: EngineAddress) -> http.client.HTTPConnection:
    subject = f"DOCKER_HOST {address.url!r}"
    try:
        parts = urlsplit(address.url)
    except ValueError as error:
        raise EngineError(subject, f"is not an address ({error})") from error
    if parts.scheme == "unix":
        return _UnixConnection(parts.path)
    if parts.scheme not in ("tcp", "http", "https") or not parts.hostname:
        raise EngineError(
            subject,
            "not an address that lockml can speak to",
            hint="use unix:///path/to/docker.sock or tcp://host:port; for ssh, forward the socket with ssh -L",
        )
    try:
        port = parts.port
        if address.certificates is None and parts.scheme != "https":
            return http.client.HTTPConnection(parts.hostname, port or 2375, timeout=_TIMEOUT)
        return http.client.HTTPSConnection(
            parts.hostname, port or 2376, timeout=_TIMEOUT, context=_tls(address.certificates)
        )
    except (ValueError, OSError) as error:
        raise EngineError(subject, f"cannot be used ({error})", hint="see DOCKER_CERT_PATH") from error


def _tls(folder: str | None) -> ssl.SSLContext:
    if folder is None:
        return ssl.create_default_context()
    context = ssl.create_default_context(cafile=str(Path(folder, "ca.pem")))
    context.load_cert_chain(str(Path(folder, "cert.pem")), str(Path(folder, "key.pem")))
    return context


def _unreachable(subject: str, error: Exception) -> EngineError:
    if isinstance(error, PermissionError):
        return EngineError(subject, "this user may not use it", hint="join its group, or run lockml as root")
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return EngineError(
        subject, f"does not answer ({reason})", hint="start the engine, or point DOCKER_HOST to where it listens"
    )


def _known_by(wanted: str) -> str:
    return (
        "`docker ps -a` lists the containers" if wanted.startswith("container") else "`docker images` lists the images"
    )


def _message(answer: http.client.HTTPResponse) -> str:
    """Return the sentence of an error answer, in short."""
    content = answer.read(1 << 16)
    try:
        return str(msgspec.json.decode(content)["message"])
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
        return f"HTTP {answer.status} {answer.reason}"
