"""The data model of a shell script: words with positions, and simple commands."""

from collections.abc import Mapping

from msgspec import Struct

from lockml.docker.dockerfile.source import MappedText

__all__ = ["Argument", "Command"]


class Argument(Struct, frozen=True):
    """A word after expansion: its *text* and the offsets in the source of the word that it comes from.

    *known* is false if only the build knows a part of it, which is then kept as written. *whole* says that the word is
    only this argument, so it can be edited; *inner* is then the text between its quotes.
    """

    text: str
    start: int
    stop: int
    known: bool = True
    whole: bool = True
    inner: MappedText | None = None


class Command(Struct, frozen=True, kw_only=True):
    """A simple command: *words* with the program first, the *variables* it sees, the folder it runs in.

    *start* and *stop* are offsets in the source. *begun_by* and *ended_by* are the operators around it: ``&&``, ``;``,
    ``|``, "" at the ends. *exact* says that the source can be edited there; *depth* is 0 in the script itself.
    """

    words: tuple[Argument, ...]
    variables: Mapping[str, str | None]
    workdir: str
    start: int
    stop: int
    begun_by: str = ""
    ended_by: str = ""
    exact: bool = True
    depth: int = 0
