import json

import pytest

from lockml.common.errors import InputError
from lockml.drift.compare import compare
from lockml.inventory.model import DirectUrl
from lockml.inventory.pip_freeze import located, parse_frozen
from tests.drift.subjects import make_lock

LOCKED = next(
    str(wheel.hashes["sha256"]) for p in make_lock().pylock.packages if p.name == "model" for wheel in p.wheels or ()
)
WHEEL = "file:///wheels/model-1.0-py3-none-any.whl"


def drifts(text: str) -> list[tuple[str, str]]:
    report = compare(make_lock(), parse_frozen(text.encode(), "freeze.txt"), level="names", file="pylock.toml")
    return [(drift.kind, drift.name) for drift in report.drifts]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# list\nModel==1.0\nnumpy==1.26.4\npip==24.0\n", []),
        ("model==1.1\nnumpy==1.26.4\n", [("version", "model")]),
        ("model==1.0\n", [("missing", "numpy")]),
        ("model==1.0\nnumpy==1.26.4\nsix==1.0\n", [("unexpected", "six")]),
        ("model @ file:///src\nnumpy==1.26.4\n", [("source", "model")]),
        (f"model @ {WHEEL}\nnumpy==1.26.4\n", []),
        (f"model @ {WHEEL}#sha256={LOCKED}\nnumpy==1.26.4\n", []),
        (f"model @ {WHEEL}#sha256=00\nnumpy==1.26.4\n", [("source", "model")]),
        (f"model @ {WHEEL.replace('1.0', '1.1')}\nnumpy==1.26.4\n", [("version", "model")]),
        ("-e git+https://x.example/a#egg=model\nnumpy==1.26.4\n", [("source", "model")]),
    ],
)
def test_list_of_pip_freeze_is_compared(text: str, found: list[tuple[str, str]]) -> None:
    assert drifts(text) == found


def inspected(*packages: tuple[str, str]) -> str:
    installed = [{"metadata": {"name": name, "version": version}, "installer": "pip"} for name, version in packages]
    environment = {"python_full_version": "3.11.2", "platform_machine": "x86_64"}
    return json.dumps({"version": "1", "installed": installed, "environment": environment})


def test_report_of_pip_inspect_is_compared() -> None:
    assert drifts(inspected(("model", "1.0"), ("numpy", "1.26.4"))) == []
    assert drifts(inspected(("Model", "1.0"), ("numpy", "1.25"))) == [("version", "numpy")]


def test_line_that_is_none_makes_it_incomplete() -> None:
    inventory = parse_frozen(b"model==1.0\nnumpy==1.26.4\n== broken\n", "freeze.txt")
    assert [problem.path for problem in inventory.problems] == ["freeze.txt:3"]


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"\xff", b"{", b'{"installed": 1}', b'{"installed": [{}]}'])
def test_what_is_no_list_is_refused(content: bytes) -> None:
    with pytest.raises(InputError):
        parse_frozen(content, "freeze.txt")


@pytest.mark.parametrize(
    ("line", "source"),
    [
        (
            "a @ git+https://host/a.git@0123456789abcdef#subdirectory=lib%2Fa",
            DirectUrl(url="https://host/a.git", vcs="git", commit="0123456789abcdef", subdirectory="lib/a"),
        ),
        ("a @ git+ssh://git@host/a.git", DirectUrl(url="ssh://git@host/a.git", vcs="git")),
        ("a @ file:///app", DirectUrl(url="file:///app")),
    ],
)
def test_address_of_a_repository_is_taken_apart(line: str, source: DirectUrl) -> None:
    (found,) = parse_frozen(line.encode(), "f").environment.distributions
    assert located(found).source == source


def test_editable_project_has_the_name_that_pip_writes_above_it() -> None:
    text = "# Editable install with no version control (My.Project==0.3)\n-e /home/me/p\n-e /home/me/q\n"
    inventory = parse_frozen(text.encode(), "f")
    assert [(each.name, each.version, each.editable) for each in inventory.environment.distributions] == [
        ("my-project", "0.3", True)
    ]
    assert [problem.path for problem in inventory.problems] == ["f:3"]
