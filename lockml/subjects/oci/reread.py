"""Hash layers as they pass, and read them again where an inventory asks for what was not kept of them.

A layer that is read again goes, without its compression, to a file without a name in the temporary folder. Nothing of
it is unpacked, and it must be what it was before.
"""

import hashlib
import queue
import tempfile
import threading
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Final, Self

from msgspec import Struct

from lockml.inventory.file_tree import UnreadableError
from lockml.subjects.oci.decompress import inflated
from lockml.subjects.oci.layers import LayerTree, read_layer
from lockml.subjects.oci.nodes import Node
from lockml.subjects.oci.stream_capture import Passing
from lockml.subjects.oci.tar import ByteSource, FileSource, Stream, StreamSource

__all__ = ["ANOTHER", "HashedLayer", "Reader", "Reread", "Source", "read_hashed"]

ANOTHER: Final = "its content is another than its digest says"
_CHUNK: Final = 1 << 18
_MAX_COPY: Final = 1 << 36  # bytes of a layer in the temporary folder
Source = Callable[[], AbstractContextManager[ByteSource]]
"""Gives what a layer is stored as, from its beginning."""


class Reader:
    """A source as a stream."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source

    def read(self, size: int, /) -> bytes:
        """Return the next *size* bytes, fewer only at the end."""
        return self._source.read(size)


class HashedLayer(Struct):
    """A layer that was read: the *digest* and the *size* of what it is stored as, *diff_id* without its compression."""

    tree: LayerTree
    digest: str
    diff_id: str
    size: int


class _Hashed:
    """A stream that is hashed as it passes, by a thread of its own."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self._steps: queue.Queue[bytes] = queue.Queue(maxsize=8)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.size = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._steps.put(b"")
        self._thread.join()

    def read(self, size: int, /) -> bytes:
        """Return at most *size* bytes, none at the end."""
        chunk = self._stream.read(size)
        if chunk:
            self.size += len(chunk)
            self._steps.put(chunk)
        return chunk

    def finish(self) -> str:
        """Read what is left, and return the digest of all."""
        while self.read(_CHUNK):
            pass
        self.__exit__()
        return f"sha256:{self._digest.hexdigest()}"

    def _work(self) -> None:
        while chunk := self._steps.get():
            self._digest.update(chunk)


def read_hashed(stream: Stream, passing: Passing, layer: int = 0) -> HashedLayer:
    """Read the layer in *stream*, compressed or not, to its end; raises UnreadableError."""
    with _Hashed(stream) as stored:
        source = StreamSource(stored)
        plain = inflated(source)
        if plain is source:
            tree = read_layer(source, passing=passing, layer=layer)
            digest = diff_id = stored.finish()
        else:
            with _Hashed(Reader(plain)) as unpacked:
                tree = read_layer(StreamSource(unpacked), passing=passing, layer=layer)
                diff_id = unpacked.finish()
            digest = stored.finish()
        return HashedLayer(tree, digest, diff_id, stored.size)


class Reread:
    """Finds files of layers that were streams, each layer by its number; it is what `LayerTree.again` calls."""

    def __init__(self) -> None:
        self._sources: dict[int, tuple[Source, str]] = {}
        self._trees: dict[int, LayerTree] = {}
        self._files = ExitStack()
        weakref.finalize(self, self._files.close)  # trees hold this for as long as they are read

    def add(self, number: int, source: Source, diff_id: str) -> None:
        """Let *source* give the layer of that *number*, whose digest without compression is *diff_id*."""
        self._sources[number] = (source, diff_id)

    def __call__(self, number: int, path: str) -> Node | None:
        """Return the file at *path* with its content, None where the layer cannot be read again.

        Raises UnreadableError.
        """
        if number not in self._trees:
            if number not in self._sources:
                return None
            self._trees[number] = self._read(*self._sources[number])
        return self._trees[number].node(path)

    def _read(self, source: Source, diff_id: str) -> LayerTree:
        digest = hashlib.sha256()
        try:
            file = self._files.enter_context(tempfile.TemporaryFile(prefix="lockml-"))  # noqa: SIM115 - it is
            with source() as stored:
                plain = inflated(stored)
                while chunk := plain.read(_CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
                    if file.tell() > _MAX_COPY:
                        raise UnreadableError("archive", f"a layer of it has more than {_MAX_COPY} bytes")
            file.flush()
        except OSError as error:
            raise UnreadableError("archive", f"it cannot be read again ({error.strerror or error})") from error
        if f"sha256:{digest.hexdigest()}" != diff_id:
            raise UnreadableError("archive", "it is another than when it was read first")
        return read_layer(FileSource(file.fileno(), 0, file.tell()), passing=Passing())
