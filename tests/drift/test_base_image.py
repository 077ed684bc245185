import pytest
from msgspec.structs import replace

from lockml.drift.compare import compare
from lockml.drift.model import DriftReport
from lockml.lock.model import BaseImage
from tests.drift.subjects import in_order, inventory_of, make_lock

BASE = BaseImage(reference="python:3.11-slim", layers=("sha256:aa", "sha256:bb"))


def report_of(*layers: str) -> DriftReport:
    lock = replace(make_lock(), base_image=BASE)
    inventory = inventory_of(in_order())
    inventory = replace(inventory, subject=replace(inventory.subject, layers=layers))
    return compare(lock, inventory, level="names", file="pylock.toml")


def test_image_on_the_locked_base_is_in_order() -> None:
    assert report_of("sha256:aa", "sha256:bb", "sha256:cc").drifts == ()


@pytest.mark.parametrize(
    ("layers", "locked", "found", "told"),
    [
        (("sha256:xx", "sha256:bb", "sha256:cc"), "sha256:aa", "sha256:xx", "0 of its 2 layers"),
        (("sha256:aa", "sha256:xx"), "sha256:bb", "sha256:xx", "1 of its 2 layers"),
        (("sha256:aa",), "sha256:bb", None, "1 of its 2 layers"),
    ],
)
def test_image_on_another_base_is_drift(layers: tuple[str, ...], locked: str, found: str | None, told: str) -> None:
    (drift,) = report_of(*layers).drifts
    assert (drift.kind, drift.name, drift.locked, drift.found) == ("base-image", BASE.reference, locked, found)
    assert told in drift.detail


def test_folder_does_not_tell_its_base_and_says_so() -> None:
    report = report_of()
    assert report.drifts == ()
    assert "does not say which image it is built on" in report.remarks[0].text
