"""A person reads plain English: no word of the house dialect in messages, help, documents, docstrings or comments.

Each phrase has the words to write instead. `_NOT_YET` lists what is not rewritten: empty it, never add to it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]


class Phrase(NamedTuple):
    """A phrase that no file may contain. Only files that contain *key* are searched for *pattern*."""

    key: str
    pattern: str
    instead: str


_PHRASES = (
    Phrase("told", "told", "shown, reported, specified, known; or turn the sentence round"),
    Phrase("tells", "tells", "shows, reports, says"),
    Phrase("stands", "stands", "is based on, builds on, is, remains, applies"),
    Phrase("stood", "stood", "was, was based on, remained"),
    Phrase("stand", "stand on", "be based on, build on"),
    Phrase("anew", "anew", "again, from scratch, re-…"),
    Phrase("whoever", "whoever", "anyone who, the user who"),
    Phrase("nobody", "nobody", "no one, or say what does not happen"),
    Phrase("somebody", "somebody", "someone, a person, another user"),
    Phrase("anybody", "anybody", "anyone"),
    Phrase("mend", "mend(?:s|ed|ing)?", "fix, fixes, fixed"),
    Phrase("vain", "in vain", "without success, needlessly"),
    Phrase("good", "for good", "permanently"),
    Phrase("tried", "tried on", "tested with, measured on"),
    Phrase("let", "let in", "allow, admit"),
    Phrase("lets", "lets (?:\\w+ ){1,3}in", "allows, admits"),
    Phrase("left", "left out", "omitted, excluded, skipped"),
    Phrase("leave", "leaves? (?:\\w+ )?out", "omit, exclude, skip"),
    Phrase("leaving", "leaving out", "omitting, excluding, skipping"),
    Phrase("is", "is of", "belongs to, comes from, is"),
    Phrase("are", "are of", "belong to, come from, are"),
    Phrase("broke", "broke off", "failed, stopped, was interrupted"),
    Phrase("breaks", "breaks off", "fails, stops"),
    Phrase("itself", "of itself", "on its own, by itself, own"),
    Phrase("length", "no length of time", "not a duration"),
    Phrase("whole", "the whole of it", "all of it, the entire …"),
)

_SUMMARIES = (
    (re.compile(r"\bin[,;] .*\bout\b"), "a sentence that says what the module does: 'Parse …', 'The text of …'"),
    (
        re.compile(r"^(?:A|An|The) [^,.:;]+, and (?:(?:for|in|by) )?(?:what|how|why|where|which|who|whose)\b"),
        "a noun phrase without 'and why': 'A drift that a rule accepts, with its reason'",
    ),
)

# What other people wrote, or a standard calls so: the file, the phrase, and why it is kept.
_EXCEPTIONS: dict[tuple[str, str], str] = {}

_NOT_YET: tuple[str, ...] = (
    "benchmarks/",
    "fixtures/",
    "docs/api.md",
    "docs/locks.md",
    "docs/reference.md",
    "docs/usage.md",
    "lockml/api/",
    "lockml/cli/",
    "lockml/lock/",
)

_FOLDERS = ("lockml", "docs", "examples", "benchmarks", "fixtures")
_ENDINGS = (".py", ".md", ".html", ".toml", ".yaml", ".yml", ".json", ".js", ".css", ".bash", ".fish", ".zsh", ".in")
_PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
_BETWEEN = r"\s+(?:\#\s*|//\s*|\*\s*)?"  # a phrase may go on in the next line, of a comment too
_PATTERNS = {
    phrase: re.compile(r"(?<![\w-])" + phrase.pattern.replace(" ", _BETWEEN) + r"(?![\w-])", re.IGNORECASE)
    for phrase in _PHRASES
}
_QUOTES = frozenset("\"'`")  # a word alone in quotes is a key or a name
_DOCSTRING = re.compile(r'^[ ]*r?"""(.*)', re.MULTILINE)


def faults(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the line, the words and the remedy of each phrase in *text*."""
    lowered = text.lower()
    for phrase, pattern in _PATTERNS.items():
        if phrase.key in lowered:
            for found in pattern.finditer(text):
                if (
                    text[found.start() - 1 : found.start()] in _QUOTES
                    and text[found.end() : found.end() + 1] in _QUOTES
                ):
                    continue
                yield text.count("\n", 0, found.start()) + 1, found[0], phrase.instead


def summary_faults(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the line, the summary and the remedy of each docstring of a module that begins in a form not to be used."""
    for docstring in _DOCSTRING.finditer(text):
        for pattern, instead in _SUMMARIES:
            if pattern.search(docstring[1]):
                yield text.count("\n", 0, docstring.start()) + 1, docstring[1], instead


def files() -> Iterator[Path]:
    """Yield what a person reads: pages, code with its comments, templates and data."""
    yield from (ROOT / name for name in _PAGES)
    for folder in _FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            generated = folder == "fixtures" and path.suffix != ".md"
            if path.suffix in _ENDINGS and "__pycache__" not in path.parts and not generated:
                yield path


def test_what_a_person_reads_is_plain_english() -> None:
    found = []
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(_NOT_YET):
            continue
        text = path.read_text(encoding="utf-8")
        of_file = [*faults(text), *(summary_faults(text) if path.suffix == ".py" else ())]
        found += [
            f"{name}:{line}: {words!r}; write: {instead}"
            for line, words, instead in of_file
            if (name, words.lower()) not in _EXCEPTIONS
        ]
    assert not found, f"{len(found)} places:\n" + "\n".join(found)


def test_every_exception_is_needed() -> None:
    unneeded = [
        (name, words)
        for name, words in _EXCEPTIONS
        if words not in {found.lower() for _, found, _ in faults((ROOT / name).read_text(encoding="utf-8"))}
    ]
    assert unneeded == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It was told.", ["told"]),
        ("Whoever asks\nis Told.", ["Whoever", "Told"]),
        ("# what is left\n# out of it", ["left\n# out"]),
        ("It lets such names in.", ["lets such names in"]),
        ('{"told": 1}, a `told` of it', []),
        ("A retold, outstanding amendment; `stands-in` of lists of itself_", []),
    ],
)
def test_phrases_are_found_as_whole_words(text: str, words: list[str]) -> None:
    assert {found for _, found, _ in faults(text)} == set(words)


@pytest.mark.parametrize(
    ("docstring", "fault"),
    [
        ("A lock in, its text out.", True),
        ("Compare: a lock and an inventory in; drifts, by name, out.", True),
        ("A place, and for how many seconds it is kept.", True),
        ("A drift that does not count, and why.", True),
        ("Return the value in, say, seconds.", False),
        ("A reader of locks, and of what they name.", False),
    ],
)
def test_summaries_are_plain_sentences(docstring: str, fault: bool) -> None:
    assert bool(list(summary_faults(f'"""{docstring}"""'))) is fault
