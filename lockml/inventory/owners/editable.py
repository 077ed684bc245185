"""Recognise what installers write for an editable project: one that is used from its working folder.

PEP 660. setuptools, hatchling, flit, PDM, Poetry and uv write a .pth of folders, or one that imports a finder;
``setup.py develop`` writes easy-install.pth and an .egg-link. A finder is tried last and finds what it lists.
"""

import hashlib
import posixpath
import re
from collections.abc import Collection
from typing import Final

from packaging.utils import NormalizedName

from lockml.inventory.file_tree import FileTree
from lockml.inventory.model import PythonEnvironment
from lockml.inventory.reading import MAX_PTH, text_lines

__all__ = ["is_develop_link", "is_generated"]

_EASY: Final = "easy-install.pth"
_EGG_LINK: Final = ".egg-link"
_MARKS: Final = (  # easy_install moves the lines between them before all others
    re.compile(r"import sys; sys\.__plen = len\(sys\.path\)"),
    re.compile(
        r"import sys; new=sys\.path\[sys\.__plen:\]; del sys\.path\[sys\.__plen:\]; "
        r"p=getattr\(sys,'__egginsert',0\); sys\.path\[p:p\]=new; sys\.__egginsert = p\+len\(new\)"
    ),
)
_FINDER: Final = re.compile(r"import (__editable___\w+_finder); (__editable___\w+_finder)\.install\(\)")
_REDIRECTOR: Final = re.compile(r"import (_editable_impl_\w+)")
_REDIRECTED: Final = re.compile(
    r"from editables\.redirector import RedirectingFinder as F\nF\.install\(\)\n"
    r"(?:F\.map_module\('[\w.]+', '/[^'\\\n]*'\)\n?)+"
)
_NAMED: Final = re.compile(r"'([\w.]+)'(?::|, '/)")
_AT_START: Final = frozenset({"sitecustomize", "usercustomize"})
_TEXT: Final = r"'/[^'\\\n]*'"
_FACTS: Final = (  # the lines of setuptools' finder that differ by project
    re.compile(rf"^(MAPPING(?:: dict\[str, str\])? = )\{{(?:'[\w.]+': {_TEXT}(?:, (?=')|(?=\}})))*\}}$", re.MULTILINE),
    re.compile(
        rf"^(NAMESPACES(?:: (?:dict|Dict)\[str, (?:list|List)\[str\]\])? = )"
        rf"\{{(?:'[\w.]+': \[(?:{_TEXT}(?:, (?=')|(?=\])))*\](?:, (?=')|(?=\}})))*\}}$",
        re.MULTILINE,
    ),
    re.compile(r"^(PATH_PLACEHOLDER = )'__editable__\.[\w.+!-]+\.finder'( \+ \"\.__path_hook__\")$", re.MULTILINE),
)
# setuptools 64 to 82: each template without those lines
_TEMPLATES: Final = frozenset(
    {
        "2be8bf7edabaacc5d08afa984deab2f1a17601daa4fe2a9b1b3bf576b2033060",
        "2c59411dea66f84f999b587719dd27260386d55d076da13416619bf089c65c92",
        "76872b8ba3ba5036e5381110851405f25f8a95111ff5004a09114d5b2eba8a59",
        "c0d458932d9a3a3deffc43ffbcf2dcb91aaf39b9efb1e574a3b5a84af782baf7",
        "c2e5c09f27051a29ba1ff8dec358761e6a9aa279a01f420cb43185b88413d751",
        "c70004eaa1f991a268895cd62e01d633abb6a65ba3b9b15275b3be7fa8116d67",
        "dcd2775062ab2504ff1bdc3de510a5a144bfc3d76b004f026f0a689301214bc7",
        "f5467ffb8c7f3716484cbda1d334355467d83e9627efe14642fdb8315924e5e9",
    }
)


def is_generated(tree: FileTree, path: str) -> bool:
    """Return whether the .pth at *path* only names folders or imports a known finder; raises UnreadableError."""
    lines = _lines(tree, path)
    if lines is None:
        return False
    if len(lines) == 1 and (finder := _FINDER.fullmatch(lines[0])):
        return finder[1] == finder[2] and _is_finder(tree, f"{posixpath.dirname(path)}/{finder[1]}.py")
    if len(lines) == 1 and (redirector := _REDIRECTOR.fullmatch(lines[0])):
        return _is_redirector(tree, f"{posixpath.dirname(path)}/{redirector[1]}.py")
    return bool(lines) and all(line.startswith("/") for line in lines)


def is_develop_link(tree: FileTree, path: str, environment: PythonEnvironment, own: Collection[NormalizedName]) -> bool:
    """Return whether *path* was written by ``setup.py develop`` for the user's *own* projects, after the build.

    Raises UnreadableError.
    """
    name = posixpath.basename(path)
    if name != _EASY and not name.endswith(_EGG_LINK):
        return False
    origin = tree.origin(path)
    lines = _lines(tree, path)
    if lines is None or (origin is not None and origin.late):
        return False
    folders = {tree.resolve(each.site_folder) for each in environment.distributions if each.name in own}
    if name == _EASY:
        named = [line for line in lines if not any(mark.fullmatch(line) for mark in _MARKS)]
    else:
        named = [line for line in lines[:1] if len(lines) == 1 or set("/".join(lines[1:])) <= set("./")]
    return bool(named) and all(line.startswith("/") and tree.resolve(line) in folders for line in named)


def _lines(tree: FileTree, path: str) -> list[str] | None:
    """Return the lines with content, None if two Pythons would read them differently."""
    content = tree.read(path, MAX_PTH + 1)
    if content is None or len(content) > MAX_PTH:
        return None
    lines = [line.strip() for line in text_lines(content) if line.strip()]
    whole = [line.strip() for line in content.decode("utf-8", "surrogateescape").splitlines() if line.strip()]
    return [line for line in lines if not line.startswith("#")] if lines == whole else None


def _is_finder(tree: FileTree, path: str) -> bool:
    """Return whether a module is setuptools' finder, for modules that Python does not need at every start."""
    text = _text(tree, path)
    if text is None:
        return False
    names = {name for fact in _FACTS[:2] for match in fact.finditer(text) for name in _NAMED.findall(match[0])}
    for fact in _FACTS:
        text, count = fact.subn(lambda match: "".join(match.groups()), text)
        if count != 1:
            return False
    return hashlib.sha256(text.encode()).hexdigest() in _TEMPLATES and _AT_START.isdisjoint(names)


def _is_redirector(tree: FileTree, path: str) -> bool:
    """Return whether a module only registers modules with the finder of the project editables."""
    text = _text(tree, path)
    whole = text is not None and _REDIRECTED.fullmatch(text) is not None
    return whole and _AT_START.isdisjoint(_NAMED.findall(text or ""))


def _text(tree: FileTree, path: str) -> str | None:
    content = tree.read(path, MAX_PTH + 1)
    try:
        return content.decode("ascii") if content is not None and len(content) <= MAX_PTH else None
    except UnicodeDecodeError:
        return None
