"""Read the files beside a requirements.txt that it includes or names."""

import hashlib
import posixpath
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from packaging.utils import NormalizedName, canonicalize_name

from lockml.common.display import redact
from lockml.common.errors import InputError
from lockml.common.references import FolderReference
from lockml.requirements.logical_lines import decode
from lockml.requirements.model import Requirement, UnnamedRequirement
from lockml.requirements.requirements_txt import EMPTY, is_url, read_requirement_files
from lockml.requirements.via_comments import Asker, askers_of

__all__ = ["FilesBeside"]

_MAX_FILES: Final = 100


class FilesBeside:
    """The lock *file*, and the files beside it that it includes."""

    def __init__(self, file: str, content: bytes, beside: Callable[[str], bytes | None]) -> None:
        self._file = file
        self._beside = beside
        self._read = {file: content}
        self._refused: set[str] = set()

    def shown(self, place: str, problem: str) -> tuple[str, str]:
        """Return a fault without text from files other than the lock: a link may lead to private text."""
        own = place.startswith(f"{redact(self._file)}:") or problem in self._refused or place == self._file
        return place, problem if own else "is not a pin (not shown, because it is in a file that the lock includes)"

    def read(self, name: str) -> bytes:
        """Return the content of the included file *name*; raises InputError."""
        try:
            return self._content(name)
        except InputError as error:
            self._refused.add(str(error))
            raise

    def _content(self, name: str) -> bytes:
        if name in self._read:
            return self._read[name]
        if is_url(name):
            raise InputError(redact(name), "is on a server, but lockml reads a lock only from files")
        beside = posixpath.relpath(name, posixpath.dirname(self._file) or ".")
        if beside.startswith("../") or posixpath.isabs(name) != posixpath.isabs(self._file):
            raise InputError(name, "is not in the folder of the lock", hint="put it beside the lock")
        if len(self._read) >= _MAX_FILES:
            raise InputError(name, f"exceeds the limit of {_MAX_FILES} files")
        content = self._beside(beside)
        if content is None:
            raise InputError(name, "no such file")
        self._read[name] = content
        return content

    def included(self) -> tuple[str, ...]:
        """Return a note on each file read beside the lock, with its digest, which that of the lock does not cover."""
        others = [(name, content) for name, content in self._read.items() if name != self._file]
        return tuple(f"also read {name} (sha256:{hashlib.sha256(content).hexdigest()})" for name, content in others)

    def askers(self, requirements: Iterable[Requirement]) -> Mapping[tuple[str, int], tuple[Asker, ...]]:
        """Return the origins of each line, by its file and number."""
        lines: dict[str, set[int]] = {}
        for each in requirements:
            lines.setdefault(each.origin.file, set()).add(each.origin.line or 0)
        return {
            (name, number): askers
            for name, content in self._read.items()
            if redact(name) in lines
            for number, askers in askers_of(decode(content), lines[redact(name)]).items()
        }

    def asked_in(self, name: str) -> Mapping[NormalizedName, str]:
        """Return the requirements of the file *name* beside the lock, by project, {} if it has none."""
        try:
            here = posixpath.normpath(posixpath.join(posixpath.dirname(self._file), name))
            read = read_requirement_files((here,), read=self.read, environment=EMPTY)
        except InputError:
            return {}
        return {each.name: str(each) for each in read.requirements}

    def named(self, unnamed: Iterable[UnnamedRequirement]) -> Iterator[Requirement]:
        """Yield requirements on folders whose pyproject.toml, beside the lock, names the project."""
        for each in unnamed:
            name = self._project(each)
            if name is not None:
                yield each.named(name)

    def unnamed(self, unnamed: Iterable[UnnamedRequirement]) -> Iterator[str]:
        """Yield a note for what could not be named."""
        left = [each for each in unnamed if self._project(each) is None]
        if left:
            shown = ", ".join(f"{each.reference} ({each.origin})" for each in left[:3])
            yield f"{len(left)} line{'s do' if len(left) > 1 else ' does'} not name a project: {shown}"

    def _project(self, unnamed: UnnamedRequirement) -> NormalizedName | None:
        if not isinstance(unnamed.reference, FolderReference) or posixpath.isabs(unnamed.reference.path):
            return None
        path = posixpath.normpath(posixpath.join(unnamed.reference.path, "pyproject.toml"))
        content = self._beside(path) if not path.startswith("..") else None
        try:
            project = tomllib.loads((content or b"").decode("utf-8")).get("project")
        except (ValueError, RecursionError):
            return None
        name = project.get("name") if isinstance(project, dict) else None
        return canonicalize_name(name) if isinstance(name, str) else None
