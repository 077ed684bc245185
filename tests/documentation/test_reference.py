"""The generated pages say what the code says."""

from typing import get_args

import pytest

from lockml.drift.model import DriftKind
from lockml.lock.formats import read
from tests.documentation.limits import BOUNDS, Bound, shown
from tests.documentation.stage import DOCS
from tests.documentation.write_reference import FILES


@pytest.mark.parametrize("name", FILES)
def test_generated_page_is_what_the_code_says(name: str) -> None:
    """Where it is not: python -m tests.documentation.write_reference."""
    assert (DOCS / name).read_text() == FILES[name]()


def test_every_page_of_the_reference_is_generated() -> None:
    pages = {path.relative_to(DOCS).as_posix() for path in (DOCS / "reference").iterdir()}
    assert pages == {name for name in FILES if name.startswith("reference/")}


def test_every_kind_of_drift_has_a_row() -> None:
    rows = (DOCS / "reference" / "drift-kinds.md").read_text()
    assert [kind for kind in get_args(DriftKind) if f"| `{kind}` |" not in rows] == []


def test_every_format_that_is_read_has_a_row() -> None:
    text = (DOCS / "reference" / "lock-formats.md").read_text()
    names = ("pylock.toml", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "conda-lock.yml", "pixi.lock")
    assert all(name in read._READ for name in names)
    assert [name for name in (*names, "requirements.txt") if f"| `{name}`" not in text] == []


@pytest.mark.parametrize(
    ("constant", "unit", "expected"),
    [
        ("cli.common.read_lock:_MAX_LOCK", "bytes", "64 MiB"),
        ("index.pages.fetch:_MAX_AGE", "seconds", "24 hours"),
        ("subjects.oci.tar:_MAX_MEMBERS", "", "2,000,000"),
        ("audit.web.triage.actions:MOST_DAYS", "days", "366 days"),
    ],
)
def test_bound_is_shown_with_its_unit(constant: str, unit: str, expected: str) -> None:
    assert shown(Bound(constant, unit, "")) == expected  # type: ignore[arg-type]


def test_no_bound_is_listed_twice() -> None:
    constants = [each.constant for bounds in BOUNDS.values() for each in bounds]
    assert len(set(constants)) == len(constants)
