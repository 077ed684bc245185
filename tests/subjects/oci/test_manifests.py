import json
from collections.abc import Callable, Mapping

import pytest

from lockml.inventory.file_tree import UnreadableError
from lockml.inventory.model import HistoryStep
from lockml.subjects.oci.manifests import (
    Process,
    by_index,
    by_manifest,
    by_saved_manifest,
    label_details,
    layer_of,
    layer_origins,
    numbered_history,
)
from tests.made.images import configuration
from tests.made.oci import CONFIG, digest, index, manifest

ONE_LAYER = configuration(b"")


def of(*documents: bytes) -> Callable[[str], bytes]:
    held: Mapping[str, bytes] = {digest(each): each for each in documents}
    return held.__getitem__


AMD, ARM = manifest(), manifest(CONFIG + b" ")


def test_manifest_tells_layers_runtime_and_what_made_them() -> None:
    image = by_manifest(manifest(), of(CONFIG))
    assert (image.id, image.layers, image.diff_ids) == (
        digest(CONFIG),
        ("sha256:aa", "sha256:bb"),
        ("sha256:1", "sha256:2"),
    )
    assert image.origins == ("layer 1 of 2 (ADD file:1 in /)", "layer 2 of 2 (RUN pip install numpy)")
    assert image.runtime.environment == {"PATH": "/opt/venv/bin", "A": "b=c"}
    assert (image.runtime.working_folder, image.runtime.user) == ("/app", "worker")


def test_steps_that_do_not_add_up_are_left_out() -> None:
    history = numbered_history(["RUN a", "ENV A=b"], [True, False], 2)
    assert history == (HistoryStep("RUN a", None), HistoryStep("ENV A=b", None))
    assert layer_origins(history, 2) == ("layer 1 of 2", "layer 2 of 2")


def test_layer_of_an_origin_is_its_number() -> None:
    history = numbered_history(["ADD a", "CMD b", "RUN echo 'layer 7 of 9 (x)'"], [True, False, True], 2)
    assert [layer_of(each) for each in layer_origins(history, 2)] == [1, 2]
    assert [layer_of(each) for each in ("changed after the start", "RUN layer 1 of 2", "layer 1 of 2x")] == [None] * 3


@pytest.mark.parametrize(
    ("platforms", "chosen"),
    [(("linux/amd64",), AMD), (("linux/arm64",), ARM), (("windows/amd64", "linux/arm64"), ARM)],
)
def test_index_gives_the_image_of_the_first_platform_that_it_has(platforms: tuple[str, ...], chosen: bytes) -> None:
    content = index((AMD, "linux/amd64", None), (ARM, "linux/arm64/v8", None), (b"{}", "unknown/unknown", None))
    assert by_index(content, of(AMD, ARM), platforms) == (chosen, (digest(chosen),))


def test_index_with_names_gives_the_one_that_was_named() -> None:
    content = index((AMD, None, "a:1"), (ARM, None, "a:2"))
    assert by_index(content, of(AMD, ARM), ("linux/amd64",), "a:2")[0] == ARM
    with pytest.raises(UnreadableError, match=r"it has no image 'a:3': it has a:1, a:2"):
        by_index(content, of(AMD, ARM), ("linux/amd64",), "a:3")


def test_index_leads_through_others() -> None:
    inner = index((AMD, "linux/amd64", None))
    found = by_index(index((inner, None, None)), of(AMD, inner), ("linux/amd64",))
    assert found == (AMD, (digest(inner), digest(AMD)))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (index((AMD, "linux/s390x", None)), r"it has no image for linux/amd64: it has linux/s390x"),
        (index(), "it has nothing"),
        (b"[]", "missing or damaged"),
        (b"{", "missing or damaged"),
    ],
)
def test_index_without_the_image_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(UnreadableError, match=problem):
        by_index(content, of(AMD), ("linux/amd64",))


def test_document_that_is_not_what_its_digest_says_is_refused() -> None:
    with pytest.raises(UnreadableError, match="does not match its digest"):
        by_manifest(manifest(), lambda _: CONFIG + b" ")
    with pytest.raises(UnreadableError, match="does not match its digest"):
        by_index(index((AMD, "linux/amd64", None)), lambda _: ARM, ("linux/amd64",))


def test_saved_archive_with_several_images_wants_a_name() -> None:
    saved = [{"Config": "c.json", "RepoTags": [tag], "Layers": ["a/layer.tar"]} for tag in ("a:1", "b:1")]
    content = json.dumps(saved).encode()
    assert by_saved_manifest(content, lambda _: ONE_LAYER, "b:1").layers == ("a/layer.tar",)
    with pytest.raises(UnreadableError, match="it has 2 images; name one: FILE:REF, with a:1, b:1"):
        by_saved_manifest(content, lambda _: CONFIG)


@pytest.mark.parametrize(
    ("labels", "details"),
    [
        (b'{"lockml.lock": "sha256:1", "other": null}', {"lockml.lock": "sha256:1"}),
        (b'{"other": "x"}', {}),
        (b'{"lockml.lock": ""}', {}),
        (b"null", {}),
    ],
)
def test_label_of_the_lock_is_a_detail_of_the_image(labels: bytes, details: dict[str, str]) -> None:
    configuration = b'{"config": {"Labels": ' + labels + b'}, "rootfs": {"diff_ids": ["sha256:1", "sha256:2"]}}'
    assert by_manifest(manifest(configuration), of(configuration)).labelled == details


def test_label_that_is_longer_than_any_digest_is_cut() -> None:
    assert label_details(Process(labels={"lockml.lock": "x" * 1000})) == {"lockml.lock": "x" * 100}


@pytest.mark.parametrize(
    ("step", "shown"),
    [
        (
            "RUN /bin/sh -c pip install --index-url https://me:s3cret@h.example/simple torch",
            "--index-url https://h.example",
        ),
        ("|1 TOKEN=s3cret /bin/sh -c pip install torch", "RUN pip install torch"),
        ("RUN |1 TOKEN=s3cret /usr/bin/env bash -c pip install torch # buildkit", "RUN …"),
        (f"RUN /bin/sh -c pip install {'x' * 60} https://me:{'s3cret' * 90}@h.example/simple", "RUN pip install"),
    ],
)
def test_layer_tells_no_login_and_no_build_argument(step: str, shown: str) -> None:
    (told,) = layer_origins([HistoryStep(step, 1)], 1)
    assert "s3cret" not in told
    assert shown in told
