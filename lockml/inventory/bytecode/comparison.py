"""Compare the code in a compiled module with a compilation of its source, and decide what that proves.

A compilation by the exact release that the subject runs must be equal. Patch releases of one magic number compile a few
sources differently (3.11.2 and 3.11.7: 16 of 7,953 modules), but none of them invents names or constants.
"""

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from lockml.inventory.bytecode.code_objects import Code, CodeError, code_digest, read_code, word_content

__all__ = ["CompiledModule", "Outcome", "Verdict", "judge_code"]

Outcome: TypeAlias = Literal["same", "different", "not-compared"]
HEADER: Final = 16
_MAX_SHOWN: Final = 3


class CompiledModule(Struct, frozen=True, kw_only=True):
    """A compiled module, including its header, and its *source*; *optimisation* is 0, 1 or 2, as in ``.opt-2.pyc``."""

    path: str
    compiled: bytes
    source: bytes
    optimisation: int = 0

    @property
    def magic(self) -> bytes:
        """Return the magic number, by which Python decides what it can load."""
        return self.compiled[:4]

    @property
    def body(self) -> bytes:
        """Return what follows the header (PEP 552)."""
        return self.compiled[HEADER:]


class Verdict(Struct, frozen=True):
    """The result of a comparison: *reason* is a phrase about the compiled module; *digest* that of equal code.

    An *open* one may come out differently against a compilation with other options.
    """

    path: str
    outcome: Outcome
    reason: str = ""
    digest: bytes | None = None
    open: bool = False


def judge_code(module: CompiledModule, body: bytes, minor: int, *, same_release: bool) -> Verdict:
    """Compare *module* with *body*, what Python 3.*minor* compiles its source to, of the *same_release* or another."""
    try:
        ours = code_digest(body, minor)
    except CodeError as error:
        return Verdict(module.path, "not-compared", f"the compilation of its source cannot be read: {error.reason}")
    try:
        if code_digest(module.body, minor) == ours:
            return Verdict(module.path, "same", digest=ours)
        theirs = read_code(module.body, minor, lines=False)
    except CodeError as error:
        return Verdict(module.path, "different", f"it is not a compilation of its source: {error.reason}")
    return _differing(module, theirs, read_code(body, minor, lines=False), same_release=same_release)


def _differing(module: CompiledModule, theirs: Code, ours: Code, *, same_release: bool) -> Verdict:
    foreign = [word for word in theirs.words - ours.words if not _stands_in(word, module.source)]
    if foreign:
        text = f"it contains {_shown(foreign)}, which no compilation of its source does"
        return Verdict(module.path, "different", text)
    if theirs.digest == ours.digest:
        return Verdict(module.path, "not-compared", "its line numbers differ from those of its source", open=True)
    if not same_release:
        text = "it is compiled differently, and this machine has another release of Python"
        return Verdict(module.path, "not-compared", text, open=True)
    return Verdict(module.path, "different", "it is not what its source compiles to", open=True)


def _stands_in(word: bytes, source: bytes) -> bool:
    """Return whether *word* occurs in *source*: releases differ in how they split the text of an f-string."""
    content = word_content(word)
    return content is not None and content in source


def _shown(words: list[bytes]) -> str:
    texts = sorted(content.decode("utf-8", "replace") for word in words if (content := word_content(word)) is not None)
    shown = ", ".join(map(repr, texts[:_MAX_SHOWN])) or "a long constant"
    left = len(words) - min(_MAX_SHOWN, max(len(texts), 1))
    return f"{shown} and {left} more" if left else shown
