from collections.abc import Mapping

from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.common.digest import RecordRow
from lockml.index.distributions.importable import list_importable
from lockml.index.model import DistributionFile, FileEntry
from lockml.lock.checks.overlaps import find_overlaps
from tests.made.wheels import wheel_name


def wheel(name: str) -> DistributionFile:
    entry = FileEntry(filename=wheel_name(name, "1.0"), url="https://files.example/x", hashes={})
    return DistributionFile(
        entry=entry, project=canonicalize_name(name), version=Version("1.0"), kind="wheel", uploaded=None
    )


def overlaps(contents: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the overlaps of wheels with these files and hashes."""
    wheels = {name: wheel(name) for name in contents}
    listed = {
        wheels[name].filename: list_importable(RecordRow(path, digest, "1") for path, digest in files.items())
        for name, files in contents.items()
    }
    tops = {name: each.top for name, each in listed.items()}
    found = find_overlaps(list(wheels.values()), tops, lambda file: listed[file.filename].files())
    return [str(each) for each in found]


def test_two_projects_with_other_bytes_at_a_path_are_told_once_with_the_path() -> None:
    assert overlaps(
        {
            "opencv-python": {"cv2/__init__.py": "sha256=a", "cv2/cv2.abi3.so": "sha256=b"},
            "opencv-python-headless": {"cv2/__init__.py": "sha256=c", "cv2/cv2.abi3.so": "sha256=d"},
        }
    ) == [
        "opencv-python 1.0 and opencv-python-headless 1.0 install different files at the same path, cv2/__init__.py "
        "and 1 more: the last one installed wins"
    ]


def test_same_bytes_and_what_cannot_be_imported_are_no_overlap() -> None:
    same = {"google/__init__.py": "sha256=a=", "LICENSE": "sha256=x", "pkg/data.txt": "sha256=x"}
    other = {"google/__init__.py": "sha256=a", "LICENSE": "sha256=y", "pkg/data.txt": "sha256=y"}
    assert overlaps({"a": same, "b": other}) == []


def test_files_of_data_folders_count_where_they_are_installed() -> None:
    assert len(overlaps({"a": {"a-1.0.data/purelib/m.py": "sha256=a"}, "b": {"m.py": "sha256=b"}})) == 1
    assert overlaps({"a": {"a-1.0.data/scripts/m.py": "sha256=a"}, "b": {"m.py": "sha256=b"}}) == []


def test_each_pair_is_told() -> None:
    contents = {name: {"m.py": f"sha256={name}"} for name in "abc"}
    assert [text.partition(" install")[0] for text in overlaps(contents)] == [
        "a 1.0 and b 1.0",
        "a 1.0 and c 1.0",
        "b 1.0 and c 1.0",
    ]
