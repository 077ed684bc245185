"""Hash layers as they are streamed, and read them again if an inventory needs content that was not kept.

A layer that is read again is decompressed to an unnamed file in the temporary folder. Nothing is unpacked, and it
must be the same as before.
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

ANOTHER: Final = "its content does not match its digest"
_CHUNK: Final = 1 << 18
_MAX_COPY: Final = 1 << 36  # bytes of a layer in the temporary folder
Source = Callable[[], AbstractContextManager[ByteSource]]
"""A function that opens a stored layer from its start."""


class Reader:
    """A source as a stream."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source

    def read(self, size: int, /) -> bytes:
        """Return the next *size* bytes, fewer only at the end."""
        return self._source.read(size)


class HashedLayer(Struct):
    """A layer that was read: the *digest* and the *size* of its stored form, *diff_id* of its decompressed form."""

    tree: LayerTree
    digest: str
    diff_id: str
    size: int


class _Hashed:
    """A stream that a separate thread hashes as it is read."""

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
        """Read the rest, and return the digest of everything."""
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
    """A reader of files in layers that were streams, by layer number, for `LayerTree.again`."""

    def __init__(self) -> None:
        self._sources: dict[int, tuple[Source, str]] = {}
        self._trees: dict[int, LayerTree] = {}
        self._files = ExitStack()
        weakref.finalize(self, self._files.close)  # trees hold this while they are read

    def add(self, number: int, source: Source, diff_id: str) -> None:
        """Register *source* for the layer with that *number*, whose decompressed digest is *diff_id*."""
        self._sources[number] = (source, diff_id)

    def __call__(self, number: int, path: str) -> Node | None:
        """Return the file at *path* with its content, None if the layer cannot be read again.

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
            file = self._files.enter_context(tempfile.TemporaryFile(prefix="lockml-"))  # noqa: SIM115 - the stack closes it
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
            raise UnreadableError("archive", "it changed since it was first read")
        return read_layer(FileSource(file.fileno(), 0, file.tell()), passing=Passing())
