"""Charts of runs as SVG; the style sheet has the colours, and the page describes them in words."""

from collections.abc import Sequence
from html import escape as escape_markup
from typing import Final

from markupsafe import Markup

from lockml.audit.model import FINDING_KINDS
from lockml.audit.store.history import RunRow

__all__ = ["kinds_of", "spark_line", "timeline"]

_WIDTH: Final = 900
_HEIGHT: Final = 180
_FOOT: Final = 18
_STEP: Final = 5


def spark_line(states: Sequence[tuple[str, int]]) -> Markup:
    """Return a bar for each run, the oldest first: the class is its state, the height the number of errors."""
    bars = []
    most = max((errors for _, errors in states), default=0) or 1
    for number, (state, errors) in enumerate(states):
        height = 5 + round(13 * errors / most) if state == "drift" else 5
        bars.append(f'<rect class="s-{state}" x="{number * _STEP}" y="{20 - height}" width="4" height="{height}"/>')
    drift, order = (sum(1 for state, _ in states if state == name) for name in ("drift", "in-order"))
    lost = f", {len(states) - drift - order} not checked completely" if drift + order < len(states) else ""
    label = f"the last {len(states)} runs: {order} in order, {drift} with drift{lost}"
    width = max(len(states), 1) * _STEP
    return Markup(  # noqa: S704 - it has only numbers and names of states
        f'<svg class="spark" role="img" aria-label="{label}" width="{width}" height="20" viewBox="0 0 {width} 20">'
        f"{''.join(bars)}</svg>"
    )


def kinds_of(runs: Sequence[RunRow]) -> list[str]:
    """Return the kinds of findings that occur in *runs*, in the order of all kinds."""
    return [kind for kind in FINDING_KINDS if any(kind in run.kinds for run in runs)]


def timeline(runs: Sequence[RunRow]) -> Markup:
    """Return a stacked bar of findings by kind for each of *runs*, the oldest first, which links to the run."""
    most = max((sum(run.kinds.values()) for run in runs), default=0)
    scale = (_HEIGHT - 2 * _FOOT) / max(most, 1)
    width = min(_WIDTH / max(len(runs), 1), 40)
    kinds = kinds_of(runs)
    bars = "".join(_bar(run, number * width, width, (scale, kinds)) for number, run in enumerate(runs))
    lines = "".join(_grid_line(count, scale) for count in _marks(most))
    label = f"findings by kind in the last {len(runs)} runs, at most {most} in one"
    return Markup(  # noqa: S704 - all foreign text is escaped
        f'<svg class="timeline" role="group" aria-label="{label}" viewBox="-34 0 {_WIDTH + 34} {_HEIGHT}">'
        f"{lines}{bars}</svg>"
    )


def _bar(run: RunRow, left: float, width: float, drawn: tuple[float, Sequence[str]]) -> str:
    scale, kinds = drawn
    parts = []
    top = float(_HEIGHT - _FOOT)
    for kind in kinds:
        count = run.kinds.get(kind, 0)
        if count:
            height = count * scale
            top -= height
            parts.append(
                f'<rect class="k-{kind}" x="{left:.1f}" y="{top:.1f}" width="{width * 0.8:.1f}" height="{height:.1f}"/>'
            )
    foot = f'<rect class="s-{run.state}" x="{left:.1f}" y="{_HEIGHT - 12}" width="{width * 0.8:.1f}" height="8"/>'
    text = ", ".join(f"{count} {kind}" for kind, count in run.kinds.items()) or run.state
    title = escape_markup(f"{run.finished:%Y-%m-%d %H:%M} UTC: {text}")
    return f'<a href="/runs/{run.id}"><title>{title}</title>{"".join(parts)}{foot}</a>'


def _marks(most: int) -> list[int]:
    step = max(1, -(-most // 4))
    return list(range(0, most + 1, step))


def _grid_line(count: int, scale: float) -> str:
    y = _HEIGHT - _FOOT - count * scale
    return (
        f'<line class="grid" x1="0" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="-6" y="{y + 4:.1f}" text-anchor="end">{count}</text>'
    )
