"""A folder of wheels and source archives in, its files as an index would list them out (pip's ``--find-links``)."""

from lockml.common.errors import PackageIndexError, Setting, Wording
from lockml.index.http.file_urls import path_of_url
from lockml.index.locations import IndexLocation
from lockml.index.model import FileEntry

__all__ = ["list_folder"]


def list_folder(location: IndexLocation) -> tuple[FileEntry, ...]:
    """Return the files of the folder *location*, a ``file:`` address; raises PackageIndexError."""
    folder = path_of_url(location.url)
    try:
        paths = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        problem = f"cannot be read as a folder of wheels ({error.strerror})"
        raise PackageIndexError(location.name, problem, hint=Wording("check the ", Setting("find-links"))) from error
    named = location.name.rstrip("/")
    return tuple(
        FileEntry(
            filename=path.name, url=path.as_uri(), hashes={}, size=path.stat().st_size, local=f"{named}/{path.name}"
        )
        for path in paths
    )
