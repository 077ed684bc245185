"""Trace the findings of a check to instructions, and to rules that would have prevented them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct
from packaging.utils import canonicalize_name

from lockml.docker.analysis import Analysis
from lockml.docker.dockerfile.model import Instruction
from lockml.docker.dockerfile.variables import assignments
from lockml.docker.history.alignment import Alignment, StepPosition, instruction_at
from lockml.docker.history.producers import Producers, Sought, candidates_in, installs_naming, producers_of
from lockml.docker.installs.model import Install
from lockml.docker.model import Finding

__all__ = ["Blame", "Blamer", "LayeredDrift"]

_OF_PACKAGES: Final = frozenset({"missing", "unexpected", "version", "artifact", "source", "duplicate", "shadowed"})
_OF_FILES: Final = frozenset({"modified", "removed-file", "unattributed-file", "bytecode"})
_INSTALLING: Final = ("LK101", "LK102", "LK103", "LK104", "LK301", "LK302", "LK501", "LK502", "LK602")
_BASES: Final[Mapping[str, tuple[str, ...]]] = {
    "base-image": ("LK402", "LK401"),
    "python": ("LK403", "LK402", "LK401"),
    "platform": ("LK402", "LK401"),
    "accelerator": ("LK404", "LK402", "LK401"),
}
_ANYWHERE: Final = ("LK102", "LK103", "LK601")
_SHOWN: Final = 300  # shown characters of a step that the file does not have
_MOST: Final = 20  # steps of which any may be the cause
_LABEL: Final = "lockml.lock"


class LayeredDrift(Struct, frozen=True, kw_only=True):
    """A drift as far as it matters here: *layer* is its origin, None if *origin* names none."""

    kind: str
    name: str
    path: str | None
    origin: str | None
    layer: int | None


class Blame(Struct, frozen=True, kw_only=True):
    """The *places* that caused a drift, one if it is certain, and the findings of the *rules* against it.

    *through* are the COPYs that passed it on; *reason* says why there is no place, or adds what else is known.
    """

    places: tuple[StepPosition, ...] = ()
    through: tuple[StepPosition, ...] = ()
    reason: str = ""
    rules: tuple[Finding, ...] = ()


class Blamer:
    """A tracer of the drifts of an image to their causes; *findings* are all of the file, including ignored ones."""

    def __init__(self, analysis: Analysis, alignment: Alignment, stage: int, findings: Sequence[Finding]) -> None:
        self._analysis = analysis
        self._alignment = alignment
        self._stage = stage
        self._findings = tuple(findings)

    def blame(self, found: LayeredDrift) -> Blame:
        """Return what caused *found*."""
        if found.kind in _BASES:
            return self._base(_BASES[found.kind])
        if found.kind == "lock-label":
            return self._metadata("LABEL", _LABEL, "no LABEL of this file sets it", ("LK105",))
        if found.origin is None:
            return self._without_origin(found)
        if found.layer is None:
            return Blame(reason=f"no step: {found.origin}")
        position = self._alignment.places.get(found.layer)
        return self._of_layer(found, found.layer) if position is None else self._step_at(found, position)

    def _base(self, codes: tuple[str, ...]) -> Blame:
        root = self._analysis.line(self._stage)[-1]
        places = (StepPosition(root, -1),)
        return Blame(places=places, reason="the base image", rules=self._rules(places, codes, None)[:1])

    def _without_origin(self, found: LayeredDrift) -> Blame:
        if found.kind == "environment" and found.path is None:
            reason = "no ENV of this file sets it: it comes from the base image, or from the start of the container"
            return self._metadata("ENV", found.name, reason, ())
        if found.kind == "missing":
            return Blame(reason="no step installs it", rules=_first_of(_ANYWHERE, self._findings))
        return Blame(reason="the subject does not record its cause")

    def _metadata(self, keyword: str, name: str, reason: str, codes: tuple[str, ...]) -> Blame:
        """Blame the last instruction that sets *name*."""
        escape = self._analysis.dockerfile.escape
        for position in reversed(self._alignment.line):
            instruction = instruction_at(self._analysis, position)
            if instruction.keyword == keyword and not instruction.trigger and _sets(instruction, name, escape):
                return Blame(places=(position,), rules=self._rules((position,), codes, None))
        return Blame(reason=reason)

    def _of_layer(self, found: LayeredDrift, layer: int) -> Blame:
        """Blame a layer that no instruction made."""
        if layer in self._alignment.strange:
            text = " ".join(self._alignment.strange[layer][:_SHOWN].split())
            return Blame(reason=f"a step that this file does not have: {text or found.origin}")
        if layer in self._alignment.below:
            if not self._alignment.places:
                return Blame(reason=f"the image was not built from this file: {found.origin}")
            also = "" if self._alignment.certain else ", or a step that this file no longer has"
            return Blame(reason=f"the base image{also}: {found.origin}")
        return Blame(reason=f"the image does not say which step made its layers: {found.origin}")

    def _step_at(self, found: LayeredDrift, position: StepPosition) -> Blame:
        analysis = self._analysis
        known = found.kind in _OF_PACKAGES or (found.kind in _OF_FILES and found.kind != "unattributed-file")
        changed = found.kind in _OF_FILES
        sought = Sought(found.path or "", canonicalize_name(found.name) if known else None, changed)
        if instruction_at(analysis, position).keyword in ("RUN", "COPY", "ADD", "WORKDIR"):
            producers = producers_of(analysis, position, sought)
        else:  # builders that write a single layer
            producers = Producers(places=candidates_in(analysis, self._alignment.line, sought))
        places = producers.places
        if len(places) > _MOST:
            return Blame(through=producers.through, reason=f"one of {len(places)} steps")
        reason = f"the image {producers.image}" if producers.image is not None else ""
        rules = self._rules((*places, *producers.through), _INSTALLING, sought)
        if not rules and not reason and len(places) == 1:
            reason = self._unruled(places[0])
        return Blame(places=places, through=producers.through, reason=reason, rules=rules)

    def _unruled(self, position: StepPosition) -> str:
        """Return why no rule reports what *position* does."""
        run = self._analysis.run_at.get((position.stage, position.number))
        if run is not None and run.installs and all(self._analysis.is_locked(run, each) for each in run.installs):
            return "the step is correct as it is now, so the image was built from other files; rebuild the image"
        return "no rule covers what this step does"

    def _rules(
        self, places: Iterable[StepPosition], codes: Sequence[str], sought: Sought | None
    ) -> tuple[Finding, ...]:
        """Return which of *codes* the file has at *places*; in a RUN that names the project, only at that command."""
        spans: list[tuple[int, int]] = []
        for position in places:
            run = self._analysis.run_at.get((position.stage, position.number))
            naming: tuple[Install, ...] = ()
            if run is not None and sought is not None and sought.name is not None:
                naming = installs_naming(self._analysis, run, sought.name)
            instruction = instruction_at(self._analysis, position)
            spans += [(each.command.start, each.command.stop) for each in naming] or [
                (instruction.start, instruction.stop)
            ]
        source = self._analysis.source
        found = [
            each
            for each in self._findings
            if each.source.name == source.name and any(start <= each.start <= stop for start, stop in spans)
        ]
        return _first_of(codes, found)


def _first_of(codes: Sequence[str], findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return one finding for each of *codes* that occurs, in their order."""
    first = {each.code: each for each in reversed(tuple(findings))}
    return tuple(first[code] for code in codes if code in first)


def _sets(instruction: Instruction, name: str, escape: str) -> bool:
    return any(each.strip("\"'") == name for each, _, _ in assignments(instruction.arguments.text, escape))
