from lockml.common.digest import RecordRow
from lockml.index.distributions.importable import ImportableFiles, list_importable


def test_modules_and_extensions_are_listed_with_their_hashes() -> None:
    rows = [
        RecordRow("pkg/__init__.py", "sha256=a=", "1"),
        RecordRow("pkg/core.abi3.so", "sha256=b", "1"),
        RecordRow("pkg/data.json", "sha256=c", "1"),
        RecordRow("pkg-1.0.data/platlib/top.pyd", "sha256=d", "1"),
        RecordRow("pkg-1.0.data/scripts/run.py", "sha256=e", "1"),
        RecordRow("unhashed.py", "", ""),
        RecordRow("pkg-1.0.dist-info/RECORD", "", ""),
    ]
    listed = list_importable(rows)
    assert listed.top == ("pkg", "top.pyd")
    assert dict(listed.files()) == {
        "pkg/__init__.py": "sha256=a",
        "pkg/core.abi3.so": "sha256=b",
        "top.pyd": "sha256=d",
    }


def test_nothing_is_nothing() -> None:
    assert dict(ImportableFiles().files()) == {}
