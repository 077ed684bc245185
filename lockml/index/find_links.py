"""Folders of wheels and source archives, listed as an index would list them (pip's ``--find-links``)."""

from lockml.common.errors import PackageIndexError
from lockml.common.settings import setting
from lockml.index.http.file_urls import list_files
from lockml.index.locations import IndexLocation
from lockml.index.model import FileEntry

__all__ = ["list_folder"]


def list_folder(location: IndexLocation) -> tuple[FileEntry, ...]:
    """Return the files of the folder *location*, a ``file:`` address; raises PackageIndexError."""
    try:
        files = list_files(location.url)
    except OSError as error:
        given = setting("find-links" if location.is_find_links else "index-url")
        problem = f"cannot be read as a folder of wheels ({error.strerror})"
        raise PackageIndexError(location.name or location.url, problem, hint=f"check the {given}") from error
    named = location.name.rstrip("/") if location.is_find_links else None
    return tuple(
        FileEntry(
            filename=file.name, url=file.url, hashes={}, size=file.size, local=f"{named}/{file.name}" if named else None
        )
        for file in files
    )
