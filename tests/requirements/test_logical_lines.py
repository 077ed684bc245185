import pytest

from lockml.requirements.logical_lines import decode, logical_lines


def said(text: str, **environment: str) -> list[tuple[int, str]]:
    return list(logical_lines(text, environment))


def test_comments_and_blank_lines_say_nothing() -> None:
    assert said("# all\n\n  # indented\nnumpy # why\n") == [(4, "numpy")]


def test_hash_within_a_word_is_no_comment() -> None:
    assert said("pkg @ https://x.example/a.whl#sha256=1") == [(1, "pkg @ https://x.example/a.whl#sha256=1")]


def test_backslash_joins_lines_and_the_first_number_counts() -> None:
    assert said("a\nnumpy>=1, \\\n  <2\nb") == [(1, "a"), (2, "numpy>=1,   <2"), (4, "b")]


def test_backslash_at_the_end_of_the_file_is_not_lost() -> None:
    assert said("numpy \\") == [(1, "numpy")]


def test_variables_are_replaced_when_they_are_set() -> None:
    text = "--index-url https://${TOKEN}@index.example/ \n${MISSING} $TOKEN ${token}"
    assert said(text, TOKEN="t") == [(1, "--index-url https://t@index.example/"), (2, "${MISSING} $TOKEN ${token}")]


@pytest.mark.parametrize(
    "content",
    [
        "numpy # ü".encode(),
        b"\xef\xbb\xbf" + "numpy # ü".encode(),
        b"\xff\xfe" + "numpy # ü".encode("utf-16-le"),
        b"\x00\x00\xfe\xff" + "numpy # ü".encode("utf-32-be"),
        "# -*- coding: latin-1 -*-\nnumpy # ü".encode("latin-1"),
    ],
)
def test_text_is_read_in_the_encoding_that_it_declares(content: bytes) -> None:
    assert decode(content).endswith("numpy # ü")
