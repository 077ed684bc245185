import marshal
import sys

import pytest

from lockml.inventory.bytecode.comparison import CompiledModule, Verdict, judge_code
from tests.made.pythons import body_of

pytestmark = pytest.mark.process

MINOR = sys.version_info.minor
SOURCE = """import os
DEBUG = False
def allowed(name, given):
    return given and os.path.exists(name) or not DEBUG
"""


def judged(theirs: bytes, *, ours: bytes | None = None, source: str = SOURCE, same_release: bool = True) -> Verdict:
    """Return the verdict on the body *theirs* beside *source*, which this Python compiles to *ours*."""
    module = CompiledModule(path="m.pyc", compiled=bytes(16) + theirs, source=source.encode())
    return judge_code(module, body_of(source) if ours is None else ours, MINOR, same_release=same_release)


@pytest.mark.parametrize("same_release", [True, False])
def test_what_the_source_compiles_to_is_the_same_under_any_path(same_release: bool) -> None:
    assert judged(body_of(SOURCE, path="/x.py"), same_release=same_release).outcome == "same"


@pytest.mark.parametrize("same_release", [True, False])
@pytest.mark.parametrize(
    "added", ["os.system(name)", "import evil", "f = open('/etc/shadow')", "f = b'key'", f"f = {'e' * 99!r}"]
)
def test_new_name_or_constant_is_different_whatever_the_release(added: str, same_release: bool) -> None:
    evil = SOURCE.replace("    return", f"    {added}\n    return")
    verdict = judged(body_of(evil), same_release=same_release)
    assert verdict.outcome == "different"
    assert "which no compilation of its source does" in verdict.reason


@pytest.mark.parametrize(
    ("old", "new"),
    [("given and", "given or"), ("not DEBUG", "DEBUG"), ("False", "True"), ("name, given", "given, name")],
)
def test_changed_instruction_is_different_where_the_release_is_the_same(old: str, new: str) -> None:
    evil = body_of(SOURCE.replace(old, new))
    assert judged(evil).outcome == "different"
    other = judged(evil, same_release=False)
    assert (other.outcome, other.open) == ("not-compared", True)
    assert "another release" in other.reason


def test_other_line_numbers_alone_prove_nothing() -> None:
    code = compile(SOURCE, "m.py", "exec", dont_inherit=True)
    verdict = judged(marshal.dumps(code.replace(co_linetable=b"")))
    assert (verdict.outcome, verdict.open) == ("not-compared", True)
    assert "line numbers" in verdict.reason


def test_text_that_stands_in_the_source_proves_nothing_in_another_release() -> None:
    """Releases of 3.12 differ in what they take for the text of an f-string with ``=``."""
    source = "def f(a): return f'{a = }'\n"
    other = body_of(source.replace("{a = }", "a =  {a!r}").replace("=  ", "= "))
    assert (
        judged(other, ours=body_of("def f(a): return f'{a!r}'"), source=source, same_release=False).outcome
        != "different"
    )


@pytest.mark.parametrize("theirs", [b"", b"evil", body_of(SOURCE) + b"\0", body_of(SOURCE)[:-1]])
def test_what_cannot_be_read_is_different(theirs: bytes) -> None:
    verdict = judged(theirs, same_release=False)
    assert verdict.outcome == "different"
    assert "it is not a compilation of its source: " in verdict.reason


def test_source_that_compiles_to_what_cannot_be_read_is_not_compared() -> None:
    assert judged(b"", ours=b"").outcome == "not-compared"


def test_reason_shows_few_words_and_no_control_characters() -> None:
    evil = SOURCE + "x = '\\x1b[2J', 'one', 'two', 'three', 'four'\n"
    reason = judged(body_of(evil)).reason
    assert reason.isprintable()
    assert "and 2 more" in reason
