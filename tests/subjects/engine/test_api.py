import msgspec
import pytest

from lockml.common.errors import EngineError
from lockml.subjects.engine.api import Engine, EngineAddress, ImageFacts, layer_texts

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
    found = layer_texts(TellingEngine(EngineAddress()), image(count))
    assert found == tuple(f"layer {number} of {count} ({step})" for number, step in enumerate(told, 1))


def test_layers_that_do_not_add_up_are_told_without_steps() -> None:
    assert layer_texts(TellingEngine(EngineAddress()), image(4))[0] == "layer 1 of 4"
    assert layer_texts(TellingEngine(EngineAddress()), None) == ()


def test_address_comes_from_the_environment() -> None:
    docker = {"DOCKER_HOST": "tcp://a:1", "CONTAINER_HOST": "unix:///b"}
    assert EngineAddress.from_environment(docker).url == "tcp://a:1"
    assert EngineAddress.from_environment({"CONTAINER_HOST": "unix:///b"}).url == "unix:///b"


@pytest.mark.parametrize("url", ["ssh://host", "nonsense", "tcp://", "unix://[x"])
def test_address_that_cannot_be_spoken_to_is_told(url: str) -> None:
    with pytest.raises(EngineError):
        Engine(EngineAddress(url=url)).image("a")
