"""Read the documents of an image: its layers, and how its process starts.

OCI image specification (index, manifest, configuration) and Docker's image specification 1.2 (manifest.json of
``docker save``), whose configurations are alike.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

import msgspec
from msgspec import Struct, field

from lockml.common.display import redact
from lockml.inventory.file_tree import UnreadableError
from lockml.inventory.model import LOCK_LABEL, HistoryStep, Runtime
from lockml.subjects.oci.image_index import Descriptor, Fetch, choose, fits, is_image, names_of
from lockml.subjects.process_env import variables

__all__ = [
    "MAX_DOCUMENT",
    "Image",
    "Process",
    "by_index",
    "by_manifest",
    "by_saved_manifest",
    "configurations",
    "digests_in",
    "fetched",
    "is_index",
    "label_details",
    "layer_of",
    "layer_origins",
    "numbered_history",
    "runtime_of",
]

MAX_DOCUMENT: Final = 8 << 20
_MAX_NESTED: Final = 4
_MAX_LAYERS: Final = 512
_SHOWN: Final = 100  # characters shown of the step that made a layer
_HEX: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_ANOTHER: Final = "its content does not match its digest"
_LAYER: Final = re.compile(r"layer ([0-9]{1,9}) of [0-9]+(?: \(|$)")
_T = TypeVar("_T")


class _Index(msgspec.Struct):
    manifests: list[Descriptor] | None = None


class _Manifest(msgspec.Struct):
    config: Descriptor
    layers: list[Descriptor] = []


class _Saved(msgspec.Struct, rename="pascal"):
    config: str
    layers: list[str]
    repo_tags: list[str] | None = None


class _Step(msgspec.Struct):
    created_by: str | None = None
    empty_layer: bool = False


class Process(msgspec.Struct, rename="pascal"):
    """How a process starts, from the configuration of an image or a container; *image* is the container's image."""

    env: list[str] | None = None
    working_dir: str | None = None
    user: str | None = None
    image: str = ""
    entrypoint: list[str] | str | None = None
    cmd: list[str] | str | None = None
    labels: dict[str, str | None] | None = None

    @property
    def command(self) -> tuple[str, ...]:
        """The command; a text is a shell command, as in old images."""
        parts = (self.entrypoint or (), self.cmd or ())
        words = (("/bin/sh", "-c", part) if isinstance(part, str) else part for part in parts)
        return tuple(word for part in words for word in part)


class _RootFs(msgspec.Struct):
    diff_ids: list[str] = []


class _Configuration(msgspec.Struct):
    config: Process | None = None
    history: list[_Step] | None = None
    rootfs: _RootFs = msgspec.field(default_factory=_RootFs)


class Image(Struct, frozen=True, kw_only=True):
    """An image: its *layers* by the names of their archives, lowest first, and what made each of them.

    *id* is the digest of its configuration, *diff_ids* are those of its uncompressed layers, *sizes* the stored bytes
    of the layers, 0 if unknown. *digests* are those that led to it, its own last. *labelled* is what
    `label_details` returns.
    """

    id: str
    layers: tuple[str, ...]
    history: tuple[HistoryStep, ...]
    diff_ids: tuple[str, ...]
    runtime: Runtime
    labelled: Mapping[str, str] = field(default_factory=dict)
    sizes: tuple[int, ...] = ()
    digests: tuple[str, ...] = ()

    @property
    def origins(self) -> tuple[str, ...]:
        """A phrase for each layer."""
        return layer_origins(self.history, len(self.layers))


def by_saved_manifest(content: bytes, fetch: Fetch, wanted: str | None = None) -> Image:
    """Return the image that a manifest.json of ``docker save`` names, or of several the one with the tag *wanted*.

    *fetch* returns documents by name. Raises UnreadableError.
    """
    saved = _decoded(content, list[_Saved], "manifest.json")
    named = [each for each in saved if wanted is None or wanted in (each.repo_tags or ())]
    if len(named) != 1:
        tags = ", ".join(tag for each in saved for tag in each.repo_tags or ("an image without a name",))
        problem = f"it has {len(saved)} images; name one: FILE:REF, with {tags}" if saved else "it has no image"
        raise UnreadableError("manifest.json", problem)
    content = fetch(named[0].config)
    stated = _HEX.search(named[0].config)
    if stated is not None and stated[0] != hashlib.sha256(content).hexdigest():
        raise UnreadableError(named[0].config, _ANOTHER)
    image = _image(content, named[0].layers)
    return msgspec.structs.replace(image, digests=(image.id,))


def by_index(
    content: bytes, fetch: Fetch, platforms: Sequence[str], wanted: str | None = None
) -> tuple[bytes, tuple[str, ...]]:
    """Return the manifest of the image for the first of *platforms* (``linux/amd64``) that an OCI index leads to.

    *wanted* is the name or the digest of one of several; *fetch* returns manifests by digest. The result includes the
    digests that led to it. Raises UnreadableError.
    """
    digests: tuple[str, ...] = ()
    for _ in range(_MAX_NESTED):
        chosen = choose(_decoded(content, _Index, "index.json").manifests or [], platforms, wanted, fetch)
        content = fetched(fetch, chosen)
        digests = (*digests, chosen.digest)
        if not is_index(content):
            return content, digests
        wanted = None
    raise UnreadableError("index.json", f"indexes nested deeper than {_MAX_NESTED}")


def by_manifest(content: bytes, fetch: Fetch, digests: tuple[str, ...] = ()) -> Image:
    """Return the image of an OCI or Docker manifest; *fetch* returns its configuration. Raises UnreadableError."""
    manifest = _decoded(content, _Manifest, "manifest")
    image = _image(fetched(fetch, manifest.config), [layer.digest for layer in manifest.layers])
    sizes = tuple(layer.size for layer in manifest.layers)
    return msgspec.structs.replace(image, sizes=sizes, digests=(*digests, image.id))


def configurations(
    content: bytes, fetch: Fetch, platforms: Sequence[str] | None, wanted: str | None, depth: int = 0
) -> Iterator[str]:
    """Yield the configuration digests of all images in an index that match *wanted* and *platforms*.

    None means any platform; missing images are then skipped, as ``docker save`` omits some.
    """
    manifests = [each for each in _decoded(content, _Index, "index.json").manifests or [] if is_image(each)]
    called = [each for each in manifests if wanted is None or wanted in names_of(each)]
    for each in called or manifests:
        if (
            each.platform is not None
            and platforms is not None
            and not any(fits(each.platform, one) for one in platforms)
        ):
            continue
        try:
            inner = fetched(fetch, each)
        except UnreadableError:
            if platforms is not None:
                raise
            continue
        if not is_index(inner):
            yield _decoded(inner, _Manifest, "manifest").config.digest
        elif depth < _MAX_NESTED:
            yield from configurations(inner, fetch, platforms, None, depth + 1)


def digests_in(content: bytes) -> tuple[str, ...]:
    """Return the digests that an index lists; raises UnreadableError."""
    return tuple(each.digest for each in _decoded(content, _Index, "index.json").manifests or ())


def is_index(content: bytes) -> bool:
    """Return whether a document names manifests rather than layers."""
    try:
        return "manifests" in msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False


def fetched(fetch: Fetch, part: Descriptor) -> bytes:
    """Return the document that *part* describes; raises UnreadableError if it does not match."""
    content = fetch(part.digest)
    algorithm, _, stated = part.digest.partition(":")
    if algorithm != "sha256" or hashlib.sha256(content).hexdigest() != stated or part.size not in (0, len(content)):
        raise UnreadableError(part.digest, _ANOTHER)
    return content


def _image(content: bytes, layers: Sequence[str]) -> Image:
    configuration = _decoded(content, _Configuration, "image configuration")
    if len(layers) > _MAX_LAYERS:
        raise UnreadableError("manifest", f"it names {len(layers)} layers")
    if len(configuration.rootfs.diff_ids) != len(layers):
        problem = f"it has {len(layers)} layers, but its configuration names {len(configuration.rootfs.diff_ids)}"
        raise UnreadableError("manifest", problem)
    steps = [step.created_by or "" for step in configuration.history or ()]
    return Image(
        id=f"sha256:{hashlib.sha256(content).hexdigest()}",
        layers=tuple(layers),
        history=numbered_history(steps, [not step.empty_layer for step in configuration.history or ()], len(layers)),
        diff_ids=tuple(configuration.rootfs.diff_ids),
        runtime=runtime_of(configuration.config),
        labelled=label_details(configuration.config),
    )


def runtime_of(process: Process | None) -> Runtime:
    """Return how an image or a container starts according to its configuration."""
    process = process or Process()
    return Runtime(
        environment=variables(process.env),
        working_folder=process.working_dir or "/",
        user=process.user or "",
        command=process.command,
    )


def label_details(process: Process | None) -> dict[str, str]:
    """Return the subject detail for the label `LOCK_LABEL`, {} if there is none."""
    text = ((process.labels if process is not None else None) or {}).get(LOCK_LABEL)
    return {LOCK_LABEL: text[:_SHOWN]} if text else {}


def numbered_history(steps: Sequence[str], layered: Sequence[bool], count: int) -> tuple[HistoryStep, ...]:
    """Return *steps* with their layer numbers: those *layered* have one, if there are *count* of them."""
    even = sum(layered) == count
    found: list[HistoryStep] = []
    number = 0
    for step, has_layer in zip(steps, layered, strict=True):
        number += has_layer
        found.append(HistoryStep(step, number if has_layer and even else None))
    return tuple(found)


def layer_origins(history: Iterable[HistoryStep], count: int) -> tuple[str, ...]:
    """Return a phrase for each of *count* layers: its number and the Dockerfile step that made it."""
    steps = {each.layer: _shown(each.created_by) for each in history}
    phrases = ((f"layer {number} of {count}", steps.get(number)) for number in range(1, count + 1))
    return tuple(f"{phrase} ({step})" if step else phrase for phrase, step in phrases)


def layer_of(origin: str) -> int | None:
    """Return the layer number in a phrase of `layer_origins`, None for any other origin."""
    match = _LAYER.match(origin)
    return int(match[1]) if match is not None else None


def _shown(step: str) -> str:
    """Return a step as written in a Dockerfile, without logins and build argument values, as it is written to locks."""
    text = re.sub(r"\s+", " ", step.removesuffix("# buildkit")).strip()
    if "#(nop)" in text:
        text = text.partition("#(nop)")[2].strip()
    else:
        text = re.sub(r"^(?:RUN )?(?:\|\d+ .*? )?/bin/(?:ba)?sh (?:-\w+ )*-c ", "RUN ", text)
        text = re.sub(r"^(?:RUN )?\|\d+ .*", "RUN …", text)  # only a known shell shows where they end
    text = redact(text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _decoded(content: bytes, kind: type[_T], name: str) -> _T:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableError(name, f"it is missing or damaged ({error})") from error
