"""``file:`` addresses of this machine in, their content or a range of it out, as an index would answer (RFC 9110)."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lockml.common.errors import PackageIndexError
from lockml.index.http.response import Response

__all__ = ["path_of_url", "read_local"]


def path_of_url(url: str) -> Path:
    """Return the path that a ``file:`` *url* names."""
    return Path(unquote(urlsplit(url).path))


def read_local(url: str, headers: Mapping[str, str]) -> Response:
    """Return the file at *url*, or the range of it that *headers* ask for; raises PackageIndexError."""
    path = path_of_url(url)
    asked = re.fullmatch(r"bytes=(\d+)-(\d+)", headers.get("Range", ""))
    try:
        with path.open("rb") as file:
            if asked is None:
                return Response(status=200, url=url, headers={}, body=file.read())
            file.seek(int(asked[1]))
            body = file.read(int(asked[2]) + 1 - int(asked[1]))
    except (FileNotFoundError, NotADirectoryError):
        return Response(status=404, url=url, headers={}, body=b"")
    except OSError as error:
        raise PackageIndexError(str(path), f"cannot be read ({error.strerror})") from error
    size = path.stat().st_size
    span = f"bytes {asked[1]}-{int(asked[1]) + len(body) - 1}/{size}"
    return Response(status=206, url=url, headers={"content-range": span}, body=body)
