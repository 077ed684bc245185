"""Align a Dockerfile with the history of an image: which instruction made which layer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from lockml.docker.analysis import Analysis
from lockml.docker.dockerfile.model import Instruction
from lockml.docker.history.spelling import Spelling, Written, likeness, spelling_of, written
from lockml.inventory.model import HistoryStep

__all__ = ["Alignment", "StepPosition", "align", "instruction_at"]

_MOST: Final = 400  # the last instructions and steps, which are compared; images have 127 layers


class StepPosition(Struct, frozen=True):
    """An instruction of the build: the number of its *stage*, and its *number* in the stage, -1 for FROM."""

    stage: int
    number: int


class Alignment(Struct, frozen=True, kw_only=True):
    """What made the layers: *places* by layer number, *below* are the layers of the base image.

    *strange* are steps of the history, by layer, between those of the file that the file does not have. *line* are all
    instructions that built the image, first to last. *certain* says that the file's first instruction was found, so the
    layers *below* belong to the base image.
    """

    line: tuple[StepPosition, ...]
    places: Mapping[int, StepPosition]
    below: frozenset[int]
    strange: Mapping[int, str]
    certain: bool


def align(analysis: Analysis, stage: int, history: Sequence[HistoryStep], based_on: int = 0) -> Alignment:
    """Return which instruction made which layer of the image that *stage* ends.

    Builders append to a history and change nothing below, so both are compared from the end. *based_on* is the known
    number of layers in the base image, 0 if it is unknown.
    """
    line = tuple(
        StepPosition(number, step)
        for number in reversed(analysis.line(stage))
        for step in range(_count(analysis, number))
    )
    known = list(_spellings(analysis, line))[-_MOST:]
    recent = [each for each in history if not based_on or each.layer is None or each.layer > based_on][-_MOST:]
    pairs = _pairs([spelling for _, spelling in known], [written(each.created_by) for each in recent])
    sure = [(ours, theirs) for ours, theirs, weight in pairs if weight > 1]
    first = min((theirs for _, theirs in sure), default=len(recent))
    places = {recent[theirs].layer: known[ours][0] for ours, theirs, _ in pairs}
    strange = {
        each.layer: each.created_by for each in (recent if based_on else recent[first:]) if each.layer not in places
    }
    below = {each.layer for each in history} - places.keys() - strange.keys()
    return Alignment(
        line=line,
        places={layer: position for layer, position in places.items() if layer is not None},
        below=frozenset(layer for layer in below if layer is not None),
        strange={layer: text for layer, text in strange.items() if layer is not None},
        certain=bool(based_on) or (bool(known) and any(ours == 0 for ours, _ in sure)),
    )


def instruction_at(analysis: Analysis, position: StepPosition) -> Instruction:
    """Return the instruction at *position*."""
    stage = analysis.stages[position.stage]
    return stage.steps[position.number].instruction if position.number >= 0 else stage.instruction


def _count(analysis: Analysis, stage: int) -> int:
    return len(analysis.stages[stage].steps)


def _spellings(analysis: Analysis, line: Sequence[StepPosition]) -> Iterator[tuple[StepPosition, Spelling]]:
    for position in line[-_MOST:]:
        copy = analysis.copy_at.get((position.stage, position.number))
        step = analysis.stages[position.stage].steps[position.number]
        yield position, spelling_of(step, copy, analysis.dockerfile.escape)


def _pairs(ours: Sequence[Spelling], theirs: Sequence[Written]) -> list[tuple[int, int, int]]:
    """Return (instruction, step, likeness) of the ordered pairs with the highest total likeness.

    Of several, the last ones are chosen, as a base image may have been built by the same commands.
    """
    weights = [[likeness(our, their) for their in theirs] for our in ours]
    best = [[0] * (len(theirs) + 1) for _ in range(len(ours) + 1)]
    for row, likes in enumerate(weights, 1):
        above, here = best[row - 1], best[row]
        for column, weight in enumerate(likes, 1):
            alike = above[column - 1] + weight if weight else 0
            here[column] = max(above[column], here[column - 1], alike)
    found: list[tuple[int, int, int]] = []
    row, column = len(ours), len(theirs)
    while row and column:
        weight = weights[row - 1][column - 1]
        if weight and best[row][column] == best[row - 1][column - 1] + weight:
            found.append((row - 1, column - 1, weight))
            row, column = row - 1, column - 1
        elif best[row][column] == best[row - 1][column]:
            row -= 1
        else:
            column -= 1
    return found[::-1]
