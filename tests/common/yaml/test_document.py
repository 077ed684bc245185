"""YAML: plain values, in bounds, and refused where two readers could read them differently."""

import time
from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lockml.common.errors import InputError
from lockml.common.yaml.document import parse_yaml


def test_values_are_mappings_lists_and_texts() -> None:
    content = b"version: 1\nlist: [1.10, 'null', null, ~, yes]\nempty:\nnested:\n- a: {}\n- - []\n"
    assert parse_yaml(content, "x.yml") == {
        "version": "1",
        "list": ["1.10", "null", None, None, "yes"],
        "empty": None,
        "nested": [{"a": {}}, [[]]],
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: &x 1\nb: *x\n", r"x\.yml:2: has an alias"),
        (b"a: !!python/name:os.system 1\n", r"x\.yml:1: has the tag"),
        (b"a: ! 1\n", "has the tag"),
        (b"a: !!map {}\n", "has the tag"),
        (b"a: 1\nb: 2\na: 3\n", r"x\.yml:3: has 'a' twice"),
        (b"a: 1\n---\nb: 2\n", "has a second document"),
        (b"<<: {a: 1}\n", "has the key '<<'"),
        (b"? [a]\n: 1\n", "has a key that is not a text"),
        (b"~: 1\n", "has the key '~'"),
        (b"a: [\n", r"x\.yml:2: is not YAML"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"a: \x00\n", "is not YAML"),
        (b"[" * 100 + b"]" * 100, "is nested more than 40 times"),
        (b"[" * 100_000, "is (nested more than 40 times|not YAML)"),
        (b"- " * 100_000 + b"x", "is (nested more than 40 times|not YAML)"),
    ],
)
def test_what_readers_could_read_differently_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_yaml(content, "x.yml")


def test_aliases_that_multiply_are_refused_at_the_first() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
    began = time.process_time()
    with pytest.raises(InputError, match=r":2: has an alias"):
        parse_yaml(bomb.encode(), "x.yml")
    assert time.process_time() - began < 1


VALUES = st.recursive(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\x85\u2028\u2029\ufeff")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc-_", min_size=1), inner, max_size=4),
)


@pytest.mark.slow
@given(VALUES)
def test_parsing_what_was_written_gives_the_same(value: object) -> None:
    written = yaml.safe_dump(value, allow_unicode=True, default_style='"')
    assert parse_yaml(written.replace("!!null ", "").encode(), "x.yml") == value


@given(st.text(st.sampled_from("ab:-[]{}&*!|>'\"#%,?~< \n\t\x85"), max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InputError):
        parse_yaml(text.encode(), "x.yml")
