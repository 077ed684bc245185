"""Pages are rewritten for Python-Markdown, and their code stays as it is."""

from tests.documentation.markdown import anchors, links, with_links, with_wide_lists

PAGE = """\
# A `b` c

- [x](gone.md) and `[no](link.md)`:

  ```text
  [no](link.md)
  - no item
  ```

  - inner
    goes on
1. [`code`](y.md#z)
   goes on

Out of it

    code - of a block
"""


def test_links_in_code_are_none() -> None:
    assert links(PAGE) == ["gone.md", "y.md#z"]
    assert with_links(PAGE, lambda link: f"new/{link}") == PAGE.replace("gone.md", "new/gone.md").replace(
        "y.md#z", "new/y.md#z"
    )


def test_what_is_inside_a_list_item_is_indented_by_four_spaces() -> None:
    lines = with_wide_lists(PAGE).splitlines()
    assert [line.lstrip() for line in lines] == [line.lstrip() for line in PAGE.splitlines()]
    indents = [len(line) - len(line.lstrip()) for line in lines if line]
    assert indents == [0, 0, 4, 4, 4, 4, 4, 8, 0, 4, 0, 4]


def test_list_right_below_a_paragraph_gets_a_blank_line() -> None:
    assert with_wide_lists("text:\n- a\n- b\n\n1. c\n2. d\n") == "text:\n\n- a\n- b\n\n1. c\n2. d\n"
    assert with_wide_lists("- a\n\n  goes on\n- b\n  goes on\n- c\n") == (
        "- a\n\n    goes on\n\n- b\n    goes on\n- c\n"
    )


def test_anchors_are_those_of_github() -> None:
    assert anchors("# A `b` c\n## [x](y.md)\n## x\n```\n# no\n```\n") == {"a-b-c", "x", "x-1"}
