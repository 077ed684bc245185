"""``file:`` addresses of this machine: what lies there, read as an index would answer (RFC 9110)."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Final, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from lockml.common.errors import PackageIndexError
from lockml.index.http.response import Response

__all__ = ["LocalFile", "expand_home", "file_url", "list_files", "path_of_url", "read_local", "read_range"]


_HTML: Final = {"content-type": "text/html"}


class LocalFile(NamedTuple):
    """A file in a folder: its name, its ``file:`` address, its size in bytes."""

    name: str
    url: str
    size: int


def expand_home(path: str) -> Path:
    """Return *path* with a home folder in place of its ``~``, or as it is where no user of that name has one."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def file_url(path: str, folder: PurePath) -> str:
    """Return the ``file:`` address of *path* as seen from *folder*; ``~`` is the user's home."""
    return (Path(folder) / expand_home(path)).absolute().as_uri()


def path_of_url(url: str) -> Path:
    """Return the path that a ``file:`` *url* names."""
    return Path(unquote(urlsplit(url).path))


def list_files(url: str) -> tuple[LocalFile, ...]:
    """Return the files in the folder at *url*, sorted; raises OSError."""
    paths = sorted(path for path in path_of_url(url).iterdir() if path.is_file())
    return tuple(LocalFile(path.name, path.as_uri(), path.stat().st_size) for path in paths)


def read_range(url: str, start: int, stop: int) -> bytes:
    """Return the bytes from *start* to before *stop* of the file at *url*; raises OSError."""
    with path_of_url(url).open("rb") as file:
        file.seek(start)
        return file.read(stop - start)


def _folder(path: Path) -> Response:
    """Return the index.html in the folder *path*, else a page that links to its files."""
    import html  # few indexes are folders

    url = f"{path.as_uri()}/"
    try:
        page = path / "index.html"
        if page.is_file():
            return Response(status=200, url=url, headers=_HTML, body=page.read_bytes())
        links = [f'<a href="{html.escape(quote(file.name))}"></a>' for file in list_files(url)]
    except OSError as error:
        raise PackageIndexError(str(path), f"cannot be read ({error.strerror})") from error
    return Response(status=200, url=url, headers=_HTML, body="\n".join(links).encode())


def read_local(url: str, headers: Mapping[str, str]) -> Response:
    """Return the file at *url*, or the range of it that *headers* ask for; raises PackageIndexError."""
    path = path_of_url(url)
    if path.is_dir():
        return _folder(path)
    asked = re.fullmatch(r"bytes=(\d+)-(\d+)", headers.get("Range", ""))
    try:
        if asked is None:
            return Response(status=200, url=url, headers={}, body=path.read_bytes())
        body = read_range(url, int(asked[1]), int(asked[2]) + 1)
    except (FileNotFoundError, NotADirectoryError):
        return Response(status=404, url=url, headers={}, body=b"")
    except OSError as error:
        raise PackageIndexError(str(path), f"cannot be read ({error.strerror})") from error
    size = path.stat().st_size
    span = f"bytes {asked[1]}-{int(asked[1]) + len(body) - 1}/{size}"
    return Response(status=206, url=url, headers={"content-range": span}, body=body)
