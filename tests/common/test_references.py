"""Direct references as pip and PEP 508 write them."""

import pytest

from lockml.common.references import (
    ArchiveReference,
    BadReferenceError,
    FolderReference,
    RepositoryReference,
    is_reference,
    name_of_reference,
    parse_reference,
)

HASH = "a" * 64


@pytest.mark.parametrize(
    "text",
    [
        "./lib",
        "../lib",
        ".",
        "/opt/lib[fast]",
        "~/lib",
        "C:\\lib",
        "file:///opt/lib",
        "file:lib",
        "lib-1.0-py3-none-any.whl",
        "dist/lib-1.0.tar.gz[fast]",
        "https://x.example/lib.zip",
        "git+ssh://git@x.example/a/lib.git",
        ".[fast]",
        "..[fast] ; python_version > '3'",
        "dist/lib",
        "libs/common/",
        "libs/common[fast]",
    ],
)
def test_text_is_a_reference(text: str) -> None:
    assert is_reference(text)


@pytest.mark.parametrize(
    "text",
    ["lib", "lib>=1", "lib @ https://x.example/a.whl", "lib[a]==1.0", "", "lib[a]@https://x.example/a", "lib;m=='a/b'"],
)
def test_text_is_a_requirement_on_a_project(text: str) -> None:
    assert not is_reference(text)


def test_archive_keeps_the_hash_and_the_folder_of_its_fragment() -> None:
    reference = parse_reference(f"https://x.example/lib%2B1-1.0.zip#sha256={HASH.upper()}&subdirectory=py&egg=lib")
    assert reference == ArchiveReference(
        location="https://x.example/lib%2B1-1.0.zip", hashes=frozenset({f"sha256:{HASH}"}), subdirectory="py"
    )
    assert reference.filename == "lib+1-1.0.zip"
    assert str(reference) == "https://x.example/lib%2B1-1.0.zip#subdirectory=py"


def test_login_of_an_address_is_not_shown() -> None:
    assert "secret" not in str(parse_reference("https://me:secret@x.example/a.whl"))
    assert "secret" not in str(parse_reference("git+https://me:secret@x.example/a.git@v1"))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("./lib/", "lib"),
        ("../lib", "../lib"),
        ("file:///opt/my%20lib", "/opt/my lib"),
        ("file:lib", "lib"),
        (".", "."),
        ("./mono#subdirectory=lib", "mono/lib"),
    ],
)
def test_folder_is_named_by_its_path(text: str, path: str) -> None:
    assert parse_reference(text) == FolderReference(path=path)


@pytest.mark.parametrize(
    ("text", "url", "revision"),
    [
        ("git+https://x.example/a/lib.git", "https://x.example/a/lib.git", None),
        ("git+https://x.example/a/lib@release/1.0", "https://x.example/a/lib", "release/1.0"),
        ("git+ssh://git@x.example/a/lib@v1", "ssh://git@x.example/a/lib", "v1"),
        ("git+git@x.example:a/lib.git@v1", "ssh://git@x.example/a/lib.git", "v1"),
        ("git+file:///srv/lib.git@" + "1" * 40, "file:///srv/lib.git", "1" * 40),
    ],
)
def test_repository_has_an_address_and_a_revision(text: str, url: str, revision: str | None) -> None:
    assert parse_reference(f"{text}#egg=lib&subdirectory=py") == RepositoryReference(
        url=url, revision=revision, subdirectory="py"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hg+https://x.example/a", "hg repositories are not supported"),
        ("git+ext::sh -c id", "git over 'ext'"),
        ("git+https://x.example/a@--upload-pack=id", "is not a revision"),
        ("file://host/a", "cannot name the host"),
        ("https://x.example/a.zip#subdirectory=/etc", "leads outside it"),
        ("git+https://[x.example/a", "is not an address"),
    ],
)
def test_reference_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(BadReferenceError, match=reason):
        parse_reference(text)


@pytest.mark.parametrize(
    ("text", "name", "extras"),
    [
        ("https://x.example/My_Lib-1.0-py3-none-any.whl", "my-lib", ()),
        ("dist/my-lib-1.0.tar.gz", "my-lib", ()),
        ("git+https://x.example/a.git@v1#egg=My.Lib[fast,gpu]", "my-lib", ("fast", "gpu")),
        ("https://x.example/archive/main.zip", None, ()),
        ("./lib", None, ()),
    ],
)
def test_name_is_told_by_the_file_or_the_egg(text: str, name: str | None, extras: tuple[str, ...]) -> None:
    assert name_of_reference(text) == (name, extras)
