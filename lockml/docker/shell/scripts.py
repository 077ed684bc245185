"""Parse the RUN of a build step into the commands that it starts."""

import re
from collections.abc import Iterator
from typing import Final

from lockml.docker.dockerfile.model import Instruction
from lockml.docker.dockerfile.source import MappedText
from lockml.docker.dockerfile.stages import Step
from lockml.docker.shell.commands import commands_of
from lockml.docker.shell.model import Argument, Command
from lockml.docker.shell.wrappers import script_argument, unwrapped

__all__ = ["run_commands"]

_SHELL: Final = re.compile(r"(?:.*/)?(?:sh|bash|ash|dash|zsh|ksh)")
_SHEBANG: Final = re.compile(
    r"#!\s*\S*?(?:sh|bash|ash|dash|zsh|ksh|env\s+(?:-S\s+)?(?:sh|bash|ash|dash|zsh|ksh))(?:\s|$)"
)
_ALONE: Final = re.compile(r"\d*<<-?\S+")


def run_commands(step: Step) -> Iterator[Command]:
    """Yield the commands of a RUN in order; nothing for a shell that is not a Unix shell."""
    instruction = step.instruction
    if instruction.words is not None:
        yield from _exec_form(instruction, step)
        return
    if not any(_SHELL.fullmatch(word) for word in step.shell):
        return
    script = _script(instruction)
    if script is not None:
        yield from commands_of(script, step.values, step.workdir)


def _exec_form(instruction: Instruction, step: Step) -> Iterator[Command]:
    arguments = instruction.arguments
    start, stop = arguments.origin(0), arguments.end(len(arguments.text))
    words = tuple(Argument(text=word, start=start, stop=stop, whole=False) for word in instruction.words or ())
    if not words:
        return
    command = unwrapped(
        Command(words=words, variables=step.values, workdir=step.workdir, start=start, stop=stop, exact=False)
    )
    yield command
    script = script_argument(command)
    if script is not None:
        text = MappedText(text=script.text, origins=(start,), exact=False)
        yield from commands_of(text, step.values, step.workdir)


def _script(instruction: Instruction) -> MappedText | None:
    """Return what the shell reads, None if a here-document is for another interpreter."""
    arguments, heredocs = instruction.arguments, instruction.heredocs
    if not heredocs:
        return arguments
    if _ALONE.fullmatch(arguments.text):
        content = heredocs[0].content
        return None if content.text.startswith("#!") and not _SHEBANG.match(content.text) else content
    pieces = [(arguments.text[start:stop], origin) for start, stop, origin in _pieces(arguments)]
    for heredoc in heredocs:
        pieces.append(("\n", arguments.end(len(arguments.text))))
        content = heredoc.content
        pieces += [(content.text[start:stop], origin) for start, stop, origin in _pieces(content)]
        pieces.append((heredoc.name, content.end(len(content.text))))
    return MappedText.joined(pieces)


def _pieces(text: MappedText) -> Iterator[tuple[int, int, int]]:
    """Yield (start, stop, offset in the source) of each piece of *text*."""
    stops = (*text.starts[1:], len(text.text))
    yield from zip(text.starts, stops, text.origins, strict=True)
