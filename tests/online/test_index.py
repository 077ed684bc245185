"""The real index as the online tests ask it, here with answers that are made up."""

import io
import os
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
from packaging.pylock import Package, PackageWheel, Pylock
from packaging.utils import NormalizedName
from packaging.version import Version

from tests.online.checker import IndexFile
from tests.online.index import RealIndex

METADATA = b"Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\n"
WHEEL = PackageWheel(name="six-1.16.0-py3-none-any.whl", url="https://files.invalid/six.whl", hashes={"sha256": "0"})


def six_wheel() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr("six.py", os.urandom(300_000))
        wheel.writestr("six-1.16.0.dist-info/METADATA", METADATA)
    return file.getvalue()


def index(answer: Callable[[httpx.Request], httpx.Response]) -> RealIndex:
    return RealIndex(httpx.MockTransport(answer))


def test_page_tells_the_files_with_their_upload_times() -> None:
    page = {
        "files": [
            {
                "filename": "six-1.16.0.tar.gz",
                "url": "../../files/six.tar.gz",
                "hashes": {"sha256": "1"},
                "upload-time": "2021-05-05T14:18:18.379Z",
                "requires-python": ">=2.7",
                "yanked": "broken",
            }
        ]
    }

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Accept"] == "application/vnd.pypi.simple.v1+json"
        return httpx.Response(200, json=page)

    six = Package(name=NormalizedName("six"), version=Version("1.16.0"), index="https://index.invalid/simple")
    with index(answer) as asked:
        files = asked.files(Pylock(lock_version=Version("1.0"), created_by="a test", packages=[six]))
    assert files[six.name] == (
        IndexFile(
            filename="six-1.16.0.tar.gz",
            url="https://index.invalid/files/six.tar.gz",
            sha256="1",
            uploaded=datetime(2021, 5, 5, 14, 18, 18, 379000, tzinfo=UTC),
            requires_python=">=2.7",
            yanked=True,
        ),
    )


def test_metadata_is_that_beside_the_wheel_and_asked_once() -> None:
    asked_for = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked_for.append(str(request.url))
        return httpx.Response(200, content=METADATA)

    with index(answer) as asked:
        assert asked.metadata([WHEEL]) == asked.metadata([WHEEL]) == {WHEEL.filename: METADATA}
    assert asked_for == ["https://files.invalid/six.whl.metadata"]


@pytest.mark.parametrize("ranges", [True, False])
def test_metadata_is_read_out_of_the_wheel_where_none_is_beside_it(ranges: bool) -> None:
    content, sent = six_wheel(), 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal sent
        if request.url.path.endswith(".metadata"):
            return httpx.Response(404)
        start, stop = (int(number) for number in request.headers["Range"].removeprefix("bytes=").split("-"))
        part = content[start : stop + 1] if ranges else content
        sent += len(part)
        headers = {"Content-Range": f"bytes {start}-{stop}/{len(content)}"} if ranges else {}
        return httpx.Response(206 if ranges else 200, content=part, headers=headers)

    with index(answer) as asked:
        assert asked.metadata([WHEEL]) == {WHEEL.filename: METADATA}
    assert sent < len(content) if ranges else sent == len(content)


def test_index_that_does_not_answer_is_an_error() -> None:
    with index(lambda _: httpx.Response(503)) as asked, pytest.raises(httpx.HTTPStatusError):
        asked.metadata([WHEEL])
