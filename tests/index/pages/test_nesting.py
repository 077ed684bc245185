import json

import pytest

from lockml.index.pages.nesting import without_deep_values


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, {"b": ']}{[\\" \\'}], "c": None},
        [[["}"]], "{", {}],
        "text",
    ],
)
def test_what_is_not_deep_stays(value: object) -> None:
    text = json.dumps(value).encode()
    assert without_deep_values(text) == text


@pytest.mark.slow
@pytest.mark.parametrize("begin", ["[", '{"a":'])
def test_what_is_deep_is_cut_out(begin: str) -> None:
    end = "]" if begin == "[" else "}"
    body = f'{{"x": {begin * 200_000}"]"{end * 200_000}, "files": [{{"filename": "a"}}]}}'
    found = without_deep_values(body.encode())
    assert len(found) < 500
    assert json.loads(found)["files"] == [{"filename": "a"}]


def test_what_has_no_end_keeps_none() -> None:
    assert len(without_deep_values(b"[" * 100_000)) < 100
