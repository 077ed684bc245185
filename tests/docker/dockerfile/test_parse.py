"""Dockerfiles as BuildKit's parser reads them (Dockerfile reference)."""

import pytest

from lockml.common.errors import InputError
from lockml.docker.dockerfile.model import Dockerfile
from lockml.docker.dockerfile.parse import parse_dockerfile
from lockml.docker.dockerfile.source import LARGEST, Source, decode


def parsed(text: str) -> Dockerfile:
    return parse_dockerfile(Source(name="Dockerfile", text=text))


def told(text: str) -> list[tuple[str, str]]:
    return [(each.keyword, each.arguments.text) for each in parsed(text).instructions]


def test_comments_and_empty_lines_inside_an_instruction_are_left_out() -> None:
    assert told("RUN a \\\n# no\n\n  # no\n  && b\nUSER c\n") == [("RUN", "a   && b"), ("USER", "c")]


def test_directives_count_on_top_only() -> None:
    dockerfile = parsed("# syntax=docker/dockerfile:1\n# escape=`\nRUN a `\n  b\n# escape=\\\nRUN c\\\nRUN d\n")
    assert (dockerfile.escape, dockerfile.directives["syntax"]) == ("`", "docker/dockerfile:1")
    assert [each.arguments.text for each in dockerfile.instructions] == ["a   b", "c\\", "d"]


def test_directive_behind_a_comment_is_none() -> None:
    assert parsed("# hello\n# escape=`\nRUN a\n").escape == "\\"


def test_escaped_escape_does_not_join_lines() -> None:
    assert told("RUN a \\\\\nUSER b\n") == [("RUN", "a \\\\"), ("USER", "b")]


def test_byte_order_mark_and_carriage_returns_are_left_out() -> None:
    dockerfile = parsed("\ufefffrom a\r\nrun b \\\r\n  c\r\n")
    assert [(each.keyword, each.arguments.text) for each in dockerfile.instructions] == [
        ("FROM", "a"),
        ("RUN", "b   c"),
    ]
    assert dockerfile.instructions[0].start == 1


def test_heredocs_end_at_their_names() -> None:
    text = 'RUN <<EOF\npip install a\nEOF\nCOPY <<"X" <<-Y /d/\n1\nX\n2\n\tY\nUSER b\n'
    first, second, third = parsed(text).instructions
    assert [each.content.text for each in first.heredocs] == ["pip install a\n"]
    assert [(each.name, each.content.text, each.chomp) for each in second.heredocs] == [
        ("X", "1\n", False),
        ("Y", "2\n", True),
    ]
    assert (third.keyword, text[first.start : first.stop]) == ("USER", "RUN <<EOF\npip install a\nEOF")


def test_heredoc_in_quotes_or_in_exec_form_is_none() -> None:
    assert told('RUN "a <<EOF"\nRUN ["a", "<<EOF"]\nUSER b\n')[2] == ("USER", "b")


def test_heredoc_without_an_end_is_a_fault() -> None:
    assert parsed("RUN <<EOF\na\n").faults[0].problem == "here-document 'EOF' does not end"


def test_flags_stand_in_front_and_may_be_quoted() -> None:
    (run,) = parsed('RUN --mount=type=cache,target=/c \\\n  --network="none" pip --version\n').instructions
    assert [(flag.name, flag.value) for flag in run.flags] == [("mount", "type=cache,target=/c"), ("network", "none")]
    assert run.arguments.text == "pip --version"


def test_onbuild_is_the_instruction_behind_it() -> None:
    (run,) = parsed("ONBUILD RUN pip install a\n").instructions
    assert (run.keyword, run.trigger, run.arguments.text) == ("RUN", True, "pip install a")


@pytest.mark.parametrize("text", ["INSTALL a\n", "ONBUILD FROM a\n", "ONBUILD\n", "# escape=x\nRUN a\n"])
def test_what_buildkit_refuses_is_a_fault(text: str) -> None:
    assert parsed(text).faults


def test_positions_are_those_of_the_source() -> None:
    text = "FROM a\nRUN one \\\n  # comment\n  two\n"
    run = parsed(text).instructions[1]
    place = run.arguments.text.index("two")
    assert text[run.arguments.origin(place) :].startswith("two")
    assert run.arguments.end(len(run.arguments.text)) == text.index("two") + 3


def test_bytes_that_are_no_utf8_stay_as_they_are() -> None:
    source = decode(b"FROM a\nRUN \xff\n", "Dockerfile")
    assert source.text.encode("utf-8", "surrogateescape") == b"FROM a\nRUN \xff\n"


def test_file_with_too_many_instructions_is_refused() -> None:
    """So that what grows with their square stays small."""
    with pytest.raises(InputError, match="more than 5000 instructions"):
        parsed("RUN a\n" * 5001)


def test_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(InputError, match="larger than 1 MiB"):
        decode(b"#" * (LARGEST + 1), "Dockerfile")
