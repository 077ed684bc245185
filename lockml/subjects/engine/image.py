"""Open an image of an engine: the folders of its layers if they are on this machine, else a stream."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from lockml.common.errors import UnreachableError
from lockml.common.progress import tell_fact
from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.model import Subject
from lockml.subjects.engine.api import Engine, ImageFacts, image_history
from lockml.subjects.engine.layer_folders import own_folders
from lockml.subjects.model import ImageFiles, OpenedSubject, ReadOptions
from lockml.subjects.oci.manifests import label_details, layer_origins, runtime_of
from lockml.subjects.tree.overlay import OverlayTree, layers_of, sees_marks

if TYPE_CHECKING:
    from lockml.subjects.oci.layers import LayerTree
    from lockml.subjects.oci.nodes import Node
    from lockml.subjects.oci.tar import ByteSource

__all__ = ["open_image", "streamed_image"]


@contextmanager
def open_image(engine: Engine, reference: str, options: ReadOptions) -> Iterator[OpenedSubject]:
    """Yield the files of the image *reference*; raises NotFoundError, UnreachableError."""
    facts = engine.image(reference)
    with ExitStack() as stack:
        history = image_history(engine, facts)
        tree, read_by = _files(engine, facts, layer_origins(history, len(facts.layers)), (options, stack))
        details = {"id": facts.id, "read-by": read_by, **label_details(facts.config)}
        subject = Subject(kind="image", name=reference, details=details, layers=facts.layers, history=history)
        image = None
        if isinstance(tree, OverlayTree) and facts.graph_driver is not None and sees_marks():
            image = ImageFiles(id=facts.id, folders=facts.graph_driver.layers, files=tree)
        yield OpenedSubject(subject=subject, tree=tree, runtime=runtime_of(facts.config), image=image)


def _files(
    engine: Engine, facts: ImageFacts, texts: Sequence[str], reading: tuple[ReadOptions, ExitStack]
) -> tuple[FileTree, str]:
    options, stack = reading
    folders = own_folders(engine, facts.graph_driver.layers if facts.graph_driver is not None else ())
    if folders:
        try:
            layers = layers_of(None, folders, texts)
            return stack.enter_context(OverlayTree(layers)), "layers"
        except OSError:
            pass  # on another machine, or another user's: the engine sends a stream
    return streamed_image(engine, facts, options), "stream"


def streamed_image(engine: Engine, facts: ImageFacts, options: ReadOptions) -> "LayerTree":
    """Return the files of an image as the engine sends them, cached after the first time; raises UnreachableError."""
    from lockml.subjects.oci.layer_cache import TreeStore

    store = TreeStore(options.cache)
    stored = store.get(facts.id, hashed=options.hashed)
    if stored is not None:
        tell_fact(options.progress, f"files of image {facts.id}: from the cache")
        stored.origins = layer_origins(image_history(engine, facts), len(facts.layers))
        stored.again = _Again(engine, facts, options)
        return stored
    try:
        tree = _streamed(engine, facts, options)
    except UnreadableError as error:
        raise UnreachableError(f"image {facts.id}: {error.path}", error.reason) from error
    store.put(facts.id, tree, hashed=options.hashed)
    return tree


def _streamed(engine: Engine, facts: ImageFacts, options: ReadOptions) -> "LayerTree":
    """Return the files of an image as the engine sends them now; raises UnreadableError."""
    from lockml.subjects.oci.archive import read_stream
    from lockml.subjects.oci.tar import StreamSource

    @contextmanager
    def reopen() -> Iterator["ByteSource"]:
        with engine.saved_image(facts.id) as stream:
            yield StreamSource(stream)

    with reopen() as source:
        tree, image = read_stream(source, options, reopen)
    if facts.id.removeprefix("sha256:") not in (each.removeprefix("sha256:") for each in image.digests):
        raise UnreadableError("manifest.json", f"the engine sends another image, {image.id}")
    return tree


class _Again:
    """A reader of files of a cached image that was a stream: the engine sends it once more."""

    def __init__(self, engine: Engine, facts: ImageFacts, options: ReadOptions) -> None:
        self._asked = (engine, facts, options)
        self._tree: LayerTree | None = None

    def __call__(self, number: int, path: str) -> "Node | None":
        """Return the file at *path* of the layer with that *number*, with its content; raises UnreadableError."""
        if self._tree is None:
            self._tree = _streamed(*self._asked)
        return self._tree.again(number, path) if self._tree.again is not None else None
