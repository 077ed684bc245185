"""The one tree of errors, each with the exit code of the command line's contract.

LockmlError
├── InputError (2)              a file, an option or a name that the user gave is wrong
│   ├── RequirementError        a line of a requirement file or of pyproject.toml
│   ├── FleetError              a line of lockml.toml
│   ├── LockError               a lock that cannot be read or does not serve the target
│   └── NotFoundError           a project, container, image or folder that is not there
├── NoResolutionError (3)       the requirements contradict each other
│   └── ConflictError           so the search found, with the releases that it rejected (`resolution`)
└── UnreachableError (4)        the index, the engine or a part of the subject could not be read
    ├── PackageIndexError       the package index
    │   ├── FailedStatusError   a status that says that the server failed (`index`)
    │   ├── LongAnswerError     an answer that is longer than it may be (`index`)
    │   ├── MissingFileError    a file that the index lists and does not have (`index`)
    │   └── SilentIndexError    an index without a JSON API (`index`)
    ├── EngineError             the container engine
    └── StoreError              what an audit remembers

Other exceptions are internal, as the docstring of each says: a module that knows the subject catches them, and makes
one of these errors, a reason in a result or another attempt of them.
"""

from typing import ClassVar

__all__ = [
    "EngineError",
    "FleetError",
    "InputError",
    "LockError",
    "LockmlError",
    "NoResolutionError",
    "NotFoundError",
    "PackageIndexError",
    "RequirementError",
    "StoreError",
    "UnreachableError",
]


class LockmlError(Exception):
    """Return what is wrong with one subject, and how to mend it.

    *subject* is what the error is about (``requirements.in:3``, ``container 'trainer'``), *problem* a phrase without a
    full stop, *hint* the remedy. The texts are put together when shown, not before.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, subject: str, problem: str, *, hint: str | None = None) -> None:
        super().__init__(subject, problem)
        self.subject = subject
        self.problem = problem
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.subject}: {self.problem}"


class InputError(LockmlError):
    """What the user gave cannot be used."""

    exit_code = 2


class _FaultsError(InputError):
    """One or more lines of a file cannot be read; *faults* holds every (place, problem) found."""

    def __init__(self, faults: tuple[tuple[str, str], ...], *, hint: str | None = None) -> None:
        super().__init__(faults[0][0], faults[0][1], hint=hint)
        self.faults = faults

    def __str__(self) -> str:
        return "\n".join(f"{origin}: {problem}" for origin, problem in self.faults)


class RequirementError(_FaultsError):
    """One or more requirement lines cannot be read."""


class FleetError(_FaultsError):
    """One or more lines of a fleet file cannot be meant so."""


class LockError(InputError):
    """A lock cannot be read, or does not serve what was asked of it."""


class NotFoundError(InputError):
    """A project, container, image or folder that the user named does not exist."""


class NoResolutionError(LockmlError):
    """No set of pins satisfies the requirements; *explanation* is the text that tells why.

    *brief* is the same in fewer lines, "" where it has few. *gave_up* says that the search took too long, so that there
    may be one after all.
    """

    exit_code = 3

    def __init__(self, explanation: str, *, hint: str | None = None, gave_up: bool = False, brief: str = "") -> None:
        super().__init__("no resolution", explanation, hint=hint)
        self.explanation = explanation
        self.gave_up = gave_up
        self.brief = brief

    def __str__(self) -> str:
        return self.explanation


class UnreachableError(LockmlError):
    """Something that must be read could not be."""

    exit_code = 4


class PackageIndexError(UnreachableError):
    """The package index did not answer, or answered with what it must not."""

    def at(self, origin: str) -> "PackageIndexError":
        """Return the same error with the line that led to it in front."""
        return PackageIndexError(f"{origin}: {self.subject}", self.problem, hint=self.hint)


class EngineError(UnreachableError):
    """The container engine did not answer, or answered with what it must not."""


class StoreError(UnreachableError):
    """The store of an audit did not answer."""
