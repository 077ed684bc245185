import json

import pytest

from lockml.inventory.distributions import read_declared, read_distributions
from lockml.inventory.model import InstalledDistribution, Problem
from tests.made.trees import SITE, MemoryTree
from tests.made.wheels import installed_files, make_wheel, metadata_text


def read(
    files: dict[str, bytes], *folders: str, locked: tuple[str, ...] = ()
) -> tuple[tuple[InstalledDistribution, ...], tuple[Problem, ...]]:
    return read_distributions(MemoryTree(files, locked=locked), folders or (SITE,))


def test_installed_wheel_is_read_with_record_and_installer() -> None:
    (found,), problems = read(installed_files(make_wheel("my-pkg", "1.0+cu121"), SITE))
    assert problems == ()
    assert (found.name, found.version, found.installer) == ("my-pkg", "1.0+cu121", "pip")
    assert found.folder == f"{SITE}/my_pkg-1.0+cu121.dist-info"
    assert found.record is not None
    assert "my_pkg.py" in [row.path for row in found.record]


@pytest.mark.parametrize(
    ("direct_url", "source", "editable"),
    [
        ('{"url": "https://x.example/a.whl", "archive_info": {}}', "https://x.example/a.whl", False),
        ('{"url": "file:///src", "dir_info": {"editable": true}}', "file:///src", True),
    ],
)
def test_direct_url_is_read(direct_url: str, source: str, editable: bool) -> None:
    """PEP 610."""
    (found,), _ = read(installed_files(make_wheel("pkg", "1.0"), SITE, direct_url=direct_url))
    assert found.source is not None
    assert (found.source.url, found.editable) == (source, editable)


def test_distributions_deeper_down_belong_to_the_project_that_bundles_them() -> None:
    inner = installed_files(make_wheel("vendored", "1.0"), f"{SITE}/setuptools/_vendor")
    found, _ = read({**installed_files(make_wheel("setuptools", "1.0"), SITE), **inner})
    assert [distribution.name for distribution in found] == ["setuptools"]


def test_egg_info_is_read_as_a_folder_and_as_a_file() -> None:
    text = metadata_text("old", "0.1").encode()
    found, problems = read({f"{SITE}/old.egg-info/PKG-INFO": text, f"{SITE}/older-1.egg-info": text})
    assert [(distribution.name, distribution.no_record) for distribution in found] == [
        ("old", "an egg-info has no RECORD")
    ] * 2
    assert problems == ()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("METADATA", None, "it has no METADATA, so its project is unknown"),
        ("METADATA", b"Metadata-Version: 2.1\nName: pkg\n", "its metadata has no usable name and version"),
        ("METADATA", b"Name: ../evil\nVersion: 1\n", "its metadata has no usable name and version"),
    ],
)
def test_what_cannot_be_told_is_a_problem(name: str, content: bytes | None, reason: str) -> None:
    files = installed_files(make_wheel("pkg", "1.0"), SITE)
    path = f"{SITE}/pkg-1.0.dist-info/{name}"
    files.pop(path, None)
    if content is not None:
        files[path] = content
    found, problems = read(files)
    assert found == ()
    assert [problem.reason for problem in problems] == [reason]


@pytest.mark.parametrize(
    ("record", "reason"),
    [(None, "it has no RECORD"), (b"a,b\n", "its RECORD cannot be read: row 1"), (b"\xff,a,b\n", "cannot be read")],
)
def test_missing_or_damaged_record_keeps_the_distribution(record: bytes | None, reason: str) -> None:
    files = installed_files(make_wheel("pkg", "1.0"), SITE)
    del files[f"{SITE}/pkg-1.0.dist-info/RECORD"]
    if record is not None:
        files[f"{SITE}/pkg-1.0.dist-info/RECORD"] = record
    (found,), _ = read(files)
    assert found.record is None
    assert reason in (found.no_record or "")


def test_folder_and_file_that_may_not_be_read_are_problems() -> None:
    files = installed_files(make_wheel("pkg", "1.0"), SITE)
    _, problems = read(files, locked=(f"{SITE}/pkg-1.0.dist-info/METADATA",))
    assert problems == (Problem(path=f"{SITE}/pkg-1.0.dist-info/METADATA", reason="Permission denied"),)
    _, problems = read(files, locked=(SITE,))
    assert problems == (Problem(path=SITE, reason="Permission denied"),)


def test_order_is_that_of_the_import_path() -> None:
    other = "/usr/lib/python3/dist-packages"
    files = {**installed_files(make_wheel("a", "1.0"), other), **installed_files(make_wheel("b", "1.0"), SITE)}
    found, _ = read(files, SITE, other)
    assert [distribution.name for distribution in found] == ["b", "a"]


def test_folder_name_in_another_case_counts() -> None:
    """importlib.metadata takes it too."""
    found, _ = read({f"{SITE}/evil-9.9.DIST-INFO/METADATA": metadata_text("evil", "9.9").encode()})
    assert [(distribution.name, distribution.version) for distribution in found] == [("evil", "9.9")]


def test_egg_folder_is_read() -> None:
    text = metadata_text("apex", "0.1").encode()
    found, _ = read({f"{SITE}/apex-0.1.egg/EGG-INFO/PKG-INFO": text}, f"{SITE}/apex-0.1.egg")
    assert [distribution.name for distribution in found] == ["apex"]


def test_what_a_linked_folder_has_is_editable() -> None:
    text = metadata_text("mine", "0.1").encode()
    tree = MemoryTree({"/src/mine.egg-info/PKG-INFO": text})
    (found,), _ = read_distributions(tree, ("/src",), ("/src",))
    assert found.editable
    assert found.source is not None
    assert found.source.url == "file:///src"


def test_leftover_of_pip_needs_no_metadata() -> None:
    (found,), problems = read({f"{SITE}/~umpy-1.24.4.dist-info/INSTALLER": b"pip"})
    assert (found.name, found.version, problems) == ("umpy", "1.24.4", ())


@pytest.mark.parametrize("content", [b"{", b'{"url": "x", "dir_info": []}', b'{"url": "x", "archive_info": []}'])
def test_project_whose_source_cannot_be_told_is_not_missing(content: bytes) -> None:
    files = {**installed_files(make_wheel("pkg", "1.0"), SITE), f"{SITE}/pkg-1.0.dist-info/direct_url.json": content}
    found, problems = read(files)
    assert [(each.name, each.source) for each in found] == [("pkg", None)]
    assert [problem.reason for problem in problems] == ["it is not a direct URL record (PEP 610)"]


def test_project_whose_record_cannot_be_read_is_not_missing() -> None:
    path = f"{SITE}/pkg-1.0.dist-info/RECORD"
    tree = MemoryTree(installed_files(make_wheel("pkg", "1.0"), SITE), locked=(path,))
    (found,), problems = read_distributions(tree, (SITE,))
    assert (found.name, found.record, found.no_record) == ("pkg", None, "its RECORD cannot be read")
    assert [problem.path for problem in problems] == [path]


@pytest.mark.parametrize(
    ("archive", "hashes"),
    [
        ("{}", {}),
        ('{"hash": "sha256=AB"}', {"sha256": "ab"}),
        ('{"hash": "sha256=ab", "hashes": {"sha512": "cd"}}', {"sha512": "cd"}),
    ],
)
def test_hash_of_the_source_is_read_in_both_forms(archive: str, hashes: dict[str, str]) -> None:
    """PEP 610; pip before 23.1 writes the older one."""
    text = f'{{"url": "file:///w.whl", "archive_info": {archive}}}'
    (found,), _ = read(installed_files(make_wheel("pkg", "1.0"), SITE, direct_url=text))
    assert found.source is not None
    assert found.source.hashes == hashes


@pytest.mark.parametrize("content", [b"[" * 200_000, b'{"url": "' + b"a." * 20_000 + b'"}'])
def test_hostile_direct_url_is_a_problem(content: bytes) -> None:
    files = installed_files(make_wheel("pkg", "1.0"), SITE)
    files[f"{SITE}/pkg-1.0.dist-info/direct_url.json"] = content
    _, problems = read(files)
    assert [problem.reason for problem in problems] == ["it is not a direct URL record (PEP 610)"]


@pytest.mark.parametrize(
    "archive",
    [{"hash": "sha256=abc"}, {"hashes": {"sha256": "abc"}}, {"hash": "sha256=no", "hashes": {"sha256": "abc"}}],
)
def test_hash_of_an_archive_is_read_in_its_old_form_too(archive: dict[str, object]) -> None:
    """PEP 610, as changed in 2023."""
    document = {"url": "https://files.example/a.zip", "archive_info": archive, "subdirectory": "lib"}
    files = installed_files(make_wheel("a", "1.0"), SITE, direct_url=json.dumps(document))
    (found,), _ = read_distributions(MemoryTree(files), (SITE,))
    assert found.source is not None
    assert (dict(found.source.hashes), found.source.subdirectory) == ({"sha256": "abc"}, "lib")


def test_program_of_a_repository_is_read() -> None:
    document = {"url": "https://hg.example/a", "vcs_info": {"vcs": "hg", "commit_id": "abc"}}
    files = installed_files(make_wheel("a", "1.0"), SITE, direct_url=json.dumps(document))
    (found,), _ = read_distributions(MemoryTree(files), (SITE,))
    assert found.source is not None
    assert (found.source.vcs, found.source.commit) == ("hg", "abc")


def test_what_was_requested_and_is_required_is_read_where_it_can_be_understood() -> None:
    files = installed_files(make_wheel("a", "1.0", ["b>=2", "c ; extra == 'x'", "not a requirement!"]), SITE)
    files |= installed_files(make_wheel("b", "2.0"), SITE)
    del files[f"{SITE}/b-2.0.dist-info/REQUESTED"]
    tree = MemoryTree(files)
    found, _ = read_distributions(tree, (SITE,))
    declared = read_declared(tree, found)
    assert [(each.requested, [str(one) for one in each.requires]) for each in declared.values()] == [
        (True, ["b>=2", 'c; extra == "x"']),
        (False, []),
    ]
