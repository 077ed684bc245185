"""Which file of the context a path of the image is."""

import pytest

from tests.docker.projects import codes, project

FILES = {"reqs/base.txt": b"numpy\n", "docker/base.txt": b"numpy\n"}


@pytest.mark.parametrize(
    "lines",
    [
        "COPY requirements.in /tmp/\nRUN pip install --no-cache-dir -r /tmp/requirements.in",
        "COPY requirements.in /tmp/r.txt\nRUN pip install --no-cache-dir -r /tmp/r.txt",
        "WORKDIR /app\nCOPY requirements.in .\nRUN pip install --no-cache-dir -r requirements.in",
        "WORKDIR /app\nCOPY app.py requirements.in ./\nRUN cd / && pip install --no-cache-dir -r app/requirements.in",
        "COPY reqs /r\nRUN pip install --no-cache-dir -r /r/base.txt",
        "COPY reqs/*.txt /r/\nRUN pip install --no-cache-dir -r /r/base.txt",
        "ENV R=requirements.in\nCOPY $R /x/$R\nRUN pip install --no-cache-dir -r /x/$R",
        'COPY ["requirements.in", "/x/"]\nRUN pip install --no-cache-dir -r /x/requirements.in',
        "RUN --mount=type=bind,source=requirements.in,target=/x.txt pip install --no-cache-dir -r /x.txt",
        "RUN --mount=type=bind,target=/src pip install --no-cache-dir -r /src/reqs/base.txt",
        "WORKDIR /w\nRUN --mount=type=bind,src=requirements.in,dst=r.txt pip install --no-cache-dir -r r.txt",
        "COPY requirements.in /x/\nFROM scratch AS b\nCOPY --from=0 /x/requirements.in /y/\n"
        "RUN pip install --no-cache-dir -r /y/requirements.in",
    ],
)
def test_file_is_found_behind_copies_and_mounts(lines: str) -> None:
    assert "LK102" in codes(f"FROM a\n{lines}\n", project(more=FILES))


def test_file_of_the_stage_below_is_found() -> None:
    text = "FROM a AS b\nCOPY requirements.in /x/\nFROM b\nRUN pip install --no-cache-dir -r /x/requirements.in\n"
    assert "LK102" in codes(text, project())


@pytest.mark.parametrize(
    "lines",
    [
        "RUN pip install --no-cache-dir -r requirements.in\nCOPY requirements.in /",
        "COPY --from=image:1 requirements.in /\nRUN pip install --no-cache-dir -r requirements.in",
        "ADD https://x/requirements.in /\nRUN pip install --no-cache-dir -r requirements.in",
        "COPY missing.txt /\nRUN pip install --no-cache-dir -r missing.txt",
        "COPY requirements.in /\nRUN pip install --no-cache-dir -r $UNKNOWN",
    ],
)
def test_file_that_is_not_known_is_not_judged(lines: str) -> None:
    assert "LK102" not in codes(f"FROM a\n{lines}\n", project())
