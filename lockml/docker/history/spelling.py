"""Decide whether a step of an image's history comes from an instruction of a Dockerfile.

The classic builder writes ``/bin/sh -c #(nop) CMD ["a"]`` and ``|1 A=b /bin/sh -c make``, BuildKit ``CMD ["a"]`` and
``RUN |1 A=b /bin/sh -c make # buildkit``, Buildah as the classic one with options, kaniko the line of the file.
"""

import posixpath
import re
from typing import Final

from msgspec import Struct

from lockml.docker.context.copies import Copy
from lockml.docker.dockerfile.model import Instruction
from lockml.docker.dockerfile.stages import Step
from lockml.docker.dockerfile.variables import substitute

__all__ = ["Spelling", "Written", "likeness", "spelling_of", "written"]

_LONGEST: Final = 1 << 16  # no builder accepts a longer line
_FILES: Final = ("ADD", "COPY", "RUN", "WORKDIR")
_METADATA: Final = "ARG CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL MAINTAINER ONBUILD SHELL STOPSIGNAL USER VOLUME"
_KEYWORDS: Final = frozenset((*_FILES, *_METADATA.split()))
_CLASSIC: Final = re.compile(r"[^#]{0,300}#\(nop\) *")
_HASHED: Final = re.compile(r"(?:--\S+ )*(?:file|dir|multi|archive):[0-9a-f]{32,128} in (.+)")
_FLAGS_BEFORE: Final = re.compile(r"(?:(?:^| )--[a-z]+=[^\s;&|<>()]*)+ ?$")
_FLAGS: Final = re.compile(r"(?:--[a-z]\S* )+")


class Written(Struct, frozen=True):
    """A step of a history: the *keyword* and the *text* after it, with single blanks."""

    keyword: str
    text: str


class Spelling(Struct, frozen=True, kw_only=True):
    """The forms in which builders write an instruction: the *texts* of metadata, or of a RUN after one of its *shells*.

    A COPY or ADD is *copy*.
    """

    keyword: str
    texts: frozenset[str]
    copy: Copy | None = None
    workdir: str = "/"
    shells: tuple[str, ...] = ()


def written(created_by: str) -> Written:
    """Return the parsed *created_by*; a step without a keyword is a RUN."""
    text = " ".join(created_by[:_LONGEST].split()).removesuffix("# buildkit").rstrip()
    classic = _CLASSIC.match(text)
    keyword, _, rest = text[classic.end() if classic is not None else 0 :].partition(" ")
    return Written(keyword, rest) if keyword in _KEYWORDS else Written("RUN", text)


def spelling_of(step: Step, copy: Copy | None, escape: str) -> Spelling:
    """Return the forms in which builders write *step*, given its *copy* if it is one."""
    instruction = step.instruction
    if instruction.trigger:
        return Spelling(keyword="ONBUILD", texts=frozenset())
    if instruction.keyword == "RUN":
        shells = (
            (" ".join(" ".join(step.shell).split()), "/bin/sh -c") if instruction.words is None else ("", "/bin/sh -c")
        )
        return Spelling(keyword="RUN", texts=_scripts(instruction), shells=shells)
    text = instruction.arguments.text
    texts = {_plain(text), _plain(substitute(text, step.values, escape) or "")}
    return Spelling(keyword=instruction.keyword, texts=frozenset(texts - {""}), copy=copy, workdir=step.workdir)


def likeness(spelling: Spelling, found: Written) -> int:
    """Return how certainly *found* comes from the instruction: 0 not, 1 by its keyword only, 3 certainly."""
    if spelling.keyword != found.keyword:
        return 0
    if found.keyword == "RUN":
        return 3 if _is_run(spelling, found.text) else 0
    if found.keyword in ("COPY", "ADD"):
        return _copied(spelling, found.text)
    return 3 if _plain(found.text) in spelling.texts else 1


def _scripts(instruction: Instruction) -> frozenset[str]:
    """Return the command as builders pass it on, with single blanks."""
    if instruction.words is not None:
        return frozenset({" ".join(" ".join(instruction.words).split()), " ".join(instruction.arguments.text.split())})
    script = instruction.arguments.text
    contents = [f"{each.content.text}{each.name}" for each in instruction.heredocs]
    scripts = {script, "\n".join([script, *contents])}
    if len(instruction.heredocs) == 1 and not re.search(r"\s", script):
        scripts.add(instruction.heredocs[0].content.text)
    return frozenset(" ".join(each.split()) for each in scripts)


def _is_run(spelling: Spelling, found: str) -> bool:
    """Return whether *found* is the command, after the values of ARGs, ``|2 A=b C=d``, the shell, and options."""
    for text in spelling.texts:
        if not text or not found.endswith(text):
            continue
        before = _FLAGS_BEFORE.sub("", found[: -len(text)].rstrip())
        starts = {_FLAGS_BEFORE.sub("", before.removesuffix(each)) for each in spelling.shells if before.endswith(each)}
        if not before or any(not rest or rest.startswith("|") for rest in starts):
            return True
    return False


def _copied(spelling: Spelling, text: str) -> int:
    copy = spelling.copy
    if copy is None:
        return 1
    hashed = _HASHED.fullmatch(text)
    flags = _FLAGS.match(text)
    words = text[flags.end() :].split() if flags is not None else text.split()
    position = hashed[1].strip() if hashed is not None else (words or [""])[-1].strip('"[]')
    if posixpath.normpath(posixpath.join(spelling.workdir, position)) != copy.destination and position != copy.raw:
        return 0
    if hashed is not None or not copy.sources:
        return 2
    sources = {posixpath.normpath(posixpath.join("/", word.strip('"[],'))).lstrip("/") or "." for word in words[:-1]}
    return 3 if sources == set(copy.sources) else 0


def _plain(text: str) -> str:
    """Return *text* without the characters that builders write differently: blanks, quotes, commas."""
    return " ".join(re.sub(r"[\"',]", " ", text).replace("[", "[ ").replace("]", " ]").split())
