"""Tables of ``[[built]]``: what they must say, and what is wrong with others."""

from collections.abc import Mapping

import pytest

from lockml.common.references import ArchiveReference, RepositoryReference
from lockml.index.built import BadBuiltError, built_table, parse_built

COMMIT = "a1" * 20
SHA256 = "b2" * 32
REPOSITORY: dict[str, object] = {
    "name": "Flash_Attn",
    "version": "2.6.3+cu12",
    "source": "git+https://git.example/flash-attention",
    "commit": COMMIT,
}
ARCHIVE: dict[str, object] = {
    "name": "apex",
    "version": "0.1",
    "source": "https://files.example/apex-0.1.tar.gz#subdirectory=csrc",
    "sha256": SHA256.upper(),
}


def faults_of(table: Mapping[str, object]) -> list[tuple[str, str]]:
    with pytest.raises(BadBuiltError) as caught:
        parse_built(table)
    return list(caught.value.faults)


def test_repository_is_bound_to_its_commit() -> None:
    built = parse_built({**REPOSITORY, "requires": ["Torch >= 2", 'six; extra == "x"'], "build-requires": []})
    assert (built.name, str(built.version), built.source) == ("flash-attn", "2.6.3+cu12", COMMIT)
    assert built.reference == RepositoryReference(url="https://git.example/flash-attention", revision=COMMIT)
    assert built.requires == ("Torch>=2", 'six; extra == "x"')
    assert built.build_requires == ()


def test_archive_is_bound_to_its_sha256() -> None:
    built = parse_built(ARCHIVE)
    assert built.reference == ArchiveReference(
        location="https://files.example/apex-0.1.tar.gz", hashes=frozenset({f"sha256:{SHA256}"}), subdirectory="csrc"
    )
    assert (built.source, built.requires, built.build_requires) == (f"sha256:{SHA256}", None, None)


@pytest.mark.parametrize("table", [REPOSITORY, ARCHIVE, {**REPOSITORY, "requires": ["six"], "build-requires": ["a<2"]}])
def test_table_of_a_project_is_read_as_that_project(table: Mapping[str, object]) -> None:
    built = parse_built(table)
    assert parse_built(built_table(built)) == built


def test_login_of_a_source_is_in_no_table() -> None:
    built = parse_built({**REPOSITORY, "source": "git+https://me:secret@git.example/x"})
    assert "secret" not in str(built_table(built))


@pytest.mark.parametrize(
    ("change", "key", "text"),
    [
        ({"name": None}, "name", "'name' must be a string"),
        ({"name": "-"}, "name", "not the name of a project"),
        ({"version": "new"}, "version", "'new' is not a version"),
        ({"source": "./lib", "commit": None}, "source", "is a folder"),
        ({"source": "https://x.example/x-1-py3-none-any.whl"}, "source", "is a wheel, which needs no build"),
        ({"source": "git+https://git.example/x@main"}, "source", "names 'main': write the commit under `commit`"),
        ({"source": "https://x.example/x-1.tar.gz#sha256=00"}, "source", "write it as `sha256`"),
        ({"source": "git+https://x.example/a\nb"}, "source", "characters that no address has"),
        ({"source": "hg+https://x.example/a"}, "source", "hg repositories are not supported"),
        ({"commit": "main"}, "commit", "'main' is not a commit in full"),
        ({"commit": COMMIT[:12]}, "commit", "is not a commit in full"),
        ({"sha256": SHA256}, "sha256", "has no 'sha256', it has 'commit'"),
        ({"requires": "torch"}, "requires", "must be a list of requirements"),
        ({"requires": ["torch ="]}, "requires", "'torch =' is not a requirement"),
        ({"build-requires": ["x @ https://x.example/x.whl"]}, "build-requires", "names an address"),
        ({"url": "x"}, "url", "'url' is not a key"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_by_its_key(change: dict[str, object], key: str, text: str) -> None:
    changed = {**REPOSITORY, **change}
    (fault,) = faults_of({name: value for name, value in changed.items() if value is not None or name == "name"})
    assert fault[0] == key
    assert text in fault[1]


def test_source_without_what_names_its_bytes_is_refused() -> None:
    without = {key: value for key, value in REPOSITORY.items() if key != "commit"}
    assert faults_of(without) == [("source", "its bytes are not named: give its 'commit', in full")]


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert [key for key, _ in faults_of({"version": "x", "sorce": "y"})] == ["sorce", "", "version", ""]
