import json

import pytest

from lockml.inventory.file_tree import UnreadableError
from lockml.subjects.oci.image_index import Descriptor, Platform, choose, fits
from tests.made.images import configuration, digest, oci_manifest

AMD = ("linux/amd64",)
IMAGE = oci_manifest(configuration(b""), [b""])
ARTIFACT = json.dumps(
    {"config": {"digest": "", "mediaType": "application/vnd.oci.empty.v1+json"}, "layers": []}
).encode()
SIGNATURE = json.dumps(
    {
        "config": {"digest": "", "mediaType": "application/vnd.oci.image.config.v1+json"},
        "layers": [{"digest": "", "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json"}],
    }
).encode()
DOCUMENTS = {digest(each): each for each in (IMAGE, ARTIFACT, SIGNATURE)} | {"x": IMAGE, "y": IMAGE}


@pytest.mark.parametrize(
    ("platform", "wanted", "expected"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/amd64/v1", "linux/amd64", True),
        ("linux/x86_64", "linux/amd64", True),
        ("LINUX/AMD64", "linux/amd64", True),
        ("linux/amd64/v2", "linux/amd64", False),
        ("linux/amd64x", "linux/amd64", False),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm64/v8.0", "linux/arm64", True),
        ("linux/aarch64", "linux/arm64", True),
        ("linux/arm64/v9", "linux/arm64", False),
        ("linux/arm", "linux/arm/v7", True),
        ("linux/arm/7", "linux/arm", True),
        ("linux/armhf", "linux/arm", True),
        ("linux/armel", "linux/arm", False),
        ("linux/arm/v6", "linux/arm", False),
        ("windows/amd64", "linux/amd64", False),
    ],
)
def test_platforms_are_compared_as_containerd_compares_them(platform: str, wanted: str, *, expected: bool) -> None:
    assert fits(of(platform), wanted) is expected


def of(text: str) -> Platform:
    system, machine, variant = (*text.split("/"), "")[:3]
    return Platform(os=system, architecture=machine, variant=variant)


def described(content: bytes | str, platform: str | None = None, name: str | None = None, **more: str) -> Descriptor:
    """Return what an index says of a document, or of one with that digest."""
    annotations = {"org.opencontainers.image.ref.name": name} if name is not None else {}
    return Descriptor(
        digest=content if isinstance(content, str) else digest(content),
        platform=of(platform) if platform is not None else None,
        annotations={**annotations, **more},
    )


def chosen(*manifests: Descriptor, wanted: str | None = None) -> str:
    return choose(manifests, AMD, wanted, DOCUMENTS.__getitem__).digest


def test_exact_platform_is_chosen() -> None:
    assert chosen(described("x", "linux/amd64x"), described("a", "linux/amd64")) == "a"


@pytest.mark.parametrize(
    "manifests",
    [
        (described("a", "linux/amd64"), described("b", "linux/amd64")),
        (described("a", "linux/amd64"), described("b", "linux/amd64/v1")),
        (described("a", "linux/x86_64"), described("b", "linux/amd64")),
    ],
)
def test_two_images_that_fit_are_refused(manifests: tuple[Descriptor, ...]) -> None:
    with pytest.raises(UnreadableError, match="2 of its images are for linux/amd64, and engines disagree"):
        chosen(*manifests)


def test_two_images_that_fit_by_version_or_features_of_the_system_are_refused() -> None:
    other = Descriptor(
        digest="b", platform=Platform(os="linux", architecture="amd64", os_version="5", os_features=["x"])
    )
    with pytest.raises(UnreadableError, match="engines disagree"):
        chosen(described("a", "linux/amd64"), other)


def test_one_image_that_is_listed_twice_is_one() -> None:
    assert chosen(described("a", "linux/amd64"), described("a", "linux/amd64")) == "a"


def test_several_images_want_a_name() -> None:
    with pytest.raises(UnreadableError, match=r"it has 2 images; name one: DIR:REF, with a:1, b:1"):
        chosen(described("x", None, "a:1"), described("y", None, "b:1"))
    assert chosen(described("x", None, "a:1"), described("y", None, "b:1"), wanted="b:1") == "y"


def test_name_of_containerd_is_found_by_its_short_form() -> None:
    named = described("x", None, **{"io.containerd.image.name": "docker.io/library/app:1"})
    assert chosen(named, described("y", None, "b"), wanted="app:1") == "x"


def test_name_that_two_images_have_is_refused() -> None:
    with pytest.raises(UnreadableError, match="name no platform, and engines disagree"):
        chosen(described("x", None, "a:1"), described("y", None, "a:1"), wanted="a:1")


@pytest.mark.parametrize(
    "other",
    [
        described("x", "unknown/unknown"),
        described(ARTIFACT),
        described(SIGNATURE, None, "sha256-1.sig"),
    ],
)
def test_attestations_and_referrers_are_no_images(other: Descriptor) -> None:
    assert chosen(other, described(IMAGE)) == digest(IMAGE)
    assert chosen(described(IMAGE, "linux/amd64"), other) == digest(IMAGE)
