"""Check the scripts by which shells activate an environment: written by venv, virtualenv or uv, or changed.

A container's command often sources one of them, so one that changed after the start is drift. No list or RECORD covers
one in the image: it must come from a template of its own standard library (Lib/venv/scripts), or be in
``activations.txt`` next to this module, which ``python -m tests.inventory.write_activations`` writes. Otherwise it is
a note.
"""

import hashlib
import pkgutil
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from lockml.inventory.file_tree import FileTree
from lockml.inventory.model import PythonEnvironment
from lockml.inventory.origins import came_late
from lockml.inventory.reading import MAX_SCRIPT, text_lines
from lockml.inventory.results import SurveyResults

__all__ = ["ACTIVATION", "normal_digest", "survey_activation"]

ACTIVATION: Final = re.compile(r"(?:de)?activate(?:_this)?(?:\.\w+)?|Activate\.ps1")
_SHELLS: Final = "shells run it to activate the environment, and it changed since the image was built"
_PROGRAMS: Final = "programs of the environment run it, or what it names, and it changed since the image was built"
# files run because of their place: by conda's activation, IPython and Jupyter
_IN_TURN: Final[Mapping[str, str]] = {
    "etc/conda/activate.d": _SHELLS,
    "etc/conda/deactivate.d": _SHELLS,
    "etc/ipython": _PROGRAMS,
    "etc/jupyter": _PROGRAMS,
    "share/jupyter/kernels": _PROGRAMS,
}
_MAX_FILES: Final = 2000
_TEMPLATES: Final = ("common", "posix")
_PLACEHOLDER: Final = re.compile(rb"__VENV_[A-Z_]+?__")
_WORD: Final = re.compile(rb"[\w@%+=:,./-]*|'[\w@%+=:,./() -]*'")
_IN_QUOTES: Final = re.compile(rb"[\w@%+=:,./() -]*")
_MOST_ENDS: Final = 16
_LONGEST_WORD: Final = 512  # bytes of a prompt: each possible end is tried
_PLAIN: Final = re.compile(r"/[\w./@+-]+")
_NAME: Final = re.compile(r"[\w.@+-]+")


def survey_activation(tree: FileTree, environment: PythonEnvironment, results: SurveyResults) -> None:
    """Record the scripts that changed after the start, and those that match no template.

    Raises UnreadableError.
    """
    own = tree.origin(f"{environment.prefix}/bin/python3") or tree.origin(f"{environment.prefix}/bin/python")
    if own is not None and own.late:
        return  # the entire environment was added then
    folder = f"{tree.resolve(environment.prefix)}/bin"
    scripts = [name for name in tree.names(folder) if ACTIVATION.fullmatch(name)] if environment.virtual else []
    _tell_late(tree, results, (f"{folder}/{name}" for name in scripts), _SHELLS)
    for place, detail in _IN_TURN.items():
        _tell_late(tree, results, _below(tree, f"{environment.prefix}/{place}"), detail)
    odd = [name for name in scripts if not came_late(tree, f"{folder}/{name}")]
    odd = [name for name in odd if not _is_usual(tree, environment, f"{folder}/{name}")]
    if odd:
        text = (
            "shells run these to activate the environment, but no venv, virtualenv or uv that lockml knows writes them"
        )
        results.remark(f"{environment.prefix}/bin: {text}: {', '.join(odd)}")


def _tell_late(tree: FileTree, results: SurveyResults, paths: Iterable[str], detail: str) -> None:
    for path in paths:
        if came_late(tree, path):
            results.deviate("modified", path, None, detail)


def _below(tree: FileTree, folder: str) -> Iterator[str]:
    """Yield the files below *folder*, few enough to be a configuration."""
    waiting, count = [folder], 0
    while waiting and count < _MAX_FILES:
        current = waiting.pop()
        for entry in tree.entries(current):
            count += 1
            if entry.kind == "folder":
                waiting.append(f"{current}/{entry.name}")
            else:
                yield f"{current}/{entry.name}"


def _is_usual(tree: FileTree, environment: PythonEnvironment, path: str) -> bool:
    content = tree.read(path, MAX_SCRIPT + 1) or b""
    name = posixpath.basename(path)
    prefixes = list(dict.fromkeys((environment.prefix, tree.resolve(environment.prefix))))
    if normal_digest(name, content, prefixes, _prompts(tree, environment)) in _templates():
        return True
    templates = (f"{environment.library}/venv/scripts/{folder}/{name}" for folder in _TEMPLATES)
    return any(_is_made_of(tree.read(each, MAX_SCRIPT) or b"", content, prefixes) for each in templates)


def _is_made_of(template: bytes, content: bytes, prefixes: Sequence[str]) -> bool:
    """Return whether *content* is the *template* with its own path and plain words as placeholders.

    It matches part by part, as compiling one pattern for a whole script takes longer than everything else.
    """
    if not template:
        return False
    places = [each.encode("utf-8", "surrogateescape") for each in prefixes if _PLAIN.fullmatch(each)]
    own = (*places, *(b"'%s'" % each for each in places))
    ends, end = {0}, 0
    for match in _PLACEHOLDER.finditer(template):
        ends = _behind(content, ends, template[end : match.start()])
        if len(ends) > _MOST_ENDS:  # a template crafted to take long
            return False
        end = match.end()
        if match[0] == b"__VENV_DIR__":
            ends = {place for each in own for place in _behind(content, ends, each)}
        else:
            quoted = template[: match.start()].rpartition(b"\n")[2].count(b'"') % 2
            ends = _behind_words(content, ends, _IN_QUOTES if quoted else _WORD)
    return len(content) in _behind(content, ends, template[end:])


def _behind(content: bytes, starts: Iterable[int], part: bytes) -> set[int]:
    """Return where *part* ends in *content*, for each of *starts* where it occurs."""
    return {start + len(part) for start in starts if content.startswith(part, start)}


def _behind_words(content: bytes, starts: Iterable[int], word: re.Pattern[bytes]) -> set[int]:
    """Return where a *word* may end that begins at one of *starts*, on the same line."""
    found = set[int]()
    for start in starts:
        line = content.find(b"\n", start)
        last = min(line if line >= 0 else len(content), start + _LONGEST_WORD)
        found.update(end for end in range(start, last + 1) if word.fullmatch(content, start, end))
    return found


def _prompts(tree: FileTree, environment: PythonEnvironment) -> list[str]:
    """Return the names of an environment in prompts: its folder's name, and the prompt in its pyvenv.cfg."""
    lines = text_lines(tree.read(f"{environment.prefix}/pyvenv.cfg", MAX_SCRIPT) or b"")
    named = (
        line.partition("=")[2].strip().strip("'\"") for line in lines if line.partition("=")[0].strip() == "prompt"
    )
    return [posixpath.basename(environment.prefix), *named]


def normal_digest(name: str, content: bytes, prefixes: Sequence[str], prompts: Sequence[str]) -> str:
    """Return the SHA-256 of a script without the path of its environment and its names in prompts.

    Both stay in if they are not plain words. No script has the bytes that replace them: "" for one that does.
    """
    text = content.decode("utf-8", "surrogateescape")
    if "\0" in text:
        return ""
    for prefix in sorted(filter(_PLAIN.fullmatch, prefixes), key=len, reverse=True):
        text = text.replace(prefix, "\0P")
    for prompt in sorted(filter(_NAME.fullmatch, prompts), key=len, reverse=True):
        lines = text.split("\n")
        text = "\n".join(_without(line, prompt) if re.search("PROMPT|PS1|prompt", line) else line for line in lines)
    return hashlib.sha256(f"{name}\n{text}".encode("utf-8", "surrogateescape")).hexdigest()


def _without(line: str, prompt: str) -> str:
    return re.sub(rf"(?<![\w$]){re.escape(prompt)}(?!\w)", "\0N", line)


@cache
def _templates() -> frozenset[str]:
    content = pkgutil.get_data(__package__, "activations.txt")
    return frozenset((content or b"").decode("ascii").split())
