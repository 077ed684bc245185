"""Keep what an inventory may need from files in a stream: contents and digests."""

import queue
import threading
from typing import Final

from lockml.common.progress import Progress, Step, silent
from lockml.inventory.file_tree import UnreadableError
from lockml.inventory.reading import bytes_wanted, digest_algorithms
from lockml.subjects.oci.nodes import Node
from lockml.subjects.oci.tar import ByteSource
from lockml.subjects.tree.hashing import Digest, new_digest

__all__ = ["Passing"]

_CHUNK: Final = 1 << 18
_MAX_KEPT: Final = 96 << 20  # bytes of all contents kept for one subject

_Step = tuple[tuple[Digest, ...], bytes]


class Passing:
    """A capture of contents by `wanted.kept_bytes` and, if *hashed*, digests of all files by a separate thread.

    *progress* receives the bytes read of a layer; `number` and `of` say which one.
    """

    def __init__(self, *, hashed: bool = False, progress: Progress = silent) -> None:
        self.hashed = hashed
        self.reported = progress is not silent
        self.number, self.of = 0, 0
        self._progress = progress
        self._captured = 0
        self._steps: queue.Queue[_Step | None] | None = None
        self._thread: threading.Thread | None = None
        self._unfinished: list[tuple[Node, dict[str, Digest]]] = []

    def take(self, node: Node, path: str, source: ByteSource) -> None:
        """Read the content of the file *node* at *path* from *source*, as far as any of it is needed."""
        wanted = min(bytes_wanted(path), node.size)
        if not self.hashed and not wanted:
            return
        if node.size <= _CHUNK:
            content = _exactly(source, node.size, path)
            self._keep(node, content[:wanted], path)
            if self.hashed:
                node.digests = {name: _digest(name, content) for name in digest_algorithms(path)}
            return
        captured = _exactly(source, wanted, path)
        self._keep(node, captured, path)
        if self.hashed:
            self._hash(node, path, captured, source)

    def tell(self, position: int) -> None:
        """Return how many bytes of the layer were read, and which layer it is."""
        doing = "Reading layer" if self.number else "Reading files"
        self._progress(Step(doing=doing, done=self.number, total=self.of or None, read=position))

    def finish(self) -> None:
        """Wait until every digest is computed."""
        if self._steps is not None and self._thread is not None:
            self._steps.put(None)
            self._thread.join()
            self._steps = None
        for node, digests in self._unfinished:
            node.digests = {name: digest.digest() for name, digest in digests.items()}
        self._unfinished.clear()

    def _keep(self, node: Node, content: bytes, path: str) -> None:
        self._captured += len(content)
        if self._captured > _MAX_KEPT:
            raise UnreadableError(path, f"the files that describe what is installed have more than {_MAX_KEPT} bytes")
        if content or not node.size:
            node.content = content

    def _hash(self, node: Node, path: str, head: bytes, source: ByteSource) -> None:
        digests = {name: new_digest(name) for name in digest_algorithms(path)}
        steps = self._started()
        every = tuple(digests.values())
        self._unfinished.append((node, digests))
        if head:
            steps.put((every, head))
        left = node.size - len(head)
        while left:
            chunk = _exactly(source, min(left, _CHUNK), path)
            steps.put((every, chunk))
            left -= len(chunk)

    def _started(self) -> "queue.Queue[_Step | None]":
        if self._steps is None:
            self._steps = queue.Queue(maxsize=16)
            self._thread = threading.Thread(target=_work, args=(self._steps,), daemon=True)
            self._thread.start()
        return self._steps


def _work(steps: "queue.Queue[_Step | None]") -> None:
    while (step := steps.get()) is not None:
        for digest in step[0]:
            digest.update(step[1])


def _digest(algorithm: str, content: bytes) -> bytes:
    digest = new_digest(algorithm)
    digest.update(content)
    return digest.digest()


def _exactly(source: ByteSource, size: int, path: str) -> bytes:
    content = source.read(size)
    if len(content) != size:
        raise UnreadableError(path, "its archive is truncated")
    return content
