"""References of images, as engines read them."""

import pytest

from lockml.docker.dockerfile.images import cuda_of, parse_image, python_of

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "repository", "tag", "digest"),
    [
        ("python", "docker.io/library/python", "", ""),
        ("docker.io/python:3.11", "docker.io/library/python", "3.11", ""),
        ("index.docker.io/team/app:1", "docker.io/team/app", "1", ""),
        ("registry.example:5000/team/app:1", "registry.example:5000/team/app", "1", ""),
        ("localhost/app", "localhost/app", "", ""),
        (f"python:3.11@{DIGEST}", "docker.io/library/python", "3.11", DIGEST),
        ("python@sha256:short", "docker.io/library/python", "", ""),
    ],
)
def test_reference_is_taken_apart(text: str, repository: str, tag: str, digest: str) -> None:
    image = parse_image(text)
    assert (image.repository, image.tag, image.digest) == (repository, tag, digest)


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("python:3.11-slim", "3.11"),
        ("python:3.9.18", "3.9"),
        ("python:3", None),
        ("python:slim", None),
        ("ghcr.io/astral-sh/uv:0.9-python3.12-bookworm", "3.12"),
        ("debian:12.1", None),
    ],
)
def test_python_is_that_of_the_tag(text: str, python: str | None) -> None:
    assert python_of(parse_image(text)) == python


@pytest.mark.parametrize(
    ("text", "cuda"),
    [
        ("nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04", "12.8.1"),
        ("registry.example/mirror/cuda:13.0.0-base", "13.0.0"),
        ("pytorch/pytorch:2.8.0-cuda12.8-cudnn9-runtime", "12.8"),
        ("runpod/pytorch:1.0.2-cu1281-torch280-ubuntu2404", "12.8.1"),
        ("team/base:cu130", "13.0"),
        ("nvidia/cuda:latest", ""),
        ("python:3.12.8", ""),
        ("team/base:cu12", ""),
        ("team/docu128", ""),
    ],
)
def test_cuda_is_that_of_the_tag(text: str, cuda: str) -> None:
    assert cuda_of(parse_image(text)) == cuda
