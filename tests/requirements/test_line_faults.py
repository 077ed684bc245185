"""A line that is no requirement is told with what it is, where it is wrong, and the line to write."""

import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockml.common.errors import RequirementError
from lockml.requirements.line_faults import find_hidden
from lockml.requirements.model import RequirementSet
from lockml.requirements.read import InputFiles, read_input_files

INDEX = "https://x.example/simple"


def read(name: str, content: str, option: str = "files") -> RequirementSet:
    files = {"empty.in": b"", name: content.encode()}
    parts: dict[str, tuple[str, ...]] = {"files": (name,) if option == "files" else ("empty.in",), option: (name,)}
    return read_input_files(InputFiles(**parts), read=files.__getitem__, environment={})


def fault(line: str) -> str:
    with pytest.raises(RequirementError) as caught:
        read("a.in", f"six\n{line}\n")
    [(origin, problem)] = caught.value.faults
    assert origin == "a.in:2"
    return problem


@pytest.mark.parametrize(
    ("line", "named", "corrected"),
    [
        ("six=>1.0", "'=>' is not an operator: write the equals sign last", "six>=1.0"),
        ("six=<1.0", "'=<' is not an operator", "six<=1.0"),
        ("six=~1.0", "'=~' is not an operator: write '~='", "six~=1.0"),
        ("six~>1.0", "'~>' is not an operator: write '~='", "six~=1.0"),
        ("six<>1.0", "'<>' is not an operator: write '!='", "six!=1.0"),
        ("six> =1.0", "remove the space within the operator", "six>=1.0"),
        ("six[x]=1.0", "compare versions with ==, not with =", "six[x]==1.0"),
        ("six; python_version='3.8'", "compare versions with ==", "six; python_version=='3.8'"),
        ("six=1.0=py311_0", "conda writes a version and a build like this", "six==1.0"),
        ("conda-forge::six=1.0", "conda-forge:: is a channel of conda: remove it", "six==1.0"),
        ("six^1.2", "'^' is Poetry's", "six>=1.2,<2"),
        ("six ^0.2.3", "'^' is Poetry's", "six>=0.2.3,<0.3"),
        ("six~1.2.3", "'~' is Poetry's", "six>=1.2.3,<1.3"),
        ("six~1", "'~' is Poetry's", "six>=1,<2"),
        ("six;", "the semicolon has no condition after it", "six"),
        ("six; python_version>3", "quote the value of a marker", 'six; python_version>"3"'),
        ("six>=1.0<2", "separate bounds with a comma", "six>=1.0,<2"),
        ("six==1.x", "use * for any number", "six==1.*"),
        ("six>1.2.*", "use '.*' only after == and !=", "six>=1.3"),
        ("six>=1.2.*,<2.*", "use '.*' only after == and !=", "six>=1.2,<2"),
        ("six<=1.*", "use '.*' only after == and !=", "six<2"),
        ("six~=1.2.*", "use '.*' only after == and !=", "six==1.2.*"),
        ("six~=1", "give two numbers or more after ~=", "six~=1.0"),
        ("six[all", "close the bracket of the extras", "six[all]"),
        ("six[all>=1", "close the bracket of the extras", "six[all]>=1"),
        ("six; python_version > 3.8", "quote the value of a marker", 'six; python_version > "3.8"'),
        ("six; sys_platform == linux", "quote the value of a marker", 'six; sys_platform == "linux"'),
        (
            "six; pyhton_version > '3'",
            "'pyhton_version' is not a variable of a marker: write python_version",
            "six; python_version > '3'",
        ),
        ("six; python < 3.8", "'python' is not a variable of a marker", 'six; python_version < "3.8"'),
        ("six; python_version > '3.8", "close the quote in the marker", "six; python_version > '3.8'"),
        ("six 1.0", "add an operator before 1.0", "six==1.0"),
        ("six: 1.0", "add an operator before 1.0", "six==1.0"),
        ("six\u00a0>=\u00a01.0", "characters 4 and 7 are '\\xa0' (U+00A0 NO-BREAK SPACE)", "six >= 1.0"),
        ("\u200bsix", "character 1 is '\\u200b' (U+200B ZERO WIDTH SPACE)", "six"),
        ("six>=1.0\u200b", "character 9 is '\\u200b'", "six>=1.0"),
        ("six; sys_platform == 'linux\u200b'", "character 28 is '\\u200b'", "six; sys_platform == 'linux'"),
        ("ruamel\u2010yaml", "character 7 is '\\u2010' (U+2010 HYPHEN)", "ruamel-yaml"),
        ("ruamel\u2212yaml", "(U+2212 MINUS SIGN)", "ruamel-yaml"),
        ("six \u2014hash=sha256:00", "(U+2014 EM DASH)", "six --hash=sha256:00"),
        ("\u2013r base.txt", "(U+2013 EN DASH)", "-r base.txt"),
        (f"\u2014index-url {INDEX}", "(U+2014 EM DASH)", f"--index-url {INDEX}"),
        (f"--index-url\u00a0{INDEX}", "(U+00A0 NO-BREAK SPACE)", f"--index-url {INDEX}"),
        ("six; sys_platform == \u201clinux\u201d", "LEFT DOUBLE QUOTATION MARK", 'six; sys_platform == "linux"'),
        ("\u201csix>=1\u201d", "LEFT DOUBLE QUOTATION MARK", "six>=1"),
        ("six\uff1e\uff1d1", "FULLWIDTH GREATER-THAN SIGN", "six>=1"),
        ("six\u22651", "GREATER-THAN OR EQUAL TO", "six>=1"),
        ("'six>=1',", "remove the quotes around it", "six>=1"),
        ("- six", "remove the dash before it", "six"),
        ("!pip install six=>1", "keep only what it installs", "six>=1"),
        ("six --no-deps", "the option --no-deps is not allowed after a requirement", "six"),
        (
            f"six --extra-index-url {INDEX}",
            "the option --extra-index-url belongs on its own line",
            f"six and, on the next line, --extra-index-url {INDEX}",
        ),
        (
            f"six=>1 -i {INDEX} --pre",
            "the option -i belongs on its own line; '=>' is not an operator",
            f"six>=1 and, on their own lines, -i {INDEX} and --pre",
        ),
    ],
)
def test_slip_is_named_and_the_line_to_write_is_told(line: str, named: str, corrected: str) -> None:
    problem = fault(line)
    assert named in problem
    assert problem.rpartition("; write ")[2] == corrected
    lines = re.split(r" and(?:, on [a-z ]+,)? ", corrected)
    text = "\n".join(lines).replace("sha256:00", f"sha256:{'0' * 64}")
    read("a.in", text.replace("-r base.txt", ""))


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("six==latest", "'latest' is not a version (PEP 440)"),
        ("six>=1|<0.5", "'|' is not an operator"),
        ("six>=", "add a version after >="),
        ("==1.0", "add a project before ==1.0"),
        ("six, attrs", "put one project on each line: six, attrs"),
        ("<<<<<<< HEAD", "this is left from a merge conflict"),
        ("${SIX}", "the variable SIX is not set"),
        ("six==${version}", "${version} is not a variable: as in pip, only ${NAME} in capitals is"),
        ("six==$VERSION", "$VERSION is not a variable"),
        ("six \\ ", "remove the spaces after the backslash"),
        ("six\u00e9", "(U+00E9 LATIN SMALL LETTER E WITH ACUTE)"),
    ],
)
def test_what_no_line_can_be_told_for_is_named(line: str, named: str) -> None:
    problem = fault(line)
    assert named in problem
    assert "; write " not in problem.replace("write six,", "")


def _conda(line: str) -> str:
    return f"dependencies:\n- pip:\n  - {json.dumps(line, ensure_ascii=False)}\n"


def _notebook(line: str) -> str:
    cell = {"cell_type": "code", "source": [f'%pip install "{line}"']}
    return json.dumps({"cells": [cell]})


FORMS: list[tuple[str, str, Callable[[str], str]]] = [
    ("a.in", "files", str),
    ("limits.txt", "constraints", str),
    ("force.txt", "overrides", str),
    ("pyproject.toml", "files", lambda line: f'[project]\nname = "a"\ndependencies = ["{line}"]\n'),
    ("s.py", "files", lambda line: f'# /// script\n# dependencies = ["{line}"]\n# ///\n'),
    ("environment.yml", "files", _conda),
    ("n.ipynb", "files", _notebook),
]


@pytest.mark.parametrize(("name", "option", "form"), FORMS, ids=[name for name, _, _ in FORMS])
@pytest.mark.parametrize(
    ("line", "corrected"),
    [("six=>1", "six>=1"), ("six=1.0=py_0", "six==1.0"), ("six\u00a0>=1", "six >=1"), ("s\u2013x", "s-x")],
)
def test_slip_is_told_in_every_form_of_input(
    name: str, option: str, form: Callable[[str], str], line: str, corrected: str
) -> None:
    with pytest.raises(RequirementError) as caught:
        read(name, form(line), option)
    [(origin, problem)] = caught.value.faults
    assert origin.startswith(f"{name}:")
    assert problem.endswith(f"; write {corrected}")


def test_option_in_a_file_that_has_none_goes_to_the_command() -> None:
    with pytest.raises(RequirementError, match="is not allowed in this file; write six, and give --pre"):
        read("s.py", '# /// script\n# dependencies = ["six --pre"]\n# ///\n')


def test_letters_of_other_languages_are_no_fault_of_a_folder() -> None:
    assert not find_hidden("./caf\u00e9")
    assert [str(each) for each in read("a.in", "./caf\u00e9/lib\n").unnamed] == ["./caf\u00e9/lib"]


@given(st.text(alphabet="six1.,;=<>!~^ -'\"\u00a0\u200b\u2013[]", min_size=1, max_size=30))
def test_line_that_is_told_can_be_written(line: str) -> None:
    try:
        read("a.in", line)
    except RequirementError as error:
        for _, problem in error.faults:
            if "; write " in problem and "on their own lines" not in problem:
                read(
                    "a.in",
                    problem.rpartition("; write ")[2].replace(" and, on the next line, ", "\n").partition("\n")[0],
                )


def test_long_line_is_refused_in_a_time_that_grows_with_it() -> None:
    problem = fault("six" + " =" * 1_000_000)
    assert len(problem) < 700
