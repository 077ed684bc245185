"""Parse a shell script with its initial variables into simple commands (POSIX shell, parts of bash).

Control flow is followed: every branch and every body counts. ``bash -c``, ``eval``, substitutions and here-documents
that feed a shell are separate scripts.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Final

from lockml.docker.dockerfile.source import MappedText
from lockml.docker.dockerfile.variables import Values, bounded, substitute
from lockml.docker.shell.expansion import arguments_of
from lockml.docker.shell.model import Argument, Command
from lockml.docker.shell.tokens import Token, tokenize
from lockml.docker.shell.wrappers import is_shell, script_argument, unwrapped

__all__ = ["commands_of"]

_OPENING: Final = frozenset({"if", "then", "elif", "else", "do", "while", "until", "!", "{", "time"})
_CLOSING: Final = frozenset({"fi", "done", "}"})
_MODES: Final = {"for": "for", "select": "for", "case": "case", "function": "name"}
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\+?=")
_DECLARING: Final = frozenset({"export", "declare", "local", "readonly", "typeset"})
_FLAG: Final = re.compile(r"[-+]\w+|-|pipefail")
_DEEPEST: Final = 6
_MOST: Final = 2000  # commands of one script


class _Reader:
    """A reader of one script; *mode* says what the words of a compound command are: ``for``, ``case``, ``pattern``."""

    def __init__(self, script: MappedText, values: Values, workdir: str, depth: int) -> None:
        self.script = script
        self.values: Values = values
        self.lists: dict[str, tuple[str, ...]] = {}
        self.workdir = workdir
        self.depth = depth
        self.commands: list[Command] = []
        self.documents: list[tuple[int, Token]] = []
        self.words: list[Token] = []
        self.mode = ""
        self.cases = 0
        self.folders: list[str] = []
        self.before = ""
        self.redirected = False

    def read(self) -> list[Command]:
        for token in tokenize(self.script):
            if len(self.commands) >= _MOST:
                break
            self._token(token)
        self._finish("")
        return self._with_documents()

    def _token(self, token: Token) -> None:
        if token.kind == "redirect":
            last = self.words[-1] if self.words else None
            if last is not None and last.stop == token.start and last.text.isdigit():
                self.words.pop()
            self.redirected = True
        elif token.kind == "heredoc":
            self.documents.append((len(self.commands), token))
        elif token.kind == "operator":
            self.redirected = False
            self._operator(token)
        elif self.redirected:
            self.redirected = False
        else:
            self._word(token)

    def _operator(self, token: Token) -> None:
        text = token.text
        if self.mode == "pattern":
            if text == ")":
                self.mode = ""
                self.before = ";"
            return
        if self.mode == "case":
            return
        if text == "(" and self.words:  # the name of a function
            self.words = []
        self._finish(text)
        if text in (";;", ";&", ";;&") and self.cases:
            self.mode = "pattern"
        elif text == "(":
            self.folders.append(self.workdir)
        elif text == ")" and self.folders:
            self.workdir = self.folders.pop()

    def _word(self, token: Token) -> None:
        text = token.text
        if self.mode == "case":
            self.mode = "pattern" if text == "in" and self.words else self.mode
            self.words = [] if self.mode == "pattern" else [token]
            return
        if self.mode == "pattern":
            if text == "esac":
                self._end_case()
            return
        if self.mode == "name":  # of a function
            self.mode = ""
            return
        if self.words or self.mode or not self._reserved(text):
            self.words.append(token)

    def _reserved(self, text: str) -> bool:
        """Return whether *text*, the start of a command, is a reserved word, and apply it."""
        if text == "esac":
            self._end_case()
        elif text in _MODES:
            self.mode = _MODES[text]
            self.cases += text == "case"
        else:
            return text in _OPENING or text in _CLOSING
        return True

    def _end_case(self) -> None:
        self.cases = max(self.cases - 1, 0)
        self.mode = ""

    def _finish(self, operator: str) -> None:
        """End the command whose words were read."""
        words, self.words = self.words, []
        mode, self.mode = self.mode, "" if self.mode == "for" else self.mode
        if mode == "for" and words:
            self._loop(words)
        elif words and mode == "":
            self._command(words, operator)
        self.before = operator if operator not in ("(", "\n") else ";"

    def _loop(self, words: list[Token]) -> None:
        items = [item.text for token in words[2:] for item in self._expanded(token)]
        self.lists[words[0].text] = tuple(items) or (f"${words[0].text}",)

    def _expanded(self, token: Token) -> list[Argument]:
        return arguments_of(token, self.script, self.values, self.lists)

    def _command(self, words: list[Token], operator: str) -> None:
        for token in words:
            for part in token.parts:
                if part.kind == "script" and self.depth < _DEEPEST and len(self.commands) < _MOST:
                    inner = self.script.part(part.start, part.start + len(part.value))
                    self._nested(inner, self.values)
        position, local = 0, {}
        while position < len(words) and (match := _ASSIGNMENT.match(words[position].text)):
            local[match[1]] = self._value(words[position], match.end())
            position += 1
        if position == len(words):
            self._assign(local)
            return
        found = [argument for token in words[position:] for argument in self._expanded(token)]
        if not found:
            return
        first, last = words[0], words[-1]
        command = Command(
            words=tuple(found),
            variables={**self.values, **local} if local else self.values,
            workdir=self.workdir,
            start=self.script.origin(first.start),
            stop=self.script.end(last.stop),
            begun_by=self.before,
            ended_by=operator,
            exact=self.script.exact,
            depth=self.depth,
        )
        self._effects(command, words[position:])
        self._add(command)

    def _value(self, token: Token, offset: int) -> str | None:
        """Return the value of the assignment *token*, which begins after its name."""
        pieces = self._expanded(token)
        if len(pieces) == 1 and pieces[0].known and _ASSIGNMENT.match(pieces[0].text):
            return pieces[0].text[offset:]
        joined = " ".join(piece.text for piece in pieces)
        return joined[offset:] if pieces and all(piece.known for piece in pieces) else None

    def _assign(self, values: Mapping[str, str | None]) -> None:
        if values:
            self.values = bounded({**self.values, **values})
            for name in values:
                self.lists.pop(name, None)

    def _effects(self, command: Command, words: list[Token]) -> None:
        """Apply the effect of *command* on the variables and the folder of later commands."""
        name = command.words[0].text
        if name in ("cd", "pushd") and len(command.words) == 2 and command.words[1].known:
            folder = substitute(command.words[1].text, {})
            if folder and folder != "-" and not folder.startswith("~"):
                self.workdir = posixpath.normpath(posixpath.join(self.workdir, folder))
        elif name in _DECLARING:
            declared = ((word, _ASSIGNMENT.match(word.text)) for word in words[1:])
            self._assign({match[1]: self._value(word, match.end()) for word, match in declared if match})
        elif name == "read" and len(command.words) > 1:
            self.lists[command.words[-1].text] = (f"${command.words[-1].text}",)

    def _add(self, command: Command) -> None:
        """Add *command* without its wrappers, and the commands of its script."""
        inner = unwrapped(command)
        self.commands.append(inner)
        script = script_argument(inner)
        if script is not None and self.depth < _DEEPEST:
            text = script.inner or MappedText(text=script.text, origins=(script.start,), exact=False)
            self._nested(text, inner.variables)

    def _nested(self, script: MappedText, values: Values) -> None:
        if script.text:
            self.commands += _Reader(script, values, self.workdir, self.depth + 1).read()

    def _with_documents(self) -> list[Command]:
        """Insert the commands of here-documents after the shells that read them."""
        for index, token in reversed(self.documents):
            fed = self.commands[index] if index < len(self.commands) else None
            if token.heredoc is None or fed is None or self.depth >= _DEEPEST:
                continue
            if (
                is_shell(fed)
                and script_argument(fed) is None
                and all(_FLAG.fullmatch(word.text) for word in fed.words[1:])
            ):
                inner = _Reader(token.heredoc, fed.variables, fed.workdir, self.depth + 1).read()
                self.commands[index + 1 : index + 1] = inner
        return self.commands


def commands_of(script: MappedText, values: Values, workdir: str) -> Iterator[Command]:
    """Yield the commands of *script* in order, without leading ``sudo``, ``env`` and the like."""
    yield from _Reader(script, values, workdir, 0).read()
