"""Query the API of a container engine, Docker or Podman, for containers and images by name.

Docker Engine API, "Containers" and "Images"; only GET requests are sent, so the engine's state never changes.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from lockml.common.display import escape
from lockml.common.errors import EngineError, LockmlError, NotFoundError
from lockml.inventory.model import HistoryStep
from lockml.subjects.engine.connection import Answer, request
from lockml.subjects.oci.manifests import Process, numbered_history

__all__ = [
    "ContainerFacts",
    "Engine",
    "EngineAddress",
    "ImageFacts",
    "ListedContainer",
    "MountFacts",
    "VolumeFacts",
    "image_history",
]

_DEFAULT_URL: Final = "unix:///var/run/docker.sock"
_PODMAN_SOCKETS: Final = ("/run/podman/podman.sock", "/run/user/{uid}/podman/podman.sock")
_OK: Final = 200
_METADATA: Final = re.compile(
    r"^(?:/bin/sh -c #\(nop\)\s+)?"
    r"(?:ENV|CMD|ENTRYPOINT|LABEL|EXPOSE|USER|ARG|VOLUME|STOPSIGNAL|HEALTHCHECK|SHELL|ONBUILD|MAINTAINER)\b"
)
_NOT_FOUND: Final = 404
_MAX_MESSAGE: Final = 1 << 16
_SHOWN: Final = 300  # characters of an engine's error message
_IDENTIFIER: Final = re.compile(r"(?:sha256:)?[0-9a-f]{64}")
_T = TypeVar("_T")


class EngineAddress(Struct, frozen=True, kw_only=True):
    """The address where an engine listens: ``unix:///var/run/docker.sock`` or ``tcp://host:2376``.

    *certificates* is the folder with ca.pem, cert.pem and key.pem for TLS, None without TLS.
    """

    url: str = _DEFAULT_URL
    certificates: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "EngineAddress":
        """Return the address from DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, as Docker's client reads them.

        Without DOCKER_HOST, it is that of CONTAINER_HOST, Podman's variable, then Docker's socket, then Podman's.
        """
        certificates = environment.get("DOCKER_CERT_PATH") or str(Path.home() / ".docker")
        return cls(
            url=environment.get("DOCKER_HOST") or environment.get("CONTAINER_HOST") or _usual_url(),
            certificates=certificates if environment.get("DOCKER_TLS_VERIFY") else None,
        )

    @property
    def client(self) -> str:
        """The client program that a person runs."""
        return "podman" if "podman" in self.url else "docker"

    @property
    def local(self) -> bool:
        """Whether the engine's processes may be this machine's."""
        return self.url.startswith("unix://")


def _usual_url() -> str:
    """Return Docker's address, or Podman's if only that has a socket."""
    if not Path(_DEFAULT_URL.removeprefix("unix://")).exists():
        for socket_file in _PODMAN_SOCKETS:
            place = socket_file.format(uid=os.getuid())
            if Path(place).exists():
                return f"unix://{place}"
    return _DEFAULT_URL


class _State(msgspec.Struct, rename="pascal"):
    running: bool
    pid: int
    status: str = ""


class MountFacts(msgspec.Struct, rename="pascal"):
    """An entry of a container's ``Mounts``: the mount point and, for a volume, its *name* and *driver*.

    *source* is a path on the engine's machine, "" for a tmpfs; *mode* are the options of ``--tmpfs``.
    """

    destination: str
    source: str = ""
    type: str = ""
    name: str = ""
    driver: str = ""
    mode: str = ""


class VolumeFacts(msgspec.Struct, rename="pascal"):
    """What ``GET /volumes/NAME`` answers, as far as lockml needs it."""

    driver: str = ""
    options: dict[str, str] | None = None


class _HostConfig(msgspec.Struct, rename="pascal"):
    tmpfs: dict[str, str] | None = None


class _Component(msgspec.Struct, rename="pascal"):
    name: str = ""


class _Version(msgspec.Struct, rename="pascal"):
    components: list[_Component] | None = None


class _Information(msgspec.Struct, rename="pascal"):
    docker_root_dir: str = ""


class _LayerFolders(msgspec.Struct, rename="pascal"):
    lower_dir: str = ""
    upper_dir: str = ""
    merged_dir: str = ""


class _GraphDriver(msgspec.Struct, rename="pascal"):
    name: str = ""
    data: _LayerFolders | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """The folders of the layers on the engine's machine, topmost first, () if it has none."""
        if self.name not in ("overlay", "overlay2") or self.data is None or not self.data.upper_dir:
            return ()
        return (self.data.upper_dir, *filter(None, self.data.lower_dir.split(":")))

    @property
    def merged(self) -> str:
        """The folder where the engine shows the files of a running container, "" if it does not say."""
        return self.data.merged_dir if self.data is not None else ""


class _RootFs(msgspec.Struct, rename="pascal"):
    layers: list[str] = []


class ContainerFacts(msgspec.Struct, rename="pascal"):
    """What ``GET /containers/NAME/json`` answers, as far as lockml needs it."""

    id: str
    image: str
    state: _State
    config: Process
    graph_driver: _GraphDriver | None = None
    mounts: list[MountFacts] | None = None
    host_config: _HostConfig | None = None

    @property
    def all_mounts(self) -> tuple[MountFacts, ...]:
        """Its mounts in the order in which an engine makes them: nested ones come later."""
        tmpfs = (self.host_config.tmpfs if self.host_config is not None else None) or {}
        more = [MountFacts(destination=at, type="tmpfs", mode=options) for at, options in tmpfs.items()]
        found = {each.destination: each for each in (*more, *(self.mounts or ()))}
        return tuple(sorted(found.values(), key=lambda each: len(PurePosixPath(each.destination).parts)))


class _ListedImage(msgspec.Struct, rename="pascal"):
    """An entry of ``GET /images/json``, as far as lockml needs it."""

    repo_tags: list[str] | None = None


class ListedContainer(msgspec.Struct, rename="pascal"):
    """An entry of ``GET /containers/json``, as far as lockml needs it."""

    id: str = ""
    names: list[str] | None = None
    image: str = ""
    state: str = ""
    labels: dict[str, str] | None = None

    @property
    def name(self) -> str:
        """Its name, else its identifier."""
        return self.names[0].lstrip("/") if self.names else self.id


class ImageFacts(msgspec.Struct, rename="pascal"):
    """What ``GET /images/REF/json`` answers, as far as lockml needs it."""

    id: str
    repo_digests: list[str] | None = None
    config: Process | None = None
    graph_driver: _GraphDriver | None = None
    root_fs: _RootFs | None = msgspec.field(default=None, name="RootFS")

    @property
    def layers(self) -> tuple[str, ...]:
        """The digests of its uncompressed layers, lowest first."""
        return tuple(self.root_fs.layers) if self.root_fs is not None else ()


class _Step(msgspec.Struct, rename="pascal"):
    """An entry of ``GET /images/REF/history``."""

    created_by: str | None = None
    size: int = 0


class Engine:
    """A client of one engine; every call opens and closes its own connection."""

    def __init__(self, address: EngineAddress) -> None:
        self.address = address

    def container(self, name: str) -> ContainerFacts:
        """Return the facts of the container *name*; raises NotFoundError, EngineError."""
        with self._get(f"/containers/{quote(name, safe='')}/json", f"container {name!r}") as answer:
            facts = self._decode(answer.read(), ContainerFacts)
        self._check_identifier(facts.id)
        return facts

    def containers(self, labels: Mapping[str, str]) -> list[ListedContainer]:
        """Return all containers with these *labels*, running or not, by name; raises EngineError."""
        asked = msgspec.json.encode({"label": [f"{name}={value}" for name, value in labels.items()]}).decode()
        with self._get(f"/containers/json?all=1&filters={quote(asked, safe='')}", "containers") as answer:
            return sorted(self._decode(answer.read(), list[ListedContainer]), key=lambda each: each.name)

    def running(self) -> list[ListedContainer]:
        """Return all containers that run, by name; raises EngineError."""
        with self._get("/containers/json", "containers") as answer:
            return sorted(self._decode(answer.read(), list[ListedContainer]), key=lambda each: each.name)

    def image_names(self) -> list[str]:
        """Return the names and tags of all named images; raises EngineError."""
        with self._get("/images/json", "images") as answer:
            listed = self._decode(answer.read(), list[_ListedImage])
        return sorted(name for each in listed for name in each.repo_tags or () if "<none>" not in name)

    def image(self, reference: str) -> ImageFacts:
        """Return the facts of the image *reference*; raises NotFoundError, EngineError."""
        with self._get(f"/images/{quote(reference, safe='/:@')}/json", f"image {reference!r}") as answer:
            facts = self._decode(answer.read(), ImageFacts)
        self._check_identifier(facts.id)
        return facts

    def volume(self, name: str) -> VolumeFacts:
        """Return the facts of the volume *name*; raises NotFoundError, EngineError."""
        with self._get(f"/volumes/{quote(name, safe='')}", f"volume {name!r}") as answer:
            return self._decode(answer.read(), VolumeFacts)

    def is_podman(self) -> bool:
        """Return whether it is Podman; raises EngineError."""
        if self.address.client == "podman":
            return True
        with self.ask("/version") as answer:
            version = self._decode(answer.read(), _Version) if answer.status == _OK else _Version()
        return any(component.name.startswith("Podman") for component in version.components or ())

    def root(self) -> str:
        """Return the engine's data folder, "" if it does not say; raises EngineError."""
        with self._get("/info", "what it is") as answer:
            return self._decode(answer.read(), _Information).docker_root_dir

    def history(self, identifier: str) -> list[_Step]:
        """Return the steps that made an image, last to first; raises NotFoundError, EngineError."""
        with self._get(f"/images/{quote(identifier, safe=':')}/history", f"image {identifier!r}") as answer:
            return self._decode(answer.read(), list[_Step])

    @contextmanager
    def exported(self, identifier: str) -> Iterator[Answer]:
        """Yield the stream that ``docker export`` writes, without mounts; raises NotFoundError, EngineError."""
        with self._get(f"/containers/{identifier}/export", f"container {identifier!r}") as answer:
            yield answer

    @contextmanager
    def container_files(self, identifier: str, path: str = "/") -> Iterator[Answer]:
        """Yield the tar stream of *path* in a container, volumes included; raises NotFoundError, EngineError.

        The names in it begin with the last part of *path*.
        """
        asked = quote(path.encode("utf-8", "surrogateescape"), safe="/")
        with self._get(f"/containers/{identifier}/archive?path={asked}", f"container {identifier!r}") as answer:
            yield answer

    @contextmanager
    def saved_image(self, identifier: str) -> Iterator[Answer]:
        """Yield the stream that ``docker save`` writes; raises NotFoundError, EngineError."""
        with self._get(f"/images/{quote(identifier, safe=':')}/get", f"image {identifier!r}") as answer:
            yield answer

    @contextmanager
    def ask(self, path: str) -> Iterator[Answer]:
        """Yield the answer to a GET of *path*, regardless of its status; raises EngineError, and OSError inside."""
        with request(self.address.url, self.address.certificates, path) as answer:
            yield answer

    def _check_identifier(self, identifier: str) -> None:
        """Refuse an invalid identifier: an empty one would match anything."""
        if not _IDENTIFIER.fullmatch(identifier):
            subject = f"container engine at {self.address.url}"
            raise EngineError(subject, f"gave an unknown answer (the identifier {identifier[:_SHOWN]!r})")

    def _decode(self, content: bytes, kind: type[_T]) -> _T:
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise EngineError(f"container engine at {self.address.url}", f"gave an unknown answer ({error})") from error

    @contextmanager
    def _get(self, path: str, wanted: str) -> Iterator[Answer]:
        subject = f"container engine at {self.address.url}"
        try:
            with self.ask(path) as answer:
                if answer.status == _NOT_FOUND:
                    raise NotFoundError(wanted, f"the {subject} has none of that name", hint=_listing_hint(wanted))
                if answer.status != _OK:
                    raise EngineError(subject, f"refused to show {wanted}: {_message(answer)}")
                yield answer
        except OSError as error:
            raise _unreachable(subject, error) from error


def image_history(engine: Engine, image: ImageFacts | None) -> tuple[HistoryStep, ...]:
    """Return the steps that made *image*, first to last; () if the engine does not have them.

    An engine does not say which steps made a layer: steps that cannot make one are excluded, then those that changed no
    file, until there are as many as layers. If that fails, no step has a layer.
    """
    if image is None or not image.layers:
        return ()
    try:
        history = list(reversed(engine.history(image.id)))
    except LockmlError:
        return ()
    count = len(image.layers)
    steps = [step.created_by or "" for step in history]
    sized = [bool(step.size) for step in history]
    working = [text.replace("WORKDIR", "ENV") for text in steps]
    for layered in (
        [size or not _METADATA.search(text) for text, size in zip(steps, sized, strict=True)],
        [size or not _METADATA.search(text) for text, size in zip(working, sized, strict=True)],
        sized,
    ):
        if sum(layered) == count:
            return numbered_history(steps, layered, count)
    return numbered_history(steps, [False] * len(steps), count)


def _unreachable(subject: str, error: Exception) -> EngineError:
    if isinstance(error, PermissionError):
        return EngineError(subject, "this user may not use it", hint="join its group, or run lockml as root")
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if isinstance(error, OSError) and error.errno is None:  # what `connection` says about its answer
        return EngineError(subject, reason)
    return EngineError(
        subject, f"does not answer ({reason})", hint="start the engine, or set DOCKER_HOST to its address"
    )


def _listing_hint(wanted: str) -> str:
    return (
        "`docker ps -a` lists the containers" if wanted.startswith("container") else "`docker images` lists the images"
    )


def _message(answer: Answer) -> str:
    """Return the message of an error answer, shortened."""
    content = answer.read(_MAX_MESSAGE)
    try:
        said = str(msgspec.json.decode(content)["message"])
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
        said = f"HTTP {answer.status} {answer.reason}"
    return escape(said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…")
