from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest

from lockml.common.errors import EngineError
from lockml.subjects.engine.api import Engine, EngineAddress, ImageFacts, image_history
from lockml.subjects.engine.connection import Answer, Bounds, read_answer
from lockml.subjects.oci.manifests import layer_origins

HISTORY = [
    {"CreatedBy": '/bin/sh -c #(nop)  CMD ["sleep"]', "Size": 0},
    {"CreatedBy": "RUN /bin/sh -c ldconfig # buildkit", "Size": 0},
    {"CreatedBy": "WORKDIR /app", "Size": 0},
    {"CreatedBy": "/bin/sh -c #(nop)  ENV A=b", "Size": 0},
    {"CreatedBy": "/bin/sh -c #(nop) ADD file:1 in / ", "Size": 100},
]


class TellingEngine(Engine):
    """An engine that tells one history."""

    def history(self, identifier: str) -> list[object]:  # type: ignore[override]  # the entries are private
        assert identifier == "sha256:1"
        kind = Engine.history.__annotations__["return"]
        decoded: list[object] = msgspec.json.decode(msgspec.json.encode(HISTORY), type=kind)
        return decoded


def image(count: int) -> ImageFacts:
    layers = [f"sha256:{number}" for number in range(count)]
    document = {"Id": "sha256:1", "RootFS": {"Layers": layers}}
    return msgspec.json.decode(msgspec.json.encode(document), type=ImageFacts)


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (3, ("ADD file:1 in /", "WORKDIR /app", "RUN ldconfig")),
        (2, ("ADD file:1 in /", "RUN ldconfig")),
        (1, ("ADD file:1 in /",)),
    ],
)
def test_layers_are_told_with_the_steps_that_can_have_made_them(count: int, told: tuple[str, ...]) -> None:
    """An engine does not say which steps made a layer: WORKDIR makes one in some builders and none in others."""
    found = layer_origins(image_history(TellingEngine(EngineAddress()), image(count)), count)
    assert found == tuple(f"layer {number} of {count} ({step})" for number, step in enumerate(told, 1))


def test_layers_that_do_not_add_up_are_told_without_steps() -> None:
    history = image_history(TellingEngine(EngineAddress()), image(4))
    assert {each.layer for each in history} == {None}
    assert layer_origins(history, 4)[0] == "layer 1 of 4"
    assert image_history(TellingEngine(EngineAddress()), None) == ()


def test_address_comes_from_the_environment() -> None:
    docker = {"DOCKER_HOST": "tcp://a:1", "CONTAINER_HOST": "unix:///b"}
    assert EngineAddress.from_environment(docker).url == "tcp://a:1"
    assert EngineAddress.from_environment({"CONTAINER_HOST": "unix:///b"}).url == "unix:///b"


@pytest.mark.parametrize("url", ["ssh://host", "nonsense", "tcp://", "unix://[x"])
def test_address_that_cannot_be_spoken_to_is_told(url: str) -> None:
    with pytest.raises(EngineError):
        Engine(EngineAddress(url=url)).image("a")


class AnsweringEngine(Engine):
    """An engine that answers everything with one document."""

    def __init__(self, content: bytes, status: int = 200) -> None:
        super().__init__(EngineAddress())
        self._content, self._status = content, status

    @contextmanager
    def ask(self, path: str) -> Iterator[Answer]:
        assert path.startswith("/")
        head = f"HTTP/1.0 {self._status} X\r\n\r\n".encode()
        yield read_answer(Said(head + self._content), Bounds())


class Said:
    """A connection that says *content* and ends."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def settimeout(self, value: float | None, /) -> None:
        pass

    def recv(self, size: int, /) -> bytes:
        piece, self._content = self._content[:size], self._content[size:]
        return piece


@pytest.mark.parametrize("identifier", ["", "a", "../" * 21 + "x", "0" * 63, "sha256:" + "0" * 65, "0" * 64 + "\n"])
def test_identifier_that_could_be_found_in_anything_is_refused(identifier: str) -> None:
    document = {"Id": identifier, "Image": "", "State": {"Running": True, "Pid": 1}, "Config": {}}
    engine = AnsweringEngine(msgspec.json.encode(document))
    with pytest.raises(EngineError, match="identifier"):
        engine.container("x")
    with pytest.raises(EngineError, match="identifier"):
        engine.image("x")


def test_message_of_an_engine_is_escaped_and_cut() -> None:
    content = msgspec.json.encode({"message": "no\nerror: in order\x1b[32m" + "x" * 9999})
    with pytest.raises(EngineError) as told:
        AnsweringEngine(content, 500).image("x")
    assert "no\\nerror: in order\\x1b[32m" in str(told.value)
    assert len(str(told.value)) < 500
