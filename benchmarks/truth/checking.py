"""Run `lockml check --level files` on a path, and summarise the result."""

import json
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.truth.programs import run_lockml

__all__ = ["Checked", "check"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The exit *code* of a check, its *drifts* by kind and name, its *limits*, and the *notes* and problems in it."""

    code: int
    drifts: tuple[tuple[str, int], ...]
    details: tuple[str, ...]
    limits: tuple[str, ...]
    notes: tuple[str, ...]
    problems: tuple[str, ...]
    seconds: float

    @property
    def alarms(self) -> int:
        """The number of drifts; one at least where the exit code is not 0."""
        return sum(count for _, count in self.drifts) or int(self.code != 0)

    def document(self) -> dict[str, object]:
        """Return it as JSON knows it."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: dict[str, object]) -> "Checked":
        """Return what *document* made of it."""
        fields = {name: _tuples(value) for name, value in document.items()}
        return cls(**fields)  # type: ignore[arg-type]


def _tuples(value: object) -> object:
    return tuple(_tuples(each) for each in value) if isinstance(value, list) else value


def check(prefix: Path, lock: Path, cache: Path, *more: str) -> Checked:
    """Check the environment at *prefix*, with *more* options."""
    start = time.perf_counter()
    words = ["check", "--path", str(prefix), "--lock", str(lock), "--level", "files", "--format", "json"]
    ended = run_lockml([*words, "--cache-dir", str(cache), *more], lock.parent)
    seconds = round(time.perf_counter() - start, 2)
    try:
        report = json.loads(ended.out)
    except ValueError:
        problem = (ended.err.strip()[-2000:] or "it printed no report",)
        return Checked(code=ended.code, drifts=(), details=(), limits=(), notes=(), problems=problem, seconds=seconds)
    kinds = Counter(f"{each['kind']} {each['name']}" for each in report["drifts"])
    notes = [note for each in report["environments"] for note in each["told"]]
    return Checked(
        code=ended.code,
        drifts=tuple(kinds.most_common()),
        details=tuple(f"{each['kind']} {each['path'] or each['name']}: {each['detail']}" for each in report["drifts"])[
            :8
        ],
        limits=tuple(f"{each['code']} {each.get('count', '')}".strip() for each in report.get("limits", ())),
        notes=tuple(f"{each['name']}: {each['text']}" for each in notes)[:8],
        problems=tuple(
            f"{each['path']}: {each['reason']}" for one in report["environments"] for each in one["problems"]
        )[:8],
        seconds=seconds,
    )
