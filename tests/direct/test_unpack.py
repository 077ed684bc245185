"""Source archives are unpacked inside their folder and nowhere else."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from lockml.direct.unpack import unpack
from lockml.index.model import MetadataError


def tar_of(*members: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    return out.getvalue()


def member(name: str, *, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, link, size
    return made


def zip_of(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return out.getvalue()


def test_one_folder_on_top_is_the_tree(tmp_path: Path) -> None:
    assert unpack(tar_of(member("lib-1.0/setup.py")), "lib-1.0.tar.gz", tmp_path) == tmp_path / "lib-1.0"


def test_files_on_top_are_the_tree(tmp_path: Path) -> None:
    assert unpack(zip_of("setup.py", "a/b.py"), "main.zip", tmp_path) == tmp_path


@pytest.mark.parametrize(
    "bad",
    [
        member("../outside"),
        member("lib/link", kind=tarfile.SYMTYPE, link="/etc/passwd"),
        member("lib/link", kind=tarfile.SYMTYPE, link="../../outside"),
        member("lib/device", kind=tarfile.CHRTYPE),
    ],
)
def test_member_that_leads_outside_is_refused(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    with pytest.raises(MetadataError, match="must not be unpacked"):
        unpack(tar_of(bad), "lib.tar.gz", folder)
    assert list(tmp_path.iterdir()) == [folder]


def test_zip_member_that_leads_outside_stays_inside(tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    unpack(zip_of("../outside.py", "lib/a.py"), "lib.zip", folder)
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("content", [b"", b"not an archive", zip_of("a")[:-10]])
def test_content_is_refused_when_it_is_no_archive(tmp_path: Path, content: bytes) -> None:
    for name in ("lib.zip", "lib.tar.gz"):
        with pytest.raises(MetadataError, match="is not a source archive"):
            unpack(content, name, tmp_path)


def test_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockml.direct.unpack._MAX_UNPACKED", 1000)
    with pytest.raises(MetadataError, match="unpacks to more"):
        unpack(tar_of(member("lib/big", size=2000)), "lib.tar.gz", tmp_path)
