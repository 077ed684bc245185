import pytest

from lockml.cli.dockerfile.base_reference import (
    FoundImage,
    Lookup,
    default_base,
    pinned_reference,
    repository_digest,
)
from lockml.common.errors import EngineError, InputError
from lockml.lock.model import BaseImage
from tests.made.targets import make_target

ONE, TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
LAYERS = ("sha256:aa", "sha256:bb")
LOCKED = BaseImage(reference="python:3.11-slim", layers=LAYERS)


def having(digest: str | None, *layers: str) -> Lookup:
    return lambda _: FoundImage(source="the place", digest=digest, layers=layers or LAYERS)


def silent(_: str) -> FoundImage:
    raise EngineError("container engine at unix:///x", "does not answer")


@pytest.mark.parametrize(
    ("named", "digest"),
    [("python:3.11-slim", ONE), ("image:python:3.11-slim", ONE), ("registry:python:3.11-slim", TWO)],
)
def test_digest_is_that_of_the_first_place_that_is_asked(named: str, digest: str) -> None:
    lookups = {"image": having(ONE), "registry": having(TWO)}
    assert pinned_reference(named, None, lookups) == f"python:3.11-slim@{digest}"


@pytest.mark.parametrize("engine", [silent, having(None), having("sha256:short"), having(ONE, "sha256:other")])
def test_registry_is_asked_where_the_engine_has_no_such_image(engine: Lookup) -> None:
    lookups = {"image": engine, "registry": having(TWO, *LAYERS, "sha256:cc")}
    assert pinned_reference("python:3.11-slim", LOCKED, lookups) == f"python:3.11-slim@{TWO}"


def test_tag_is_taken_with_a_warning_where_nobody_has_a_digest(capsys: pytest.CaptureFixture[str]) -> None:
    assert pinned_reference("python:3.11-slim", None, {"image": silent}) == "python:3.11-slim"
    told = capsys.readouterr().err
    assert "has a tag, which may move, instead of a digest: container engine at unix:///x: does not answer" in told
    assert "--offline contacts no registry" in told


def test_image_that_was_not_locked_for_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert pinned_reference("python:3.11-slim", LOCKED, {"image": having(ONE, "sha256:xx")}) == "python:3.11-slim"
    assert "the place has another image than that of the lock" in capsys.readouterr().err


def test_reference_with_a_digest_asks_nobody() -> None:
    assert pinned_reference(f"python@{ONE}", None, {}) == f"python@{ONE}"


@pytest.mark.parametrize("named", ["", "a b", "https://registry.example/a", "python:3 AS x\nRUN y", "-x", "$BASE"])
def test_what_from_would_not_take_is_refused(named: str) -> None:
    with pytest.raises(InputError, match="is not a reference for FROM"):
        pinned_reference(named, None, {"image": having(ONE)})


def test_digest_is_that_of_the_same_repository() -> None:
    digests = [f"registry.example/python@{TWO}", "<none>@<none>", f"docker.io/library/python@{ONE}"]
    assert repository_digest("python:3.11", digests) == ONE
    assert repository_digest("registry.example/python:3.11", digests) == TWO
    assert repository_digest("registry.example/other", digests) is None


@pytest.mark.parametrize(
    ("libc", "base"),
    [
        ("glibc-2.17", "python:3.11-slim-bookworm"),
        ("glibc-2.36", "python:3.11-slim-bookworm"),
        ("glibc-2.39", "python:3.11-slim-trixie"),
        ("musl-1.2", "python:3.11-alpine"),
    ],
)
def test_base_is_the_oldest_kept_one_that_the_target_runs_on(libc: str, base: str) -> None:
    assert default_base(make_target(libc=libc)) == base


def test_base_of_a_newer_c_library_must_be_named() -> None:
    with pytest.raises(InputError, match="newer C library") as caught:
        default_base(make_target(libc="glibc-2.99"))
    assert "--base-image" in str(caught.value.hint)


@pytest.mark.parametrize("python", ["3.14t", "pypy3.10"])
def test_python_without_an_official_image_needs_one_to_be_named(python: str) -> None:
    with pytest.raises(InputError, match=f"{python}: has no official Python image"):
        default_base(make_target(python))
