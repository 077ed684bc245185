import time
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.index.distributions.metadata import parse_metadata, parse_static_metadata
from lockml.index.model import CoreMetadata, MetadataError
from tests.made.wheels import metadata_text

NAME = canonicalize_name("my-pkg")


def parse(text: str) -> CoreMetadata:
    return parse_metadata(text.encode(), name=NAME, version=Version("1.0"))


def parse_sdist(text: str) -> CoreMetadata:
    return parse_static_metadata(text.encode(), name=NAME, version=Version("1.0"))


def test_metadata_gives_requirements_extras_and_python() -> None:
    text = metadata_text(
        "My.Pkg", "1.0.0", ["numpy>=1", 'plots; extra == "All_Plots"'], extras=["All_Plots"], requires_python=">=3.8"
    )
    metadata = parse(text)
    assert [str(requirement) for requirement in metadata.requires_dist] == ["numpy>=1", 'plots; extra == "all-plots"']
    assert metadata.provides_extra == {"all-plots"}
    assert str(metadata.requires_python) == ">=3.8"


_NAMES = st.sampled_from(["a", "My.Pkg", "x_1", "a--b", "-a", "a.", "numpy", "a b", ""])
_EXTRAS = st.sampled_from(["", "[x]", "[ X_y , z.1 ]", "[]", "[x,]", "[,]", "[x y]"])
_CLAUSES = st.sampled_from([">=1", "==1.*", "~= 2.0", "!=1.0+local", "===odd", "<2,", "=1", "> 1.0.dev1", "1", "@ u"])
_READABLE = ["; extra == 'A.b'", ";python_version<'3.9' and os_name == \"nt\""]
_MARKERS = st.sampled_from(["", *_READABLE, ";", "; x"])


@given(_NAMES, _EXTRAS, st.lists(_CLAUSES, max_size=3), _MARKERS, st.sampled_from(["{}", "({})", "( {} )"]))
def test_requirement_is_what_packaging_reads_in_it(
    name: str, extras: str, clauses: list[str], marker: str, form: str
) -> None:
    text = f"{name}{extras} {form.format(','.join(clauses)) if clauses else ''}{marker}".strip()
    content = metadata_text("my-pkg", "1.0", [text])
    try:
        needed = Requirement(text)
    except InvalidRequirement:
        if marker in _READABLE and "@" not in text:
            assert parse(content).requires_dist == ()
            (unread,) = parse(content).unread_dist
            assert unread.marker == str(Marker(marker.removeprefix(";").strip()))
            return
        with pytest.raises(MetadataError):
            parse(content)
        return
    assert parse(content).unread_dist == ()
    (found,) = parse(content).requires_dist
    assert found.name == canonicalize_name(needed.name)
    assert found.extras == tuple(sorted({canonicalize_name(extra) for extra in needed.extras}))
    assert (found.specifier, found.marker) == (str(needed.specifier), str(needed.marker or ""))


def test_header_may_go_on_and_end_in_any_way() -> None:
    text = "Metadata-Version: 2.1\r\nNAME: my-pkg\r\nversion:1.0\r\nAuthor: \xff\r\nRequires-Dist: a\r\n  >=1\r\n\r\nx"
    metadata = parse_metadata(text.encode("latin-1"))
    assert (metadata.name, str(metadata.version), [str(each) for each in metadata.requires_dist]) == (
        "my-pkg",
        "1.0",
        ["a>=1"],
    )


@pytest.mark.parametrize("line", ["no header", "Bad header: x", "\u00e9: x"])
def test_what_is_no_header_ends_them(line: str) -> None:
    assert parse(f"{metadata_text('my-pkg', '1.0').rstrip()}\n{line}\nRequires-Dist: evil\n").requires_dist == ()


def test_body_of_the_description_does_not_count() -> None:
    assert parse(metadata_text("my-pkg", "1.0") + "\nRequires-Dist: evil\n").requires_dist == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (metadata_text("other", "1.0"), "is that of other 1.0"),
        (metadata_text("my-pkg", "2.0"), "is that of my-pkg 2.0"),
        (metadata_text("my-pkg", "1.0", ["not a requirement!"]), "cannot be read"),
        (metadata_text("my-pkg", "1.0", metadata_version="3.0"), "knows versions 1 and 2"),
        ("Metadata-Version: 2.1\nName: my-pkg\n", "has no version"),
        ("Metadata-Version: 2.1\nName: my-pkg\nVersion: 1\nVersion: 2\n", "has no single version"),
        ("", "has no name"),
    ],
)
def test_metadata_is_refused_when_it_is_not_of_this_release(text: str, problem: str) -> None:
    with pytest.raises(MetadataError, match=problem):
        parse(text)


def test_sdist_metadata_counts_when_no_build_can_change_it() -> None:
    """PEP 643."""
    assert parse_sdist(metadata_text("my-pkg", "1.0", ["a"], metadata_version="2.2")).requires_dist


@pytest.mark.parametrize(
    "text",
    [
        metadata_text("my-pkg", "1.0", ["a"], metadata_version="2.1"),
        metadata_text("my-pkg", "1.0", ["a"], metadata_version="2.2", dynamic=["Requires-Dist"]),
    ],
)
def test_sdist_metadata_is_refused_when_a_build_may_change_it(text: str) -> None:
    with pytest.raises(MetadataError, match="only after a build"):
        parse_sdist(text)


@pytest.mark.parametrize(
    "line",
    [
        f"Requires-Dist: b>={'9' * 5000}",
        f"Requires-Dist: b; python_version < '{'9' * 5000}'",
        f"Requires-Dist: b; {'(' * 5000}os_name == 'x'{')' * 5000}",
        f"Requires-Dist: b; {'(' * 60}os_name == 'x'{')' * 60}",
        f"Requires-Python: >={'9' * 5000}",
        f"Requires-Dist: b{' ' * 100_000}x",
    ],
)
def test_metadata_without_end_are_the_faults_of_a_release(line: str) -> None:
    """Python refuses to read a number of 4,301 digits, and to go deeper than its stack."""
    with pytest.raises(MetadataError, match="its metadata cannot be read"):
        parse(f"Metadata-Version: 2.1\nName: my-pkg\nVersion: 1.0\n{line}\n")


@pytest.mark.parametrize("version", ["9" * 5000, "3.0", "1!2.0", "x"])
def test_metadata_of_a_version_that_nobody_knows_are_refused(version: str) -> None:
    with pytest.raises(MetadataError):
        parse(f"Metadata-Version: {version}\nName: my-pkg\nVersion: 1.0\n")
    with pytest.raises(MetadataError):
        parse(f"Metadata-Version: 2.1\nName: my-pkg\nVersion: {'9' * 5000}\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "Requires-Dist: b " + ",  ".join(f">={number}" for number in range(100_000)),
        f"Requires-Dist: b{' ' * 1_000_000}x; extra == 'a'",
        f"Requires-Dist: b{'(' * 1_000_000}",
        f"Requires-Dist: b[{'x,' * 500_000}",
        f"Requires-Dist: b; {' or '.join(['os_name == 1'] * 50_000)}",
        f"Requires-Dist: {'a.' * 500_000}!",
        "Summary: x" + "\n  y" * 1_000_000,
        "Requires-Python: " + ",".join(f">={number}" for number in range(100_000)),
        "\n".join(f"Requires-Dist: b{number}>=1.*; extra == 'a'" for number in range(20_000)),
    ],
    ids=["clauses", "blanks", "brackets", "extras", "markers", "dots", "folded", "python", "lines"],
)
def test_metadata_of_megabytes_are_read_in_time_that_grows_with_them(line: str) -> None:
    """Each took minutes, or would, where the time grows with the square of the length."""
    began = time.process_time()
    with suppress(MetadataError):
        parse(f"Metadata-Version: 2.1\nName: my-pkg\nVersion: 1.0\n{line}\n")
    assert time.process_time() - began < 15


@pytest.mark.parametrize(
    ("text", "installed"), [("numpy>=1.x", True), ("numpy>=1.x; os_name == 'a'", True), ("numpy>=1.x; os_name", False)]
)
def test_old_pip_is_said_to_install_only_what_it_could_read(text: str, installed: bool) -> None:
    """Before packaging 22 any text was a version, and no other marker was one than now."""
    try:
        (unread,) = parse(metadata_text("my-pkg", "1.0", [text])).unread_dist
        fault = unread.fault
    except MetadataError as error:
        fault = str(error)
    assert ("pip before 24.1 installs the release" in fault) == installed


def test_long_requirements_are_not_kept() -> None:
    """An index could fill the memory with the texts of a cache that counts its entries alone."""
    extras = ",".join(["x"] * 30_000)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(40):
            parse(metadata_text("my-pkg", "1.0", [f"a[{extras}]; os_name == '{number}'"]))
        assert tracemalloc.get_traced_memory()[0] - before < 1 << 20
    finally:
        tracemalloc.stop()
