"""LK303: logins in URLs, secrets in ENV and ARG."""

import re
from collections.abc import Iterator
from typing import Final

from lockml.docker.analysis import Analysis
from lockml.docker.dockerfile.model import Instruction
from lockml.docker.dockerfile.source import MappedText
from lockml.docker.dockerfile.stages import Step
from lockml.docker.dockerfile.variables import assignments
from lockml.docker.model import Finding
from lockml.docker.rules.registry import RULES

__all__ = ["SECRET_NAME", "find_credentials", "login_in"]

_LOGIN: Final = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]{0,30}://([^\s/@'\"<>]{1,512})@")
SECRET_NAME: Final = re.compile(
    r"(?:^|_)(?:TOKEN|PASSWORD|PASSWD|SECRET|SECRET_KEY|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS)$", re.IGNORECASE
)
"""The names of variables that hold secrets."""
_OF_MODELS: Final = re.compile(r"(?:EOS|BOS|PAD|UNK|MASK|SEP|CLS|STOP|END|START|IMAGE|SPECIAL)_TOKEN$", re.IGNORECASE)
_ADVICE: Final = "pass it with RUN --mount=type=secret"


def login_in(text: str) -> tuple[int, int] | None:
    """Return where a URL of *text* has a login, None if none has: the users of ssh and git do not count."""
    for match in _LOGIN.finditer(text):
        scheme = text[match.start() : match.start(1)].partition("://")[0].lower()
        user, colon, password = match[1].partition(":")
        if scheme.endswith("ssh") or (not colon and user in ("git", "oauth2")):
            continue
        if "$(" in match[1] or "`" in match[1] or (colon and password in ("", "x-oauth-basic") and user == "git"):
            continue
        return match.start(1), match.end(1)
    return None


def find_credentials(analysis: Analysis) -> Iterator[Finding]:
    """Yield an error for each login or secret that the image or its history keeps."""
    for stage in analysis.stages:
        for step in stage.steps:
            yield from _step(analysis, step)
    for instruction in analysis.dockerfile.instructions:
        if instruction.keyword == "FROM":
            break
        yield from _variables(analysis, instruction)


def _step(analysis: Analysis, step: Step) -> Iterator[Finding]:
    instruction = step.instruction
    if instruction.keyword in ("ENV", "ARG"):
        yield from _variables(analysis, instruction)
    elif instruction.keyword in ("RUN", "ADD", "LABEL"):
        for text in (instruction.arguments, *(heredoc.content for heredoc in instruction.heredocs)):
            yield from _logins(analysis, text, step, instruction)


def _logins(analysis: Analysis, mapped: MappedText, step: Step, instruction: Instruction) -> Iterator[Finding]:
    text, offset = mapped.text, 0
    while (found := login_in(text[offset:])) is not None:
        start, stop = found[0] + offset, found[1] + offset
        offset = stop
        if _from_mount(text[start:stop], step, instruction):
            continue
        first = mapped.origin(start)
        yield _finding(analysis, first, first + stop - start, "this URL contains a login, which remains in the history")


def _from_mount(login: str, step: Step, instruction: Instruction) -> bool:
    """Return whether *login* only uses variables that are neither ARG nor ENV, such as those of a secret mount."""
    secret = login.rpartition(":")[2]
    names = re.findall(r"\$\{?([A-Za-z_]\w*)", secret)
    if not names or re.sub(r"\$\{?[A-Za-z_]\w*\}?", "", secret):
        return False
    return all(name not in step.values for name in names) or any(
        flag.name == "mount" and "type=secret" in flag.value and any(f"env={name}" in flag.value for name in names)
        for flag in instruction.flags
    )


def _variables(analysis: Analysis, instruction: Instruction) -> Iterator[Finding]:
    """Yield the secrets that an ENV or an ARG keeps."""
    text = instruction.arguments.text
    pairs: list[tuple[str, str | None, int]] = list(assignments(text, analysis.dockerfile.escape))
    if instruction.keyword == "ARG" and "=" not in text:
        pairs = [(name, None, text.find(name)) for name in text.split()]
    for name, value, offset in pairs:
        origin = instruction.arguments.origin
        login = login_in(value) if value else None
        if login is not None:
            start = origin(offset + login[0])
            yield _finding(analysis, start, start + login[1] - login[0], f"{name}: this URL contains a login")
            continue
        if not SECRET_NAME.search(name) or _OF_MODELS.search(name):
            continue
        if value is not None and not value.strip("'\""):
            continue
        if value is None and instruction.keyword == "ENV":
            continue
        start = origin(max(offset, 0))
        what = "its value remains in the image" if instruction.keyword == "ENV" else "its value remains in the history"
        stop = start + len(value if value is not None else name)
        yield _finding(analysis, start, stop, f"{name} looks like a secret by its name: {what}")


def _finding(analysis: Analysis, start: int, stop: int, message: str) -> Finding:
    return Finding(
        code="LK303",
        severity=RULES["LK303"].severity,
        message=message,
        source=analysis.source,
        start=start,
        stop=stop,
        hint=_ADVICE,
    )
