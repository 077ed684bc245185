"""Define the tree of errors, each with its exit code.

LockmlError
├── InputError (2)              a file, an option or a name that the user gave is wrong
│   ├── RequirementError        a line of a requirement file or of pyproject.toml
│   ├── FleetError              a line of lockml.toml
│   ├── LockError               a lock that cannot be read or does not serve the target
│   └── NotFoundError           a project, container, image or folder that does not exist
├── NoResolutionError (3)       the requirements contradict each other
│   └── ConflictError           found by the search, with the rejected releases (`resolution`)
└── UnreachableError (4)        the index, the engine or a part of the subject could not be read
    ├── PackageIndexError       the package index
    │   ├── FailedStatusError   a status that says that the server failed (`index`)
    │   ├── LongAnswerError     an answer that exceeds a limit (`index`)
    │   ├── MissingFileError    a file that the index lists but does not have (`index`)
    │   └── SilentIndexError    an index without a JSON API (`index`)
    ├── EngineError             the container engine
    └── StoreError              the store of an audit

Other exceptions are internal, as the docstring of each says: a module that knows the subject catches them and turns
them into one of these errors, a reason in a result or another attempt.
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
    """A fault of one subject, with its remedy.

    *subject* is what the error is about (``requirements.in:3``, ``container 'trainer'``), *problem* a phrase without a
    full stop, *hint* the remedy. The texts are only joined when they are shown.
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
    """An input of the user that cannot be used."""

    exit_code = 2


class _FaultsError(InputError):
    """One or more unreadable lines of a file; *faults* holds every (place, problem) found."""

    def __init__(self, faults: tuple[tuple[str, str], ...], *, hint: str | None = None) -> None:
        super().__init__(faults[0][0], faults[0][1], hint=hint)
        self.faults = faults

    def __str__(self) -> str:
        return "\n".join(f"{origin}: {problem}" for origin, problem in self.faults)


class RequirementError(_FaultsError):
    """One or more unreadable requirement lines."""


class FleetError(_FaultsError):
    """One or more invalid lines of a fleet file."""


class LockError(InputError):
    """A lock that cannot be read or does not support what was requested."""


class NotFoundError(InputError):
    """A project, container, image or folder that the user named and that does not exist."""


class NoResolutionError(LockmlError):
    """The error that no set of pins satisfies the requirements; *explanation* is the text that says why.

    *brief* is the same in fewer lines, "" if it is short already. *gave_up* says that the search took too long, so
    there may still be a solution.
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
    """Something that had to be read and could not be."""

    exit_code = 4


class PackageIndexError(UnreachableError):
    """The package index did not answer, or its answer is invalid."""

    def at(self, origin: str) -> "PackageIndexError":
        """Return this error prefixed with the line that led to it."""
        return PackageIndexError(f"{origin}: {self.subject}", self.problem, hint=self.hint)


class EngineError(UnreachableError):
    """The container engine did not answer, or its answer is invalid."""


class StoreError(UnreachableError):
    """The store of an audit did not answer."""
