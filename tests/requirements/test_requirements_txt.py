import time
from collections.abc import Mapping
from contextlib import suppress

import pytest

from lockml.common.errors import InputError, RequirementError
from lockml.common.references import FolderReference
from lockml.requirements.model import Origin, RequirementSet
from lockml.requirements.requirements_txt import parse_line, read_requirement_files


def read(files: Mapping[str, str], *names: str, constraints: tuple[str, ...] = (), **env: str) -> RequirementSet:
    def content(name: str) -> bytes:
        try:
            return files[name].encode()
        except KeyError:
            raise InputError(name, "no such file") from None

    return read_requirement_files(names or ("requirements.in",), read=content, environment=env, constraints=constraints)


def lines(asked: RequirementSet) -> list[str]:
    return [f"{requirement.origin}: {requirement}" for requirement in asked.requirements]


def faults_of(text: str) -> str:
    with pytest.raises(RequirementError) as caught:
        read({"requirements.in": text})
    return str(caught.value)


def test_requirements_keep_ranges_extras_markers_and_their_line() -> None:
    asked = read({"requirements.in": "# top\nUvicorn[Standard]>=0.30,<1\nnumpy ~= 1.24 ; python_version < '3.12'\n"})
    assert lines(asked) == [
        "requirements.in:2: uvicorn[standard]<1,>=0.30",
        'requirements.in:3: numpy~=1.24 ; python_version < "3.12"',
    ]


def test_names_and_extras_are_normalized() -> None:
    """PEP 503, PEP 685."""
    asked = read({"requirements.in": "Foo.Bar__baz[Test_All]"})
    assert (asked.requirements[0].name, asked.requirements[0].extras) == ("foo-bar-baz", ("test-all",))


def test_other_files_are_read_beside_the_one_that_names_them() -> None:
    files = {
        "requirements.in": "-r deps/base.in\n--constraint=deps/limits.txt\nscipy",
        "deps/base.in": "-r ../common.in\nnumpy",
        "common.in": "six",
        "deps/limits.txt": "numpy<2",
    }
    asked = read(files)
    assert lines(asked) == ["common.in:1: six", "deps/base.in:2: numpy", "requirements.in:3: scipy"]
    assert [str(c) for c in asked.constraints] == ["numpy<2"]


def test_requirement_file_inside_a_constraint_file_asks_as_pip_reads_it() -> None:
    files = {"requirements.in": "a", "c.txt": "-r more.txt\n-c last.txt\nb<2", "more.txt": "c<3", "last.txt": "d<4"}
    asked = read(files, constraints=("c.txt",))
    assert [str(c) for c in asked.constraints] == ["d<4", "b<2"]
    assert lines(asked) == ["requirements.in:1: a", "more.txt:1: c<3"]


def test_files_that_name_each_other_are_read_once() -> None:
    assert lines(read({"requirements.in": "-r b.in\na", "b.in": "-r requirements.in\nb"})) == [
        "b.in:2: b",
        "requirements.in:2: a",
    ]


def test_index_options_are_read_in_all_their_spellings() -> None:
    text = "-ihttps://a.example/\n--extra-index-url https://b.example/\n--extra-index-url=https://c.example/\n--pre"
    options = read({"requirements.in": text}).options
    assert options.index_url == "https://a.example/"
    assert options.extra_index_urls == ("https://b.example/", "https://c.example/")
    assert options.prereleases


def test_every_fault_is_told_with_its_place() -> None:
    first, second, third = faults_of("numpy>>1\nok\n--frobnicate x\n-r missing.in\n").splitlines()
    assert first == faults_of("numpy>>1")
    assert second.startswith("requirements.in:3: option '--frobnicate' is not supported in a requirement file (--con")
    assert third == "requirements.in:4: missing.in: no such file"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("numpy>>1", "'numpy>>1' is not a requirement"),
        ("hg+https://x.example/a", "hg repositories are not supported"),
        ("git+ext::sh -c id", "git over"),
        ("git+https://x.example/a.git@-oops", "is not a revision"),
        ("file://host/a", "cannot name the host 'host'"),
        ("https://x.example/a.zip#subdirectory=../b", "leads outside it"),
        ("./local ; colour == 'red'", "its marker \"colour == 'red'\" is invalid"),
        ("numpy==1.0 --hash=md5:aa", "a hash is written --hash=sha256:DIGEST"),
        ("numpy==1.0 --hash=sha256:aa ; python_version < '3'", "write the hashes at the end of the line"),
        ("numpy==1.0 --global-option=x", "build options after a requirement"),
        ("-e six>=1", "names no folder and no repository"),
        ("-e ./six-1.0.tar.gz", "an archive cannot be editable"),
        ("--egg", "option '--egg' is not supported"),
        ("--index-url", "takes one value"),
        ("--pre yes", "takes no value"),
        ("-r 'open", "cannot be read"),
    ],
)
def test_line_is_refused_with_its_reason(line: str, reason: str) -> None:
    fault = faults_of(line)
    assert fault.startswith("requirements.in:1: ")
    assert reason in fault


def test_hashes_behind_a_requirement_are_kept() -> None:
    text = "numpy==1.0 \\\n    --hash=sha256:AA \\\n    --hash=sha512:bb\n"
    (numpy,) = read({"requirements.in": text}).requirements
    assert (str(numpy), sorted(numpy.hashes)) == ("numpy==1.0", ["sha256:aa", "sha512:bb"])


def test_constraint_loses_its_extras_so_that_a_lock_can_be_one() -> None:
    lock = "--index-url https://index.example/simple\na==1.0 \\\n    --hash=sha256:00\na[x]==1.0 --hash=sha256:00\n"
    asked = read({"requirements.in": "a", "c.txt": lock}, constraints=("c.txt",))
    assert [str(each) for each in asked.constraints] == ["a==1.0", "a==1.0"]


def test_files_of_servers_are_read_and_include_others_of_theirs() -> None:
    server = "https://user:secret@files.example/a"
    files = {
        "requirements.in": f"-r {server}/base.txt\n-c https://files.example/c.txt\nsix\n",
        f"{server}/base.txt": "-r more/${NAME}.txt\nnumpy\n",
        f"{server}/more/${{NAME}}.txt": "scipy\n",
        "https://files.example/c.txt": "six<2\n",
    }
    asked = read(files, NAME="token")
    assert lines(asked) == [
        "https://files.example/a/more/${NAME}.txt:1: scipy",
        "https://files.example/a/base.txt:2: numpy",
        "requirements.in:3: six",
    ]
    assert [str(each) for each in asked.constraints] == ["six<2"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("-r file:///etc/passwd", "a file from a server cannot include 'file:///etc/passwd'"),
        ("-e ./lib", "a file from a server cannot name ./lib of this machine"),
        (
            "/opt/six-1.0-py3-none-any.whl",
            "a file from a server cannot name /opt/six-1.0-py3-none-any.whl of this machine",
        ),
    ],
)
def test_file_of_a_server_names_nothing_of_this_machine(line: str, reason: str) -> None:
    with pytest.raises(RequirementError) as caught:
        read({"https://files.example/a.txt": line}, "https://files.example/a.txt")
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("-e .[x]", ". True x"),
        (".[x,y]", ". False x,y"),
        ("-e libs/common", "libs/common True "),
        ("libs/common[x] ; python_version > '3'", "libs/common False x"),
        ("libs/common [x] ;python_version>'3'", "libs/common False x"),
        ("-e .[x];python_version>'3'", ". True x"),
        ('-e "../my lib[x]"', "../my lib True x"),
        ("--editable=lib", "lib True "),
    ],
)
def test_folder_is_named_as_pip_takes_it(line: str, told: str) -> None:
    (found,) = read({"requirements.in": line}).unnamed
    assert isinstance(found.reference, FolderReference)
    assert f"{found.reference.path} {found.reference.editable} {','.join(found.extras)}" == told


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("six --extra-index-url https://x.example", "the option --extra-index-url belongs on its own line"),
        ("six -i https://x.example", "the option -i belongs on its own line"),
        ("--config-settings a=b", "option '--config-settings' is not supported in a requirement file"),
        ("six=>1", "'=>' is not an operator: write the equals sign last; write six>=1"),
        ("six=1.0=py311_0", "compare versions with ==, not with =; write six==1.0"),
        ("six\u00a0>=1", "character 4 is '\\xa0' (U+00A0 NO-BREAK SPACE); write six >=1"),
    ],
)
def test_slip_of_the_pen_is_told_in_its_own_words(line: str, reason: str) -> None:
    assert reason in faults_of(line)


def test_file_is_refused_when_it_is_no_text() -> None:
    with pytest.raises(RequirementError, match=r"x\.in: cannot be read as text"):
        read_requirement_files(("x.in",), read=lambda _: b"\xff\xfa", environment={})


def test_missing_file_is_an_input_error() -> None:
    with pytest.raises(InputError, match="no such file"):
        read({})


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "a " + ",".join(f">=0.{number}" for number in range(200_000)),
        "a; " + " or ".join(["os_name=='x'"] * 100_000),
        "a[" + ",".join(f"x{number}" for number in range(200_000)) + "]",
        "a" + " " * 2_000_000 + "x",
        "a" + "(" * 2_000_000,
        "git+https://x.example/a" + " " * 60_000 + "x",
        "./a" + "[x" * 30_000,
        "a==1 " + " ".join(f"--hash=sha256:{number:064x}" for number in range(20_000)),
    ],
    ids=["clauses", "markers", "extras", "blanks", "brackets", "blanks behind an address", "path", "hashes"],
)
def test_line_of_megabytes_is_read_or_refused_in_time_that_grows_with_it(line: str) -> None:
    began = time.process_time()
    with suppress(RequirementError):
        read_requirement_files(("a.in",), read=lambda _: line.encode(), environment={})
    assert time.process_time() - began < 15


def test_requirement_that_is_longer_than_any_is_refused() -> None:
    with pytest.raises(RequirementError, match=r"a\.in:1: the requirement has 70001 characters"):
        read_requirement_files(("a.in",), read=lambda _: b"a" * 70_001, environment={})


@pytest.mark.parametrize(
    ("line", "write"),
    [
        ("foo @ ~1.2", "write foo>=1.2,<1.3"),
        ("alpha @ ^1.0", "write alpha>=1.0,<2"),
        ("alpha @ ~=1.0", "not an address"),
        ("alpha @ >=1.0", "not an address"),
    ],
)
def test_bound_of_poetry_is_no_address(line: str, write: str) -> None:
    """PEP 508 takes any word behind @ for a URL."""
    with pytest.raises(RequirementError) as caught:
        parse_line(line, Origin(file="a.in", line=1))
    assert write in str(caught.value)


def test_path_behind_at_is_still_a_path() -> None:
    for path in ("./1.0", "~/lib", "~user/lib-1.0-py3-none-any.whl", "../alpha", "/1.0"):
        assert parse_line(f"alpha @ {path}", Origin(file="a.in", line=1)).reference is not None
