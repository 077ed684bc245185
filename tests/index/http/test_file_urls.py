"""Files of this machine by their addresses."""

from pathlib import Path

import pytest

from lockml.index.http.file_urls import LocalFile, expand_home, file_url, list_files, read_local, read_range


def test_address_is_that_of_the_path_as_the_folder_sees_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert file_url("wheels", tmp_path) == f"{tmp_path.as_uri()}/wheels"
    assert file_url("~/wheels", tmp_path / "other") == f"{tmp_path.as_uri()}/home/wheels"
    assert file_url("/srv/a b", tmp_path) == "file:///srv/a%20b"


def test_home_of_nobody_is_no_error(tmp_path: Path) -> None:
    assert expand_home("~nouser-of-lockml/x.whl") == Path("~nouser-of-lockml/x.whl")
    assert file_url("~nouser-of-lockml/x.whl", tmp_path) == f"{tmp_path.as_uri()}/~nouser-of-lockml/x.whl"


def test_folder_lists_its_files_sorted_and_no_folders(tmp_path: Path) -> None:
    for name in ("b.whl", "a.whl"):
        (tmp_path / name).write_bytes(b"1234")
    (tmp_path / "folder").mkdir()
    assert list_files(tmp_path.as_uri()) == (
        LocalFile("a.whl", f"{tmp_path.as_uri()}/a.whl", 4),
        LocalFile("b.whl", f"{tmp_path.as_uri()}/b.whl", 4),
    )


def test_range_is_read_as_an_index_would_answer_it(tmp_path: Path) -> None:
    file = tmp_path / "a.whl"
    file.write_bytes(b"0123456789")
    assert read_range(file.as_uri(), 2, 5) == b"234"
    part = read_local(file.as_uri(), {"Range": "bytes=2-4"})
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    assert read_local(file.as_uri(), {}).body == b"0123456789"
    assert read_local(f"{file.as_uri()}.metadata", {}).status == 404
